/*
 * Text: fonts through stb_truetype, and one atlas of glyphs a device, from which text is drawn as textured quads.
 *
 * A glyph is rasterised when it is first drawn at a size, and lies in the atlas, a texture of coverage, on a shelf with
 * others of about its height. The atlas begins small and is doubled while it may grow, which empties it; once it is
 * as large as it gets, the shelf that was not drawn from for the longest time is cleared for the new glyph. So a
 * program pays for the glyphs that it shows, and any number of them works. A font file is trusted: it is the system's.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stb/stb_truetype.h>

#include "libwin.h"

enum {
	ATLAS_FIRST = 256,      /* texels each way: a font's Latin letters */
	ATLAS_MOST = 2048,      /* 4 MiB: some 10,000 glyphs of a text, more than a screen shows */
	FONT_TALLEST = 200,     /* pixels; a glyph of that size still fits into one command of VirGL's */
	FINE_BELOW = 64,        /* pixels of height below which curves are worked out in finer steps than stb_truetype's, */
	FINER = 4,              /* a third of a pixel, which are seen in small letters */
	TABLE_LISTS = 512,
	REPLACEMENT = 0xfffd,
};

static const float SLANT = 0.2f;        /* how much further right a slanted letter is, by its height */
static const float FLATNESS = 0.35f;    /* pixels that a curve's pieces may be off, as stb_truetype has it */

struct cached {
	struct cached   *next;
	struct win_font *font;
	uint32_t         code;
	int              shelf;     /* -1: it has nothing to draw and no place */
	struct glyph     glyph;
};

struct shelf {
	int      y, height;
	int      used;          /* texels from the left */
	uint64_t drawn;         /* the atlas's clock when one of its glyphs was last found */
};

struct atlas {
	struct win_device *device;
	struct texture     texture;
	struct shelf      *shelves;
	int                count, bottom;   /* shelves, and the first row below them */
	uint64_t           clock;
	struct cached     *table[TABLE_LISTS];
};

struct win_font {
	struct win_device *device;
	unsigned char     *file;        /* NULL: the font's that it is another look of */
	struct win_font   *fallback;    /* for letters that it lacks; NULL: none */
	stbtt_fontinfo     info;
	float              scale, ascent, line, slant;
	int                finer;       /* how many times as large as shown a glyph is rasterised */
};

/* ---- the atlas ----------------------------------------------------------------- */

static struct cached **list_of(struct atlas *a, const struct win_font *font, uint32_t code)
{
	return &a->table[(code ^ (uint32_t)((uintptr_t)font >> 4)) % TABLE_LISTS];
}

/* Forget the glyphs of a shelf, or of a font, or with neither (-1, NULL) all. */
static void forget(struct atlas *a, int shelf, const struct win_font *font)
{
	bool all = shelf < 0 && !font;

	for (int i = 0; i < TABLE_LISTS; i++)
		for (struct cached **at = &a->table[i]; *at;) {
			struct cached *c = *at;
			if (all || (font && c->font == font) || (shelf >= 0 && c->shelf == shelf)) {
				*at = c->next;
				free(c);
			} else {
				at = &c->next;
			}
		}
}

static void clear_shelves(struct atlas *a)
{
	forget(a, -1, NULL);
	free(a->shelves);
	a->shelves = NULL;
	a->count = a->bottom = 0;
}

static int atlas_texture(struct atlas *a, int size)
{
	struct texture texture = { .device = a->device, .kind = TEXTURE_COVERAGE, .width = size, .height = size };
	int error = a->device->path->texture_create(&texture);

	if (error)
		return error;
	if (a->texture.width)
		a->device->path->texture_destroy(&a->texture);
	a->texture = texture;
	clear_shelves(a);
	return 0;
}

static int atlas_create(struct win_device *device)
{
	struct atlas *a = calloc(1, sizeof *a);
	int error;

	if (!a)
		return -ENOMEM;
	a->device = device;
	error = atlas_texture(a, ATLAS_FIRST);
	if (error) {
		free(a);
		return error;
	}
	device->atlas = a;
	return 0;
}

void atlas_destroy(struct win_device *device)
{
	struct atlas *a = device->atlas;

	if (!a)
		return;
	clear_shelves(a);
	device->path->texture_destroy(&a->texture);
	free(a);
	device->atlas = NULL;
}

/* A new shelf below the others; its index, -1 if there is no room, -ENOMEM. */
static int add_shelf(struct atlas *a, int height)
{
	struct shelf *shelves;

	if (a->bottom + height > a->texture.height)
		return -1;
	shelves = realloc(a->shelves, (size_t)(a->count + 1) * sizeof *shelves);
	if (!shelves)
		return -ENOMEM;
	a->shelves = shelves;
	shelves[a->count] = (struct shelf) { .y = a->bottom, .height = height };
	a->bottom += height;
	return a->count++;
}

/* A shelf with room for this glyph on which it would not waste as much as it takes; a new one; -1, -ENOMEM. */
static int find_shelf(struct atlas *a, int width, int height)
{
	for (int i = 0; i < a->count; i++) {
		const struct shelf *s = &a->shelves[i];
		if (s->height >= height && s->height < 2 * height && s->used + width <= a->texture.width)
			return i;
	}
	return add_shelf(a, height);
}

/* The shelf, of those high enough, that was not drawn from for the longest time, emptied; -1: none is high enough. */
static int evict_shelf(struct atlas *a, int height)
{
	int oldest = -1;

	for (int i = 0; i < a->count; i++)
		if (a->shelves[i].height >= height && (oldest < 0 || a->shelves[i].drawn < a->shelves[oldest].drawn))
			oldest = i;
	if (oldest >= 0) {
		forget(a, oldest, NULL);
		a->shelves[oldest].used = 0;
	}
	return oldest;
}

/* A place in the atlas, made by growing it or giving up what was not drawn for long: the shelf's index, or an error. */
static int place(struct atlas *a, int width, int height)
{
	int shelf = find_shelf(a, width, height), error;

	while (shelf == -1 && a->texture.width < ATLAS_MOST) {
		error = atlas_texture(a, a->texture.width * 2);
		if (error)
			return error;
		shelf = find_shelf(a, width, height);
	}
	if (shelf == -1)
		shelf = evict_shelf(a, height);
	if (shelf == -1) {
		clear_shelves(a);
		shelf = find_shelf(a, width, height);
	}
	return shelf;
}

/* ---- glyphs -------------------------------------------------------------------- */

/* The glyph's box in pixels from the pen. */
static void find_box(const struct win_font *font, int index, struct glyph *g)
{
	int right, bottom;

	stbtt_GetGlyphBitmapBox(&font->info, index, font->scale, font->scale, &g->left, &g->top, &right, &bottom);
	g->height = bottom - g->top;
	if (right > g->left) {      /* else it has nothing to draw */
		g->left += (int)floorf(font->slant * (float)-bottom);
		right += (int)ceilf(font->slant * (float)-g->top);
	}
	g->width = right - g->left;
}

/* A glyph's coverage, a byte a pixel of its box, from one that is finer times as large; NULL if there is no memory. */
static uint8_t *coverage_of(const struct win_font *font, int index, const struct glyph *g)
{
	int finer = font->finer, width = g->width * finer, height = g->height * finer, count;
	float scale = font->scale * (float)finer;
	uint8_t *large = calloc((size_t)width, (size_t)height);
	stbtt__bitmap bitmap = { .w = width, .h = height, .stride = width, .pixels = large };
	stbtt_vertex *shape = NULL;

	if (!large)
		return NULL;
	count = stbtt_GetGlyphShape(&font->info, index, &shape);
	for (int i = 0; i < count && font->slant > 0; i++) {
		shape[i].x += (short)lrintf(font->slant * shape[i].y);
		shape[i].cx += (short)lrintf(font->slant * shape[i].cy);
		shape[i].cx1 += (short)lrintf(font->slant * shape[i].cy1);
	}
	stbtt_Rasterize(&bitmap, FLATNESS, shape, count, scale, scale, 0, 0, g->left * finer, g->top * finer, 1, NULL);
	stbtt_FreeShape(&font->info, shape);
	/* In place: what is written lies before what is still to be read. */
	for (int i = 0; i < g->width * g->height; i++) {
		const uint8_t *from = large + i / g->width * finer * width + i % g->width * finer;
		int sum = finer * finer / 2;
		for (int j = 0; j < finer * finer; j++)
			sum += from[j / finer * width + j % finer];
		large[i] = (uint8_t)(sum / (finer * finer));
	}
	return large;
}

/* Rasterise the glyph of the font at the place that it gets. */
static int rasterise(struct atlas *a, const struct win_font *font, int index, struct cached *c)
{
	struct glyph *g = &c->glyph;
	struct shelf *shelf;
	uint8_t *bytes;
	int error;

	c->shelf = place(a, g->width, g->height);
	if (c->shelf < 0)
		return c->shelf;
	bytes = coverage_of(font, index, g);
	if (!bytes)
		return -ENOMEM;
	shelf = &a->shelves[c->shelf];
	g->atlas_x = shelf->used;
	g->atlas_y = shelf->y;
	shelf->used += g->width;
	error = a->device->path->texture_update(&a->texture, g->atlas_x, g->atlas_y, g->width, g->height, bytes);
	free(bytes);
	return error;
}

static float advance_of(const struct win_font *font, int index)
{
	int advance, bearing;

	stbtt_GetGlyphHMetrics(&font->info, index, &advance, &bearing);
	return (float)advance * font->scale;
}

/* The font that has this letter, and which of its glyphs that is: 0, the sign for a missing one, if none has it. */
static const struct win_font *find_glyph(const struct win_font *font, uint32_t code, int *index)
{
	const struct win_font *from = font;

	*index = stbtt_FindGlyphIndex(&font->info, (int)code);
	while (!*index && (from = from->fallback))
		*index = stbtt_FindGlyphIndex(&from->info, (int)code);
	return from ? from : font;
}

/* A glyph that is not in the table yet; NULL and the error in *error. */
static struct cached *load(struct atlas *a, struct win_font *font, uint32_t code, int *error)
{
	int index;
	const struct win_font *from = find_glyph(font, code, &index);
	struct cached *c = calloc(1, sizeof *c), **list;

	*error = -ENOMEM;
	if (!c)
		return NULL;
	c->font = font;
	c->code = code;
	c->shelf = -1;
	c->glyph.advance = advance_of(from, index);
	find_box(from, index, &c->glyph);
	*error = c->glyph.width > 0 ? rasterise(a, from, index, c) : 0;
	if (*error) {
		free(c);
		return NULL;
	}
	list = list_of(a, font, code);
	c->next = *list;
	*list = c;
	return c;
}

/* How many bytes follow this first byte of a code point in UTF-8; -1 if it is none. */
static int bytes_after(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first < 0xc2 || first > 0xf4)
		return -1;
	return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* The next code point of UTF-8, 0 at the end; a byte that is part of none counts as U+FFFD. */
static uint32_t next_code(const char **text)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)*text;
	int more = bytes_after(*at);
	uint32_t code;

	if (more == 0) {
		*text += *at != 0;
		return *at;
	}
	*text += 1;
	if (more < 0)
		return REPLACEMENT;
	code = *at & (0x3fu >> more);
	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return REPLACEMENT;
	*text += more;
	return code;
}

bool font_next_glyph(struct win_font *font, const char **text, struct glyph *glyph)
{
	struct atlas *a = font->device->atlas;
	uint32_t code = next_code(text);
	struct cached *c;
	int error = 0;

	if (!code)
		return false;
	for (c = *list_of(a, font, code); c && (c->font != font || c->code != code);)
		c = c->next;
	if (!c)
		c = load(a, font, code, &error);
	if (!c) {
		*glyph = (struct glyph) { .error = error, .advance = advance_of(font, 0) };
		return true;
	}
	if (c->shelf >= 0)
		a->shelves[c->shelf].drawn = ++a->clock;
	*glyph = c->glyph;
	glyph->texture = &a->texture;
	return true;
}

float win_text_width(struct win_font *font, const char *text)
{
	float width = 0;

	for (uint32_t code; (code = next_code(&text));) {
		int index;
		const struct win_font *from = find_glyph(font, code, &index);
		width += advance_of(from, index);
	}
	return width;
}

/* ---- fonts --------------------------------------------------------------------- */

/* All of a file, the caller's to free; NULL and errno. */
static unsigned char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *bytes = NULL;
	struct stat status;
	ssize_t got = 0;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && (bytes = malloc((size_t)status.st_size + 1)))
		for (off_t at = 0; at < status.st_size; at += got) {
			got = read(fd, bytes + at, (size_t)(status.st_size - at));
			if (got <= 0) {
				free(bytes);
				bytes = NULL;
				errno = got ? errno : EIO;
				break;
			}
		}
	close(fd);
	return bytes;
}

int win_font_open(struct win_device *device, const char *path, float height, struct win_font **result)
{
	struct win_font *font;
	int ascent, descent, gap, offset, error = 0;

	if (!(height >= 1 && height <= FONT_TALLEST))
		return -EINVAL;
	if (!device->atlas)
		error = atlas_create(device);
	font = error ? NULL : calloc(1, sizeof *font);
	if (!font)
		return error ? error : -ENOMEM;
	font->device = device;
	font->file = read_file(path);
	if (!font->file) {
		error = -errno;
		free(font);
		return error;
	}
	offset = stbtt_GetFontOffsetForIndex(font->file, 0);
	if (offset < 0 || !stbtt_InitFont(&font->info, font->file, offset)) {
		free(font->file);
		free(font);
		return -EINVAL;     /* it is no font */
	}
	stbtt_GetFontVMetrics(&font->info, &ascent, &descent, &gap);
	font->scale = stbtt_ScaleForPixelHeight(&font->info, height);
	font->finer = height < FINE_BELOW ? FINER : 1;
	font->ascent = (float)ascent * font->scale;
	font->line = (float)(ascent - descent + gap) * font->scale;
	*result = font;
	return 0;
}

/* Another look of the font, by its file. */
static int derive(const struct win_font *font, struct win_font **result)
{
	*result = malloc(sizeof **result);
	if (!*result)
		return -ENOMEM;
	**result = *font;
	(*result)->file = NULL;
	return 0;
}

int win_font_slant(struct win_font *font, struct win_font **result)
{
	int error = derive(font, result);

	if (!error)
		(*result)->slant = SLANT;
	return error;
}

int win_font_smaller(struct win_font *font, float part, struct win_font **result)
{
	int error = part > 0 && part <= 1 ? derive(font, result) : -EINVAL;

	if (error)
		return error;
	(*result)->scale *= part;
	(*result)->ascent *= part;
	(*result)->line *= part;
	return 0;
}

void win_font_fallback(struct win_font *font, struct win_font *other)
{
	font->fallback = other;
}

bool win_font_has(const struct win_font *font, uint32_t code)
{
	return stbtt_FindGlyphIndex(&font->info, (int)code) != 0;
}

void win_font_close(struct win_font *font)
{
	if (font->device->atlas)
		forget(font->device->atlas, -1, font);
	free(font->file);
	free(font);
}

float win_font_ascent(const struct win_font *font)
{
	return font->ascent;
}

float win_font_line(const struct win_font *font)
{
	return font->line;
}

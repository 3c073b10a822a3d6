/*
 * The modes of a monitor, as its EDID names them: detailed timings as they
 * are, sizes that it only lists with timings of our own making (nothing is
 * ever driven by them). A display without an EDID has the size that the host
 * shows, and the usual ones.
 *
 * Source: VESA E-EDID Release A, Revision 2 (EDID 1.4); CVT 1.2, reduced blanking.
 */
#include "base/endian.h"
#include "base/printf.h"
#include "base/string.h"
#include "gfx/drm.h"

#define BLOCK			128u
#define ESTABLISHED		35u	/* and the byte behind it */
#define STANDARD		38u
#define STANDARD_COUNT		8u
#define DETAILED		54u
#define DETAILED_COUNT		4u
#define DETAILED_SIZE		18u
#define EXTENSION_CEA		2u
#define EXTENSIONS		126u	/* how many blocks follow the first */
#define WIDTH_CM		21u	/* and the height behind it */
#define RB_BLANK_US		460u	/* CVT: the least vertical blank */
#define DEFAULT_WIDTH		1024u
#define DEFAULT_HEIGHT		768u

struct modes { struct drm_mode_modeinfo *at; u32 count; };

/* Established timings I and II, from the highest bit on; then what those without an EDID are offered, too. */
static const struct { u16 width, height, hz; } established[] = {
	{ 720, 400, 70 }, { 720, 400, 88 }, { 640, 480, 60 }, { 640, 480, 67 }, { 640, 480, 72 }, { 640, 480, 75 },
	{ 800, 600, 56 }, { 800, 600, 60 }, { 800, 600, 72 }, { 800, 600, 75 }, { 832, 624, 75 }, { 1024, 768, 87 },
	{ 1024, 768, 60 }, { 1024, 768, 70 }, { 1024, 768, 75 }, { 1280, 1024, 75 },
	{ 1280, 720, 60 }, { 1280, 800, 60 }, { 1600, 900, 60 }, { 1600, 1200, 60 }, { 1920, 1080, 60 },
	{ 2560, 1440, 60 }, { 2560, 1600, 60 }, { 3840, 2160, 60 },
};
#define ESTABLISHED_BITS	16u

static void mode_add(struct modes *m, struct drm_mode_modeinfo *mode)
{
	u64 total = (u64)mode->htotal * mode->vtotal;

	if (m->count == DRM_MODES_MAX || !total || mode->hdisplay < DRM_SIZE_MIN || mode->hdisplay > DRM_SIZE_MAX ||
	    mode->vdisplay < DRM_SIZE_MIN || mode->vdisplay > DRM_SIZE_MAX)
		return;
	mode->vrefresh = (mode->clock * 1000ull + total / 2) / total;
	for (u32 i = 0; i < m->count; i++)
		if (m->at[i].hdisplay == mode->hdisplay && m->at[i].vdisplay == mode->vdisplay &&
		    m->at[i].vrefresh == mode->vrefresh)
			return;
	mode->type = DRM_MODE_TYPE_DRIVER | (m->count ? 0 : DRM_MODE_TYPE_PREFERRED);
	snprintf(mode->name, sizeof(mode->name), "%ux%u", mode->hdisplay, mode->vdisplay);
	m->at[m->count++] = *mode;
}

static void size_add(struct modes *m, u32 width, u32 height, u32 hz)
{
	u32 frame = 1000000 / hz;
	struct drm_mode_modeinfo mode = {
		.hdisplay = width, .hsync_start = width + 48, .hsync_end = width + 80, .htotal = width + 160,
		.vdisplay = height, .vsync_start = height + 3, .vsync_end = height + 9,
		.vtotal = height + MAX(height * RB_BLANK_US / (frame - RB_BLANK_US) + 1, 16u),
		.flags = DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_NVSYNC,
	};

	if (width > DRM_SIZE_MAX || height > DRM_SIZE_MAX)
		return;
	mode.clock = ((u64)mode.htotal * mode.vtotal * hz + 500) / 1000;
	mode_add(m, &mode);
}

/* 3.10.2: interlaced ones, which nobody here would show as such, are left out. */
static void detailed_add(struct modes *m, const u8 *t)
{
	u32 hblank = t[3] | (t[4] & 15) << 8, vblank = t[6] | (t[7] & 15) << 8;
	struct drm_mode_modeinfo mode = {
		.clock = get_unaligned_le16(t) * 10, .hdisplay = t[2] | (t[4] >> 4) << 8,
		.vdisplay = t[5] | (t[7] >> 4) << 8,
	};

	if (!mode.clock || (t[17] & 0x80))
		return;
	mode.hsync_start = mode.hdisplay + (t[8] | (t[11] >> 6) << 8);
	mode.hsync_end = mode.hsync_start + (t[9] | (t[11] >> 4 & 3) << 8);
	mode.htotal = mode.hdisplay + hblank;
	mode.vsync_start = mode.vdisplay + (t[10] >> 4 | (t[11] >> 2 & 3) << 4);
	mode.vsync_end = mode.vsync_start + ((t[10] & 15) | (t[11] & 3) << 4);
	mode.vtotal = mode.vdisplay + vblank;
	if ((t[17] & 0x18) == 0x18)
		mode.flags = (t[17] & 2 ? DRM_MODE_FLAG_PHSYNC : DRM_MODE_FLAG_NHSYNC) |
			(t[17] & 4 ? DRM_MODE_FLAG_PVSYNC : DRM_MODE_FLAG_NVSYNC);
	else
		mode.flags = DRM_MODE_FLAG_NHSYNC | DRM_MODE_FLAG_NVSYNC;
	mode_add(m, &mode);
}

/* 3.9: the width in steps of 8, and how it goes with the height. */
static void standard_add(struct modes *m, const u8 *s)
{
	static const u8 aspect[4][2] = { { 16, 10 }, { 4, 3 }, { 5, 4 }, { 16, 9 } };
	u32 width = (s[0] + 31) * 8, a = s[1] >> 6;

	if ((s[0] == 1 && s[1] == 1) || !s[0])
		return;			/* unused */
	size_add(m, width, width * aspect[a][1] / aspect[a][0], (s[1] & 63) + 60);
}

static bool block_is_whole(const u8 *b)
{
	u8 sum = 0;

	for (u32 i = 0; i < BLOCK; i++)
		sum += b[i];
	return !sum;
}

static bool edid_is_one(const struct gpu_display *d)
{
	static const u8 head[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };

	return d->edid_size >= BLOCK && !memcmp(d->edid, head, sizeof(head)) && block_is_whole(d->edid);
}

static void edid_modes(struct modes *m, const struct gpu_display *d)
{
	const u8 *e = d->edid;
	u32 bits = e[ESTABLISHED] << 8 | e[ESTABLISHED + 1];

	for (u32 i = 0; i < DETAILED_COUNT; i++)
		detailed_add(m, e + DETAILED + i * DETAILED_SIZE);
	for (const u8 *x = e + BLOCK; x + BLOCK <= e + d->edid_size; x += BLOCK) {
		if (x[0] != EXTENSION_CEA || x[2] < 4 || !block_is_whole(x))
			continue;
		for (u32 at = x[2]; at + DETAILED_SIZE < BLOCK; at += DETAILED_SIZE)
			detailed_add(m, x + at);
	}
	for (u32 i = 0; i < STANDARD_COUNT; i++)
		standard_add(m, e + STANDARD + 2 * i);
	for (u32 i = 0; i < ESTABLISHED_BITS; i++)
		if (bits >> (ESTABLISHED_BITS - 1 - i) & 1)
			size_add(m, established[i].width, established[i].height, established[i].hz);
}

/* Devices give whole buffers; what is behind the last block that it names is nothing. */
u32 gpu_edid_length(const u8 *edid, u32 size)
{
	return size >= BLOCK ? MIN((edid[EXTENSIONS] + 1u) * BLOCK, size) : 0;
}

u32 drm_modes(const struct gpu_display *d, struct drm_mode_modeinfo *modes)
{
	struct modes m = { modes, 0 };

	if (edid_is_one(d))
		edid_modes(&m, d);
	if (m.count)
		return m.count;
	size_add(&m, d->width ? d->width : DEFAULT_WIDTH, d->height ? d->height : DEFAULT_HEIGHT, 60);
	for (u32 i = 0; i < ARRAY_SIZE(established); i++)
		if (established[i].hz == 60)
			size_add(&m, established[i].width, established[i].height, 60);
	return m.count;
}

void drm_size_mm(const struct gpu_display *d, u32 *width, u32 *height)
{
	const u8 *t = d->edid + DETAILED;

	*width = *height = 0;
	if (!edid_is_one(d))
		return;
	*width = t[12] | (t[14] >> 4) << 8;
	*height = t[13] | (t[14] & 15) << 8;
	if (*width && *height)
		return;
	*width = d->edid[WIDTH_CM] * 10;
	*height = d->edid[WIDTH_CM + 1] * 10;
}

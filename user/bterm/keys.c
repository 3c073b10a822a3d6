/*
 * Keys become bytes by libvterm's keyboard calls, which know of the application modes of cursor keys and keypad. Where
 * libvterm has a newer encoding that few programs read (CSI u), keys are sent as xterm does by default.
 */
#include <xkbcommon/xkbcommon-keysyms.h>

#include "keys.h"
#include "utf8.h"

static const struct { uint32_t symbol; VTermKey key; } keys[] = {
	{ XKB_KEY_Return, VTERM_KEY_ENTER }, { XKB_KEY_Tab, VTERM_KEY_TAB }, { XKB_KEY_ISO_Left_Tab, VTERM_KEY_TAB },
	{ XKB_KEY_BackSpace, VTERM_KEY_BACKSPACE }, { XKB_KEY_Escape, VTERM_KEY_ESCAPE },
	{ XKB_KEY_Up, VTERM_KEY_UP }, { XKB_KEY_Down, VTERM_KEY_DOWN }, { XKB_KEY_Left, VTERM_KEY_LEFT },
	{ XKB_KEY_Right, VTERM_KEY_RIGHT }, { XKB_KEY_Insert, VTERM_KEY_INS }, { XKB_KEY_Delete, VTERM_KEY_DEL },
	{ XKB_KEY_Home, VTERM_KEY_HOME }, { XKB_KEY_End, VTERM_KEY_END }, { XKB_KEY_Page_Up, VTERM_KEY_PAGEUP },
	{ XKB_KEY_Page_Down, VTERM_KEY_PAGEDOWN },
	{ XKB_KEY_KP_Up, VTERM_KEY_UP }, { XKB_KEY_KP_Down, VTERM_KEY_DOWN }, { XKB_KEY_KP_Left, VTERM_KEY_LEFT },
	{ XKB_KEY_KP_Right, VTERM_KEY_RIGHT }, { XKB_KEY_KP_Insert, VTERM_KEY_INS },
	{ XKB_KEY_KP_Delete, VTERM_KEY_DEL }, { XKB_KEY_KP_Home, VTERM_KEY_HOME }, { XKB_KEY_KP_End, VTERM_KEY_END },
	{ XKB_KEY_KP_Page_Up, VTERM_KEY_PAGEUP }, { XKB_KEY_KP_Page_Down, VTERM_KEY_PAGEDOWN },
	{ XKB_KEY_KP_Multiply, VTERM_KEY_KP_MULT }, { XKB_KEY_KP_Add, VTERM_KEY_KP_PLUS },
	{ XKB_KEY_KP_Separator, VTERM_KEY_KP_COMMA }, { XKB_KEY_KP_Subtract, VTERM_KEY_KP_MINUS },
	{ XKB_KEY_KP_Decimal, VTERM_KEY_KP_PERIOD }, { XKB_KEY_KP_Divide, VTERM_KEY_KP_DIVIDE },
	{ XKB_KEY_KP_Enter, VTERM_KEY_KP_ENTER }, { XKB_KEY_KP_Equal, VTERM_KEY_KP_EQUAL },
};

static const struct { uint32_t symbol, modifiers; enum keys_own meaning; } own_keys[] = {
	{ XKB_KEY_C, WINDOW_CTRL | WINDOW_SHIFT, KEYS_COPY }, { XKB_KEY_c, WINDOW_CTRL | WINDOW_SHIFT, KEYS_COPY },
	{ XKB_KEY_V, WINDOW_CTRL | WINDOW_SHIFT, KEYS_PASTE }, { XKB_KEY_v, WINDOW_CTRL | WINDOW_SHIFT, KEYS_PASTE },
	{ XKB_KEY_A, WINDOW_CTRL | WINDOW_SHIFT, KEYS_SELECT_ALL },
	{ XKB_KEY_a, WINDOW_CTRL | WINDOW_SHIFT, KEYS_SELECT_ALL },
	{ XKB_KEY_Insert, WINDOW_SHIFT, KEYS_PASTE_PRIMARY },
	{ XKB_KEY_Page_Up, WINDOW_SHIFT, KEYS_PAGE_UP }, { XKB_KEY_Page_Down, WINDOW_SHIFT, KEYS_PAGE_DOWN },
	{ XKB_KEY_Home, WINDOW_SHIFT, KEYS_OLDEST }, { XKB_KEY_End, WINDOW_SHIFT, KEYS_NEWEST },
};

enum keys_own keys_own(uint32_t symbol, uint32_t modifiers)
{
	for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
		if (own_keys[i].symbol == symbol && own_keys[i].modifiers == modifiers)
			return own_keys[i].meaning;
	return KEYS_NOT_OWN;
}

VTermModifier keys_modifiers(uint32_t modifiers)
{
	return (modifiers & WINDOW_SHIFT ? VTERM_MOD_SHIFT : 0) | (modifiers & WINDOW_ALT ? VTERM_MOD_ALT : 0) |
		(modifiers & WINDOW_CTRL ? VTERM_MOD_CTRL : 0);
}

static VTermKey key_of(uint32_t symbol)
{
	if (symbol >= XKB_KEY_F1 && symbol <= XKB_KEY_F35)
		return VTERM_KEY_FUNCTION(1 + (int)(symbol - XKB_KEY_F1));
	if (symbol >= XKB_KEY_KP_0 && symbol <= XKB_KEY_KP_9)
		return (VTermKey)(VTERM_KEY_KP_0 + (symbol - XKB_KEY_KP_0));
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (keys[i].symbol == symbol)
			return keys[i].key;
	return VTERM_KEY_NONE;
}

/* Text, each letter with an Escape before it if Alt is held. */
static void type(VTerm *vterm, const char *text, bool alt)
{
	for (uint32_t code; (code = utf8_take(&text));) {
		if (alt)
			vterm_keyboard_unichar(vterm, 0x1b, VTERM_MOD_NONE);
		vterm_keyboard_unichar(vterm, code, VTERM_MOD_NONE);
	}
}

static bool press_key(VTerm *vterm, VTermKey key, VTermModifier mod)
{
	switch (key) {
	case VTERM_KEY_BACKSPACE:
		if (mod & VTERM_MOD_CTRL) {
			type(vterm, "\b", mod & VTERM_MOD_ALT);
			return true;
		}
		mod &= VTERM_MOD_ALT;
		break;
	case VTERM_KEY_ENTER:
	case VTERM_KEY_ESCAPE:
		mod &= VTERM_MOD_ALT;
		break;
	case VTERM_KEY_TAB:
		mod &= ~VTERM_MOD_CTRL;
		break;
	default:
		break;
	}
	vterm_keyboard_key(vterm, key, mod);
	return true;
}

bool keys_press(VTerm *vterm, const struct window_event *e)
{
	VTermKey key = key_of(e->symbol);
	bool alt = e->modifiers & WINDOW_ALT;

	if (key != VTERM_KEY_NONE)
		return press_key(vterm, key, keys_modifiers(e->modifiers));
	if (e->text[0]) {
		type(vterm, e->text, alt);
		return true;
	}
	/* A key that types the character 0 has no text that could be told. */
	if (e->modifiers & WINDOW_CTRL &&
	    (e->symbol == XKB_KEY_space || e->symbol == XKB_KEY_at || e->symbol == XKB_KEY_2)) {
		if (alt)
			vterm_keyboard_unichar(vterm, 0x1b, VTERM_MOD_NONE);
		vterm_keyboard_unichar(vterm, 0, VTERM_MOD_NONE);
		return true;
	}
	return false;
}

size_t keys_clean_paste(char *text, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\r' && i + 1 < count && text[i + 1] == '\n')
			continue;
		if (c == '\n')
			c = '\r';
		/* C1 controls, in UTF-8 C2 80 to C2 9F, are as good as an escape to some programs. */
		if (c == 0xc2 && i + 1 < count && (unsigned char)text[i + 1] < 0xa0)
			i++;
		else if ((c >= ' ' && c != 0x7f) || c == '\r' || c == '\t')
			text[n++] = (char)c;
	}
	return n;
}

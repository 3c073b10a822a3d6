/*
 * Keyboards as a person at the screen's console uses them: keys become the bytes that a terminal of Linux's sends
 * (console_codes(4), keymaps(5); the US layout). input.c tells of keys that no program has grabbed.
 */
#include "base/string.h"
#include "core/spinlock.h"
#include "input/internal.h"
#include "tty/vt.h"

/* By key code from 0 to KEY_SPACE. */
static const char plain[] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
/* KEY_KP7 to KEY_KPDOT */
static const char keypad[] = "789-456+1230.";

static const struct { u16 code; const char *bytes; } specials[] = {
	{ KEY_F1, "\033[[A" }, { KEY_F2, "\033[[B" }, { KEY_F3, "\033[[C" }, { KEY_F4, "\033[[D" }, { KEY_F5, "\033[[E" },
	{ KEY_F6, "\033[17~" }, { KEY_F7, "\033[18~" }, { KEY_F8, "\033[19~" }, { KEY_F9, "\033[20~" },
	{ KEY_F10, "\033[21~" }, { KEY_F11, "\033[23~" }, { KEY_F12, "\033[24~" },
	{ KEY_HOME, "\033[1~" }, { KEY_INSERT, "\033[2~" }, { KEY_DELETE, "\033[3~" }, { KEY_END, "\033[4~" },
	{ KEY_PAGEUP, "\033[5~" }, { KEY_PAGEDOWN, "\033[6~" }, { KEY_KPENTER, "\r" }, { KEY_KPSLASH, "/" },
	{ KEY_102ND, "<" },
};
static const struct { u16 code; char letter; } arrows[] = {
	{ KEY_UP, 'A' }, { KEY_DOWN, 'B' }, { KEY_RIGHT, 'C' }, { KEY_LEFT, 'D' },
};

enum { SHIFT = 1, CTRL = 2, ALT = 4, RIGHT_SIDE = 3 };	/* the right one's bit is three places up */

static struct spinlock keyboard_lock = SPINLOCK_INIT("keyboard");	/* irq kind */
static u32 held;			/* SHIFT ... of either side, of all keyboards together [keyboard] */
static bool caps;			/* [keyboard] */

static u32 modifier(u32 code)
{
	switch (code) {
	case KEY_LEFTSHIFT:
		return SHIFT;
	case KEY_RIGHTSHIFT:
		return SHIFT << RIGHT_SIDE;
	case KEY_LEFTCTRL:
		return CTRL;
	case KEY_RIGHTCTRL:
		return CTRL << RIGHT_SIDE;
	case KEY_LEFTALT:
		return ALT;
	case KEY_RIGHTALT:
		return ALT << RIGHT_SIDE;
	}
	return 0;
}

/* The key's place in the tables as a byte; 0: it has none. */
static char letter(u32 code, u32 mods)
{
	char c;

	if (code >= KEY_KP7 && code <= KEY_KPDOT)
		return keypad[code - KEY_KP7];
	if (code >= sizeof(plain) - 1)
		return 0;
	c = mods & SHIFT ? shifted[code] : plain[code];
	if (caps && ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		c ^= 0x20;
	return c;
}

/* What ctrl makes of it; one that it makes nothing of stays. */
static char controlled(char c)
{
	if (c == ' ' || c == '2')
		return 0;
	if (c == 0x7f)
		return '\b';
	if (c == '/' || c == '-')
		return 0x1f;
	return c >= '@' && c <= '~' && c != '`' ? c & 0x1f : c;
}

/* The bytes of a key that is pressed: how many. */
static size_t bytes_of(u32 code, u32 mods, char *to)
{
	size_t n = 0;
	char c = letter(code, mods);

	if (c) {
		if (mods & ALT)
			to[n++] = '\033';
		to[n++] = mods & CTRL ? controlled(c) : c;
		return n;
	}
	for (u32 i = 0; i < ARRAY_SIZE(arrows); i++) {
		if (arrows[i].code == code) {
			to[0] = '\033';
			to[1] = vt_application_keys() ? 'O' : '[';
			to[2] = arrows[i].letter;
			return 3;
		}
	}
	for (u32 i = 0; i < ARRAY_SIZE(specials); i++) {
		if (specials[i].code == code) {
			n = strlen(specials[i].bytes);
			memcpy(to, specials[i].bytes, n);
			return n;
		}
	}
	return 0;
}

bool keyboard_key(u32 code, s32 value)
{
	u32 bit = modifier(code);
	u64 flags = spin_lock_irqsave(&keyboard_lock);
	char bytes[8];
	size_t n = 0;
	bool on;

	if (bit)
		held = value ? held | bit : held & ~bit;
	else if (code == KEY_CAPSLOCK)
		caps ^= value == 1;
	else if (value)
		n = bytes_of(code, held | held >> RIGHT_SIDE, bytes);
	on = caps;
	spin_unlock_irqrestore(&keyboard_lock, flags);
	if (n)
		vt_type(bytes, n);
	return on;
}

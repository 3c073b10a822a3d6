/*
 * What usages of HID are among the input layer's events. The choice of codes is Linux's, so that programs which know
 * its keyboards and mice know these.
 *
 * Source: HID Usage Tables 1.3: 4 (desktop), 10 (keyboard), 11 (LED), 12 (button), 15 (consumer); input-event-codes.h.
 */
#include "drivers/usb/hid.h"

#define DESKTOP_X	0x30u
#define DESKTOP_WHEEL	0x38u
#define DESKTOP_HAT	0x39u
#define SYSTEM_FIRST	0x81u
#define CONSUMER_PAN	0x238u
#define XX		KEY_UNKNOWN
#define RUN8		XX, XX, XX, XX, XX, XX, XX, XX

static const u8 keyboard[256] = {
	/* 00 */ 0, 0, 0, 0, KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H, KEY_I, KEY_J, KEY_K, KEY_L,
	/* 10 */ KEY_M, KEY_N, KEY_O, KEY_P, KEY_Q, KEY_R, KEY_S, KEY_T, KEY_U, KEY_V, KEY_W, KEY_X, KEY_Y, KEY_Z,
	/* 1e */ KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7, KEY_8, KEY_9, KEY_0, KEY_ENTER, KEY_ESC,
	/* 2a */ KEY_BACKSPACE, KEY_TAB, KEY_SPACE, KEY_MINUS, KEY_EQUAL, KEY_LEFTBRACE, KEY_RIGHTBRACE,
	/* 31 */ KEY_BACKSLASH, KEY_BACKSLASH, KEY_SEMICOLON, KEY_APOSTROPHE, KEY_GRAVE, KEY_COMMA, KEY_DOT,
	/* 38 */ KEY_SLASH, KEY_CAPSLOCK, KEY_F1, KEY_F2, KEY_F3, KEY_F4, KEY_F5, KEY_F6, KEY_F7, KEY_F8, KEY_F9,
	/* 43 */ KEY_F10, KEY_F11, KEY_F12, KEY_SYSRQ, KEY_SCROLLLOCK, KEY_PAUSE, KEY_INSERT, KEY_HOME, KEY_PAGEUP,
	/* 4c */ KEY_DELETE, KEY_END, KEY_PAGEDOWN, KEY_RIGHT, KEY_LEFT, KEY_DOWN, KEY_UP, KEY_NUMLOCK, KEY_KPSLASH,
	/* 55 */ KEY_KPASTERISK, KEY_KPMINUS, KEY_KPPLUS, KEY_KPENTER, KEY_KP1, KEY_KP2, KEY_KP3, KEY_KP4, KEY_KP5,
	/* 5e */ KEY_KP6, KEY_KP7, KEY_KP8, KEY_KP9, KEY_KP0, KEY_KPDOT, KEY_102ND, KEY_COMPOSE, KEY_POWER,
	/* 67 */ KEY_KPEQUAL, KEY_F13, KEY_F14, KEY_F15, KEY_F16, KEY_F17, KEY_F18, KEY_F19, KEY_F20, KEY_F21,
	/* 71 */ KEY_F22, KEY_F23, KEY_F24, KEY_OPEN, KEY_HELP, KEY_PROPS, KEY_FRONT, KEY_STOP, KEY_AGAIN, KEY_UNDO,
	/* 7b */ KEY_CUT, KEY_COPY, KEY_PASTE, KEY_FIND, KEY_MUTE, KEY_VOLUMEUP, KEY_VOLUMEDOWN, XX, XX, XX,
	/* 85 */ KEY_KPCOMMA, XX, KEY_RO, KEY_KATAKANAHIRAGANA, KEY_YEN, KEY_HENKAN, KEY_MUHENKAN, KEY_KPJPCOMMA, XX,
	/* 8e */ XX, XX, KEY_HANGEUL, KEY_HANJA, KEY_KATAKANA, KEY_HIRAGANA, KEY_ZENKAKUHANKAKU, XX, XX, XX, XX, XX,
	/* 9a */ XX, XX, KEY_DELETE, XX, XX, XX,
	/* a0 */ RUN8, RUN8,
	/* b0 */ XX, XX, XX, XX, XX, XX, KEY_KPLEFTPAREN, KEY_KPRIGHTPAREN, RUN8,
	/* c0 */ RUN8, RUN8,
	/* d0 */ RUN8, KEY_DELETE, XX, XX, XX, XX, XX, XX, XX,
	/* e0 */ KEY_LEFTCTRL, KEY_LEFTSHIFT, KEY_LEFTALT, KEY_LEFTMETA, KEY_RIGHTCTRL, KEY_RIGHTSHIFT, KEY_RIGHTALT,
	/* e7 */ KEY_RIGHTMETA, KEY_PLAYPAUSE, KEY_STOPCD, KEY_PREVIOUSSONG, KEY_NEXTSONG, KEY_EJECTCD, KEY_VOLUMEUP,
	/* ee */ KEY_VOLUMEDOWN, KEY_MUTE,
	/* f0 */ KEY_WWW, KEY_BACK, KEY_FORWARD, KEY_STOP, KEY_FIND, KEY_SCROLLUP, KEY_SCROLLDOWN, KEY_EDIT,
	/* f8 */ KEY_SLEEP, KEY_COFFEE, KEY_REFRESH, KEY_CALC, XX, XX, XX, XX,
};

/* System controls from 81 on. */
static const u16 controls[] = {
	KEY_POWER, KEY_SLEEP, KEY_WAKEUP, 0, KEY_MENU, KEY_PROG1, KEY_HELP, KEY_EXIT, KEY_SELECT, KEY_RIGHT, KEY_LEFT,
	KEY_UP, KEY_DOWN, 0, KEY_RESTART,
};

static const struct { u16 usage, code; } consumer[] = {
	{ 0x30, KEY_POWER }, { 0x31, KEY_RESTART }, { 0x32, KEY_SLEEP }, { 0x34, KEY_SLEEP }, { 0x40, KEY_MENU },
	{ 0x41, KEY_SELECT }, { 0x42, KEY_UP }, { 0x43, KEY_DOWN }, { 0x44, KEY_LEFT }, { 0x45, KEY_RIGHT },
	{ 0x46, KEY_ESC }, { 0x6f, KEY_BRIGHTNESSUP }, { 0x70, KEY_BRIGHTNESSDOWN }, { 0x79, KEY_KBDILLUMUP },
	{ 0x7a, KEY_KBDILLUMDOWN }, { 0x7c, KEY_KBDILLUMTOGGLE }, { 0x83, KEY_LAST }, { 0x84, KEY_ENTER },
	{ 0x88, KEY_PC }, { 0x89, KEY_TV }, { 0x8a, KEY_WWW }, { 0x94, KEY_EXIT }, { 0x95, KEY_HELP },
	{ 0x9c, KEY_CHANNELUP }, { 0x9d, KEY_CHANNELDOWN }, { 0xb0, KEY_PLAY }, { 0xb1, KEY_PAUSE },
	{ 0xb2, KEY_RECORD }, { 0xb3, KEY_FASTFORWARD }, { 0xb4, KEY_REWIND }, { 0xb5, KEY_NEXTSONG },
	{ 0xb6, KEY_PREVIOUSSONG }, { 0xb7, KEY_STOPCD }, { 0xb8, KEY_EJECTCD }, { 0xb9, KEY_SHUFFLE },
	{ 0xcd, KEY_PLAYPAUSE }, { 0xcf, KEY_VOICECOMMAND }, { 0xe2, KEY_MUTE }, { 0xe5, KEY_BASSBOOST },
	{ 0xe9, KEY_VOLUMEUP }, { 0xea, KEY_VOLUMEDOWN }, { 0x182, KEY_BOOKMARKS }, { 0x183, KEY_CONFIG },
	{ 0x184, KEY_WORDPROCESSOR }, { 0x185, KEY_EDITOR }, { 0x186, KEY_SPREADSHEET }, { 0x188, KEY_PRESENTATION },
	{ 0x189, KEY_DATABASE }, { 0x18a, KEY_MAIL }, { 0x18b, KEY_NEWS }, { 0x18d, KEY_ADDRESSBOOK },
	{ 0x18e, KEY_CALENDAR }, { 0x192, KEY_CALC }, { 0x194, KEY_FILE }, { 0x196, KEY_WWW }, { 0x19c, KEY_LOGOFF },
	{ 0x19e, KEY_COFFEE }, { 0x19f, KEY_CONTROLPANEL }, { 0x1a6, KEY_HELP }, { 0x1a7, KEY_DOCUMENTS },
	{ 0x1b4, KEY_FILE }, { 0x1bc, KEY_MESSENGER }, { 0x201, KEY_NEW }, { 0x202, KEY_OPEN }, { 0x203, KEY_CLOSE },
	{ 0x204, KEY_EXIT }, { 0x207, KEY_SAVE }, { 0x208, KEY_PRINT }, { 0x209, KEY_PROPS }, { 0x21a, KEY_UNDO },
	{ 0x21b, KEY_COPY }, { 0x21c, KEY_CUT }, { 0x21d, KEY_PASTE }, { 0x21f, KEY_FIND }, { 0x221, KEY_SEARCH },
	{ 0x222, KEY_GOTO }, { 0x223, KEY_HOMEPAGE }, { 0x224, KEY_BACK }, { 0x225, KEY_FORWARD },
	{ 0x226, KEY_STOP }, { 0x227, KEY_REFRESH }, { 0x22a, KEY_BOOKMARKS }, { 0x22d, KEY_ZOOMIN },
	{ 0x22e, KEY_ZOOMOUT }, { 0x22f, KEY_ZOOMRESET }, { 0x233, KEY_SCROLLUP }, { 0x234, KEY_SCROLLDOWN },
	{ 0x279, KEY_REDO }, { 0x289, KEY_REPLY }, { 0x28b, KEY_FORWARDMAIL }, { 0x28c, KEY_SEND },
};

static const struct { u8 usage, code; } leds[] = {
	{ 0x01, LED_NUML }, { 0x02, LED_CAPSL }, { 0x03, LED_SCROLLL }, { 0x04, LED_COMPOSE }, { 0x05, LED_KANA },
	{ 0x09, LED_MUTE }, { 0x19, LED_MAIL }, { 0x27, LED_SLEEP }, { 0x4b, LED_MISC }, { 0x4c, LED_SUSPEND },
	{ 0x4d, LED_CHARGING },
};

const char *hid_application_name(u32 application)
{
	switch (application) {
	case USAGE_POINTER: return "";
	case USAGE_MOUSE: return " Mouse";
	case USAGE_KEYBOARD: return " Keyboard";
	case USAGE_KEYPAD: return " Keypad";
	case USAGE_SYSTEM_CONTROL: return " System Control";
	case USAGE_CONSUMER_CONTROL: return " Consumer Control";
	default: return NULL;
	}
}

/* Units of an axis in a millimetre, if its unit is a length: 6.2.2.7. */
static s32 resolution(const struct hid_field *f)
{
	s64 units = (s64)f->max - f->min, length = (s64)f->physical_max - f->physical_min;
	s32 exponent = f->exponent;

	if (units <= 0 || length <= 0 || exponent < -8 || exponent > 7)
		return 0;
	if (f->unit == 0x11) {		/* centimetres */
		exponent++;
	} else if (f->unit == 0x13) {	/* inches */
		length *= 254;
		exponent--;
	} else {
		return 0;
	}
	for (; exponent > 0; exponent--)
		length *= 10;
	for (; exponent < 0; exponent++)
		units *= 10;
	return (units + length / 2) / length;
}

static void set(struct hid_usage *u, u32 type, u32 code)
{
	u->type = type;
	u->code = code;
}

/* An axis or a wheel of the desktop page; of several with one usage the later ones get the next codes. */
static void map_axis(struct hid_field *f, struct hid_usage *u, u32 code)
{
	u32 type = f->flags & FIELD_RELATIVE ? EV_REL : EV_ABS;

	while (code < input_codes(type) && input_has(f->input, type, code))
		code++;
	if (code >= input_codes(type) || (type == EV_ABS && code >= ABS_MT_SLOT))
		return;
	set(u, type, code);
	if (type == EV_ABS)
		f->input->abs[code] = (struct input_absinfo){ .minimum = f->min, .maximum = f->max,
							      .resolution = code <= ABS_Z ? resolution(f) : 0 };
}

/* Programs get clicks as ever, and parts of a click, of which this device has none. */
static void map_wheel(struct hid_field *f, struct hid_usage *u, u32 clicks, u32 parts)
{
	if (input_has(f->input, EV_REL, clicks))
		return;
	set(u, EV_REL, parts);
	input_can(f->input, EV_REL, clicks);
}

static void map_desktop(struct hid_field *f, struct hid_usage *u)
{
	u32 id = u->usage & 0xffff;

	if (id >= SYSTEM_FIRST && id - SYSTEM_FIRST < ARRAY_SIZE(controls) && controls[id - SYSTEM_FIRST])
		set(u, EV_KEY, controls[id - SYSTEM_FIRST]);
	else if (id == DESKTOP_WHEEL && f->flags & FIELD_RELATIVE)
		map_wheel(f, u, REL_WHEEL, REL_WHEEL_HI_RES);
	else if (id >= DESKTOP_X && id < DESKTOP_HAT)
		map_axis(f, u, id & 0xf);
}

static void map_consumer(struct hid_field *f, struct hid_usage *u)
{
	u32 id = u->usage & 0xffff;

	if (id == CONSUMER_PAN && f->flags & FIELD_RELATIVE) {
		map_wheel(f, u, REL_HWHEEL, REL_HWHEEL_HI_RES);
		return;
	}
	if (!id)
		return;
	set(u, EV_KEY, KEY_UNKNOWN);
	for (u32 i = 0; i < ARRAY_SIZE(consumer); i++)
		if (consumer[i].usage == id)
			u->code = consumer[i].code;
}

static void map_button(struct hid_field *f, struct hid_usage *u)
{
	u32 id = (u->usage & 0xffff) - 1;
	bool mouse = f->application == USAGE_MOUSE || f->application == USAGE_POINTER;

	if (id < 16)
		set(u, EV_KEY, (mouse ? BTN_MOUSE : BTN_MISC) + id);
}

static void map_input(struct hid_field *f, struct hid_usage *u)
{
	switch (HID_PAGE(u->usage)) {
	case PAGE_KEYBOARD:
		input_can(f->input, EV_SYN, EV_REP);
		if ((u->usage & 0xffff) >= ARRAY_SIZE(keyboard))
			set(u, EV_KEY, KEY_UNKNOWN);
		else if (keyboard[u->usage & 0xff])
			set(u, EV_KEY, keyboard[u->usage & 0xff]);
		break;
	case PAGE_BUTTON: map_button(f, u); break;
	case PAGE_CONSUMER: map_consumer(f, u); break;
	case PAGE_DESKTOP: map_desktop(f, u); break;
	}
}

void hid_field_map(struct hid_field *f)
{
	for (u32 n = 0; n < f->usage_count; n++) {
		struct hid_usage *u = &f->usages[n];

		if (!f->output)
			map_input(f, u);
		else if (HID_PAGE(u->usage) == PAGE_LED)
			for (u32 i = 0; i < ARRAY_SIZE(leds); i++)
				if (leds[i].usage == (u->usage & 0xffff))
					set(u, EV_LED, leds[i].code);
		if (u->type == EV_SYN)
			continue;
		input_can(f->input, EV_SYN, u->type);
		input_can(f->input, u->type, u->code);
		if (u->type == EV_KEY) {
			input_can(f->input, EV_SYN, EV_MSC);	/* each key comes with its usage */
			input_can(f->input, EV_MSC, MSC_SCAN);
		}
	}
}

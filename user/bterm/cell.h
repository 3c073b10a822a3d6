/* One cell of a terminal, with its colours as they are shown. */
#ifndef BTERM_CELL_H
#define BTERM_CELL_H

#include <stdint.h>

enum { CELL_CHARS = 6 };        /* a letter and the marks on it */

enum {
	CELL_BOLD = 1, CELL_UNDERLINE = 2, CELL_UNDERLINE_2 = 4, CELL_CURLY = 8, CELL_STRIKE = 16,
	CELL_ITALIC = 32,
};

#define CELL_FOREGROUND 0xffd8d8d8u
#define CELL_BACKGROUND 0xff14181cu

struct cell {
	uint32_t chars[CELL_CHARS];     /* code points; the first that is 0 ends them */
	uint32_t fg, bg;                /* 0xffRRGGBB */
	uint8_t  width;                 /* 1, 2: it lies on the next one too, 0: it is that one */
	uint8_t  style;
};

#endif

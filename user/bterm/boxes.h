/*
 * Lines and blocks that have to meet those of the next cell without a gap: U+2500 to U+257F (but for diagonals) and
 * U+2580 to U+259F, drawn as rectangles on whole pixels instead of by the font.
 */
#ifndef BTERM_BOXES_H
#define BTERM_BOXES_H

#include <stdbool.h>
#include <stdint.h>

#include "libwin/win.h"

bool boxes_has(uint32_t code);
void boxes_draw(struct win *win, uint32_t code, int x, int y, int width, int height, uint32_t colour);

#endif

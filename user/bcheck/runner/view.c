/* The view of bcheck: a person's at a terminal, else the one for programs. */
#include "runner.h"

const struct view *view_choose(bool plain)
{
	return plain || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ? &tap_view : &screen_view;
}

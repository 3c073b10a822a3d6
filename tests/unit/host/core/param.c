/*
 * Command-line words that a test sets. Handlers registered by PARAM are not run.
 */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "core/param.h"

struct word {
	struct word *next;
	const char *name, *value;
};
static struct word *words;

void host_param_set(const char *name, const char *value)
{
	struct word *w = malloc(sizeof(*w));

	*w = (struct word){ words, name, value };
	words = w;
}

const char *param_find(const char *name)
{
	for (struct word *w = words; w; w = w->next)
		if (!strcmp(w->name, name))
			return w->value;
	return NULL;
}

const char *param_cmdline(void) { return ""; }

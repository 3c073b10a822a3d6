/*
 * The command line, split once into words; double quotes keep blanks inside a
 * word (param.h). Words known to a PARAM go to it, the others to init.
 */
#include "core/param.h"
#include "base/string.h"
#include "core/log.h"

#define CMDLINE_MAX	2048		/* the arm64 boot protocol's limit for a command line */

extern const struct param _params_start[], _params_end[];

static char line[CMDLINE_MAX];		/* as given */
static char words[CMDLINE_MAX];		/* cut at blanks */
static const char *all[64];		/* every word before "--" */
static const char *init_argv[64], *init_envp[64];
static u32 all_count, argc, envc;

/* The value part if word is NAME or NAME=VALUE; else NULL. '-' and '_' are the same in names, as on Linux. */
static const char *value_if(const char *word, const char *name)
{
	for (; *name; name++, word++)
		if (*word != *name && !(*word == '-' && *name == '_') && !(*word == '_' && *name == '-'))
			return NULL;
	return *word == '=' ? word + 1 : *word ? NULL : word;
}

static void word_take(char *w)
{
	bool known = false;

	if (all_count < ARRAY_SIZE(all))
		all[all_count++] = w;
	for (const struct param *p = _params_start; p < _params_end; p++) {
		const char *v = value_if(w, p->name);

		if (!v)
			continue;
		known = true;
		if (p->set(v))
			log_warn("command line: bad value in \"%s\"", w);
	}
	if (known || strchr(w, '.'))	/* module.parameter words are nobody's environment */
		return;
	if (strchr(w, '=')) {
		if (envc < ARRAY_SIZE(init_envp) - 1)
			init_envp[envc++] = w;
	} else if (argc < ARRAY_SIZE(init_argv) - 1) {
		init_argv[argc++] = w;
	}
}

void param_parse(const char *cmdline)
{
	char *p = words;
	bool for_init = false;

	strlcpy(line, cmdline, sizeof line);
	strlcpy(words, cmdline, sizeof words);
	while (*p) {
		char *w, *to;
		bool quoted = false;

		while (*p == ' ' || *p == '\t' || *p == '\n')
			p++;
		if (!*p)
			break;
		for (w = to = p; *p && (quoted || (*p != ' ' && *p != '\t' && *p != '\n')); p++) {
			if (*p == '"')
				quoted = !quoted;
			else
				*to++ = *p;
		}
		if (*p)
			p++;
		*to = 0;
		if (for_init) {
			if (argc < ARRAY_SIZE(init_argv) - 1)
				init_argv[argc++] = w;
		} else if (!strcmp(w, "--")) {
			for_init = true;
		} else {
			word_take(w);
		}
	}
}

const char *param_cmdline(void) { return line; }
const char *const *param_init_argv(void) { return init_argv; }
const char *const *param_init_envp(void) { return init_envp; }

const char *param_find(const char *name)
{
	const char *found = NULL;

	for (u32 i = 0; i < all_count; i++) {
		const char *v = value_if(all[i], name);

		if (v)
			found = v;
	}
	return found;
}

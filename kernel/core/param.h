/*
 * The kernel command line. A word NAME or NAME=VALUE is given to the handler
 * registered for NAME; unknown words go to init (design 1.3).
 */
#pragma once
#include "base/defs.h"

struct param {
	const char *name;
	int (*set)(const char *value);	/* value is "" for a bare word; -EINVAL is logged */
};

/* PARAM("loglevel", fn): fn runs once for each such word, before initialisers other than memory. */
#define PARAM_CAT_(a, b) a##b
#define PARAM_CAT(a, b) PARAM_CAT_(a, b)
#define PARAM(nm, fn) \
	static const struct param PARAM_CAT(param_, __LINE__) kept section(".params") aligned(8) = { nm, fn }

void param_parse(const char *cmdline);	/* once, at boot; keeps its own copy */
const char *param_cmdline(void);	/* the whole line as given */
/* NULL-terminated vectors for init: words after "--" (or bare unknown words) and NAME=VALUE unknown words. */
const char *const *param_init_argv(void);
const char *const *param_init_envp(void);
/* Value of the last NAME=VALUE, "" for a bare NAME, NULL when absent. */
const char *param_find(const char *name);

/*
 * The names that uname(2) gives.
 */
#pragma once
#include "base/defs.h"

#define UTS_NAME_MAX	64
#define UTS_SYSNAME	"Linux"			/* what programs ask for: the interface, not the maker */
#define UTS_RELEASE	"6.1.0-dunlin"
#define UTS_VERSION	"#1 SMP PREEMPT Dunlin"
#define UTS_MACHINE	"aarch64"

/* A copy, terminated. domain: the NIS name, else the host's. Process context. */
void uts_name_get(bool domain, char name[UTS_NAME_MAX + 1]);
void uts_name_set(bool domain, const char *name, size_t n);	/* n <= UTS_NAME_MAX */

/*
 * Extended attributes, xattr(7): who may do what with which name. name is
 * terminated and not empty; sizes are within the limits of <linux/limits.h>.
 * Process context. -EOPNOTSUPP: no such kind of attribute here.
 */
#pragma once
#include "fs/path.h"

s64 xattr_get(const struct path *p, const char *name, void *value, size_t size);	/* bytes, -ENODATA, -ERANGE */
/* value NULL: remove. flags XATTR_CREATE, XATTR_REPLACE. 0, -EPERM, -EACCES, -EROFS, -EEXIST, -ENODATA, -ENOSPC. */
int xattr_set(const struct path *p, const char *name, const void *value, size_t size, u32 flags);
s64 xattr_list(const struct path *p, char *list, size_t size);				/* bytes, -ERANGE */

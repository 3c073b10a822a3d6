/* Between the parts of zwp_linux_dmabuf_v1: dmabuf.c and feedback.c. What others use of it is in bwm.h. */
#ifndef BWM_DMABUF_H
#define BWM_DMABUF_H

#include "bwm.h"

enum { DMABUF_FORMATS = 4, DMABUF_MODIFIERS = 2 };

/* Each format with each modifier is a pair that clients may use. */
extern const uint32_t dmabuf_formats[DMABUF_FORMATS];
extern const uint64_t dmabuf_modifiers[DMABUF_MODIFIERS];

/* The file with all pairs: server->formats_fd. A negative errno. */
int feedback_create_table(struct server *server);

/* A feedback object of this client; dmabuf: what it asked by. It is told all at once, or no_memory. */
void feedback_create(struct server *server, struct wl_client *by, struct wl_resource *dmabuf, uint32_t id);

#endif

/*
 * A GPU whose fences do not come: loaded into QEMU (LD_PRELOAD), it keeps them from the host's renderer while the file
 * $SILENT_FENCES is there. What the guest asked for is drawn, but never said to be. When the file has gone the renderer is
 * given the last of them at QEMU's next look for fences that are done, and with that the guest hears of all.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static bool kept;
static int kept_id;
static uint32_t kept_context;

static void *renderers(const char *name)
{
	return dlsym(dlopen("libvirglrenderer.so.1", RTLD_LAZY), name);
}

static int create(int id, uint32_t context)
{
	kept = false;
	return ((int (*)(int, uint32_t))renderers("virgl_renderer_create_fence"))(id, context);
}

static bool silent(void)
{
	return !access(getenv("SILENT_FENCES"), F_OK);
}

int virgl_renderer_create_fence(int id, uint32_t context)
{
	if (!silent())
		return create(id, context);
	kept = true;
	kept_id = id;
	kept_context = context;
	return 0;
}

void virgl_renderer_poll(void)
{
	if (kept && !silent())
		create(kept_id, kept_context);
	((void (*)(void))renderers("virgl_renderer_poll"))();
}

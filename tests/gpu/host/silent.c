/*
 * A GPU whose fences do not come: loaded into QEMU (LD_PRELOAD), it keeps them from the host's renderer while the file
 * $SILENT_FENCES is there. What the guest asked for is drawn, but never said to be; with the next fence after the file
 * has gone it hears of all.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int virgl_renderer_create_fence(int id, uint32_t context)
{
	void *renderer = dlopen("libvirglrenderer.so.1", RTLD_LAZY);
	int (*create)(int, uint32_t) = (int (*)(int, uint32_t))dlsym(renderer, "virgl_renderer_create_fence");

	return access(getenv("SILENT_FENCES"), F_OK) ? create(id, context) : 0;
}

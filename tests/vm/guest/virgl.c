/*
 * Drawing by VirGL: contexts, resources, command streams and their fences, and what one program may not do to another.
 * Runs on Linux, too.
 */
#include "virgl.h"
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/socket.h>

CHECK(what_the_host_offers)
{
	int value = -1, fd = open_render();
	struct drm_virtgpu_getparam p = { VIRTGPU_PARAM_3D_FEATURES, (uintptr_t)&value };
	unsigned char caps[4096] = { 0 };
	struct drm_virtgpu_get_caps c = { .cap_set_id = 2, .cap_set_ver = 1, .addr = (uintptr_t)caps,
					  .size = sizeof(caps) };
	struct drm_virtgpu_context_init n = { 0 };
	struct drm_virtgpu_resource_create_blob b = { .blob_mem = VIRTGPU_BLOB_MEM_GUEST, .size = 4096 };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), 0);
	SAME(value, 1);
	p.param = VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), 0);
	EXPECT((value & 6) == 6);
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), 0);
	EXPECT(caps[0] >= 1);
	c.cap_set_id = 17;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), EINVAL);
	c.cap_set_id = 2;
	c.size = 0;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &n), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b), EINVAL);
}

CHECK(a_texture_is_filled)
{
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	read_back(fd, &t);
	all_is(&t, RED);
}

CHECK(what_is_sent_comes_back)
{
	struct drm_virtgpu_3d_transfer_to_host to = { .box = { 0, 0, 0, SIZE, SIZE, 1 } };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		t.pixels[i] = i * 0x10203;
	to.bo_handle = t.handle;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), 0);
	wait_for(fd, t.handle);
	memset(t.pixels, 0, SIZE * SIZE * 4);
	read_back(fd, &t);
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		SAME(t.pixels[i], i * 0x10203);
	to.stride = 256;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), EINVAL);
	to.bo_handle = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), ENOENT);
}

CHECK(fences)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT }, in;
	struct sync_merge_data m = { .name = "both" };
	struct sync_file_info i = { 0 };
	struct texture t;
	struct pollfd p = { .events = POLLIN };
	int fd = open_render(), first;

	texture_make(fd, &t);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	first = e.fence_fd;
	EXPECT(first >= 0);
	in = (struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT,
					      .fence_fd = first };
	SAME(submit(fd, &in, 2, &t, GREEN), 0);
	EXPECT(in.fence_fd >= 0 && in.fence_fd != first);
	m.fd2 = in.fence_fd;
	SAME(ioctl(first, SYNC_IOC_MERGE, &m), 0);
	p.fd = m.fence;
	SAME(poll(&p, 1, -1), 1);
	SAME(p.revents, POLLIN);
	SAME(ioctl(m.fence, SYNC_IOC_FILE_INFO, &i), 0);
	SAME(i.status, 1);
	EXPECT(!strcmp(i.name, "both"));
	in = (struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_IN, .fence_fd = fd };
	FAILS(submit(fd, &in, 3, &t, GREEN), EINVAL);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

CHECK(streams_that_cannot_be)
{
	struct drm_virtgpu_execbuffer e = { .flags = 0x100 };
	struct drm_virtgpu_3d_wait w = { .handle = 4711 };
	struct texture t, none = { .handle = 4711 };
	int fd = open_render();

	texture_make(fd, &t);
	FAILS(submit(fd, &e, 1, &t, RED), EINVAL);
	e.flags = 0;
	FAILS(submit(fd, &e, 1, &none, RED), ENOENT);
	e = (struct drm_virtgpu_execbuffer){ .size = 64, .command = (uintptr_t)nowhere };
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e), EFAULT);
	e = (struct drm_virtgpu_execbuffer){ .num_bo_handles = 1, .bo_handles = (uintptr_t)nowhere };
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e), EFAULT);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), ENOENT);
}

CHECK(another_program_draws_into_it)
{
	int fd = open_render(), other = open_render();
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC };
	struct drm_virtgpu_resource_info i = { 0 };
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t, there;

	texture_make(fd, &t);
	p.handle = t.handle;
	SAME(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
	SAME(ioctl(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p), 0);
	i.bo_handle = p.handle;
	SAME(ioctl(other, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i), 0);
	SAME(i.res_handle, t.resource);
	there = (struct texture){ p.handle, i.res_handle, NULL };
	SAME(submit(other, &e, 1, &there, GREEN), 0);
	wait_for(other, there.handle);
	read_back(fd, &t);
	all_is(&t, GREEN);
	/* The other goes, and what it drew stays. */
	close(other);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

/* What others have still to do with a buffer can be waited for by its descriptor, and given to it. */
CHECK(fences_of_a_descriptor)
{
	int fd = open_render();
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC };
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT };
	struct dma_buf_export_sync_file out = { .flags = DMA_BUF_SYNC_READ };
	struct dma_buf_import_sync_file in = { .flags = DMA_BUF_SYNC_WRITE };
	struct pollfd both[2] = { { .events = POLLIN | POLLOUT }, { .events = POLLIN } };
	struct texture t;

	texture_make(fd, &t);
	p.handle = t.handle;
	SAME(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
	both[0].fd = p.fd;
	SAME(poll(both, 1, -1), 1);		/* it has to be made */
	SAME(both[0].revents, POLLIN | POLLOUT);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	SAME(ioctl(p.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out), 0);
	both[1].fd = out.fd;
	for (int i = 0; i < 2; i++)
		SAME(poll(&both[i], 1, -1), 1);
	EXPECT((both[0].revents & (POLLIN | POLLOUT)) && both[1].revents == POLLIN);
	in.fd = e.fence_fd;
	SAME(ioctl(p.fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &in), 0);
	in.fd = p.fd;
	FAILS(ioctl(p.fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &in), EINVAL);
	in.fd = e.fence_fd;
	in.flags = out.flags = 0;
	FAILS(ioctl(p.fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &in), EINVAL);
	FAILS(ioctl(p.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out), EINVAL);
	out.flags = DMA_BUF_SYNC_RW | 8;
	FAILS(ioctl(p.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out), EINVAL);
	FAILS(ioctl(p.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, nowhere), EFAULT);
}

/* A client draws its window, gives it away by a socket and draws on, until it is killed. */
static _Noreturn void client(int socket)
{
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC };
	struct drm_virtgpu_execbuffer e = { 0 };
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = open_render();
	struct texture t;

	texture_make(fd, &t);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	p.handle = t.handle;
	SAME(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &p.fd, sizeof(int));
	SAME(sendmsg(socket, &m, 0), 1);
	for (uint32_t i = 2;; i++)
		SAME(submit(fd, &e, i, &t, RED), 0);
}

/* The descriptor that comes by the socket, as a handle of fd's. */
static void window_take(int fd, int socket, struct texture *window)
{
	struct drm_virtgpu_resource_info i = { 0 };
	struct drm_prime_handle p = { 0 };
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	SAME(recvmsg(socket, &m, MSG_CMSG_CLOEXEC), 1);
	EXPECT(CMSG_FIRSTHDR(&m) && CMSG_FIRSTHDR(&m)->cmsg_type == SCM_RIGHTS);
	memcpy(&p.fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	SAME(ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p), 0);
	SAME(close(p.fd), 0);
	i.bo_handle = p.handle;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i), 0);
	window->handle = p.handle;
	window->resource = i.res_handle;
}

/* Copy a window into the picture by the GPU. */
static int compose(int fd, const struct texture *to, const struct texture *window)
{
	uint32_t handles[2] = { to->handle, window->handle };
	uint32_t stream[14] = { COPY_REGION | 13 << 16, to->resource, 0, 0, 0, 0, window->resource, 0, 0, 0, 0, SIZE, SIZE, 1 };
	struct drm_virtgpu_execbuffer e = { .size = sizeof(stream), .command = (uintptr_t)stream,
					    .bo_handles = (uintptr_t)handles, .num_bo_handles = 2 };

	return ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e);
}

CHECK(a_client_dies_while_its_window_is_composed)
{
	int fd = open_render();
	struct texture picture;

	texture_make(fd, &picture);
	for (int round = 0; round < 10; round++) {
		struct drm_gem_close c = { 0 };
		struct texture window = { 0 };
		int pair[2];
		pid_t pid;

		SAME(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		pid = fork();
		if (!pid)
			client(pair[1]);
		window_take(fd, pair[0], &window);
		for (int i = 0; i < 30; i++) {
			SAME(compose(fd, &picture, &window), 0);
			if (i == 10)
				SAME(kill(pid, SIGKILL), 0);
			if (i == 20)
				SAME(waitpid(pid, NULL, 0), pid);
		}
		memset(picture.pixels, 0, SIZE * SIZE * 4);
		read_back(fd, &picture);
		all_is(&picture, RED);
		c.handle = window.handle;
		SAME(ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c), 0);
		close(pair[0]);
		close(pair[1]);
	}
}

CHECK(many_frames)
{
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	for (uint32_t i = 1; i <= 500; i++)
		SAME(submit(fd, &e, i, &t, i % 2 ? RED : GREEN), 0);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

CHECK(waits_for_what_is_done)
{
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	for (int i = 0; i < 1000; i++)
		wait_for(fd, t.handle);
}

CHECK(programs_that_die)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct drm_virtgpu_execbuffer e = { 0 };
			struct texture t;
			int fd = open_render();

			texture_make(fd, &t);
			SAME(submit(fd, &e, 1, &t, RED), 0);
			kill(getpid(), SIGKILL);
		}
		SAME(waitpid(pid, NULL, 0), pid);
	}
}

/* The host ends the context that names what is not its own, and that context alone: nothing is seen of the other's. */
CHECK(nobody_draws_into_anothers)
{
	int fd = open_render(), other = open_render();
	struct drm_virtgpu_execbuffer e = { 0 }, wrong = { 0 };
	static uint32_t stream[64];
	struct texture t, own;

	texture_make(fd, &t);
	texture_make(other, &own);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	wrong.size = fill(stream, 1, t.resource, GREEN);
	wrong.command = (uintptr_t)stream;
	SAME(ioctl(other, DRM_IOCTL_VIRTGPU_EXECBUFFER, &wrong), 0);
	read_back(fd, &t);
	all_is(&t, RED);
	SAME(submit(fd, &e, 2, &t, GREEN), 0);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

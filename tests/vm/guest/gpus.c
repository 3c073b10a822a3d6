/*
 * DRM on a virtio-gpu, by its ioctls: who may do what, what there is, buffers, framebuffers, what is shown, and what
 * each mistake fails with. Runs on Linux, too.
 */
#include "check.h"
#include "drm.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int open_card(void)
{
	int fd = open(CARD, O_RDWR | O_CLOEXEC);

	EXPECT(fd >= 0);
	return fd;
}

static uint64_t cap(int fd, uint64_t which)
{
	struct drm_get_cap c = { .capability = which, .value = 77 };

	SAME(ioctl(fd, DRM_IOCTL_GET_CAP, &c), 0);
	return c.value;
}

CHECK(version)
{
	char name[64] = "", desc[64] = "";
	struct drm_version v = { .name = name, .name_len = sizeof(name), .desc = desc, .desc_len = 6 };
	int fd = open_card();

	SAME(ioctl(fd, DRM_IOCTL_VERSION, &v), 0);
	EXPECT(!strcmp(name, "virtio_gpu"));
	SAME(v.name_len, 10);
	EXPECT(!strcmp(desc, "virtio"));
	SAME(v.desc_len, 10);
	SAME(v.version_major, 0);
	SAME(v.version_minor, 1);
}

CHECK(capabilities)
{
	struct drm_get_cap c = { .capability = 4711 };
	struct drm_set_client_cap s = { .capability = 4711 };
	int fd = open_card();

	SAME(cap(fd, DRM_CAP_DUMB_BUFFER), 1);
	SAME(cap(fd, DRM_CAP_PRIME), 3);
	SAME(cap(fd, DRM_CAP_TIMESTAMP_MONOTONIC), 1);
	SAME(cap(fd, DRM_CAP_CURSOR_WIDTH), 64);
	SAME(cap(fd, DRM_CAP_CURSOR_HEIGHT), 64);
	SAME(cap(fd, DRM_CAP_ASYNC_PAGE_FLIP), 0);
	SAME(cap(fd, DRM_CAP_CRTC_IN_VBLANK_EVENT), 1);
	SAME(cap(fd, DRM_CAP_VBLANK_HIGH_CRTC), 1);
	SAME(cap(fd, DRM_CAP_DUMB_PREFER_SHADOW), 0);
	SAME(cap(fd, DRM_CAP_SYNCOBJ), 0);
	FAILS(ioctl(fd, DRM_IOCTL_GET_CAP, &c), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_SET_CLIENT_CAP, &s), EINVAL);
	s = (struct drm_set_client_cap){ DRM_CLIENT_CAP_UNIVERSAL_PLANES, 2 };
	FAILS(ioctl(fd, DRM_IOCTL_SET_CLIENT_CAP, &s), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_GET_CAP, nowhere), EFAULT);
}

CHECK(unknown_calls)
{
	union drm_wait_vblank v = { .request = { .type = _DRM_VBLANK_RELATIVE } };
	struct drm_syncobj_create s = { 0 };
	int fd = open_card();

	FAILS(ioctl(fd, DRM_IOWR(0xdf, int), nowhere), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_WAIT_VBLANK, &v), EOPNOTSUPP);
	FAILS(ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &s), EOPNOTSUPP);
}

CHECK(master)
{
	int first = open_card(), second = open_card();
	struct drm_auth a = { 0 }, none = { 4711 };
	struct screen s;

	SAME(screen_find(second, &s), 0);
	FAILS(crtc_set(second, &s, 0), EACCES);
	FAILS(ioctl(second, DRM_IOCTL_SET_MASTER, 0), EBUSY);
	FAILS(ioctl(second, DRM_IOCTL_DROP_MASTER, 0), EINVAL);
	SAME(ioctl(second, DRM_IOCTL_GET_MAGIC, &a), 0);
	EXPECT(a.magic);
	FAILS(ioctl(second, DRM_IOCTL_AUTH_MAGIC, &a), EACCES);
	FAILS(ioctl(first, DRM_IOCTL_AUTH_MAGIC, &none), EINVAL);
	SAME(ioctl(first, DRM_IOCTL_AUTH_MAGIC, &a), 0);
	SAME(crtc_set(first, &s, 0), 0);
	SAME(ioctl(first, DRM_IOCTL_SET_MASTER, 0), 0);
	SAME(ioctl(first, DRM_IOCTL_DROP_MASTER, 0), 0);
	FAILS(crtc_set(first, &s, 0), EACCES);
	SAME(ioctl(second, DRM_IOCTL_SET_MASTER, 0), 0);
	SAME(crtc_set(second, &s, 0), 0);
	close(second);
	SAME(ioctl(first, DRM_IOCTL_SET_MASTER, 0), 0);
}

CHECK(the_render_node_only_draws)
{
	struct drm_mode_card_res r = { 0 };
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 32 };
	int fd = open(RENDER, O_RDWR);

	EXPECT(fd >= 0);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &r), EACCES);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), EACCES);
	FAILS(ioctl(fd, DRM_IOCTL_SET_MASTER, 0), EACCES);
	SAME(cap(fd, DRM_CAP_PRIME), 3);
}

/* ---- what there is ---------------------------------------------------------------------------------- */

CHECK(resources)
{
	struct drm_mode_card_res r = { 0 };
	struct drm_mode_get_encoder e = { 0 };
	struct screen s;
	int fd = open_card();

	SAME(ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &r), 0);
	SAME(r.count_connectors, 1);
	SAME(r.count_crtcs, 1);
	SAME(r.count_encoders, 1);
	SAME(r.count_fbs, 0);
	SAME(r.min_width, 32);
	SAME(r.max_width, 8192);
	SAME(screen_find(fd, &s), 0);
	e.encoder_id = s.encoder;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETENCODER, &e), 0);
	SAME(e.encoder_type, DRM_MODE_ENCODER_VIRTUAL);
	SAME(e.possible_crtcs, 1);
	e.encoder_id = s.crtc;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_GETENCODER, &e), ENOENT);
}

CHECK(a_connector)
{
	struct drm_mode_get_connector c = { 0 };
	struct screen s;
	int fd = open_card();

	SAME(screen_find(fd, &s), 0);
	c.connector_id = s.connector;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c), 0);
	SAME(c.connector_type, DRM_MODE_CONNECTOR_VIRTUAL);
	SAME(c.connector_type_id, 1);
	SAME(c.connection, 1);
	SAME(c.count_encoders, 1);
	EXPECT(c.count_modes > 3);
	EXPECT(c.mm_width > 0 && c.mm_height > 0);
	EXPECT(s.mode.type & DRM_MODE_TYPE_PREFERRED);
	EXPECT(s.mode.vrefresh >= 50 && s.mode.vrefresh <= 90);
	c = (struct drm_mode_get_connector){ .connector_id = s.encoder };
	FAILS(ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c), ENOENT);
}

/* The value of the object's property of that name, its number in *id: 1; 0: it has none. */
static int property(int fd, uint32_t object, uint32_t type, const char *name, uint32_t *id, uint64_t *value)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties o = { (uintptr_t)ids, (uintptr_t)values, 64, object, type };

	SAME(ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &o), 0);
	for (uint32_t i = 0; i < o.count_props; i++) {
		struct drm_mode_get_property p = { .prop_id = ids[i] };

		SAME(ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &p), 0);
		if (strcmp(p.name, name))
			continue;
		*id = ids[i];
		*value = values[i];
		return 1;
	}
	return 0;
}

CHECK(the_monitor_says_what_it_is)
{
	unsigned char edid[1024], sys[1024];
	struct drm_mode_get_blob b = { .data = (uintptr_t)edid };
	uint32_t id;
	uint64_t value;
	struct screen s;
	FILE *f;
	int fd = open_card();

	SAME(screen_find(fd, &s), 0);
	EXPECT(property(fd, s.connector, DRM_MODE_OBJECT_CONNECTOR, "EDID", &id, &value));
	b.blob_id = value;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPROPBLOB, &b), 0);
	EXPECT(b.length >= 128 && b.length <= 1024);
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPROPBLOB, &b), 0);
	EXPECT(!memcmp(edid, "\0\377\377\377\377\377\377\0", 8));
	f = fopen("/sys/class/drm/card0-Virtual-1/edid", "r");
	EXPECT(f);
	EXPECT(fread(sys, 1, 128, f) == 128 && !memcmp(edid, sys, 128));
	b = (struct drm_mode_get_blob){ .blob_id = 99999 };
	FAILS(ioctl(fd, DRM_IOCTL_MODE_GETPROPBLOB, &b), ENOENT);
}

CHECK(properties)
{
	struct drm_mode_property_enum names[8];
	struct drm_mode_get_property p = { .enum_blob_ptr = (uintptr_t)names, .count_enum_blobs = 8 };
	struct drm_mode_obj_get_properties o = { .obj_id = 99999, .obj_type = DRM_MODE_OBJECT_ANY };
	uint64_t value;
	struct screen s;
	int fd = open_card();

	SAME(screen_find(fd, &s), 0);
	EXPECT(property(fd, s.connector, DRM_MODE_OBJECT_CONNECTOR, "DPMS", &p.prop_id, &value));
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &p), 0);
	SAME(p.count_enum_blobs, 4);
	EXPECT(p.flags & DRM_MODE_PROP_ENUM);
	EXPECT(names[3].value == DRM_MODE_DPMS_OFF && !strcmp(names[3].name, "Off"));
	FAILS(ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &o), ENOENT);
	p = (struct drm_mode_get_property){ .prop_id = 99999 };
	FAILS(ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &p), ENOENT);
}

CHECK(planes)
{
	uint32_t ids[16], format, seen = 0, id;
	struct drm_mode_get_plane_res r = { (uintptr_t)ids, 16 };
	struct drm_set_client_cap universal = { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 };
	uint64_t type;
	int fd = open_card();

	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &r), 0);
	SAME(r.count_planes, 0);
	SAME(ioctl(fd, DRM_IOCTL_SET_CLIENT_CAP, &universal), 0);
	r.count_planes = 16;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &r), 0);
	SAME(r.count_planes, 2);
	for (int i = 0; i < 2; i++) {
		struct drm_mode_get_plane p = { .plane_id = ids[i], .format_type_ptr = (uintptr_t)&format,
						.count_format_types = 1 };

		SAME(ioctl(fd, DRM_IOCTL_MODE_GETPLANE, &p), 0);
		SAME(p.possible_crtcs, 1);
		SAME(p.count_format_types, 1);
		EXPECT(property(fd, ids[i], DRM_MODE_OBJECT_PLANE, "type", &id, &type));
		SAME(format, type == 1 ? DRM_FORMAT_XRGB8888 : DRM_FORMAT_ARGB8888);
		seen |= 1 << type;
	}
	SAME(seen, 6);
}

/* ---- buffers ---------------------------------------------------------------------------------------- */

CHECK(dumb_buffers)
{
	struct drm_mode_create_dumb d = { .width = 100, .height = 50, .bpp = 32 };
	struct drm_mode_destroy_dumb gone;
	struct drm_mode_map_dumb m = { 0 };
	int fd = open_card(), other = open_card();
	uint32_t *p;

	SAME(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), 0);
	SAME(d.pitch, 400);
	SAME(d.size, 20480);
	m.handle = d.handle;
	SAME(ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &m), 0);
	p = mmap(NULL, d.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	EXPECT(p != MAP_FAILED);
	for (uint32_t i = 0; i < d.size / 4; i++)
		SAME(p[i], 0);
	p[0] = 1;
	p[d.size / 4 - 1] = 2;
	EXPECT(mmap(NULL, d.size + 4096, PROT_READ, MAP_SHARED, fd, m.offset) == MAP_FAILED && errno == EINVAL);
	EXPECT(mmap(NULL, d.size, PROT_READ, MAP_SHARED, fd, m.offset + ((uint64_t)1 << 44)) == MAP_FAILED &&
	       errno == EINVAL);
	EXPECT(mmap(NULL, d.size, PROT_READ, MAP_PRIVATE, fd, m.offset) == MAP_FAILED && errno == EINVAL);
	EXPECT(mmap(NULL, d.size, PROT_READ, MAP_SHARED, other, m.offset) == MAP_FAILED && errno == EACCES);
	gone.handle = d.handle;
	SAME(ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &gone), 0);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &gone), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &m), ENOENT);
	/* What is mapped stays. */
	SAME(p[0] + p[d.size / 4 - 1], 3);
	close(fd);
	SAME(p[0] + p[d.size / 4 - 1], 3);
}

CHECK(dumb_buffers_that_cannot_be)
{
	struct drm_mode_create_dumb d = { .width = 100, .height = 50, .bpp = 16 };
	struct drm_gem_close c = { .handle = 4711 };
	int fd = open_card();

	FAILS(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), EINVAL);
	d = (struct drm_mode_create_dumb){ .width = 0, .height = 50, .bpp = 32 };
	FAILS(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), EINVAL);
	d = (struct drm_mode_create_dumb){ .width = 0xffffffff, .height = 0xffffffff, .bpp = 32 };
	FAILS(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c), EINVAL);
}

CHECK(framebuffers)
{
	int fd = open_card(), other = open_card();
	struct drm_mode_create_dumb d = { .width = 128, .height = 64, .bpp = 32 };
	struct drm_mode_fb_cmd2 f, wrong;
	struct drm_mode_fb_cmd get = { 0 };
	uint32_t ids[4], id;
	struct drm_mode_card_res r = { .fb_id_ptr = (uintptr_t)ids, .count_fbs = 4 };

	SAME(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), 0);
	f = (struct drm_mode_fb_cmd2){ .width = 128, .height = 64, .pixel_format = DRM_FORMAT_XRGB8888,
				       .handles = { d.handle }, .pitches = { d.pitch } };
	SAME(ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &f), 0);
	wrong = f;
	wrong.pixel_format = DRM_FORMAT_RGB565;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &wrong), ENOENT);
	wrong = f;
	wrong.handles[0] = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &wrong), EINVAL);
	wrong = f;
	wrong.pitches[0] = 8;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &wrong), EINVAL);
	wrong = f;
	wrong.width = 9000;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &wrong), EINVAL);
	get.fb_id = f.fb_id;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETFB, &get), 0);
	SAME(get.width, 128);
	SAME(get.depth, 24);
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &r), 0);
	SAME(r.count_fbs, 1);
	SAME(ids[0], f.fb_id);
	id = f.fb_id;
	FAILS(ioctl(other, DRM_IOCTL_MODE_RMFB, &id), ENOENT);
	SAME(ioctl(fd, DRM_IOCTL_MODE_RMFB, &id), 0);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_RMFB, &id), ENOENT);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_GETFB, &get), ENOENT);
}

CHECK(buffers_as_descriptors)
{
	int fd = open_card(), render = open(RENDER, O_RDWR), pair[2];
	struct buffer b;
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC | DRM_RDWR }, back = { 0 };
	char control[CMSG_SPACE(sizeof(int))], byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	uint32_t *seen;
	pid_t pid;

	SAME(buffer_make(fd, &b, 64, 64), 0);
	FAILS(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), ENOENT);
	p.handle = b.handle;
	p.flags = 1;
	FAILS(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), EINVAL);
	p.flags = DRM_CLOEXEC | DRM_RDWR;
	SAME(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
	SAME(fcntl(p.fd, F_GETFD), FD_CLOEXEC);
	SAME(lseek(p.fd, 0, SEEK_END), (off_t)b.size);
	SAME(lseek(p.fd, 0, SEEK_SET), 0);
	back.fd = p.fd;
	SAME(ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &back), 0);
	SAME(back.handle, b.handle);
	SAME(ioctl(render, DRM_IOCTL_PRIME_FD_TO_HANDLE, &back), 0);
	back.fd = 0;
	FAILS(ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &back), EINVAL);
	back.fd = 999;
	FAILS(ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &back), EBADF);
	b.pixels[17] = 0x123456;
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (!pid) {
		int got;

		close(fd);
		SAME(recvmsg(pair[1], &m, 0), 1);
		c = CMSG_FIRSTHDR(&m);
		EXPECT(c && c->cmsg_type == SCM_RIGHTS);
		memcpy(&got, CMSG_DATA(c), sizeof(got));
		seen = mmap(NULL, b.size, PROT_READ | PROT_WRITE, MAP_SHARED, got, 0);
		EXPECT(seen != MAP_FAILED);
		SAME(seen[17], 0x123456);
		seen[18] = 0x654321;
		_exit(0);
	}
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &p.fd, sizeof(int));
	SAME(sendmsg(pair[0], &m, 0), 1);
	child_ok(pid);
	SAME(b.pixels[18], 0x654321);
}

/* ---- what is shown ---------------------------------------------------------------------------------- */

CHECK(modes_are_set)
{
	int fd = open_card();
	struct drm_mode_crtc c = { 0 };
	struct buffer b, small;
	struct screen s, wrong;

	SAME(screen_find(fd, &s), 0);
	SAME(buffer_make(fd, &b, s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(buffer_make(fd, &small, 64, 64), 0);
	SAME(crtc_set(fd, &s, 0), 0);
	FAILS(page_flip(fd, s.crtc, b.fb, 0, 0), EBUSY);
	FAILS(crtc_set(fd, &s, 99999), ENOENT);
	FAILS(crtc_set(fd, &s, small.fb), ENOSPC);
	wrong = s;
	wrong.crtc = s.connector;
	FAILS(crtc_set(fd, &wrong, b.fb), ENOENT);
	wrong = s;
	wrong.connector = s.crtc;
	FAILS(crtc_set(fd, &wrong, b.fb), ENOENT);
	wrong = s;
	wrong.mode.hsync_start = 1;
	FAILS(crtc_set(fd, &wrong, b.fb), EINVAL);
	SAME(crtc_set(fd, &s, b.fb), 0);
	c.crtc_id = s.crtc;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETCRTC, &c), 0);
	SAME(c.fb_id, b.fb);
	SAME(c.mode_valid, 1);
	SAME(c.mode.hdisplay, s.mode.hdisplay);
	SAME(crtc_set(fd, &s, 0), 0);
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETCRTC, &c), 0);
	SAME(c.fb_id, 0);
	SAME(c.mode_valid, 0);
}

CHECK(pages_are_flipped)
{
	int fd = open_card();
	struct buffer b[2], small;
	struct screen s;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct drm_event_vblank e[4];

	SAME(screen_find(fd, &s), 0);
	for (int i = 0; i < 2; i++)
		SAME(buffer_make(fd, &b[i], s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(buffer_make(fd, &small, 64, 64), 0);
	SAME(crtc_set(fd, &s, b[0].fb), 0);
	SAME(poll(&p, 1, 0), 0);
	SAME(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	FAILS(read(fd, e, sizeof(e)), EAGAIN);
	for (int i = 1; i < 10; i++) {
		SAME(page_flip(fd, s.crtc, b[i % 2].fb, DRM_MODE_PAGE_FLIP_EVENT, 4700 + i), 0);
		SAME(poll(&p, 1, -1), 1);
		SAME(read(fd, e, 16), 0);
		SAME(read(fd, e, sizeof(e)), sizeof(e[0]));
		SAME(e[0].base.type, DRM_EVENT_FLIP_COMPLETE);
		SAME(e[0].base.length, sizeof(e[0]));
		SAME(e[0].user_data, 4700 + i);
		SAME(e[0].crtc_id, s.crtc);
	}
	SAME(page_flip(fd, s.crtc, b[0].fb, 0, 0), 0);
	SAME(poll(&p, 1, 0), 0);
	FAILS(page_flip(fd, s.crtc, 99999, 0, 0), ENOENT);
	FAILS(page_flip(fd, s.connector, b[0].fb, 0, 0), ENOENT);
	FAILS(page_flip(fd, s.crtc, small.fb, 0, 0), ENOSPC);
	FAILS(page_flip(fd, s.crtc, b[0].fb, DRM_MODE_PAGE_FLIP_ASYNC, 0), EINVAL);
	FAILS(page_flip(fd, s.crtc, b[0].fb, 0x80, 0), EINVAL);
}

CHECK(what_goes_is_not_shown)
{
	int fd = open_card(), watcher = open_card();
	struct drm_mode_crtc c = { 0 };
	struct buffer b;
	struct screen s;
	pid_t pid;

	SAME(screen_find(fd, &s), 0);
	c.crtc_id = s.crtc;
	SAME(buffer_make(fd, &b, s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(crtc_set(fd, &s, b.fb), 0);
	SAME(ioctl(fd, DRM_IOCTL_MODE_RMFB, &b.fb), 0);
	SAME(ioctl(watcher, DRM_IOCTL_MODE_GETCRTC, &c), 0);
	SAME(c.fb_id, 0);
	/* A program that shows something dies. (What is mapped would keep the file open.) */
	SAME(munmap(b.pixels, b.size), 0);
	close(fd);
	pid = fork();
	if (!pid) {
		int own = open_card();

		SAME(buffer_make(own, &b, s.mode.hdisplay, s.mode.vdisplay), 0);
		SAME(crtc_set(own, &s, b.fb), 0);
		SAME(ioctl(watcher, DRM_IOCTL_MODE_GETCRTC, &c), 0);
		SAME(c.fb_id, b.fb);
		kill(getpid(), SIGKILL);
	}
	SAME(waitpid(pid, NULL, 0), pid);
	SAME(ioctl(watcher, DRM_IOCTL_MODE_GETCRTC, &c), 0);
	SAME(c.fb_id, 0);
}

CHECK(damage)
{
	int fd = open_card();
	struct drm_clip_rect r = { 10, 10, 20, 20 };
	struct drm_mode_fb_dirty_cmd d = { 0 };
	struct buffer b;
	struct screen s;

	SAME(screen_find(fd, &s), 0);
	SAME(buffer_make(fd, &b, s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(crtc_set(fd, &s, b.fb), 0);
	d.fb_id = b.fb;
	SAME(ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &d), 0);
	d.num_clips = 1;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &d), EINVAL);
	d.clips_ptr = (uintptr_t)&r;
	SAME(ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &d), 0);
	d.clips_ptr = (uintptr_t)nowhere;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &d), EFAULT);
	d = (struct drm_mode_fb_dirty_cmd){ .fb_id = 99999 };
	FAILS(ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &d), ENOENT);
}

CHECK(a_display_sleeps)
{
	int fd = open_card();
	struct drm_mode_obj_set_property o = { .value = DRM_MODE_DPMS_OFF, .obj_type = DRM_MODE_OBJECT_CONNECTOR };
	struct buffer b;
	struct screen s;
	uint64_t value;

	SAME(screen_find(fd, &s), 0);
	SAME(buffer_make(fd, &b, s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(crtc_set(fd, &s, b.fb), 0);
	o.obj_id = s.connector;
	EXPECT(property(fd, s.connector, DRM_MODE_OBJECT_CONNECTOR, "DPMS", &o.prop_id, &value));
	SAME(value, DRM_MODE_DPMS_ON);
	SAME(ioctl(fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &o), 0);
	EXPECT(property(fd, s.connector, DRM_MODE_OBJECT_CONNECTOR, "DPMS", &o.prop_id, &value));
	SAME(value, DRM_MODE_DPMS_OFF);
	o.value = DRM_MODE_DPMS_ON;
	SAME(ioctl(fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &o), 0);
	o.value = DRM_MODE_DPMS_STANDBY;	/* is as good as off */
	SAME(ioctl(fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &o), 0);
	EXPECT(property(fd, s.connector, DRM_MODE_OBJECT_CONNECTOR, "DPMS", &o.prop_id, &value));
	SAME(value, DRM_MODE_DPMS_OFF);
}

CHECK(a_pointer)
{
	int fd = open_card();
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_mode_cursor2 c = { .flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .width = 64, .height = 64,
				      .x = 100, .y = 50, .hot_x = 1, .hot_y = 2 };
	struct drm_mode_cursor one = { .flags = DRM_MODE_CURSOR_MOVE };
	struct buffer b;
	struct screen s;

	SAME(screen_find(fd, &s), 0);
	SAME(buffer_make(fd, &b, s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(crtc_set(fd, &s, b.fb), 0);
	SAME(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), 0);
	c.crtc_id = one.crtc_id = s.crtc;
	c.handle = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_CURSOR2, &c), EINVAL);
	c.handle = d.handle;
	SAME(ioctl(fd, DRM_IOCTL_MODE_CURSOR2, &c), 0);
	for (int i = 0; i < 300; i++) {
		one.x = i;
		SAME(ioctl(fd, DRM_IOCTL_MODE_CURSOR, &one), 0);
	}
	c.handle = 0;
	c.flags = DRM_MODE_CURSOR_BO;
	SAME(ioctl(fd, DRM_IOCTL_MODE_CURSOR2, &c), 0);
	one.flags = 0;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_CURSOR, &one), EINVAL);
	one.flags = 8;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_CURSOR, &one), EINVAL);
}

CHECK(planes_are_set)
{
	int fd = open_card();
	struct drm_set_client_cap universal = { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 };
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_mode_fb_cmd f = { .width = 64, .height = 64, .bpp = 32, .depth = 32, .pitch = 256 };
	struct drm_mode_set_plane p = { 0 }, q;
	struct drm_mode_get_plane_res r = { .count_planes = 2 };
	struct drm_mode_crtc c = { 0 };
	uint32_t ids[2], format = 0;
	struct drm_mode_get_plane g = { .format_type_ptr = (uintptr_t)&format, .count_format_types = 1 };
	struct buffer b[2];
	struct screen s;

	r.plane_id_ptr = (uintptr_t)ids;
	SAME(ioctl(fd, DRM_IOCTL_SET_CLIENT_CAP, &universal), 0);
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &r), 0);
	g.plane_id = ids[0];
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETPLANE, &g), 0);
	EXPECT(format == DRM_FORMAT_XRGB8888);
	SAME(screen_find(fd, &s), 0);
	for (int i = 0; i < 2; i++)
		SAME(buffer_make(fd, &b[i], s.mode.hdisplay, s.mode.vdisplay), 0);
	SAME(crtc_set(fd, &s, b[0].fb), 0);
	p = (struct drm_mode_set_plane){ .plane_id = ids[0], .crtc_id = s.crtc, .fb_id = b[1].fb, .crtc_w = s.mode.hdisplay,
		.crtc_h = s.mode.vdisplay, .src_w = s.mode.hdisplay << 16, .src_h = s.mode.vdisplay << 16 };
	SAME(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &p), 0);
	c.crtc_id = s.crtc;
	SAME(ioctl(fd, DRM_IOCTL_MODE_GETCRTC, &c), 0);
	SAME(c.fb_id, b[1].fb);
	q = p, q.plane_id = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), ENOENT);
	q = p, q.fb_id = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), ENOENT);
	q = p, q.crtc_id = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), ENOENT);
	q = p, q.src_x = 1 << 16;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), ENOSPC);
	q = p, q.src_w /= 2;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), ERANGE);
	q = p, q.crtc_w = 0x80000000;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), ERANGE);
	q = p, q.crtc_w = 320, q.src_w = 320 << 16;
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), EINVAL);

	SAME(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), 0);
	f.handle = d.handle;
	SAME(ioctl(fd, DRM_IOCTL_MODE_ADDFB, &f), 0);
	q = p, q.fb_id = f.fb_id;			/* of a format that this plane has not */
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &q), EINVAL);
	p = (struct drm_mode_set_plane){ .plane_id = ids[1], .crtc_id = s.crtc, .fb_id = f.fb_id, .crtc_x = 10, .crtc_y = 20,
		.crtc_w = 64, .crtc_h = 64, .src_w = 64 << 16, .src_h = 64 << 16 };
	SAME(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &p), 0);
	p.fb_id = 0;
	SAME(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &p), 0);
	close(fd);
	fd = open(RENDER, O_RDWR);
	FAILS(ioctl(fd, DRM_IOCTL_MODE_SETPLANE, &p), EACCES);
}

/* Older than descriptors: a number that leads whoever may set modes or was let in to the same buffer. */
CHECK(buffers_as_names)
{
	int fd = open_card(), other = open_card(), render = open(RENDER, O_RDWR);
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_gem_flink name = { .handle = 4711 }, again;
	struct drm_gem_close c = { 0 };
	struct drm_gem_open o = { .name = 4711 };

	FAILS(ioctl(fd, DRM_IOCTL_GEM_FLINK, &name), ENOENT);
	SAME(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d), 0);
	name.handle = d.handle;
	SAME(ioctl(fd, DRM_IOCTL_GEM_FLINK, &name), 0);
	EXPECT(name.name);
	again = (struct drm_gem_flink){ .handle = d.handle };
	SAME(ioctl(fd, DRM_IOCTL_GEM_FLINK, &again), 0);
	SAME(again.name, name.name);
	FAILS(ioctl(other, DRM_IOCTL_GEM_OPEN, &o), ENOENT);
	o.name = name.name;
	SAME(ioctl(other, DRM_IOCTL_GEM_OPEN, &o), 0);
	SAME(o.size, d.size);
	EXPECT(o.handle);
	FAILS(ioctl(render, DRM_IOCTL_GEM_OPEN, &o), EACCES);
	FAILS(ioctl(render, DRM_IOCTL_GEM_FLINK, &name), EACCES);
	c.handle = d.handle;
	SAME(ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c), 0);
	SAME(ioctl(fd, DRM_IOCTL_GEM_OPEN, &o), 0);
	c.handle = o.handle;
	SAME(ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c), 0);
	close(other);
	FAILS(ioctl(fd, DRM_IOCTL_GEM_OPEN, &o), ENOENT);
}

/* ---- virtio-gpu's own, without VirGL ----------------------------------------------------------------- */

CHECK(a_plane_device_does_not_draw)
{
	int value = -1, fd = open(RENDER, O_RDWR);
	struct drm_virtgpu_getparam p = { VIRTGPU_PARAM_3D_FEATURES, (uintptr_t)&value };
	struct drm_virtgpu_execbuffer e = { 0 };
	struct drm_virtgpu_resource_create r = { .target = 2, .format = 1, .width = 16, .height = 16, .depth = 1,
						 .array_size = 1, .size = 1024 };
	struct drm_virtgpu_resource_info i = { 0 };
	struct drm_virtgpu_3d_transfer_from_host t = { 0 };
	struct drm_virtgpu_3d_wait w = { 0 };
	struct drm_virtgpu_map m = { 0 };
	struct drm_virtgpu_get_caps c = { .cap_set_id = 1, .size = 308 };
	struct drm_virtgpu_resource_create_blob b = { .blob_mem = VIRTGPU_BLOB_MEM_GUEST, .size = 4096 };
	struct drm_virtgpu_context_init n = { 0 };
	uint32_t *p0;

	EXPECT(fd >= 0);
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), 0);
	SAME(value, 0);
	p.param = VIRTGPU_PARAM_CAPSET_QUERY_FIX;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), 0);
	SAME(value, 1);
	p.param = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e), ENOSYS);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), ENOSYS);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &t), ENOSYS);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &n), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), ENOENT);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &m), ENOENT);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i), ENOENT);
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r), 0);
	EXPECT(r.bo_handle && r.res_handle);
	i.bo_handle = r.bo_handle;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i), 0);
	SAME(i.res_handle, r.res_handle);
	SAME(i.size, 4096);
	m.handle = w.handle = r.bo_handle;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &m), 0);
	p0 = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	EXPECT(p0 != MAP_FAILED && !p0[1023]);
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), 0);
	r.depth = 2;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r), EINVAL);
}

/*
 * notices PATH...: what inotify(7) tells of names that come to these directories or go, and of the end of what is
 * watched, one line each on standard output: "PATH created NAME", "PATH deleted NAME", "PATH ended". It says "watching"
 * when it does, and ends when nothing is left to watch.
 */
#include <err.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static void tell(const char *path, const struct inotify_event *e)
{
	if (e->mask & (IN_CREATE | IN_DELETE))
		printf("%s %s %s\n", path, e->mask & IN_CREATE ? "created" : "deleted", e->name);
	else if (e->mask & IN_DELETE_SELF)
		printf("%s ended\n", path);
}

int main(int argc, char **argv)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int in = inotify_init1(IN_CLOEXEC), left = argc - 1;

	if (in < 0)
		err(1, "inotify_init1");
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The first watch of an instance is 1, the next one more. */
	for (int i = 1; i < argc; i++)
		if (inotify_add_watch(in, argv[i], IN_CREATE | IN_DELETE | IN_DELETE_SELF) != i)
			err(1, "%s", argv[i]);
	puts("watching");
	while (left) {
		ssize_t got = read(in, buffer, sizeof(buffer));

		if (got < 0)
			err(1, "read");
		for (char *at = buffer; at < buffer + got;) {
			const struct inotify_event *e = (const void *)at;

			tell(argv[e->wd], e);
			left -= !!(e->mask & IN_IGNORED);
			at += sizeof(*e) + e->len;
		}
	}
	return 0;
}

/*
 * inputread NAME PACKETS: print that many packets of events that the input device of this name reports, a line an
 * event: type, code, value. "reading" comes first, when nothing that happens from then on can be missed. Repeats of a
 * key are left out: how many there are depends on how long it was held.
 */
#include <stdlib.h>
#include "evdev.h"

int main(int argc, char **argv)
{
	int packets = argc > 2 ? atoi(argv[2]) : 1, fd = argc > 1 ? evdev_open(argv[1], O_RDONLY) : -1;
	struct input_event e;

	if (fd < 0) {
		printf("no such device\n");
		return 1;
	}
	printf("reading\n");
	fflush(stdout);
	while (packets) {
		if (read(fd, &e, sizeof(e)) != sizeof(e)) {
			perror("read");
			return 1;
		}
		if ((e.type == EV_KEY && e.value == 2) || (e.type == EV_SYN && e.value == 1))
			continue;
		printf("%d %d %d\n", e.type, e.code, e.value);
		fflush(stdout);
		packets -= e.type == EV_SYN && e.code == SYN_REPORT;
	}
	return 0;
}

/* Calls that do not exist: ENOSYS, and nothing else is touched. */
#include "bcheck.h"

/* The call; every register that a call may use has a value before it, and but for x0 the same after it. */
static long raw(long number)
{
	long after[18];

	__asm__ volatile(
		"mov x19, %0\n mov x8, %1\n"
		"mov x0, #100\n mov x1, #101\n mov x2, #102\n mov x3, #103\n mov x4, #104\n mov x5, #105\n"
		"mov x6, #106\n mov x7, #107\n mov x9, #109\n mov x10, #110\n mov x11, #111\n mov x12, #112\n"
		"mov x13, #113\n mov x14, #114\n mov x15, #115\n mov x16, #116\n mov x17, #117\n"
		"svc #0\n"
		"stp x0, x1, [x19]\n stp x2, x3, [x19, #16]\n stp x4, x5, [x19, #32]\n stp x6, x7, [x19, #48]\n"
		"stp x8, x9, [x19, #64]\n stp x10, x11, [x19, #80]\n stp x12, x13, [x19, #96]\n"
		"stp x14, x15, [x19, #112]\n stp x16, x17, [x19, #128]\n"
		: : "r"(after), "r"(number)
		: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		  "x16", "x17", "x19", "memory", "cc");
	for (int i = 1; i < 18; i++)
		SAME(after[i], i == 8 ? number : 100 + i);
	return after[0];
}

CHECK(syscall_enosys)
{
	/* Far behind the table, negative, and the range that the generic table leaves to architectures. */
	static const long numbers[] = { 1000, 5000, 0x7fffffff, -1, -1000, 244, 250, 259 };
	pid_t self = getpid();

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		SAME(raw(numbers[i]), -ENOSYS);
		FAILS(syscall(numbers[i], nowhere, nowhere, nowhere, nowhere, nowhere, nowhere), ENOSYS);
	}
	/* Again and again: nothing is used up, and calls that exist go on working. */
	for (int i = 0; i < 1000; i++)
		SAME(raw(4000 + i), -ENOSYS);
	SAME(getpid(), self);
	SAME(raw(SYS_getpid), self);
}

/* What <linux/if.h> includes: the kernel's answer, not the host's C library's. */
#include "sys/socket.h"

/* The kernel's clocks and times are the C library's by number and layout, and a test has those already. */
#pragma once
#include <sys/time.h>
#include <time.h>

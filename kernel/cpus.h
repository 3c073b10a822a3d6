/*
 * The other CPUs (cpus.c).
 */
#pragma once

/* Start as many of those that firmware lists as maxcpus= says; once. Process context, on the boot CPU. */
void cpus_start(void);

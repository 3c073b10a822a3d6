/*
 * The other CPUs (cpus.c).
 */
#pragma once

/* Start all that firmware lists, or as many as maxcpus= says; once. Process context, on the boot CPU. */
void cpus_start(void);

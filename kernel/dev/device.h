/*
 * Initialisers and drivers announce themselves in linker sections, so that
 * main.c lists stages only.
 */
#pragma once
#include "base/defs.h"

/* Drivers of things that platform describes (controllers, timer, UART): probed in the order of their stage. */
enum driver_stage { DRIVER_INTC, DRIVER_MSI, DRIVER_TIMER, DRIVER_CONSOLE, DRIVER_BUS, DRIVER_LATE };
struct platform_driver {
	const char *name;
	enum driver_stage stage;
	int (*probe)(void);	/* 0, -ENODEV (not this machine: silent), other errors are logged */
};
#define PLATFORM_DRIVER(id, stage_, probe_) \
	static const struct platform_driver platform_driver_##id kept section(".platform_drivers") aligned(8) = \
		{ .name = #id, .stage = (stage_), .probe = (probe_) }
/* Run the probes of a stage. Thread context; returns how many succeeded. */
int drivers_probe(enum driver_stage stage);

/* Other initialisers, run in order of level once threads run: INIT(net, 3, fn). */
struct initialiser { const char *name; u32 level; int (*fn)(void); };
#define INIT_CORE 0	/* caches, tables */
#define INIT_FS 1
#define INIT_NET 2
#define INIT_PROC 3
#define INIT_LATE 4
#define INIT(id, level_, fn_) \
	static const struct initialiser initialiser_##id kept section(".initialisers") aligned(8) = \
		{ .name = #id, .level = (level_), .fn = (fn_) }
void initialisers_run(u32 level);

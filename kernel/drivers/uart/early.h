/*
 * A voice for panics before the UART driver runs.
 */
#pragma once
#include "base/defs.h"

/* Boot, once. dtb: mapped, or NULL: then ACPI's tables are asked. Replaced when the first real log sink comes. */
void early_console_start(const void *dtb, u64 rsdp);

/*
 * A voice for panics before the UART driver runs.
 */
#pragma once

/* Boot, once. dtb: mapped, or NULL. Replaced when the first real log sink comes. */
void early_console_start(const void *dtb);

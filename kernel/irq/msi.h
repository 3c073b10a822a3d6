/*
 * Message-signalled interrupts: an msi_controller makes an irq whose line is
 * raised by a device's memory write, and says which write.
 */
#pragma once
#include "irq/domain.h"

struct msi_controller {
	const char *name;		/* "GICv2m" for the boot log */
	const char *lines;		/* what its interrupts are in the controller's manual: "SPI", "LPI" */
	/* n irqs for the requester; each with msi_address/msi_data composed, masked, edge. contiguous: data values follow
	 * each other and the first is aligned to n rounded up to a power of two (plain MSI). domain_name e.g.
	 * "GICv2m-MSIX". 0, -ENOSPC (fewer left than n), -ENOMEM. Process context. */
	int (*alloc)(struct msi_controller *c, u32 device_id, u32 n, bool contiguous, const char *kind, struct irq **irqs);
	void (*free)(struct msi_controller *c, struct irq **irqs, u32 n);
	struct list_node node;
	u64 phandle_or_base;		/* which firmware node it is (msi-map, msi-parent) */
	bool anyones;			/* every device's messages arrive, whatever firmware says of who serves whom */
};
void msi_controller_register(struct msi_controller *c);
/* The controller that serves this firmware reference, or, when ref is 0, the first that is anyone's, else the only
 * one there is; NULL: none. */
struct msi_controller *msi_controller_find(u64 ref);

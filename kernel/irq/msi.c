/*
 * The list of controllers that make message-signalled interrupts. gicv2m and
 * the ITS register here; drivers/pci asks for the one that firmware names.
 */
#include "irq/msi.h"

static struct list_node controllers = LIST_INIT(controllers);	/* [lock] */
static struct spinlock lock = SPINLOCK_INIT("msi_controllers");

void msi_controller_register(struct msi_controller *c)
{
	spin_lock(&lock);
	list_push_back(&controllers, &c->node);
	spin_unlock(&lock);
}

struct msi_controller *msi_controller_find(u64 ref)
{
	struct msi_controller *c, *found = NULL;
	u32 count = 0;

	spin_lock(&lock);
	list_for_each(c, &controllers, node) {
		count++;
		if (ref ? c->phandle_or_base == ref : !found || (c->anyones && !found->anyones))
			found = c;
	}
	spin_unlock(&lock);
	/* Without a reference a single controller is no guess, nor is one that takes all messages. */
	return ref || count == 1 || (found && found->anyones) ? found : NULL;
}

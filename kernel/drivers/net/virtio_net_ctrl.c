/*
 * virtio-net, the control queue: what the card is to receive, another address, and that an announcement was made. The
 * operations of the interface call it, the link's work (virtio_net.c), and virtio_net_pairs.c.
 *
 * One command at a time, in process context: its caller sleeps until the card has answered, which comes by the vector
 * of the configuration. While that is shut, because the interface is down, or where there is none, the answer is looked
 * for a hundred times a second. A card that leaves a command lying gets no other.
 *
 * Source: Virtio 1.2, 5.1.6.5.
 */
#include "drivers/net/virtio_net.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "mm/dma.h"
#include "net/net.h"

#define CLASS_RX	0
#define  RX_PROMISC	0
#define  RX_ALLMULTI	1
#define CLASS_MAC	1
#define  MAC_TABLE_SET	0
#define  MAC_ADDR_SET	1
#define CLASS_ANNOUNCE	3
#define  ANNOUNCE_ACK	0
#define ACK_OK		0

#define ANSWER_NS	(5 * NSEC_PER_SEC)
#define LOOK_NS		(NSEC_PER_SEC / 100)

/* What the card is given of a command. */
struct virtio_net_command {
	u8 class, command;		/* it reads these ... */
	u8 ack;				/* ... writes this ... */
	u8 pad;
	u8 data[2044];			/* ... and reads of this what the command has */
};

/* The filter's two tables as a command's data: of single addresses, of which there are none, and of groups. */
struct virtio_net_filter {
	le32 singles, groups;
	u8 mac[][ETH_ALEN];
};
#define GROUPS_MAX ((sizeof(((struct virtio_net_command *)0)->data) - sizeof(struct virtio_net_filter)) / ETH_ALEN)

bool virtio_net_ctrl_answered(const struct virtio_net *v)
{
	return virtqueue_has_used(&v->ctrl) || v->ctrl.broken;
}

/* Sleep until the card has answered: 0 or -EIO. [ctrl_mutex] */
static int answer_wait(struct virtio_net *v)
{
	u64 limit = clock_ns() + ANSWER_NS, step = v->nic.up && !v->nic.timer_polled ? ANSWER_NS : LOOK_NS;
	int err;

	do
		err = wait_event_uninterruptible(&v->ctrl_wait, virtio_net_ctrl_answered(v), clock_ns() + step);
	while (err && clock_ns() < limit);
	if (err && !virtio_net_ctrl_answered(v))
		virtqueue_break(&v->ctrl, "no answer to command", v->command->class << 8 | v->command->command);
	return v->ctrl.broken ? -EIO : 0;
}

u8 *virtio_net_command_begin(struct virtio_net *v)
{
	mutex_lock(&v->ctrl_mutex);
	return v->command->data;
}

void virtio_net_command_end(struct virtio_net *v)
{
	mutex_unlock(&v->ctrl_mutex);
}

/* With n bytes of v->command->data. [ctrl_mutex] */
int virtio_net_command(struct virtio_net *v, u8 class, u8 cmd, u32 n)
{
	u32 len, out = n ? 2 : 1;
	u64 at = dma_addr(v->command);
	struct virtq_seg segs[3] = {
		{ at, 2 }, { at + offsetof(struct virtio_net_command, data), n },
	};
	int err;

	segs[out] = (struct virtq_seg){ at + offsetof(struct virtio_net_command, ack), 1 };
	v->command->class = class;
	v->command->command = cmd;
	v->command->ack = ~ACK_OK;
	err = virtqueue_add(&v->ctrl, segs, out, 1, v->command);
	if (err)
		return -EIO;
	virtqueue_arm(&v->ctrl);	/* nothing is in flight that could slip in */
	virtqueue_kick(&v->ctrl);
	err = answer_wait(v);
	if (err || !virtqueue_get(&v->ctrl, &len))
		return -EIO;
	return READ_ONCE(v->command->ack) == ACK_OK ? 0 : -EINVAL;
}

static void group_add(void *arg, const u8 mac[ETH_ALEN])
{
	struct virtio_net_filter *f = arg;

	if (f->groups++ < GROUPS_MAX)
		memcpy(f->mac[f->groups - 1], mac, ETH_ALEN);
}

static int switch_set(struct virtio_net *v, u8 cmd, bool on)
{
	v->command->data[0] = on;
	return virtio_net_command(v, CLASS_RX, cmd, 1);
}

void virtio_net_set_rx_mode(struct netif *nif)
{
	struct virtio_net *v = nif->priv;
	struct virtio_net_filter *f;
	bool all, promisc;
	int err = 0;

	if (!virtio_has(v->device, VIRTIO_NET_F_CTRL_RX))
		return;			/* all frames come */
	mutex_lock(&v->ctrl_mutex);
	if (!v->nic.up)
		goto out;		/* it will be done then */
	f = (struct virtio_net_filter *)v->command->data;
	f->singles = f->groups = 0;
	multicast_for_each(nif, group_add, f);
	promisc = nif->flags & NETIF_PROMISC;
	all = nif->flags & (NETIF_PROMISC | NETIF_ALLMULTI) || f->groups > GROUPS_MAX;
	/* Wider first: nobody who was heard is missed in between. */
	f->groups = MIN(f->groups, (u32)GROUPS_MAX);
	if (!all)
		err = virtio_net_command(v, CLASS_MAC, MAC_TABLE_SET, sizeof(*f) + f->groups * ETH_ALEN);
	err = err ? err : switch_set(v, RX_ALLMULTI, all);
	err = err ? err : switch_set(v, RX_PROMISC, promisc);
out:
	mutex_unlock(&v->ctrl_mutex);
	if (err == -EINVAL)
		log_err("%s: the device refuses to filter", v->device->name);
}

int virtio_net_set_mac(struct netif *nif, const u8 mac[ETH_ALEN])
{
	struct virtio_net *v = nif->priv;
	int err;

	if (!virtio_has(v->device, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return -EOPNOTSUPP;
	mutex_lock(&v->ctrl_mutex);
	memcpy(v->command->data, mac, ETH_ALEN);
	err = virtio_net_command(v, CLASS_MAC, MAC_ADDR_SET, ETH_ALEN);
	mutex_unlock(&v->ctrl_mutex);
	return err;
}

void virtio_net_announced(struct virtio_net *v)
{
	mutex_lock(&v->ctrl_mutex);
	virtio_net_command(v, CLASS_ANNOUNCE, ANNOUNCE_ACK, 0);
	mutex_unlock(&v->ctrl_mutex);
}

static void ctrl_broken(struct virtqueue *vq)
{
	wait_wake_all(&container_of(vq, struct virtio_net, ctrl)->ctrl_wait);
}

int virtio_net_ctrl_setup(struct virtio_net *v, u16 index, u16 vector)
{
	int err;

	mutex_init(&v->ctrl_mutex, "virtio_net.control");
	wait_queue_init(&v->ctrl_wait, "virtio_net.control");
	if (!virtio_has(v->device, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	v->command = dma_alloc(sizeof(*v->command));
	if (!v->command)
		return -ENOMEM;
	err = virtio_queue_setup(v->device, &v->ctrl, index, vector, 0);
	v->ctrl.on_broken = ctrl_broken;
	return err;
}

void virtio_net_ctrl_free(struct virtio_net *v)
{
	virtqueue_destroy(&v->ctrl);
	if (v->command)
		dma_free(v->command, sizeof(*v->command));
}

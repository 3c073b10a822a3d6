/*
 * The random generator: ChaCha20 with fast key erasure. Output is made a few
 * blocks at a time; the first 32 bytes of each batch become the next key, and
 * bytes handed out are wiped, so that a later look at the state tells
 * nothing about the past.
 *
 * Seeds: the device tree's rng-seed and EFI's (fw/), the CPU's RNDR, virtio-rng,
 * and the times of interrupts. What is mixed in is absorbed into the key by ChaCha20
 * itself; nothing is ever taken out by it.
 */
#include "core/random.h"
#include "arch/arm64/cpu.h"
#include "base/chacha20.h"
#include "base/string.h"
#include "core/event.h"
#include "core/log.h"
#include "core/spinlock.h"

#define BATCH		(8 * CHACHA20_BLOCK)
#define SEED_BITS	256u
#define RESEED_BATCHES	2048u		/* a megabyte */

static struct spinlock lock = SPINLOCK_INIT("random");	/* irq kind; all below */
static u32 key[8];
static u8 batch[BATCH];
static u32 batch_left;			/* bytes at the batch's end not handed out yet */
static u32 batches;			/* made since the device was last asked for a seed */
static u32 seed_bits;			/* entropy credited, up to SEED_BITS */
static u32 event_pool[16];		/* event times, not yet in the key */
static u32 event_count;
const struct random_source *random_source;

/* Make a new batch and a new key from the key. [lock] */
static void refill(void)
{
	static const u32 nonce[3];

	for (u32 i = 0; i < BATCH / CHACHA20_BLOCK; i++)
		chacha20_block(batch + i * CHACHA20_BLOCK, key, i, nonce);
	memcpy(key, batch, sizeof(key));
	memset(batch, 0, sizeof(key));
	batch_left = BATCH - sizeof(key);
	batches++;
}

/* The key becomes a function of itself and of 32 bytes more. [lock] */
static void absorb(const u32 in[8])
{
	u8 block[CHACHA20_BLOCK];
	u32 mixed[8];
	static const u32 nonce[3] = { 1 };

	for (u32 i = 0; i < 8; i++)
		mixed[i] = key[i] ^ in[i];
	chacha20_block(block, mixed, 0, nonce);
	memcpy(key, block, sizeof(key));
	memset(block, 0, sizeof(block));
	batch_left = 0;
}

/* A counter that differs in its low bits from run to run goes in with everything. */
static u32 now(void)
{
	return sysreg_read(cntvct_el0);
}

static void credit(u32 bits)
{
	bool before = seed_bits >= SEED_BITS;

	seed_bits = MIN(seed_bits + bits, SEED_BITS);
	if (!before && seed_bits >= SEED_BITS) {
		log_debug("random: seeded");
		core_event(CORE_EVENT_SEEDED);
	}
}

void random_seed(const void *data, size_t n, u32 bits)
{
	const u8 *p = data;
	u64 flags = spin_lock_irqsave(&lock);
	u32 in[8];

	while (n) {
		size_t step = MIN(n, sizeof(in));

		memset(in, 0, sizeof(in));
		memcpy(in, p, step);
		absorb(in);
		p += step;
		n -= step;
	}
	memset(in, 0, sizeof(in));
	in[0] = now();
	absorb(in);
	credit(bits);
	spin_unlock_irqrestore(&lock, flags);
}

void random_event(u64 value)
{
	u64 flags = spin_lock_irqsave(&lock);
	u32 i = event_count++ % ARRAY_SIZE(event_pool);

	event_pool[i] = (event_pool[i] << 7 | event_pool[i] >> 25) ^ now() ^ (u32)value ^ (u32)(value >> 32);
	if (event_count % 64 == 0) {
		absorb(event_pool);
		absorb(event_pool + 8);
		credit(32);		/* half a bit for each event */
	}
	spin_unlock_irqrestore(&lock, flags);
}

bool random_seeded(void)
{
	return READ_ONCE(seed_bits) >= SEED_BITS;
}

void random_bytes(void *buf, size_t n)
{
	u8 *p = buf;

	while (n) {
		u64 flags = spin_lock_irqsave(&lock);
		bool reseed = false;
		size_t step;

		if (!batch_left) {
			refill();
			if (unlikely(batches >= RESEED_BATCHES) && random_source) {
				batches = 0;
				reseed = true;
			}
		}
		step = MIN(n, batch_left);
		memcpy(p, batch + BATCH - batch_left, step);
		memset(batch + BATCH - batch_left, 0, step);
		batch_left -= step;
		spin_unlock_irqrestore(&lock, flags);
		if (unlikely(reseed))
			random_source->seed();
		p += step;
		n -= step;
	}
}

u32 random_u32(void)
{
	u32 v;

	random_bytes(&v, sizeof(v));
	return v;
}

u64 random_u64(void)
{
	u64 v;

	random_bytes(&v, sizeof(v));
	return v;
}

u32 random_below(u32 n)
{
	u32 v, low = -n % n;	/* values below it would make some results likelier */
	u64 product;

	do {
		v = random_u32();
		product = (u64)v * n;
	} while ((u32)product < low);
	return product >> 32;
}

/* RNDR (Arm ARM C5.2): false when the CPU has none, or none now. */
static bool cpu_random(u64 *v)
{
	u64 ok;

	if (!(sysreg_read(id_aa64isar0_el1) >> 60 & 0xf))
		return false;
	__asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, ne" : "=r"(*v), "=r"(ok) :: "cc");
	return ok;
}

void random_init(void)
{
	u64 v[4];
	u32 n = 0;

	while (n < ARRAY_SIZE(v) && cpu_random(&v[n]))
		n++;
	random_seed(v, n * sizeof(v[0]), n * 64);
}

/*
 * Devices and drivers of a bus: who gets which, in which order, by hand and by itself, and how long memory stays.
 *
 * sources: bus/bus.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "bus/internal.h"
#include "sched/thread.h"

/* ---- a bus whose drivers do as they are told ---- */

struct gadget { struct bus_device dev; bool released; };

static const struct bus_driver drivers[] = { { "first" }, { "second" }, { "third" } };
static int answers[3];			/* of each probe */
static char story[128];			/* what was called, a letter each */
static struct bus_device *unplugged;	/* goes while it is probed, as a port's slot finds it */

static void note(char what)
{
	size_t n = strlen(story);

	if (n + 1 < sizeof(story))
		story[n] = what;
}

static const struct bus_driver *driver_next(const struct bus_driver *d)
{
	return !d ? drivers : d + 1 < drivers + ARRAY_SIZE(drivers) ? d + 1 : NULL;
}

static struct bus_type bus;

static int probe(struct bus_device *d, const struct bus_driver *driver)
{
	EXPECT(d->driver == NULL);
	note('1' + (driver - drivers));
	return answers[driver - drivers];
}

static void take_back(struct bus_device *d)
{
	EXPECT(d->driver != NULL);
	EXPECT(!d->gone);
	note('r');
}

static void release(struct bus_device *d)
{
	container_of(d, struct gadget, dev)->released = true;
	note('f');
}

static struct bus_type bus = { BUS_INIT(bus, "test"), .driver_next = driver_next, .probe = probe, .remove = take_back, .release = release };

static void begin(int a, int b, int c)
{
	memset(story, 0, sizeof(story));
	answers[0] = a;
	answers[1] = b;
	answers[2] = c;
	mutex_lock(&bus.lock);
}

static struct gadget gadget(struct bus_device *parent)
{
	return (struct gadget){ .dev = { .bus = &bus, .name = "gadget", .parent = parent, .refs = 1 } };
}

/* ---- binding ---- */

TEST(the_first_driver_that_takes_it_has_it)
{
	struct gadget g = gadget(NULL);

	begin(-ENODEV, 0, 0);
	bus_device_add(&g.dev);
	bus_device_probe(&g.dev);
	EXPECT(g.dev.driver == &drivers[1]);
	EXPECT_STR(story, "12");
	bus_device_probe(&g.dev);		/* it has one */
	EXPECT_STR(story, "12");
	EXPECT_EQ(bus_bind(&g.dev, &drivers[2]), -EBUSY);
	bus_device_remove(&g.dev);
	EXPECT_STR(story, "12rf");
	mutex_unlock(&bus.lock);
}

TEST(a_driver_that_fails_says_so_and_the_next_is_asked)
{
	struct gadget g = gadget(NULL);

	begin(-EIO, -ENODEV, 0);
	bus_device_add(&g.dev);
	bus_device_probe(&g.dev);
	EXPECT(host_log_has("first: gadget: the device cannot be used: error 5"));
	EXPECT(!host_log_has("second: gadget"));
	EXPECT(g.dev.driver == &drivers[2]);
	bus_device_remove(&g.dev);
	mutex_unlock(&bus.lock);
}

TEST(nobody_wants_it)
{
	struct gadget g = gadget(NULL);

	begin(-ENODEV, -ENODEV, -ENOMEM);
	bus_device_add(&g.dev);
	bus_device_probe(&g.dev);
	EXPECT(g.dev.driver == NULL);
	bus_device_unbind(&g.dev);
	EXPECT_STR(story, "123");		/* there was nothing to take back */
	bus_device_remove(&g.dev);
	EXPECT_STR(story, "123f");
	mutex_unlock(&bus.lock);
}

TEST(by_hand)
{
	struct gadget g = gadget(NULL);

	begin(0, 0, -ENODEV);
	bus_device_add(&g.dev);
	EXPECT_EQ(bus_bind(&g.dev, &drivers[2]), -ENODEV);
	EXPECT(g.dev.driver == NULL);
	EXPECT_EQ(bus_bind(&g.dev, &drivers[1]), 0);
	for (u32 i = 0; i < 3; i++) {
		bus_device_unbind(&g.dev);
		bus_device_unbind(&g.dev);
		EXPECT_EQ(bus_bind(&g.dev, &drivers[0]), 0);
	}
	EXPECT_STR(story, "32r1r1r1");
	bus_device_remove(&g.dev);
	mutex_unlock(&bus.lock);
}

/* ---- coming and going ---- */

TEST(devices_are_listed_as_they_come)
{
	struct gadget g[3] = { gadget(NULL), gadget(NULL), gadget(NULL) };
	struct bus_device *d;
	u32 n = 0;

	begin(0, 0, 0);
	for (u32 i = 0; i < 3; i++)
		bus_device_add(&g[i].dev);
	list_for_each(d, &bus.devices, node)
		EXPECT(d == &g[n++].dev);
	EXPECT_EQ(n, 3u);
	bus_device_remove(&g[1].dev);
	EXPECT(list_first(&bus.devices, struct bus_device, node) == &g[0].dev);
	EXPECT(list_last(&bus.devices, struct bus_device, node) == &g[2].dev);
	bus_device_remove(&g[0].dev);
	bus_device_remove(&g[2].dev);
	EXPECT(list_empty(&bus.devices));
	mutex_unlock(&bus.lock);
}

/* An open file, and children, keep the memory of what they hang off, not the device. */
TEST(memory_stays_for_who_refers_to_it)
{
	struct gadget up = gadget(NULL), below = gadget(&up.dev), deeper = gadget(&below.dev);

	begin(0, 0, 0);
	bus_device_add(&up.dev);
	bus_device_add(&below.dev);
	bus_device_add(&deeper.dev);
	bus_device_get(&deeper.dev);
	bus_device_remove(&deeper.dev);
	bus_device_remove(&below.dev);
	bus_device_remove(&up.dev);
	EXPECT(up.dev.gone && below.dev.gone && deeper.dev.gone);
	EXPECT(!up.released && !below.released && !deeper.released);
	EXPECT(list_empty(&bus.devices));
	mutex_unlock(&bus.lock);
	bus_device_put(&deeper.dev);			/* the last: all of them, from the leaf up */
	EXPECT(up.released && below.released && deeper.released);
	EXPECT_STR(story, "fff");
}

/* A device cannot go while it is probed: who takes it away waits for the bus. */
static void unplug(void *arg)
{
	note('w');
	mutex_lock(&bus.lock);
	note('u');
	bus_device_remove(unplugged);
	mutex_unlock(&bus.lock);
}

TEST(removed_while_it_is_probed)
{
	struct gadget g = gadget(NULL);

	begin(0, 0, 0);
	unplugged = &g.dev;
	bus_device_add(&g.dev);
	REQUIRE(thread_create("unplug", unplug, NULL));
	host_run();					/* it is pulled now */
	bus_device_probe(&g.dev);
	EXPECT(g.dev.driver == &drivers[0]);
	EXPECT_STR(story, "w1");
	mutex_unlock(&bus.lock);
	host_run();
	EXPECT_STR(story, "w1urf");
	EXPECT(g.released);
}

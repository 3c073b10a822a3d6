#!/usr/bin/env python3
# quick
# ours: the faults are built into our kernel
"""The kernel's guards: each fault on purpose (kernel/sys/selftest.c) is caught and named."""
import os

from vmtest import TOP, Vm, main


def fault(name, *messages, **machine):
    with Vm(append=f"selftest={name}", net="none", **machine) as vm:
        vm.wait(rf"selftest: {name}$")
        for m in messages:
            vm.wait(m)
        assert vm.wait_exit() is not None
        assert f"selftest: {name}: done" not in vm.console, vm.tail()


def test_no_page_is_writable_and_executable():
    with Vm(append="selftest=wx", net="none") as vm:
        m = vm.wait(r"selftest: wx: (\d+) mappings, (\d+) executable, (\d+) writable and executable")
        assert int(m[1]) > 100 and int(m[2]) > 10 and int(m[3]) == 0, m[0]


def test_text_is_read_only():
    fault("write-text", r"write to read-only memory", r"test_write_text")


def test_user_memory_is_out_of_reach_with_pan():
    fault("user-read", r"the copy routines reach user memory",
          r"access to user memory outside the copy routines", r"test_user_read", cpu="cortex-a76")


def test_user_memory_is_out_of_reach_without_pan():
    """The build that keeps user memory out of TTBR0, on a CPU that has no PAN."""
    fault("user-read", r"the copy routines reach user memory",
          r"access to user memory outside the copy routines|access to a user address", r"test_user_read",
          cpu="cortex-a72", kernel=os.path.join(TOP, "build", "swpan", "Image"))


def test_stack_overflow():
    fault("stack", r"kernel stack overflow", r"recurse")


def test_lock_order():
    fault("lock-order", r"the other use:", r"test_lock_order",
          r"lock checker: taken in both orders: selftest a and selftest b", r"test_lock_order")


def test_lock_of_the_class_held():
    fault("lock-twice", r"while one of the same class is held: selftest twin", r"test_lock_twice")


def test_lock_in_softirq():
    fault("lock-softirq", r"the other use:", r"test_lock_softirq",
          r"taken in a softirq, and elsewhere with softirqs enabled: selftest a", r"lock_in_softirq")


def test_lock_in_interrupt():
    fault("lock-irq", r"the other use:", r"test_lock_irq",
          r"taken in an interrupt, and elsewhere with interrupts enabled: selftest a")


def test_sleep_with_a_spin_lock():
    fault("lock-sleep", r"the lock was taken here:", r"selftest_run|test_lock_sleep",
          r"sleeping with a spin lock held: selftest a", r"wait_until")


def test_mutex_in_atomic_context():
    fault("mutex-atomic", r"a mutex is taken where nobody may sleep: selftest mutex")


main()

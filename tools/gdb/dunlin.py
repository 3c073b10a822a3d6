"""gdb commands for a running Dunlin kernel.

    tools/run --debug --gdb          (in one terminal)
    gdb-multiarch -x tools/gdb/dunlin.py build/debug/dunlin.elf -ex 'target remote :1234'

    dunlin threads            every thread: where it sleeps, what it ran
    dunlin stack THREAD       the stack of a thread that is switched out (address, number or name)
    dunlin processes          the process table
    dunlin irqs               the interrupt lines, as /proc/interrupts has them, and their masks
    dunlin virtqueue EXPR     the rings of a virtqueue: EXPR is a struct virtqueue or a pointer to one
    dunlin log [LINES]        the end of the kernel's log

Everything is read from the kernel's own structures by their types, so a command says
which symbol it misses when the kernel has changed. Names of fields: kernel/sched/thread.h,
proc/process.h, irq/irq.h, drivers/virtio/virtqueue.h.
"""
import gdb

STATES = {"THREAD_RUNNABLE": "R", "THREAD_SLEEPING": "S", "THREAD_SLEEPING_DEEP": "D",
          "THREAD_STOPPED": "T", "THREAD_DEAD": "X"}


def value(expression):
    try:
        return gdb.parse_and_eval(expression)
    except gdb.error as e:
        raise gdb.GdbError(f"dunlin: {expression}: {e} (are the kernel's symbols loaded, and does it run yet?)")


def offset_of(type_name, member):
    return int(value(f"(unsigned long)&(({type_name} *)0)->{member}"))


def each(head, type_name, member):
    """The elements of a struct list_node list; an empty or unset one has none."""
    kind, offset = gdb.lookup_type(type_name).pointer(), offset_of(type_name, member)
    start = head.address
    node, seen = head["next"], 0
    while int(node) not in (0, int(start)):
        yield (node.cast(gdb.lookup_type("unsigned long")) - offset).cast(kind).dereference()
        node = node["next"]
        seen += 1
        if seen > 1000000:
            raise gdb.GdbError("dunlin: this list does not end")


def text(array):
    return array.string(errors="replace") if array.type.code != gdb.TYPE_CODE_PTR or int(array) else "?"


def where(pc):
    """Function and offset of a code address."""
    symbol = gdb.execute(f"info symbol {int(pc):#x}", to_string=True)
    return symbol.split(" in section")[0].replace(" ", "") if " in section" in symbol else f"{int(pc):#x}"


def frames(fp, pc, limit=40):
    """Program counters of a stack by its frame records."""
    yield int(pc)
    fp = int(fp)
    while fp and limit:
        try:
            record = value(f"(unsigned long *){fp:#x}")
            up, lr = int(record[0]), int(record[1])
        except gdb.MemoryError:
            return
        if not lr:
            return
        yield lr
        if up <= fp:
            return
        fp, limit = up, limit - 1


def sleeper(t):
    """The first function of the stack that is not the scheduler's own."""
    last = None
    for pc in frames(t["context"]["fp"], t["context"]["pc"], 12):
        last = where(pc)
        block = gdb.find_pc_line(pc).symtab
        if block is None or not block.filename.startswith("kernel/sched/"):
            return last
    return last


def cpus():
    return range(int(value("cpus_present")))


def of_cpu(name, cpu):
    """A per-CPU variable of that CPU."""
    kind = value(name).type.pointer()
    return value(f"(unsigned long)&{name} + percpu_offsets[{cpu}]").cast(kind).dereference()


def threads():
    """All that are listed, then each CPU's idle thread, which is not."""
    yield from each(value("'kernel/sched/thread.c'::threads"), "struct thread", "all_node")
    for cpu in cpus():
        yield of_cpu("run_queue", cpu)["idle"].dereference()


def seconds(ns):
    return f"{int(ns) / 1e9:.3f}"


class Dunlin(gdb.Command):
    """Look into a Dunlin kernel: dunlin threads|stack|processes|irqs|virtqueue|log"""

    def __init__(self):
        super().__init__("dunlin", gdb.COMMAND_DATA, gdb.COMPLETE_COMMAND, True)


class Command(gdb.Command):
    def __init__(self):
        super().__init__("dunlin " + self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        self.run(argument.strip())


class Threads(Command):
    """Every thread: dunlin threads"""
    name = "threads"

    def run(self, _):
        print(f"{'address':18} {'tid':>6} {'cpu':>3} S {'name':16} {'ran s':>9} {'switches':>9} where")
        for t in threads():
            state = STATES.get(str(t["state"].cast(gdb.lookup_type("enum thread_state"))), "?")
            running = bool(t["on_cpu"])
            print(f"{int(t.address):#018x} {int(t['tid']):6} {int(t['cpu']):3} {state} {text(t['name']):16} "
                  f"{seconds(t['run_ns']):>9} {int(t['switches_voluntary']) + int(t['switches_forced']):9} "
                  f"{'running' if running else sleeper(t)}")


class Stack(Command):
    """The stack of a thread that is switched out: dunlin stack ADDRESS|TID|NAME"""
    name = "stack"

    def run(self, argument):
        if not argument:
            raise gdb.GdbError("dunlin stack: which thread? Its address, number or name (dunlin threads)")
        for t in threads():
            if argument not in (hex(int(t.address)), f"{int(t.address):#018x}", str(int(t["tid"])), text(t["name"])):
                continue
            print(f"{text(t['name'])} (tid {int(t['tid'])})")
            if t["on_cpu"]:
                print(f"  it runs on CPU {int(t['cpu'])}: use gdb's own backtrace there")
                continue
            for pc in frames(t["context"]["fp"], t["context"]["pc"]):
                line = gdb.find_pc_line(pc)
                place = f"{line.symtab.filename}:{line.line}" if line.symtab else ""
                print(f"  {where(pc):40} {place}")


class Processes(Command):
    """The process table: dunlin processes"""
    name = "processes"

    def run(self, _):
        pointer = gdb.lookup_type("struct process").pointer()
        print(f"{'address':18} {'pid':>6} {'ppid':>6} {'pgrp':>6} {'sid':>6} {'threads':>7}  name")
        buckets, count = value("'kernel/sched/pid.c'::buckets"), int(value("'kernel/sched/pid.c'::bucket_count"))
        found = []
        for i in range(count):
            pid = buckets[i]
            while int(pid):
                if int(pid["process"]):
                    found.append(pid["process"].cast(pointer).dereference())
                pid = pid["hash_next"]
        for p in sorted(found, key=lambda p: int(p["pid"])):
            sig = p["sig"]
            name = text(p["leader"]["name"]) if int(p["leader"]) else text(p["name"])
            parent = int(p["parent"]["pid"]) if int(p["parent"]) else 0
            number = {k: int(sig[k]["number"]) if int(sig[k]) else 0 for k in ("pgrp", "session")}
            print(f"{int(p.address):#018x} {int(p['pid']):6} {parent:6} {number['pgrp']:6} {number['session']:6} "
                  f"{int(sig['thread_count']):7}  {name}{' (zombie)' if p['zombie'] else ''}")


class Irqs(Command):
    """The interrupt lines: dunlin irqs"""
    name = "irqs"

    def run(self, _):
        cpus = int(value("cpus_present"))
        heads = "".join(f"{'CPU' + str(i):>11}" for i in range(cpus))
        print(f"{'':>5}{heads} {'mask':>5} {'target':>6} {'controller':14} {'hwirq':>6} trigger  handler")
        for irq in each(value("irq_list"), "struct irq", "node"):
            counts = "".join(f"{int(irq['counts'][i]):11}" for i in range(cpus))
            actions, names = irq["actions"], []
            while int(actions):
                names.append(f"{text(actions['name'])} ({where(actions['handler'])})")
                actions = actions["next"]
            kind = "edge" if "EDGE" in str(irq["trigger"]) else "level"
            print(f"{int(irq['number']):4}:{counts} {int(irq['mask_depth']):5} {int(irq['cpu']):6} "
                  f"{text(irq['domain']['name']):14} {int(irq['hwirq']):6} {kind:8} {', '.join(names) or '-'}")


class Virtqueue(Command):
    """The state of a virtqueue: dunlin virtqueue EXPR (a struct virtqueue, or a pointer to one)"""
    name = "virtqueue"

    def run(self, argument):
        if not argument:
            raise gdb.GdbError("dunlin virtqueue: which one? An expression, such as &net->rx.vq")
        q = value(argument)
        if q.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            q = q.dereference()
        if q.type.strip_typedefs().tag != "virtqueue":
            raise gdb.GdbError(f"dunlin virtqueue: {argument} is a {q.type}, not a struct virtqueue")
        size = int(q["size"])
        packed = bool(q["is_packed"])
        print(f"{text(q['name'])} queue {int(q['index'])}, {size} entries{', packed' if packed else ''}"
              f"{', BROKEN' if q['broken'] else ''}")
        print(f"  free descriptors {int(q['free_count'])}, buffers with the device {int(q['in_flight'])}")
        (self.packed if packed else self.split)(q, size)
        shown = 0
        for i in range(size):
            slot = q["slots"][i]
            if int(slot["token"]) and shown < 16:
                # A packed ring's descriptors are not found by the id, and used entries lie over them.
                first = "" if packed else f"first {int(q['desc'][i]['addr']):#x} + {int(q['desc'][i]['len'])}, "
                print(f"  [{i}] {'in' if int(slot['writable']) else 'out':3} {int(slot['count'])} descriptor(s), "
                      f"{first}token {int(slot['token']):#x}")
                shown += 1
        if int(q["in_flight"]) > shown:
            print(f"  ... and {int(q['in_flight']) - shown} more")

    def split(self, q, size):
        avail, used = q["avail"], q["used"]
        used_idx, avail_idx = int(used["idx"]), int(avail["idx"])
        print(f"  available: written up to {int(q['avail_next'])}, published {avail_idx}")
        print(f"  used: the device at {used_idx}, taken up to {int(q['used_next'])}: "
              f"{(used_idx - int(q['used_next'])) & 0xffff} to take")
        if q["event_index"]:
            # used_event lies behind the available ring, avail_event behind the used ring (Virtio 1.2, 2.7.7.2).
            event = int(avail["ring"][size])
            kick = int(used["ring"][size]["id"]) & 0xffff
            print(f"  event index: interrupt when used passes {event}, kick when available passes {kick}")
        else:
            print(f"  flags: interrupts {'off' if int(avail['flags']) & 1 else 'on'}, "
                  f"kicks {'not wanted' if int(used['flags']) & 1 else 'wanted'}")

    def packed(self, q, size):
        def place(name):
            """An index and its wrap counter (Virtio 1.2, 2.8.14)."""
            return f"{int(q[name]) & 0x7fff} (wrap {int(q[name]) >> 15})"
        unpublished = (int(q["avail_next"]) - int(q["avail_published"])) & 0xffff
        at = q["packed_desc"][int(q["used_place"]) & 0x7fff]
        print(f"  next descriptor {place('avail_place')}, not published {unpublished}")
        print(f"  next used entry {place('used_place')}, flags there {int(at['flags']):#x}")
        for who, what in (("driver_event", "interrupts"), ("device_event", "kicks")):
            event = q[who].dereference()
            where = f"at {int(event['place']) & 0x7fff} (wrap {int(event['place']) >> 15})"
            print(f"  {what}: {('on', 'off', where, '?')[int(event['flags']) & 3]}")


class Log(Command):
    """The end of the kernel's log: dunlin log [LINES]"""
    name = "log"

    def run(self, argument):
        lines = int(argument) if argument.isdigit() else 30
        ring, head = value("'kernel/core/log.c'::log_ring"), int(value("'kernel/core/log.c'::log_head"))
        size = ring.type.sizeof
        data = gdb.selected_inferior().read_memory(int(ring.address), size).tobytes()
        kept = (data[head % size:] + data[:head % size]) if head > size else data[:head]
        print("\n".join(kept.decode("utf-8", "replace").strip("\0\n").split("\n")[-lines:]))


Dunlin()
for command in (Threads, Stack, Processes, Irqs, Virtqueue, Log):
    command()

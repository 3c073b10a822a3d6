# Builds the unit tests' programs: tests/unit/run calls this and wrote $(OUT)/suites.mk, which says
# what each program is made of. Kernel files are compiled as they are; only the headers found
# in tests/unit/host come before the kernel's own.

OUT ?= build/unit
UNIT_CC ?= gcc
UAPI ?= /usr/aarch64-linux-gnu/include

# The kernel accesses memory unaligned where the processor may: no alignment checks. A null pointer that is used faults
# by itself; one of which only a member's address is taken is fine.
SANITIZE := -fsanitize=address,undefined -fno-sanitize=alignment,null -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS := -std=gnu11 -g1 -O1 -Wall -Wextra -Werror -Wno-unused-parameter -fno-strict-aliasing -DCONFIG_DEBUG=1 \
	  -MMD -MP $(SANITIZE) -iquote tests/unit/host -iquote kernel -iquote tests/unit -iquote $(OUT) \
	  -isystem tests/unit/host/uapi -isystem $(OUT)/uapi -idirafter build/pkg/libfdt-dev/usr/include

# The kernel's printf knows more than the C library's: its callers in the kernel get it under another name.
KERNEL_NAMES := -Dsnprintf=kernel_snprintf -Dvsnprintf=kernel_vsnprintf

# arm64's kernel interface headers, alone: some structures differ from this machine's.
uapi := $(addprefix $(OUT)/uapi/,linux asm asm-generic drm)

# Linked with every program, as far as it is needed: the host machine, base/ and what has no state.
host := $(shell find tests/unit/host -name '*.c') \
	$(filter-out kernel/base/string.c,$(wildcard kernel/base/*.c)) kernel/mm/uio.c kernel/sched/user.c

.DELETE_ON_ERROR:
.SECONDARY:
all:

include $(OUT)/suites.mk

all: $(programs)

$(programs): $(OUT)/tests/unit/unit.o $(OUT)/libhost.a
	@mkdir -p $(@D)
	$(UNIT_CC) $(SANITIZE) -o $@ $(filter %.o,$^) $(OUT)/libhost.a -pthread $(LIBS)

$(OUT)/libhost.a: $(host:%.c=$(OUT)/%.o)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(uapi):
	@mkdir -p $(@D)
	ln -sfn $(UAPI)/$(@F) $@

# A file of kernel/ itself would find the kernel's headers beside it before the host's.
$(OUT)/top/%.c: kernel/%.c
	@mkdir -p $(@D)
	sed '1i #line 1 "$<"' $< >$@
$(OUT)/tests/unit/cpus_test.o: $(OUT)/top/cpus.c

$(OUT)/kernel/%.o: CFLAGS += $(KERNEL_NAMES)
$(OUT)/tests/%.o: CFLAGS += -Wno-sign-compare
$(OUT)/%.o: %.c tests/unit/unit.mk | $(uapi)
	@mkdir -p $(@D)
	$(UNIT_CC) $(CFLAGS) -c -o $@ $<

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

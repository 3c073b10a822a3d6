# Builds the unit tests' programs: tests/unit/run calls this and wrote $(OUT)/suites.mk, which says
# what each program is made of. Kernel files are compiled as they are; only the headers found
# in tests/unit/host come before the kernel's own.

OUT ?= build/unit
UNIT_CC ?= gcc
UAPI ?= /usr/aarch64-linux-gnu/include

# The kernel accesses memory unaligned where the processor may: no alignment checks.
SANITIZE := -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter -fno-strict-aliasing -MMD -MP $(SANITIZE) \
	  -iquote tests/unit/host -iquote kernel -iquote tests/unit -idirafter $(UAPI)

host := $(patsubst %.c,$(OUT)/%.o,$(shell find tests/unit/host -name '*.c'))

.DELETE_ON_ERROR:
.SECONDARY:
all:

include $(OUT)/suites.mk

all: $(programs)

$(programs): $(OUT)/tests/unit/unit.o $(OUT)/libhost.a
	@mkdir -p $(@D)
	$(UNIT_CC) $(SANITIZE) -o $@ $^ -pthread

$(OUT)/libhost.a: $(host)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(OUT)/%.o: %.c tests/unit/unit.mk
	@mkdir -p $(@D)
	$(UNIT_CC) $(CFLAGS) -c -o $@ $<

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

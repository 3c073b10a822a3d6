# Builds the kernel, the first user programs and the initramfs.
#
#   make          build/Image, build/initramfs.cpio and .cpio.gz, and the floor check
#   make run      boot it; commands are read from standard input if that is no terminal; GPU=virgl or 2d: the desktop
#   make debug    build/debug/Image: lock checking and assertions on
#   make image    build/dunlin.img and build/dunlin.iso, which UEFI starts
#   make swpan    build/swpan/Image: as debug, and user memory shut off by TTBR0 on CPUs without PAN
#   make test     every test; make check: the quick ones; make unit: those on the host; make model: the races
#   make stress   ten minutes of mixed traffic on four CPUs; a part of it is in make test
#   make matrix   every machine with every card, and README's table of them
#   make test-linux   the tests on Debian's kernel, which prove themselves there
#   make bench    the figures beside Linux's
#   make shot     docs/desktop.png, or SHOT=FILE: a picture of the desktop
#   make kcc FILES="a.c b.c"   compile these alone, for their warnings
#
# One makefile, no recursion. Kernel sources are found, not listed: a file under
# kernel/ is in the kernel. V=1 prints the commands.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

B     := build
CROSS ?= aarch64-linux-gnu-
KCC   := $(CROSS)gcc
UCC   := aarch64-linux-musl-gcc
Q     := $(if $(V),,@)
say    = $(if $(V),,@printf '  %-6s %s\n' $1 $2)

# ---- packages ---------------------------------------------------------------
# tools/setup installs what is missing and unpacks the arm64 packages of which
# only a file or two is needed into build/pkg.

READY := $B/pkg/.ready
FDT   := $B/pkg/libfdt-dev/usr
UAPI  := $B/uapi
LIBFDT := $(FDT)/lib/aarch64-linux-gnu/libfdt.a

$(READY): tools/setup
	$(Q)tools/setup run
	$(Q)mkdir -p $(UAPI)
	$(Q)for d in linux asm asm-generic drm; do \
		ln -sfn /usr/aarch64-linux-gnu/include/$$d $(UAPI)/$$d; done
	$(Q)touch $@

# ---- kernel -----------------------------------------------------------------

KSRC := $(sort $(shell find kernel -name '*.c' -o -name '*.S'))
KLDS := kernel/arch/arm64/kernel.ld

# The compiler's own headers; asked for once, and only after the packages are there.
KINC  = $(eval KINC := $(shell $(KCC) -print-file-name=include))$(KINC)

# Parameters go unused wherever a function fills a slot of an operations structure,
# so that warning alone is off.
KCPPFLAGS = -nostdinc -isystem $(KINC) -Ikernel -idirafter $(UAPI) -idirafter $(FDT)/include
KCFLAGS   = -std=gnu11 -ffreestanding -mgeneral-regs-only -mno-outline-atomics \
	-fpie -fvisibility=hidden -include kernel/base/hidden.h -fno-common -fno-strict-aliasing \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables \
	-fno-stack-protector -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wvla
KLDFLAGS  = -static -z noexecstack -z max-page-size=4096 \
	--build-id=none --no-warn-rwx-segments
# What runs at boot or when a person asks is built for size: a quarter less of it.
SELDOM := $(addprefix kernel/, \
	main.c boot/% fw/% tty/% drivers/pci/% drivers/misc/% drivers/input/% drivers/usb/% \
	input/evdev_ioctl.c input/sysfs.c input/keyboard.c drivers/video/% drivers/console/% gfx/fb% \
	gfx/object.c gfx/drm_core.c gfx/drm_kms.c gfx/drm_mode.c gfx/drm_prime.c gfx/drm_sync.c gfx/drm_fb.c gfx/sysfs.c \
	drivers/gpu/virtio_gpu.c drivers/net/nic.c drivers/net/e1000.c drivers/net/vmxnet3.c \
	drivers/net/virtio_net_ctrl.c drivers/net/virtio_net_pairs.c drivers/rtc/% dev/% bus/% \
	base/printf.c core/panic.c core/param.c core/symbols.c core/trace.c mm/page_boot.c fs/async.c fs/attrfs.c \
	fs/cpu_text.c fs/devfs.c fs/flock.c fs/init.c fs/memdev.c fs/initramfs.c fs/inotify% fs/mount.c fs/names.c fs/options.c \
	fs/procfs% fs/splice.c fs/sysfs.c fs/timerfd.c fs/tmpfs_xattr.c fs/xattr% irq/affinity.c irq/domain.c irq/ipi.c irq/polled.c cpus.c \
	drivers/intc/gicv3_its.c proc/coredump.c proc/cred.c proc/elf.c proc/futex_pi.c proc/hwcap.c proc/init.c proc/itimer.c \
	proc/oom.c proc/mqueue.c proc/pidfd% proc/posix_timer.c proc/procfs% proc/process.c proc/rseq.c proc/signalfd.c proc/sysv% sched/cred.c \
	sched/user.c sys/sys_cred.c sys/sys_fcntl.c sys/sys_inotify.c sys/sys_mm.c sys/sys_mqueue.c sys/sys_open.c sys/sys_pidfd.c \
	sys/sys_proc.c sys/sys_process_vm.c sys/sys_misc.c sys/sys_mount.c sys/sys_sched.c sys/sys_splice.c \
	sys/sys_sysv.c sys/sys_timer.c sys/sys_xattr.c vm/vm_advise.c vm/vm_usage.c net/dhcp% net/ifaddr.c net/ip_config.c \
	net/ip_frag.c net/multicast.c net/netlink% net/pmtu.c net/socket_filter.c net/socket_ioctl.c \
	net/socket_inet_errors.c net/socket_ipopt.c net/socket_netlink.c net/socket_options.c net/socket_packet.c net/socket_proc.c \
	net/socket_raw.c net/socket_sysfs.c net/socket_tcp_options.c net/socket_tcp_proc.c net/tcp/bind.c \
	net/socket_unix_name.c net/socket_unix_rights.c)
DEBUGFLAGS := -DCONFIG_DEBUG=1 -DCONFIG_LOCKCHECK=1

# Results are moved into place, so that two builds at once do no harm.
compile = $(Q)mkdir -p $(@D) && $1 -MMD -MP -MT $@ -MF $@.$$$$.d -c -o $@.$$$$ $< && \
	mv $@.$$$$.d $(@:.o=.d) && mv $@.$$$$ $@ || { rm -f $@.$$$$*; exit 1; }

comma := ,

# The vDSO: for user space, linked by its own script into one segment.
$B/vdso/vdso.so: vdso/vdso.c vdso/sigreturn.S vdso/vdso.ld kernel/core/vdso_data.h Makefile | $(READY)
	$(call say,VDSO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(KCC) $(KCPPFLAGS) -std=gnu11 -O2 -ffreestanding -mgeneral-regs-only -fPIC -fno-stack-protector \
		-fno-asynchronous-unwind-tables -Wall -Wextra -Werror -shared -nostdlib -Wl,-soname,linux-vdso.so.1 \
		-Wl,--hash-style=both -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,-T,vdso/vdso.ld \
		-s -o $@ vdso/vdso.c vdso/sigreturn.S

# The screen's letters, of one of the distribution's fonts.
FONT := $B/pkg/console-setup-linux/usr/share/consolefonts/Uni2-Terminus16.psf.gz
$B/font/font.bin: tools/mkfont $(READY)
	$(call say,FONT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)tools/mkfont $(FONT) $@

# $1: the variant's folder, $2: its extra flags.
define variant
$1/obj/%.c.o: %.c Makefile | $(READY)
	$$(call say,CC,$$<)
	$$(call compile,$$(KCC) $$(KCPPFLAGS) $$(KCFLAGS) $$(if $$(filter $$(SELDOM),$$<),-Os) $2)
$1/obj/kernel/proc/vdso_image.S.o: $B/vdso/vdso.so
$1/obj/kernel/tty/font.S.o: $B/font/font.bin
$1/obj/%.S.o: %.S Makefile | $(READY)
	$$(call say,AS,$$<)
	$$(call compile,$$(KCC) $$(KCPPFLAGS) -Wa$$(comma)-I$B/vdso -Wa$$(comma)-I$B/font -g $2)

$1/kernel.ld: $(KLDS) kernel/arch/arm64/boot.h Makefile | $(READY)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(KCC) $$(KCPPFLAGS) -D__ASSEMBLER__ -Ulinux -Uunix $2 -E -P -x c -o $$@ $$<

$1/dunlin.elf: $(KSRC:%=$1/obj/%.o) $1/kernel.ld tools/mksymbols tools/link
	$$(call say,LINK,$$@)
	$(Q)tools/link $$@ $(CROSS) $$(KLDFLAGS) -T $1/kernel.ld $$(filter %.o,$$^) $$(LIBFDT)

$1/Image: $1/dunlin.elf tools/mkimage
	$(Q)tools/mkimage $$< $(CROSS) $$@
	$(Q)printf '  %-6s %s: %d KiB\n' IMAGE $$@ $$$$(($$$$(stat -c %s $$@) / 1024))

-include $(KSRC:%=$1/obj/%.d)
endef
$(eval $(call variant,$B,))
$(eval $(call variant,$B/debug,$(DEBUGFLAGS)))
$(eval $(call variant,$B/swpan,$(DEBUGFLAGS) -DCONFIG_SW_PAN=1))

# ---- user programs and the initramfs ----------------------------------------
# user/init, user/bcheck and user/scanout are a program each, with user/lib in it; built for size, for the whole initramfs
# is copied at boot. bcheck is each of its checks as well, under that one's name. Programs under
# tests/vm/guest/ are packed into an archive that the tests add to the initramfs.

GUEST    := $(patsubst tests/vm/guest/%.c,$B/guest/%,$(wildcard tests/vm/guest/*.c))
UCFLAGS   = -std=gnu11 -O2 -g -Wall -Wextra -Werror -static -mno-outline-atomics \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -idirafter $(UAPI) \
	-s -Wl,-z,noseparate-code,-z,max-page-size=4096,--build-id=none

$B/guest/%: tests/vm/guest/%.c Makefile | $(READY)
	$(call say,UCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(UCC) $(UCFLAGS) -pthread -MMD -MP -MF $@.d -o $@ $<
-include $(GUEST:%=%.d)

UOBJ      = $(patsubst user/%.c,$B/user/obj/%.o,$(shell find user/$1 user/lib -name '*.c'))
CHECKS   := $(patsubst user/bcheck/%.c,%,$(wildcard user/bcheck/*.c))
$B/user/obj/%.o: user/%.c Makefile | $(READY)
	$(call say,UCC,$<)
	$(call compile,$(UCC) $(UCFLAGS) -Os -mcmodel=tiny -fomit-frame-pointer -ffunction-sections -Wno-unused-parameter)
$B/user/init: $(call UOBJ,init)
$B/user/bcheck: $(call UOBJ,bcheck)
$B/user/scanout: $(call UOBJ,scanout)
$B/user/init $B/user/bcheck $B/user/scanout:
	$(call say,LINK,$@)
	$(Q)$(UCC) $(UCFLAGS) -Wl,--gc-sections -o $@.$$$$ $^ && mv $@.$$$$ $@
-include $(patsubst %.o,%.d,$(call UOBJ,init) $(call UOBJ,bcheck) $(call UOBJ,scanout))

$B/initramfs.cpio: tools/mkinitramfs tools/lib/cpio.py $B/user/init $B/user/bcheck $(READY) $(shell find user/etc -type f)
	$(call say,CPIO,$@)
	$(Q)tools/mkinitramfs --busybox $B/pkg/busybox-static/bin/busybox --etc user/etc --init $B/user/init \
		--program $B/user/bcheck $(CHECKS:%=--link lib/bcheck/%=../../bin/bcheck) $@
$B/initramfs.cpio.gz: $B/initramfs.cpio
	$(Q)gzip -9nc $< >$@.$$$$ && mv $@.$$$$ $@
$B/guest.cpio: tools/mkinitramfs tools/lib/cpio.py $(GUEST)
	$(Q)mkdir -p $(@D)
	$(Q)tools/mkinitramfs $(GUEST:%=--program=%) $@

# ---- programs against glibc -----------------------------------------------------
# Those over DRM, with Debian's libdrm, and one that needs libgcc's unwinder: static, so that a guest needs nothing else.

DESKTOP := $B/pkg/.desktop
DRM     := $B/pkg/libdrm-dev/usr
STB     := $B/pkg/libstb-dev/usr
DCFLAGS  = -std=gnu11 -O2 -g -Wall -Wextra -Werror -static -s -I$(DRM)/include -I$(DRM)/include/libdrm -I$(STB)/include
DLIBS    = -L$(DRM)/lib/aarch64-linux-gnu -L$(STB)/lib/aarch64-linux-gnu -ldrm -lstb -lm

$(DESKTOP): tools/setup | $(READY)
	$(Q)tools/setup desktop
	$(Q)touch $@

$B/guest/unwind: tests/vm/guest/unwind.c Makefile | $(DESKTOP)
	$(call say,DCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(KCC) $(DCFLAGS) -MMD -MP -MF $@.d -o $@ $<

PROBE := $B/gpu/virgl_multi_texture_test
$(PROBE): tools/linux-probe/virgl_multi_texture_test.c Makefile | $(DESKTOP)
	$(call say,DCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(KCC) $(DCFLAGS) -o $@ $< $(DLIBS)

# Wayland's protocols as C, made from the packages' XML: build/wayland/NAME-protocol.c, -server- and -client-protocol.h.
ROOT      := $B/desktop
PROTOCOLS := stable/xdg-shell/xdg-shell stable/viewporter/viewporter unstable/linux-dmabuf/linux-dmabuf-unstable-v1 \
	unstable/xdg-decoration/xdg-decoration-unstable-v1 \
	unstable/primary-selection/primary-selection-unstable-v1
GLUE      := $(notdir $(PROTOCOLS))
GLUE_H    := $(foreach g,$(GLUE),$B/wayland/$g-server-protocol.h $B/wayland/$g-client-protocol.h)
SCAN_protocol.c        := private-code
SCAN_server-protocol.h := server-header
SCAN_client-protocol.h := client-header
define glue
$B/wayland/$(notdir $1)-%: | $(DESKTOP)
	$(Q)mkdir -p $$(@D)
	$(Q)wayland-scanner $$(SCAN_$$*) <$(ROOT)/usr/share/wayland-protocols/$1.xml >$$@.$$$$$$$$ && mv $$@.$$$$$$$$ $$@
endef
$(foreach p,$(PROTOCOLS),$(eval $(call glue,$p)))
.SECONDARY: $(GLUE:%=$B/wayland/%-protocol.c) $(GLUE_H)

# user/libwin, and the programs over it: those that tests draw with, and the desktop's, which are dynamic.
LIBWIN := $(patsubst user/%.c,$B/gpu/obj/%.o,$(wildcard user/libwin/*.c))
$B/gpu/obj/%.o: user/%.c Makefile | $(DESKTOP) $(GLUE_H)
	$(call say,DCC,$<)
	$(call compile,$(KCC) $(DCFLAGS) -D_GNU_SOURCE -Wno-unused-parameter -Iuser -I$B/wayland -idirafter $(ROOT)/usr/include)
$B/gpu/obj/%-protocol.o: $B/wayland/%-protocol.c Makefile
	$(call say,DCC,$<)
	$(call compile,$(KCC) $(DCFLAGS) -idirafter $(ROOT)/usr/include)

# Of this archive each program takes what it uses.
$B/gpu/libwin.a: $(LIBWIN) $(GLUE:%=$B/gpu/obj/%-protocol.o)
	$(Q)rm -f $@.$$$$ && $(CROSS)ar rcs $@.$$$$ $^ && mv $@.$$$$ $@

# $1: a folder of user/ that is a program of the desktop; $2: the libraries that it has beside libwin's; $3: objects.
define desktop_program
$B/desktop-bin/$1: $(patsubst user/%.c,$B/gpu/obj/%.o,$(wildcard user/$1/*.c)) $3 $B/gpu/libwin.a
	$$(call say,LINK,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(KCC) -s -o $$@ $$^ -L$(ROOT)/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,$(ROOT)/usr/lib/aarch64-linux-gnu \
		-Wl,-rpath-link,$(ROOT)/lib/aarch64-linux-gnu -Wl,--as-needed,--gc-sections -L$(STB)/lib/aarch64-linux-gnu \
		$2 -ldrm -lstb -lm
-include $(patsubst user/%.c,$B/gpu/obj/%.d,$(wildcard user/$1/*.c))
DESKTOP_BIN += $B/desktop-bin/$1
endef
$(eval $(call desktop_program,bwm,-lwayland-server -lxkbcommon))

# Programs with windows.
WINDOWS := $(patsubst user/%.c,$B/gpu/obj/%.o,$(wildcard user/libwin/wayland/*.c))
WLIBS   := -lwayland-client -lxkbcommon
VTERM   := $(ROOT)/usr/lib/aarch64-linux-gnu/libvterm.a
$(foreach p,bounce btop blog,$(eval $(call desktop_program,$p,$(WLIBS),$(WINDOWS))))
$(eval $(call desktop_program,bterm,$(VTERM) $(WLIBS),$(WINDOWS)))
# bcheck's runner and checks in a window; they ask on purpose for what glibc's headers have warnings of.
$B/gpu/obj/bcheck/%.o: DCFLAGS += -Wno-stringop-overflow -Wno-nonnull -Wno-unused-result
RUNNER := $(filter-out %/view.o,$(patsubst user/%.c,$B/gpu/obj/%.o,$(shell find user/bcheck user/lib -name '*.c')))
$(eval $(call desktop_program,wincheck,$(WLIBS),$(WINDOWS) $(RUNNER)))
-include $(WINDOWS:%.o=%.d) $(RUNNER:%.o=%.d)

ENTRIES := $(wildcard user/*/*.desktop)
$B/desktop.cpio: $B/user/scanout tools/mkdesktop tools/lib/cpio.py $(DESKTOP_BIN) $(ENTRIES)
	$(call say,CPIO,$@)
	$(Q)tools/mkdesktop --root $(ROOT) --program=$B/user/scanout $(DESKTOP_BIN:%=--program=%) $(ENTRIES:%=--entry=%) $@

# Clients that tests drive, and that tell what they hear; they are no part of the desktop.
$B/gpu/panes $B/gpu/wlclient $B/gpu/wlfuzz: $B/gpu/%: tests/gpu/guest/%.c $B/gpu/libwin.a Makefile | \
		$(DESKTOP) $(GLUE_H)
	$(call say,DCC,$<)
	$(Q)$(KCC) $(filter-out -static,$(DCFLAGS)) -D_GNU_SOURCE -Wno-unused-parameter -Iuser -I$B/wayland \
		-idirafter $(ROOT)/usr/include -o $@ $< $B/gpu/libwin.a -L$(ROOT)/usr/lib/aarch64-linux-gnu \
		-Wl,-rpath-link,$(ROOT)/usr/lib/aarch64-linux-gnu -L$(STB)/lib/aarch64-linux-gnu -lwayland-client -ldrm -lstb -lm
$B/gpu/draw: tests/gpu/guest/draw.c $(LIBWIN) Makefile | $(DESKTOP)
	$(call say,DCC,$<)
	$(Q)$(KCC) $(DCFLAGS) -Iuser -o $@ $< $(LIBWIN) $(DLIBS)

# libwin's windows, driven by a test.
$B/gpu/windows: tests/gpu/guest/windows.c $(WINDOWS) $B/gpu/libwin.a Makefile | $(DESKTOP)
	$(call say,DCC,$<)
	$(Q)$(KCC) $(filter-out -static,$(DCFLAGS)) -Iuser -o $@ $(filter %.c %.o %.a,$^) -L$(ROOT)/usr/lib/aarch64-linux-gnu \
		-Wl,-rpath-link,$(ROOT)/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,$(ROOT)/lib/aarch64-linux-gnu \
		-L$(STB)/lib/aarch64-linux-gnu $(WLIBS) -ldrm -lstb -lm

# bterm's parts without a window, driven by a test's script.
$B/gpu/term: tests/gpu/guest/term.c $(patsubst user/%.c,$B/gpu/obj/%.o,$(filter-out %/main.c,$(wildcard user/bterm/*.c))) \
		$(LIBWIN) Makefile | $(DESKTOP)
	$(call say,DCC,$<)
	$(Q)$(KCC) $(DCFLAGS) -Iuser -idirafter $(ROOT)/usr/include -o $@ $(filter %.c %.o,$^) $(VTERM) $(DLIBS)
-include $(LIBWIN:%.o=%.d)
GPU_PROGRAMS := $(PROBE) $B/gpu/draw $B/user/scanout $B/gpu/term $B/gpu/panes $B/gpu/wlclient $B/gpu/wlfuzz \
	$B/gpu/windows $B/desktop.cpio

# ---- what people call -------------------------------------------------------

IMAGES := $B/Image $B/initramfs.cpio $B/initramfs.cpio.gz

.PHONY: all debug swpan image run test test-linux check unit model matrix stress bench shot kcc floors tests-ready clean
all: $(IMAGES) floors
debug: $B/debug/Image
swpan: $B/swpan/Image

image: $B/dunlin.img
$B/dunlin.img: tools/mkdisk $B/Image $B/initramfs.cpio.gz
	$(Q)tools/setup image
	$(call say,DISK,"$B/dunlin.img $B/dunlin.iso")
	$(Q)tools/mkdisk --kernel $B/Image --initramfs $B/initramfs.cpio.gz --img $@ --iso $B/dunlin.iso

floors: $B/.floors
$B/.floors: tools/check-floors docs/floors.md $(KSRC) $(shell find kernel -name '*.h')
	$(Q)tools/check-floors
	$(Q)mkdir -p $B && touch $@

run: $(IMAGES) $(if $(GPU),$B/desktop.cpio)
	$(Q)tools/run $(if $(GPU),--gpu $(GPU) --initrd $B/initramfs.cpio.gz --initrd $B/desktop.cpio) $(RUNFLAGS)

tests-ready: all debug swpan $B/guest.cpio $(GPU_PROGRAMS)
	$(Q)tools/setup test
test: tests-ready
	$(Q)tests/run
test-linux: tests-ready
	$(Q)tools/setup linux
	$(Q)tests/run --linux
check: tests-ready
	$(Q)tests/run --quick
unit: $(READY)
	$(Q)tests/unit/run
model: $(READY)
	$(Q)tools/setup test
	$(Q)tests/run model/
matrix: tests-ready
	$(Q)tests/vm/matrix.py --write
stress: tests-ready
	$(Q)DUNLIN_STRESS_SECONDS=300 tests/net/stress_test.py
SHOT = docs/desktop.png
shot: $(IMAGES) $B/desktop.cpio
	$(Q)tools/shot --exec 'bterm --title Terminal sh -c "bcheck; >/tmp/checked; exec sh" & \
		until [ -e /tmp/checked ]; do sleep 1; done; WAYLAND_DEBUG=1 btop 2>/tmp/said & \
		until [ $$(grep -c attach /tmp/said) -ge 3 ]; do sleep 1; done' $(SHOT)
bench: all $B/guest.cpio $B/gpu/panes $B/desktop.cpio
	$(Q)tools/setup test
	$(Q)bench/run

kcc: | $(READY)
	$(Q)st=0; for f in $(FILES); do \
		$(KCC) $(KCPPFLAGS) $(KCFLAGS) -c -o /dev/null $$f || st=1; \
		$(KCC) $(KCPPFLAGS) $(KCFLAGS) $(DEBUGFLAGS) -c -o /dev/null $$f || st=1; done; exit $$st

clean:
	rm -rf $B

# SPDX-License-Identifier: BSD-2-Clause
#
# Caisson's build. `make help` lists the goals.
#
# CROSS_COMPILE picks the compiler of the hypervisor: empty on x86-64, else
# x86_64-linux-gnu- or x86_64-elf- when that is what there is.

ifeq ($(origin CROSS_COMPILE),undefined)
ifneq ($(shell uname -m),x86_64)
CROSS_COMPILE := $(shell command -v x86_64-linux-gnu-gcc >/dev/null && \
		   echo x86_64-linux-gnu- || echo x86_64-elf-)
endif
endif

HVCC	:= $(CROSS_COMPILE)gcc
HVLD	:= $(CROSS_COMPILE)ld
OBJCOPY	:= $(CROSS_COMPILE)objcopy
NM	:= $(CROSS_COMPILE)nm
NASM	?= nasm
IASL	?= iasl
HOSTCC	?= gcc
FUZZCC	?= clang
PYTHON	:= /usr/bin/python3
B	?= build

# One line a step; V=1 shows the commands.
Q	:= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

WARN	:= -Wall -Wextra -Wshadow -Wcast-qual -Wwrite-strings -Wstrict-prototypes \
	   -Wmissing-prototypes -Wconversion -Wno-sign-conversion -Werror
VERSION	:= $(shell git describe --always --dirty 2>/dev/null || echo unversioned)

# --- sources ---------------------------------------------------------------
# Pure parts compile for the hypervisor and for the host alike.
PURE	:= $(filter-out hv/base/str.c,$(wildcard hv/base/*.c)) \
	   hv/mem/gmem.c hv/mem/iomap.c hv/mem/npt.c hv/mem/pages.c hv/mem/heap.c \
	   hv/feature.c hv/moderation.c hv/noise.c hv/placement.c hv/reset.c hv/topology.c \
	   boot/multiboot.c boot/memmap.c arch/x86_64/acpi.c arch/x86_64/acpi_srat.c \
	   arch/x86_64/fbtext.c \
	   $(wildcard ctl/*.c hv/emul/*.c vnet/*.c vnet/net/*.c drivers/nic/*.c drivers/virtio/*.c)
HV_C	:= $(wildcard boot/*.c arch/x86_64/*.c hv/base/*.c hv/mem/*.c hv/*.c) \
	   $(filter-out boot/% arch/% hv/base/% hv/mem/% hv/feature.c hv/moderation.c hv/noise.c \
	     hv/placement.c hv/reset.c hv/topology.c,$(PURE))
HV_ASM	:= $(wildcard boot/*.asm arch/x86_64/*.asm)

# The compiler's own helpers (a population count).
LIBGCC	= $(shell $(HVCC) -print-libgcc-file-name)

HV_O	:= $(HV_C:%.c=$B/hv/%.o) $(HV_ASM:%.asm=$B/hv/%.asm.o) $B/hv/hv/emul/dsdt.o \
	   $B/hv/arch/x86_64/font.o

# --- the hypervisor --------------------------------------------------------
HV_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fbuiltin -fno-pic -fno-pie -mno-red-zone \
	   -mgeneral-regs-only -mcmodel=small -fno-stack-protector -fno-strict-aliasing \
	   -mstringop-strategy=libcall \
	   -fno-asynchronous-unwind-tables -fomit-frame-pointer -fcf-protection=none \
	   -ffunction-sections -fdata-sections -fno-common -I. -Iarch/x86_64/include $(WARN)
# Small rather than fast: what no frame and no exit of a running guest comes by.
HV_COLD	:= boot/% ctl/% hv/config% hv/console% hv/control% hv/ctl% hv/hostcpu% hv/main% \
	   hv/modules% hv/placement% hv/report% hv/seed% hv/show% hv/topology% hv/uplink.c \
	   hv/uplink_find% hv/vm_boot% hv/vm_disk% hv/vm_memory% hv/vm_power% \
	   hv/emul/acpi% hv/emul/linux_load% hv/emul/mb_load% \
	   arch/x86_64/acpi% arch/x86_64/desc% arch/x86_64/fbtext% arch/x86_64/iommu% \
	   arch/x86_64/paging% arch/x86_64/pci% arch/x86_64/smp% arch/x86_64/svm_check% \
	   arch/x86_64/svm_feature% arch/x86_64/vga% arch/x86_64/vmx_check% arch/x86_64/vmx_cpu% \
	   arch/x86_64/vmx_ctl% arch/x86_64/vmx_dump% arch/x86_64/vmx_feature% \
	   $(addprefix drivers/nic/,adv.c drivers.c e1000.c igb%.c ixgbe%.c probe.c virtio_net.c \
	     %_ctrl.c %_hw.c %_nvm.c %_part.c %_pci.c %_queue.c %_reset.c) \
	   vnet/dispatch_lang% vnet/lang% vnet/link_lang% vnet/net/dhcp% vnet/overlay% \
	   vnet/route_text% vnet/trace%
$(patsubst %.c,$B/hv/%.o,$(filter $(HV_COLD),$(HV_C))): HV_CFLAGS += -Os
# The functions themselves must not become calls of themselves.
CFLAGS_str := -fno-builtin -fno-tree-loop-distribute-patterns
CFLAGS_version := -DBOOT_VERSION='"$(VERSION)"'

.PHONY: all help setup
all: $B/caisson.elf $B/tools/pace.so $B/tools/ixgbe-proxy $B/vnetctl $B/vnetpd $B/man/node.conf.5

help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST))
	@echo 'V=1 shows the commands; SETUP=: installs nothing, whatever is missing.'

# Everything stands on the tools being there: this finds and installs what is missing.
SETUP	?= tools/setup
setup:
	@$(SETUP)

## make            build/caisson.elf, the hypervisor
$B/caisson.elf: $(HV_O) boot/caisson.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HVLD) -m elf_x86_64 -n -T boot/caisson.ld --gc-sections -Map $B/caisson.map \
		-o $B/caisson.elf64 $(HV_O) $(LIBGCC)
	$(Q)$(OBJCOPY) -S -I elf64-x86-64 -O elf32-i386 $B/caisson.elf64 $@

# --- vnetpd: the overlay core as a Linux process -----------------------------
VP_CFLAGS := -std=gnu11 -O2 -flto=auto -g -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fPIE \
	   -fstack-protector-strong -fno-strict-aliasing -I. $(WARN)
VP_C	:= $(wildcard tools/vnetpd/*.c) $(filter ctl/% hv/base/% vnet/%,$(PURE))
VP_O	:= $(VP_C:%.c=$B/vp/%.o)

$B/vp/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(VP_CFLAGS) $(CFLAGS_$(basename $(notdir $<))) -MMD -MP -c -o $@ $<

$B/vp/tools/vnetpd/version.o: $B/version

##                 build/vnetpd, the overlay as a Linux process
$B/vnetpd: $(VP_O)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -pie -Wl,-z,relro,-z,now -o $@ $^

# --- vnetctl: the command line to nodes --------------------------------------
VC_O	:= $(patsubst %.c,$B/vp/%.o,$(wildcard tools/vnetctl/*.c))

$B/vp/tools/vnetctl/version.o: $B/version

##                 build/vnetctl, the command line to nodes
$B/vnetctl: $(VC_O) $B/vp/libvnet.a
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -pie -Wl,-z,relro,-z,now -o $@ $^

$B/vp/libvnet.a: $(filter $B/vp/hv/base/% $B/vp/vnet/%,$(VP_O))
	@rm -f $@
	@ar rcs $@ $^

# The statements are the grammar's own words.
$B/man/node.conf.5: tools/man/node.conf.5.in $B/vnetctl
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)$B/vnetctl grammar roff >$@.part
	$(Q)sed -e '/@STATEMENTS@/{r $@.part' -e 'd}' $< >$@

-include $(VP_O:.o=.d) $(VC_O:.o=.d)

# CONF becomes the module node.conf; MODULES are files (kernels, initrds) under their own names.
# WORDS go onto the hypervisor's command line.
CONF	?=
MODULES	?=
WORDS	?=

# $(call make_iso,TREE): $@ of $(CONF), $(MODULES) and $(WORDS).
define make_iso
	@rm -rf $1
	@mkdir -p $1/boot/grub
	$(call say,ISO,$@)
	$(Q)cp $B/caisson.elf $(MODULES) $1/boot/
	$(Q)$(if $(CONF),cp $(CONF) $1/boot/node.conf)
	$(Q)for m in $(if $(CONF),node.conf) $(notdir $(MODULES)); do \
		printf '\tmodule2 /boot/%s %s\n' $$m $$m; done >$1.cfg
	$(Q)sed -e 's/@WORDS@/$(WORDS)/' -e '/@MODULES@/{r $1.cfg' -e 'd}' boot/grub.cfg \
		>$1/boot/grub/grub.cfg
	$(Q)grub-mkrescue -o $@ $1 >$1.log 2>&1 || { cat $1.log; exit 1; }
endef

.PHONY: iso
## make iso        build/caisson.iso, booted by GRUB (CONF=file MODULES="vmlinuz initrd.img")
iso: $B/caisson.iso

$B/caisson.iso: $B/caisson.elf boot/grub.cfg $(CONF) $(MODULES) FORCE
	$(call make_iso,$B/iso)

# What a rack would boot is checked before.
.PHONY: netboot
DIR	?=
URL	?=
## make netboot    a tree for a TFTP or HTTP server (DIR=/srv/tftp CONF=file MODULES="..." URL=),
##                 GRUB for BIOS and UEFI in it: tools/mknetboot --help
netboot: setup $B/caisson.elf $B/vnetctl
	$(if $(DIR),,@echo 'make netboot: where to? DIR=/srv/tftp' >&2; exit 2)
	$(Q)$(if $(CONF),[ -d $(CONF) ] || $B/vnetctl check $(CONF))
	$(Q)tools/mknetboot $(if $(URL),--url $(URL)) $(if $(CONF),--conf $(CONF)) \
		$(if $(WORDS),--words '$(WORDS)') $(DIR) $(MODULES)

# Boots the guest tests on the machine itself, then reports: hv/report.h.
.PHONY: hardware-check
## make hardware-check build/hardware-check.iso: a report of the machine that boots it, on serial
##                 line and screen (DIR=/srv/tftp: the same as a tree for netboot)
hardware-check: CONF := $(or $(CONF),examples/hardware-check.conf)
hardware-check: MODULES := $B/guest/tests.elf
hardware-check: WORDS := report=tests
hardware-check: setup $B/hardware-check.iso
	$(if $(DIR),$(Q)tools/mknetboot $(if $(URL),--url $(URL)) --conf $(CONF) \
		--words '$(WORDS)' $(DIR) $(MODULES))
	@echo 'boot build/hardware-check.iso (a CD, or a USB stick by dd), and mail what it says'

$B/hardware-check.iso: $B/caisson.elf $B/guest/tests.elf boot/grub.cfg $(CONF) FORCE
	$(call make_iso,$B/hardware-check)

$B/hv/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HVCC) $(HV_CFLAGS) $(CFLAGS_$(basename $(notdir $<))) -MMD -MP -c -o $@ $<

# Changes only when the version does, so that the image always says the right one.
.PHONY: FORCE
$B/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

$B/hv/boot/version.o: $B/version

$B/hv/%.asm.o: %.asm Makefile | setup
	@mkdir -p $(@D)
	$(call say,ASM,$@)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I. -MD $(@:.o=.d) -MP -o $@ $<

$B/gen/dsdt.aml: hv/emul/dsdt.asl | setup
	@mkdir -p $(@D)
	$(call say,IASL,$@)
	$(Q)$(IASL) -vw 6020 -p $B/gen/dsdt $< >$B/gen/dsdt.log || { cat $B/gen/dsdt.log; exit 1; }

# The compiled DSDT as an object with the symbols dsdt_aml and dsdt_aml_end.
$B/gen/dsdt.asm: $B/gen/dsdt.aml
	@printf '%s\n' 'section .rodata' 'global dsdt_aml, dsdt_aml_end' 'dsdt_aml: incbin "$<"' \
		'dsdt_aml_end:' 'section .note.GNU-stack noalloc noexec nowrite progbits' >$@

$B/gen/font.asm: arch/x86_64/font.txt tools/mkfont
	@mkdir -p $(@D)
	$(call say,FONT,$@)
	$(Q)$(PYTHON) tools/mkfont $< >$@.part && mv $@.part $@

$B/hv/hv/emul/dsdt.o $B/host/hv/emul/dsdt.o: $B/gen/dsdt.asm
$B/hv/arch/x86_64/font.o $B/host/arch/x86_64/font.o: $B/gen/font.asm
$B/hv/hv/emul/dsdt.o $B/hv/arch/x86_64/font.o $B/host/hv/emul/dsdt.o $B/host/arch/x86_64/font.o:
	@mkdir -p $(@D)
	$(call say,ASM,$@)
	$(Q)$(NASM) -f elf64 -o $@ $<

# --- unit tests on the host ------------------------------------------------
SAN	:= -fsanitize=address,undefined -fno-sanitize-recover=all
# Tables that are made of something else than C.
DATA_O	:= $B/host/hv/emul/dsdt.o $B/host/arch/x86_64/font.o
UT_CFLAGS := -std=gnu11 -O1 -g -I. -Itests/host $(WARN) -Wno-missing-prototypes $(SAN)
PURE_O	:= $(PURE:%.c=$B/host/%.o) $(DATA_O)
HOST_O	:= $(patsubst %.c,$B/host/%.o,$(wildcard tests/host/*.c tests/models/*.c))
# The decoder is judged by another one.
LIBS_test_insn_len := -lcapstone
UNIT	:= $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/test_*.c))

$B/host/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(UT_CFLAGS) -MMD -MP -c -o $@ $<

$B/host/libpure.a: $(PURE_O) $(HOST_O)
	@rm -f $@
	@ar rcs $@ $^

$B/unit/%: tests/unit/%.c $B/host/libpure.a
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(UT_CFLAGS) -MMD -MP -o $@ $< $B/host/libpure.a -lcmocka $(LIBS_$*)

# Threads that share words without a lock, under ThreadSanitizer: what it needs of the
# product is compiled along. It wants addresses where it expects them.
TS_test_posted := tests/models/vmx_apic_model.c $(addprefix tests/host/,plat_host.c vmx_host.c \
	   mmio_host.c fake_backend.c) $(wildcard hv/emul/lapic*.c hv/base/[!s]*.c) hv/mem/gmem.c \
	   hv/mem/iomap.c hv/noise.c hv/reset.c vnet/epoch.c vnet/ledger.c vnet/xcore.c

$B/tsan/%: tests/unit/%.c FORCE
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(filter-out $(SAN),$(UT_CFLAGS)) -fsanitize=thread -Wno-tsan \
		-ffunction-sections -fdata-sections -Wl,--gc-sections -o $@ $< $(TS_$*) -lcmocka

.PHONY: tsan
## make tsan       what posts interrupts and who takes them in, as threads under ThreadSanitizer
tsan: $B/tsan/test_posted
	setarch -R $<

# --- the model of the 82599 as a device of QEMU's ----------------------------
IXP_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -I. -Itests/host $(WARN)
IXP_O	:= $(patsubst %.c,$B/ixp/%.o,$(wildcard tests/proxy/*.c tests/models/ixgbe_model*.c))

$B/ixp/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(IXP_CFLAGS) -MMD -MP -c -o $@ $<

##                 build/tools/ixgbe-proxy, for machines with `nic ixgbe` in the lab
$B/tools/ixgbe-proxy: $(IXP_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -o $@ $^

-include $(IXP_O:.o=.d)

# --- fuzzing ---------------------------------------------------------------
FUZZ	:= $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FZ_CFLAGS := -std=gnu11 -O1 -g -I. -Itests/host -Wall -Wextra \
	   -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_O	:= $(PURE:%.c=$B/fuzzobj/%.o) $(HOST_O:$B/host/%=$B/fuzzobj/%) $(DATA_O)

$B/fuzzobj/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,FUZZCC,$@)
	$(Q)$(FUZZCC) $(FZ_CFLAGS) -MMD -MP -c -o $@ $<

$B/fuzzobj/libpure.a: $(FUZZ_O)
	@rm -f $@
	@ar rcs $@ $^

$B/fuzz/%: tests/fuzz/%.c $B/fuzzobj/libpure.a
	@mkdir -p $(@D)
	$(call say,FUZZCC,$@)
	$(Q)$(FUZZCC) $(FZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $B/fuzzobj/libpure.a

.PHONY: unit fuzz
## make unit       the unit tests' programs, build/unit/*
unit: $(UNIT)
## make fuzz       the fuzz targets, build/fuzz/*
fuzz: $(FUZZ)

-include $(HV_O:.o=.d) $(PURE_O:.o=.d) $(HOST_O:.o=.d) $(FUZZ_O:.o=.d) $(UNIT:=.d)

# --- benchmarks of the core, on the build host ------------------------------
# Compiled as for the hypervisor, its own memory and string functions included;
# the benchmark around it as any program, on large pages as the hypervisor is.
BENCH_PURE := $(filter-out -Iarch/x86_64/include,$(HV_CFLAGS)) -Itests/bench -Itests/host
BENCH_CFLAGS := -std=gnu11 -O2 -g -fno-pic -I. -Itests/bench -Itests/host $(WARN)
BENCH_O	:= $(patsubst %.c,$B/benchobj/%.o,hv/base/str.c $(filter hv/base/% vnet/%,$(PURE)))
BENCH_HOST_O := $(patsubst %.c,$B/benchobj/%.o,tests/host/plat_host.c tests/bench/bench.c \
	   tests/bench/underlay.c tests/bench/world.c)
# What a frame passes beside the core, and a NIC and a guest in memory around it.
PATH_O	:= $(patsubst %.c,$B/benchobj/%.o,hv/mem/gmem.c \
	   $(filter-out drivers/virtio/pci.c drivers/virtio/console.c, \
	     $(wildcard drivers/nic/*.c drivers/virtio/*.c)))
PATH_HOST_O := $(patsubst %.c,$B/benchobj/%.o,tests/host/plat_host.c tests/bench/bench.c \
	   tests/bench/underlay.c $(wildcard tests/bench/path_*.c))

$(BENCH_O) $(PATH_O): $B/benchobj/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HVCC) $(BENCH_PURE) $(CFLAGS_$(basename $(notdir $<))) -MMD -MP -c -o $@ $<

.SECONDARY: $(BENCH_HOST_O) $(PATH_HOST_O) $(patsubst %,$B/benchobj/tests/bench/%.o,core path)
$B/benchobj/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(BENCH_CFLAGS) -MMD -MP -c -o $@ $<

$B/bench/bench-%: $B/benchobj/tests/bench/%.o $(BENCH_HOST_O) $(BENCH_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -no-pie -o $@ $^

$B/bench/bench-path: $B/benchobj/tests/bench/path.o $(PATH_HOST_O) $(PATH_O) $(BENCH_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -no-pie -o $@ $^

## make bench-core the core's cycles a frame (RUNS=9), into build/bench/core.json
.PHONY: bench-core
RUNS	?= 9
bench-core: $B/bench/bench-core
	@GLIBC_TUNABLES=glibc.malloc.hugetlb=1 BENCH_DIR=$B/bench $< $(RUNS)

.PHONY: bench-path
## make bench-path a frame's whole way, guest's ring to NIC and back, with each NIC's driver, beside
##                 Open vSwitch on DPDK (that as root), into build/bench/path.json
##                 (BENCH_OPTIONS="--nic ixgbe": with one)
bench-path: setup $B/bench/bench-path
	@tests/bench/path $(BENCH_OPTIONS)

# Load generator and the plain daemon that vnetpd is compared with.
NETTOOLS := $B/bench/netload $B/bench/plaintap
$(NETTOOLS): $B/bench/%: tests/bench/%.c | setup
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O2 -static -Wall -Wextra -Werror -o $@ $<

.PHONY: bench-vnetpd nettools
nettools: $(NETTOOLS)
## make bench-vnetpd against the kernel's VXLAN and a plain TAP, into build/bench/vnetpd.json (root)
bench-vnetpd: $B/vnetpd nettools
	@tests/bench/vnetpd $(BENCH_OPTIONS)

-include $(BENCH_O:.o=.d) $(BENCH_HOST_O:.o=.d) $B/benchobj/tests/bench/core.d \
	 $(PATH_O:.o=.d) $(PATH_HOST_O:.o=.d) $B/benchobj/tests/bench/path.d

# --- guest tests: one image for the hypervisor (or a bare machine) to run -----
GT_C	:= $(wildcard tests/guest/*.c) hv/base/fmt.c hv/base/str.c
GT_ASM	:= $(wildcard tests/guest/*.asm)
GT_O	:= $(GT_C:%.c=$B/guesttest/%.o) $(GT_ASM:%.asm=$B/guesttest/%.asm.o)

$B/guesttest/%.o: %.c Makefile | setup
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HVCC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$B/guesttest/%.asm.o: %.asm Makefile | setup
	@mkdir -p $(@D)
	$(call say,ASM,$@)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I. -MD $(@:.o=.d) -MP -o $@ $<

# The image of the guest tests.
$B/guest/tests.elf: $(GT_O) tests/guest/guest.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HVLD) -m elf_x86_64 -n -T tests/guest/guest.ld -o $B/guesttest/tests.elf64 $(GT_O)
	$(Q)$(OBJCOPY) -S -I elf64-x86-64 -O elf32-i386 $B/guesttest/tests.elf64 $@

## make guest-test run it under the hypervisor: cases and costs of exits
.PHONY: guest-test
guest-test: $B/caisson.elf $B/guest/tests.elf
	@tools/run-guest-tests

-include $(GT_O:.o=.d)

# --- the lab -----------------------------------------------------------------
# Machines of Bochs keep the host's time by it, and get all their frames.
$B/tools/pace.so: tools/labkit/pace.c tools/labkit/vde.c | setup
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O2 -shared -fPIC $(WARN) -o $@ $^

.PHONY: bench
## make bench      Caisson beside what there is without it: throughput, round trips, in one run of
##                 the lab (an hour; QUICK=1: rough), build/bench/overlay.json, .csv, .html;
##                 HARDWARE=1 NODES="MAC,ADDRESS/LEN MAC,ADDRESS/LEN": for machines of your own
HARDWARE ?=
NODES	?=
bench: setup $B/caisson.elf $B/bench/plaintap $B/vnetctl
	@tools/mkguest --set bench $(if $(HARDWARE),,--set kvm)
	@tests/bench/overlay $(if $(HARDWARE),--hardware $(NODES)) $(BENCH_OPTIONS)

.PHONY: bench-report
## make bench-report one page with plots of all build/bench/*.json, build/bench/report.html
bench-report:
	@tools/bench-report

.PHONY: bench-exits
## make bench-exits a guest's exits on SVM and on VT-x side by side (some minutes; QUICK=1),
##                 into build/bench/exits.json
bench-exits: setup $B/caisson.elf $B/tools/pace.so
	@tools/mkguest cloud
	@tests/bench/exits $(BENCH_OPTIONS)

.PHONY: bench-boot
## make bench-boot from GRUB's hand-over to a guest's first instruction, beside Linux with KVM
##                 (some minutes; QUICK=1), into build/bench/boot.json
bench-boot: setup $B/caisson.elf
	@tools/mkguest amd64 --set kvm-boot
	@tests/bench/boot $(BENCH_OPTIONS)

.PHONY: bench-dispatch
## make bench-dispatch guest-driven, VMM-driven and adaptive side by side, and what a guest loses
##                 of its cores (a quarter of an hour; QUICK=1), build/bench/dispatch.json, .svg
bench-dispatch: setup $B/caisson.elf
	@tools/mkguest
	@tests/bench/dispatch $(BENCH_OPTIONS)
	@tests/bench/compute

# --- all of it -------------------------------------------------------------
# A part of the tests: tools/run-tests --only PART (style, unit, fuzz, guest, system).
.PHONY: demo check test
# BACKEND: svm (both nodes in QEMU), vmx (both in Bochs), mixed (one in each).
BACKEND	?= svm
## make demo       two nodes, two guests, one overlay: build, boot, measure, show
##                 (BACKEND=vmx: on VT-x, BACKEND=mixed: an AMD and an Intel node; QUICK=1)
demo: setup
	@tools/demo --backend $(BACKEND)

## make check      unit tests, include directions, style (under a minute once built)
check: setup
	@tools/run-tests --only style,unit

## make test       all tests; the last line is `N passed, N failed`
test: setup
	@tools/run-tests

# --- guests that misbehave (tests/guest-bad), for the system tests ------------
BG_C	:= $(wildcard tests/guest-bad/*.c) tests/guest/console.c tests/guest/traps.c \
	   tests/guest/apic.c hv/base/fmt.c hv/base/str.c
BG_O	:= $(BG_C:%.c=$B/guesttest/%.o) $B/guesttest/tests/guest/entry.asm.o
BAD_GUESTS := $B/guest/bad-guest.elf $B/guest/bad-multiboot.elf

.PHONY: bad-guests
bad-guests: $(BAD_GUESTS)

$B/guest/bad-guest.elf: $(BG_O) tests/guest/guest.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HVLD) -m elf_x86_64 -n -T tests/guest/guest.ld -o $B/guesttest/bad-guest.elf64 $(BG_O)
	$(Q)$(OBJCOPY) -S -I elf64-x86-64 -O elf32-i386 $B/guesttest/bad-guest.elf64 $@

$B/guest/bad-multiboot.elf: tests/guest-bad/multiboot.asm tests/guest-bad/multiboot.ld
	@mkdir -p $(@D) $B/guesttest
	$(call say,LD,$@)
	$(Q)$(NASM) -f elf32 -o $B/guesttest/multiboot.o $<
	$(Q)$(HVLD) -m elf_i386 -T tests/guest-bad/multiboot.ld -o $@ $B/guesttest/multiboot.o

-include $(BG_O:.o=.d)

.PHONY: clean
## make clean      remove build/
clean:
	rm -rf $B

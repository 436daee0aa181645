# Bygone's build. `make help` lists what it can do. Variables: B (build folder), SAN=1 (address and
# undefined-behaviour sanitizers), V=1 (show commands), MINIMAL=1 (libc and zlib alone), JOBS.
.DEFAULT_GOAL := all
B ?= $(if $(SAN),build-asan,build)$(if $(MINIMAL),-minimal)
CC = gcc
AR = gcc-ar
ROM_CC = gcc
comma := ,
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)  $(2)')

WARN = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wno-unused-parameter -Werror
OPT ?= -O2
CFLAGS += -std=gnu11 $(OPT) -g $(WARN) -I. -fno-strict-aliasing -fPIE -MMD -MP
LDFLAGS += -pie
LDLIBS = -lz -lpthread -lm
ifdef SAN
CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=address,undefined
endif

# Optional libraries: each is one file's business, which is built in only where pkg-config knows it.
have = $(if $(MINIMAL),,$(shell pkg-config --exists $(1) 2>/dev/null && echo 1))
define optional # name, pkg-config name
ifeq ($$(call have,$(2)),1)
CFLAGS += -DHAVE_$(1) $$(shell pkg-config --cflags $(2))
LDLIBS += $$(shell pkg-config --libs $(2))
endif
endef
$(eval $(call optional,SDL2,sdl2))
$(eval $(call optional,PNG,libpng))
$(eval $(call optional,CAPSTONE,capstone))
$(eval $(call optional,INIH,inih))
$(eval $(call optional,NCURSES,ncursesw))
$(eval $(call optional,EDIT,libedit))
$(eval $(call optional,JANSSON,jansson))
$(eval $(call optional,ZSTD,libzstd))

LIB_SRC := $(filter-out frontend/main.c,$(shell find base mmu cpu jit devices frontend -name '*.c' 2>/dev/null | sort))
# The translator, where there is one for this kind of host.
ifneq ($(and $(wildcard jit/jit.c),$(findstring x86_64,$(shell $(CC) -dumpmachine))),)
CFLAGS += -DHAVE_JIT
else
LIB_SRC := $(filter-out jit/%,$(LIB_SRC))
endif

LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(B)/devices/board/bootrom.o
UNIT_SRC := $(shell find tests/unit -name 'test_*.c' | sort)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))

JOBS ?= $(shell nproc)

all: bygone roms/tour.img ## build ./bygone and the tour

bygone: $(B)/bygone FORCE
	$(Q)[ "$$(readlink $@)" = $< ] || ln -sf $< $@

$(B)/bygone: $(B)/frontend/main.o $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/libbygone.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) -c -o $@ $<

# Each body of the interpreter keeps its own indirect jump.
$(B)/cpu/interp.o: CFLAGS += $(if $(findstring clang,$(CC)),,-fno-gcse -fno-crossjumping)
ifdef SAN
# Instrumented it takes minutes to compile, and its memory accesses are to guest memory anyway.
$(B)/cpu/interp.o: CFLAGS += -fno-sanitize=all
endif

# Our firmware: flat binaries from bios/*.S, linked at offset 0.
$(B)/bios/bootrom.bin: bios/bootrom.S bios/checksum.sh
	$(call say,ROM,$@)
	$(Q)mkdir -p $(@D) && $(ROM_CC) -m32 -c -Wa,--defsym,ROM_SIZE=1024 -o $(@:.bin=.o) $<
	$(Q)ld -m elf_i386 -Ttext 0 --oformat binary -o $@ $(@:.bin=.o) && bios/checksum.sh $@ 32

$(B)/devices/board/bootrom.o: devices/board/bootrom.S $(B)/bios/bootrom.bin
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CC) -c -DBOOTROM='"$(B)/bios/bootrom.bin"' -o $@ $<

# The tour: a floppy of ours that `bygone` boots when it is given nothing.
$(B)/bios/tour.o: bios/tour.S $(wildcard bios/tour_*.inc)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(ROM_CC) -m32 -c -I. -o $@ $<

roms/tour.img: $(B)/bios/tour.o
	$(call say,IMG,$@)
	$(Q)ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o $(B)/bios/tour.bin $<
	$(Q)mkdir -p $(@D) && cp $(B)/bios/tour.bin $@ && truncate -s 1440K $@

# Rebuild everything when the flags change.
$(B)/flags: FORCE
	$(Q)mkdir -p $(B) && echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' > $@

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(SUPPORT_OBJ) $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

$(addprefix $(B)/tests/unit/board/test_,machine wires input_log): $(B)/tests/fuzz/bare_machine.o
$(addprefix $(B)/tests/unit/frontend/test_,gdb_session qmp_session): $(B)/tests/fuzz/bare_machine.o
$(addprefix $(B)/tests/unit/board/test_,disk_copy fork state_check replay rewind rewind_search): $(B)/tests/fuzz/bare_machine.o
$(B)/tests/unit/board/test_snapshot: $(addprefix $(B)/tests/fuzz/,bare_machine.o snapdamage.o)

$(B)/tests/unit/board/test_golden: $(B)/tests/fuzz/bare_machine.o

# Snapshots of this version for tests/golden, where they stay; with MINIMAL=1 those of zlib.
$(B)/tests/golden/make_snapshots: $(B)/tests/golden/make_snapshots.o $(B)/tests/fuzz/bare_machine.o $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

golden: $(B)/tests/golden/make_snapshots
	$(Q)$< tests/golden $(VERSION)$(if $(MINIMAL),-zlib)

# One unit test by name: make unit-pit runs tests/unit/**/test_pit.
unit-%: FORCE
	$(Q)$(MAKE) --no-print-directory $(filter %/test_$*,$(UNIT)) && for t in $(filter %/test_$*,$(UNIT)); do $$t || exit 1; done

unit: $(UNIT)
	$(Q)for t in $(UNIT); do $$t || exit 1; done

# Programs that compare the processor with other implementations; see the top of each source.
CPU_TESTS := $(addprefix $(B)/tests/cpu/,vectors testfloat silicon decode_oracle lockstep guests positions)
$(B)/tests/cpu/decode_oracle: LDLIBS += -lcapstone -lZydis
$(B)/tests/cpu/vectors: $(B)/tests/support/stepper.o
$(B)/tests/cpu/testfloat: $(addprefix $(B)/tests/support/,cpubox.o stepper.o)
$(B)/tests/cpu/silicon: $(patsubst %.c,$(B)/%.o,$(wildcard tests/cpu/silicon_*.c)) \
	$(addprefix $(B)/tests/support/,cpubox.o stepper.o)
$(B)/tests/cpu/lockstep: $(patsubst %.c,$(B)/%.o,$(wildcard tests/cpu/program*.c)) $(B)/tests/cpu/lab.o \
	$(B)/tests/cpu/silicon_gen.o $(B)/tests/cpu/silicon_guest.o \
	$(addprefix $(B)/tests/support/,cpubox.o stepper.o statediff.o)
$(B)/tests/cpu/positions: $(B)/tests/cpu/silicon_gen.o $(B)/tests/cpu/silicon_guest.o \
	$(B)/tests/fuzz/hostile.o $(addprefix $(B)/tests/support/,cpubox.o stepper.o)
$(B)/tests/cpu/guests: $(B)/tests/cpu/silicon_gen.o $(B)/tests/cpu/silicon_guest.o $(B)/tests/fuzz/hostile.o \
	$(addprefix $(B)/tests/support/,cpubox.o stepper.o statediff.o whole.o)
$(B)/tests/cpu/%: $(B)/tests/cpu/%.o $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

# Programs that run whole machines.
BOOT_TESTS := $(addprefix $(B)/tests/boot/,forks roundtrip soak twin)
$(B)/tests/boot/soak: $(B)/tests/fuzz/hostile.o $(B)/tests/fuzz/damage.o
# What scripts call of their machine leads to the twin's pair of machines.
TWIN_CALLS := machine_run machine_key machine_mouse machine_insert machine_eject machine_powerdown \
	machine_reset serial_tap_type
$(B)/tests/boot/twin: $(patsubst %.c,$(B)/%.o,$(wildcard tests/boot/twin_*.c))
$(B)/tests/boot/twin: LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(TWIN_CALLS))
$(B)/tests/boot/%: $(B)/tests/boot/%.o $(SUPPORT_OBJ) $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcriterion

# What code costs that runs for the first time, and what going back does; see the top of each source.
$(B)/tests/bench/%: $(B)/tests/bench/%.o $(SUPPORT_OBJ) $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

# libFuzzer targets: the whole library instrumented, in a build folder of its own.
FUZZ_B = build-fuzz
FUZZ_CC = clang
FUZZ_SAN = -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ := $(patsubst tests/fuzz/%.c,$(FUZZ_B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PARTS := $(patsubst %.c,$(B)/%.o,$(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c)))
SECONDS ?= 60

ifdef FUZZING
CFLAGS += $(FUZZ_SAN) -fsanitize=fuzzer-no-link -fno-omit-frame-pointer -Wno-ignored-optimization-argument \
	-Wno-gnu-variable-sized-type-not-at-end
LDFLAGS += $(FUZZ_SAN)
$(B)/cpu/interp.o: CFLAGS += -fno-sanitize=all
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(FUZZ_PARTS) $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
endif

fuzz-build:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) B=$(FUZZ_B) CC=$(FUZZ_CC) AR=ar FUZZING=1 $(FUZZ)

fuzz: fuzz-build ## SECONDS=60 [TARGET=decode]: run some of the fuzzers, others each day
	$(Q)tests/fuzz/run.sh $(FUZZ_B) $(SECONDS) $(TARGET)

test-programs: $(UNIT) $(CPU_TESTS) $(BOOT_TESTS)

run: ## install what is missing, build, prepare the default guest, boot it
	$(Q)tests/support/setup.sh run
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)roms/run-guest.sh

test: ## install what is missing, build, run every test
	$(Q)tests/support/setup.sh test
	$(Q)$(MAKE) --no-print-directory -k -j$(JOBS) all test-programs
	$(Q)B=$(B) JOBS=$(JOBS) tests/run.sh

test-all: ## the long tests too; goes on where it was stopped
	$(Q)tests/support/setup.sh test
	$(Q)$(MAKE) --no-print-directory -k -j$(JOBS) all test-programs
	$(Q)B=$(B) JOBS=$(JOBS) tests/run.sh --all

check: ## quick: build, unit tests, layers
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(UNIT)
	$(Q)$(MAKE) --no-print-directory layers
	$(Q)B=$(B) JOBS=$(JOBS) tests/run.sh unit/

# The sanitizer's shadow memory has a fixed place, which one random layout in thousands has taken
# already ("ReserveShadowMemoryRange failed"); and each unit test is a process of its own.
SAME_LAYOUT := $(shell setarch -R true 2>/dev/null && echo setarch -R)

asan: roms/tour.img ## unit tests, tour and translator under address and undefined-behaviour sanitizers
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) SAN=1 asan-programs
	$(Q)B=build-asan BYGONE=$(CURDIR)/build-asan/bygone JOBS=$(JOBS) $(SAME_LAYOUT) \
		tests/run.sh unit/ boot/tour cpu/lockstep-jit boot/twin-soak-jit

asan-programs: $(UNIT) $(B)/bygone $(B)/tests/cpu/lockstep $(B)/tests/boot/twin

layers: ## check that includes go one way
	$(Q)tests/support/layers.sh

lint: $(B)/libbygone.a ## formatting, forbidden words, x87 opcodes, static analysis
	$(Q)tests/support/x87free.sh $(B)
	$(Q)tests/support/lint.sh

bench: all ## speed beside QEMU and Bochs; writes docs/performance.md (a quarter of an hour, idle machine)
	$(Q)tests/support/setup.sh bench
	$(Q)tests/bench/perf.sh

docs: FORCE ## collect docs/accuracy.md from the sources
	$(Q)docs/accuracy.sh

PREFIX ?= /usr/local
install: all ## PREFIX=/usr/local DESTDIR=
	install -D -m 755 $(B)/bygone $(DESTDIR)$(PREFIX)/bin/bygone
	install -D -m 644 docs/bygone.1 $(DESTDIR)$(PREFIX)/share/man/man1/bygone.1
	install -D -m 644 roms/tour.img $(DESTDIR)$(PREFIX)/share/bygone/roms/tour.img

help:
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 14

# The AML of the ACPI tables; needs iasl, so the result is kept in the repository.
dsdt: FORCE
	$(Q)devices/chipset/mkdsdt.sh devices/chipset/dsdt.asl > devices/chipset/dsdt.h.new
	$(Q)mv devices/chipset/dsdt.h.new devices/chipset/dsdt.h

clean: ## remove what was built
	rm -rf build build-* bygone roms/tour.img

distclean: clean ## clean, and the downloaded guest
	rm -rf roms/cache

FORCE:
.PHONY: golden all run test test-all test-programs check asan asan-programs layers lint fuzz fuzz-build \
	bench install help dsdt unit clean distclean FORCE
.PRECIOUS: $(B)/%.o
# What the benchmark kit unpacks has folders of such names.
-include $(shell find $(B) -path '$(B)/kit*' -prune -o -name '*.d' -type f -print 2>/dev/null)

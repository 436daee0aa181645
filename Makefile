# Bygone's build. `make help` lists what it can do. Variables: B (build folder), SAN=1 (address and
# undefined-behaviour sanitizers), V=1 (show commands), MINIMAL=1 (libc and zlib alone).
.DEFAULT_GOAL := all
B ?= $(if $(SAN),build-asan,build)$(if $(MINIMAL),-minimal)
CC = gcc
AR = gcc-ar
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

LIB_SRC := $(filter-out frontend/main.c,$(shell find base mmu cpu jit devices frontend -name '*.c' | sort))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(B)/devices/board/bootrom.o
UNIT_SRC := $(shell find tests/unit -name 'test_*.c' | sort)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))

all: bygone

bygone: $(B)/bygone
	$(Q)ln -sf $< $@

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
$(B)/cpu/interp.o: CFLAGS += -fno-gcse -fno-crossjumping
ifdef SAN
# Instrumented it takes minutes to compile, and its memory accesses are to guest memory anyway.
$(B)/cpu/interp.o: CFLAGS += -fno-sanitize=all
endif

# Our firmware: flat binaries from bios/*.S, linked at offset 0.
$(B)/bios/bootrom.bin: bios/bootrom.S bios/checksum.sh
	$(call say,ROM,$@)
	$(Q)mkdir -p $(@D) && $(CC) -m32 -c -Wa,--defsym,ROM_SIZE=1024 -o $(@:.bin=.o) $<
	$(Q)ld -m elf_i386 -Ttext 0 --oformat binary -o $@ $(@:.bin=.o) && bios/checksum.sh $@ 32

$(B)/devices/board/bootrom.o: devices/board/bootrom.S $(B)/bios/bootrom.bin
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CC) -c -DBOOTROM='"$(B)/bios/bootrom.bin"' -o $@ $<

# Rebuild everything when the flags change.
$(B)/flags: FORCE
	$(Q)mkdir -p $(B) && echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' > $@

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(SUPPORT_OBJ) $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

# One unit test by name: make unit-pit runs tests/unit/**/test_pit.
unit-%: FORCE
	$(Q)$(MAKE) --no-print-directory $(filter %/test_$*,$(UNIT)) && for t in $(filter %/test_$*,$(UNIT)); do $$t || exit 1; done

unit: $(UNIT)
	$(Q)for t in $(UNIT); do $$t || exit 1; done

# Programs that compare the processor with other implementations; see the top of each source.
$(B)/tests/cpu/decode_oracle: LDLIBS += -lcapstone -lZydis
$(B)/tests/cpu/testfloat: $(B)/tests/support/cpubox.o
$(B)/tests/cpu/silicon: $(patsubst %.c,$(B)/%.o,$(wildcard tests/cpu/silicon_*.c)) $(B)/tests/support/cpubox.o
$(B)/tests/cpu/%: $(B)/tests/cpu/%.o $(B)/libbygone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

# libFuzzer targets, run by hand: make build/tests/fuzz/fuzz_decode && build/tests/fuzz/fuzz_decode.
# Each names the sources that are to be instrumented.
FUZZ_CC = clang
$(B)/tests/fuzz/fuzz_decode: cpu/decode.c cpu/disasm.c cpu/optab_decode.c cpu/model.c
FUZZ_OPTIONS = $(patsubst %,frontend/%.c,nearest options options_config options_table options_text text values)
$(B)/tests/fuzz/fuzz_config: $(FUZZ_OPTIONS) $(B)/libbygone.a
$(B)/tests/fuzz/fuzz_probe: frontend/probe.c
$(B)/tests/fuzz/fuzz_script: frontend/script.c frontend/values.c frontend/nearest.c $(B)/libbygone.a
$(B)/tests/fuzz/fuzz_monitor: frontend/commands.c frontend/commands_memory.c frontend/expression.c \
	frontend/values.c $(B)/libbygone.a
$(B)/tests/fuzz/fuzz_chipset: $(wildcard base/*.c mmu/*.c devices/*.c devices/chipset/*.c devices/serial/*.c \
	devices/host/chr*.c devices/host/quiet.c)
$(B)/tests/fuzz/%: tests/fuzz/%.c
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(FUZZ_CC) -std=gnu11 -O1 -g -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$(filter -DHAVE_%,$(CFLAGS)) -o $@ $^ $(if $(filter %.a,$^),$(LDLIBS))

check: all unit layers

layers:
	$(Q)tests/support/layers.sh

# The AML of the ACPI tables; needs iasl, so the result is kept in the repository.
dsdt: FORCE
	$(Q)devices/chipset/mkdsdt.sh devices/chipset/dsdt.asl > devices/chipset/dsdt.h.new
	$(Q)mv devices/chipset/dsdt.h.new devices/chipset/dsdt.h

clean:
	rm -rf build build-* bygone

FORCE:
.PHONY: all unit check layers clean FORCE
.PRECIOUS: $(B)/%.o
-include $(shell find $(B) -name '*.d' 2>/dev/null)

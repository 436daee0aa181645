/* String instructions: repetition, counting, overlap, wrap, faults in the middle. */
#include "base/clock.h"
#include "mmu/bus.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>
#include <string.h>

static struct cpu_rig rig;
static struct cpu *c;

static void setup(void)
{
    cpu_rig_setup(&rig, "pentium2");
    c = rig.cpu;
    cpu_rig_protected(&rig, 0);
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(string, .init = setup, .fini = teardown);

static void set(u64 rsi, u64 rdi, u64 rcx)
{
    c->gpr[RSI] = rsi;
    c->gpr[RDI] = rdi;
    c->gpr[RCX] = rcx;
    c->rip = AT_CODE;
}

static void assert_registers(u64 rsi, u64 rdi, u64 rcx)
{
    cr_assert_eq(c->gpr[RSI], rsi, "rSI is %llX", (unsigned long long)c->gpr[RSI]);
    cr_assert_eq(c->gpr[RDI], rdi, "rDI is %llX", (unsigned long long)c->gpr[RDI]);
    cr_assert_eq(c->gpr[RCX], rcx, "rCX is %llX", (unsigned long long)c->gpr[RCX]);
}

/* ---- Repetition and counting ---- */

Test(string, count_of_zero_does_nothing_and_counts_once)
{
    set(AT_DATA, AT_FREE, 0);
    cr_assert_eq(cpu_rig_exec(&rig, "F3 A4"), NO_FAULT);
    assert_registers(AT_DATA, AT_FREE, 0);
    cr_assert_eq(c->count, 1);
    cr_assert_eq(c->rip, AT_CODE + 2);
}

Test(string, each_round_counts_as_an_instruction)
{
    set(AT_DATA, AT_FREE, 100);
    cr_assert_eq(cpu_rig_exec(&rig, "F3 A5"), NO_FAULT); /* rep movsd */
    assert_registers(AT_DATA + 400, AT_FREE + 400, 0);
    cr_assert_eq(c->count, 100);
}

Test(string, engine_gets_back_at_its_count_in_the_middle)
{
    cpu_rig_code(&rig, AT_CODE, "F3 A5 F4");
    set(AT_DATA, AT_FREE, 5000);
    cr_assert_eq(engine_interp.run(c, 1234), ENGINE_COUNT);
    cr_assert_eq(c->count, 1234);
    cr_assert_eq(c->rip, AT_CODE);
    assert_registers(AT_DATA + 1234 * 4, AT_FREE + 1234 * 4, 5000 - 1234);
    cr_assert_eq(engine_interp.run(c, 10000), ENGINE_HALT);
    cr_assert_eq(c->count, 5001);
    cr_assert_eq(c->rip, AT_CODE + 3);
}

/* Down over itself with NOPs, ES beginning at `base`: where the engine stops is not to be seen. */
static void assert_overwritten_exactly(u32 base)
{
    for (u64 stop = 1; stop < 30; stop++) {
        cpu_rig_code(&rig, AT_CODE, "FD F3 AA 00 00 00 00 00 F4"); /* std; rep stosb */
        set(0, AT_CODE + 7, 20);
        c->seg[SEG_ES].base = base;
        c->eflags &= ~(u32)EF_DF;
        c->gpr[RAX] = 0x90;
        c->count = 0;
        c->halted = false;
        if (engine_interp.run(c, stop) != ENGINE_HALT)
            cr_assert_eq(engine_interp.run(c, 1000), ENGINE_HALT);
        /* The round that wrote the AAh was the last; F3 90 is a NOP, then comes what was behind. */
        assert_registers(0, AT_CODE + 1, 20 - 6);
        cr_assert_eq(c->count, 14);
        cr_assert_eq(c->rip, AT_CODE + 8 + 1, "stopped at %u first", (unsigned)stop);
    }
}

Test(string, what_it_has_made_of_itself_is_fetched_after_the_round)
{
    assert_overwritten_exactly(0);
}

/* Through the memory's image a megabyte higher, while A20 is off. */
Test(string, what_it_has_made_of_itself_through_an_alias_is_fetched_after_the_round)
{
    physmap_set_a20(rig.pm, false);
    assert_overwritten_exactly(1 << 20);
}

Test(string, attention_stops_after_the_round)
{
    cpu_rig_code(&rig, AT_CODE, "F3 6C F4"); /* rep insb */
    set(AT_DATA, AT_FREE, 10);
    c->attention |= ATT_STOP;
    c->until = UINT64_MAX;
    cr_assert(cpu_step(c));
    cr_assert_eq(c->gpr[RCX], 9);
    cr_assert_eq(c->rip, AT_CODE);
    cr_assert(c->eflags & EF_RF);
}

Test(string, compare_stops_where_zf_says_so)
{
    cpu_rig_code(&rig, AT_DATA, "41 42 43 44 45");
    cpu_rig_code(&rig, AT_FREE, "41 42 43 58 45");
    set(AT_DATA, AT_FREE, 5);
    cr_assert_eq(cpu_rig_exec(&rig, "F3 A6"), NO_FAULT); /* repe cmpsb */
    assert_registers(AT_DATA + 4, AT_FREE + 4, 1);
    cr_assert_not(c->aflags & AF_ZF);
    cr_assert(c->aflags & AF_CF, "44 is below 58");
    set(0, AT_FREE, 5);
    c->gpr[RAX] = 0x45;
    cr_assert_eq(cpu_rig_exec(&rig, "F2 AE"), NO_FAULT); /* repne scasb */
    assert_registers(0, AT_FREE + 5, 0);
    cr_assert(c->aflags & AF_ZF);
}

Test(string, address_size_decides_which_registers_and_how_wide)
{
    cpu_rig_put(&rig, 0xFFFF, 1, 0x77);
    set(0x1234FFFF, 0xABCD8000, 0x55550002);
    cr_assert_eq(cpu_rig_exec(&rig, "67 F3 A4"), NO_FAULT); /* 16-bit rep movsb */
    assert_registers(0x12340001, 0xABCD8002, 0x55550000);
    cr_assert_eq(cpu_rig_get(&rig, 0x8000, 1), 0x77);
}

Test(string, source_takes_an_override_and_destination_does_not)
{
    cpu_rig_desc(&rig, SEL_FREE, 0x30000, 0xFFFF, ATTR_DATA);
    cpu_rig_load(&rig, SEG_FS, SEL_FREE);
    cpu_rig_put(&rig, 0x30010, 1, 0x66);
    set(0x10, AT_FREE, 1);
    cr_assert_eq(cpu_rig_exec(&rig, "64 A4"), NO_FAULT); /* movsb fs: */
    cr_assert_eq(cpu_rig_get(&rig, AT_FREE, 1), 0x66);
}

/* ---- Faults ---- */

Test(string, fault_leaves_the_rounds_before_it)
{
    cpu_rig_desc(&rig, SEL_FREE, AT_FREE, 9, ATTR_DATA);
    cpu_rig_load(&rig, SEG_ES, SEL_FREE);
    set(AT_DATA, 0, 8);
    cr_assert_eq(cpu_rig_exec(&rig, "F3 A5"), VEC_GP);
    assert_registers(AT_DATA + 8, 8, 6);
    cr_assert_eq(c->count, 2);
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE);
}

Test(string, port_is_not_read_when_the_store_would_fault)
{
    cpu_rig_desc(&rig, SEL_FREE, AT_FREE, 9, ATTR_DATA & ~DESC_RW);
    cpu_rig_load(&rig, SEG_ES, SEL_FREE);
    set(0, 0, 1);
    cr_assert_eq(cpu_rig_exec(&rig, "6C"), VEC_GP);
}

/* ---- Whole pages at once give what single rounds give ---- */

enum { AREA = 0x40000, AREA_BYTES = 0x4000 };

static u32 random_number(u32 *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void fill(u32 *seed, bool few_values)
{
    u8 bytes[AREA_BYTES];

    for (unsigned i = 0; i < AREA_BYTES; i++)
        bytes[i] = (u8)(few_values && random_number(seed) % 16 ? 0x20 : random_number(seed));
    physmap_write(rig.pm, AREA, bytes, AREA_BYTES);
}

struct outcome {
    u64 rax, rcx, rsi, rdi, count, flags;
    u8 memory[AREA_BYTES];
};

/* A breakpoint somewhere else keeps all strings on the way of single rounds. */
static void run(const char *code, const u64 *gpr, u32 flags, bool single, struct outcome *o)
{
    c->dr[0] = 0x3FF000;
    c->dr[7] = single ? 0x402 | 1 << 16 : 0x400;
    cpu_rig_flags(&rig, flags);
    memcpy(c->gpr, gpr, 8 * sizeof *gpr);
    c->rip = AT_CODE;
    c->count = 0;
    do
        cr_assert_eq(cpu_rig_exec(&rig, code), NO_FAULT);
    while (c->rip == AT_CODE); /* as the engine does while rounds are left */
    c->eflags &= ~(u32)EF_RF;
    c->special &= ~(u32)SPECIAL_RF;
    cr_assert_eq(c->rip, AT_CODE + 2 + (strlen(code) > 6));
    o->rax = c->gpr[RAX];
    o->rcx = c->gpr[RCX];
    o->rsi = c->gpr[RSI];
    o->rdi = c->gpr[RDI];
    o->count = c->count;
    o->flags = cpu_flags(c);
    physmap_read(rig.pm, AREA, o->memory, AREA_BYTES);
}

static const char *const repeated[] = {
    "F3 A4", "F3 A5", "66 F3 A5", "F3 AA", "F3 AB", "66 F3 AB", "F3 A6", "F3 A7", "66 F3 A7",
    "F2 A6", "F2 A7", "F3 AE",    "F3 AF", "F2 AE", "66 F2 AF", "F3 AC", "F3 AD",
};

Test(string, fast_and_slow_ways_agree)
{
    static struct outcome fast, slow;
    static u8 before[AREA_BYTES];
    u32 seed = 1996;

    for (unsigned i = 0; i < 3000; i++) {
        const char *code = repeated[random_number(&seed) % ARRAY_LEN(repeated)];
        u32 flags = random_number(&seed) & 1 ? EF_DF : 0;
        u32 at = 0x1800 + random_number(&seed) % 0x1000, near = random_number(&seed) % 64;
        u64 gpr[8] = {0};

        fill(&seed, random_number(&seed) & 1);
        gpr[RAX] = random_number(&seed) & 1 ? 0x20202020 : random_number(&seed);
        gpr[RCX] = random_number(&seed) % (random_number(&seed) & 1 ? 20 : 1500);
        gpr[RSI] = AREA + at;
        gpr[RDI] = AREA + (random_number(&seed) & 1 ? at + near - 32
                                                    : 0x1800 + random_number(&seed) % 0x1000);
        gpr[RSP] = AT_STACK0;
        physmap_read(rig.pm, AREA, before, AREA_BYTES);
        run(code, gpr, flags, true, &slow);
        physmap_write(rig.pm, AREA, before, AREA_BYTES);
        run(code, gpr, flags, false, &fast);
        cr_assert(!memcmp(&fast, &slow, sizeof fast),
                  "case %u: %s, DF %d, rSI %llX, rDI %llX, rCX %llX", i, code, flags != 0,
                  (unsigned long long)gpr[RSI], (unsigned long long)gpr[RDI],
                  (unsigned long long)gpr[RCX]);
    }
}

/* ---- The memory of a chip that changes what is written ---- */

enum { CHIP = 0x60000 };

struct chip {
    u8 cells[AREA_BYTES], latch;
};

static u64 chip_read(void *opaque, u64 at, unsigned size)
{
    struct chip *chip = opaque;
    u64 v = 0;

    memcpy(&v, chip->cells + at, size);
    chip->latch = (u8)v;
    return v ^ size;
}

static void chip_write(void *opaque, u64 at, u64 v, unsigned size)
{
    struct chip *chip = opaque;

    v = v << 1 ^ chip->latch;
    memcpy(chip->cells + at, &v, size);
}

Test(string, fast_and_slow_ways_agree_on_the_memory_of_a_chip)
{
    static const struct mmio_ops ops = {
        .width = 2, .memory = true, .read = chip_read, .write = chip_write};
    static struct outcome fast, slow;
    static struct chip chip, before, after;
    static u8 memory[AREA_BYTES];
    u32 seed = 1987;

    bus_map_mmio(rig.bus, CHIP, AREA_BYTES, &ops, &chip);
    for (unsigned i = 0; i < 1000; i++) {
        const char *code = repeated[random_number(&seed) % 6];
        u32 flags = random_number(&seed) % 4 ? 0 : EF_DF, which = random_number(&seed);
        u64 gpr[8] = {0};

        fill(&seed, false);
        physmap_read(rig.pm, AREA, memory, AREA_BYTES);
        memcpy(chip.cells, memory + 1, AREA_BYTES - 1);
        gpr[RAX] = random_number(&seed);
        gpr[RCX] = random_number(&seed) % 1000;
        gpr[RSI] = (which & 1 ? AREA : CHIP) + 0x1800 + random_number(&seed) % 0x1000;
        gpr[RDI] = (which & 2 ? CHIP : AREA) + 0x1800 + random_number(&seed) % 0x1000;
        gpr[RSP] = AT_STACK0;
        before = chip;
        run(code, gpr, flags, true, &slow);
        after = chip;
        chip = before;
        physmap_write(rig.pm, AREA, memory, AREA_BYTES);
        run(code, gpr, flags, false, &fast);
        cr_assert(!memcmp(&fast, &slow, sizeof fast) && !memcmp(&chip, &after, sizeof chip),
                  "case %u: %s, DF %d, rSI %llX, rDI %llX, rCX %llX", i, code, flags != 0,
                  (unsigned long long)gpr[RSI], (unsigned long long)gpr[RDI],
                  (unsigned long long)gpr[RCX]);
    }
}

/* ---- Chips see the exact count of each round ---- */

struct counter {
    u64 at[8];
    unsigned n;
};

static u32 note_count(void *opaque, u16 port)
{
    struct counter *seen = opaque;

    if (seen->n < ARRAY_LEN(seen->at))
        seen->at[seen->n++] = cpu_count(c);
    return seen->n;
}

static void ignore(void *opaque, u16 port, u32 value)
{
}

Test(string, chip_sees_the_count_of_each_round)
{
    static const struct port_ops ops = {.width = 1, .read = note_count, .write = ignore};
    struct counter seen = {.n = 0};

    bus_map_ports(rig.bus, 0x300, 1, &ops, &seen);
    set(0, AT_FREE, 5);
    c->gpr[RDX] = 0x300;
    c->count = 1000;
    cr_assert_eq(cpu_rig_exec(&rig, "F3 6C"), NO_FAULT); /* rep insb */
    cr_assert_eq(seen.n, 5);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(seen.at[i], 1000 + i);
    cr_assert_eq(c->count, 1005);
    cr_assert_eq(cpu_rig_get(&rig, AT_FREE, 4), 0x04030201);
}

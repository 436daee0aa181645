/* The processor as a part of the machine: reset, saved state. */
#include "base/state.h"
#include "cpu/fpu.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct cpu_rig rig;
static struct cpu *c;

static void with_model(const char *model)
{
    cpu_rig_setup(&rig, model);
    c = rig.cpu;
}

static void setup(void)
{
    with_model("pentium2");
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(cpu, .init = setup, .fini = teardown);

/* ---- Reset ---- */

Test(cpu, reset_starts_16_bytes_below_4_gib)
{
    cr_assert_eq(c->seg[SEG_CS].sel, 0xF000);
    cr_assert_eq(c->seg[SEG_CS].base + c->rip, 0xFFFFFFF0);
    cr_assert_eq(c->seg[SEG_CS].limit, 0xFFFF);
    cr_assert_eq(cpu_flags(c), EF_FIXED);
    cr_assert_eq(c->cr0, CR0_CD | CR0_NW | CR0_ET);
    cr_assert_eq(c->gpr[RDX], 0x652);
    cr_assert_eq(c->idtr.limit, 0xFFFF);
    cr_assert_eq(c->dr[6], 0xFFFF0FF0);
    cr_assert_eq(c->dr[7], 0x400);
}

Test(cpu, older_chips_reset_their_own_way)
{
    teardown();
    with_model("8086");
    cr_assert_eq(c->seg[SEG_CS].base + c->rip, 0xFFFF0);
    cr_assert_eq(c->seg[SEG_CS].sel, 0xFFFF);
    cr_assert_eq(cpu_flags(c), 0xF002);
    teardown();
    with_model("286");
    cr_assert_eq(c->seg[SEG_CS].base + c->rip, 0xFFFFF0);
    teardown();
    with_model("386");
    cr_assert_eq(c->gpr[RDX], 0x308);
    cr_assert_eq(c->cr0, 0);
}

Test(cpu, init_keeps_fpu_msrs_and_cache_bits)
{
    cpu_rig_protected(&rig, 0);
    c->fpu.cw = 0x27F;
    c->msr_sysenter_cs = 8;
    c->cr0 = CR0_PE | CR0_ET;
    rig.now_ns = 5000;
    cpu_reset(c, false);
    cr_assert_eq(c->cr0, CR0_ET);
    cr_assert_eq(c->fpu.cw, 0x27F);
    cr_assert_eq(c->msr_sysenter_cs, 8);
    cr_assert_eq(cpu_tsc(c), 1750);
    cpu_reset(c, true);
    cr_assert_eq(c->fpu.cw, 0x40, "FNINIT has not been executed");
    cr_assert_eq(c->msr_sysenter_cs, 0);
    cr_assert_eq(cpu_tsc(c), 0);
}

/* ---- State ---- */

static u64 hash(void)
{
    struct state *s = state_new_hash();
    u64 h;

    cpu_state(c, s);
    h = state_hash(s);
    state_free(s);
    return h;
}

static u8 *save(size_t *len)
{
    struct state *s = state_new_save();
    const void *data;
    u8 *copy;

    cpu_state(c, s);
    cr_assert_null(state_error(s), "%s", state_error(s));
    data = state_data(s, len);
    copy = malloc(*len);
    memcpy(copy, data, *len);
    state_free(s);
    return copy;
}

static bool load(const u8 *data, size_t len)
{
    struct state *s = state_new_load(data, len);
    bool ok;

    cpu_state(c, s);
    ok = !state_error(s);
    state_free(s);
    return ok;
}

/* In the middle of things: level 3, an interrupt shadow, paging, breakpoints, flags. */
static void busy(void)
{
    cpu_rig_protected(&rig, 3);
    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(&rig, 0x101000 + i * 4, 4, i << 12 | 7);
    cpu_rig_put(&rig, 0x100000, 4, 0x101007);
    c->cr3 = 0x100000;
    c->cr0 |= CR0_PG;
    c->dr[0] = 0x1234;
    c->dr[7] = 0x402;
    for (unsigned i = 0; i < 8; i++)
        if (i != RSP)
            c->gpr[i] = 0x11111111 * i;
    cpu_rig_flags(&rig, EF_IOPL | EF_CF | EF_ZF);
    cr_assert_eq(cpu_rig_exec(&rig, "FB"), NO_FAULT); /* sti */
    cpu_set_intr(c, true);
}

Test(cpu, state_comes_back_in_the_middle_of_a_shadow)
{
    size_t len;
    u64 h;
    u8 *data;

    busy();
    h = hash();
    data = save(&len);
    cpu_reset(c, true);
    cr_assert_neq(hash(), h);
    cr_assert(load(data, len));
    cr_assert_eq(hash(), h);
    cr_assert_eq(c->cpl, 3);
    cr_assert(c->mode & MODE_USER);
    cr_assert(cpu_waits_for_shadow(c));
    cr_assert_not(cpu_service(c));
    cr_assert_eq(cpu_rig_exec(&rig, "90"), NO_FAULT);
    rig.inta_vector = 0x44;
    cr_assert(cpu_service(c));
    cr_assert_eq(c->rip, AT_HANDLERS + 0x440);
    free(data);
}

Test(cpu, stale_translation_is_part_of_the_state)
{
    size_t len;
    u8 *data;

    busy();
    cpu_rig_put(&rig, 0x30000, 1, 0x33);
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cpu_rig_put(&rig, 0x101000 + 0x30 * 4, 4, 0x31007);
    data = save(&len);
    mmu_flush_all(&c->mmu);
    cr_assert(load(data, len));
    cr_assert_eq(cpu_rig_exec(&rig, "A0 00 00 03 00"), NO_FAULT);
    cr_assert_eq(c->gpr[RAX] & 0xFF, 0x33);
    free(data);
}

/* Each damaged copy is refused, or loads into something that runs. */
Test(cpu, damaged_state_is_refused_or_harmless)
{
    u32 seed = 7;
    size_t len;
    u8 *data, *bad;

    busy();
    data = save(&len);
    bad = malloc(len);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(bad, data, len);
        for (unsigned k = 0; k < 1 + i % 3; k++) {
            seed = seed * 1664525 + 1013904223;
            bad[(seed >> 8) % len] ^= (u8)(1 << (seed >> 29));
        }
        if (load(bad, i % 10 ? len : len / 2)) {
            c->until = UINT64_MAX;
            for (unsigned k = 0; k < 20 && !c->shutdown && !c->halted; k++)
                cpu_step(c);
            fpu_leave(c);
        }
    }
    cr_assert(load(data, len));
    free(bad);
    free(data);
}

/* Where the low byte of CR0 is: the first that differs when TS does. */
static size_t place_of_cr0(const u8 *data)
{
    size_t len, at = 0;
    u8 *other;

    c->cr0 ^= CR0_TS;
    other = save(&len);
    c->cr0 ^= CR0_TS;
    while (at < len && data[at] == other[at])
        at++;
    free(other);
    return at;
}

Test(cpu, contradictions_are_refused)
{
    size_t len;
    u8 *data;

    busy();
    data = save(&len);
    data[place_of_cr0(data)] &= (u8)~CR0_PE; /* paging and level 3 in real mode */
    cr_assert_not(load(data, len));
    free(data);
}

/*
 * When things happen, to the instruction: DESIGN's rules of counting and delivery points, checked
 * on every engine and on the stepper, which must agree with each other and with the numbers here.
 * Little chips of the test raise INTR, look at the time, or change the map.
 */
#include "tests/support/cpu_rig.h"

#include "base/state.h"
#include "cpu/engine.h"
#include "devices/board/engines.h"
#include "mmu/bus.h"
#include "tests/support/stepper.h"

#include <criterion/criterion.h>

enum {
    PORT_RAISE = 0x500, /* a write raises INTR, or a read */
    PORT_LOWER = 0x501,
    PORT_TIME = 0x502, /* notes the count */
    PORT_A20 = 0x503,
    PORT_STOP = 0x504, /* as a deadline that moved: the engine must come back */
    CHIP = 0x3F0000,   /* memory: a write raises INTR */
    VECTOR = 0x40,
    SEEN_MAX = 16,
};

static struct cpu_rig rig;
static u64 seen[SEEN_MAX];
static unsigned seen_count;

static void note_time(void)
{
    if (seen_count < SEEN_MAX)
        seen[seen_count++] = cpu_count(rig.cpu);
}

static void port_write(void *opaque, u16 port, u32 value)
{
    switch (port) {
    case PORT_RAISE: cpu_set_intr(rig.cpu, true); break;
    case PORT_LOWER: cpu_set_intr(rig.cpu, false); break;
    case PORT_TIME: note_time(); break;
    case PORT_A20: physmap_set_a20(rig.pm, value & 1); break;
    case PORT_STOP: rig.cpu->attention |= ATT_TIMER; break;
    }
}

static u32 port_read(void *opaque, u16 port)
{
    port_write(opaque, port, 0);
    return 0;
}

static u64 chip_read(void *opaque, u64 offset, unsigned size)
{
    note_time();
    return 0;
}

static void chip_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    note_time();
    cpu_set_intr(rig.cpu, true);
}

static const struct port_ops ports = {.width = 1, .read = port_read, .write = port_write};
static const struct mmio_ops chip = {.width = 4, .read = chip_read, .write = chip_write};

static void open_rig(const struct engine *engine)
{
    cpu_rig_setup(&rig, "pentium2");
    bus_map_ports(rig.bus, PORT_RAISE, 8, &ports, NULL);
    bus_map_mmio(rig.bus, CHIP, 4096, &chip, NULL);
    rig.inta_vector = VECTOR;
    cr_assert(test_engine_take(rig.cpu, engine));
    seen_count = 0;
}

static void close_rig(void)
{
    cpu_rig_teardown(&rig);
}

/* Engine n, the stepper behind those of the build; NULL behind all. */
static const struct engine *engine_number(unsigned n)
{
    unsigned last = 0;

    while (engine_names[last])
        last++;
    return n < last ? engine_by_name(engine_names[n]) : n == last ? &engine_stepper : NULL;
}

/* The same test on each engine. */
#define ON_EACH(name)                                                                              \
    static void check_##name(void);                                                                \
    Test(delivery, name)                                                                           \
    {                                                                                              \
        for (unsigned n = 0; engine_number(n); n++) {                                              \
            open_rig(engine_number(n));                                                            \
            check_##name();                                                                        \
            close_rig();                                                                           \
        }                                                                                          \
    }                                                                                              \
    static void check_##name(void)

/* Until HLT, an interrupt, or `limit` instructions; as the board's loop does. */
static enum engine_stop go(u64 limit)
{
    struct cpu *c = rig.cpu;
    enum engine_stop why;

    do {
        c->attention &= ~(u32)(ATT_TIMER | ATT_STOP);
        if (cpu_service(c))
            return ENGINE_ATTENTION;
        why = c->engine->run(c, cpu_waits_for_shadow(c) ? c->count + 1 : limit);
    } while (c->count < limit && (why == ENGINE_ATTENTION || why == ENGINE_COUNT));
    return why;
}

static void real_code(const char *hex)
{
    cpu_rig_real(&rig);
    rig.cpu->gpr[RDX] = PORT_RAISE;
    cpu_rig_flags(&rig, EF_IF);
    cpu_rig_code(&rig, AT_CODE, hex);
}

/* The return address on the real-mode stack. */
static u32 returns_to(void)
{
    return cpu_rig_stack(&rig, 0) & 0xFFFF;
}

/* ---- Counting ---- */

/* The handler of #UD is an undefined instruction itself. */
ON_EACH(faults_without_end_take_time)
{
    struct cpu *c = rig.cpu;

    cpu_rig_real(&rig);
    cpu_rig_code(&rig, AT_CODE, "0F 0B");
    cpu_rig_code(&rig, AT_HANDLERS + VEC_UD * 16, "0F 0B");
    cr_assert_eq(c->engine->run(c, 100), ENGINE_COUNT);
    cr_assert_eq(c->count, 100);
}

ON_EACH(every_instruction_counts_one_and_hlt_too)
{
    real_code("90 40 43 90 F4");
    cr_assert_eq(go(1000), ENGINE_HALT);
    cr_assert_eq(rig.cpu->count, 5);
}

ON_EACH(a_string_counts_its_rounds_or_one)
{
    real_code("B9 07 00 BF 00 90 F3 AA F4"); /* mov cx, 7; mov di, 9000h; rep stosb */
    go(1000);
    cr_assert_eq(rig.cpu->count, 2 + 7 + 1);
}

ON_EACH(a_string_of_no_rounds_counts_one)
{
    real_code("31 C9 F3 AA F4");
    go(1000);
    cr_assert_eq(rig.cpu->count, 1 + 1 + 1);
}

ON_EACH(a_string_stops_at_the_count_and_goes_on)
{
    struct cpu *c = rig.cpu;

    real_code("B9 07 00 F3 AA F4");
    cr_assert_eq(c->engine->run(c, 4), ENGINE_COUNT);
    cr_assert_eq(c->count, 4);
    cr_assert_eq(c->gpr[RCX] & 0xFFFF, 4);
    cr_assert_eq(c->rip, 3);
    go(1000);
    cr_assert_eq(c->count, 1 + 7 + 1);
}

ON_EACH(a_string_whose_last_round_reaches_the_count_is_the_last_instruction)
{
    struct cpu *c = rig.cpu;

    real_code("90 F3 AA 11 C0 43 F3 AA 90 F4"); /* rep stosb; adc ax, ax; inc bx; rep stosb */
    for (unsigned hot = 0; hot < 4; hot++) {
        c->rip = 0;
        c->halted = false;
        cr_assert_eq(c->engine->run(c, c->count + 100000), ENGINE_HALT);
    }
    c->halted = false;
    for (u32 rounds = 1; rounds < 400; rounds += 13)
        for (u32 more = 0; more < 3; more++) {
            u64 until = c->count + 1 + rounds + more;

            c->rip = 0;
            c->gpr[RCX] = rounds;
            c->gpr[RDI] = 0x9000;
            cr_assert_eq(c->engine->run(c, until), ENGINE_COUNT);
            cr_assert_eq(c->count, until);
            cr_assert_eq(c->rip, 3 + (more ? more + 1 : 0));
        }
}

ON_EACH(a_fault_and_its_delivery_count_nothing)
{
    real_code("90 0F 0B"); /* the handler is HLT */
    cr_assert_eq(go(1000), ENGINE_HALT);
    cr_assert_eq(rig.cpu->count, 2);
    cr_assert_eq(returns_to(), 1);
}

ON_EACH(the_faulting_round_of_a_string_counts_nothing)
{
    /* Dwords down from 5 in a segment of 64 KiB: the third would reach over FFFFh. */
    real_code("BF 05 00 B9 07 00 FD 66 F3 AB");
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RCX] & 0xFFFF, 5, "offsets 5 and 1");
    cr_assert_eq(rig.cpu->count, 3 + 2 + 1, "and the handler's HLT");
}

ON_EACH(chips_see_the_exact_count)
{
    real_code("90 90 BA 02 05 EE 90 90 90 EC 43 EE F4");
    go(1000);
    cr_assert_eq(seen_count, 3);
    cr_assert_eq(seen[0], 3);
    cr_assert_eq(seen[1], 7);
    cr_assert_eq(seen[2], 9);
}

ON_EACH(chips_in_memory_see_the_exact_count)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_code(&rig, AT_CODE, "90 A1 00 00 3F 00 90 40 A1 00 00 3F 00 F4");
    go(1000);
    cr_assert_eq(seen_count, 2);
    cr_assert_eq(seen[0], 1);
    cr_assert_eq(seen[1], 4);
}

/* ---- Delivery points ---- */

ON_EACH(an_interrupt_raised_by_out_comes_before_the_next_instruction)
{
    real_code("90 EE 40 40 40 F4"); /* nop; out dx, al; inc ax ... */
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(rig.cpu->count, 2);
    cr_assert_eq(returns_to(), 2);
    cr_assert_eq(rig.cpu->gpr[RAX] & 0xFFFF, 0);
}

ON_EACH(an_interrupt_raised_by_memory_comes_in_the_middle_of_a_run)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_IF);
    cpu_rig_code(&rig, AT_CODE, "90 40 A3 00 00 3F 00 40 40 40 F4");
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(rig.cpu->count, 3);
    cr_assert_eq(rig.cpu->gpr[RAX], 1);
    cr_assert_eq(cpu_rig_stack(&rig, 0), AT_CODE + 7);
}

ON_EACH(an_interrupt_withdrawn_at_once_never_comes)
{
    real_code("FA EE 42 EE FB 90 90 F4"); /* cli; raise; inc dx; lower; sti */
    cr_assert_eq(go(1000), ENGINE_HALT);
    cr_assert_eq(rig.cpu->count, 8);
}

ON_EACH(sti_holds_interrupts_back_for_one_instruction)
{
    real_code("FA EE FB 90 40 F4"); /* cli; raise; sti; nop; inc ax */
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(returns_to(), 4);
    cr_assert_eq(rig.cpu->count, 4);
}

ON_EACH(sti_hlt_is_woken)
{
    real_code("FA EE FB F4 40");
    go(1000);
    cr_assert_eq(rig.cpu->count, 4);
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(returns_to(), 4);
}

ON_EACH(mov_ss_holds_interrupts_back_for_one_instruction)
{
    const struct engine *engine = rig.cpu->engine;

    real_code("8E D0 EE 40 40 F4"); /* mov ss, ax; out: INTR rises behind the shadow */
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(returns_to(), 3);
    close_rig();
    open_rig(engine);
    real_code("FA EE FB 8E D0 40 F4"); /* shadow upon shadow: STI, then MOV SS, then INC */
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(returns_to(), 6);
}

ON_EACH(popf_that_sets_if_lets_interrupts_in_at_once)
{
    real_code("9C FA EE 9D 40 F4"); /* pushf; cli; raise; popf */
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(returns_to(), 4);
}

ON_EACH(an_interrupt_comes_between_the_rounds_of_a_string)
{
    real_code("B9 05 00 F3 6E F4"); /* rep outsb to the port that raises */
    cr_assert_eq(go(1000), ENGINE_ATTENTION);
    cr_assert_eq(rig.cpu->gpr[RCX] & 0xFFFF, 4);
    cr_assert_eq(returns_to(), 3);
    cr_assert_eq(rig.cpu->count, 2);
}

ON_EACH(a_moved_deadline_stops_the_engine_at_the_next_boundary)
{
    struct cpu *c = rig.cpu;

    real_code("BA 04 05 EE 40 40 40 F4");
    cr_assert_eq(c->engine->run(c, 1000), ENGINE_ATTENTION);
    cr_assert_eq(c->count, 2);
    cr_assert_eq(c->gpr[RAX] & 0xFFFF, 0);
}

ON_EACH(the_engine_stops_at_any_count)
{
    struct cpu *c = rig.cpu;

    real_code("40 43 41 42 40 43 41 42 EB F6");
    for (u64 n = 1; n < 200; n += 1 + n % 7) {
        cr_assert_eq(c->engine->run(c, n), ENGINE_COUNT);
        cr_assert_eq(c->count, n);
        cr_assert_eq(c->rip, n % 9 == 0 ? 0 : n % 9);
    }
}

ON_EACH(a_triple_fault_while_an_interrupt_is_delivered_stops_the_engine)
{
    struct cpu *c = rig.cpu;

    cpu_rig_protected(&rig, 0);
    cpu_rig_flags(&rig, EF_IF);
    cpu_rig_code(&rig, AT_CODE, "40 40 F4");
    c->idtr.limit = 0;
    cpu_set_intr(c, true);
    cr_assert(cpu_service(c));
    cr_assert_eq(c->engine->run(c, 1000), ENGINE_SHUTDOWN);
    cr_assert_eq(c->count, 0);
}

/* ---- Code that changes under its own feet ---- */

ON_EACH(a_patched_instruction_is_executed_as_patched)
{
    /* mov byte [cs:next], 43h (inc bx); nop; next: inc ax; hlt */
    real_code("2E C6 06 07 00 43 90 40 F4");
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RAX] & 0xFFFF, 0);
    cr_assert_eq(rig.cpu->gpr[RBX] & 0xFFFF, 1);
}

ON_EACH(a_patch_through_another_address_counts_too)
{
    cpu_rig_protected(&rig, 0);
    cpu_rig_desc(&rig, SEL_FREE, 0x1000, 0xFFFFF, ATTR_DATA | ATTR_FLAT);
    cpu_rig_load(&rig, SEG_DS, SEL_FREE);
    cpu_rig_code(&rig, AT_CODE, "C6 05 08 F0 00 00 43 90 40 F4"); /* to AT_CODE + 8 */
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RBX] - rig.cpu->gpr[RAX], 1);
}

ON_EACH(a_string_that_runs_over_its_own_code_goes_on_in_what_it_wrote)
{
    /* mov di, 0Bh; mov cx, 3; mov al, 43h; rep stosb [es=cs]; then three INC AX become INC BX */
    real_code("8C C8 8E C0 BF 0F 00 B9 03 00 B0 43 F3 AA 90 40 40 40 F4");
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RBX] & 0xFFFF, 3);
}

ON_EACH(the_gate_of_a20_acts_on_the_next_instruction)
{
    /* Code at 1FFFF0h, in the second megabyte; with A20 off the rest comes from 0FFFF0h. */
    cpu_rig_protected(&rig, 0);
    cpu_rig_code(&rig, 0x1FFFF0, "EE 40 F4");
    cpu_rig_code(&rig, 0x0FFFF0, "EE 43 F4");
    rig.cpu->rip = 0x1FFFF0;
    rig.cpu->gpr[RDX] = PORT_A20;
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RAX], 0);
    cr_assert_eq(rig.cpu->gpr[RBX], 1);
}

/* ---- Paging ---- */

enum { DIRECTORY = 0x100000, TABLE = 0x101000, FAR_TABLE = 0x102000, PTE = 7, PTE_A = 0x20 };

/* Identity below 4 MiB, one page shown everywhere above. */
static void paged(const char *hex)
{
    struct cpu *c = rig.cpu;

    cpu_rig_protected(&rig, 0);
    cpu_rig_code(&rig, AT_CODE, hex);
    for (u32 i = 0; i < 1024; i++) {
        cpu_rig_put(&rig, TABLE + i * 4, 4, i << 12 | PTE);
        cpu_rig_put(&rig, FAR_TABLE + i * 4, 4, 0x200000 | PTE);
        cpu_rig_put(&rig, DIRECTORY + i * 4, 4, (i ? FAR_TABLE : TABLE) | PTE);
    }
    c->cr3 = DIRECTORY;
    c->cr0 |= CR0_PG;
    cpu_update_mode(c);
}

static u64 tlb_hash(void)
{
    struct state *s = state_new_hash();
    u64 hash;

    mmu_state(&rig.cpu->mmu, s);
    hash = state_hash(s);
    state_free(s);
    return hash;
}

ON_EACH(after_invlpg_of_its_own_page_code_is_looked_up_again)
{
    u32 pte = TABLE + (AT_CODE >> 12) * 4;

    paged(
        "81 25 40 10 10 00 DF FF FF FF 0F 01 38 90 90 F4"); /* and dword [pte], ~A; invlpg [eax] */
    rig.cpu->gpr[RAX] = AT_CODE;
    cr_assert_eq(pte, 0x101040);
    go(1000);
    cr_assert(cpu_rig_get(&rig, pte, 4) & PTE_A);
}

ON_EACH(a_stale_translation_lasts_until_invlpg)
{
    /* Read 30000h, remap it to 200000h, read, INVLPG, read. */
    paged("A0 00 00 03 00 C7 05 C0 10 10 00 07 00 20 00 8A 1D 00 00 03 00 "
          "0F 01 3D 00 00 03 00 8A 0D 00 00 03 00 F4");
    cpu_rig_put(&rig, 0x30000, 1, 0x11);
    cpu_rig_put(&rig, 0x200000, 1, 0x22);
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RAX] & 0xFF, 0x11);
    cr_assert_eq(rig.cpu->gpr[RBX] & 0xFF, 0x11);
    cr_assert_eq(rig.cpu->gpr[RCX] & 0xFF, 0x22);
}

/*
 * A loop that touches more pages than the TLB holds: the one too many flushes all, the page of the
 * loop's own code among them, which is then looked up for the very next instruction.
 */
enum {
    FAR_PAGES = 2 * MMU_TLB_PAGES + 20
}; /* the second flush shows what was missed at the first */

static u64 run_over_capacity(u64 *count)
{
    paged("8A 03 81 C3 00 10 00 00 E2 F6 F4"); /* mov al, [ebx]; add ebx, 1000h; loop; hlt */
    rig.cpu->gpr[RBX] = 0x400000;
    rig.cpu->gpr[RCX] = FAR_PAGES;
    go(1000000);
    *count = rig.cpu->count;
    return tlb_hash();
}

Test(delivery, the_capacity_of_the_tlb_shows_alike_on_all_engines)
{
    u64 hash, first = 0, count;

    for (unsigned n = 0; engine_number(n); n++) {
        open_rig(engine_number(n));
        hash = run_over_capacity(&count);
        cr_assert_eq(count, FAR_PAGES * 3 + 1);
        close_rig();
        first = n ? first : hash;
        cr_assert_eq(hash, first, "engine %u", n);
    }
}

ON_EACH(a_page_boundary_inside_an_instruction_faults_on_the_second_page)
{
    /* mov eax, imm32 with its last two bytes on a page that is not there. */
    paged("90");
    cpu_rig_code(&rig, AT_CODE + 0xFFD, "B8 11 22 33 44 F4");
    cpu_rig_put(&rig, TABLE + ((AT_CODE >> 12) + 1) * 4, 4, 0);
    rig.cpu->rip = AT_CODE + 0xFFD;
    go(1000);
    cr_assert_eq(rig.cpu->cr2, AT_CODE + 0x1000);
    cr_assert_eq(rig.cpu->gpr[RAX], 0);
    cr_assert_eq(rig.cpu->count, 1, "the handler's HLT");
}

/* Paging off and back on in the middle of what could be one run. */
ON_EACH(a_fault_in_the_middle_of_a_run_leaves_the_rest_undone)
{
    paged("40 40 8A 1D 00 00 03 00 40 40 F4");
    cpu_rig_put(&rig, TABLE + 0x30 * 4, 4, 0);
    go(1000);
    cr_assert_eq(rig.cpu->gpr[RAX], 2);
    cr_assert_eq(rig.cpu->cr2, 0x30000);
    cr_assert_eq(rig.cpu->count, 3);
    cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE + 2);
}

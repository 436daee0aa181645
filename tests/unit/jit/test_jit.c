/* Blocks: how they are linked, found again, killed and forgotten. */
#include "jit/jit.h"

#include "cpu/engine.h"
#include "cpu/segment.h"
#include "mmu/bus.h"
#include "tests/support/cpu_rig.h"
#include "tests/support/pc_rig.h"
#include "tests/support/refuse.h"

#include <criterion/criterion.h>

#ifdef HAVE_JIT

#include "jit/private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
    PLENTY = 100000,
    AT_OTHER = AT_CODE + PAGE_SIZE, /* the next page */
    AT_DIRECTORY = 0x30000,
    AT_TABLE = 0x31000,
    PTE_BITS = 7, /* present, writable, user */
    ROUNDS = 6,
};

static struct cpu_rig rig;

static void setup(void)
{
    cpu_rig_setup_engine(&rig, "pentium2", &engine_jit);
    cpu_rig_protected(&rig, 0);
    jit_set_threshold(rig.cpu, 1);
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(jit, .init = setup, .fini = teardown);

static struct jit *jit(void)
{
    return rig.cpu->engine_data;
}

/* From CS:ip until HLT. */
static void run_from(u32 ip)
{
    struct cpu *c = rig.cpu;

    c->rip = ip;
    c->halted = false;
    cr_assert_eq(c->engine->run(c, c->count + PLENTY), ENGINE_HALT);
}

/* Until pages are in the tables, blocks made and linked; loops have as many rounds. */
static void warm(u32 ip)
{
    for (unsigned i = 0; i < 3; i++) {
        rig.cpu->gpr[RCX] = ROUNDS;
        run_from(ip);
    }
}

/* The block that begins at this physical address; NULL if there is none alive. */
static struct block *block_at(u32 gpa)
{
    frame_id frame = physmap_page(rig.pm, gpa)->frame;
    struct block *b = NULL;

    while ((b = arena_next(jit(), b)) &&
           !(b->run && b->run->frame == frame && b->run->offset == (gpa & PAGE_MASK)))
        ;
    return b;
}

/* ---- Links ---- */

static bool links_to(const struct block *from, const struct block *to)
{
    for (unsigned i = 0; from && to && i < from->links; i++)
        if (from->link[i].to == to)
            return true;
    return false;
}

/* again: inc eax; dec ecx; jne again; hlt */
#define LOOP     "40 49 75 FC F4"
#define LOOP_END (AT_CODE + 4)

Test(jit, a_loop_is_linked_to_itself_and_not_left_in_each_round)
{
    const struct block *b;
    u64 entered;

    cpu_rig_code(&rig, AT_CODE, LOOP);
    warm(AT_CODE);
    b = block_at(AT_CODE);
    cr_assert(links_to(b, b));
    cr_assert(links_to(b, block_at(LOOP_END)));
    entered = jit()->stat.entered;
    rig.cpu->gpr[RAX] = 0;
    rig.cpu->gpr[RCX] = 10000;
    run_from(AT_CODE);
    cr_assert_eq(rig.cpu->gpr[RAX], 10000);
    cr_assert_eq(jit()->stat.entered, entered + 1);
}

Test(jit, a_short_loop_is_unrolled_and_leaves_with_the_right_count)
{
    const struct block *b;
    u64 count;

    jit_traces_at_once(rig.cpu, true);
    cpu_rig_code(&rig, AT_CODE, LOOP);
    warm(AT_CODE);
    b = block_at(AT_CODE);
    cr_assert(b && b->trace);
    cr_assert_eq(b->trace->parts, 4);
    cr_assert_eq(b->count, 12);
    for (u32 n = 1; n < 10; n++) {
        rig.cpu->gpr[RAX] = 0;
        rig.cpu->gpr[RCX] = n;
        count = rig.cpu->count;
        run_from(AT_CODE);
        cr_assert_eq(rig.cpu->gpr[RAX], n);
        cr_assert_eq(rig.cpu->count - count, 3 * n + 1, "and the HLT");
    }
}

/* inc eax; jmp +13 to: inc ebx; hlt */
#define HOP     "40 EB 0D"
#define HOP_TO  (AT_CODE + 16)
#define HOP_END "43 F4"

Test(jit, links_are_taken_back_when_their_target_is_overwritten)
{
    struct block *from;

    cpu_rig_code(&rig, AT_CODE, HOP);
    cpu_rig_code(&rig, HOP_TO, HOP_END);
    warm(AT_CODE);
    from = block_at(AT_CODE);
    cr_assert(links_to(from, block_at(HOP_TO)));
    cpu_rig_code(&rig, HOP_TO, "42"); /* inc edx */
    cr_assert_null(from->link[0].to);
    cr_assert_null(block_at(HOP_TO));
    cr_assert_eq(jit()->stat.killed, 1);
    rig.cpu->gpr[RBX] = rig.cpu->gpr[RDX] = 0;
    warm(AT_CODE);
    cr_assert_eq(rig.cpu->gpr[RBX], 0);
    cr_assert_eq(rig.cpu->gpr[RDX], 3);
    cr_assert_eq(from->link[0].to, block_at(HOP_TO), "linked to what is there now");
}

Test(jit, a_trace_dies_with_any_of_its_parts)
{
    const struct block *b;

    jit_traces_at_once(rig.cpu, true);
    cpu_rig_code(&rig, AT_CODE, HOP);
    cpu_rig_code(&rig, HOP_TO, HOP_END);
    warm(HOP_TO); /* a trace goes on through what is decoded already */
    warm(AT_CODE);
    b = block_at(AT_CODE);
    cr_assert(b && b->trace);
    cr_assert_eq(b->trace->parts, 2);
    cpu_rig_code(&rig, HOP_TO, "42"); /* inc edx */
    cr_assert_null(block_at(AT_CODE));
    rig.cpu->gpr[RBX] = rig.cpu->gpr[RDX] = 0;
    warm(AT_CODE);
    cr_assert_eq(rig.cpu->gpr[RBX], 0);
    cr_assert_eq(rig.cpu->gpr[RDX], 3);
}

Test(jit, code_that_is_overwritten_is_left_and_its_neighbours_stay)
{
    cpu_rig_code(&rig, AT_CODE, HOP);
    cpu_rig_code(&rig, HOP_TO, HOP_END);
    warm(AT_CODE);
    cpu_rig_code(&rig, AT_CODE, "42");
    cr_assert_null(block_at(AT_CODE));
    cr_assert(block_at(HOP_TO));
    rig.cpu->gpr[RAX] = rig.cpu->gpr[RDX] = 0;
    run_from(AT_CODE);
    cr_assert_eq(rig.cpu->gpr[RAX], 0);
    cr_assert_eq(rig.cpu->gpr[RDX], 1);
}

/* ---- Pages that come to be elsewhere ---- */

/* 4 MiB one to one, through one table. */
static void enable_paging(void)
{
    struct cpu *c = rig.cpu;

    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(&rig, AT_TABLE + i * 4, 4, i << PAGE_SHIFT | PTE_BITS);
    cpu_rig_put(&rig, AT_DIRECTORY, 4, AT_TABLE | PTE_BITS);
    c->cr3 = AT_DIRECTORY;
    c->cr0 |= CR0_PG;
    cpu_update_mode(c);
}

/*
 * MOVSB within a page that is not in the TLB and may only be read: the read brings it there, the
 * write's fault drops it. How many pages came into the TLB.
 */
static u32 births_of_a_move_that_faults(void)
{
    struct cpu *c = rig.cpu;

    enable_paging();
    c->cr0 |= CR0_WP;
    cpu_update_mode(c);
    cpu_rig_code(&rig, AT_CODE, "A4 F4"); /* movsb; hlt */
    for (unsigned i = 0; i <= ROUNDS; i++) {
        if (i == ROUNDS) {
            cpu_rig_put(&rig, AT_TABLE + (AT_FREE >> PAGE_SHIFT) * 4, 4, AT_FREE | 5);
            mmu_flush_cr3(&c->mmu);
        }
        c->gpr[RSI] = AT_FREE;
        c->gpr[RDI] = AT_FREE + 8;
        run_from(AT_CODE);
    }
    cr_assert_eq(c->rip, AT_HANDLERS + VEC_PF * 16 + 1);
    return c->mmu.recorded_count;
}

Test(jit, an_access_that_faults_enters_no_more_pages_than_the_interpreter_does)
{
    u32 births = births_of_a_move_that_faults();

    cpu_rig_teardown(&rig);
    cpu_rig_setup_engine(&rig, "pentium2", &engine_interp);
    cpu_rig_protected(&rig, 0);
    cr_assert_eq(births, births_of_a_move_that_faults());
}

/*
 * Two pages with different code take turns at AT_OTHER, to which `jump` leads: the code at AT_CODE
 * writes EAX into that page's table entry and executes INVLPG before. They come back to the jump a
 * few times, so that it is taken with the page known too.
 */
static void take_turns(const char *jump)
{
    static const u32 page[2] = {AT_FREE, AT_FREE + PAGE_SIZE};
    struct cpu *c = rig.cpu;
    u64 translated = 0;

    enable_paging();
    cpu_rig_code(&rig, AT_CODE, "89 02 0F 01 3F"); /* mov [edx], eax; invlpg [edi] */
    cpu_rig_code(&rig, AT_CODE + 5, jump);
    /* mov esi, 1; dec ecx; je +5; jmp to the jump; hlt */
    cpu_rig_code(&rig, page[0], "BE 01 00 00 00 49 74 05 E9 F8 EF FF FF F4");
    cpu_rig_code(&rig, page[1], "BE 02 00 00 00 49 74 05 E9 F8 EF FF FF F4");
    c->gpr[RDX] = AT_TABLE + (AT_OTHER >> PAGE_SHIFT) * 4;
    c->gpr[RBX] = c->gpr[RDI] = AT_OTHER;
    for (unsigned i = 0; i < 3 * ROUNDS; i++) {
        unsigned n = i < 2 * ROUNDS ? i / ROUNDS : i & 1; /* each for long, then in turns */

        c->gpr[RAX] = page[n] | PTE_BITS;
        c->gpr[RCX] = ROUNDS;
        c->gpr[RSI] = 0;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RSI], n + 1, "round %u", i);
        if (i == 2 * ROUNDS)
            translated = jit()->stat.translated;
    }
    cr_assert(block_at(page[0]) && block_at(page[1]));
    cr_assert_eq(jit()->stat.translated, translated, "blocks stay when pages move");
    cr_assert_eq(jit()->stat.killed, 0);
}

Test(jit, jumps_to_another_page_look_whether_it_is_still_there)
{
    take_turns("E9 F6 0F 00 00"); /* jmp AT_OTHER */
}

Test(jit, indirect_jumps_look_whether_the_page_is_still_there)
{
    take_turns("FF E3"); /* jmp ebx */
}

Test(jit, returns_look_whether_the_page_is_still_there)
{
    take_turns("53 C3"); /* push ebx; ret */
}

Test(jit, indirect_jumps_find_their_block_in_the_table)
{
    u64 misses, entered;

    /* again: jmp ebx -> inc eax; dec ecx; jne again; hlt */
    cpu_rig_code(&rig, AT_CODE, "FF E3");
    cpu_rig_code(&rig, AT_CODE + 2, "40 49 75 FA F4");
    rig.cpu->gpr[RBX] = AT_CODE + 2;
    warm(AT_CODE);
    misses = jit()->stat.jump_misses;
    entered = jit()->stat.entered;
    rig.cpu->gpr[RCX] = 1000;
    run_from(AT_CODE);
    cr_assert_eq(jit()->stat.jump_misses, misses);
    cr_assert_eq(jit()->stat.entered, entered + 1);
}

/* ---- The cache ---- */

Test(jit, a_full_cache_is_emptied_and_it_goes_on)
{
    struct code_cache *cc = &jit()->code;
    u64 flushes;

    cpu_rig_code(&rig, AT_CODE, LOOP);
    warm(AT_CODE);
    flushes = jit()->stat.flushes;
    cc->hot = cc->hot_end - JIT_BLOCK_BYTES_MAX; /* as after half a million blocks */
    cpu_rig_code(&rig, AT_FREE, LOOP);
    rig.cpu->gpr[RAX] = 0;
    warm(AT_FREE);
    cr_assert_eq(rig.cpu->gpr[RAX], 3 * ROUNDS);
    cr_assert_eq(jit()->stat.flushes, flushes + 1);
    cr_assert_lt(cc->hot, cc->reserved + JIT_BLOCK_BYTES_MAX);
    cr_assert(block_at(AT_FREE));
    cr_assert_null(block_at(AT_CODE));
}

Test(jit, a_flush_between_runs_loses_nothing_but_time)
{
    cpu_rig_code(&rig, AT_CODE, LOOP);
    for (unsigned i = 0; i < ROUNDS; i++) {
        rig.cpu->gpr[RAX] = 0;
        rig.cpu->gpr[RCX] = 100;
        run_from(AT_CODE);
        cr_assert_eq(rig.cpu->gpr[RAX], 100);
        rig.cpu->engine->flush(rig.cpu);
        cr_assert_null(block_at(AT_CODE));
    }
}

/* ---- Code that changes itself ---- */

Test(jit, a_store_into_its_own_block_counts_from_the_next_instruction_on)
{
    struct cpu *c = rig.cpu;
    u64 before;

    /* mov byte [the immediate], 7; mov eax, 1; hlt */
    cpu_rig_code(&rig, AT_CODE, "C6 05 08 00 01 00 07 B8 01 00 00 00 F4");
    for (unsigned i = 0; i < ROUNDS; i++) {
        cpu_rig_put(&rig, AT_CODE + 8, 1, 1);
        before = jit()->stat.in_blocks;
        c->gpr[RAX] = 0;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RAX], 7, "round %u", i);
    }
    cr_assert_gt(jit()->stat.in_blocks, before, "the last round was translated");
    cr_assert_gt(jit()->stat.killed + jit()->stat.patched, 0);
}

Test(jit, a_store_behind_itself_does_not_repeat_anything)
{
    struct cpu *c = rig.cpu;

    /* inc eax; mov byte [AT_CODE], 42h (inc edx); inc eax; hlt */
    for (unsigned i = 0; i < ROUNDS; i++) {
        cpu_rig_code(&rig, AT_CODE, "40 C6 05 00 00 01 00 42 40 F4");
        c->gpr[RAX] = c->gpr[RDX] = 0;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RAX], 2);
        cr_assert_eq(c->gpr[RDX], 0);
        cr_assert_eq(cpu_rig_get(&rig, AT_CODE, 1), 0x42);
    }
}

/* ---- Constants that are written over ---- */

/*
 * A loop of ROUNDS that writes ECX into its next instruction's constant at AT_CODE + 8, so that
 * `add` adds it to EAX: mov [the constant], ecx; ...; dec ecx; jne; hlt
 */
static void sum_by_patching(const char *add)
{
    struct cpu *c = rig.cpu;
    u64 translated = 0;

    cpu_rig_code(&rig, AT_CODE, "89 0D 08 00 01 00");
    cpu_rig_code(&rig, AT_CODE + 6, add); /* of six bytes */
    cpu_rig_code(&rig, AT_CODE + 12, "49 75 F1 F4");
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        c->gpr[RCX] = ROUNDS;
        c->gpr[RAX] = 0;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RAX], ROUNDS * (ROUNDS + 1) / 2, "round %u", i);
        if (i == ROUNDS)
            translated = jit()->stat.translated;
    }
    cr_assert_eq(jit()->stat.translated, translated, "nothing is translated again");
    cr_assert_gt(jit()->stat.patched, ROUNDS * ROUNDS);
    cr_assert(block_at(AT_CODE));
}

Test(jit, an_immediate_that_is_patched_stays_translated)
{
    sum_by_patching("81 C0 00 00 00 00"); /* add eax, imm32 */
}

Test(jit, a_displacement_that_is_patched_stays_translated)
{
    sum_by_patching("8D 80 00 00 00 00"); /* lea eax, [eax + disp32] */
}

Test(jit, a_patched_constant_keeps_the_carry)
{
    struct cpu *c = rig.cpu;

    /* mov [the constant], ecx; stc; adc eax, constant; mov dl, constant; adc eax, 0; hlt */
    cpu_rig_code(&rig, AT_CODE, "89 0D 09 00 01 00 F9 81 D0 00 00 00 00 B2 05 83 D0 00 F4");
    for (unsigned i = 0; i < ROUNDS; i++) {
        cpu_rig_put(&rig, AT_CODE + 14, 1, i);
        c->gpr[RCX] = i & 1 ? 0xFFFFFFFF : i;
        c->gpr[RAX] = 0;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RAX], i & 1 ? 1 : i + 1, "round %u", i);
        cr_assert_eq(c->gpr[RDX] & 0xFF, i);
    }
}

Test(jit, another_opcode_beside_a_constant_is_another_instruction)
{
    struct cpu *c = rig.cpu;

    /* mov word [the instruction], cx; add al, 5 or sub al, n; hlt */
    cpu_rig_code(&rig, AT_CODE, "66 89 0D 07 00 01 00 04 05 F4");
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        c->gpr[RCX] = (i & 1 ? 0x2C : 0x04) | i << 8;
        c->gpr[RAX] = 100;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RAX], i & 1 ? 100 - i : 100 + i, "round %u", i);
    }
}

/* ---- Counting ---- */

Test(jit, stops_at_each_count)
{
    struct cpu *c = rig.cpu;
    u64 start;

    cpu_rig_code(&rig, AT_CODE, "40 43 EB FC"); /* again: inc eax; inc ebx; jmp again */
    c->rip = AT_CODE;
    c->gpr[RAX] = 0;
    start = c->count;
    for (u64 n = 1; n < 600; n++) {
        u64 done;

        cr_assert_eq(c->engine->run(c, c->count + n), ENGINE_COUNT);
        done = c->count - start;
        cr_assert_eq(done, n * (n + 1) / 2);
        cr_assert_eq(c->gpr[RAX], (done + 2) / 3);
        cr_assert_eq(c->gpr[RBX], (done + 1) / 3);
        cr_assert_eq(c->rip, AT_CODE + done % 3);
    }
    cr_assert_gt(jit()->stat.in_blocks, 0);
}

/* ---- Segments ---- */

Test(jit, code_at_two_segment_aliases_sees_its_own_ip)
{
    struct cpu *c = rig.cpu;

    cpu_rig_real(&rig);
    cpu_rig_code(&rig, AT_CODE, "E8 00 00 58 F4"); /* call next; next: pop ax; hlt */
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        u32 shift = i & 1 ? 0x10 : 0;

        seg_load_real(c, SEG_CS, (u16)((AT_CODE - shift) >> 4));
        cpu_update_mode(c);
        run_from(shift);
        cr_assert_eq(c->gpr[RAX] & 0xFFFF, shift + 3);
        cr_assert_eq(c->gpr[RSP], AT_STACK0);
    }
    cr_assert_gt(jit()->stat.in_blocks, 0);
}

Test(jit, code_at_two_segment_aliases_is_translated_once_for_each)
{
    struct cpu *c = rig.cpu;
    u64 translated = 0;

    cpu_rig_real(&rig);
    cpu_rig_code(&rig, AT_CODE, "40 EB 00 40 F4"); /* inc ax; jmp next; next: inc ax; hlt */
    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        u32 shift = i & 1 ? 0x10 : 0;

        seg_load_real(c, SEG_CS, (u16)((AT_CODE - shift) >> 4));
        cpu_update_mode(c);
        run_from(shift);
        if (i == ROUNDS)
            translated = jit()->stat.translated;
    }
    cr_assert_gt(translated, 1);
    cr_assert_eq(jit()->stat.translated, translated);
}

static u64 left_to_handlers(const char *name)
{
    u64 n = 0;

    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (!strcmp(optab_rows[row].name, name))
            n += jit()->helped[row];
    return n;
}

Test(jit, calls_with_32_bit_operands_in_16_bit_code)
{
    struct cpu *c = rig.cpu;

    cpu_rig_real(&rig);
    /* call dword next; hlt; next: mov eax, [esp]; ret dword */
    cpu_rig_code(&rig, AT_CODE, "66 E8 01 00 00 00 F4 67 66 8B 04 24 66 C3");
    for (unsigned i = 0; i < ROUNDS; i++) {
        c->gpr[RAX] = 0;
        run_from(0);
        cr_assert_eq(c->gpr[RAX], 6, "all 32 bits of the return address");
        cr_assert_eq(c->gpr[RSP], AT_STACK0);
        cr_assert_eq(c->rip, 7);
    }
    cr_assert_eq(left_to_handlers("CALL") + left_to_handlers("RET"), 0);
}

Test(jit, a_return_beyond_64_kib_faults_before_it_moves_the_stack)
{
    struct cpu *c = rig.cpu;

    cpu_rig_real(&rig);
    /* push dword [si]; ret dword; at 100h: hlt */
    cpu_rig_code(&rig, AT_CODE, "66 FF 34 66 C3");
    cpu_rig_code(&rig, AT_CODE + 0x100, "F4");
    c->gpr[RSI] = AT_DATA;
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        bool beyond = i >= ROUNDS;

        cpu_rig_put(&rig, AT_DATA, 4, beyond ? 0x10100 : 0x100);
        c->gpr[RSP] = AT_STACK0;
        seg_load_real(c, SEG_CS, AT_CODE >> 4);
        run_from(0);
        if (!beyond) {
            cr_assert_eq(c->rip, 0x101);
            continue;
        }
        cr_assert_eq(c->seg[SEG_CS].base + c->rip, AT_HANDLERS + VEC_GP * 16 + 1);
        /* IP, CS and FLAGS below the address that was not popped. */
        cr_assert_eq(c->gpr[RSP], AT_STACK0 - 4 - 6);
        cr_assert_eq(cpu_rig_stack(&rig, 0) & 0xFFFF, 3, "of the RET");
    }
}

Test(jit, a_limit_of_cs_inside_a_block_stops_there)
{
    enum { INSNS = 4, FAR = AT_CODE + 0xFFF };
    struct cpu *c = rig.cpu;

    cpu_rig_code(&rig, AT_CODE, "40 40 40 40 40 40 F4"); /* inc eax, six times; hlt */
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        bool near = i >= ROUNDS; /* after the block was made within limits that bind nothing */

        cpu_rig_protected(&rig, 0);
        cpu_rig_code(&rig, AT_CODE, "40 40 40 40 40 40 F4");
        cpu_rig_desc(&rig, SEL_FREE, 0, near ? AT_CODE + INSNS - 1 : FAR, ATTR_CODE | DESC_DB);
        cpu_rig_load(&rig, SEG_CS, SEL_FREE);
        c->gpr[RAX] = 0;
        run_from(AT_CODE);
        cr_assert_eq(c->gpr[RAX], near ? INSNS : 6);
        if (!near)
            continue;
        cr_assert_eq(c->rip, AT_HANDLERS + VEC_GP * 16 + 1);
        cr_assert_eq(cpu_rig_stack(&rig, 0), 0, "no error code but 0");
        cr_assert_eq(cpu_rig_stack(&rig, 1), AT_CODE + INSNS);
    }
}

/* At AT_CODE with a limit of 0FFFh of its base; EBX is the target of indirect ones. */
static const struct {
    const char *code;
    u32 branch; /* where in it the branch is */
    const char *name;
} leaving[] = {
    {"85 DB 0F 85 F8 0F 00 00 F4", 2, "JNZ"}, /* test ebx, ebx; jnz 1000h; hlt */
    {"E9 FB 0F 00 00", 0, "JMP"},
    {"E8 FB 0F 00 00", 0, "CALL"},
    {"FF E3", 0, "JMP"},  /* jmp ebx */
    {"FF D3", 0, "CALL"}, /* call ebx */
    {"53 C3", 1, "RET"},  /* push ebx; ret */
};

Test(jit, branches_beyond_the_limit_of_cs_fault_before_they_change_anything)
{
    struct cpu *c = rig.cpu;

    for (unsigned k = 0; k < ARRAY_LEN(leaving); k++)
        for (unsigned i = 0; i < 2 * ROUNDS; i++) {
            bool beyond = i >= ROUNDS;
            u32 pushed = leaving[k].code[0] == '5' ? 4 : 0;

            cpu_rig_protected(&rig, 0);
            cpu_rig_code(&rig, AT_CODE, leaving[k].code);
            cpu_rig_code(&rig, AT_CODE + 0x1000, "F4");
            cpu_rig_desc(&rig, SEL_FREE, AT_CODE, beyond ? 0xFFF : 0x1FFF, ATTR_CODE | DESC_DB);
            cpu_rig_load(&rig, SEG_CS, SEL_FREE);
            c->gpr[RBX] = 0x1000;
            c->gpr[RSP] = AT_STACK0;
            run_from(0);
            if (!beyond) {
                cr_assert_eq(c->rip, 0x1001, "%s", leaving[k].name);
                continue;
            }
            cr_assert_eq(c->rip, AT_HANDLERS + VEC_GP * 16 + 1, "%s", leaving[k].name);
            cr_assert_eq(cpu_rig_stack(&rig, 0), 0, "no error code but 0");
            cr_assert_eq(cpu_rig_stack(&rig, 1), leaving[k].branch);
            cr_assert_eq(c->gpr[RSP], AT_STACK0 - pushed - 16);
        }
    for (unsigned k = 0; k < ARRAY_LEN(leaving); k++)
        cr_assert_eq(left_to_handlers(leaving[k].name), 0, "%s", leaving[k].name);
}

/* ---- Where there is no translating ---- */

Test(jit_refused, attach_fails_cleanly_where_the_host_refuses_memory_for_code)
{
    struct cpu_pins pins = {0};
    struct physmap *pm = physmap_new();
    struct bus *bus = bus_new(pm);
    struct cpu *c;

    refuse_mapping(SYS_mmap, PROT_READ | PROT_EXEC, EACCES);
    cr_assert_null(cpu_new(cpu_model_find("pentium2"), &engine_jit, bus, &pins, NULL, 0));
    c = cpu_new(cpu_model_find("pentium2"), &engine_interp, bus, &pins, NULL, 0);
    cr_assert(c);
    cpu_free(c);
    bus_free(bus);
    physmap_free(pm);
}

Test(jit_refused, a_machine_is_interpreted_then)
{
    struct pc_rig pc;

    refuse_mapping(SYS_mmap, PROT_READ | PROT_EXEC, EACCES);
    pc_rig_setup(&pc, "jit", "B8 34 12 F4");
    cr_assert_str_eq(pc.cpu->engine->name, "interp");
    pc_rig_run(&pc);
    cr_assert_eq(pc.cpu->gpr[RAX] & 0xFFFF, 0x1234);
    pc_rig_teardown(&pc);
}

Test(jit_refused, processors_before_the_386_are_interpreted)
{
    cpu_rig_setup_engine(&rig, "286", &engine_jit);
    cpu_rig_real(&rig);
    jit_set_threshold(rig.cpu, 1);
    cpu_rig_code(&rig, AT_CODE, "40 49 75 FC F4");
    warm(0);
    cr_assert_eq(jit()->stat.translated, 0);
    cpu_rig_teardown(&rig);
}

#else

Test(jit, needs_a_translator)
{
    cr_skip_test("there is none for this kind of host");
}

#endif

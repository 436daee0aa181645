/*
 * Accesses through windows that meet a page which is not shown: what the guest sees is compared
 * with the interpreter, everything that is saved of the processor and all of memory.
 */
#include "jit/jit.h"

#include "base/state.h"
#include "cpu/engine.h"
#include "cpu/segment.h"
#include "mmu/bus.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>

#ifdef HAVE_JIT

#include "jit/private.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    INTERPRETED,
    TRANSLATED,
    RIGS,
    PLENTY = 100000,
    ROUNDS = 4,
    AT_DIRECTORY = 0x30000,
    AT_TABLE = 0x31000,
    AT_PAGE = 0x100000, /* the page that comes and goes, and the next one, which stays */
    AT_CHIP = 0x500000, /* behind RAM; a linear page of it is at AT_PAGE if wanted */
    P = 1,
    W = 2,
    U = 4,
};

static struct cpu_rig rig[RIGS];
static struct segment segments[RIGS][4][SEG_COUNT]; /* by privilege: 0 and 3 */
static u32 chip_reads, chip_value;

static void enable_paging(struct cpu_rig *r)
{
    for (u32 i = 0; i < 1024; i++)
        cpu_rig_put(r, AT_TABLE + i * 4, 4, i << PAGE_SHIFT | P | W | U);
    cpu_rig_put(r, AT_DIRECTORY, 4, AT_TABLE | P | W | U);
    r->cpu->cr3 = AT_DIRECTORY;
    r->cpu->cr0 |= CR0_PG | CR0_WP;
    cpu_update_mode(r->cpu);
}

static void setup(void)
{
    for (unsigned i = 0; i < RIGS; i++) {
        cpu_rig_setup_engine(&rig[i], "pentium2", i == TRANSLATED ? &engine_jit : &engine_interp);
        for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
            cpu_rig_protected(&rig[i], cpl);
            memcpy(segments[i][cpl], rig[i].cpu->seg, sizeof rig[i].cpu->seg);
        }
        enable_paging(&rig[i]);
    }
    jit_set_threshold(rig[TRANSLATED].cpu, 1);
    jit_windows_mode(rig[TRANSLATED].cpu, WINDOWS_ALWAYS);
    chip_reads = 0;
}

/* To CS:AT_CODE at a privilege, with its stack. */
static void place(unsigned i, unsigned cpl)
{
    struct cpu *c = rig[i].cpu;

    memcpy(c->seg, segments[i][cpl], sizeof c->seg);
    c->cpl = (u8)cpl;
    cpu_update_mode(c);
    c->rip = AT_CODE;
    c->halted = false;
    c->gpr[RSP] = cpl ? AT_STACK3 : AT_STACK0;
}

static void teardown(void)
{
    for (unsigned i = 0; i < RIGS; i++)
        cpu_rig_teardown(&rig[i]);
}

TestSuite(window_faults, .init = setup, .fini = teardown);

static struct jit *jit(void)
{
    return rig[TRANSLATED].cpu->engine_data;
}

/* ---- Doing things to both ---- */

static void code(u32 at, const char *hex)
{
    for (unsigned i = 0; i < RIGS; i++)
        cpu_rig_code(&rig[i], at, hex);
}

static void put(u32 at, unsigned size, u32 value)
{
    for (unsigned i = 0; i < RIGS; i++)
        cpu_rig_put(&rig[i], at, size, value);
}

static void map_page(u32 la, u32 pte)
{
    put(AT_TABLE + (la >> PAGE_SHIFT) * 4, 4, pte);
    for (unsigned i = 0; i < RIGS; i++)
        mmu_invlpg(&rig[i].cpu->mmu, la);
}

static struct state *save(unsigned i)
{
    struct state *s = state_new_save();

    cpu_state(rig[i].cpu, s);
    physmap_state(rig[i].pm, s);
    return s;
}

static void expect_alike(const char *what, const char *when)
{
    const struct cpu *a = rig[INTERPRETED].cpu, *b = rig[TRANSLATED].cpu;
    struct state *x = save(INTERPRETED), *y = save(TRANSLATED);
    size_t n, m;
    const void *p = state_data(x, &n), *q = state_data(y, &m);

    cr_assert_eq(a->count, b->count, "%s, %s: count %llu, %llu", what, when,
                 (unsigned long long)a->count, (unsigned long long)b->count);
    cr_assert_eq(a->rip, b->rip, "%s, %s: EIP %llx, %llx", what, when, (unsigned long long)a->rip,
                 (unsigned long long)b->rip);
    for (unsigned i = 0; i < 8; i++)
        cr_assert_eq((u32)a->gpr[i], (u32)b->gpr[i], "%s, %s: register %u", what, when, i);
    cr_assert_eq(a->aflags, b->aflags, "%s, %s: flags %x, %x", what, when, a->aflags, b->aflags);
    cr_assert_eq(a->cr2, b->cr2, "%s, %s: CR2", what, when);
    cr_assert_eq(a->fpu.fip, b->fpu.fip, "%s, %s: FIP %x, %x", what, when, (u32)a->fpu.fip,
                 (u32)b->fpu.fip);
    cr_assert(n == m && !memcmp(p, q, n), "%s, %s: what is saved differs", what, when);
    state_free(x);
    state_free(y);
}

/*
 * From AT_CODE by the user until HLT, which is the handler's of a page fault or of HLT itself; with
 * the same registers each time.
 */
static void run_both(u32 ebx, u32 esp)
{
    enum engine_stop stop[RIGS];

    for (unsigned i = 0; i < RIGS; i++) {
        struct cpu *c = rig[i].cpu;

        place(i, 3);
        c->gpr[RAX] = 0x12345678;
        c->gpr[RCX] = 5;
        c->gpr[RDX] = 0xFFFFFFF0;
        c->gpr[RBX] = ebx;
        c->gpr[RSP] = esp;
        c->gpr[RBP] = ebx;
        c->gpr[RSI] = 0x20;
        c->gpr[RDI] = 0x7FFFFFFF;
        stop[i] = c->engine->run(c, c->count + PLENTY);
        cr_assert_neq(stop[i], ENGINE_COUNT);
    }
    cr_assert_eq(stop[INTERPRETED], stop[TRANSLATED]);
}

static struct block *block_at(u32 gpa)
{
    frame_id frame = physmap_page(rig[TRANSLATED].pm, gpa)->frame;
    struct block *b = NULL;

    while ((b = arena_next(jit(), b)) &&
           !(b->run && b->run->frame == frame && b->run->offset == (gpa & PAGE_MASK)))
        ;
    return b;
}

/* ---- An access in the middle of a block ---- */

enum { BY_EBX, BY_ESP };

static const struct {
    const char *name, *hex;
    u8 by;      /* what leads to the page */
    bool write; /* it wants to write */
} accesses[] = {
    {"mov eax, [ebx]", "8B 03", BY_EBX, false},
    {"mov [ebx], eax", "89 03", BY_EBX, true},
    {"mov byte [ebx], 7", "C6 03 07", BY_EBX, true},
    {"movzx eax, word [ebx]", "0F B7 03", BY_EBX, false},
    {"add [ebx], eax", "01 03", BY_EBX, true},
    {"adc eax, [ebx]", "13 03", BY_EBX, false},
    {"cmp [ebx], edx", "39 13", BY_EBX, false},
    {"test [ebx], edx", "85 13", BY_EBX, false},
    {"inc dword [ebx]", "FF 03", BY_EBX, true},
    {"neg dword [ebx]", "F7 1B", BY_EBX, true},
    {"shl dword [ebx], 3", "C1 23 03", BY_EBX, true},
    {"rcr dword [ebx], 1", "D1 1B", BY_EBX, true},
    {"shld [ebx], eax, 5", "0F A4 03 05", BY_EBX, true},
    {"cmpxchg [ebx], ecx", "0F B1 0B", BY_EBX, true},
    {"xadd [ebx], eax", "0F C1 03", BY_EBX, true},
    {"bts dword [ebx], 3", "0F BA 2B 03", BY_EBX, true},
    {"setc [ebx]", "0F 92 03", BY_EBX, true},
    {"cmovz eax, [ebx]", "0F 44 03", BY_EBX, false},
    {"imul eax, [ebx]", "0F AF 03", BY_EBX, false},
    {"mul dword [ebx]", "F7 23", BY_EBX, false},
    {"push dword [ebx]", "FF 33", BY_EBX, false},
    {"call [ebx]", "FF 13", BY_EBX, false},
    {"leave", "C9", BY_EBX, false},
    {"push eax", "50", BY_ESP, true},
    {"push 7", "6A 07", BY_ESP, true},
    {"three pushes", "50 51 52", BY_ESP, true},
    {"pop eax", "58", BY_ESP, false},
    {"three pops", "58 59 5A", BY_ESP, false},
    {"call", "E8 00 00 00 00", BY_ESP, true},
    {"ret", "C3", BY_ESP, false},
    {"fld dword [ebx]", "D9 03", BY_EBX, false},
    {"fld qword [ebx]", "DD 03", BY_EBX, false},
    {"fadd dword [ebx]", "D8 03", BY_EBX, false},
    {"fild dword [ebx]", "DB 03", BY_EBX, false},
    {"fst qword [ebx]", "DD 13", BY_EBX, true},
    {"fistp dword [ebx]", "DB 1B", BY_EBX, true},
    {"fld tbyte [ebx]", "DB 2B", BY_EBX, false},
    {"fstp tbyte [ebx]", "DB 3B", BY_EBX, true},
    {"fnstcw [ebx]", "D9 3B", BY_EBX, true},
};

static const struct {
    const char *name, *hex;
    bool write;
} mmx[] = {
    {"movq mm1, [ebx]", "0F 6F 0B", false},
    {"movq [ebx], mm0", "0F 7F 03", true},
    {"movd [ebx], mm0", "0F 7E 03", true},
    {"paddw mm0, [ebx]", "0F FD 03", false},
};

/* What an access finds: a small number, as an address the HLT at AT_DATA, as a real one 2.0. */
static void fill_page(u32 page)
{
    put(AT_DATA, 1, 0xF4);
    for (u32 i = 0; i < PAGE_SIZE; i += 4)
        put(page + i, 4, AT_DATA);
}

/* In the handler of a page fault that is about the page at AT_PAGE. */
static bool page_fault_at_page(void)
{
    const struct cpu *c = rig[TRANSLATED].cpu;

    return c->rip == AT_HANDLERS + VEC_PF * 16 + 1 && c->cr2 >> PAGE_SHIFT == AT_PAGE >> PAGE_SHIFT;
}

/*
 * Warm, then the page away, back, for reading only, and back: `what` in the middle of a block, at
 * `la`, which lies in the page at AT_PAGE.
 */
static void come_and_go(const char *name, u32 la, bool by_esp, bool write)
{
    u32 ebx = by_esp ? AT_DATA + 64 : la, esp = by_esp ? la : AT_STACK3;
    u64 faults, blocks;

    for (unsigned i = 0; i < ROUNDS; i++) {
        run_both(ebx, esp);
        expect_alike(name, "warm");
    }
    cr_assert(block_at(AT_CODE) && block_at(AT_CODE)->window, "%s", name);
    faults = jit()->stat.window_faults;
    run_both(ebx, esp);
    expect_alike(name, "hot");
    cr_assert_eq(jit()->stat.window_faults, faults, "%s: the page is shown", name);
    blocks = jit()->stat.in_blocks;
    for (unsigned i = 0; i < ROUNDS; i++) {
        map_page(AT_PAGE, 0);
        run_both(ebx, esp);
        expect_alike(name, "away");
        cr_assert(page_fault_at_page(), "%s", name);
        map_page(AT_PAGE, AT_PAGE | P | W | U);
        run_both(ebx, esp);
        expect_alike(name, "back");
        map_page(AT_PAGE, AT_PAGE | P | U);
        run_both(ebx, esp);
        expect_alike(name, "for reading");
        cr_assert_eq(page_fault_at_page(), write, "%s", name);
        map_page(AT_PAGE, AT_PAGE | P | W | U);
        run_both(ebx, esp);
        expect_alike(name, "back again");
    }
    cr_assert_gt(jit()->stat.in_blocks, blocks, "%s", name);
    cr_assert_gt(jit()->stat.window_faults, faults, "%s: not by handlers alone", name);
}

/* inc ecx; add edx, esi; sub esi, 7; ACCESS; adc edi, edx; inc ecx; hlt */
static void put_code(const char *front, const char *access)
{
    char hex[200];

    snprintf(hex, sizeof hex, "%s 41 01 F2 83 EE 07 %s 11 D7 41 F4", front, access);
    code(AT_CODE, hex);
}

static void start_afresh(void)
{
    teardown();
    setup();
    fill_page(AT_PAGE);
    fill_page(AT_PAGE + PAGE_SIZE);
    fill_page(AT_PAGE - PAGE_SIZE);
}

Test(window_faults, in_the_middle_of_a_block_all_is_exact)
{
    for (unsigned k = 0; k < ARRAY_LEN(accesses); k++) {
        start_afresh();
        put_code("DB E3 D9 E8 D9 EB", accesses[k].hex); /* fninit; fld1; fldpi */
        come_and_go(accesses[k].name, AT_PAGE + 0x100, accesses[k].by == BY_ESP, accesses[k].write);
    }
    for (unsigned k = 0; k < ARRAY_LEN(mmx); k++) {
        start_afresh();
        put_code("0F 77 0F 6E C0", mmx[k].hex); /* emms; movd mm0, eax */
        come_and_go(mmx[k].name, AT_PAGE + 0x100, false, mmx[k].write);
    }
}

Test(window_faults, across_two_pages_with_the_first_missing)
{
    for (unsigned k = 0; k < ARRAY_LEN(accesses); k++) {
        if (strstr(accesses[k].name, "byte") || strstr(accesses[k].name, "set"))
            continue; /* one byte lies in one page */
        start_afresh();
        put_code("DB E3 D9 E8 D9 EB", accesses[k].hex);
        come_and_go(accesses[k].name,
                    AT_PAGE + PAGE_SIZE - 1 +
                        (accesses[k].by == BY_ESP && accesses[k].write ? 2 : 0),
                    accesses[k].by == BY_ESP, accesses[k].write);
    }
}

Test(window_faults, across_two_pages_with_the_second_missing)
{
    for (unsigned k = 0; k < ARRAY_LEN(accesses); k++) {
        if (strstr(accesses[k].name, "byte") || strstr(accesses[k].name, "set"))
            continue;
        start_afresh();
        put_code("DB E3 D9 E8 D9 EB", accesses[k].hex);
        come_and_go(accesses[k].name,
                    AT_PAGE - 1 + (accesses[k].by == BY_ESP && accesses[k].write ? 2 : 0),
                    accesses[k].by == BY_ESP, accesses[k].write);
    }
}

/* A processor stores the significand and the rest apart, but only if it can store both. */
Test(window_faults, a_real_of_80_bits_whose_exponent_is_in_the_missing_page)
{
    start_afresh();
    put_code("DB E3 D9 E8 D9 EB", "DB 3B"); /* fstp tbyte [ebx] */
    for (unsigned i = 0; i < ROUNDS; i++) {
        map_page(AT_PAGE, AT_PAGE | P | W | U);
        run_both(AT_PAGE - 8, AT_STACK3);
        run_both(AT_PAGE - 8, AT_STACK3);
        map_page(AT_PAGE, 0);
        put(AT_PAGE - 8, 4, 0x11111111);
        run_both(AT_PAGE - 8, AT_STACK3);
        expect_alike("fstp tbyte [ebx]", "away");
        cr_assert(page_fault_at_page());
        cr_assert_eq(cpu_rig_get(&rig[TRANSLATED], AT_PAGE - 8, 4), 0x11111111);
    }
}

Test(window_faults, across_the_end_of_the_linear_space)
{
    static const u32 top = 0xFFFFF000;

    for (unsigned k = 0; k < ARRAY_LEN(accesses); k++) {
        bool by_esp = accesses[k].by == BY_ESP;
        u32 la = by_esp && accesses[k].write ? 1 : 0xFFFFFFFF;

        start_afresh();
        put_code("DB E3 D9 E8 D9 EB", accesses[k].hex);
        put(AT_DIRECTORY + 1023 * 4, 4, AT_TABLE | P | W | U); /* the first 4 MiB again */
        put(AT_TABLE + 1023 * 4, 4, AT_PAGE | P | W | U);
        put(AT_TABLE, 4, (AT_PAGE + PAGE_SIZE) | P | W | U);
        for (unsigned i = 0; i < ROUNDS; i++) {
            run_both(by_esp ? AT_DATA + 64 : top, by_esp ? top + 64 : AT_STACK3);
            expect_alike(accesses[k].name, "before it");
        }
        for (unsigned i = 0; i < ROUNDS; i++) {
            run_both(by_esp ? AT_DATA + 64 : la, by_esp ? la : AT_STACK3);
            expect_alike(accesses[k].name, "across the end");
        }
    }
}

/* ---- Places that give up ---- */

static u64 chip_read(void *opaque, u64 offset, unsigned size)
{
    chip_reads++;
    return offset + 1;
}

static void chip_write(void *opaque, u64 offset, u64 value, unsigned size)
{
    chip_value = (u32)value;
}

static const struct mmio_ops chip = {.width = 4, .read = chip_read, .write = chip_write};

/* again: mov eax, [ebx]; mov [ebx+4], eax; dec ecx; jne again; hlt */
#define COPY "8B 03 89 43 04 49 75 F8 F4"

static void copy_as(unsigned cpl, u32 ebx, u32 rounds)
{
    struct cpu *c = rig[TRANSLATED].cpu;

    place(TRANSLATED, cpl);
    c->gpr[RBX] = ebx;
    c->gpr[RCX] = rounds;
    cr_assert_eq(c->engine->run(c, c->count + PLENTY), ENGINE_HALT);
}

static void copy(u32 ebx, u32 rounds)
{
    copy_as(0, ebx, rounds);
}

Test(window_faults, an_instruction_that_meets_a_chip_uses_tables_from_then_on)
{
    u64 faults;

    physmap_map_mmio(rig[TRANSLATED].pm, AT_CHIP, PAGE_SIZE, &chip, NULL);
    cpu_rig_code(&rig[TRANSLATED], AT_CODE, COPY);
    copy(AT_PAGE, 100);
    copy(AT_PAGE, 100);
    cr_assert_eq(jit()->stat.window_refused, 0);
    cpu_rig_put(&rig[TRANSLATED], AT_TABLE + (AT_PAGE >> PAGE_SHIFT) * 4, 4, AT_CHIP | P | W | U);
    mmu_invlpg(&rig[TRANSLATED].cpu->mmu, AT_PAGE);
    copy(AT_PAGE, 10);
    cr_assert_geq(jit()->stat.window_refused, 2, "the load and the store, in each translation");
    faults = jit()->stat.window_faults;
    copy(AT_PAGE, 1000);
    cr_assert_eq(jit()->stat.window_faults, faults);
    cr_assert_eq(chip_reads, 1010);
    cr_assert_eq(chip_value, 1);
    copy(AT_DATA, 100);
    cr_assert_eq(jit()->stat.window_faults, faults, "and for good");
}

Test(window_faults, faults_that_cost_too_much_take_the_window_from_an_instruction)
{
    u64 shows;

    cpu_rig_code(&rig[TRANSLATED], AT_CODE, COPY);
    copy(AT_DATA, 100);
    copy(AT_DATA, 100);
    jit_disturb(rig[TRANSLATED].cpu, DISTURB_WINDOW_FAULTS, UINT64_MAX);
    shows = rig[TRANSLATED].cpu->mmu.window[MMU_SUPERVISOR].shows;
    copy(AT_PAGE, 100);
    cr_assert_eq(rig[TRANSLATED].cpu->mmu.window[MMU_SUPERVISOR].shows, shows);
    cr_assert_gt(jit()->stat.window_refused, 0);
    cr_assert_eq(rig[TRANSLATED].cpu->gpr[RCX], 0);
}

Test(window_faults, a_page_that_churns_is_left_alone_for_a_while)
{
    struct window *w = &rig[TRANSLATED].cpu->mmu.window[MMU_SUPERVISOR];
    u64 shows = 0;

    cpu_rig_code(&rig[TRANSLATED], AT_CODE, "8B 03 F4"); /* mov eax, [ebx]; hlt */
    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        copy(AT_PAGE, 0);
        mmu_invlpg(&rig[TRANSLATED].cpu->mmu, AT_PAGE);
        if (i == 2 * ROUNDS)
            shows = w->shows;
    }
    cr_assert_eq(w->shows, shows, "taken back three times is enough");
    cr_assert(window_churns(w, AT_PAGE >> PAGE_SHIFT));
    w->period++;
    cr_assert_not(window_churns(w, AT_PAGE >> PAGE_SHIFT));
}

/* ---- Code ---- */

/* mov byte [the immediate], cl; mov eax, 1; add eax, ecx; hlt */
#define PATCH "88 0D 07 00 01 00 B8 01 00 00 00 01 C8 F4"

Test(window_faults, a_store_into_its_own_block_counts_from_the_next_instruction_on)
{
    code(AT_CODE, PATCH);
    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        run_both(AT_DATA, AT_STACK3);
        expect_alike("its own block", "patched");
        cr_assert_eq(rig[TRANSLATED].cpu->gpr[RAX], 10);
        put(AT_CODE + 7, 1, 1);
    }
}

Test(window_faults, code_is_written_through_a_window_run_and_written_again)
{
    /* mov byte [AT_PAGE], al; mov byte [AT_PAGE+1], C3h; inc ecx; call AT_PAGE; hlt */
    code(AT_CODE, "A2 00 00 10 00 C6 05 01 00 10 00 C3 41 E8 EE FF 0E 00 F4");
    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        for (unsigned k = 0; k < RIGS; k++)
            cpu_rig_code(&rig[k], AT_CODE - 8, i & 1 ? "B0 40 EB 04" : "B0 47 EB 04");
        for (unsigned k = 0; k < RIGS; k++) {
            struct cpu *c = rig[k].cpu;

            place(k, 0);
            c->rip = AT_CODE - 8; /* mov al, INC EAX or INC EDI; jmp */
            cr_assert_eq(c->engine->run(c, c->count + PLENTY), ENGINE_HALT);
        }
        expect_alike("written code", i & 1 ? "inc eax" : "inc edi");
    }
}

/* ---- Without paging, and other privileges ---- */

Test(window_faults, real_mode_reaches_memory_through_a_window)
{
    u64 faults;

    for (unsigned i = 0; i < RIGS; i++) {
        rig[i].cpu->cr0 &= ~(u64)CR0_PG;
        cpu_rig_real(&rig[i]);
        /* again: inc word [bx]; dec cx; jne again; hlt */
        cpu_rig_code(&rig[i], AT_CODE, "FF 07 49 75 FB F4");
    }
    for (unsigned k = 0; k < ROUNDS; k++) {
        for (unsigned i = 0; i < RIGS; i++) {
            struct cpu *c = rig[i].cpu;

            c->rip = 0;
            c->halted = false;
            c->gpr[RBX] = AT_DATA - 0x100 * k;
            c->gpr[RCX] = 50;
            cr_assert_eq(c->engine->run(c, c->count + PLENTY), ENGINE_HALT);
        }
        expect_alike("real mode", "a loop");
    }
    faults = jit()->stat.window_faults;
    cr_assert_gt(faults, 0);
    /* The last word of the segment begins at its last byte: #GP, as in the interpreter. */
    for (unsigned i = 0; i < RIGS; i++) {
        struct cpu *c = rig[i].cpu;

        c->rip = 0;
        c->halted = false;
        c->gpr[RBX] = 0xFFFF;
        cr_assert_eq(c->engine->run(c, c->count + PLENTY), ENGINE_HALT);
    }
    expect_alike("real mode", "across the segment's end");
}

Test(window_faults, the_user_does_not_see_what_the_supervisor_does)
{
    struct cpu *c = rig[TRANSLATED].cpu;

    cpu_rig_code(&rig[TRANSLATED], AT_CODE, COPY);
    map_page(AT_PAGE, AT_PAGE | P | W);
    for (unsigned i = 0; i < 2; i++) {
        copy(AT_PAGE, 100);
        cr_assert_eq(c->gpr[RCX], 0);
        copy_as(3, AT_DATA, 100);
        cr_assert_eq(c->gpr[RCX], 0);
        copy_as(3, AT_PAGE, 100);
        cr_assert_eq(c->rip, AT_HANDLERS + VEC_PF * 16 + 1);
        cr_assert_eq(c->cr2, AT_PAGE);
        cr_assert_eq(c->gpr[RCX], 100);
        cr_assert_eq(cpu_rig_stack(&rig[TRANSLATED], 0), PF_P | PF_U, "present, by the user");
    }
    copy(AT_PAGE, 100); /* the fault took it away from both */
    cr_assert(window_shows(&c->mmu.window[MMU_SUPERVISOR], AT_PAGE >> PAGE_SHIFT));
    cr_assert(window_shows(&c->mmu.window[MMU_USER], AT_DATA >> PAGE_SHIFT));
}

Test(window_faults, windows_off_and_on_again)
{
    static const enum jit_windows modes[] = {WINDOWS_OFF, WINDOWS_PARANOID, WINDOWS_ALWAYS};

    fill_page(AT_PAGE);
    put_code("", "01 03"); /* add [ebx], eax */
    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        u64 faults;

        jit_windows_mode(rig[TRANSLATED].cpu, modes[i % 3]);
        faults = jit()->stat.window_faults;
        run_both(AT_PAGE + 0x10, AT_STACK3);
        run_both(AT_PAGE + 0x20, AT_STACK3);
        expect_alike("add [ebx], eax", "turned");
        cr_assert_eq(jit()->stat.window_faults == faults, i % 3 == 0);
    }
}

Test(window_faults, a_host_without_address_space_for_windows_uses_tables)
{
    struct rlimit limit;

    cpu_rig_code(&rig[TRANSLATED], AT_CODE, COPY);
    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = 1ull << 30; /* less than is in use already */
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        copy(AT_PAGE, 100);
        cr_assert_eq(rig[TRANSLATED].cpu->gpr[RCX], 0);
    }
    cr_assert_eq(jit()->windows.mode, WINDOWS_OFF);
    cr_assert_eq(jit()->stat.window_faults, 0);
    cr_assert_gt(jit()->stat.in_blocks, 100);
}

/* ---- Faults that are not the guest's ---- */

/* Where nothing is mapped; not NULL, which a sanitizer finds before the host does. */
static volatile u32 *volatile nowhere = (volatile u32 *)0x1000;

static u64 chip_that_crashes(void *opaque, u64 offset, unsigned size)
{
    return *nowhere;
}

static const struct mmio_ops crash = {.width = 4, .read = chip_that_crashes, .write = chip_write};

/* A child ends as it would have without windows. */
static void expect_death(pid_t child)
{
    int status = 0;

    cr_assert_eq(waitpid(child, &status, 0), child);
#ifdef __SANITIZE_ADDRESS__
    cr_assert_neq(status, 0); /* it reports, and exits */
#else
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x", status);
#endif
}

static void use_windows(void)
{
    cpu_rig_code(&rig[TRANSLATED], AT_CODE, COPY);
    copy(AT_PAGE, 100);
    copy(AT_PAGE, 100);
    cr_assert_gt(jit()->stat.window_faults, 0);
}

Test(window_faults, our_own_mistakes_end_the_program_as_ever)
{
    pid_t child;

    use_windows();
    child = fork();
    if (child == 0) {
        *nowhere = 1;
        _exit(0);
    }
    expect_death(child);
    child = fork();
    if (child == 0) {
        /* Beside the cache, in a window: nobody but translated code may touch those. */
        *(volatile u8 *)rig[TRANSLATED].cpu->mmu.window[MMU_SUPERVISOR].base = 1;
        _exit(0);
    }
    expect_death(child);
}

Test(window_faults, a_chip_that_crashes_while_translated_code_calls_it_ends_the_program)
{
    pid_t child;

    use_windows();
    child = fork();
    if (child == 0) {
        physmap_map_mmio(rig[TRANSLATED].pm, AT_PAGE, PAGE_SIZE, &crash, NULL);
        copy(AT_PAGE, 100);
        _exit(0);
    }
    expect_death(child);
}

static volatile sig_atomic_t other_calls;

static void other(int signal)
{
    other_calls++;
    _exit(7);
}

Test(window_faults, a_handler_that_was_there_before_gets_what_is_its_own)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        signal(SIGSEGV, other);
        use_windows();
        *nowhere = 1;
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %x", status);
}

#else

Test(window_faults, needs_a_translator)
{
    cr_skip_test("there is none for this kind of host");
}

#endif

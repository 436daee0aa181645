/* Memory and registers of random programs: addresses, tables, handlers; see program.h. */
#include "tests/cpu/program.h"

#include "base/bytes.h"
#include "cpu/segment.h"
#include "tests/cpu/lab.h"

#include <string.h>

enum { PTE_ALL = 7, PDE_LARGE = 0x80 };

/* ---- Segments ---- */

struct descriptor_row {
    u16 sel; /* without TI and RPL */
    u32 base, limit;
    u16 attr;
};

/* Attributes: low byte and, from bit 12, G, D, AVL as in struct segment. */
static const struct descriptor_row gdt[] = {
    {0x08, 0, 0xFFFFF, 0xC09B},
    {0x10, 0, 0xFFFFF, 0xC093},
    {0x18, 0, 0xFFFFF, 0xC0FB},
    {0x20, 0, 0xFFFFF, 0xC0F3},
    {0x28, P_TSS, 0x87, 0x008B},
    {0x30, P_LDT, 0x1F, 0x0082},
    {0x38, P_CODE, 0xFFFF, 0x00FB},           /* 16-bit code */
    {0x40, P_CODE, P_CODE_BYTES - 1, 0x40FB}, /* 32-bit code with a limit */
    {0x48, P_DATA, P_DATA_BYTES - 1, 0x40F3}, /* data with a limit */
    {0x50, P_DATA + 0x801, 0x7FE, 0x40F3},    /* at an odd base */
    {0x58, P_DATA, 0x07FF, 0x00F7},           /* expand-down, 64 KiB */
    {0x60, P_DATA, 0x07FF, 0x40F7},           /* expand-down, 4 GiB */
    {0x68, P_DATA, P_DATA_BYTES - 1, 0x40F1}, /* read-only */
    {0x70, P_DATA, 0xFFFF, 0x0073},           /* not present */
    {0x78, P_STACK_SEG, 0xFFFF, 0x00F3},      /* 16-bit stack */
    {0x80, P_STACK_SEG, 0xBFFF, 0x40F3},      /* 32-bit stack with a limit */
    {0x88, P_DATA, 3, 0xC0F3},                /* limit in pages */
    {0x90, P_TASK, 0x67, 0x0089},
    {0x98, P_TASK16, 0x2B, 0x0081},
};
static const struct descriptor_row ldt[] = {
    {0x08, P_DATA + 0x1000, 0xFFF, 0x40F3},
    {0x10, P_DATA + 0x3, 0x3FF0, 0x00F3},
    {0x18, P_DATA, 0xFFFF, 0x40F3},
};

static void put_descriptor(u8 *image, u32 table, const struct descriptor_row *d)
{
    u8 *p = image + table + d->sel;

    put_le32(p, (d->limit & 0xFFFF) | d->base << 16);
    put_le32(p + 4, (d->base >> 16 & 0xFF) | (u32)d->attr << 8 | (d->limit & 0xF0000) |
                        (d->base & 0xFF000000));
}

static const struct descriptor_row *row_of(u16 sel)
{
    const struct descriptor_row *table = sel & 4 ? ldt : gdt;
    size_t n = sel & 4 ? ARRAY_LEN(ldt) : ARRAY_LEN(gdt);

    for (size_t i = 0; i < n; i++)
        if (table[i].sel == (sel & ~7))
            return &table[i];
    return NULL;
}

static void set(struct program *p, enum seg_reg n, u16 sel)
{
    p->sel[n] = sel;
    p->base[n] = p->mode == PROGRAM_REAL || p->mode == PROGRAM_V86 ? sel * 16u
                 : sel > 3                                         ? row_of(sel)->base
                                                                   : 0;
}

void program_segments(struct program *p)
{
    static const u16 data[] = {0x4B, 0x53, 0x5B, 0x63, 0x8B, 0x0F, 0x17, 0x1F, 0x23, 0x6B};
    static const u16 stacks[] = {0x7B, 0x83, 0x7B, 0x23};
    struct silicon_rng r = {p->seed ^ 0xABCD};
    u16 all = p->cpl ? 0x23 : 0x10;

    switch (p->mode) {
    case PROGRAM_REAL:
    case PROGRAM_V86:
        set(p, SEG_CS, P_CODE >> 4);
        set(p, SEG_DS, P_DATA >> 4);
        set(p, SEG_ES, P_DATA >> 4);
        set(p, SEG_SS, P_STACK_SEG >> 4);
        set(p, SEG_FS, 0);
        set(p, SEG_GS, 0x2100);
        p->gpr[RSP] = 0x8000;
        return;
    case PROGRAM_PROT16:
    case PROGRAM_SEG32:
        set(p, SEG_CS, p->code16 ? 0x3B : 0x43);
        set(p, SEG_DS, data[rng_below(&r, ARRAY_LEN(data))]);
        set(p, SEG_ES, data[rng_below(&r, ARRAY_LEN(data))]);
        set(p, SEG_GS, data[rng_below(&r, ARRAY_LEN(data))]);
        set(p, SEG_SS, stacks[rng_below(&r, ARRAY_LEN(stacks))]);
        set(p, SEG_FS, 0x23);
        p->gpr[RSP] = p->sel[SEG_SS] == 0x23 ? P_STACK3 : 0x8000;
        return;
    default:
        for (unsigned n = 0; n < SEG_COUNT; n++)
            set(p, (enum seg_reg)n, all);
        set(p, SEG_CS, p->cpl ? 0x1B : 0x08);
        p->gpr[RSP] = p->cpl ? P_STACK3 : P_STACK0;
    }
}

/* ---- Handlers ---- */

static u8 *bytes_at(u8 *to, const char *b, unsigned n)
{
    memcpy(to, b, n);
    return to + n;
}
#define PUT(to, literal) to = bytes_at(to, literal, sizeof literal - 1)

static u8 *put_store(u8 *to, u32 at, u32 value)
{
    PUT(to, "\x36\xC7\x05"); /* mov dword ss:[at], value */
    put_le32(to, at);
    put_le32(to + 4, value);
    return to + 8;
}

/* Pages that programs change are put in order again. */
static u8 *put_repair(u8 *to)
{
    static const u8 pages[] = {0x0D, 0x12, 0x13, 0x21, 0x22, 0x23, 0x3F};

    for (unsigned i = 0; i < sizeof pages; i++) {
        to = put_store(to, P_TABLE + pages[i] * 4, (u32)pages[i] << 12 | PTE_ALL);
        to = put_store(to, P_TABLE2 + pages[i] * 4, (u32)pages[i] << 12 | PTE_ALL);
    }
    return to;
}

/*
 * A fault: sums up what the processor told, then goes on at the resume address; every other page
 * fault repairs the pages and tries again.
 */
static u8 *put_fault(u8 *to, bool error, bool page)
{
    u8 *repair = NULL;

    if (!error)
        PUT(to, "\x6A\x00");                 /* push 0 */
    PUT(to, "\x50\x8B\x44\x24\x04");         /* push eax; mov eax, [esp+4] */
    PUT(to, "\x36\x01\x05\x0C\x04\x00\x00"); /* add ss:[40Ch], eax */
    PUT(to, "\x36\xFF\x05\x08\x04\x00\x00"); /* inc dword ss:[VAR_FAULTS] */
    if (page) {
        PUT(to, "\x0F\x20\xD0");                         /* mov eax, cr2 */
        PUT(to, "\x36\x31\x05\x10\x04\x00\x00");         /* xor ss:[410h], eax */
        PUT(to, "\x36\xF6\x05\x08\x04\x00\x00\x01\x74"); /* test byte ss:[VAR_FAULTS], 1; jz */
        repair = to++;
    }
    PUT(to, "\x36\xA1\x00\x04\x00\x00\x89\x44\x24\x08"); /* mov [esp+8], resume */
    PUT(to, "\x36\xA1\x04\x04\x00\x00\x89\x44\x24\x0C"); /* mov [esp+12], its CS */
    PUT(to, "\x58\x83\xC4\x04\xCF");                     /* pop eax; add esp, 4; iret */
    if (page) {
        *repair = (u8)(to - repair - 1);
        to = put_repair(to);
        PUT(to, "\x58\x83\xC4\x04\xCF");
    }
    return to;
}

/* #DB: after some steps TF is taken out of the flags to return to. */
static u8 *put_debug(u8 *to)
{
    PUT(to, "\x36\xFE\x05\x14\x04\x00\x00");     /* inc byte ss:[414h] */
    PUT(to, "\x36\xF6\x05\x14\x04\x00\x00\x0F"); /* test byte ss:[414h], 15 */
    PUT(to, "\x75\x08");                         /* jnz */
    PUT(to, "\x81\x64\x24\x08\xFF\xFE\xFF\xFF"); /* and dword [esp+8], ~TF */
    PUT(to, "\xCF");
    return to;
}

static u8 *put_interrupt(u8 *to)
{
    PUT(to, "\x50\xE6\xE1");                         /* push eax; out LAB_LOWER, al */
    PUT(to, "\x36\xFF\x05\x18\x04\x00\x00\x58\xCF"); /* inc dword ss:[418h]; pop eax; iret */
    return to;
}

static u8 *put_call(const struct program *p, u8 *to, enum program_call what)
{
    PUT(to, "\x50");
    switch (what) {
    case CALL_CR3: PUT(to, "\x0F\x20\xD8\x0F\x22\xD8"); break;
    case CALL_INVLPG: PUT(to, "\x36\x0F\x01\x3B"); break;
    case CALL_WP: PUT(to, "\x0F\x20\xC0\x35\x00\x00\x01\x00\x0F\x22\xC0"); break;
    case CALL_PGE: PUT(to, "\x0F\x20\xE0\x34\x80\x0F\x22\xE0"); break;
    case CALL_AGE: /* and byte ss:[pte], ~60h; invlpg */
        PUT(to, "\x36\x80\x25\x88\x50\x00\x00\x9F\x36\x0F\x01\x3D\x00\x20\x02\x00");
        break;
    case CALL_UNMAP: /* xor byte ss:[pte], 1; invlpg */
        PUT(to, "\x36\x80\x35\x88\x50\x00\x00\x01\x36\x0F\x01\x3D\x00\x20\x02\x00");
        break;
    case CALL_REMAP: /* xor byte ss:[pte + 1], 10h, twice; mov cr3 */
        PUT(to, "\x36\x80\x35\x85\x50\x00\x00\x10\x36\x80\x35\x89\x50\x00\x00\x30");
        PUT(to, "\x0F\x20\xD8\x0F\x22\xD8");
        break;
    case CALL_WATCH: /* mov dr0, P_DATA + 800h; mov dr7: break on writes there */
        PUT(to, "\xB8\x00\x08\x02\x00\x0F\x23\xC0\xB8\x03\x07\x0D\x00\x0F\x23\xF8");
        break;
    case CALL_BREAK: /* mov dr1, CS:[esp + 4]: where it is called from, next time */
        PUT(to, "\x8B\x44\x24\x04\x05\x00\x00\x00\x00");
        put_le32(to - 4, p->base[SEG_CS]);
        PUT(to, "\x0F\x23\xC8\xB8\x0C\x07\x00\x00\x0F\x23\xF8");
        break;
    case CALL_NO_BREAK: PUT(to, "\x31\xC0\x0F\x23\xF8"); break; /* xor eax, eax; mov dr7, eax */
    case CALL_PG: PUT(to, "\x0F\x20\xC0\x35\x00\x00\x00\x80\x0F\x22\xC0"); break;
    case CALL_TS: PUT(to, "\x0F\x20\xC0\x34\x08\x0F\x22\xC0"); break;
    case CALL_TASK:
    case CALL_TASK16: break; /* task gates: see put_task */
    }
    PUT(to, "\x58\xCF");
    return to;
}

/*
 * A task and its gate. It counts, returns by IRET to the one that was interrupted, and is behind
 * that IRET the next time.
 */
static u8 *put_task(u8 *image, u8 *to, enum program_call what)
{
    bool big = what == CALL_TASK;
    u8 *gate = image + P_IDT + what * 8, *tss = image + (big ? P_TASK : P_TASK16);
    u32 entry = (u32)(to - image);

    put_le32(gate, (big ? 0x90u : 0x98u) << 16);
    put_le32(gate + 4, 0xE500);
    if (big) {
        put_le32(tss + 0x1C, P_DIRECTORY);
        put_le32(tss + 0x20, entry);
        put_le32(tss + 0x24, EF_FIXED);
        put_le32(tss + 0x38, P_TASK_STACK);
        for (unsigned n = 0; n < SEG_COUNT; n++)
            put_le32(tss + 0x48 + n * 4, n == SEG_CS ? 0x08 : 0x10);
        put_le32(tss + 0x64, 0x680000);
    } else {
        put_le16(tss + 0x0E, (u16)entry);
        put_le16(tss + 0x10, EF_FIXED);
        put_le16(tss + 0x1A, P_TASK_STACK);
        for (unsigned n = 0; n <= SEG_DS; n++)
            put_le16(tss + 0x22 + n * 2, n == SEG_CS ? 0x08 : 0x10);
    }
    PUT(to, "\xFF\x05\x1C\x04\x00\x00\xCF\xEB\xF7"); /* inc dword [41Ch]; iret; jmp */
    return to;
}

/* #NM: CLTS, and again. */
static u8 *put_no_fpu(u8 *to)
{
    PUT(to, "\x0F\x06\xCF");
    return to;
}

static bool has_error(unsigned v)
{
    return v == VEC_DF || (v >= VEC_TS && v <= VEC_PF) || v == VEC_AC;
}

static bool is_trap(unsigned v)
{
    return v == VEC_BP || v == VEC_OF || v == VEC_NMI || v >= 20;
}

static void put_handlers(const struct program *p, u8 *image)
{
    u8 *to = image + P_HANDLERS;
    u32 last_call = 0;

    for (unsigned v = 0; v < 256; v++) {
        u32 at = (u32)(to - image);
        unsigned dpl = v == VEC_BP || v == VEC_OF || v >= CALL_CR3 ? 3 : 0;
        u8 *gate = image + P_IDT + v * 8;

        if (v > CALL_LAST)
            at = last_call;
        else if (v == LAB_VECTOR)
            to = put_interrupt(to);
        else if (v >= CALL_TASK)
            to = put_task(image, to, (enum program_call)v);
        else if (v >= CALL_CR3)
            to = put_call(p, to, (enum program_call)v), last_call = at;
        else if (v == VEC_DB)
            to = put_debug(to);
        else if (v == VEC_NM)
            to = put_no_fpu(to);
        else if (is_trap(v))
            *to++ = 0xCF;
        else
            to = put_fault(to, has_error(v), v == VEC_PF);
        if (v == CALL_TASK || v == CALL_TASK16)
            continue; /* it has its own gate */
        put_le32(gate, 0x00080000 | (at & 0xFFFF));
        put_le32(gate + 4, (at & 0xFFFF0000) | (u32)(p->gate_type[v] | dpl << 5) << 8);
    }
}

/* Real mode's: faults skip to the resume address, the others return. */
static void put_real_handlers(const struct program *p, u8 *image)
{
    u8 *to = image + P_HANDLERS + 0x1000;
    u32 fault = (u32)(to - image), trap, interrupt, debug;
    bool wide = model_has(p->model, FEAT_386);

    /* push bp; mov bp, sp; push ax; mov ax, cs:[VAR_RESUME]; mov [bp+2], ax; mov word [bp+4] */
    PUT(to, "\x55\x89\xE5\x50\x2E\xA1\x00\x04\x89\x46\x02\xC7\x46\x04\x00\x10");
    if (wide)
        PUT(to, "\x66"); /* inc dword cs:[VAR_FAULTS]; pop; pop; iret */
    PUT(to, "\x2E\xFF\x06\x08\x04\x58\x5D\xCF");
    trap = (u32)(to - image);
    PUT(to, "\xCF");
    interrupt = (u32)(to - image);
    PUT(to, "\x50\xE6\xE1");
    if (wide)
        PUT(to, "\x66");
    PUT(to, "\x2E\xFF\x06\x18\x04\x58\xCF");
    debug = (u32)(to - image);
    PUT(to, "\x55\x89\xE5\x81\x66\x06\xFF\xFE\x5D\xCF"); /* and word [bp+6], ~TF */
    for (unsigned v = 0; v < 256; v++)
        put_le32(image + v * 4, v == LAB_VECTOR ? interrupt
                                : v == VEC_DB   ? debug
                                : is_trap(v)    ? trap
                                                : fault);
}

/* ---- Layout ---- */

static void place(struct program *p)
{
    u32 at = p->start;

    for (unsigned i = 0; i < p->count; i++) {
        const struct piece *q = &p->piece[i];

        p->at[i] = at;
        if (q->dropped)
            continue;
        at += q->len;
        if (q->before_page_end) {
            at += p->code16 ? 3 : 5; /* of a jump over what fills the page */
            at += (PAGE_SIZE - q->before_page_end - at) & PAGE_MASK;
        }
    }
    p->at[p->count] = at;
}

static void apply_fixups(const struct program *p, unsigned i, u8 *code)
{
    const struct piece *q = &p->piece[i];

    for (unsigned n = 0; n < q->fixups; n++) {
        unsigned target = q->fixup[n].piece < p->count ? q->fixup[n].piece : p->count - 1;
        u32 to = p->at[target] + (u32)(s32)q->fixup[n].addend, from = p->at[i] + q->fixup[n].at;
        u8 *field = code + from;

        switch (q->fixup[n].kind) {
        case FIX_REL8:
            to -= from + 1;
            *field = (u8)(to < 0x80 || to >= 0xFFFFFF80 ? to : 0);
            break;
        case FIX_REL:
            if (p->code16)
                put_le16(field, (u16)(to - from - 2));
            else
                put_le32(field, to - from - 4);
            break;
        case FIX_OFF:
        case FIX_OFF4:
            to += P_CODE - p->base[SEG_CS];
            if (q->fixup[n].kind == FIX_OFF && p->code16)
                put_le16(field, (u16)to);
            else
                put_le32(field, to);
            break;
        case FIX_LA: put_le32(field, get_le32(field) + P_CODE + to); break;
        }
    }
}

/* A jump over the padding. */
static void put_jump(const struct program *p, unsigned i, u8 *code)
{
    u32 at = p->at[i] + p->piece[i].len, to = p->at[i + 1];

    code[at] = 0xE9;
    if (p->code16)
        put_le16(code + at + 1, (u16)(to - at - 3));
    else
        put_le32(code + at + 1, to - at - 5);
}

static bool put_code(struct program *p, u8 *image)
{
    u8 *code = image + P_CODE;

    place(p);
    if (p->at[p->count] > P_CODE_BYTES - 16)
        return false;
    memset(code, 0xCC, P_CODE_BYTES);
    for (unsigned i = 0; i < p->count; i++) {
        const struct piece *q = &p->piece[i];

        if (q->dropped)
            continue;
        memcpy(code + p->at[i], q->bytes, q->len);
        apply_fixups(p, i, code);
        if (q->before_page_end)
            put_jump(p, i, code);
    }
    return true;
}

static void put_pages(const struct program *p, u8 *image)
{
    u32 global = p->cr4 & CR4_PGE ? 0x100 : 0;

    put_le32(image + P_DIRECTORY, P_TABLE | PTE_ALL);
    put_le32(image + P_DIRECTORY + (P_VIEW >> 22) * 4, P_TABLE2 | PTE_ALL);
    if (p->cr4 & CR4_PSE)
        put_le32(image + P_DIRECTORY + (P_LARGE >> 22) * 4, PDE_LARGE | PTE_ALL);
    for (u32 page = 0; page < 256; page++) {
        put_le32(image + P_TABLE + page * 4, page << 12 | PTE_ALL | (page % 3 ? 0 : global));
        put_le32(image + P_TABLE2 + page * 4, page << 12 | PTE_ALL);
    }
}

bool program_image(struct program *p, u8 *image)
{
    struct silicon_rng r = {p->seed ^ 0x1234};

    memset(image, 0, LAB_RAM);
    for (u32 i = 0; i < P_DATA_BYTES; i += 8)
        put_le64(image + P_DATA + i, rng_percent(&r, 50) ? rng_next(&r) : rng_below(&r, 100));
    memset(image + LAB_SWAP, 0x43, PAGE_SIZE - 1); /* INC EBX ... RET, where ROM has INC EAX */
    image[LAB_SWAP + PAGE_SIZE - 1] = 0xC3;
    if (p->mode == PROGRAM_REAL) {
        put_real_handlers(p, image);
    } else {
        for (size_t i = 0; i < ARRAY_LEN(gdt); i++)
            put_descriptor(image, P_GDT, &gdt[i]);
        for (size_t i = 0; i < ARRAY_LEN(ldt); i++)
            put_descriptor(image, P_LDT, &ldt[i]);
        put_handlers(p, image);
        put_pages(p, image);
        put_le32(image + P_TSS + 4, P_STACK0);
        put_le32(image + P_TSS + 8, 0x10);
        put_le16(image + P_TSS + 0x66, 0x68); /* then the I/O map: all ports to FFh */
        image[P_TSS + 0x87] = 0xFF;
        put_le32(image + P_TSS + 0x1C, P_DIRECTORY); /* what a task switch does not save */
        put_le16(image + P_TSS + 0x60, 0x30);
    }
    put_le32(image + VAR_RESUME, p->start + P_CODE - p->base[SEG_CS]);
    put_le32(image + VAR_RESUME_CS, p->sel[SEG_CS]);
    return put_code(p, image);
}

/* ---- Registers ---- */

static void load_segment(const struct program *p, struct cpu *c, enum seg_reg n)
{
    const struct descriptor_row *d;
    struct descriptor desc;

    if (p->mode == PROGRAM_REAL || p->mode == PROGRAM_V86) {
        seg_load_real(c, n, p->sel[n]);
        return;
    }
    d = row_of(p->sel[n]);
    desc.lo = (d->limit & 0xFFFF) | d->base << 16;
    desc.hi =
        (d->base >> 16 & 0xFF) | (u32)d->attr << 8 | (d->limit & 0xF0000) | (d->base & 0xFF000000);
    seg_from_desc(&c->seg[n], p->sel[n], &desc);
}

void program_start(const struct program *p, struct cpu *c)
{
    if (model_has(p->model, FEAT_386)) {
        c->cr0 = p->cr0;
        c->cr3 = P_DIRECTORY;
        c->cr4 = p->cr4;
    }
    c->cpl = p->cpl;
    cpu_set_flags(c, p->flags | c->model->eflags_ones);
    if (p->mode != PROGRAM_REAL) {
        c->gdtr = (struct table_reg){P_GDT, 0xFF};
        c->idtr = (struct table_reg){P_IDT, 0x7FF};
        c->tr = (struct segment){.sel = 0x28, .attr = 0x8B, .limit = 0x87, .base = P_TSS};
        c->ldtr = (struct segment){.sel = 0x30, .attr = 0x82, .limit = 0x1F, .base = P_LDT};
    }
    for (unsigned n = 0; n < SEG_COUNT; n++)
        if (n <= SEG_DS || model_has(p->model, FEAT_386))
            load_segment(p, c, (enum seg_reg)n);
    for (unsigned n = 0; n < 8; n++)
        c->gpr[n] = model_has(p->model, FEAT_386) ? p->gpr[n] : p->gpr[n] & 0xFFFF;
    c->rip = p->start + P_CODE - p->base[SEG_CS];
    cpu_update_mode(c);
}

/*
 * Tables of the guest in words. Sources: SDM Vol. 3A, "Segment Descriptors", "System Descriptor
 * Types", "IDT Descriptors", "Task-State Segment (TSS)"; for DOS's memory control blocks and its
 * list of lists "Undocumented DOS", chapter 4: the segment of the first block is the word before
 * what INT 21h/AH=52h returns, so we look for the chain itself instead.
 */
#include "devices/board/info_tables.h"

#include "base/bytes.h"
#include "cpu/segment.h"
#include "devices/board/board.h"
#include "devices/board/debug_memory.h"
#include "devices/board/report.h"

#include <ctype.h>
#include <string.h>

enum { TSS16_BYTES = 0x2C, TSS32_BYTES = 0x68, PORT_RANGES = 24 };
enum {
    MCB_BYTES = 16,
    MCBS_MAX = 512,
    MCB_FIRST_PARAGRAPH = 0x50,
    MCB_LAST_PARAGRAPH = 0xA000,
    UMB_LAST_PARAGRAPH = 0xFFF0
};

static bool read_entry(struct cpu *c, u64 base, u32 index, struct descriptor *d)
{
    u8 raw[8];

    if (debug_read_linear(c, (u32)(base + index * 8), raw, sizeof raw) != sizeof raw)
        return false;
    d->lo = get_le32(raw);
    d->hi = get_le32(raw + 4);
    return true;
}

/* ---- Descriptors ---- */

static const char *const system_names[16] = {
    [SYS_TSS16] = "16-bit TSS",
    [SYS_LDT] = "LDT",
    [SYS_TSS16_BUSY] = "16-bit TSS, busy",
    [SYS_CALL_GATE16] = "16-bit call gate",
    [SYS_TASK_GATE] = "task gate",
    [SYS_INT_GATE16] = "16-bit interrupt gate",
    [SYS_TRAP_GATE16] = "16-bit trap gate",
    [SYS_TSS32] = "32-bit TSS",
    [SYS_TSS32_BUSY] = "32-bit TSS, busy",
    [SYS_CALL_GATE32] = "32-bit call gate",
    [SYS_INT_GATE32] = "32-bit interrupt gate",
    [SYS_TRAP_GATE32] = "32-bit trap gate",
};

static bool is_gate(unsigned type)
{
    return type == SYS_TASK_GATE || (type & 4);
}

static void say_gate(struct report *r, const struct descriptor *d)
{
    u16 attr = desc_attr(d);
    unsigned type = attr_system_type(attr);
    u16 sel = (u16)(d->lo >> 16);

    report_say(r, "%s, DPL %u%s, ", system_names[type] ? system_names[type] : "reserved type",
               attr_dpl(attr), attr & DESC_P ? "" : ", not present");
    if (type == SYS_TASK_GATE)
        report_say(r, "task %04x\n", sel);
    else if (type & SYS_32)
        report_say(r, "to %04x:%08x\n", sel, (d->hi & 0xFFFF0000) | (d->lo & 0xFFFF));
    else
        report_say(r, "to %04x:%04x\n", sel, d->lo & 0xFFFF);
}

static void say_range(struct report *r, u32 base, u32 limit)
{
    report_say(r, "%08x-%08x%s  ", base, base + limit,
               base + limit < base ? " (around 4 GiB)" : "");
}

static void say_segment(struct report *r, const struct descriptor *d)
{
    u16 attr = desc_attr(d);
    bool down = !(attr & DESC_CODE) && (attr & DESC_EC);

    say_range(r, desc_base(d), down ? 0 : desc_limit(d));
    report_say(r, "%s-bit ", attr & DESC_DB ? "32" : "16");
    if (attr & DESC_CODE)
        report_say(r, "code%s%s", attr & DESC_RW ? ", readable" : "",
                   attr & DESC_EC ? ", conforming" : "");
    else
        report_say(r, "data%s%s", attr & DESC_RW ? ", writable" : ", read-only",
                   attr & DESC_EC ? ", expands down" : "");
    if (down)
        report_say(r, " from offset %08x", desc_limit(d) + 1);
    report_say(r, ", DPL %u%s%s\n", attr_dpl(attr), attr & DESC_ACCESSED ? ", accessed" : "",
               attr & DESC_P ? "" : ", not present");
}

static void say_descriptor(struct report *r, const struct descriptor *d)
{
    u16 attr = desc_attr(d);
    unsigned type = attr_system_type(attr);

    if (attr & DESC_S)
        say_segment(r, d);
    else if (is_gate(type))
        say_gate(r, d);
    else
        report_say(r, "%08x-%08x  %s, DPL %u%s\n", desc_base(d), desc_base(d) + desc_limit(d),
                   system_names[type] ? system_names[type] : "reserved type", attr_dpl(attr),
                   attr & DESC_P ? "" : ", not present");
}

static void say_table(struct report *r, struct cpu *c, const char *name, u64 base, u32 limit,
                      unsigned bits)
{
    struct descriptor d;

    report_say(r, "%s at %08llx, limit %04x\n", name, (unsigned long long)base, limit);
    for (u32 i = 0; i < (limit + 1) / 8; i++) {
        if (!read_entry(c, base, i, &d)) {
            report_say(r, "  %04x  no memory there\n", i * 8);
            return;
        }
        if ((!d.lo && !d.hi) || !(i * 8 | bits))
            continue; /* selector 0 is the null selector whatever lies there */
        report_say(r, "  %04x  ", i * 8 | bits);
        say_descriptor(r, &d);
    }
}

void info_gdt(struct board *b, struct report *r)
{
    struct cpu *c = b->cpu;

    say_table(r, c, "GDT", c->gdtr.base, c->gdtr.limit, 0);
}

void info_ldt(struct board *b, struct report *r)
{
    struct cpu *c = b->cpu;

    if (c->ldtr.unusable || !(c->ldtr.sel & SEL_INDEX_TI))
        report_say(r, "there is no LDT\n");
    else
        say_table(r, c, "LDT", c->ldtr.base, c->ldtr.limit, SEL_TI);
}

/* ---- Vectors ---- */

/* The vectors of real mode, and of what plays it in virtual-8086 mode; equal ones as a range. */
void info_ivt(struct board *b, struct report *r)
{
    struct cpu *c = b->cpu;
    u32 base = c->cr0 & CR0_PE ? 0 : (u32)c->idtr.base, i, n;
    u8 raw[256 * 4];

    if (debug_read_linear(c, base, raw, sizeof raw) != sizeof raw) {
        report_say(r, "no memory at %08x\n", base);
        return;
    }
    for (i = 0; i < 256; i += n) {
        const u8 *at = raw + i * 4;

        for (n = 1; i + n < 256 && !memcmp(at, at + n * 4, 4); n++)
            ;
        if (!get_le32(at))
            continue;
        if (n == 1)
            report_say(r, "%02x     %04x:%04x\n", i, get_le16(at + 2), get_le16(at));
        else
            report_say(r, "%02x-%02x  %04x:%04x\n", i, i + n - 1, get_le16(at + 2), get_le16(at));
    }
}

void info_idt(struct board *b, struct report *r)
{
    struct cpu *c = b->cpu;
    struct descriptor d;

    if (!(c->cr0 & CR0_PE)) {
        report_say(r, "real mode: the vectors are those of the table at %08llx, see ivt\n",
                   (unsigned long long)c->idtr.base);
        return;
    }
    report_say(r, "IDT at %08llx, limit %04x\n", (unsigned long long)c->idtr.base, c->idtr.limit);
    for (u32 i = 0; i < (c->idtr.limit + 1) / 8 && i < 256; i++) {
        if (!read_entry(c, c->idtr.base, i, &d)) {
            report_say(r, "  %02x  no memory there\n", i);
            return;
        }
        if (!d.lo && !d.hi)
            continue;
        report_say(r, "  %02x  ", i);
        say_gate(r, &d);
    }
}

/* ---- Tasks ---- */

static void say_tss32(struct report *r, const u8 *t)
{
    static const char *const gprs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    static const char *const segs[] = {"es", "cs", "ss", "ds", "fs", "gs"};

    for (unsigned i = 0; i < 3; i++)
        report_say(r, "  level %u stack %04x:%08x\n", i, get_le16(t + 8 + i * 8),
                   get_le32(t + 4 + i * 8));
    report_say(r, "  cr3 %08x  eip %08x  eflags %08x\n ", get_le32(t + 0x1C), get_le32(t + 0x20),
               get_le32(t + 0x24));
    for (unsigned i = 0; i < 8; i++)
        report_say(r, " %s %08x%s", gprs[i], get_le32(t + 0x28 + i * 4), i == 3 ? "\n " : "");
    report_say(r, "\n ");
    for (unsigned i = 0; i < 6; i++)
        report_say(r, " %s %04x", segs[i], get_le16(t + 0x48 + i * 4));
    report_say(r, "  ldt %04x\n  I/O map at %04x%s\n", get_le16(t + 0x60), get_le16(t + 0x66),
               t[0x64] & 1 ? ", traps when entered" : "");
}

static void say_tss16(struct report *r, const u8 *t)
{
    static const char *const names[] = {"ip", "flags", "ax", "cx", "dx", "bx", "sp", "bp",
                                        "si", "di",    "es", "cs", "ss", "ds", "ldt"};

    for (unsigned i = 0; i < 3; i++)
        report_say(r, "  level %u stack %04x:%04x\n", i, get_le16(t + 4 + i * 4),
                   get_le16(t + 2 + i * 4));
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        report_say(r, "%s%s %04x",
                   i % 10 ? " "
                   : i    ? "\n  "
                          : "  ",
                   names[i], get_le16(t + 0xE + i * 2));
    report_say(r, "\n");
}

/* What programs may access without the system: zeros in the map (SDM, "I/O Permission Bit Map"). */
static void say_ports(struct report *r, struct cpu *c, u32 map)
{
    unsigned port, first = 0, ranges = 0;
    bool open = false, now;
    u8 byte = 0xFF;

    for (port = 0; port <= 0x10000 && ranges < PORT_RANGES; port++) {
        if (!(port & 7) &&
            (map + port / 8 > c->tr.limit ||
             debug_read_linear(c, (u32)(c->tr.base + map + port / 8), &byte, 1) != 1))
            byte = 0xFF;
        now = port < 0x10000 && !(byte >> (port & 7) & 1);
        if (now && !open)
            first = port;
        if (!now && open)
            report_say(r, "%s %04x-%04x", ranges++ ? "," : "  ports allowed:", first, port - 1);
        open = now;
    }
    report_say(r, "%s\n", !ranges ? "  no port is allowed" : ranges == PORT_RANGES ? " ..." : "");
}

void info_tss(struct board *b, struct report *r)
{
    struct cpu *c = b->cpu;
    bool is32 = c->tr.attr & SYS_32;
    u8 t[TSS32_BYTES];

    if (!(c->cr0 & CR0_PE) || !(c->tr.sel & SEL_INDEX_TI)) {
        report_say(r, "no task register was loaded\n");
        return;
    }
    report_say(r, "TR %04x, %s at %08llx, limit %04x\n", c->tr.sel,
               is32 ? "32-bit TSS" : "16-bit TSS", (unsigned long long)c->tr.base, c->tr.limit);
    if (debug_read_linear(c, c->tr.base, t, is32 ? TSS32_BYTES : TSS16_BYTES) !=
        (is32 ? TSS32_BYTES : TSS16_BYTES)) {
        report_say(r, "  no memory there\n");
    } else if (is32) {
        say_tss32(r, t);
        say_ports(r, c, get_le16(t + 0x66));
    } else {
        say_tss16(r, t);
    }
}

/* ---- DOS ---- */

struct mcb {
    u8 kind; /* 'M', or 'Z' for the last */
    u16 owner, paragraphs;
    u8 name[8];
};

static bool read_mcb(struct board *b, u32 segment, struct mcb *m)
{
    u8 raw[MCB_BYTES];

    if (debug_read_linear(b->cpu, segment << 4, raw, sizeof raw) != sizeof raw ||
        (raw[0] != 'M' && raw[0] != 'Z'))
        return false;
    *m = (struct mcb){.kind = raw[0], .owner = get_le16(raw + 1), .paragraphs = get_le16(raw + 3)};
    for (unsigned i = 0; i < 8; i++)
        m->name[i] = raw[8 + i];
    return true;
}

/* Blocks from here to one marked as the last, each behind the one before. */
static unsigned chain_length(struct board *b, u32 segment)
{
    struct mcb m;

    for (unsigned n = 1; n <= MCBS_MAX && segment <= 0xFFFF; n++) {
        if (!read_mcb(b, segment, &m))
            return 0;
        if (m.kind == 'Z')
            return segment + m.paragraphs <= 0xFFFF ? n : 0;
        segment += m.paragraphs + 1u;
    }
    return 0;
}

/* The first chain of at least `blocks`; 0 if there is none. */
static u32 find_chain(struct board *b, u32 first, u32 end, unsigned blocks)
{
    for (u32 segment = first; segment < end; segment++)
        if (chain_length(b, segment) >= blocks)
            return segment;
    return 0;
}

static void say_owner(struct board *b, struct report *r, u32 segment, const struct mcb *m)
{
    struct mcb home;

    if (!m->owner) {
        report_say(r, "free\n");
    } else if (m->owner == 8) {
        report_say(r, "DOS\n");
    } else if (read_mcb(b, m->owner - 1u, &home)) {
        report_say(r, "%s of ", m->owner == segment + 1 ? "program" : "memory");
        for (unsigned i = 0; i < 8 && isprint(home.name[i]); i++)
            report_say(r, "%c", home.name[i]);
        report_say(r, "\n");
    } else {
        report_say(r, "\n");
    }
}

/* Returns the segment behind the last block. */
static u32 say_chain(struct board *b, struct report *r, u32 segment)
{
    struct mcb m;

    for (unsigned n = 0; n < MCBS_MAX && read_mcb(b, segment, &m); n++) {
        report_say(r, "%04x   %6u  %04x  ", segment, m.paragraphs * 16u, m.owner);
        say_owner(b, r, segment, &m);
        segment += m.paragraphs + 1u;
        if (m.kind == 'Z')
            break;
    }
    return segment;
}

/* Upper memory blocks are a chain of their own while DOS has not linked them to the lower ones. */
void info_dos(struct board *b, struct report *r)
{
    u32 segment = find_chain(b, MCB_FIRST_PARAGRAPH, MCB_LAST_PARAGRAPH, 3);

    if (!segment) {
        report_say(r, "no chain of DOS memory blocks was found\n");
        return;
    }
    report_say(r, "block  bytes   owner\n");
    if (say_chain(b, r, segment) > MCB_LAST_PARAGRAPH)
        return;
    segment = find_chain(b, MCB_LAST_PARAGRAPH - 1, UMB_LAST_PARAGRAPH, 2);
    if (segment) {
        report_say(r, "upper memory:\n");
        say_chain(b, r, segment);
    }
}

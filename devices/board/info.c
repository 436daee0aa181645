/*
 * Reports about the machine as text, for the monitor's "info".
 */
#include "devices/board/info.h"

#include "devices/board/board.h"
#include "devices/board/info_fpu.h"
#include "devices/board/info_tables.h"
#include "devices/board/replay.h"
#include "devices/board/report.h"

#include "devices/chipset/ioapic.h"
#include "devices/chipset/lapic.h"
#include "devices/chipset/pci.h"
#include "devices/chipset/dma.h"
#include "devices/chipset/pic.h"
#include "devices/chipset/pit.h"
#include "devices/storage/ide.h"

#ifdef HAVE_JIT
#include "jit/jit.h"
#endif

#include <stdio.h>
#include <string.h>

static void say_segment(struct report *r, const char *name, const struct segment *s)
{
    report_say(r, "%-4s %04x  base %08llx  limit %08x  attr %04x%s\n", name, s->sel,
               (unsigned long long)s->base, s->limit, s->attr, s->unusable ? "  null" : "");
}

static void info_registers(struct board *b, struct report *r)
{
    static const char *const names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    static const char *const segs[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};
    const struct cpu *c = b->cpu;

    for (unsigned i = 0; i < 8; i++)
        report_say(r, "%s %08llx%s", names[i], (unsigned long long)c->gpr[i],
                   i % 4 == 3 ? "\n" : "  ");
    report_say(r, "eip %08llx  eflags %08llx  cpl %u%s\n", (unsigned long long)c->rip,
               (unsigned long long)cpu_flags(c), c->cpl, c->halted ? "  halted" : "");
    for (unsigned i = 0; i < SEG_COUNT; i++)
        say_segment(r, segs[i], &c->seg[i]);
    say_segment(r, "ldtr", &c->ldtr);
    say_segment(r, "tr", &c->tr);
    report_say(r, "gdtr %08llx limit %04x  idtr %08llx limit %04x\n",
               (unsigned long long)c->gdtr.base, c->gdtr.limit, (unsigned long long)c->idtr.base,
               c->idtr.limit);
    report_say(r, "cr0 %08llx  cr2 %08llx  cr3 %08llx  cr4 %08llx\n", (unsigned long long)c->cr0,
               (unsigned long long)c->cr2, (unsigned long long)c->cr3, (unsigned long long)c->cr4);
    report_say(r, "dr0 %08llx  dr1 %08llx  dr2 %08llx  dr3 %08llx  dr6 %08llx  dr7 %08llx\n",
               (unsigned long long)c->dr[0], (unsigned long long)c->dr[1],
               (unsigned long long)c->dr[2], (unsigned long long)c->dr[3],
               (unsigned long long)c->dr[6], (unsigned long long)c->dr[7]);
    report_say(r, "instructions %llu\n", (unsigned long long)cpu_count(c));
}

/* The guest's page tables: ranges with equal rights, contiguous in linear space. */
static void info_mem(struct board *b, struct report *r)
{
    struct mmu *m = &b->cpu->mmu;
    u64 start = 0;
    int last = -1;

    if (!m->paging.enabled) {
        report_say(r, "paging is off: linear addresses are physical ones\n");
        return;
    }
    for (u64 la = 0; la <= 1ull << 32; la += PAGE_SIZE) {
        struct walk w;
        int rights = -1;

        if (la < 1ull << 32 && mmu_walk(m, la, MMU_READ, MMU_SUPERVISOR, false, &w))
            rights = w.user * 2 + w.writable;
        if (rights == last)
            continue;
        if (last >= 0)
            report_say(r, "%08llx-%08llx  %c%c\n", (unsigned long long)start,
                       (unsigned long long)(la - 1), last & 2 ? 'u' : '-', last & 1 ? 'w' : '-');
        start = la;
        last = rights;
    }
}

static void info_pci(struct board *b, struct report *r)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        const struct pci_function *f = pci_find(b->pci, (u8)devfn);

        if (!f)
            continue;
        report_say(r, "00:%02x.%u  %04x:%04x  class %02x%02x  irq %u  %s\n", devfn >> 3, devfn & 7,
                   f->config[0] | f->config[1] << 8, f->config[2] | f->config[3] << 8,
                   f->config[PCI_CLASS_DEVICE + 1], f->config[PCI_CLASS_DEVICE],
                   f->config[PCI_INTERRUPT_LINE], f->name);
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (f->bars[i].kind != PCI_BAR_NONE && f->bars[i].address != PCI_BAR_UNMAPPED)
                report_say(r, "         bar %u  %s %08llx  %u bytes\n", i,
                           f->bars[i].kind == PCI_BAR_IO ? "io " : "mem",
                           (unsigned long long)f->bars[i].address, f->bars[i].size);
    }
}

static void info_block(struct board *b, struct report *r)
{
    static const char *const names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        const struct board_drive *d = &b->drive[i];
        struct blk_stats s;

        if (!d->blk) {
            if (d->present)
                report_say(r, "%s  %s, empty\n", names[i], d->is_cd ? "cd-rom" : "floppy");
            continue;
        }
        blk_get_stats(d->blk, &s);
        report_say(r, "%s  %s '%s', %llu sectors%s; %llu reads, %llu writes\n", names[i],
                   d->is_cd         ? "cd-rom"
                   : i <= DRIVE_FDB ? "floppy"
                                    : "disk",
                   blk_name(d->blk), (unsigned long long)blk_sectors(d->blk),
                   blk_is_read_only(d->blk) ? ", read-only" : "", (unsigned long long)s.reads,
                   (unsigned long long)s.writes);
    }
}

static void info_pic(struct board *b, struct report *r)
{
    char text[4096] = "";

    pic_describe(b->pic, text, sizeof text);
    report_say(r, "%s", text);
}

static void info_pit(struct board *b, struct report *r)
{
    char text[1024] = "";

    pit_describe(b->pit, text, sizeof text);
    report_say(r, "%s", text);
}

static void info_dma(struct board *b, struct report *r)
{
    char text[2048] = "";

    dma_describe(b->dma, text, sizeof text);
    report_say(r, "%s", text);
}

static void info_ide(struct board *b, struct report *r)
{
    char text[2048] = "";

    ide_describe(b->ide, text, sizeof text);
    report_say(r, "%s", text);
}

static void info_apic(struct board *b, struct report *r)
{
    char text[4096] = "";

    if (!b->lapic) {
        report_say(r, "this processor has no local APIC\n");
        return;
    }
    lapic_describe(b->lapic, text, sizeof text);
    report_say(r, "%s", text);
    ioapic_describe(b->ioapic, text, sizeof text);
    report_say(r, "%s", text);
}

static void info_time(struct board *b, struct report *r)
{
    u64 now = clock_now(b->clock), next = clock_next_deadline(b->clock);

    report_say(r, "virtual time %llu.%09llu s, of it %llu ns idle\n",
               (unsigned long long)(now / NS_PER_SEC), (unsigned long long)(now % NS_PER_SEC),
               (unsigned long long)clock_idle_ns(b->clock));
    report_say(r, "%.4f ns an instruction\n", (double)clock_rate(b->clock) / 4294967296.0);
    if (next != UINT64_MAX)
        report_say(r, "next event in %lld ns\n", (long long)(next - now));
}

static void info_cpus(struct board *b, struct report *r)
{
    const struct cpu *c = b->cpu;

    report_say(r, "cpu 0: %s (%s), engine %s%s\n", c->model->name, c->model->description,
               c->engine->name, c->halted ? ", halted" : "");
}

static bool is_translated(const struct board *b)
{
#ifdef HAVE_JIT
    return b->cpu->engine == &engine_jit;
#else
    return false;
#endif
}

static void info_jit(struct board *b, struct report *r)
{
    char text[4096] = "";

    if (!is_translated(b)) {
        report_say(r, "nothing is translated: the engine is %s\n", b->cpu->engine->name);
        return;
    }
#ifdef HAVE_JIT
    jit_describe(b->cpu, text, sizeof text);
#endif
    report_say(r, "%s", text);
}

bool board_translation(struct board *b, u64 la, char *out, size_t out_size)
{
    size_t used = 0;

#ifdef HAVE_JIT
    if (is_translated(b))
        used = jit_dump(b->cpu, la, out, out_size);
#endif
    if (!used)
        snprintf(out, out_size, "%s\n",
                 is_translated(b) ? "no translated code is there"
                                  : "nothing is translated: the engine is the interpreter");
    return used;
}

static void info_replay(struct board *b, struct report *r)
{
    if (b->replay)
        replay_describe(b->replay, r);
    else
        report_say(r, "no recording plays\n");
}

static const struct {
    const char *topic;
    void (*tell)(struct board *b, struct report *r);
} topics[] = {
    {"registers", info_registers},
    {"fpu", info_fpu},
    {"mem", info_mem},
    {"pci", info_pci},
    {"block", info_block},
    {"pic", info_pic},
    {"irq", info_pic},
    {"apic", info_apic},
    {"time", info_time},
    {"cpus", info_cpus},
    {"pit", info_pit},
    {"dma", info_dma},
    {"ide", info_ide},
    {"gdt", info_gdt},
    {"ldt", info_ldt},
    {"idt", info_idt},
    {"ivt", info_ivt},
    {"tss", info_tss},
    {"dos", info_dos},
    {"jit", info_jit},
    {"replay", info_replay},
};

bool board_info(struct board *b, const char *topic, char *out, size_t out_size)
{
    struct report r = {.at = out, .room = out_size};

    if (out_size)
        *out = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(topics); i++)
        if (!strcmp(topic, topics[i].topic)) {
            topics[i].tell(b, &r);
            return true;
        }
    report_say(&r, "topics:");
    for (unsigned i = 0; i < ARRAY_LEN(topics); i++)
        report_say(&r, " %s", topics[i].topic);
    report_say(&r, "\n");
    return false;
}

/* A processor on a piece of RAM: see cpubox.h. */
#include "tests/support/cpubox.h"

#include "cpu/fpu.h"
#include "cpu/mem.h"
#include "cpu/op.h"
#include "cpu/segment.h"
#include "mmu/bus.h"

#include <string.h>

static void ferr_set(void *opaque, bool level)
{
    struct cpubox *b = opaque;

    if (level && !b->ferr)
        b->ferr_rises++;
    b->ferr = level;
}

static u8 no_interrupt(void *opaque)
{
    return 0xFF;
}

static u64 now_ns(void *opaque)
{
    return ((struct cpubox *)opaque)->now_ns;
}

bool cpubox_open(struct cpubox *b, const char *model)
{
    struct cpu_pins pins = {
        .opaque = b,
        .interrupt_acknowledge = no_interrupt,
        .ferr = ferr_set,
        .now_ns = now_ns,
    };
    frame_id first;

    memset(b, 0, sizeof *b);
    if (!cpu_model_find(model) || !(b->pm = physmap_new()))
        return false;
    b->bus = bus_new(b->pm);
    first = physmap_new_frames(b->pm, "ram", CPUBOX_RAM, 0);
    if (!b->bus || !first)
        return false;
    physmap_map_frames(b->pm, 0, CPUBOX_RAM, first, true);
    b->ram = frame_host(physmap_frame(b->pm, first));
    b->cpu = cpu_new(cpu_model_find(model), &engine_interp, b->bus, &pins, NULL, 0);
    return b->cpu;
}

void cpubox_close(struct cpubox *b)
{
    if (b->cpu)
        cpu_free(b->cpu);
    if (b->bus)
        bus_free(b->bus);
    if (b->pm)
        physmap_free(b->pm);
}

void cpubox_flat32(struct cpubox *b)
{
    struct cpu *c = b->cpu;
    unsigned n;

    for (n = 0; n < SEG_COUNT; n++) {
        c->seg[n] = (struct segment){
            .sel = n == SEG_CS ? 0x08 : 0x10,
            .attr = DESC_G | DESC_DB | DESC_P | DESC_S | DESC_RW | DESC_ACCESSED |
                    (n == SEG_CS ? DESC_CODE : 0),
            .limit = 0xFFFFFFFF,
        };
        seg_update(&c->seg[n]);
    }
    c->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_MP;
    c->rip = CPUBOX_CODE;
    c->gpr[RSP] = CPUBOX_STACK;
    cpu_update_mode(c);
}

void cpubox_put(struct cpubox *b, u32 gpa, const void *bytes, size_t len)
{
    physmap_write(b->pm, gpa, bytes, len);
}

bool cpubox_run(struct cpubox *b, const void *bytes, size_t len)
{
    struct cpu *c = b->cpu;
    struct insn in;
    bool ok;

    cpubox_put(b, (u32)(c->seg[SEG_CS].base + c->rip), bytes, len);
    c->fault = (struct fault){0};
    if (!mem_fetch_insn(c, &in))
        return false;
    c->next_rip = (u32)(c->rip + in.len);
    ok = optab_rows[in.row].handler(c, &in);
    fpu_leave(c);
    if (ok)
        c->rip = c->next_rip;
    return ok;
}

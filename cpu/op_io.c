/*
 * Ports, single accesses. SDM Vol. 2, "IN", "OUT"; Vol. 1, "Input/Output": "I/O Permission Bit
 * Map". INS and OUTS are in op_string.c.
 */
#include "cpu/hooks.h"
#include "cpu/op.h"
#include "cpu/segment.h"
#include "mmu/bus.h"

/* One bit per byte of the access; two bytes of the map are always read. */
static bool map_allows(struct cpu *c, u16 port, unsigned size)
{
    u64 map, bits;

    if ((c->tr.attr & (DESC_TYPE & ~SYS_BUSY)) != SYS_TSS32 || c->tr.limit < TSS_IO_MAP + 1)
        return fault_gp(c, 0);
    if (!mem_read_linear(c, (u32)(c->tr.base + TSS_IO_MAP), 2, MMU_SUPERVISOR, &map))
        return false;
    map += port / 8;
    if (map + 1 > c->tr.limit)
        return fault_gp(c, 0);
    if (!mem_read_linear(c, (u32)(c->tr.base + map), 2, MMU_SUPERVISOR, &bits))
        return false;
    if (bits >> (port & 7) & ((1u << size) - 1))
        return fault_gp(c, 0);
    return true;
}

bool io_allowed(struct cpu *c, u16 port, unsigned size)
{
    if (!(c->cr0 & CR0_PE))
        return true;
    if (!cpu_is_v86(c) && c->cpl <= (c->eflags >> 12 & 3))
        return true;
    return map_allows(c, port, size);
}

static bool port_of(struct cpu *c, const struct insn *in, unsigned n, unsigned size, u16 *port)
{
    *port = in->kind[n] == OPND_IMM ? (u8)in->imm : (u16)c->gpr[RDX];
    return io_allowed(c, *port, size);
}

u32 io_read(struct cpu *c, u16 port, unsigned size)
{
    u32 value;

    debug_io_access(c, port, size);
    value = bus_in(c->bus, port, size);
    if (unlikely(c->hooks != NULL))
        c->hooks->port(c->hooks->opaque, port, size, false, value);
    return value;
}

void io_write(struct cpu *c, u16 port, unsigned size, u32 value)
{
    debug_io_access(c, port, size);
    bus_out(c->bus, port, size, value);
    if (unlikely(c->hooks != NULL))
        c->hooks->port(c->hooks->opaque, port, size, true, value);
}

bool op_IN(struct cpu *c, const struct insn *in)
{
    unsigned size = in->size[0];
    u16 port;

    if (!port_of(c, in, 1, size, &port))
        return false;
    reg_set(c, RAX, size, io_read(c, port, size));
    return true;
}

bool op_OUT(struct cpu *c, const struct insn *in)
{
    unsigned size = in->size[1];
    u16 port;

    if (!port_of(c, in, 0, size, &port))
        return false;
    io_write(c, port, size, (u32)reg_get(c, RAX, size));
    return true;
}

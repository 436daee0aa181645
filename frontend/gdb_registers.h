/*
 * The registers that gdb sees, as a table: their order is that of the g packet, their descriptions
 * are the target's XML. A processor with other registers is another table.
 */
#ifndef FRONTEND_GDB_REGISTERS_H
#define FRONTEND_GDB_REGISTERS_H

#include "base/types.h"
#include "devices/board/registers.h"
#include "frontend/text.h"

struct cpu;

/* What a program counter means to gdb, which knows of no segments. */
enum gdb_pc {
    GDB_PC_LINEAR, /* base of CS + EIP: where the instruction is in memory */
    GDB_PC_OFFSET, /* EIP, as the guest has it */
};

/* A register of the processor at this moment. */
struct gdb_register {
    const char *name;
    const char *type;  /* of the XML */
    const char *group; /* NULL: general */
    u8 bits;
    u8 arg;  /* which of its kind */
    u8 kind; /* enum register_kind, for writing */
    void (*get)(const struct cpu *c, enum gdb_pc pc, unsigned arg, u8 *out);
};

/* A target: its features' registers one behind the other. */
struct gdb_feature {
    const char *name;
    const char *types; /* XML before the registers, or NULL */
    const struct gdb_register *rows;
    unsigned count;
};

struct gdb_registers {
    const struct gdb_feature *features;
    unsigned count;
};

extern const struct gdb_registers gdb_registers_i386;

/* The register of that number; NULL if there is none. */
const struct gdb_register *gdb_register_at(const struct gdb_registers *set, unsigned number);
static inline unsigned gdb_register_bytes(const struct gdb_register *r)
{
    return r->bits / 8;
}
/* Set one from the bytes that gdb sent; false if it cannot be, or not to this. */
bool gdb_register_set(const struct gdb_register *r, struct machine *m, enum gdb_pc pc,
                      const u8 *value);
/* The XML, with an architecture's name as gdb knows it. */
void gdb_registers_describe(const struct gdb_registers *set, const char *architecture,
                            struct text *out);

#endif

/*
 * Registers of the processor as a debugger sets them. Each write is an input of the machine
 * (input_log.h), so that a recording knows of it.
 */
#ifndef DEVICES_BOARD_REGISTERS_H
#define DEVICES_BOARD_REGISTERS_H

#include "base/types.h"

struct cpu;
struct machine;

enum { REGISTER_BYTES = 10 }; /* of a value, little endian; how many count depends on the kind */

enum register_kind {
    REGISTER_READ_ONLY,
    REGISTER_GPR,      /* 4 bytes, as the others unless noted; n: enum gpr */
    REGISTER_RIP,      /* the offset in CS; a processor that is sent elsewhere leaves HLT */
    REGISTER_FLAGS,    /* all but VM, which does not change alone */
    REGISTER_SELECTOR, /* n: enum seg_reg; with the checks of the guest's own MOV */
    REGISTER_ST,       /* 10 bytes; n: i of ST(i) */
    REGISTER_X87,      /* n: enum register_x87 */
    REGISTER_CONTROL,  /* n: 0, 2, 3, 4; with the checks of the guest's own MOV */
    REGISTER_DEBUG,    /* n: 0 to 3, 6, 7 */
    REGISTER_BASE,     /* n: enum seg_reg; until the guest loads the selector again */
    REGISTER_TABLE,    /* n: enum register_table */
};

enum register_table { TABLE_GDT_BASE, TABLE_GDT_LIMIT, TABLE_IDT_BASE, TABLE_IDT_LIMIT };

enum register_x87 {
    X87_CONTROL,
    X87_STATUS, /* with TOP */
    X87_TAGS,
    X87_CODE_SELECTOR,
    X87_CODE_OFFSET,
    X87_DATA_SELECTOR,
    X87_DATA_OFFSET,
    X87_OPCODE,
    X87_REGISTERS
};

/* False if there is no such register, or it cannot be set to this now. */
bool machine_write_register(struct machine *m, enum register_kind kind, unsigned n,
                            const u8 value[REGISTER_BYTES]);

/* Why not, in general: what that kind of register demands. */
const char *register_refusal(enum register_kind kind);

/* For machine_input.c: do it. */
bool register_write(struct cpu *c, unsigned kind, unsigned n, const u8 value[REGISTER_BYTES]);

#endif

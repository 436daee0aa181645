/*
 * A processor with a little RAM and no chips, for tests of instructions: descriptor tables, a TSS,
 * stacks and a handler for each vector are ready; a test sets what it is about, executes a few
 * bytes and looks.
 *
 *     static struct cpu_rig rig;
 *     ... cpu_rig_setup(&rig, "pentium2"); cpu_rig_protected(&rig, 3);
 *     cr_assert_eq(cpu_rig_exec(&rig, "8E D8"), VEC_GP);        mov ds, ax
 */
#ifndef TESTS_SUPPORT_CPU_RIG_H
#define TESTS_SUPPORT_CPU_RIG_H

#include "base/types.h"
#include "cpu/cpu.h"
#include "cpu/segment.h"

/* Physical memory, which is linear memory too as long as paging is off. */
enum cpu_rig_memory {
    AT_IVT = 0,
    AT_GDT = 0x1000,
    AT_IDT = 0x2000,
    AT_LDT = 0x2800,
    AT_TSS = 0x3000,
    AT_TSS2 = 0x3800,
    AT_HANDLERS = 0x5000, /* 16 bytes for each vector, HLT in the first */
    AT_STACK0 = 0x8000,   /* initial stack pointers, growing down */
    AT_STACK1 = 0x9000,
    AT_STACK3 = 0xA000,
    AT_DATA = 0xC000,
    AT_CODE = 0x10000,
    AT_FREE = 0x20000,
    CPU_RIG_RAM = 4 << 20,
    TSS_BYTES = 0x6C, /* of both TSSs; the I/O map is behind the limit */
};

/* Selectors; those from SEL_FREE on are for the test. */
enum cpu_rig_selector {
    SEL_CODE0 = 0x08,
    SEL_DATA0 = 0x10,
    SEL_CODE3 = 0x1B,
    SEL_DATA3 = 0x23,
    SEL_TSS = 0x28,
    SEL_TSS2 = 0x30,
    SEL_LDT = 0x38,
    SEL_CODE1 = 0x41,
    SEL_DATA1 = 0x49,
    SEL_FREE = 0x50,
};

/* Attributes as in struct segment. */
enum cpu_rig_attr {
    ATTR_DATA = DESC_P | DESC_S | DESC_RW,
    ATTR_CODE = DESC_P | DESC_S | DESC_CODE | DESC_RW,
    ATTR_FLAT = DESC_G | DESC_DB,
    ATTR_DPL1 = 1 << DESC_DPL_SHIFT,
    ATTR_DPL2 = 2 << DESC_DPL_SHIFT,
    ATTR_DPL3 = 3 << DESC_DPL_SHIFT,
};

enum { NO_FAULT = -1, SHUT_DOWN = -2 };

struct cpu_rig {
    struct physmap *pm;
    struct bus *bus;
    struct cpu *cpu;
    u8 inta_vector; /* what the interrupt controller answers */
    u64 now_ns;
    bool ferr;
};

void cpu_rig_setup(struct cpu_rig *r, const char *model); /* interpreted */
void cpu_rig_setup_engine(struct cpu_rig *r, const char *model, const struct engine *engine);
void cpu_rig_teardown(struct cpu_rig *r);

/* Enter a mode from scratch: CS:rIP at AT_CODE, flat segments, tables loaded, IDT of 32-bit gates.
 */
void cpu_rig_real(struct cpu_rig *r);
void cpu_rig_protected(struct cpu_rig *r, unsigned cpl);
void cpu_rig_v86(struct cpu_rig *r, unsigned iopl);

/* Descriptors in the GDT, gates in the IDT (type as in enum system_type). */
void cpu_rig_desc(struct cpu_rig *r, u16 sel, u32 base, u32 limit, u16 attr);
void cpu_rig_gdt_gate(struct cpu_rig *r, u16 sel, unsigned type, u16 target, u32 off, unsigned dpl,
                      unsigned params);
void cpu_rig_idt_gate(struct cpu_rig *r, u8 vector, unsigned type, u16 target, u32 off,
                      unsigned dpl);
/* Load a segment register's hidden part straight from the GDT, whatever the rules say. */
void cpu_rig_load(struct cpu_rig *r, enum seg_reg n, u16 sel);

void cpu_rig_put(struct cpu_rig *r, u32 at, unsigned size, u32 value);
u32 cpu_rig_get(struct cpu_rig *r, u32 at, unsigned size);
/* Bytes as pairs of hex digits with blanks between. */
void cpu_rig_code(struct cpu_rig *r, u32 at, const char *hex);

/* EFLAGS as given, mode and interrupts following. */
void cpu_rig_flags(struct cpu_rig *r, u32 flags);

/*
 * Put the instruction at CS:rIP and execute it: NO_FAULT, the vector whose handler was entered, or
 * SHUT_DOWN after a triple fault.
 */
int cpu_rig_exec(struct cpu_rig *r, const char *hex);
/* Execute what is at CS:rIP. */
int cpu_rig_step(struct cpu_rig *r);
/* Dword n of the current stack, 0 the topmost: error code, return address and so on. */
u32 cpu_rig_stack(struct cpu_rig *r, unsigned n);

#endif

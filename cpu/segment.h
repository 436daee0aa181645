/*
 * Segment registers, descriptors, far transfers and task switches.
 */
#ifndef CPU_SEGMENT_H
#define CPU_SEGMENT_H

#include "cpu/cpu.h"

struct descriptor {
    u32 lo, hi; /* as in memory */
};

static inline u32 desc_base(const struct descriptor *d)
{
    return d->lo >> 16 | (d->hi & 0xFF) << 16 | (d->hi & 0xFF000000);
}

static inline u16 desc_attr(const struct descriptor *d)
{
    return (u16)(d->hi >> 8 & 0xF0FF);
}

/* In bytes, granularity applied. */
static inline u32 desc_limit(const struct descriptor *d)
{
    u32 limit = (d->lo & 0xFFFF) | (d->hi & 0xF0000);

    return d->hi >> 8 & DESC_G ? limit << 12 | 0xFFF : limit;
}

/* The parts of a selector; its index and TI bits are what error codes carry. */
enum selector {
    SEL_RPL = 3,
    SEL_TI = 4,
    SEL_ERROR = 0xFFFC,
    SEL_INDEX_TI = 0xFFFC, /* all zero: the null selector */
};

/* Types of system descriptors (SDM Vol. 3A, "System Descriptor Types"); DESC_TYPE of the attr. */
enum system_type {
    SYS_TSS16 = 1,
    SYS_LDT = 2,
    SYS_TSS16_BUSY = 3,
    SYS_CALL_GATE16 = 4,
    SYS_TASK_GATE = 5,
    SYS_INT_GATE16 = 6,
    SYS_TRAP_GATE16 = 7,
    SYS_TSS32 = 9,
    SYS_TSS32_BUSY = 11,
    SYS_CALL_GATE32 = 12,
    SYS_INT_GATE32 = 14,
    SYS_TRAP_GATE32 = 15,
    SYS_BUSY = 2, /* the bit that tells busy TSSs from available ones */
    SYS_32 = 8,   /* and 32-bit gates and TSSs from 16-bit ones */
};

static inline bool attr_is_code(u16 attr)
{
    return (attr & (DESC_S | DESC_CODE)) == (DESC_S | DESC_CODE);
}

static inline bool attr_is_data(u16 attr)
{
    return (attr & (DESC_S | DESC_CODE)) == DESC_S;
}

static inline unsigned attr_dpl(u16 attr)
{
    return attr >> DESC_DPL_SHIFT & 3;
}

/* The type of a system descriptor; 0, which is reserved, for code and data. */
static inline unsigned attr_system_type(u16 attr)
{
    return attr & DESC_S ? 0 : attr & DESC_TYPE;
}

/* Recompute read_end and write_end after base, limit or attr changed. */
void seg_update(struct segment *s);
/* The limit check, expand-down included; rights are not looked at. */
bool seg_contains(const struct segment *s, u64 off, unsigned size);
/* As real and virtual-8086 mode load one; real mode keeps limit and attributes (unreal mode). */
void seg_load_real(struct cpu *c, enum seg_reg n, u16 sel);
/* MOV, POP, LDS and friends: all checks of the current mode. CS not through here. */
bool seg_load(struct cpu *c, enum seg_reg n, u16 sel);
/* Fill the hidden part from a descriptor, or make the register null; nothing is checked. */
void seg_from_desc(struct segment *s, u16 sel, const struct descriptor *d);
void seg_set_null(struct segment *s, u16 sel);
/* The checks of loads of SS and of DS, ES, FS, GS. `vector` (#GP or #TS) is for all but absence. */
bool seg_check_stack(struct cpu *c, u16 sel, unsigned level, u8 vector, struct descriptor *d);
bool seg_check_data(struct cpu *c, u16 sel, u8 vector, struct descriptor *d);
/* Linear address of a descriptor; false if the selector is outside its table. */
bool desc_address(const struct cpu *c, u16 sel, u64 *la);
/* Set and clear bits of the access byte (bits 8-15 of `hi`), in memory too if that changes it. */
bool desc_mark(struct cpu *c, u16 sel, struct descriptor *d, u32 set, u32 clear);
/* Read a descriptor; #GP(sel) (or `vector`) if outside its table. */
bool desc_read(struct cpu *c, u16 sel, u8 vector, struct descriptor *out);

/*
 * A stack for several pushes or pops that become visible together: the caller stores `sp` when all
 * went well. Pops are from the current stack only.
 */
struct stack {
    const struct segment *seg;
    u64 sp, mask;
    enum mmu_class class;
};

void stack_current(const struct cpu *c, struct stack *s);
/* The stack of an inner level, not yet in SS; faults name its selector. */
void stack_inner(struct stack *s, const struct segment *seg, u64 sp, unsigned level);
bool stack_push(struct cpu *c, struct stack *s, unsigned size, u64 value);
bool stack_pop(struct cpu *c, struct stack *s, unsigned size, u64 *value);
void stack_release(struct stack *s, u64 bytes);

/* The stack that the TSS holds for an inner level, found and checked; #TS, #SS, as the SDM says. */
struct inner_stack {
    struct descriptor desc;
    struct segment seg;
    struct stack stack;
};

/* SS:rSP for `level` from the current TSS; #TS(TR) if it is too short. */
bool tss_stack(struct cpu *c, unsigned level, u16 *ss, u64 *sp);
bool stack_of_level(struct cpu *c, unsigned level, struct inner_stack *in);
/* Make it the current one; the caller updates CPL and mode behind it. */
void stack_enter(struct cpu *c, const struct inner_stack *in);

bool far_jump(struct cpu *c, u16 sel, u64 off, unsigned opsize);
bool far_call(struct cpu *c, u16 sel, u64 off, unsigned opsize);
bool far_return(struct cpu *c, unsigned opsize, u16 release);
bool interrupt_return(struct cpu *c, unsigned opsize);

enum { TSS_IO_MAP = 0x66 /* offset of the I/O map's offset in a 32-bit TSS */ };

enum task_reason { TASK_JUMP, TASK_CALL, TASK_IRET, TASK_GATE };
/* Hardware task switch to the TSS `sel`. `push_error`: an exception's code goes on the new stack.
 */
bool task_switch(struct cpu *c, u16 sel, enum task_reason reason, bool push_error, u32 error,
                 u64 return_rip);

/* The I/O permission check of IN, OUT, INS and OUTS; #GP(0) pending on false. */
bool io_allowed(struct cpu *c, u16 port, unsigned size);
/* One access that is allowed, with what DR7 and the debugger want to hear of it. */
u32 io_read(struct cpu *c, u16 port, unsigned size);
void io_write(struct cpu *c, u16 port, unsigned size, u32 value);

/* Remember a control transfer for crash reports. */
void transfer_note(struct cpu *c, u16 from_cs, u64 from, u16 to_cs, u64 to);

#endif

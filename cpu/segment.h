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

/* Recompute read_end and write_end after base, limit or attr changed. */
void seg_update(struct segment *s);
/* As real and virtual-8086 mode load one; real mode keeps limit and attributes (unreal mode). */
void seg_load_real(struct cpu *c, enum seg_reg n, u16 sel);
/* MOV, POP, LDS and friends: all checks of the current mode. CS not through here. */
bool seg_load(struct cpu *c, enum seg_reg n, u16 sel);
/* Read a descriptor; #GP(sel) (or `vector`) if outside its table. */
bool desc_read(struct cpu *c, u16 sel, u8 vector, struct descriptor *out);

bool far_jump(struct cpu *c, u16 sel, u64 off, unsigned opsize);
bool far_call(struct cpu *c, u16 sel, u64 off, unsigned opsize);
bool far_return(struct cpu *c, unsigned opsize, u16 release);
bool interrupt_return(struct cpu *c, unsigned opsize);

enum task_reason { TASK_JUMP, TASK_CALL, TASK_IRET, TASK_GATE };
/* Hardware task switch to the TSS `sel`. `push_error`: an exception's code goes on the new stack.
 */
bool task_switch(struct cpu *c, u16 sel, enum task_reason reason, bool push_error, u32 error,
                 u64 return_rip);

/* The I/O permission check of IN, OUT, INS and OUTS; #GP(0) pending on false. */
bool io_allowed(struct cpu *c, u16 port, unsigned size);

/* Remember a control transfer for crash reports. */
void transfer_note(struct cpu *c, u16 from_cs, u64 from, u16 to_cs, u64 to);

#endif

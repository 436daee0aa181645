/*
 * A block in the making; private to jit/x64.
 */
#ifndef JIT_X64_TRANSLATE_H
#define JIT_X64_TRANSLATE_H

#include "jit/private.h"
#include "jit/x64/emit.h"

/*
 * Where the guest's arithmetic flags are at this point of the code. Anything of ours that destroys
 * the host's flags saves them first: a fault may make them visible at every memory access.
 */
enum flags_at {
    FLAGS_REGISTER = 1, /* in the host's flags alone */
    FLAGS_MEMORY = 2,   /* in cpu->aflags alone */
    FLAGS_BOTH = 3,
    FLAGS_UNKNOWN = 0, /* at the head of a block that makes them itself before anybody looks */
};

/* How the result of a function of lean.c is taken over. */
enum lean_kind {
    LEAN_PLAIN,
    LEAN_IN,
    LEAN_POP,
    LEAN_POINTER /* the offset is in W_TEMP */,
    LEAN_TSC,
    LEAN_JUMP
};

enum { SITES_MAX = 6 * RUN_MAX, SITE_JUMPS = 12 };

/* What a site stores, if that is all that its access does. */
enum site_value { VALUE_NONE, VALUE_OPERAND /* the second one */, VALUE_RAX, VALUE_TEMP };

/* An access that may have to be done by the instruction's handler: code for it goes behind. */
struct site {
    const struct insn *in;
    u8 *miss;          /* jump where T has nothing: to lean.c first */
    const u8 *reached; /* and where it goes on, with the host difference */
    u8 miss_size;
    bool miss_write;
    u8 value;             /* enum site_value */
    const u8 *stored;     /* where it goes on when lean.c has stored that */
    u8 *jump[SITE_JUMPS]; /* to the handler */
    u8 jumps;
    u8 *misaligned;      /* jump to a second look at the page's end */
    const u8 *aligned;   /* and where it goes on */
    const u8 *held;      /* where it goes on when lean.c has the x87 state on the host, and */
    bool masked;         /* if that has all exceptions masked */
    u8 *lean;            /* jump where lean.c did not say LEAN_STAY */
    const u8 *lean_late; /* the function's stub, if it is called instead of the handler */
    u8 lean_kind;
    u8 size;
    u8 group;   /* instructions it stands for, besides the first */
    bool leave; /* not back into the block */
    bool counted;
    bool restore; /* flags back into the host's afterwards */
    s8 noted;     /* see tr.noted */
    u8 *back;
};

/* A way out of the block, at its end or at a branch in the middle of a trace. */
struct out {
    u8 *jump; /* from the hot code */
    enum flags_at flags;
    s64 to;  /* target, counted from the first byte of the page */
    s8 rest; /* instructions to give back to the count */
};

struct tr {
    struct jit *j;
    struct run *r;
    struct block *b;
    struct emit e;
    u32 mode;
    enum flags_at flags;
    bool counted;
    bool window;    /* memory is reached through the window where it may */
    bool x87_ready; /* the state is known to be on the host, nothing unmasked */
    bool mmx_ready; /* it is known to be there */
    s8 noted;       /* the last x87 instruction, not yet noted in cpu->fpu: its index, or -1 */
    u32 base16;     /* 16-bit code: what BASE is for this block */
    unsigned sites;
    /* The look at the count: its jump, and the instruction it stands before. */
    u8 *stop;
    const struct insn *stop_at;
    bool stop_copies; /* flags are unknown there: do that instruction first */
    u8 *guard[2];     /* jumps to the dispatcher, at the head */
    unsigned guards;
    struct out out[TRACE_PARTS + 1];
    unsigned outs;
    struct site site[SITES_MAX]; /* last: tr_site clears those that are used */
};

/*
 * host_flags.c: flags that must be in the host's before an instruction runs, and that it leaves
 * there.
 */
struct flag_use {
    u8 reads, writes;
};
struct flag_use tr_flag_use(const struct insn *in);
/* It makes all arithmetic flags of registers alone, and cannot fault. */
bool tr_is_maker(const struct insn *in);
/* Flags may stay in the host's up to it and through it: it reads them there or leaves them alone.
 */
bool tr_keeps_flags(const struct tr *t, const struct insn *in);
/* Where a block wants the flags when it begins. */
enum flags_at tr_wanted_flags(const struct tr *t);
void tr_save(struct tr *t, unsigned temp);
/* `temp` NO_REG: H_ADDR and H_DIFF are both in use. */
void tr_restore(struct tr *t, unsigned temp, bool overflow);
void tr_clobber(struct tr *t);
void tr_need(struct tr *t, u8 flags, unsigned temp);
void tr_made(struct tr *t);

/* behind.c */
void tr_note(struct tr *t);
void tr_help(struct tr *t, const struct insn *in);
struct site *tr_site(struct tr *t, const struct insn *in);
void tr_slow(struct site *s, u8 *jump);
/* An instruction done by lean.c, with the operand in H_DIFF; the result is taken over. */
struct site *tr_lean(struct tr *t, const struct insn *in, const u8 *stub, enum lean_kind kind);
/* The access is of a kind that only the handler can do if the page is not in T. */
void tr_plain(struct site *s);
/* The access is a store of this and nothing else, and was made by the code up to here. */
void tr_stored(struct tr *t, struct site *s, enum site_value value);
/* The code behind for a site, when the block's own is complete. */
void tr_behind(struct tr *t, struct site *s);

/* link.c: the offset in CS of a byte of the block's page in H_ADDR. */
void tr_load_offset(struct tr *t, u32 offset);
/* To the dispatcher, which learns in `link` what it may aim at where this leads: see W_LINK. */
void tr_leave(struct tr *t, u32 offset, u32 link, bool flags_in_memory);
/* The block's way out number `i`: to another block once that is known. */
void tr_out(struct tr *t, unsigned i);

/*
 * memory.c: an operand's bytes, to be used by one host instruction; those that need more than that
 * take tr_memory. `leave`: its handler may do what the block does not expect. H_ADDR and H_DIFF may
 * be part of it.
 */
struct rm tr_operand(struct tr *t, const struct insn *in, unsigned size, bool write, bool leave);
/* Operand n in a register: a memory operand is loaded into H_ADDR. */
unsigned tr_source(struct tr *t, const struct insn *in, unsigned n);
/* Is the instruction's memory operand reached through the window, no flags being destroyed? */
bool tr_plain_window(const struct tr *t, const struct insn *in, bool write);
/* Is the stack? Then tr_stack_rm is so many bytes from its top. */
bool tr_stack_window(const struct tr *t, const struct insn *in, bool write);
struct rm tr_stack_rm(s32 from_esp);
void tr_window_site(struct tr *t, const struct insn *in);

/* The host address of an operand: RM_HOST afterwards. */
void tr_address(struct tr *t, const struct insn *in);
struct site *tr_memory(struct tr *t, const struct insn *in, unsigned size, bool write);
void tr_table(struct tr *t, struct site *s, unsigned size, bool write);
/* The same of so many bytes, which lie in one page or are left to the handler. */
void tr_one_page(struct tr *t, struct site *s, unsigned bytes, bool write);
void tr_segment(struct tr *t, struct site *s, unsigned seg, bool write);
bool tr_flat(const struct tr *t, unsigned seg);
/* The linear address `n` bytes below the stack pointer in H_ADDR, translated for writing. */
struct site *tr_push_begin(struct tr *t, const struct insn *in, unsigned n);
void tr_push_end(struct tr *t, unsigned n);
/* The stack pointer's offset in SS in H_ADDR. */
void tr_stack_pointer(struct tr *t);
struct site *tr_pop_begin(struct tr *t, const struct insn *in, unsigned n);
void tr_pop_end(struct tr *t, unsigned n);

/* stubs.c: the quick way of jumps, for the offset in CS that H_ADDR holds. */
void x64_quick_jump(struct emit *e, u32 mode, unsigned form);
/* The instruction's immediate operand is at RM_POINTER afterwards; H_DIFF alone is used. */
void tr_immediate(struct tr *t, const struct insn *in);

/* ops.c: false if the instruction is left to its handler. */
bool tr_insn(struct tr *t, const struct insn *in);
/* bits.c, stack.c: false if it is no instruction of theirs; else *done as tr_insn says. */
bool tr_bits(struct tr *t, const struct insn *in, bool *done);
bool tr_stack(struct tr *t, const struct insn *in, bool *done);
/*
 * Two or more instructions that push registers and constants, or pop registers, done with one look
 * at the page: how many were, from `in` on; 0 if this is no such group.
 */
unsigned tr_stack_group(struct tr *t, const struct insn *in, unsigned most);
/* string.c */
bool tr_string(struct tr *t, const struct insn *in);
/* LODS, STOS or MOVS upwards: its pointers move on, behind the access. */
void tr_string_end(struct tr *t, const struct insn *in);
/* branch.c: the last instruction; false if it is left to its handler. */
bool tr_branch(struct tr *t, const struct insn *in);
void tr_fall_through(struct tr *t);
/* A branch in the middle: the next instruction is where it leads on this path. */
void tr_pass(struct tr *t, const struct insn *in);
/* To the offset in CS that H_ADDR holds. */
void tr_indirect(struct tr *t);
/* system.c, flags.c, repeat.c, far.c */
bool tr_system(struct tr *t, const struct insn *in);
bool tr_flags(struct tr *t, const struct insn *in);
bool tr_repeat(struct tr *t, const struct insn *in);
bool tr_far(struct tr *t, const struct insn *in);
bool tr_far_jump(struct tr *t, const struct insn *in);
/* Segment registers: as such modes load them; and with an offset, in any mode. */
bool tr_real_segment(struct tr *t, const struct insn *in);
bool tr_pointer(struct tr *t, const struct insn *in);
/* The far pointer at [H_DIFF + H_ADDR]: the selector in H_DIFF, the offset in W_TEMP. */
void tr_split_pointer(struct tr *t, const struct insn *in);

void tr_slow_unless_zero(struct tr *t, struct site *s, size_t byte);
void tr_slow_if_pending(struct tr *t, struct site *s);
void tr_slow_unless_iopl(struct tr *t, struct site *s);
/*
 * What POPF and IRET do here must not change these: all but the arithmetic flags, DF, IF, and the
 * three bits that are always zero.
 */
#define FLAGS_HARD (~(u32)(EF_ARITH | EF_DF | EF_IF | 1 << 3 | 1 << 5 | 1 << 15))
/* EFLAGS as pushed, without the low byte, in H_ADDR; the flags are in memory. */
void tr_load_eflags(struct tr *t);
/* FLAGS of which H_DIFF has the new value, and H_ADDR what differs: bits that are easy alone. */
void tr_set_flags(struct tr *t);

/* fpu.c */
bool tr_fpu(struct tr *t, const struct insn *in);

/* Host register of a guest one. */
static inline unsigned host_of(unsigned guest)
{
    return guest == RSP ? H_ESP : guest;
}

/* As it is encoded where it is used with `size`; AH to BH are 4 to 7. */
static inline unsigned host_sized(unsigned guest, unsigned size)
{
    return size == 1 ? (guest >= 16 ? guest - 12 : guest) : host_of(guest);
}

/* Constants that were written once are loaded from the decoded instruction: see run_code_written.
 */
static inline bool is_patched(const struct insn *in)
{
    return run_of(in)->patched >> in->index_in_run & 1;
}

static inline bool is_high_byte(const struct insn *in, unsigned n)
{
    return in->kind[n] == OPND_GPR && in->size[n] == 1 && in->reg[n] >= 16;
}

/* Offset of an instruction's first byte in the page of its block. */
static inline u32 page_offset(const struct tr *t, const struct insn *in)
{
    return (u32)t->r->offset + in->offset_in_run;
}

static inline bool is_code16(const struct tr *t)
{
    return (t->mode & MODE_CODE_SIZE) == CODE16;
}

#endif

/*
 * The silicon differential: the same user-mode code on the host's processor and on the interpreter,
 * from the same registers and memory at the same linear addresses, must end in the same state with
 * the same fault.
 *
 *   silicon.c         options, comparison, reduction of a failure to one instruction, report
 *   silicon_gen.c     random code with sensible operands, from the opcode table
 *   silicon_host.c    32-bit and 16-bit code on the host: entered and left through signals
 *   silicon_guest.c   the same on our processor: paged, CPL 3, exceptions end in HLT handlers
 */
#ifndef TESTS_CPU_SILICON_H
#define TESTS_CPU_SILICON_H

#include "cpu/cpu.h"

/* The arena: linear addresses, on both sides. Between the pieces lies nothing. */
enum arena {
    ARENA_CODE = 0x20000000, /* readable and executable */
    ARENA_CODE_BYTES = 0x2000,
    ARENA_DATA = 0x20004000, /* readable and writable */
    ARENA_DATA_BYTES = 0x2000,
    ARENA_RO = 0x20008000, /* readable */
    ARENA_RO_BYTES = 0x1000,
    ARENA_STACK = 0x2000A000,
    ARENA_STACK_BYTES = 0x1000,
    ARENA_END = 0x2000C000,
    /* What of it differs from case to case. */
    ARENA_CHANGING = ARENA_DATA_BYTES + ARENA_RO_BYTES + ARENA_STACK_BYTES,
};

enum { FILLER = 0xCC /* INT3: what the code pages hold around the code; ends each case */ };

/* Selectors. The flat ones are Linux's; the LDT's are ours, see silicon_ldt. */
enum { SEL_NULL = 0, SEL_CODE32 = 0x23, SEL_FLAT = 0x2B };
#define SEL_LDT(n) ((u16)((n) << 3 | 7))

/* As modify_ldt wants it. */
struct ldt_entry {
    const char *name;
    u32 base, limit;
    bool pages, big, code, expand_down, read_only, not_present;
};

extern const struct ldt_entry silicon_ldt[];
extern const unsigned silicon_ldt_count;
/* The two dwords of a descriptor, DPL 3, accessed, as Linux makes it of the above; limit 0: none.
 */
void ldt_descriptor(const struct ldt_entry *e, u32 out[2]);

/* x87 and MMX as FXSAVE shows them: registers in stack order, abridged tags in physical order. */
struct silicon_fpu {
    u16 cw, sw; /* sw with TOP */
    u8 tags;
    u8 st[8][10];
};

struct silicon_state {
    u32 gpr[8];
    u32 eip, eflags;
    u16 sel[SEG_COUNT];
    struct silicon_fpu fpu;
};

struct silicon_result {
    struct silicon_state state;
    u32 vector, error, cr2; /* error 0 where the vector has none; cr2 of #PF only */
    bool timeout;
};

/* ---- Code ---- */

enum { CODE_MAX = 160, INSNS_MAX = 8, IGNORED_MAX = 8 };

struct silicon_code {
    u32 la; /* linear address of the first byte */
    bool code16;
    u8 bytes[CODE_MAX];
    unsigned len, count;
    struct {
        u16 row;
        u8 offset, len;
    } insn[INSNS_MAX];
    /* Where FNSTENV and FNSAVE leave instruction and operand pointers, which the host loses. */
    struct {
        u32 la, len;
    } ignored[IGNORED_MAX];
    unsigned ignored_count;
};

struct silicon_rng {
    u64 s;
};

u64 rng_next(struct silicon_rng *r);
/* 0 to n - 1. */
static inline u32 rng_below(struct silicon_rng *r, u32 n)
{
    return (u32)((rng_next(r) >> 32) * n >> 32);
}
/* True in n of 100 cases. */
static inline bool rng_percent(struct silicon_rng *r, u32 n)
{
    return rng_below(r, 100) < n;
}

/* An instruction of this row gets a memory operand, if it may have one. */
bool gen_wants_memory(struct silicon_rng *r, u16 row);
/* The segment of one with this base and this prefix, or -1. */
unsigned gen_segment_for(int prefix, unsigned base);

struct silicon_options {
    const char *only; /* one mnemonic, or NULL */
    bool segments;    /* LDT segments, 16-bit code */
    unsigned max_insns;
};

/* What all cases draw their memory from; made once from the seed. */
void silicon_fill_pool(u64 seed);
/* Case `index` of `seed`: its code, registers and memory (ARENA_CHANGING bytes). */
void silicon_generate(u64 seed, u64 index, const struct silicon_options *o,
                      struct silicon_code *code, struct silicon_state *state, u8 *memory);

/* ---- The two sides: one line of error, or NULL ---- */

const char *host_open(void);
bool host_has_ldt(void);
/* The limit of Linux's per-processor segment (GDT entry 15), which LSL shows. */
u32 host_percpu_limit(void);
const char *guest_open(const char *model, u32 percpu_limit);
void guest_close(void);

/*
 * Run from `in` with `memory` in the arena and nothing but `code` in the code pages; `memory` gets
 * what is in the arena then.
 */
void host_run(const struct silicon_code *code, const struct silicon_state *in, u8 *memory,
              struct silicon_result *out);
void guest_run(const struct silicon_code *code, const struct silicon_state *in, u8 *memory,
               struct silicon_result *out);
/* Its processor, for those who change the engine. */
struct cpu *guest_cpu(void);
/* Instructions that the guest has completed so far. */
u64 guest_count(void);
const struct cpu_model *guest_model(void);

#endif

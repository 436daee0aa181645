/*
 * The processor: all architectural state of one logical CPU, and what the board and the engines
 * call. 64-bit from the first day; a 32-bit write to a register clears its upper half.
 */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include "base/types.h"
#include "cpu/engine.h"
#include "cpu/idle.h"
#include "cpu/insn.h"
#include "cpu/model.h"
#include "mmu/mmu.h"

struct bus;
struct interp;
struct cpu_hooks;
struct log;
struct state;

/* EFLAGS bits (SDM Vol. 1, "EFLAGS Register"). */
enum eflags {
    EF_CF = 1 << 0,
    EF_FIXED = 1 << 1,
    EF_PF = 1 << 2,
    EF_AF = 1 << 4,
    EF_ZF = 1 << 6,
    EF_SF = 1 << 7,
    EF_TF = 1 << 8,
    EF_IF = 1 << 9,
    EF_DF = 1 << 10,
    EF_OF = 1 << 11,
    EF_IOPL = 3 << 12,
    EF_NT = 1 << 14,
    EF_RF = 1 << 16,
    EF_VM = 1 << 17,
    EF_AC = 1 << 18,
    EF_VIF = 1 << 19,
    EF_VIP = 1 << 20,
    EF_ID = 1 << 21,
    EF_ARITH = EF_CF | EF_PF | EF_AF | EF_ZF | EF_SF | EF_OF,
};

/*
 * The six arithmetic flags live apart from the others in cpu->aflags, in the form that LAHF and
 * SETO leave in AX: bit 0 is OF, bits 8-15 are the low byte of EFLAGS. On x86 hosts the hot paths
 * take them from the host's own flags with these two instructions. All other bits are zero.
 */
enum aflags {
    AF_OF = 1 << 0,
    AF_CF = 1 << 8,
    AF_PF = 1 << 10,
    AF_AF = 1 << 12,
    AF_ZF = 1 << 14,
    AF_SF = 1 << 15,
    AF_ALL = AF_OF | AF_CF | AF_PF | AF_AF | AF_ZF | AF_SF,
};

enum {
    CR0_PE = 1 << 0,
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    CR0_ET = 1 << 4,
    CR0_NE = 1 << 5,
    CR0_WP = 1 << 16,
    CR0_AM = 1 << 18,
    CR0_NW = 1 << 29,
    CR0_CD = 1 << 30,

    CR4_VME = 1 << 0,
    CR4_PVI = 1 << 1,
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_MCE = 1 << 6,
    CR4_PGE = 1 << 7,
    CR4_PCE = 1 << 8,
    CR4_OSFXSR = 1 << 9,
};
#define CR0_PG (1u << 31)
/* Bits of CR3 that are kept: the directory's address, PCD and PWT. */
#define CR3_MASK 0xFFFFFFFFFFFFF018ull

enum vector {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_NMI = 2,
    VEC_BP = 3,
    VEC_OF = 4,
    VEC_BR = 5,
    VEC_UD = 6,
    VEC_NM = 7,
    VEC_DF = 8,
    VEC_CSO = 9,
    VEC_TS = 10,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    VEC_MC = 18,
};

/*
 * Descriptor attributes: the high dword of a descriptor shifted right by 8 and masked with F0FFh
 * (SDM Vol. 3A, "Segment Descriptors").
 */
enum desc_attr {
    DESC_ACCESSED = 1 << 0,
    DESC_RW = 1 << 1, /* data: writable; code: readable */
    DESC_EC = 1 << 2, /* data: expand-down; code: conforming */
    DESC_CODE = 1 << 3,
    DESC_TYPE = 15,
    DESC_S = 1 << 4,
    DESC_DPL_SHIFT = 5,
    DESC_P = 1 << 7,
    DESC_AVL = 1 << 12,
    DESC_L = 1 << 13,
    DESC_DB = 1 << 14,
    DESC_G = 1 << 15,
};

/*
 * A segment register with its hidden part. `limit` is in bytes. read_end and write_end are for
 * fast paths: an access of up to 8 bytes at an offset below them is within limit and rights;
 * anything else takes the exact check. Both are derived by seg_update.
 */
struct segment {
    u16 sel;
    u16 attr;      /* enum desc_attr */
    bool unusable; /* a null selector was loaded in protected mode */
    u32 limit;
    u32 read_end, write_end;
    u64 base;
};

/* GDTR or IDTR. */
struct table_reg {
    u64 base;
    u32 limit;
};

/*
 * x87 state. Registers in physical order, each the 80-bit memory image; the MM registers are
 * their low 64 bits. Bit n of tags set: physical register n is not empty. While an engine runs,
 * the host's FPU may hold registers, tags, TOP and status word instead: see cpu/fpu.h.
 */
struct fpu {
    u8 reg[8][16];
    u16 cw, sw; /* sw without TOP */
    u8 top, tags;
    u16 fop, fcs, fds;
    u64 fip, fdp;
    u8 host; /* enum fpu_host; not saved: 0 outside of engines */
};

/* A fault or trap on its way to delivery; see fault.h. */
struct fault {
    bool pending;
    u8 vector;
    bool has_error;
    u32 error;
    u64 address; /* of a #PF, for CR2 */
};

enum attention {
    ATT_INTR = 1 << 0, /* INTR is high and interrupts are enabled */
    ATT_NMI = 1 << 1,  /* an NMI is latched */
    ATT_SMI = 1 << 2,
    ATT_INIT = 1 << 3,
    ATT_TIMER = 1 << 4, /* a deadline moved nearer */
    ATT_STOP = 1 << 5,  /* the board wants its thread back */
    ATT_RESET = 1 << 6,
    ATT_DEBUG = 1 << 7, /* a data or I/O breakpoint was hit: cpu_service delivers the trap */
    ATT_IDLE = 1 << 8,  /* the guest waits in a loop: the next event may as well come now */
    ATT_BREAK = 1 << 9, /* the debugger wants the machine to stop here */
};

/* DR6 and DR7 (SDM Vol. 3B, "Debug Registers"). */
enum debug_bits {
    DR6_BD = 1 << 13,
    DR6_BS = 1 << 14,
    DR6_BT = 1 << 15,
    DR7_GD = 1 << 13,
    DEBUG_TASK = 1 << 7, /* in dr6_pending, for DR6_BT */
};

/* Reasons to execute one instruction at a time, with all checks. */
enum special {
    SPECIAL_SHADOW = 1 << 0, /* STI, or a load of SS, just before: interrupts wait for one more */
    SPECIAL_SS_SHADOW = 1 << 1, /* a load of SS just before: debug traps wait as well */
    SPECIAL_TF = 1 << 2,
    SPECIAL_RF = 1 << 3,
    SPECIAL_DR_CODE = 1 << 4,  /* DR7 enables an instruction breakpoint */
    SPECIAL_DEBUGGER = 1 << 5, /* the debugger wants every boundary */
    SPECIAL_NO_STEP = 1 << 7,  /* INT n was executed with TF set: no trap behind it */
    SPECIAL_VIP = 1 << 8,      /* VIF and VIP are both set where they count: #GP to come */
    SPECIAL_AC = 1 << 6,       /* CPL 3 with CR0.AM and EFLAGS.AC: alignment is checked */
};

/* What decoded code depends on: part of the key of a run. */
enum mode_bits {
    MODE_CODE_SIZE = 3,      /* enum code_size */
    MODE_PROTECTED = 1 << 2, /* PE and not VM */
    MODE_V86 = 1 << 3,
    MODE_STACK32 = 1 << 4, /* SS.B */
    MODE_USER = 1 << 5,    /* CPL 3 */
};

/* Pins and services that the board connects. All are called on the machine thread. */
struct cpu_pins {
    void *opaque;
    /* INTA: the vector of the highest pending interrupt. */
    u8 (*interrupt_acknowledge)(void *opaque);
    /* FERR#: to IRQ13 on PCs while CR0.NE is clear. */
    void (*ferr)(void *opaque, bool level);
    /* The APIC base MSR; a write returns false to raise #GP. NULL: no APIC. */
    bool (*apic_base_write)(void *opaque, u64 value);
    u64 (*apic_base_read)(void *opaque);
    /* Virtual nanoseconds since power-on, which RDTSC scales to the model's clock. */
    u64 (*now_ns)(void *opaque);
};

enum { TRANSFER_LOG = 16 };

struct cpu {
    /* Architectural state. */
    u64 gpr[GPR_COUNT + 1]; /* the last is always zero: "no register" in address sums */
    u64 rip;    /* of the current instruction while one executes, else of the next one */
    u16 aflags; /* enum aflags */
    u32 eflags; /* all others; arithmetic bits zero, EF_FIXED set */
    struct segment seg[SEG_COUNT];
    struct segment ldtr, tr;
    struct table_reg gdtr, idtr;
    u64 cr0, cr2, cr3, cr4, cr8;
    u64 dr[8];       /* 0-3, 6, 7 */
    u32 test_reg[8]; /* of the 386 and 486: stored values */
    u8 cpl;          /* 0 in real mode, 3 in virtual-8086 mode */
    bool halted, shutdown;
    bool nmi_blocked; /* until IRET */
    struct fpu fpu;
    u64 tsc_offset;
    u64 msr_sysenter_cs, msr_sysenter_esp, msr_sysenter_eip;
    u64 msr_efer, msr_pat, msr_mcg_cap, msr_mcg_status, msr_mcg_ctl, msr_debugctl;
    u64 msr_perf[4];  /* stored values: two counters, two event selects */
    u64 msr_mtrr[32]; /* stored values: default type, fixed and variable ranges */

    /* Pins as they are. */
    bool intr, nmi_latched, ignne;

    struct idle_watch idle; /* guest state too: it decides when time is skipped */

    /* Execution. */
    u64 count;      /* instructions completed at the last boundary that the engine noted */
    u32 run_index;  /* and how many more since then, while a handler runs */
    u64 until;      /* where the engine must stop */
    u64 next_rip;   /* set by the engine before a handler runs; branches change it */
    u32 attention;  /* enum attention */
    u32 special;    /* enum special */
    u32 mode;       /* enum mode_bits; derived by cpu_update_mode */
    u64 stack_mask; /* which bits of RSP the stack uses: FFFFh or FFFFFFFFh */
    struct fault fault;
    u64 fault_count;  /* instructions completed when the last fault was delivered */
    u8 faults_in_row; /* delivered since, without an instruction between them */
    u8 dr6_pending;   /* B0-B3 of breakpoints hit, DEBUG_TASK: a trap at the next boundary */

    /* Memory: this processor's TLB, tables and windows. */
    struct mmu mmu;

    /* Wiring. */
    unsigned index;
    const struct cpu_model *model;
    struct cpu_pins pins;
    struct bus *bus;
    struct log *log;
    const struct engine *engine;
    void *engine_data;
    struct interp *interp;         /* decoded runs and their bodies, see interp.h */
    u64 engine_word[16];           /* the engine's own, at a fixed distance from the registers */
    const struct cpu_hooks *hooks; /* the debugger's, see hooks.h; NULL: none */
    const struct undefined_table *undefined; /* see undefined.h; NULL: as the host does */

    /* For crash reports: the last control transfers, and the first fault of a chain in words. */
    struct {
        u16 from_cs, to_cs;
        u64 from, to;
    } transfers[TRANSFER_LOG];
    u32 transfer_next;
    char crash[512];
};

/* A processor of `model` on its bus, in reset state. NULL if the host refuses memory. */
struct cpu *cpu_new(const struct cpu_model *model, const struct engine *engine, struct bus *bus,
                    const struct cpu_pins *pins, struct log *log, unsigned index);
void cpu_free(struct cpu *c);
/* The RESET pin; with power_on false INIT, which keeps FPU, MSRs and TSC. */
void cpu_reset(struct cpu *c, bool power_on);
/* Save, load or hash all of it, the TLB record included. */
void cpu_state(struct cpu *c, struct state *s);

/* Pins. */
void cpu_set_intr(struct cpu *c, bool level);
void cpu_raise_nmi(struct cpu *c);

/*
 * At an instruction boundary: take NMI or INTR if one is pending and allowed, and deliver it
 * through the IDT. Returns true if something was delivered (which ends HLT). What stays pending
 * but cannot be taken now is withdrawn from `attention` and comes back when it can.
 */
bool cpu_service(struct cpu *c);
/* True if an interrupt waits only for the end of a one-instruction shadow. */
bool cpu_waits_for_shadow(const struct cpu *c);

/* Instructions completed, exact also inside a handler. */
static inline u64 cpu_count(const struct cpu *c)
{
    return c->count + c->run_index;
}

/* The time-stamp counter now. */
u64 cpu_tsc(const struct cpu *c);
/* MSRs after power-on. */
void msr_reset(struct cpu *c);

/* RFLAGS as the guest sees them, and from such a value (all bits are taken as they are). */
u64 cpu_flags(const struct cpu *c);
void cpu_set_flags(struct cpu *c, u64 flags);

static inline bool cpu_is_v86(const struct cpu *c)
{
    return c->eflags & EF_VM;
}

/* PE set and not virtual-8086. */
static inline bool cpu_is_protected(const struct cpu *c)
{
    return (c->cr0 & CR0_PE) && !(c->eflags & EF_VM);
}

/*
 * Recompute what is derived. After a change of EFLAGS, CS, SS, CPL or DR7: mode, stack_mask,
 * special, ATT_INTR and the mmu's class. After a change of CR0, CR3 or CR4: that and the mmu's view
 * of them.
 */
void cpu_update_level(struct cpu *c);
void cpu_update_mode(struct cpu *c);

#endif

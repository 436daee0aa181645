/*
 * Random programs for the lockstep test: loops, branches, calls, faults with handlers that go on,
 * interrupts, code that changes itself, pages that come and go, segments of all kinds. A program is
 * a list of pieces, each of which may be left out, so that a failing one can be reduced.
 *
 *   program.c         what pieces there are, and in which order
 *   program_rows.c    single instructions from the opcode table
 *   program_image.c   addresses, tables, handlers, registers
 */
#ifndef TESTS_CPU_PROGRAM_H
#define TESTS_CPU_PROGRAM_H

#include "cpu/cpu.h"
#include "tests/cpu/silicon.h" /* its random numbers */

enum program_mode {
    PROGRAM_FLAT,   /* 32-bit, CPL 0, unpaged */
    PROGRAM_PAGED0, /* 32-bit, CPL 0 */
    PROGRAM_PAGED3, /* 32-bit, CPL 3 */
    PROGRAM_REAL,
    PROGRAM_V86,    /* paged at random */
    PROGRAM_PROT16, /* 16-bit code, odd segments, CPL 3, paged at random */
    PROGRAM_SEG32,  /* 32-bit code, the same */
    PROGRAM_MODES,
};

extern const char *const program_mode_names[PROGRAM_MODES];

enum { PIECES_MAX = 240, PIECE_BYTES = 64, FIXUPS_MAX = 4 };

/* Memory. Linear and physical are the same, but for the two views that paging adds. */
enum program_memory {
    P_VARS = 0x400, /* words that handlers use */
    P_GDT = 0x1000,
    P_LDT = 0x1800,
    P_IDT = 0x2000,
    P_TSS = 0x3000,
    P_TASK = 0x3100, /* TSSs of tasks that INT leads to */
    P_TASK16 = 0x3180,
    P_TASK_STACK = 0x3800,
    P_DIRECTORY = 0x4000,
    P_TABLE = 0x5000,
    P_TABLE2 = 0x6000, /* of P_VIEW */
    P_HANDLERS = 0x8000,
    P_STACK0 = 0xC000,
    P_STACK3 = 0xE000,
    P_CODE = 0x10000,
    P_CODE_BYTES = 0x4000,
    P_DATA = 0x20000,
    P_DATA_BYTES = 0x4000,
    P_STACK_SEG = 0x30000, /* of 16-bit code, 64 KiB */
    P_VIEW = 0x400000,     /* all of it again, in pages of its own */
    P_LARGE = 0x800000,    /* and again, in a large page */
    P_COUNTERS = P_DATA + 0xF00,
};

enum program_vars { VAR_RESUME = P_VARS, VAR_RESUME_CS = P_VARS + 4, VAR_FAULTS = P_VARS + 8 };

/* Calls of the system by INT: each does this and returns. */
enum program_call {
    CALL_CR3 = 0x50, /* load CR3 with itself */
    CALL_INVLPG,     /* of [EBX] */
    CALL_WP,         /* change CR0.WP */
    CALL_PGE,        /* change CR4.PGE */
    CALL_AGE,        /* clear A and D of a page of data */
    CALL_UNMAP,      /* change P of a page of data */
    CALL_REMAP,      /* swap two pages of data */
    CALL_TS,         /* change CR0.TS */
    CALL_WATCH,      /* a data breakpoint */
    CALL_BREAK,      /* an instruction breakpoint where it is called from */
    CALL_NO_BREAK,   /* none of either */
    CALL_PG,         /* change CR0.PG */
    CALL_TASK,       /* to another task and back */
    CALL_TASK16,     /* the same by a TSS of the 286 */
    CALL_LAST = CALL_TASK16,
};

enum fixup_kind {
    FIX_REL8, /* distance to a piece */
    FIX_REL,  /* 2 or 4 bytes of it */
    FIX_OFF,  /* offset in the code segment, 2 or 4 bytes */
    FIX_OFF4, /* 4 bytes of it */
    FIX_LA,   /* linear address, 4 bytes, added to what is there */
};

struct piece {
    u8 bytes[PIECE_BYTES];
    u8 len;
    u8 fixups;
    struct {
        u8 at, kind;
        s16 addend;
        u16 piece;
    } fixup[FIXUPS_MAX];
    u8 before_page_end; /* not 0: what follows starts so many bytes before the end of a page */
    bool dropped;
};

struct program {
    u64 seed;
    enum program_mode mode;
    const struct cpu_model *model;
    bool code16, paged;
    u8 cpl;
    u32 budget; /* instructions */
    u32 start;  /* offset of the first piece in the code */
    u32 flags, cr0, cr4;
    u16 sel[SEG_COUNT];
    u32 base[SEG_COUNT];
    u32 gpr[8];
    u8 gate_type[256];
    struct piece piece[PIECES_MAX];
    unsigned count;
    u32 at[PIECES_MAX + 1]; /* offsets, once there is an image */
};

/* `mode` PROGRAM_MODES: any. */
void program_make(struct program *p, u64 seed, const struct cpu_model *model,
                  enum program_mode mode);
/* Memory (LAB_RAM bytes) with all pieces that are not dropped; false if they have no room. */
bool program_image(struct program *p, u8 *image);
/* A processor just reset is put in front of the first piece. */
void program_start(const struct program *p, struct cpu *c);

/* ---- Between the parts ---- */

struct program_gen {
    struct program *p;
    struct silicon_rng r;
    struct piece *piece; /* the current one */
    unsigned page_ends;
    bool calm;    /* few faults and no surprises: as most programs are */
    bool patches; /* writes over its code all the time */
};

void gen_byte(struct program_gen *g, u8 byte);
void gen_le(struct program_gen *g, u32 v, unsigned bytes);
/* A linear address worth accessing. */
u32 gen_target(struct program_gen *g);
/* One instruction from the table at the end of the current piece. */
void gen_row(struct program_gen *g);
void program_segments(struct program *p);

#endif

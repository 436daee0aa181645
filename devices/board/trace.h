/*
 * Traces: what the processor executed, which ports it touched, which interrupts it took, as a
 * compact file. docs/trace-format.md has the format.
 */
#ifndef DEVICES_BOARD_TRACE_H
#define DEVICES_BOARD_TRACE_H

#include "base/types.h"

struct debug;
struct trace;
struct trace_reader;

/* What goes into a trace. */
struct trace_filter {
    bool instructions, ports, events, registers;
    u64 first, last; /* linear addresses of instructions, last included; 0 and UINT64_MAX: all */
    const char *condition; /* NULL, or an expression that must not be zero */
};

/* Start writing; NULL and a sentence in err if that cannot be. On the machine thread. */
struct trace *trace_start(struct debug *d, const char *path, const struct trace_filter *filter,
                          char *err, size_t err_size);
/* Records so far. */
u64 trace_count(const struct trace *t);
/* Stop and close; 0, or the first error of the host, as -errno. */
int trace_stop(struct trace *t);

/* ---- Reading ---- */

enum trace_kind { TRACE_INSTRUCTION, TRACE_PORT, TRACE_EVENT, TRACE_REGISTERS };

struct trace_record {
    enum trace_kind kind;
    u64 count; /* instructions executed before it */
    /* TRACE_INSTRUCTION. */
    u64 la, base;
    u16 cs;
    u8 code_size; /* enum code_size */
    u8 len, bytes[15];
    /* TRACE_PORT, TRACE_EVENT. */
    bool write, has_error;
    u8 size, vector, event; /* bytes; 0 fault, 1 trap, 2 INT n, 3 from outside */
    u16 port;
    u32 value; /* of the port; the error code */
    /* TRACE_REGISTERS: as they are, and which have changed. */
    u32 gpr[8];
    u8 changed;
};

/* `data` stays the caller's and in place. NULL and a sentence in err if it is no trace. */
struct trace_reader *trace_reader_new(const void *data, size_t len, char *err, size_t err_size);
void trace_reader_free(struct trace_reader *r);
/* The next record; false at the end, or where the file is damaged: see trace_reader_error. */
bool trace_next(struct trace_reader *r, struct trace_record *out);
/* NULL if all is well so far. */
const char *trace_reader_error(const struct trace_reader *r);

/* A record as a line of text, without its end. */
void trace_text(const struct trace_record *t, char *out, size_t out_size);

#endif

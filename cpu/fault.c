/*
 * Faults on their way: raising, delivery with double and triple faults, pending interrupts.
 * Sources: SDM Vol. 3A, "Interrupt 8: Double Fault Exception (#DF)", "Priority Among Simultaneous
 * Exceptions and Interrupts", "Masking Exceptions and Interrupts When Switching Stacks".
 */
#include "cpu/fault.h"

#include "base/log.h"
#include "cpu/hooks.h"
#include "cpu/op.h"

#include <stdio.h>

bool fault_raise(struct cpu *c, u8 vector)
{
    c->fault = (struct fault){.pending = true, .vector = vector};
    return false;
}

bool fault_raise_error(struct cpu *c, u8 vector, u32 error)
{
    c->fault = (struct fault){.pending = true, .vector = vector, .has_error = true, .error = error};
    return false;
}

bool fault_page(struct cpu *c, u64 la, u32 error)
{
    fault_raise_error(c, VEC_PF, error);
    c->fault.address = la;
    return false;
}

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum fault_class class_of(u8 vector)
{
    switch (vector) {
    case VEC_DE:
    case VEC_CSO:
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_GP: return CONTRIBUTORY;
    case VEC_PF: return PAGE_FAULT;
    default: return BENIGN;
    }
}

/* Does `second`, met while `first` was delivered, make a double fault of the two? */
static bool makes_double(u8 first, u8 second)
{
    enum fault_class a = class_of(first), b = class_of(second);

    return (a == CONTRIBUTORY && b == CONTRIBUTORY) || (a == PAGE_FAULT && b != BENIGN);
}

static const char *vector_name(u8 vector)
{
    static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
                                        "#NM", "#DF", "9",   "#TS", "#NP", "#SS", "#GP",
                                        "#PF", "15",  "#MF", "#AC", "#MC"};

    return vector < ARRAY_LEN(names) ? names[vector] : "interrupt";
}

static void describe(char *out, size_t size, const struct fault *f)
{
    if (f->vector == VEC_PF)
        snprintf(out, size, "#PF(%04X) at %08llX", (unsigned)f->error,
                 (unsigned long long)f->address);
    else if (f->has_error)
        snprintf(out, size, "%s(%04X)", vector_name(f->vector), (unsigned)f->error);
    else
        snprintf(out, size, "%s", vector_name(f->vector));
}

/* What a fault means, in words; for selectors see SDM Vol. 3A, "Error Code". */
static void explain(char *out, size_t size, const struct fault *f)
{
    static const char *const meanings[] = {
        [VEC_DE] = "division by zero, or its result is too large",
        [VEC_UD] = "this processor has no such instruction",
        [VEC_NM] = "numeric instruction while CR0 forbids it",
        [VEC_TS] = "bad task state segment",
        [VEC_NP] = "segment not present",
        [VEC_SS] = "beyond the stack segment",
        [VEC_GP] = "protection",
    };
    u32 e = f->error;

    if (f->vector == VEC_PF)
        snprintf(out, size, "%s of a page that is %s, by %s",
                 e & PF_I   ? "fetch"
                 : e & PF_W ? "write"
                            : "read",
                 e & PF_P ? "protected" : "not present", e & PF_U ? "a program" : "the system");
    else if (f->has_error && e & 2)
        snprintf(out, size, "entry %02X of the interrupt table", (unsigned)(e >> 3));
    else if (f->vector < ARRAY_LEN(meanings) && meanings[f->vector])
        snprintf(out, size, "%s%s", meanings[f->vector], f->has_error && e ? ", selector" : "");
    else
        snprintf(out, size, "vector %u", f->vector);
}

/* Shutdown: only RESET, INIT or NMI end it. The report names the first fault, which is the cause.
 */
static bool shut_down(struct cpu *c, const struct fault *first, const struct fault *second,
                      const struct fault *last)
{
    char a[40], b[40], z[40], cause[80];

    describe(a, sizeof a, first);
    explain(cause, sizeof cause, first);
    describe(b, sizeof b, second);
    describe(z, sizeof z, last);
    snprintf(c->crash, sizeof c->crash,
             "triple fault at %04X:%08llX: first %s (%s), its delivery met %s, then the double "
             "fault's met %s; CR0=%08llX CR3=%08llX IDT=%08llX+%04X SS:ESP=%04X:%08llX",
             c->seg[SEG_CS].sel, (unsigned long long)c->rip, a, cause, b, z,
             (unsigned long long)c->cr0, (unsigned long long)c->cr3,
             (unsigned long long)c->idtr.base, (unsigned)c->idtr.limit, c->seg[SEG_SS].sel,
             (unsigned long long)c->gpr[RSP]);
    log_guest(c->log, "cpu", "%s", c->crash);
    c->fault.pending = false;
    c->shutdown = true;
    if (unlikely(c->hooks != NULL))
        c->hooks->shutdown(c->hooks->opaque);
    return false;
}

/* The 8086 takes a divide error for a trap: it pushes the address behind the instruction. */
static u64 return_address(const struct cpu *c, u8 vector)
{
    return vector == VEC_DE && !model_has(c->model, FEAT_286) ? c->next_rip : c->rip;
}

static bool deliver_one(struct cpu *c, const struct fault *f)
{
    bool error = f->has_error && (c->cr0 & CR0_PE);

    c->fault.pending = false;
    if (f->vector == VEC_PF)
        c->cr2 = f->address;
    return event_deliver(c, f->vector, EVENT_FAULT, error, f->error, return_address(c, f->vector));
}

/* A fault while `first` was delivered: what comes next. */
static struct fault combine(const struct fault *first, const struct fault *second)
{
    if (makes_double(first->vector, second->vector))
        return (struct fault){.pending = true, .vector = VEC_DF, .has_error = true};
    return *second;
}

/*
 * Chips deliver an alignment check on a misaligned user stack for ever; after ROUNDS we call it a
 * shutdown, which stops the guest as well.
 */
enum { ROUNDS = 16 };

/*
 * A handler whose first instruction faults again never completes one, and time, which counts
 * completed instructions, would stand still for ever: no timer would fire, no engine return. So
 * the last of FAULTS_A_COUNT faults in a row counts as an instruction.
 */
enum { FAULTS_A_COUNT = 64 };

static void count_fault(struct cpu *c)
{
    if (c->count != c->fault_count)
        c->faults_in_row = 0;
    if (++c->faults_in_row >= FAULTS_A_COUNT) {
        c->faults_in_row = 0;
        c->count++;
    }
    c->fault_count = c->count;
}

bool fault_deliver(struct cpu *c)
{
    struct fault first = c->fault, now = first, second = first;

    if (!first.pending) /* x87 waits for an interrupt: the instruction is to be repeated */
        return true;
    count_fault(c);
    for (unsigned round = 0; !deliver_one(c, &now); round++) {
        if ((now.vector == VEC_DF && class_of(c->fault.vector) != BENIGN) || round == ROUNDS)
            return shut_down(c, &first, &second, &c->fault);
        second = c->fault;
        now = combine(&now, &second);
    }
    return true;
}

bool event_enter(struct cpu *c, u8 vector, enum event_kind kind)
{
    return event_deliver(c, vector, kind, false, 0, c->rip) || fault_deliver(c);
}

/* ---- Pending interrupts ---- */

void cpu_set_intr(struct cpu *c, bool level)
{
    c->intr = level;
    interrupts_changed(c);
}

void cpu_raise_nmi(struct cpu *c)
{
    c->nmi_latched = true;
    c->attention |= ATT_NMI;
}

static bool nmi_allowed(const struct cpu *c)
{
    return c->nmi_latched && !c->nmi_blocked && !(c->special & SPECIAL_SS_SHADOW);
}

bool cpu_waits_for_shadow(const struct cpu *c)
{
    return (c->intr && (c->eflags & EF_IF) && (c->special & SPECIAL_SHADOW)) ||
           (c->nmi_latched && !c->nmi_blocked && (c->special & SPECIAL_SS_SHADOW));
}

bool cpu_service(struct cpu *c)
{
    c->attention &= ~(u32)(ATT_NMI | ATT_DEBUG);
    /* Traps of the instruction before come first ("Priority Among ..."). */
    if (c->dr6_pending && !(c->special & SPECIAL_SS_SHADOW)) {
        debug_traps(c, false);
        interrupts_changed(c);
        return true;
    }
    if (nmi_allowed(c)) {
        c->nmi_latched = false;
        c->nmi_blocked = true;
        c->shutdown = false;
        event_enter(c, VEC_NMI, EVENT_EXTERNAL);
        return true;
    }
    interrupts_changed(c);
    if (!(c->attention & ATT_INTR) || c->shutdown)
        return false;
    event_enter(c, c->pins.interrupt_acknowledge(c->pins.opaque), EVENT_EXTERNAL);
    interrupts_changed(c);
    return true;
}

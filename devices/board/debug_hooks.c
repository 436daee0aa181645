/*
 * What the processor calls while the debugger is armed (cpu/hooks.h): find the points that are
 * meant, count them, and ask for a stop. The first point of an instruction is the one told about.
 */
#include "devices/board/debug_memory.h"
#include "devices/board/debug_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct place debug_here(const struct cpu *c)
{
    return (struct place){
        .la = (u32)(c->seg[SEG_CS].base + c->rip),
        .stack = (u32)(c->seg[SEG_SS].base + (c->gpr[RSP] & c->stack_mask)),
    };
}

enum { MODE_PE = 1 << 0, MODE_PG = 1 << 1, MODE_VM = 1 << 2, MODE_LMA = 1 << 3 };

u32 debug_mode_bits(const struct cpu *c)
{
    return (c->cr0 & CR0_PE ? MODE_PE : 0) | (c->cr0 & CR0_PG ? MODE_PG : 0) |
           (c->eflags & EF_VM ? MODE_VM : 0) | (c->msr_efer & 1 << 10 ? MODE_LMA : 0);
}

/* Nobody observes what only happens again. */
static struct debug_observer *observers(const struct debug *d)
{
    return d->searching ? NULL : d->observers;
}

/* ---- Hits ---- */

/* What happened, for a stop: filled by the hook, then offered to each point it may belong to. */
static struct debug_stop happened(const struct debug *d)
{
    const struct cpu *c = d->cpu;

    return (struct debug_stop){
        .reason = DEBUG_AT_POINT,
        .from_cs = c->seg[SEG_CS].sel,
        .from_rip = c->rip,
        .from_la = debug_here(c).la,
    };
}

static void describe(struct debug_stop *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void describe(struct debug_stop *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(s->text, sizeof s->text, fmt, args);
    va_end(args);
}

static const char *size_name(unsigned size)
{
    static const char *const names[] = {"no bytes", "a byte",  "a word",  "3 bytes", "a dword",
                                        "5 bytes",  "6 bytes", "7 bytes", "a qword"};

    return size < ARRAY_LEN(names) ? names[size] : "bytes";
}

/* Note a hit; false if it is one of those to be ignored. */
static bool counts(struct debug *d, struct point *p, const struct debug_stop *what)
{
    p->pub.hits++;
    if (p->pub.ignore) {
        p->pub.ignore--;
        return false;
    }
    if (p->log[0] || (p->pub.flags & DEBUG_LOG_ONLY))
        debug_log_line(d, p, what);
    return true;
}

/* The point is meant: true if the machine is to stop for it. */
static bool hit(struct debug *d, struct point *p, const struct debug_stop *what)
{
    u64 value;

    if (p->condition && (!debug_expr_eval(p->condition, d->cpu, &value, NULL, 0) || !value))
        return false;
    if (d->searching ? d->only && p->pub.id != d->only : !counts(d, p, what))
        return false;
    if (p->pub.flags & DEBUG_LOG_ONLY)
        return false;
    if (d->next.reason == DEBUG_STOPPED_NOT) {
        d->next = *what;
        d->next.point = p->pub.id;
        d->next.kind = p->pub.kind;
    }
    return true;
}

/* Offer what happened to all enabled points of a kind that cover one of these numbers. */
static void offer(struct debug *d, enum debug_kind kind, u64 number, unsigned count,
                  unsigned access, const struct debug_stop *what)
{
    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];

        if (p->pub.kind != kind || (p->pub.flags & DEBUG_DISABLED))
            continue;
        if (p->pub.address != UINT64_MAX && (number >= p->pub.address + max_u64(p->pub.length, 1) ||
                                             number + count <= p->pub.address))
            continue;
        if ((!p->pub.access || (p->pub.access & access)) && hit(d, p, what))
            cpu_break(d->cpu);
    }
}

/* ---- Boundaries ---- */

static bool is_at(struct debug *d, const struct point *p, u64 la)
{
    u64 gpa;

    switch (p->pub.space) {
    case DEBUG_LINEAR: return p->linear == la;
    case DEBUG_PHYSICAL:
        return !((p->linear ^ la) & PAGE_MASK) && debug_to_physical(d->cpu, la, &gpa) &&
               gpa == p->linear;
    default:
        return p->linear == la && d->cpu->seg[SEG_CS].sel == p->pub.selector &&
               d->cpu->rip == p->pub.address;
    }
}

static bool breakpoints(struct debug *d, u64 la)
{
    struct debug_stop what = happened(d);
    bool stop = false;

    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];

        if (p->pub.kind != DEBUG_BREAK || (p->pub.flags & DEBUG_DISABLED) || !is_at(d, p, la))
            continue;
        what.address = p->pub.address;
        describe(&what, "breakpoint at %04x:%08llx", what.from_cs,
                 (unsigned long long)what.from_rip);
        stop |= hit(d, p, &what);
    }
    return stop;
}

/* What the instruction before has done to the registers and expressions that are watched. */
static bool changes(struct debug *d)
{
    bool stop = false;
    u64 now;

    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];
        struct debug_stop what;

        if (!p->watched || (p->pub.flags & DEBUG_DISABLED) ||
            !debug_expr_eval(p->watched, d->cpu, &now, NULL, 0) || now == p->value)
            continue;
        what = happened(d);
        what.from_cs = d->last_cs;
        what.from_rip = d->last_rip;
        what.from_la = d->last_place.la;
        what.write = true;
        what.old = p->value;
        what.value = now;
        p->value = now;
        describe(&what, "%04x:%08llx changes %.80s: %llx -> %llx", what.from_cs,
                 (unsigned long long)what.from_rip, debug_expr_text(p->watched),
                 (unsigned long long)what.old, (unsigned long long)now);
        stop |= hit(d, p, &what);
    }
    d->last_place = debug_here(d->cpu);
    d->last_cs = d->cpu->seg[SEG_CS].sel;
    d->last_rip = d->cpu->rip;
    return stop;
}

/*
 * Has the machine stopped before this instruction already? An interrupt or a fault may have come
 * since; then it is met again after its handler, with the same stack.
 */
static bool passes(struct debug *d, const struct place *here)
{
    const struct cpu *c = d->cpu;

    if (!d->passing)
        return false;
    if (here->la == d->passed.la && c->count == d->passed_count)
        return true;
    if (!d->interrupted) {
        d->passing = false;
        return false;
    }
    if (here->la != d->passed.la || here->stack != d->passed.stack)
        return false;
    d->passed_count = c->count;
    d->interrupted = false;
    return true;
}

static bool observed(struct debug *d, u64 la)
{
    bool stop = false;

    for (struct debug_observer *o = observers(d), *next; o; o = next) {
        next = o->next;
        if (o->instruction)
            stop |= o->instruction(o->opaque, d->cpu, la);
    }
    return stop;
}

static bool on_boundary(void *opaque)
{
    struct debug *d = opaque;
    struct place here = debug_here(d->cpu);
    bool changed = (d->cpu->special & SPECIAL_DEBUGGER) && changes(d);
    bool stop = (!passes(d, &here) && breakpoints(d, here.la)) || changed;
    bool done = debug_plan_done(d);

    if (!stop && !done)
        done = observed(d, here.la);
    if (done && !stop) {
        d->next = happened(d);
        d->next.reason = DEBUG_STEPPED;
        stop = true;
    }
    d->in_front = stop;
    return stop;
}

/* ---- Pages ---- */

static u32 hides_page(const struct debug *d, const struct point *p, u64 la, u64 gpa)
{
    u64 page = p->pub.space == DEBUG_PHYSICAL ? gpa : la;

    if (p->pub.flags & DEBUG_DISABLED)
        return 0;
    if (p->pub.kind == DEBUG_BREAK)
        return p->linear - page < PAGE_SIZE ? MMU_HIDE_CODE : 0;
    if (p->pub.kind == DEBUG_DOT)
        return d->display->bits_near(d->display->opaque, &p->pub.bits, gpa) ? MMU_HIDE_DATA : 0;
    if (p->pub.kind == DEBUG_WATCH)
        return p->linear < page + PAGE_SIZE && p->linear + p->pub.length > page ? MMU_HIDE_DATA : 0;
    return 0;
}

static u32 on_hides(void *opaque, u64 la, u64 gpa)
{
    const struct debug *d = opaque;
    u32 hide = 0;

    for (unsigned i = 0; i < d->count; i++)
        hide |= hides_page(d, &d->points[i], la, gpa);
    if (d->plan.kind == PLAN_REACH && d->plan.to.la - la < PAGE_SIZE)
        hide |= MMU_HIDE_CODE;
    return hide;
}

/* ---- Accesses ---- */

static void describe_access(struct debug_stop *s)
{
    int digits = s->size * 2;
    size_t n;

    describe(s, "%04x:%08llx %s %s at %08llx: ", s->from_cs, (unsigned long long)s->from_rip,
             s->write ? "writes" : "reads", size_name(s->size), (unsigned long long)s->address);
    n = strlen(s->text);
    if (s->write)
        n += (size_t)snprintf(s->text + n, sizeof s->text - n, "%0*llx -> ", digits,
                              (unsigned long long)s->old);
    snprintf(s->text + n, sizeof s->text - n, "%0*llx", digits, (unsigned long long)s->value);
}

static void describe_dot(struct debug_stop *s, const struct cpu_access *a,
                         const struct display_bits *b)
{
    char what[80] = "to a port";
    int bits = 0;

    for (unsigned i = 0; i < b->count; i++)
        bits += __builtin_popcount(b->part[i].bits);
    if (a)
        snprintf(what, sizeof what, "%s at physical %08llx", size_name(a->size),
                 (unsigned long long)a->gpa);
    describe(s, "%04x:%08llx writes %s: %0*llx -> %0*llx", s->from_cs,
             (unsigned long long)s->from_rip, what, (bits + 3) / 4, (unsigned long long)s->old,
             (bits + 3) / 4, (unsigned long long)s->value);
}

/*
 * Something was written: memory, or a port (then `a` is NULL), which may clear the screen. A dot is
 * hit by what sets its bits, even to what they were, and by what changes them in another way.
 */
static void dots(struct debug *d, const struct cpu_access *a)
{
    const struct display_source *s = d->display;

    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];
        struct debug_stop what;
        u64 now;

        if (p->pub.kind != DEBUG_DOT || (p->pub.flags & DEBUG_DISABLED))
            continue;
        now = s->bits_value(s->opaque, &p->pub.bits);
        if (p->stale)
            p->value = now;
        p->stale = false;
        if (now == p->value &&
            !(a && s->bits_written(s->opaque, &p->pub.bits, a->gpa, a->size, a->value)))
            continue;
        what = happened(d);
        what.write = true;
        what.address = a ? a->gpa : 0;
        what.old = p->value;
        what.value = now;
        p->value = now;
        describe_dot(&what, a, &p->pub.bits);
        if (hit(d, p, &what))
            cpu_break(d->cpu);
    }
}

static void on_memory(void *opaque, const struct cpu_access *a)
{
    struct debug *d = opaque;
    struct debug_stop what = happened(d);
    unsigned access = a->write ? DEBUG_WRITE : DEBUG_READ;

    what.size = a->size;
    what.write = a->write;
    what.old = a->old;
    what.value = a->value;
    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];

        what.address = p->pub.space == DEBUG_PHYSICAL ? a->gpa : a->la;
        if (p->pub.kind != DEBUG_WATCH || (p->pub.flags & DEBUG_DISABLED) ||
            !(p->pub.access & access) || what.address >= p->linear + p->pub.length ||
            what.address + a->size <= p->linear)
            continue;
        describe_access(&what);
        if (hit(d, p, &what))
            cpu_break(d->cpu);
    }
    if (a->write)
        dots(d, a);
}

/* ---- Chips ---- */

/* The bytes of [gpa, gpa + len) that a point watches, as an offset; false if it watches none. */
static bool watched_part(struct debug *d, const struct point *p, u64 gpa, size_t len, u64 *offset)
{
    u64 end = p->linear + p->pub.length, at, home, n;

    for (at = p->linear; at < end; at += n) {
        n = min_u64(PAGE_SIZE - (at & PAGE_MASK), end - at);
        home = at;
        if (p->pub.space != DEBUG_PHYSICAL && !debug_to_physical(d->cpu, (u32)at, &home))
            continue;
        if (home < gpa + len && home + n > gpa) {
            *offset = home > gpa ? home - gpa : 0;
            return true;
        }
    }
    return false;
}

/* What a chip is about to write to the bits of a dot; their new value is not known yet. */
static void dots_by_chip(struct debug *d, u64 gpa, const u8 *data, size_t len)
{
    const struct display_source *s = d->display;

    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];
        struct debug_stop what;
        size_t n = 0;

        if (p->pub.kind != DEBUG_DOT || (p->pub.flags & DEBUG_DISABLED))
            continue;
        while (n < len && !s->bits_written(s->opaque, &p->pub.bits, gpa + n, 1, data[n]))
            n++;
        if (n == len)
            continue;
        what = happened(d);
        what.write = true;
        what.address = gpa + n;
        what.value = data[n];
        p->stale = true;
        describe(&what, "a chip writes %u bytes at physical %08llx", (unsigned)len,
                 (unsigned long long)gpa);
        if (hit(d, p, &what))
            cpu_break(d->cpu);
    }
}

void debug_chip_writes(void *opaque, u64 gpa, const u8 *data, size_t len)
{
    struct debug *d = opaque;
    u64 offset;

    dots_by_chip(d, gpa, data, len);

    for (unsigned i = 0; i < d->count; i++) {
        struct point *p = &d->points[i];
        struct debug_stop what;

        if (p->pub.kind != DEBUG_WATCH || (p->pub.flags & DEBUG_DISABLED) ||
            !(p->pub.access & DEBUG_WRITE) || !watched_part(d, p, gpa, len, &offset))
            continue;
        what = happened(d);
        what.write = true;
        what.address = gpa + offset;
        what.size = (u8)min_u64(min_u64(p->pub.length, len - offset), 8);
        physmap_debug_read(d->cpu->mmu.pm, what.address, &what.old, what.size);
        memcpy(&what.value, data + offset, what.size);
        describe(&what, "a chip writes %u bytes at physical %08llx: %0*llx -> %0*llx at %08llx",
                 (unsigned)len, (unsigned long long)gpa, what.size * 2,
                 (unsigned long long)what.old, what.size * 2, (unsigned long long)what.value,
                 (unsigned long long)what.address);
        if (hit(d, p, &what))
            cpu_break(d->cpu);
    }
}

static void on_port(void *opaque, u16 port, unsigned size, bool write, u32 value)
{
    struct debug *d = opaque;
    struct debug_stop what = happened(d);

    for (struct debug_observer *o = observers(d); o; o = o->next)
        if (o->port)
            o->port(o->opaque, port, size, write, value);
    what.address = port;
    what.size = (u8)size;
    what.write = write;
    what.old = what.value = value;
    describe(&what, "%04x:%08llx %s %s at port %04x: %0*x", what.from_cs,
             (unsigned long long)what.from_rip, write ? "writes" : "reads", size_name(size), port,
             (int)size * 2, value);
    offer(d, DEBUG_PORT, port, size, write ? DEBUG_WRITE : DEBUG_READ, &what);
    if (write)
        dots(d, NULL);
}

static void on_msr(void *opaque, u32 index, bool write, u64 value)
{
    struct debug *d = opaque;
    struct debug_stop what = happened(d);

    what.address = index;
    what.size = 8;
    what.write = write;
    what.old = what.value = value;
    describe(&what, "%04x:%08llx %s MSR %x: %016llx", what.from_cs,
             (unsigned long long)what.from_rip, write ? "writes" : "reads", index,
             (unsigned long long)value);
    offer(d, DEBUG_MSR, index, 1, write ? DEBUG_WRITE : DEBUG_READ, &what);
}

/* ---- Events ---- */

/*
 * INT 21h, also where a monitor of virtual-8086 mode gets it as #GP, because IOPL is below 3 (SDM
 * Vol. 3B, "Class 3: Software Interrupt Handling in Virtual-8086 Mode").
 */
static bool is_dos_call(struct debug *d, u8 vector, enum event_kind kind)
{
    u8 code[2];

    if (kind == EVENT_SOFTWARE)
        return vector == 0x21;
    return kind == EVENT_FAULT && vector == VEC_GP && cpu_is_v86(d->cpu) &&
           debug_read_linear(d->cpu, debug_here(d->cpu).la, code, 2) == 2 && code[0] == 0xCD &&
           code[1] == 0x21;
}

static void on_event(void *opaque, u8 vector, enum event_kind kind, bool has_error, u32 error)
{
    static const char *const kinds[] = {
        [EVENT_FAULT] = "fault",
        [EVENT_TRAP] = "trap",
        [EVENT_SOFTWARE] = "software interrupt",
        [EVENT_EXTERNAL] = "hardware interrupt",
    };
    struct debug *d = opaque;
    struct debug_stop what = happened(d);
    u8 ah = (u8)(d->cpu->gpr[RAX] >> 8);

    if (kind != EVENT_SOFTWARE && d->passing && d->cpu->count == d->passed_count)
        d->interrupted = true;
    for (struct debug_observer *o = observers(d); o; o = o->next)
        if (o->event)
            o->event(o->opaque, vector, (unsigned)kind, has_error, error);
    debug_plan_event(d, kind);
    what.address = vector;
    what.value = what.old = error;
    describe(&what, "%s %02x at %04x:%08llx", kinds[kind], vector, what.from_cs,
             (unsigned long long)what.from_rip);
    if (has_error)
        describe(&what, "%s %02x, error code %x, at %04x:%08llx", kinds[kind], vector, error,
                 what.from_cs, (unsigned long long)what.from_rip);
    offer(d, DEBUG_INTERRUPT, vector, 1, 0, &what);
    if (kind == EVENT_FAULT || kind == EVENT_TRAP)
        offer(d, DEBUG_EXCEPTION, vector, 1, 0, &what);
    if (!is_dos_call(d, vector, kind))
        return;
    what.address = ah;
    describe(&what, "INT 21h, AH=%02x, at %04x:%08llx", ah, what.from_cs,
             (unsigned long long)what.from_rip);
    offer(d, DEBUG_DOS, ah, 1, 0, &what);
}

static const char *mode_name(u32 bits)
{
    if (bits & MODE_LMA)
        return "long mode";
    if (bits & MODE_VM)
        return bits & MODE_PG ? "virtual-8086 mode with paging" : "virtual-8086 mode";
    if (bits & MODE_PE)
        return bits & MODE_PG ? "protected mode with paging" : "protected mode";
    return "real mode";
}

static void on_level(void *opaque)
{
    struct debug *d = opaque;
    u32 now = debug_mode_bits(d->cpu);
    struct debug_stop what;

    if (now == d->mode)
        return;
    what = happened(d);
    what.old = d->mode;
    what.value = now;
    describe(&what, "from %s to %s at %04x:%08llx", mode_name(d->mode), mode_name(now),
             what.from_cs, (unsigned long long)what.from_rip);
    d->mode = now;
    offer(d, DEBUG_MODE_SWITCH, 0, 1, 0, &what);
}

static void on_task(void *opaque, u16 from, u16 to)
{
    struct debug *d = opaque;
    struct debug_stop what = happened(d);

    what.old = from;
    what.value = to;
    describe(&what, "task switch from %04x to %04x", from, to);
    offer(d, DEBUG_TASK_SWITCH, 0, 1, 0, &what);
}

static void on_shutdown(void *opaque)
{
    struct debug *d = opaque;
    struct debug_stop what = happened(d);

    describe(&what, "%s", d->cpu->crash);
    offer(d, DEBUG_TRIPLE, 0, 1, 0, &what);
}

static void on_magic(void *opaque)
{
    struct debug *d = opaque;
    struct debug_stop what = happened(d);

    describe(&what, "xchg bx, bx at %04x:%08llx", what.from_cs, (unsigned long long)what.from_rip);
    offer(d, DEBUG_MAGIC, 0, 1, 0, &what);
}

void debug_hooks_init(struct debug *d)
{
    d->hooks = (struct cpu_hooks){
        .opaque = d,
        .boundary = on_boundary,
        .hides = on_hides,
        .memory = on_memory,
        .port = on_port,
        .msr = on_msr,
        .event = on_event,
        .level = on_level,
        .task = on_task,
        .shutdown = on_shutdown,
        .magic = on_magic,
    };
}

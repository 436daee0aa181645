/*
 * Interrupt controllers: two 8259A, the slave's INT on the master's IR2, with the edge/level
 * control registers of the PIIX3. One device, since neither works on its own in a PC.
 *
 *   20h / A0h  write  bit 4 set: ICW1; else bit 3 clear: OCW2, set: OCW3
 *              read   IRR or ISR as OCW3 chose, or the poll byte
 *   21h / A1h  write  ICW2..ICW4 while initialising, else OCW1 (the mask)
 *              read   mask
 *   4D0h, 4D1h ELCR   a set bit makes that input level triggered
 *
 * Sources: Intel 8259A data sheet ("Interrupt Sequence", "Programming the 8259A", "Edge and Level
 * Triggered Modes"); Intel 82371SB (PIIX3) data sheet, "Interrupt Controller Registers".
 * LTIM of ICW1 is ignored, as in the PIIX3, where the ELCR has replaced it.
 */
#include "devices/chipset/pic.h"

#include "devices/device.h"
#include "mmu/bus.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    PIC_MASTER_PORT = 0x20,
    PIC_SLAVE_PORT = 0xA0,
    PIC_ELCR_PORT = 0x4D0,
    CASCADE = 2, /* the master's input with the slave on it */

    ICW1_IC4 = 0x01,
    ICW1_SNGL = 0x02,
    ICW1_ADI = 0x04,
    ICW1_SELECT = 0x10,

    ICW4_8086 = 0x01,
    ICW4_AEOI = 0x02,
    ICW4_SFNM = 0x10,

    OCW2_EOI = 0x20,
    OCW2_SL = 0x40,
    OCW2_R = 0x80,

    OCW3_RIS = 0x01,
    OCW3_RR = 0x02,
    OCW3_P = 0x04,
    OCW3_SELECT = 0x08,
    OCW3_SMM = 0x20,
    OCW3_ESMM = 0x40,

    POLL_I = 0x80, /* the poll byte says: there was a request */
};

/* What the next write to the odd port is. */
enum pic_phase { PIC_UNPROGRAMMED, PIC_ICW2, PIC_ICW3, PIC_ICW4, PIC_READY };

/* IRQ 0, 1, 2, 8 and 13 are always edge triggered. PIIX3 data sheet, "ELCR1", "ELCR2". */
static const u8 elcr_writable[2] = {0xF8, 0xDE};

struct pic_chip {
    u8 lines; /* levels of IR0..IR7 */
    u8 edges; /* edge sense latches: set by a rising line, cleared by acknowledge or a low line */
    u8 isr, imr;
    u8 icw1, icw2, icw3, icw4;
    u8 elcr;
    u8 lowest; /* the input with the lowest priority, 7 unless rotated */
    u8 phase;  /* enum pic_phase */
    bool read_isr, poll, special_mask, rotate_aeoi;
};

struct pic {
    struct device dev;

    /* Wiring. */
    struct irq_line intr;

    /* Guest state. */
    struct pic_chip chip[2]; /* master, slave */
};

static u8 chip_irr(const struct pic_chip *c)
{
    return (u8)((c->lines & c->elcr) | (c->edges & ~c->elcr));
}

/* How far input n is below the highest priority: 0 to 7. */
static unsigned chip_rank(const struct pic_chip *c, unsigned n)
{
    return (n - c->lowest - 1u) & 7;
}

/* The input with the highest priority among `bits`, or -1. */
static int chip_highest(const struct pic_chip *c, u8 bits)
{
    unsigned i, n;

    for (i = 1; i <= 8; i++) {
        n = (c->lowest + i) & 7;
        if (bits & 1u << n)
            return (int)n;
    }
    return -1;
}

/* The input that INT is asserted for, or -1. "Fully Nested Mode", "Special Mask Mode". */
static int chip_request(const struct pic_chip *c, bool is_master)
{
    int want = chip_highest(c, (u8)(chip_irr(c) & ~c->imr));
    u8 blocking = c->isr;
    int served;

    if (c->phase != PIC_READY || want < 0)
        return -1;
    if (c->special_mask)
        blocking &= (u8)~c->imr;
    /* "Special Fully Nested Mode": a slave in service does not lock itself out. */
    if (is_master && (c->icw4 & ICW4_SFNM) && want == CASCADE)
        blocking &= (u8) ~(1u << CASCADE);
    served = chip_highest(c, blocking);
    if (served >= 0 && chip_rank(c, (unsigned)want) >= chip_rank(c, (unsigned)served))
        return -1;
    return want;
}

static void chip_set_line(struct pic_chip *c, unsigned n, bool level)
{
    u8 bit = (u8)(1u << n);

    if (level) {
        c->edges |= bit & ~c->lines;
        c->lines |= bit;
    } else {
        /* The request must stay high until the first INTA; a shorter one leaves nothing behind.
         * "Edge and Level Triggered Modes". */
        c->edges &= (u8)~bit;
        c->lines &= (u8)~bit;
    }
}

/* INT of both chips after any change: the slave's is an input of the master. */
static void pic_update(struct pic *p)
{
    chip_set_line(&p->chip[0], CASCADE, chip_request(&p->chip[1], false) >= 0);
    irq_set(&p->intr, chip_request(&p->chip[0], true) >= 0);
}

static void chip_end_of_interrupt(struct pic_chip *c, int n, bool rotate)
{
    if (n < 0)
        return;
    c->isr &= (u8) ~(1u << n);
    if (rotate)
        c->lowest = (u8)n;
}

/* Move a request into service, as the first INTA or a poll does. */
static void chip_accept(struct pic_chip *c, unsigned n)
{
    c->edges &= (u8) ~(1u << n);
    c->isr |= (u8)(1u << n);
    if (c->icw4 & ICW4_AEOI)
        chip_end_of_interrupt(c, (int)n, c->rotate_aeoi);
}

/*
 * The byte of the second INTA for input n. In MCS-80 mode it is the low half of a CALL's address,
 * in steps of 4 or 8 bytes: useless to an x86, but that is what it would get.
 */
static u8 chip_vector(const struct pic_chip *c, unsigned n)
{
    if (c->icw4 & ICW4_8086)
        return (u8)((c->icw2 & 0xF8) | n);
    if (c->icw1 & ICW1_ADI)
        return (u8)((c->icw1 & 0xE0) | n << 2);
    return (u8)((c->icw1 & 0xC0) | n << 3);
}

/* One chip's share of the INTA cycles; without a request it answers for IR7 and serves nothing. */
static unsigned chip_acknowledge(struct pic_chip *c, bool is_master)
{
    int n = chip_request(c, is_master);

    if (n < 0)
        return 7;
    chip_accept(c, (unsigned)n);
    return (unsigned)n;
}

static bool pic_cascaded(const struct pic *p, unsigned n)
{
    const struct pic_chip *m = &p->chip[0];

    return n == CASCADE && !(m->icw1 & ICW1_SNGL) && (m->icw3 & 1u << CASCADE);
}

u8 pic_acknowledge(struct device *dev)
{
    struct pic *p = (struct pic *)dev;
    struct pic_chip *master = &p->chip[0], *slave = &p->chip[1];
    unsigned n = chip_acknowledge(master, true);
    u8 vector = chip_vector(master, n);

    if (pic_cascaded(p, n)) {
        /* The slave that finds its number on CAS0..2 drives the bus; else it floats. */
        vector = (slave->icw3 & 7) == CASCADE ? chip_vector(slave, chip_acknowledge(slave, false))
                                              : 0xFF;
        /* INT falls with the acknowledge: should the slave have more to ask for, that is a new
         * edge. Matters with automatic EOI only, where nothing else brings it down. */
        chip_set_line(master, CASCADE, false);
    }
    pic_update(p);
    return vector;
}

bool pic_intr(const struct device *dev)
{
    return chip_request(&((const struct pic *)dev)->chip[0], true) >= 0;
}

/* "Initialization Command Words 1 and 2": what ICW1 clears. */
static void chip_write_icw1(struct pic_chip *c, u8 value)
{
    c->icw1 = value;
    c->edges = 0;
    c->isr = 0;
    c->imr = 0;
    c->lowest = 7;
    c->icw3 = 7; /* the slave's address */
    c->special_mask = false;
    c->rotate_aeoi = false;
    c->read_isr = false;
    c->poll = false;
    if (!(value & ICW1_IC4))
        c->icw4 = 0;
    c->phase = PIC_ICW2;
}

static void chip_write_ocw2(struct pic_chip *c, u8 value)
{
    u8 candidates = c->isr;
    int level = value & 7;

    if (!(value & OCW2_EOI)) {
        if ((value & OCW2_SL) && (value & OCW2_R))
            c->lowest = (u8)level; /* set priority */
        else if (!(value & OCW2_SL))
            c->rotate_aeoi = value & OCW2_R;
        return;
    }
    if (!(value & OCW2_SL)) {
        /* "End of Interrupt": a non-specific EOI passes over masked bits in special mask mode. */
        if (c->special_mask)
            candidates &= (u8)~c->imr;
        level = chip_highest(c, candidates);
    }
    chip_end_of_interrupt(c, level, value & OCW2_R);
}

static void chip_write_ocw3(struct pic_chip *c, u8 value)
{
    if (value & OCW3_ESMM)
        c->special_mask = value & OCW3_SMM;
    c->poll = value & OCW3_P;
    if (value & OCW3_RR)
        c->read_isr = value & OCW3_RIS;
}

static void chip_write_even(struct pic_chip *c, u8 value)
{
    if (value & ICW1_SELECT)
        chip_write_icw1(c, value);
    else if (value & OCW3_SELECT)
        chip_write_ocw3(c, value);
    else
        chip_write_ocw2(c, value);
}

static void chip_write_odd(struct pic_chip *c, u8 value)
{
    switch (c->phase) {
    case PIC_ICW2:
        c->icw2 = value;
        c->phase = !(c->icw1 & ICW1_SNGL) ? PIC_ICW3 : c->icw1 & ICW1_IC4 ? PIC_ICW4 : PIC_READY;
        break;
    case PIC_ICW3:
        c->icw3 = value;
        c->phase = c->icw1 & ICW1_IC4 ? PIC_ICW4 : PIC_READY;
        break;
    case PIC_ICW4:
        c->icw4 = value;
        c->phase = PIC_READY;
        break;
    default: c->imr = value; break;
    }
}

/* "Poll Command": the next read of either port acknowledges the request and names it. */
static u8 chip_poll(struct pic_chip *c, bool is_master)
{
    int n = chip_request(c, is_master);

    c->poll = false;
    if (n < 0)
        return 0;
    chip_accept(c, (unsigned)n);
    return (u8)(POLL_I | n);
}

static u32 pic_read(void *opaque, u16 port)
{
    struct pic *p = opaque;
    bool is_master = port < PIC_SLAVE_PORT;
    struct pic_chip *c = &p->chip[!is_master];
    u8 value;

    if (c->poll) {
        value = chip_poll(c, is_master);
        pic_update(p);
        return value;
    }
    if (port & 1)
        return c->imr;
    return c->read_isr ? c->isr : chip_irr(c);
}

static void pic_write(void *opaque, u16 port, u32 value)
{
    struct pic *p = opaque;
    struct pic_chip *c = &p->chip[port >= PIC_SLAVE_PORT];

    if (port & 1)
        chip_write_odd(c, (u8)value);
    else
        chip_write_even(c, (u8)value);
    pic_update(p);
}

static u32 elcr_read(void *opaque, u16 port)
{
    struct pic *p = opaque;

    return p->chip[port & 1].elcr;
}

static void elcr_write(void *opaque, u16 port, u32 value)
{
    struct pic *p = opaque;

    if (value & ~elcr_writable[port & 1])
        dev_guest(&p->dev, "ELCR%u = %02x: IRQ 0, 1, 2, 8, 13 stay edge triggered", (port & 1) + 1u,
                  value);
    p->chip[port & 1].elcr = (u8)value & elcr_writable[port & 1];
    pic_update(p);
}

static void pic_set_line(void *opaque, unsigned n, bool level)
{
    struct pic *p = opaque;
    struct pic_chip *c = &p->chip[n >> 3];

    if (n == CASCADE || (c->lines >> (n & 7) & 1) == level)
        return;
    chip_set_line(c, n & 7, level);
    pic_update(p);
}

struct irq_line pic_line(struct device *dev, unsigned irq)
{
    assert(irq < 16);
    return (struct irq_line){.set = pic_set_line, .opaque = dev, .n = irq};
}

u16 pic_masked(const struct device *dev)
{
    const struct pic *p = (const struct pic *)dev;

    return (u16)(p->chip[0].imr | p->chip[1].imr << 8);
}

/* Where a report has got to; what does not fit is cut. */
struct words {
    char *at;
    size_t room;
};

static void say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *w, const char *fmt, ...)
{
    va_list args;
    size_t n;

    va_start(args, fmt);
    n = (size_t)vsnprintf(w->at, w->room, fmt, args);
    va_end(args);
    n = n < w->room ? n : w->room ? w->room - 1 : 0;
    w->at += n;
    w->room -= n;
}

/* The interrupts of a chip that a mask names, by their numbers in the machine. */
static void say_irqs(struct words *w, const char *what, u8 mask, unsigned first)
{
    say(w, "; %s", what);
    for (unsigned i = 0; i < 8; i++)
        if (mask >> i & 1)
            say(w, " %u", first + i);
    if (!mask)
        say(w, " none");
}

static void chip_describe(const struct pic_chip *c, const char *name, unsigned first,
                          struct words *w)
{
    if (c->phase != PIC_READY) {
        say(w, "%s: not initialised\n", name);
        return;
    }
    say(w, "%s, vectors %02x-%02x", name, c->icw2 & 0xF8, c->icw2 | 7);
    say_irqs(w, "requested", chip_irr(c), first);
    say_irqs(w, "masked", c->imr, first);
    say_irqs(w, "in service", c->isr, first);
    if (c->elcr)
        say_irqs(w, "level-triggered", c->elcr, first);
    if (c->lowest != 7)
        say(w, "; %u has the lowest priority", first + c->lowest);
    say(w, "%s%s%s%s\n", c->icw4 & ICW4_AEOI ? "; automatic EOI" : "",
        c->icw4 & ICW4_SFNM ? "; special fully nested" : "",
        c->special_mask ? "; special mask mode" : "", c->rotate_aeoi ? "; rotating" : "");
}

void pic_describe(struct device *dev, char *out, size_t out_size)
{
    struct pic *p = (struct pic *)dev;
    struct words w = {out, out_size};

    chip_describe(&p->chip[0], "master", 0, &w);
    chip_describe(&p->chip[1], "slave", 8, &w);
    say(&w, "INTR is %s\n", pic_intr(dev) ? "high" : "low");
}

/*
 * The chips have no reset pin and wake up with any contents. Ours ask for nothing until they have
 * been initialised. The lines belong to those who drive them, and keep their levels.
 */
static void pic_reset(struct device *dev)
{
    struct pic *p = (struct pic *)dev;
    unsigned i;

    for (i = 0; i < 2; i++)
        p->chip[i] = (struct pic_chip){.lines = p->chip[i].lines, .lowest = 7, .icw3 = 7};
    pic_update(p);
}

static void chip_state(struct pic_chip *c, struct state *s, u8 elcr_mask)
{
    state_u8(s, "lines", &c->lines);
    state_u8(s, "edges", &c->edges);
    state_u8(s, "isr", &c->isr);
    state_u8(s, "imr", &c->imr);
    state_u8(s, "icw1", &c->icw1);
    state_u8(s, "icw2", &c->icw2);
    state_u8(s, "icw3", &c->icw3);
    state_u8(s, "icw4", &c->icw4);
    state_u8(s, "elcr", &c->elcr);
    state_u8(s, "lowest", &c->lowest);
    state_u8(s, "phase", &c->phase);
    state_bool(s, "read_isr", &c->read_isr);
    state_bool(s, "poll", &c->poll);
    state_bool(s, "special_mask", &c->special_mask);
    state_bool(s, "rotate_aeoi", &c->rotate_aeoi);
    state_require(s, !(c->edges & ~c->lines), "pic: a request is latched from a low line");
    state_require(s, !(c->elcr & ~elcr_mask), "pic: ELCR has a bit that cannot be set");
    state_require(s, c->lowest <= 7, "pic: the lowest priority is no input");
    state_require(s, c->phase <= PIC_READY, "pic: unknown initialisation phase");
}

static void pic_state(struct device *dev, struct state *s)
{
    struct pic *p = (struct pic *)dev;
    unsigned i;

    for (i = 0; i < 2; i++)
        chip_state(&p->chip[i], s, elcr_writable[i]);
    state_require(s, (p->chip[0].lines >> CASCADE & 1) == (chip_request(&p->chip[1], false) >= 0),
                  "pic: the cascade line disagrees with the slave");
}

static const struct device_class pic_class = {
    .name = "pic",
    .version = 1,
    .reset = pic_reset,
    .state = pic_state,
    .destroy = device_free,
};

static const struct port_ops pic_ports = {.width = 1, .read = pic_read, .write = pic_write};
static const struct port_ops elcr_ports = {.width = 1, .read = elcr_read, .write = elcr_write};

struct device *pic_create(struct bus *bus, struct irq_line intr)
{
    struct pic *p = device_new(&pic_class, sizeof *p);

    p->intr = intr;
    bus_map_ports(bus, PIC_MASTER_PORT, 2, &pic_ports, p);
    bus_map_ports(bus, PIC_SLAVE_PORT, 2, &pic_ports, p);
    bus_map_ports(bus, PIC_ELCR_PORT, 2, &elcr_ports, p);
    return &p->dev;
}

/*
 * Parallel port: the PC's printer adapter with the bidirectional data of the PS/2.
 * Sources: IBM PC AT Technical Reference, "Serial/Parallel Adapter"; IBM PS/2 Hardware Interface
 * Technical Reference, "Parallel Port Controller"; IEEE 1284-1994, "Compatibility Mode".
 *
 *   +0 data     +1 status  7 not busy | 6 not ACK | 5 paper out | 4 selected | 3 not error
 *                          2 not IRQ (PS/2): low from the printer's ACK until status is read
 *   +2 control  5 input | 4 interrupt at ACK | 3 select in | 2 not init | 1 auto feed | 0 strobe
 *
 * The printer takes a byte at the rise of STROBE, is busy for 10 us and ends with a 5 us ACK, at
 * whose end the interrupt comes: some 60 KB/s. With no printer the inputs float high.
 * Not modelled: EPP and ECP, whose registers are not there; input data (nobody drives it: FFh).
 */
#include "devices/serial/parallel.h"

#include "base/clock.h"
#include "devices/device.h"
#include "devices/host/chr.h"
#include "mmu/bus.h"

enum {
    REG_DATA = 0,
    REG_STATUS = 1,
    REG_CONTROL = 2,
    PORTS = 3,

    STATUS_FIXED = 0x03, /* unused bits read as ones */
    STATUS_NOT_IRQ = 0x04,
    STATUS_NOT_ERROR = 0x08,
    STATUS_SELECTED = 0x10,
    STATUS_PAPER_OUT = 0x20,
    STATUS_NOT_ACK = 0x40,
    STATUS_NOT_BUSY = 0x80,

    CONTROL_STROBE = 0x01,
    CONTROL_IRQ = 0x10,
    CONTROL_INPUT = 0x20,
    CONTROL_WRITABLE = 0x3F,
    CONTROL_FIXED = 0xC0,

    BUSY_NS = 10000,
    ACK_NS = 5000,
};

enum phase { PHASE_READY, PHASE_BUSY, PHASE_ACK, PHASES };

struct parallel {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct irq_line irq;
    struct chr *out;
    u16 port;

    /* Guest state. */
    u8 data, control;
    u8 phase;   /* enum phase: where the printer is with its byte */
    bool acked; /* an ACK has ended since status was read or a byte was sent */
    struct timer next;
};

static void parallel_update_irq(struct parallel *d)
{
    irq_set(&d->irq, d->acked && (d->control & CONTROL_IRQ));
}

static void parallel_next_phase(void *opaque)
{
    struct parallel *d = opaque;

    if (d->phase == PHASE_BUSY) {
        d->phase = PHASE_ACK;
        timer_set(&d->next, clock_now(d->clock) + ACK_NS);
        return;
    }
    d->phase = PHASE_READY;
    d->acked = true;
    parallel_update_irq(d);
}

static void parallel_strobe(struct parallel *d)
{
    if (!d->out || d->phase != PHASE_READY)
        return;
    chr_write(d->out, &d->data, 1);
    d->acked = false;
    d->phase = PHASE_BUSY;
    timer_set(&d->next, clock_now(d->clock) + BUSY_NS);
}

static u8 parallel_status(const struct parallel *d)
{
    u8 status = STATUS_FIXED | STATUS_NOT_ERROR | STATUS_SELECTED;

    if (!d->acked)
        status |= STATUS_NOT_IRQ;
    if (!d->out) /* BUSY floats high too, and is shown inverted */
        return status | STATUS_PAPER_OUT | STATUS_NOT_ACK;
    if (d->phase != PHASE_ACK)
        status |= STATUS_NOT_ACK;
    if (d->phase == PHASE_READY)
        status |= STATUS_NOT_BUSY;
    return status;
}

static u32 parallel_read(void *opaque, u16 port)
{
    struct parallel *d = opaque;
    u8 value;

    switch (port - d->port) {
    case REG_DATA: return d->control & CONTROL_INPUT ? 0xFF : d->data;
    case REG_CONTROL: return d->control | CONTROL_FIXED;
    }
    value = parallel_status(d);
    d->acked = false;
    parallel_update_irq(d);
    return value;
}

static void parallel_write(void *opaque, u16 port, u32 value)
{
    struct parallel *d = opaque;
    bool rises;

    switch (port - d->port) {
    case REG_DATA: d->data = (u8)value; break;
    case REG_CONTROL:
        rises = value & ~d->control & CONTROL_STROBE;
        d->control = value & CONTROL_WRITABLE;
        if (rises)
            parallel_strobe(d);
        parallel_update_irq(d);
        break;
    }
}

static void parallel_reset(struct device *dev)
{
    struct parallel *d = (struct parallel *)dev;

    d->data = d->control = 0;
    d->phase = PHASE_READY;
    d->acked = false;
    timer_cancel(&d->next);
    parallel_update_irq(d);
}

static void parallel_state(struct device *dev, struct state *s)
{
    struct parallel *d = (struct parallel *)dev;

    state_u8(s, "data", &d->data);
    state_u8(s, "control", &d->control);
    state_u8(s, "phase", &d->phase);
    state_bool(s, "acked", &d->acked);
    timer_state(s, "next", &d->next);
    state_require(s, (d->control & ~CONTROL_WRITABLE) == 0 && d->phase < PHASES,
                  "parallel: a register is out of range");
    state_require(s, timer_is_set(&d->next) == (d->phase != PHASE_READY),
                  "parallel: busy without an end, or an end without being busy");
}

static const struct device_class parallel_class = {
    .name = "parallel",
    .version = 1,
    .reset = parallel_reset,
    .state = parallel_state,
    .destroy = device_free,
};

static const struct port_ops parallel_ports = {
    .width = 1,
    .read = parallel_read,
    .write = parallel_write,
};

struct device *parallel_create(struct bus *bus, struct clock *clock, u16 port, struct irq_line irq,
                               struct chr *out, const char *instance)
{
    struct parallel *d = device_new(&parallel_class, sizeof *d);

    d->dev.instance = instance;
    d->clock = clock;
    d->irq = irq;
    d->out = out;
    d->port = port;
    timer_init(&d->next, clock, parallel_next_phase, d);
    bus_map_ports(bus, port, PORTS, &parallel_ports, d);
    return &d->dev;
}

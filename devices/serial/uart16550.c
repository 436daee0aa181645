/*
 * 16550A serial port with its FIFOs, at the speed that its divisor sets, on a PC adapter card:
 * 1.8432 MHz crystal, interrupt enabled by OUT2.
 * Source: National Semiconductor PC16550D data sheet, "Registers" and "FIFO Interrupt Mode
 * Operation"; IBM PC/AT Technical Reference, "Serial/Parallel Adapter" for OUT2.
 *
 *   port  DLAB=0 read   DLAB=0 write   DLAB=1
 *   +0    RBR           THR            divisor, low byte
 *   +1    IER           IER            divisor, high byte
 *   +2    IIR           FCR            as left
 *   +3..7 LCR MCR LSR MSR SCR
 *
 * The cable never loses a byte: input beyond the receiver's room waits on the line (`line`) and
 * arrives one character time apart. An overrun is thus possible in loop-back only. The other way,
 * the peer takes characters faster than the line could carry them: the pace, see the header.
 * Not modelled: the rate at which characters leave, a break and parity towards the host, DMA modes,
 * the one-character delay of the transmitter interrupt; OUT2 gates the interrupt in loop-back too,
 * as on integrated ports.
 */
#include "devices/serial/uart16550.h"

#include "base/clock.h"
#include "devices/device.h"
#include "devices/host/chr.h"
#include "mmu/bus.h"

#include <string.h>

enum {
    UART_HZ = 1843200,
    UART_PORTS = 8,
    FIFO_BYTES = 16,
    LINE_BYTES = 4096, /* a power of two */
    TIMEOUT_CHARS = 4,
    DIVISOR_9600 = 12,
    DIVISOR_MAX = 0x10000, /* what a zero counts as in a 16-bit down-counter */

    REG_DATA = 0, /* RBR, THR, DLL */
    REG_IER = 1,  /* and DLM */
    REG_IIR = 2,  /* and FCR */
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCR = 7,

    IER_ERBFI = 1,
    IER_ETBEI = 2,
    IER_ELSI = 4,
    IER_EDSSI = 8,
    IER_ALL = 15,

    IIR_NONE = 1,
    IIR_MODEM = 0,
    IIR_THRE = 2,
    IIR_DATA = 4,
    IIR_LINE = 6,
    IIR_TIMEOUT = 12,
    IIR_FIFOS = 0xC0,

    FCR_ENABLE = 1,
    FCR_RX_RESET = 2,
    FCR_TX_RESET = 4,
    FCR_KEPT = 0xC9,

    LCR_WORD = 3,
    LCR_STB = 4,
    LCR_PEN = 8,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,

    MCR_DTR = 1,
    MCR_RTS = 2,
    MCR_OUT1 = 4,
    MCR_OUT2 = 8,
    MCR_LOOP = 16,
    MCR_ALL = 31,

    LSR_DR = 1,
    LSR_OE = 2,
    LSR_FE = 8,
    LSR_BI = 16,
    LSR_THRE = 32,
    LSR_TEMT = 64,
    LSR_FIFO_ERROR = 128,
    LSR_CHAR_ERRORS = 0x1C, /* PE, FE, BI: they travel with their character */

    MSR_DCTS = 1,
    MSR_DDSR = 2,
    MSR_TERI = 4,
    MSR_DDCD = 8,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
};

struct uart {
    struct device dev;

    /* Wiring. */
    struct clock *clock;
    struct irq_line irq;
    struct chr *chr;
    u32 pace; /* of the transmitter */

    /* Guest state. */
    u8 ier, fcr, lcr, mcr, scr;
    u16 divisor;
    u8 msr_deltas; /* low nibble of MSR */
    bool overrun;
    bool thre_pending;    /* transmitter interrupt, not yet read or served */
    bool timeout_pending; /* characters lie in the FIFO and nobody comes */
    u8 rx[FIFO_BYTES], rx_errors[FIFO_BYTES];
    u8 rx_count; /* oldest at 0 */
    u8 rx_last;  /* what RBR shows when empty */
    u8 tx[FIFO_BYTES];
    u8 tx_count;
    u8 shift; /* being sent */
    bool shifting;
    u8 line[LINE_BYTES]; /* input not yet arrived; a ring */
    u16 line_head, line_count;
    struct timer sent, arrives, timeout;
};

static unsigned uart_depth(const struct uart *u)
{
    return u->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

/* One character on the wire: start bit, 5 to 8 data bits, parity, 1, 1.5 or 2 stop bits. */
static u64 uart_char_at(const struct uart *u, u32 divisor)
{
    unsigned word = 5 + (u->lcr & LCR_WORD);
    unsigned half_bits = 2 * (1 + word + !!(u->lcr & LCR_PEN)) + 2;

    if (u->lcr & LCR_STB)
        half_bits += word == 5 ? 1 : 2;
    return muldiv_up_u64((u64)half_bits * 8 * divisor, NS_PER_SEC, UART_HZ);
}

/* The same at the rate that is programmed. */
static u64 uart_char_ns(const struct uart *u)
{
    return uart_char_at(u, u->divisor ? u->divisor : DIVISOR_MAX);
}

/* How long the transmitter takes over a character: less than the line would, but in a loop. */
static u64 uart_send_ns(const struct uart *u)
{
    if (u->pace == 1 || (u->mcr & MCR_LOOP))
        return uart_char_ns(u);
    return max_u64(uart_char_at(u, 1) / u->pace, 1);
}

static u8 uart_word_mask(const struct uart *u)
{
    return (u8)(0xFF >> (3 - (u->lcr & LCR_WORD)));
}

static u8 uart_lsr(const struct uart *u)
{
    u8 lsr = 0;
    unsigned i;

    if (u->rx_count)
        lsr |= LSR_DR | u->rx_errors[0];
    if (u->overrun)
        lsr |= LSR_OE;
    if (u->tx_count == 0)
        lsr |= LSR_THRE | (u->shifting ? 0 : LSR_TEMT);
    for (i = 0; (u->fcr & FCR_ENABLE) && i < u->rx_count; i++)
        if (u->rx_errors[i])
            lsr |= LSR_FIFO_ERROR;
    return lsr;
}

/* The four inputs: the peer's, which is ready whenever it exists, or our own outputs in a loop. */
static u8 uart_inputs(const struct uart *u)
{
    u8 msr = 0;

    if (!(u->mcr & MCR_LOOP))
        return u->chr ? MSR_CTS | MSR_DSR | MSR_DCD : 0;
    if (u->mcr & MCR_RTS)
        msr |= MSR_CTS;
    if (u->mcr & MCR_DTR)
        msr |= MSR_DSR;
    if (u->mcr & MCR_OUT1)
        msr |= MSR_RI;
    if (u->mcr & MCR_OUT2)
        msr |= MSR_DCD;
    return msr;
}

static bool uart_data_ready(const struct uart *u)
{
    static const u8 trigger[4] = {1, 4, 8, 14};

    return u->rx_count >= (u->fcr & FCR_ENABLE ? trigger[u->fcr >> 6] : 1);
}

/* The interrupt that IIR names: the highest one pending, in the data sheet's order. */
static u8 uart_interrupt(const struct uart *u)
{
    if ((u->ier & IER_ELSI) && (uart_lsr(u) & (LSR_OE | LSR_CHAR_ERRORS)))
        return IIR_LINE;
    if ((u->ier & IER_ERBFI) && uart_data_ready(u))
        return IIR_DATA;
    if ((u->ier & IER_ERBFI) && u->timeout_pending)
        return IIR_TIMEOUT;
    if ((u->ier & IER_ETBEI) && u->thre_pending)
        return IIR_THRE;
    if ((u->ier & IER_EDSSI) && u->msr_deltas)
        return IIR_MODEM;
    return IIR_NONE;
}

static void uart_update_irq(struct uart *u)
{
    irq_set(&u->irq, (u->mcr & MCR_OUT2) && uart_interrupt(u) != IIR_NONE);
}

/* Four character times after the last arrival or read, what is left in the FIFO is announced. */
static void uart_restart_timeout(struct uart *u)
{
    u->timeout_pending = false;
    if ((u->fcr & FCR_ENABLE) && u->rx_count)
        timer_set(&u->timeout, clock_now(u->clock) + TIMEOUT_CHARS * uart_char_ns(u));
    else
        timer_cancel(&u->timeout);
}

static void uart_timed_out(void *opaque)
{
    struct uart *u = opaque;

    u->timeout_pending = true;
    uart_update_irq(u);
}

/* A character is complete in the receiver's shift register. */
static void uart_arrive(struct uart *u, u8 byte, u8 errors)
{
    if (u->rx_count == uart_depth(u)) {
        u->overrun = true;
        if (u->fcr & FCR_ENABLE) /* the FIFO keeps what it has; the character is lost */
            return;
        u->rx_count = 0;
    }
    u->rx[u->rx_count] = byte & uart_word_mask(u);
    u->rx_errors[u->rx_count++] = errors;
    uart_restart_timeout(u);
}

/* Is the next character of the line on its way, or has it to wait? */
static bool uart_listens(const struct uart *u)
{
    return u->line_count && !(u->mcr & MCR_LOOP) && u->rx_count < uart_depth(u);
}

static void uart_listen(struct uart *u)
{
    if (uart_listens(u) && !timer_is_set(&u->arrives))
        timer_set(&u->arrives, clock_now(u->clock) + uart_char_ns(u));
}

static void uart_line_arrives(void *opaque)
{
    struct uart *u = opaque;

    if (!uart_listens(u))
        return;
    uart_arrive(u, u->line[u->line_head], 0);
    u->line_head = (u->line_head + 1) % LINE_BYTES;
    u->line_count--;
    uart_listen(u);
    uart_update_irq(u);
}

static void uart_receive(void *opaque, const u8 *data, size_t len)
{
    struct uart *u = opaque;
    size_t i;

    for (i = 0; i < len && u->line_count < LINE_BYTES; i++)
        u->line[(u->line_head + u->line_count++) % LINE_BYTES] = data[i];
    if (i < len)
        dev_warn(&u->dev, "%s: %zu bytes of input lost", u->dev.instance, len - i);
    uart_listen(u);
}

size_t uart16550_room(const struct device *dev)
{
    return LINE_BYTES - ((const struct uart *)dev)->line_count;
}

/* Move the next character into the idle shift register. */
static void uart_send_next(struct uart *u)
{
    if (u->shifting || u->tx_count == 0)
        return;
    u->shift = u->tx[0];
    u->shifting = true;
    u->tx_count--;
    memmove(u->tx, u->tx + 1, u->tx_count);
    if (u->tx_count == 0)
        u->thre_pending = true;
    timer_set(&u->sent, clock_now(u->clock) + uart_send_ns(u));
}

static void uart_sent(void *opaque)
{
    struct uart *u = opaque;
    u8 byte = u->shift & uart_word_mask(u);

    u->shifting = false;
    if (u->mcr & MCR_LOOP)
        uart_arrive(u, byte, 0);
    else
        chr_write(u->chr, &byte, 1);
    uart_send_next(u);
    uart_update_irq(u);
}

static void uart_write_thr(struct uart *u, u8 value)
{
    u->thre_pending = false;
    uart_update_irq(u); /* the line falls, so that an edge-triggered PIC sees the next rise */
    if (u->tx_count == uart_depth(u)) {
        dev_guest(&u->dev, "%s: byte %02X written to a full transmitter", u->dev.instance, value);
        u->tx_count--;
    }
    u->tx[u->tx_count++] = value;
    uart_send_next(u);
}

static u8 uart_read_rbr(struct uart *u)
{
    if (u->rx_count) {
        u->rx_last = u->rx[0];
        u->rx_count--;
        memmove(u->rx, u->rx + 1, u->rx_count);
        memmove(u->rx_errors, u->rx_errors + 1, u->rx_count);
        uart_restart_timeout(u);
        uart_listen(u);
    }
    return u->rx_last;
}

static u8 uart_read_iir(struct uart *u)
{
    u8 id = uart_interrupt(u);

    if (id == IIR_THRE)
        u->thre_pending = false;
    return id | (u->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static u8 uart_read_lsr(struct uart *u)
{
    u8 lsr = uart_lsr(u);

    u->overrun = false;
    if (u->rx_count)
        u->rx_errors[0] = 0;
    return lsr;
}

static u8 uart_read_msr(struct uart *u)
{
    u8 msr = uart_inputs(u) | u->msr_deltas;

    u->msr_deltas = 0;
    return msr;
}

static void uart_write_ier(struct uart *u, u8 value)
{
    /* Enabling the transmitter interrupt while THR is empty raises it. */
    if ((value & ~u->ier & IER_ETBEI) && u->tx_count == 0)
        u->thre_pending = true;
    u->ier = value & IER_ALL;
}

static void uart_write_fcr(struct uart *u, u8 value)
{
    /* Turning the FIFOs on or off empties both; the other bits count only with bit 0 set. */
    if ((value ^ u->fcr) & FCR_ENABLE)
        value |= FCR_RX_RESET | FCR_TX_RESET;
    if (value & FCR_RX_RESET) {
        u->rx_count = 0;
        u->overrun = false;
    }
    if ((value & FCR_TX_RESET) && u->tx_count) {
        u->tx_count = 0;
        u->thre_pending = true;
    }
    u->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
    if (u->rx_count == 0)
        uart_restart_timeout(u);
    uart_listen(u);
}

static void uart_write_lcr(struct uart *u, u8 value)
{
    bool starts_break = value & ~u->lcr & LCR_BREAK;

    u->lcr = value;
    /* A break in a loop is received as one zero whose stop bit is missing. */
    if (starts_break && (u->mcr & MCR_LOOP))
        uart_arrive(u, 0, LSR_BI | LSR_FE);
}

static void uart_write_mcr(struct uart *u, u8 value)
{
    u8 before = uart_inputs(u);
    u8 changed;

    u->mcr = value & MCR_ALL;
    changed = before ^ uart_inputs(u);
    if (!(before & MSR_RI)) /* TERI reports the end of a ring only */
        changed &= ~MSR_RI;
    u->msr_deltas |= changed >> 4;
    uart_listen(u);
}

static u32 uart_read(void *opaque, u16 port)
{
    struct uart *u = opaque;
    unsigned reg = port % UART_PORTS;
    u8 value = 0;

    if ((u->lcr & LCR_DLAB) && reg <= REG_IER)
        return reg == REG_DATA ? u->divisor & 0xFF : u->divisor >> 8;
    switch (reg) {
    case REG_DATA: value = uart_read_rbr(u); break;
    case REG_IER: return u->ier;
    case REG_IIR: value = uart_read_iir(u); break;
    case REG_LCR: return u->lcr;
    case REG_MCR: return u->mcr;
    case REG_LSR: value = uart_read_lsr(u); break;
    case REG_MSR: value = uart_read_msr(u); break;
    case REG_SCR: return u->scr;
    }
    uart_update_irq(u);
    return value;
}

static void uart_write_divisor(struct uart *u, unsigned reg, u8 value)
{
    if (reg == REG_DATA)
        u->divisor = (u->divisor & 0xFF00) | value;
    else
        u->divisor = (u16)((u->divisor & 0xFF) | value << 8);
}

static void uart_write(void *opaque, u16 port, u32 value)
{
    struct uart *u = opaque;
    unsigned reg = port % UART_PORTS;

    if ((u->lcr & LCR_DLAB) && reg <= REG_IER) {
        uart_write_divisor(u, reg, (u8)value);
        return;
    }
    switch (reg) {
    case REG_DATA: uart_write_thr(u, (u8)value); break;
    case REG_IER: uart_write_ier(u, (u8)value); break;
    case REG_IIR: uart_write_fcr(u, (u8)value); break;
    case REG_LCR: uart_write_lcr(u, (u8)value); break;
    case REG_MCR: uart_write_mcr(u, (u8)value); break;
    case REG_LSR: /* for the factory's tests */
    case REG_MSR: return;
    case REG_SCR: u->scr = (u8)value; return;
    }
    uart_update_irq(u);
}

static void uart_reset(struct device *dev)
{
    struct uart *u = (struct uart *)dev;

    /* MR leaves scratch and divisor alone; for a first value they have 0 and 9600 baud here. */
    u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
    u->divisor = DIVISOR_9600;
    u->msr_deltas = 0;
    u->overrun = u->thre_pending = u->timeout_pending = false;
    memset(u->rx, 0, sizeof u->rx);
    memset(u->rx_errors, 0, sizeof u->rx_errors);
    memset(u->tx, 0, sizeof u->tx);
    memset(u->line, 0, sizeof u->line);
    u->rx_count = u->rx_last = u->tx_count = u->shift = 0;
    u->shifting = false;
    u->line_head = u->line_count = 0;
    timer_cancel(&u->sent);
    timer_cancel(&u->arrives);
    timer_cancel(&u->timeout);
    uart_update_irq(u);
}

static void uart_state_queues(struct uart *u, struct state *s)
{
    state_bytes(s, "rx", u->rx, sizeof u->rx);
    state_bytes(s, "rx_errors", u->rx_errors, sizeof u->rx_errors);
    state_u8(s, "rx_count", &u->rx_count);
    state_u8(s, "rx_last", &u->rx_last);
    state_bytes(s, "tx", u->tx, sizeof u->tx);
    state_u8(s, "tx_count", &u->tx_count);
    state_u8(s, "shift", &u->shift);
    state_bool(s, "shifting", &u->shifting);
    state_bytes(s, "line", u->line, sizeof u->line);
    state_u16(s, "line_head", &u->line_head);
    state_u16(s, "line_count", &u->line_count);
    state_require(s, u->rx_count <= uart_depth(u), "uart16550: receiver holds too much");
    state_require(s, u->tx_count <= uart_depth(u), "uart16550: transmitter holds too much");
    state_require(s, u->line_head < LINE_BYTES && u->line_count <= LINE_BYTES,
                  "uart16550: more input on the line than it holds");
}

static void uart_state(struct device *dev, struct state *s)
{
    struct uart *u = (struct uart *)dev;

    state_u8(s, "ier", &u->ier);
    state_u8(s, "fcr", &u->fcr);
    state_u8(s, "lcr", &u->lcr);
    state_u8(s, "mcr", &u->mcr);
    state_u8(s, "scr", &u->scr);
    state_u16(s, "divisor", &u->divisor);
    state_u8(s, "msr_deltas", &u->msr_deltas);
    state_bool(s, "overrun", &u->overrun);
    state_bool(s, "thre_pending", &u->thre_pending);
    state_bool(s, "timeout_pending", &u->timeout_pending);
    state_require(s, u->ier <= IER_ALL && u->mcr <= MCR_ALL && u->msr_deltas <= 15,
                  "uart16550: a register has reserved bits set");
    uart_state_queues(u, s);
    timer_state(s, "sent", &u->sent);
    timer_state(s, "arrives", &u->arrives);
    timer_state(s, "timeout", &u->timeout);
    state_require(s, timer_is_set(&u->sent) == u->shifting,
                  "uart16550: sending without an end, or an end without sending");
}

static const struct device_class uart_class = {
    .name = "uart16550",
    .version = 1,
    .reset = uart_reset,
    .state = uart_state,
    .destroy = device_free,
};

static const struct port_ops uart_ports = {
    .width = 1,
    .read = uart_read,
    .write = uart_write,
};

struct device *uart16550_create(struct bus *bus, struct clock *clock, u16 port, struct irq_line irq,
                                struct chr *chr, const char *instance)
{
    struct uart *u = device_new(&uart_class, sizeof *u);

    assert(port % UART_PORTS == 0);
    u->dev.instance = instance;
    u->clock = clock;
    u->irq = irq;
    u->chr = chr;
    u->pace = UART16550_PACE_DEFAULT;
    if (chr) {
        chr->receive = uart_receive;
        chr->opaque = u;
    }
    timer_init(&u->sent, clock, uart_sent, u);
    timer_init(&u->arrives, clock, uart_line_arrives, u);
    timer_init(&u->timeout, clock, uart_timed_out, u);
    bus_map_ports(bus, port, UART_PORTS, &uart_ports, u);
    return &u->dev;
}

void uart16550_set_pace(struct device *dev, unsigned times)
{
    assert(times >= 1 && times <= 1000);
    ((struct uart *)dev)->pace = times;
}

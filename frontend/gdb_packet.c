/* See gdb_packet.h. */
#include "frontend/gdb_packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OUTSIDE, INSIDE, SUM_HIGH, SUM_LOW };

enum {
    INTERRUPT = 0x03,
    ESCAPE = '}',
    ESCAPE_XOR = 0x20,
    RUN_BIAS = 29, /* added to the number of repeats, to make it printable */
    RUN_LEAST = 3, /* fewer repeats are not shorter */
    RUN_MOST = 126 - RUN_BIAS,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- Input ---- */

static void begin(struct gdb_input *in)
{
    in->state = INSIDE;
    in->sum = 0;
    in->escaped = in->too_long = false;
    in->len = 0;
}

static enum gdb_event outside(struct gdb_input *in, u8 byte)
{
    switch (byte) {
    case '$': begin(in); return GDB_NOTHING;
    case '+': return GDB_ACK;
    case '-': return GDB_NAK;
    case INTERRUPT: return GDB_INTERRUPT;
    default: return GDB_NOTHING; /* noise between packets */
    }
}

static void inside(struct gdb_input *in, u8 byte)
{
    if (byte == '$') { /* the end of the one before was lost */
        begin(in);
        return;
    }
    if (byte == '#') {
        in->state = SUM_HIGH;
        return;
    }
    in->sum = (u8)(in->sum + byte);
    if (byte == ESCAPE && !in->escaped) {
        in->escaped = true;
        return;
    }
    if (in->len < GDB_PACKET_MAX)
        in->data[in->len++] = (char)(in->escaped ? byte ^ ESCAPE_XOR : byte);
    else
        in->too_long = true;
    in->escaped = false;
}

static enum gdb_event finish(struct gdb_input *in, u8 low)
{
    int high_digit = hex_digit((char)in->high), low_digit = hex_digit((char)low);

    in->state = OUTSIDE;
    in->data[in->len] = 0;
    if (high_digit < 0 || low_digit < 0 || in->too_long || in->escaped)
        return GDB_BAD_PACKET;
    return high_digit * 16 + low_digit == in->sum ? GDB_PACKET : GDB_BAD_PACKET;
}

enum gdb_event gdb_input_byte(struct gdb_input *in, u8 byte)
{
    switch (in->state) {
    case INSIDE: inside(in, byte); return GDB_NOTHING;
    case SUM_HIGH:
        in->high = byte;
        in->state = SUM_LOW;
        return GDB_NOTHING;
    case SUM_LOW: return finish(in, byte);
    default: return outside(in, byte);
    }
}

/* ---- Answers ---- */

void gdb_reply_clear(struct gdb_reply *r)
{
    r->len = 0;
    r->cut = false;
}

void gdb_reply_bytes(struct gdb_reply *r, const void *data, size_t len)
{
    if (r->cut || len > sizeof r->data - r->len) {
        r->cut = true;
        return;
    }
    memcpy(r->data + r->len, data, len);
    r->len += len;
}

void gdb_reply_text(struct gdb_reply *r, const char *text)
{
    gdb_reply_bytes(r, text, strlen(text));
}

void gdb_reply_textf(struct gdb_reply *r, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gdb_reply_text(r, text);
}

void gdb_reply_hex(struct gdb_reply *r, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const u8 *bytes = data;
    size_t i;

    for (i = 0; i < len; i++)
        gdb_reply_bytes(r, (char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
}

/* ---- Frames ---- */

static bool is_special(u8 c)
{
    return c == '$' || c == '#' || c == ESCAPE || c == '*';
}

/* How many repeats of data[0] follow it and can be written as one count. */
static size_t repeats(const u8 *data, size_t len)
{
    size_t n = 0;

    while (n + 1 < len && n < RUN_MOST && data[n + 1] == data[0])
        n++;
    if (n < RUN_LEAST)
        return 0;
    /* Counts that look like the end or start of a packet, or like an answer to one. */
    while (strchr("#$+-", (int)n + RUN_BIAS))
        n--;
    return n;
}

size_t gdb_frame(const void *data, size_t len, u8 *out)
{
    static const char digits[] = "0123456789abcdef";
    const u8 *in = data, *end = in + len;
    u8 *to = out, sum = 0, *at;
    size_t n;

    *to++ = '$';
    for (; in < end; in++) {
        if (is_special(*in)) {
            *to++ = ESCAPE;
            *to++ = *in ^ ESCAPE_XOR;
            continue;
        }
        *to++ = *in;
        n = repeats(in, (size_t)(end - in));
        if (n) {
            *to++ = '*';
            *to++ = (u8)(n + RUN_BIAS);
            in += n;
        }
    }
    for (at = out + 1; at < to; at++)
        sum = (u8)(sum + *at);
    *to++ = '#';
    *to++ = (u8)digits[sum >> 4];
    *to++ = (u8)digits[sum & 15];
    return (size_t)(to - out);
}

/* ---- Contents ---- */

bool gdb_take_number(const char **at, u64 *out)
{
    unsigned digits = 0;

    for (*out = 0; hex_digit(**at) >= 0; (*at)++) {
        if (++digits > 16)
            return false;
        *out = *out << 4 | (u64)hex_digit(**at);
    }
    return digits;
}

bool gdb_take_char(const char **at, char c)
{
    if (**at != c || !c)
        return false;
    (*at)++;
    return true;
}

bool gdb_take_hex(const char **at, void *data, size_t len)
{
    u8 *out = data;
    int high, low;

    for (; len; len--, *at += 2) {
        high = hex_digit((*at)[0]);
        low = high < 0 ? -1 : hex_digit((*at)[1]);
        if (low < 0)
            return false;
        *out++ = (u8)(high * 16 + low);
    }
    return true;
}

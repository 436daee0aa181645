/*
 * Packets of GDB's remote serial protocol: framing, checksums, escapes, run lengths, hexadecimal.
 * Pure: bytes in, bytes out. Source: the GDB manual, "Remote Protocol", "Overview".
 *
 *     $ data # checksum      data escaped: } and the byte ^ 20h;  * and count + 29: repeats
 *     + -                    received well, badly
 *     03h                    interrupt
 */
#ifndef FRONTEND_GDB_PACKET_H
#define FRONTEND_GDB_PACKET_H

#include "base/types.h"

/* Contents, unescaped: what we take and what we announce as PacketSize. */
enum { GDB_PACKET_MAX = 16384, GDB_FRAME_MAX = 2 * GDB_PACKET_MAX + 4 };

enum gdb_event {
    GDB_NOTHING,
    GDB_PACKET, /* in `data`, `len`; ends in a zero byte that does not count */
    GDB_BAD_PACKET,
    GDB_INTERRUPT,
    GDB_ACK,
    GDB_NAK,
};

/* Zeroed it is at the start. */
struct gdb_input {
    u8 state, sum, high;
    bool escaped, too_long;
    size_t len;
    char data[GDB_PACKET_MAX + 1];
};

/* One byte from the wire; at most one event. */
enum gdb_event gdb_input_byte(struct gdb_input *in, u8 byte);

/* An answer's contents. What does not fit sets `cut`. */
struct gdb_reply {
    size_t len;
    bool cut;
    u8 data[GDB_PACKET_MAX];
};

void gdb_reply_clear(struct gdb_reply *r);
void gdb_reply_bytes(struct gdb_reply *r, const void *data, size_t len);
void gdb_reply_text(struct gdb_reply *r, const char *text);
void gdb_reply_textf(struct gdb_reply *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Two digits for each byte, as they lie in memory. */
void gdb_reply_hex(struct gdb_reply *r, const void *data, size_t len);

/* The frame around contents, escaped, repeats shortened; returns its length, to GDB_FRAME_MAX. */
size_t gdb_frame(const void *data, size_t len, u8 *out);

/* ---- Taking contents apart. Each moves *at behind what it took. ---- */

/* A number of 1 to 16 hexadecimal digits. */
bool gdb_take_number(const char **at, u64 *out);
/* This character. */
bool gdb_take_char(const char **at, char c);
/* `len` bytes of two digits each. */
bool gdb_take_hex(const char **at, void *data, size_t len);

#endif

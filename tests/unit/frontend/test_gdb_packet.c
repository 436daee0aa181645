/* Packets of the remote serial protocol: the examples of the GDB manual, "Overview". */
#include "frontend/gdb_packet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct gdb_input in;
static u8 frame[GDB_FRAME_MAX];

TestSuite(gdb_packet, .timeout = 60);

/* All bytes; the last event that is none of GDB_NOTHING. */
static enum gdb_event feed(const char *bytes, size_t len)
{
    enum gdb_event e, last = GDB_NOTHING;

    while (len--) {
        e = gdb_input_byte(&in, (u8)*bytes++);
        if (e != GDB_NOTHING)
            last = e;
    }
    return last;
}

static enum gdb_event feed_text(const char *text)
{
    return feed(text, strlen(text));
}

static void expect_frame(const char *contents, const char *expected)
{
    size_t len = gdb_frame(contents, strlen(contents), frame);

    cr_assert_eq(len, strlen(expected), "%.*s", (int)len, (const char *)frame);
    cr_assert_arr_eq(frame, expected, len, "%.*s", (int)len, (const char *)frame);
}

Test(gdb_packet, a_packet_is_taken_with_its_checksum)
{
    cr_assert_eq(feed_text("$OK#9a"), GDB_PACKET);
    cr_assert_str_eq(in.data, "OK");
    cr_assert_eq(feed_text("$OK#9A"), GDB_PACKET);
    cr_assert_eq(feed_text("$OK#9b"), GDB_BAD_PACKET);
    cr_assert_eq(feed_text("$OK#xy"), GDB_BAD_PACKET);
    cr_assert_eq(feed_text("$#00"), GDB_PACKET);
    cr_assert_eq(in.len, 0);
}

Test(gdb_packet, between_packets_there_are_answers_interrupts_and_noise)
{
    cr_assert_eq(feed_text("+"), GDB_ACK);
    cr_assert_eq(feed_text("-"), GDB_NAK);
    cr_assert_eq(feed_text("\x03"), GDB_INTERRUPT);
    cr_assert_eq(feed_text("noise#00"), GDB_NOTHING);
    cr_assert_eq(feed_text("?$?#3f"), GDB_PACKET);
}

Test(gdb_packet, a_packet_whose_end_was_lost_gives_way_to_the_next)
{
    cr_assert_eq(feed_text("$m1000,$?#3f"), GDB_PACKET);
    cr_assert_str_eq(in.data, "?");
}

Test(gdb_packet, escapes_are_taken_out_and_the_checksum_is_that_of_the_wire)
{
    /* "The escaped byte 7d 03 stands for 23h." */
    cr_assert_eq(feed("$}\x03#80", 6), GDB_PACKET);
    cr_assert_eq(in.len, 1);
    cr_assert_eq(in.data[0], '#');
    cr_assert_eq(feed("$}#7d", 5), GDB_BAD_PACKET);
}

Test(gdb_packet, a_packet_of_any_length_is_survived)
{
    size_t i;

    feed_text("$");
    for (i = 0; i < 3 * GDB_PACKET_MAX; i++)
        cr_assert_eq(gdb_input_byte(&in, 'x'), GDB_NOTHING);
    cr_assert_eq(feed_text("#00"), GDB_BAD_PACKET);
    cr_assert_eq(feed_text("$?#3f"), GDB_PACKET);
}

Test(gdb_packet, frames_carry_their_checksum)
{
    expect_frame("", "$#00");
    expect_frame("OK", "$OK#9a");
    expect_frame("a#b", "$a}\x03"
                        "b#43");
}

/* "0* " means 0000: three repeats are a blank, 29 + 3. */
Test(gdb_packet, repeats_are_counted)
{
    expect_frame("000", "$000#90");
    expect_frame("0000", "$0* #7a");
    expect_frame("00000000", "$0*\"00#dc"); /* 7 repeats would be '$', 6 '#' */
}

Test(gdb_packet, no_count_of_repeats_is_a_character_of_the_framing)
{
    char text[300];
    size_t n, len;

    for (n = 1; n < sizeof text; n++) {
        memset(text, '0', n);
        len = gdb_frame(text, n, frame);
        for (size_t i = 1; i + 3 < len; i++)
            cr_assert_not(strchr("$#+-", frame[i]), "%zu repeats", n);
    }
}

/* What a client does with a frame of ours. */
static size_t expand(size_t len, char *out)
{
    char *to = out;

    for (size_t i = 1; i < len - 3; i++) {
        if (frame[i] == '*')
            for (int n = frame[++i] - 29; n; n--, to++)
                *to = to[-1];
        else if (frame[i] == '}')
            *to++ = (char)(frame[++i] ^ 0x20);
        else
            *to++ = (char)frame[i];
    }
    return (size_t)(to - out);
}

Test(gdb_packet, what_is_framed_can_be_read)
{
    static char data[4000], back[sizeof data];
    u32 seed = 1;

    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof data; i++) {
            seed = seed * 1103515245 + 12345;
            data[i] = i && (seed >> 16) % 4 ? data[i - 1] : (char)(seed >> 20);
        }
        cr_assert_eq(expand(gdb_frame(data, sizeof data, frame), back), sizeof data);
        cr_assert_arr_eq(data, back, sizeof data);
    }
}

Test(gdb_packet, the_longest_answer_fits_its_frame)
{
    static struct gdb_reply r;
    size_t i;

    for (i = 0; i < GDB_PACKET_MAX; i++)
        gdb_reply_text(&r, i % 2 ? "#" : "$");
    cr_assert_not(r.cut);
    cr_assert_eq(gdb_frame(r.data, r.len, frame), GDB_FRAME_MAX);
    gdb_reply_text(&r, "x");
    cr_assert(r.cut);
    cr_assert_eq(r.len, GDB_PACKET_MAX);
    gdb_reply_clear(&r);
    gdb_reply_hex(&r, "\x01\xAB", 2);
    cr_assert_eq(r.len, 4);
    cr_assert_arr_eq(r.data, "01ab", 4);
}

Test(gdb_packet, contents_are_taken_apart)
{
    const char *at = "1fF,zz";
    u8 bytes[2];
    u64 v;

    cr_assert(gdb_take_number(&at, &v));
    cr_assert_eq(v, 0x1FF);
    cr_assert(gdb_take_char(&at, ','));
    cr_assert_not(gdb_take_number(&at, &v));
    cr_assert_not(gdb_take_char(&at, ','));
    at = "12345678123456781";
    cr_assert_not(gdb_take_number(&at, &v));
    at = "00a5";
    cr_assert(gdb_take_hex(&at, bytes, 2));
    cr_assert_eq(bytes[1], 0xA5);
    at = "00a";
    cr_assert_not(gdb_take_hex(&at, bytes, 2));
    at = "";
    cr_assert_not(gdb_take_char(&at, 0));
}

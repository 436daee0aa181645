/*
 * What a client of the gdb socket may send: bytes to packets, packets to a machine without
 * firmware, which runs for a moment when told to. A zero byte stands for the frame around the bytes
 * that follow it, so that most packets have a right checksum. Commands of the monitor are taken but
 * not run.
 */
#include "devices/board/machine.h"
#include "frontend/gdb_packet.h"
#include "frontend/gdb_session.h"
#include "tests/fuzz/bare_machine.h"
#include "tests/fuzz/lasting.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUN_NS = 2000 };

static void nothing(void *opaque)
{
}

static void nothing_more(void *opaque, int code)
{
}

struct fuzz {
    struct machine *machine;
    struct gdb_session *session;
    struct gdb_input in;
    struct gdb_output out;
};

static void take(struct fuzz *f, const u8 *bytes, size_t len)
{
    for (; len; bytes++, len--)
        switch (gdb_input_byte(&f->in, *bytes)) {
        case GDB_PACKET:
            if (gdb_session_packet(f->session, f->in.data, f->in.len, &f->out))
                gdb_session_printed(f->session, "done\n", 5, &f->out);
            break;
        case GDB_INTERRUPT: gdb_session_interrupt(f->session); break;
        default: break;
        }
}

static void run(struct fuzz *f)
{
    if (!machine_is_paused(f->machine) &&
        machine_run(f->machine, machine_now_ns(f->machine) + RUN_NS) == MACHINE_DEBUG)
        machine_set_paused(f->machine, true);
    gdb_session_news(f->session, false, &f->out);
    f->out.len = 0;
}

static void converse(struct fuzz *f, const u8 *data, size_t size)
{
    static u8 frame[GDB_FRAME_MAX];
    const u8 *end;
    size_t len;

    for (; size; data += len, size -= len) {
        end = memchr(data + 1, 0, size - 1);
        len = end ? (size_t)(end - data) : size;
        if (!*data && len - 1 <= GDB_PACKET_MAX)
            take(f, frame, gdb_frame(data + 1, len - 1, frame));
        else
            take(f, data, len);
        run(f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine *m;
    struct gdb_session_host host = {.wake = nothing, .quit = nothing_more};
    struct fuzz *f = calloc(1, sizeof *f);
    char err[300];

    if (!m)
        m = bare_machine_new(NULL, err, sizeof err);
    machine_reset(m);
    machine_write_physical(m, bare_machine_prepare(m), "\x40\xEB\xFD", 3); /* inc ax; jmp */
    host.machine = f->machine = m;
    f->session = gdb_session_new(&host);
    converse(f, data, size);
    gdb_session_close(f->session);
    gdb_session_free(f->session);
    gdb_output_free(&f->out);
    free(f);
    return 0;
}

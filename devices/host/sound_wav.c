/*
 * Sound into a WAV file. Source: IBM and Microsoft, "Multimedia Programming Interface and Data
 * Specifications 1.0", "WAVE Form". Sound stands in the file where it was in virtual time, counted
 * from the first sample: a pause of the guest is silence. The header is brought up to date about
 * once a second, so that a file whose writer was killed still plays.
 */
#include "devices/host/sound.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "devices/host/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 44,
    FRAME_BYTES = 4,
    BUFFER_FRAMES = 4096,
    /* Chips write in bursts whose times jitter; what is nearer than this follows on seamlessly. */
    GAP_FRAMES = SOUND_HZ / 100,
};

/* Sizes in the header have 32 bits. */
#define MAX_FRAMES ((UINT32_MAX - HEADER_BYTES) / FRAME_BYTES)

struct wav {
    struct sound_sink sink;
    int fd;
    int error; /* the first, as -errno */
    bool started;
    u64 start_ns;
    u64 frames;        /* in the file, buffered ones included */
    u64 header_frames; /* what the header says */
    u64 whole_frames;  /* up to here everything arrived in the file */
    u32 buffered;
    u8 buffer[BUFFER_FRAMES * FRAME_BYTES];
};

static void write_at(struct wav *w, u64 at, const u8 *data, size_t len)
{
    struct quiet q;
    ssize_t n;

    quiet_begin(&q);
    while (len && !w->error) {
        n = pwrite(w->fd, data, len, (off_t)at);
        if (n > 0) {
            data += n;
            at += (u64)n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            w->error = n ? -errno : -EIO;
        }
    }
    quiet_end(&q);
}

static void write_header(struct wav *w)
{
    u32 bytes = (u32)(w->frames * FRAME_BYTES);
    u8 h[HEADER_BYTES] = "RIFF    WAVEfmt ";

    put_le32(h + 4, bytes + HEADER_BYTES - 8);
    put_le32(h + 16, 16);
    put_le16(h + 20, 1); /* PCM */
    put_le16(h + 22, 2); /* channels */
    put_le32(h + 24, SOUND_HZ);
    put_le32(h + 28, SOUND_HZ * FRAME_BYTES);
    put_le16(h + 32, FRAME_BYTES);
    put_le16(h + 34, 16); /* bits a sample */
    memcpy(h + 36, "data", 4);
    put_le32(h + 40, bytes);
    write_at(w, 0, h, sizeof h);
    w->header_frames = w->frames;
}

static void flush(struct wav *w)
{
    u64 first = w->frames - w->buffered;

    write_at(w, HEADER_BYTES + first * FRAME_BYTES, w->buffer, (size_t)w->buffered * FRAME_BYTES);
    w->buffered = 0;
    if (!w->error)
        w->whole_frames = w->frames;
    if (w->frames - w->header_frames >= SOUND_HZ)
        write_header(w);
}

/* Leave a hole, which reads as zeros: silence. */
static void skip_to(struct wav *w, u64 frame)
{
    if (frame <= w->frames + GAP_FRAMES)
        return;
    flush(w);
    w->frames = min_u64(frame, MAX_FRAMES);
}

static void wav_write(void *opaque, const s16 *samples, size_t frames, u64 at_ns)
{
    struct wav *w = opaque;
    u8 *to;

    if (!w->started) {
        w->started = true;
        w->start_ns = at_ns;
    }
    if (at_ns > w->start_ns)
        skip_to(w, muldiv_u64(at_ns - w->start_ns, SOUND_HZ, NS_PER_SEC));
    for (; frames && !w->error; frames--, samples += 2) {
        if (w->frames >= MAX_FRAMES) {
            w->error = -EFBIG;
            return;
        }
        to = w->buffer + (size_t)w->buffered * FRAME_BYTES;
        put_le16(to, (u16)samples[0]);
        put_le16(to + 2, (u16)samples[1]);
        w->frames++;
        if (++w->buffered == BUFFER_FRAMES)
            flush(w);
    }
}

struct sound_sink *sound_wav_open(const char *path, char *err, size_t err_size)
{
    struct wav *w = calloc(1, sizeof *w);

    if (!w) {
        snprintf(err, err_size, "sound: the host has no memory left; close programs");
        return NULL;
    }
    w->sink = (struct sound_sink){.opaque = w, .write = wav_write};
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (w->fd >= 0)
        write_header(w);
    if (w->fd >= 0 && !w->error)
        return &w->sink;
    snprintf(err, err_size, "sound: '%s' cannot be written: %s", path,
             strerror(w->error ? -w->error : errno));
    if (w->fd >= 0)
        close(w->fd);
    free(w);
    return NULL;
}

int sound_wav_close(struct sound_sink *s)
{
    struct wav *w = s->opaque;
    int err;

    flush(w);
    err = w->error;
    w->error = 0; /* a full disk may still take the header, which makes the rest playable */
    if (err)
        w->frames = w->whole_frames;
    write_header(w);
    if (close(w->fd) && !err)
        err = -errno;
    free(w);
    return err;
}

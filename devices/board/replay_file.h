/*
 * The file of a recording: a header, then chunks with checksums, written as they come, so that what
 * was recorded up to a crash can still be played. docs/replay-format.md describes it whole.
 */
#ifndef DEVICES_BOARD_REPLAY_FILE_H
#define DEVICES_BOARD_REPLAY_FILE_H

#include "base/types.h"

enum {
    REPLAY_CHUNK_MAX = 16 << 20,
    REPLAY_FRAME_BYTES = 4 + 4096, /* one frame in FRAM */
    REPLAY_DISK_HEAD = 16,         /* before the sectors in DISK and WRIT */
    REPLAY_POINT_BYTES = 60,
};

#define REPLAY_NO_MEDIUM 0xFFFFFFFFu /* in a drive */

/* What is in a chunk. */
#define REPLAY_HEAD  "HEAD" /* configuration and hashes: a state stream */
#define REPLAY_STATE "STAT" /* the machine without memory, at the start and at points */
#define REPLAY_FRAMES                                                                              \
    "FRAM"                    /* memory then: u32 frame, 4096 bytes; others are zero or as before  \
                               */
#define REPLAY_DISK    "DISK" /* what a medium held: u32 medium, u32 count, u64 sector, sectors */
#define REPLAY_INPUT   "INPT" /* records of the input log */
#define REPLAY_WRITTEN "WRIT" /* what a medium holds at a point; as DISK */
#define REPLAY_POINT   "PNT " /* the WRIT, FRAM and STAT before it are of this moment */
#define REPLAY_END     "END " /* the recording was ended in order */

struct replay_writer;

/* Create or empty the file; NULL and one sentence in err. */
struct replay_writer *replay_writer_new(const char *path, char *err, size_t err_size);
/* Any thread. `len` up to REPLAY_CHUNK_MAX. After an error nothing is written any more. */
void replay_writer_put(struct replay_writer *w, const char *tag, const void *data, size_t len);
/* 0, or the first error as -errno. */
int replay_writer_error(struct replay_writer *w);
/* Bytes written so far. */
u64 replay_writer_size(struct replay_writer *w);
/* Close and free; returns the first error. */
int replay_writer_close(struct replay_writer *w);

/* A file in memory on its way to be read. */
struct replay_reader {
    const u8 *data;
    size_t len, at;
};

struct replay_chunk {
    char tag[5];
    u32 len;
    u8 *data; /* the caller frees it */
};

enum replay_read { REPLAY_CHUNK, REPLAY_FILE_ENDS, REPLAY_CUT_OFF, REPLAY_DAMAGED };

/* Check the header. False and one sentence in err if it is no recording this program can play. */
bool replay_reader_begin(struct replay_reader *r, const void *data, size_t len, char *err,
                         size_t err_size);
/* The next chunk. REPLAY_CUT_OFF: the file ends within one; REPLAY_DAMAGED: a sentence in err. */
enum replay_read replay_reader_next(struct replay_reader *r, struct replay_chunk *out, char *err,
                                    size_t err_size);

#endif

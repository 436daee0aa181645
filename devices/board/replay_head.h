/* What a recording says about the machine it was made on; the HEAD chunk. */
#ifndef DEVICES_BOARD_REPLAY_HEAD_H
#define DEVICES_BOARD_REPLAY_HEAD_H

#include "cpu/host_fingerprint.h"
#include "cpu/undefined.h"
#include "devices/board/input_log.h"
#include "devices/board/machine.h"

struct board;
struct state;

enum { REPLAY_ENGINE_BYTES = 32 };

/* A medium in a drive when the recording began. */
struct replay_medium {
    bool there;
    bool is_config; /* the one that the configuration names */
    const char *path;
    u64 sectors;
    u8 hash[MEDIUM_HASH_BYTES]; /* see medium.h */
};

struct replay_head {
    struct machine_config config; /* its names of files hold from everywhere */
    char engine[REPLAY_ENGINE_BYTES];
    u64 fingerprint; /* cpu/host_fingerprint.h */
    u32 parts;       /* of it; 0 in the first version */
    u32 part[FINGERPRINT_PARTS];
    struct undefined_table flags; /* if has_flags: not in the first two versions */
    bool has_flags;
    struct input_time at;
    u64 now_ns; /* virtual time then, if has_time: not in the first version */
    bool has_time;
    u8 rom[MEDIUM_HASH_BYTES], kernel[MEDIUM_HASH_BYTES], initrd[MEDIUM_HASH_BYTES];
    struct replay_medium drive[DRIVE_COUNT];
};

/* Fill in for a machine. False and a sentence in err; free it in any case. */
bool replay_head_make(struct replay_head *h, struct machine *m, char *err, size_t err_size);
void replay_head_free(struct replay_head *h);
/* Save or load; loading starts from a zeroed one. */
void replay_head_state(struct replay_head *h, struct state *s);

/*
 * How undefined results of the recording's processor and this host's compare. `differ` names the
 * instructions that differ, `open` those of them for which h->flags cannot help; empty: none.
 */
struct replay_foreign {
    char differ[300], open[300];
};

/* Whether any differ. */
bool replay_head_is_foreign(const struct replay_head *h, struct replay_foreign *out);

/* A hash over all ROM of a board; over a file (of zeros if `path` is NULL); 0 or -errno. */
void replay_hash_rom(struct board *b, u8 out[MEDIUM_HASH_BYTES]);
int replay_hash_file(const char *path, u8 out[MEDIUM_HASH_BYTES]);
/* The name from the root on, to be freed; a copy of `path` if there is no such file. */
char *replay_full_path(const char *path);

#endif

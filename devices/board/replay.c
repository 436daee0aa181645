/* Playing a recording; see replay.h. */
#include "devices/board/replay.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/state.h"
#include "cpu/host_fingerprint.h"
#include "devices/board/config.h"
#include "devices/board/machine_private.h"
#include "devices/board/medium.h"
#include "devices/board/replay_file.h"
#include "devices/board/replay_head.h"
#include "devices/board/replay_point.h"
#include "devices/board/report.h"
#include "devices/board/state_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, MEDIA_MAX = 4096 };

/* A chunk that is kept as it is, in the order of the file. */
struct kept_chunk {
    struct kept_chunk *next;
    u32 len;
    u8 *data;
};

struct chunk_list {
    struct kept_chunk *first, **last;
};

enum status { NOT_STARTED, PLAYING, ENDED, DIVERGED };

struct replay {
    char *name;
    struct log *log;
    struct replay_head head;
    bool is_foreign; /* another processor's */
    struct replay_foreign foreign;
    bool has_head, has_state, whole;
    bool has_point_state;         /* while reading: behind the last point */
    struct machine_config config; /* the head's, and our hook */
    struct chunk_list disks;
    struct input_log *inputs;
    struct replay_points points;
    unsigned begin; /* the point to begin at */
    const u8 *data; /* the file, until it plays */
    size_t len;
    void *map; /* NULL, or where it is ours */

    /* While it plays. */
    struct machine *m;
    struct input_player player;
    struct state_check *check;
    enum status status;
    size_t at;     /* of the next record */
    bool has_next; /* `next` is it */
    struct input_record next;
    size_t behind_next;
    struct input_time sound; /* the last moment at which all was as recorded */
    u64 played, checks;
    u32 next_medium; /* number of the next one that comes in */
    u32 opening;     /* number of the one that is being opened, or REPLAY_NO_MEDIUM */
    char report[600];
};

/* ---- Reading ---- */

static bool say(char *err, size_t err_size, const struct replay *r, const char *what)
{
    snprintf(err, err_size, "replay: '%s': %s", r->name, what);
    return false;
}

static bool keep_chunk(struct chunk_list *list, struct replay_chunk *c)
{
    struct kept_chunk *k = malloc(sizeof *k);

    if (!k)
        return false;
    *k = (struct kept_chunk){.len = c->len, .data = c->data};
    c->data = NULL;
    *list->last = k;
    list->last = &k->next;
    return true;
}

static bool read_head(struct replay *r, const struct replay_chunk *c, char *err, size_t err_size)
{
    struct state *s = state_new_load(c->data, c->len);
    bool good;

    replay_head_state(&r->head, s);
    good = !state_error(s);
    if (!good)
        say(err, err_size, r, state_error(s));
    state_free(s);
    r->has_head = good;
    return good;
}

/* Sectors of a medium. */
static bool is_disk_chunk(const struct replay_chunk *c)
{
    return c->len >= REPLAY_DISK_HEAD && get_le32(c->data) < DRIVE_COUNT + MEDIA_MAX &&
           get_le32(c->data + 4) == (c->len - REPLAY_DISK_HEAD) / SECTOR &&
           !((c->len - REPLAY_DISK_HEAD) % SECTOR);
}

/* The start is the first point. */
static bool add_start(struct replay *r)
{
    struct replay_point start = {
        .at = r->head.at,
        .now_ns = r->head.now_ns,
        .has_time = r->head.has_time,
        .next_medium = DRIVE_COUNT,
    };

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        start.medium[i] = r->head.drive[i].there ? i : REPLAY_NO_MEDIUM;
    return replay_points_push(&r->points, &start);
}

static bool add_point(struct replay *r, const struct replay_chunk *c, char *err, size_t err_size)
{
    const char *why = r->has_point_state ? replay_points_add(&r->points, c->data, c->len, r->inputs)
                                         : "a point has no state";

    r->has_point_state = false;
    return !why || say(err, err_size, r, why);
}

/*
 * What a point consists of is only looked at now; load_machine reads it again. True if it is of
 * this kind and well-formed.
 */
static bool is_part_of_point(struct replay *r, const struct replay_chunk *c)
{
    if (!strcmp(c->tag, REPLAY_FRAMES))
        return !(c->len % REPLAY_FRAME_BYTES);
    if (!strcmp(c->tag, REPLAY_WRITTEN))
        return is_disk_chunk(c);
    if (strcmp(c->tag, REPLAY_STATE))
        return false;
    if (r->has_state)
        r->has_point_state = true;
    r->has_state = true;
    return true;
}

/* Take a chunk in; it is the caller's to free what is left of it. */
static bool take_chunk(struct replay *r, struct replay_chunk *c, char *err, size_t err_size)
{
    bool first = !r->has_head;

    if (first != !strcmp(c->tag, REPLAY_HEAD))
        return say(err, err_size, r, first ? "it does not begin with a head" : "a second head");
    if (first)
        return read_head(r, c, err, err_size) &&
               (add_start(r) || say(err, err_size, r, "the host has no memory left"));
    if (is_part_of_point(r, c))
        return true;
    if (!strcmp(c->tag, REPLAY_POINT))
        return add_point(r, c, err, err_size);
    if (!strcmp(c->tag, REPLAY_DISK) && is_disk_chunk(c))
        return keep_chunk(&r->disks, c) || say(err, err_size, r, "the host has no memory left");
    if (!strcmp(c->tag, REPLAY_INPUT))
        return input_log_add_bytes(r->inputs, c->data, c->len) ||
               say(err, err_size, r, "its inputs are not in order");
    if (!strcmp(c->tag, REPLAY_END) && !c->len) {
        r->whole = true;
        return true;
    }
    return say(err, err_size, r, "a chunk is of no known kind");
}

static bool read_chunks(struct replay *r, struct replay_reader *reader, char *err, size_t err_size)
{
    struct replay_chunk c;
    char why[200];

    for (;;) {
        enum replay_read got = replay_reader_next(reader, &c, why, sizeof why);
        bool good;

        if (got == REPLAY_DAMAGED)
            return say(err, err_size, r, why);
        if (got != REPLAY_CHUNK) {
            if (!r->whole)
                log_warn(r->log, "replay",
                         "'%s': the recording was not ended in order; what there is is played",
                         r->name);
            return true;
        }
        if (r->whole) {
            free(c.data);
            return say(err, err_size, r, "there is something behind its end");
        }
        good = take_chunk(r, &c, err, err_size);
        free(c.data);
        if (!good)
            return false;
    }
}

static bool medium_opened(void *opaque, unsigned drive, struct blk *blk, char *err,
                          size_t err_size);

/* The configuration as we build from it: images are not written to. */
static void make_config(struct replay *r)
{
    r->config = r->head.config;
    r->config.discard = true;
    r->is_foreign = replay_head_is_foreign(&r->head, &r->foreign);
    r->config.engine = r->is_foreign ? "interp" : NULL;
    r->config.medium_opened = medium_opened;
    r->config.medium_opaque = r;
}

struct replay *replay_parse(const char *name, const void *data, size_t len, struct log *log,
                            char *err, size_t err_size)
{
    struct replay *r = calloc(1, sizeof *r);
    struct replay_reader reader;
    char why[200];

    if (!r || !(r->name = strdup(name)) || !(r->inputs = input_log_new())) {
        snprintf(err, err_size, "replay: the host has no memory left");
        replay_free(r);
        return NULL;
    }
    r->log = log;
    r->data = data;
    r->len = len;
    r->disks.last = &r->disks.first;
    r->opening = REPLAY_NO_MEDIUM;
    if (!replay_reader_begin(&reader, data, len, why, sizeof why)) {
        say(err, err_size, r, why);
    } else if (read_chunks(r, &reader, err, err_size)) {
        if (r->has_head && r->has_state) {
            make_config(r);
            return r;
        }
        say(err, err_size, r, "it has no start");
    }
    replay_free(r);
    return NULL;
}

struct replay *replay_open(const char *path, struct log *log, char *err, size_t err_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct replay *r = NULL;
    void *data = MAP_FAILED;
    struct stat st;

    if (fd >= 0 && !fstat(fd, &st) && st.st_size > 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) {
        r = replay_parse(path, data, (size_t)st.st_size, log, err, err_size);
        if (r)
            r->map = data;
        else
            munmap(data, (size_t)st.st_size);
    } else {
        snprintf(err, err_size, "replay: '%s' cannot be read: %s", path,
                 fd >= 0 && !errno ? "it is empty" : strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return r;
}

static void forget_file(struct replay *r)
{
    if (r->map)
        munmap(r->map, r->len);
    r->map = NULL;
    r->data = NULL;
}

static void free_chunks(struct chunk_list *list)
{
    for (struct kept_chunk *k = list->first, *next; k; k = next) {
        next = k->next;
        free(k->data);
        free(k);
    }
    list->first = NULL;
    list->last = &list->first;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    if (r->m) {
        machine_set_player(r->m, NULL);
        if (r->m->board.cpu->undefined == &r->head.flags)
            undefined_use(r->m->board.cpu, NULL);
        r->m->config.medium_opened = NULL;
        r->m->board.replay = NULL;
    }
    forget_file(r);
    state_check_free(r->check);
    replay_head_free(&r->head);
    free_chunks(&r->disks);
    replay_points_free(&r->points);
    input_log_free(r->inputs);
    free(r->name);
    free(r);
}

const struct machine_config *replay_config(const struct replay *r)
{
    return &r->config;
}

/* ---- Disks ---- */

/* Calls fn for each successful insertion in the log, with its number. */
struct medium_name {
    u32 number;
    const u8 *path;
    u32 len;
    const u8 *hash;
    u64 sectors;
};

/* The medium of a number: a drive's at the start, or one that comes in later. */
static bool find_medium(const struct replay *r, u32 number, struct medium_name *out,
                        struct input_record *room)
{
    u32 n = DRIVE_COUNT;

    if (number < DRIVE_COUNT) {
        const struct replay_medium *d = &r->head.drive[number];

        *out = (struct medium_name){number, (const u8 *)d->path, d->path ? (u32)strlen(d->path) : 0,
                                    d->hash, d->sectors};
        return d->there;
    }
    for (size_t at = 0; input_log_read(r->inputs, &at, room);)
        if (room->source == INPUT_INSERT && !room->medium.refused && n++ == number) {
            *out = (struct medium_name){number, room->data, room->len, room->medium.hash,
                                        room->medium.sectors};
            return true;
        }
    return false;
}

static bool same_file(const struct medium_name *a, const struct medium_name *b)
{
    return a->len == b->len && (!a->len || !memcmp(a->path, b->path, a->len));
}

/* What the chunks from the last back to the first one say of medium `number`. */
static bool put_back(const struct replay *r, u32 number, struct blk *blk)
{
    u32 count = 0, i = 0;
    const struct kept_chunk **order;
    bool good = true;

    for (const struct kept_chunk *k = r->disks.first; k; k = k->next)
        count += get_le32(k->data) == number;
    if (!count)
        return true;
    order = malloc(count * sizeof *order);
    if (!order)
        return false;
    for (const struct kept_chunk *k = r->disks.first; k; k = k->next)
        if (get_le32(k->data) == number)
            order[i++] = k;
    while (i-- && good)
        good = !blk_restore_sectors(blk, get_le64(order[i]->data + 8), get_le32(order[i]->data + 4),
                                    order[i]->data + REPLAY_DISK_HEAD);
    free(order);
    return good;
}

/*
 * Give an image the contents it had when medium `number` came in. The file holds what it held at
 * the very end: of all the times it was in a drive since, the last is undone first.
 */
static bool rewind_medium(struct replay *r, u32 number, struct blk *blk)
{
    struct input_record room, other_room;
    struct medium_name self, other;
    u32 last = number;

    if (!find_medium(r, number, &self, &room))
        return true;
    for (u32 n = number < DRIVE_COUNT ? DRIVE_COUNT : number + 1;
         find_medium(r, n, &other, &other_room); n++)
        last = n;
    for (u32 n = last; n > number; n--)
        if (n >= DRIVE_COUNT && find_medium(r, n, &other, &other_room) &&
            same_file(&self, &other) && !put_back(r, n, blk))
            return false;
    return put_back(r, number, blk);
}

/* Called by media.c for each image before the guest sees it. */
static bool medium_opened(void *opaque, unsigned drive, struct blk *blk, char *err, size_t err_size)
{
    struct replay *r = opaque;
    bool building = r->status == NOT_STARTED && r->opening == REPLAY_NO_MEDIUM;
    u32 number = building ? drive : r->opening;
    u8 hash[MEDIUM_HASH_BYTES];
    struct input_record room;
    struct medium_name name;

    r->opening = REPLAY_NO_MEDIUM;
    if (building ? !r->head.drive[drive].is_config : number == REPLAY_NO_MEDIUM)
        return true; /* it has left the drive before the recording begins; it is the user's */
    if (!find_medium(r, number, &name, &room))
        return true;
    if (blk_sectors(blk) == name.sectors && rewind_medium(r, number, blk) &&
        !medium_hash(blk, hash) && !memcmp(hash, name.hash, sizeof hash))
        return true;
    snprintf(err, err_size,
             "replay: '%s': the image '%s' is not what it was: it was changed after the recording; "
             "put the right one there",
             r->name, blk_name(blk));
    return false;
}

/* Medium `number` for a drive, as it was when it came in; *out stays NULL for none. */
static bool open_medium(struct replay *r, unsigned drive, u32 number, struct blk **out, char *err,
                        size_t err_size)
{
    char path[MACHINE_PATH_MAX];
    struct input_record room;
    struct medium_name name;

    if (number == REPLAY_NO_MEDIUM)
        return true;
    if (!find_medium(r, number, &name, &room))
        return say(err, err_size, r, "a medium is not named");
    snprintf(path, sizeof path, "%.*s", (int)name.len, (const char *)name.path);
    r->opening = number;
    *out = media_open(&r->m->board, (enum drive_id)drive, path, err, err_size);
    r->opening = REPLAY_NO_MEDIUM;
    return *out;
}

/* Media that were changed before the point at which it begins. */
static bool swap_media(struct replay *r, const struct replay_point *p, char *err, size_t err_size)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = NULL;

        if (p->medium[i] == i ? r->head.drive[i].is_config
                              : p->medium[i] == REPLAY_NO_MEDIUM && !r->m->board.drive[i].blk)
            continue;
        if (!open_medium(r, i, p->medium[i], &blk, err, err_size))
            return false;
        blk_close(media_swap(&r->m->board, (enum drive_id)i, blk));
    }
    return true;
}

/* ---- Playing ---- */

static void stop(struct replay *r, enum status status, enum machine_stop why)
{
    r->status = status;
    snprintf(r->m->error, sizeof r->m->error, "%s", r->report);
    machine_ask_to_stop(r->m, why);
}

static bool fetch(struct replay *r)
{
    if (!r->has_next) {
        r->behind_next = r->at;
        r->has_next = input_log_read(r->inputs, &r->behind_next, &r->next);
    }
    return r->has_next;
}

static bool next(void *opaque, struct input_record *out)
{
    struct replay *r = opaque;

    if (r->status != PLAYING || !fetch(r))
        return false;
    *out = r->next;
    return true;
}

static void diverged(struct replay *r, const struct input_record *rec, const char *what)
{
    struct input_time now = machine_moment(r->m);

    snprintf(r->report, sizeof r->report,
             "replay: '%s': the run is another one: between instruction %llu and %llu (%.6f s): %s",
             r->name, (unsigned long long)r->sound.count,
             (unsigned long long)(rec ? rec->at.count : now.count),
             (double)clock_now(r->m->board.clock) / 1e9, what);
    stop(r, DIVERGED, MACHINE_DIVERGED);
}

static void finish(struct replay *r)
{
    snprintf(r->report, sizeof r->report,
             "replay: '%s': played to the end: %llu inputs and changes of rate, %llu checks, all "
             "as recorded",
             r->name, (unsigned long long)r->played, (unsigned long long)r->checks);
    r->player.outside = true;
    stop(r, ENDED, MACHINE_REPLAYED);
}

static bool play(void *opaque, const struct input_record *rec, u32 check)
{
    struct replay *r = opaque;
    char what[400];

    if (rec->check != check) {
        diverged(r, rec, "the processor's registers");
        return false;
    }
    if (rec->source == INPUT_CHECK) {
        r->checks++;
        if (!state_check_compare(r->check, rec->data, rec->len, what, sizeof what)) {
            diverged(r, rec, what);
            return false;
        }
        r->sound = rec->at;
    } else {
        r->played++;
    }
    if (rec->source == INPUT_INSERT && !rec->medium.refused) {
        r->opening = r->next_medium++;
    }
    r->at = r->behind_next;
    r->has_next = false;
    if (!fetch(r))
        finish(r);
    return true;
}

static void lost(void *opaque, const char *why)
{
    struct replay *r = opaque;

    if (r->status == PLAYING)
        diverged(r, r->has_next ? &r->next : NULL, why ? why : "it does not come to this moment");
}

/* Behind the end the machine is the user's. */
static bool live(void *opaque, const struct input_record *rec)
{
    struct replay *r = opaque;

    return r->status == ENDED;
}

/* ---- The start ---- */

static void clear_memory(struct physmap *pm)
{
    struct physmap_block block;

    for (unsigned i = 0; physmap_block(pm, i, &block); i++)
        for (u32 page = 0, count;
             !(block.flags & FRAME_ROM) && physmap_next_touched(pm, i, &page, &count);)
            for (; count; count--, page++)
                physmap_load_frame(pm, block.first + page, NULL);
}

/* False if a frame is none of this machine's, or ROM. */
static bool put_frames(struct physmap *pm, const struct replay_chunk *c)
{
    struct physmap_block block;

    for (u32 at = 0; at < c->len; at += REPLAY_FRAME_BYTES) {
        u32 id = get_le32(c->data + at);
        bool found = false;

        for (unsigned i = 0; !found && physmap_block(pm, i, &block); i++)
            found =
                id >= block.first && id - block.first < block.count && !(block.flags & FRAME_ROM);
        if (!found)
            return false;
        physmap_load_frame(pm, id, c->data + at + 4);
    }
    return true;
}

/* Sectors that were written, if the medium is in a drive where it begins. */
static bool put_written(struct replay *r, const struct replay_point *p,
                        const struct replay_chunk *c)
{
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        struct blk *blk = r->m->board.drive[i].blk;

        if (blk && p->medium[i] == get_le32(c->data))
            return !blk_restore_sectors(blk, get_le64(c->data + 8), get_le32(c->data + 4),
                                        c->data + REPLAY_DISK_HEAD);
    }
    return true;
}

/*
 * Read again what the file has up to point r->begin: memory and disks change as they did, and the
 * last state of the chips is the one. The start ends with the first inputs.
 */
static bool read_up_to_point(struct replay *r, struct replay_chunk *chips, char *err,
                             size_t err_size)
{
    const struct replay_point *p = &r->points.point[r->begin];
    struct replay_reader reader;
    struct replay_chunk c;
    char why[200];
    unsigned passed = 0;
    bool good = replay_reader_begin(&reader, r->data, r->len, why, sizeof why);

    clear_memory(r->m->board.pm);
    while (good && replay_reader_next(&reader, &c, why, sizeof why) == REPLAY_CHUNK) {
        bool ended = !strcmp(c.tag, REPLAY_POINT) ? ++passed == r->begin
                                                  : !r->begin && !strcmp(c.tag, REPLAY_INPUT);

        if (ended) {
            free(c.data);
            return true;
        }
        if (!strcmp(c.tag, REPLAY_STATE)) {
            free(chips->data);
            *chips = c;
            continue;
        }
        if (!strcmp(c.tag, REPLAY_FRAMES) && !put_frames(r->m->board.pm, &c))
            good = say(err, err_size, r, "its memory is of another machine");
        if (!strcmp(c.tag, REPLAY_WRITTEN) && !put_written(r, p, &c))
            good = say(err, err_size, r, "what was written to a disk does not fit");
        free(c.data);
    }
    /* A recording without inputs has only its start. */
    return good && (!r->begin || say(err, err_size, r, "the file has changed"));
}

static bool load_machine(struct replay *r, char *err, size_t err_size)
{
    struct replay_chunk chips = {.data = NULL};
    struct state *s;
    bool good = read_up_to_point(r, &chips, err, err_size);

    if (!good) {
        free(chips.data);
        return false;
    }
    s = state_new_load(chips.data, chips.len);
    state_leave_out_memory(s);
    machine_state(r->m, s);
    good = !state_error(s);
    if (!good)
        say(err, err_size, r, state_error(s));
    state_free(s);
    free(chips.data);
    return good;
}

static bool same_firmware(struct replay *r, char *err, size_t err_size)
{
    u8 hash[MEDIUM_HASH_BYTES];

    replay_hash_rom(&r->m->board, hash);
    if (memcmp(hash, r->head.rom, sizeof hash))
        return say(err, err_size, r,
                   "the BIOS or VGA BIOS is another one than then; name the right "
                   "ones with --bios and --vgabios");
    if (replay_hash_file(r->config.kernel, hash) || memcmp(hash, r->head.kernel, sizeof hash) ||
        replay_hash_file(r->config.initrd, hash) || memcmp(hash, r->head.initrd, sizeof hash))
        return say(err, err_size, r, "the kernel or its RAM disk is another one than then");
    return true;
}

/*
 * Undefined flags come from the recording if it has rules for them, other results from the host;
 * they may still never have mattered.
 */
static void take_undefined(struct replay *r)
{
    struct cpu *c = r->m->board.cpu;
    bool by_rules = r->is_foreign && r->head.has_flags && c->engine == &engine_interp;
    const char *open = by_rules ? r->foreign.open : r->foreign.differ;

    if (by_rules)
        undefined_use(c, &r->head.flags);
    if (r->is_foreign)
        log_warn(r->log, "replay",
                 "'%s' was recorded on a processor whose undefined results are others than this "
                 "one's (%s); it plays on the %s%s%s%s%s",
                 r->name, r->foreign.differ,
                 c->engine == &engine_interp ? "interpreter" : "engine that was asked for",
                 by_rules ? " with that one's flags" : "", open[0] ? ", and where " : "",
                 open[0] ? (by_rules ? open : "that") : "",
                 open[0] ? " matters it stops and says so" : "");
}

bool replay_start(struct replay *r, struct machine *m, char *err, size_t err_size)
{
    const struct replay_point *p = &r->points.point[r->begin];
    struct input_time now;

    r->m = m;
    if (!same_firmware(r, err, err_size) || !swap_media(r, p, err, err_size) ||
        !load_machine(r, err, err_size))
        return false;
    forget_file(r);
    now = machine_moment(m);
    if (input_time_compare(&now, &p->at))
        return say(err, err_size, r, "its start is at another moment than it says");
    take_undefined(r);
    r->check = state_check_new(&m->board);
    if (!r->check)
        return say(err, err_size, r, "the host has no memory left");
    r->player =
        (struct input_player){.opaque = r, .next = next, .play = play, .lost = lost, .live = live};
    r->status = PLAYING;
    r->sound = now;
    r->at = (size_t)p->log_at;
    r->next_medium = p->next_medium;
    m->board.replay = r;
    machine_set_player(m, &r->player);
    if (!fetch(r))
        finish(r);
    return true;
}

/* ---- Points ---- */

bool replay_begin_at(struct replay *r, const char *where, char *err, size_t err_size)
{
    char why[200];

    return replay_points_find(&r->points, where, &r->begin, why, sizeof why) ||
           say(err, err_size, r, why);
}

unsigned replay_point_count(const struct replay *r)
{
    return r->points.count;
}

void replay_point_text(const struct replay *r, unsigned i, char *out, size_t out_size)
{
    const struct replay_point *p = &r->points.point[i];
    char time[40] = "            ?";

    if (p->has_time)
        snprintf(time, sizeof time, "%11.3f s", (double)p->now_ns / 1e9);
    snprintf(out, out_size, "#%-6u %s %15llu instructions%s", i, time,
             (unsigned long long)p->at.count, i ? "" : "  (the start)");
}

void replay_describe(struct replay *r, struct report *out)
{
    char line[120];

    report_say(out, "%s\n", replay_report(r));
    report_say(out, "points to begin at (--replay-from), this run began at #%u:\n", r->begin);
    for (unsigned i = 0; i < r->points.count; i++) {
        replay_point_text(r, i, line, sizeof line);
        report_say(out, "%s\n", line);
    }
}

const char *replay_report(struct replay *r)
{
    if (r->status == PLAYING)
        snprintf(r->report, sizeof r->report, "replay: '%s': playing, %llu checks so far", r->name,
                 (unsigned long long)r->checks);
    return r->report;
}

bool replay_has_ended(const struct replay *r)
{
    return r->status == ENDED || r->status == DIVERGED;
}

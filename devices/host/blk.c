/*
 * Disk images: bounds, the queue and its worker, writes kept in memory. The worker starts with the
 * first request; a thread that waits for the queue serves it itself while the worker has not woken,
 * so a host without a thread to spare is merely slower.
 */
#include "devices/host/blk.h"

#include "devices/host/blk_driver.h"
#include "devices/host/blk_overlay.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, PREIMAGE_SECTORS = 128 /* kept in one piece */ };

enum status { STATUS_IDLE, STATUS_QUEUED, STATUS_RUNNING, STATUS_DONE };

struct blk {
    char *name;
    struct blk_image image;
    struct blk_overlay *overlay; /* NULL: writes go to the driver */
    struct blk_watch *watches;   /* changed only between enter() and leave() */
    struct blk_stats stats;
    bool (*write_error)(void *opaque, struct blk *b, int error); /* may be NULL */
    void *write_error_opaque;

    pthread_mutex_t lock;
    pthread_cond_t work, done;
    pthread_t worker;
    bool has_worker, tried_worker, quit;
    /* Under the lock. */
    struct blk_request *head, **tail;
    bool frozen;
    bool busy; /* a request is being served, or a synchronous call has the image */
    unsigned unreported;
    int first_error; /* of the unreported */
};

/* --- the image ------------------------------------------------------------------------------- */

static int blk_read_raw(struct blk *b, u64 sector, u32 count, void *data)
{
    int err = 0;

    if (b->image.driver)
        err = b->image.driver->read(b->image.opaque, sector, count, data);
    else
        memset(data, 0, (size_t)count * SECTOR);
    if (!err && b->overlay)
        blk_overlay_patch(b->overlay, sector, count, data);
    return err;
}

/* Show the sinks what is about to be overwritten. */
static int keep_old(struct blk *b, u64 sector, u32 count)
{
    u8 old[PREIMAGE_SECTORS * SECTOR];
    int err = 0;

    for (u32 n; count && !err; sector += n, count -= n) {
        n = (u32)min_u64(count, PREIMAGE_SECTORS);
        err = blk_read_raw(b, sector, n, old);
        for (struct blk_watch *w = b->watches; w && !err; w = w->next)
            err = w->before(w->opaque, sector, n, old);
    }
    return err;
}

/* Take out the watches that have heard enough. */
static void drop_finished(struct blk *b)
{
    for (struct blk_watch **at = &b->watches, *w; (w = *at);) {
        if (!w->finished) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (w->closing)
            w->closing(w->opaque);
    }
}

/* Every write of every image passes here: the one place that keeps the old contents first. */
static int blk_write_raw(struct blk *b, u64 sector, u32 count, const void *data)
{
    int err = b->watches ? keep_old(b, sector, count) : 0;

    if (err)
        return err;
    if (b->overlay)
        err = blk_overlay_write(b->overlay, sector, count, data);
    else
        err = b->image.driver->write(b->image.opaque, sector, count, data);
    for (struct blk_watch *w = b->watches; w; w = w->next)
        if (w->written)
            w->written(w->opaque);
    drop_finished(b);
    return err;
}

static int read_clipped(struct blk *b, u64 sector, u32 count, void *data)
{
    u64 left = sector < b->image.sectors ? b->image.sectors - sector : 0;
    u32 inside = (u32)min_u64(left, count);

    memset((u8 *)data + (size_t)inside * SECTOR, 0, (size_t)(count - inside) * SECTOR);
    return inside ? blk_read_raw(b, sector, inside, data) : 0;
}

static bool fits(const struct blk *b, u64 sector, u32 count)
{
    return sector <= b->image.sectors && count <= b->image.sectors - sector;
}

static int write_checked(struct blk *b, u64 sector, u32 count, const void *data)
{
    if (b->image.read_only)
        return -EROFS;
    if (!fits(b, sector, count))
        return -ENOSPC;
    return count ? blk_write_raw(b, sector, count, data) : 0;
}

static int flush_raw(struct blk *b)
{
    if (b->overlay || b->image.read_only || !b->image.driver)
        return 0;
    return b->image.driver->flush(b->image.opaque);
}

/* --- the queue ------------------------------------------------------------------------------- */

static int serve(struct blk *b, const struct blk_request *r)
{
    if (b->frozen)
        return 0;
    if (r->is_flush)
        return flush_raw(b);
    if (r->is_write)
        return write_checked(b, r->sector, r->count, r->data);
    return read_clipped(b, r->sector, r->count, r->data);
}

/* Serve the first request of the queue. Called and left with the lock held. */
static void serve_head(struct blk *b)
{
    struct blk_request *r = b->head;
    int result;

    b->head = r->next;
    if (!b->head)
        b->tail = &b->head;
    r->status = STATUS_RUNNING;
    b->busy = true;
    pthread_mutex_unlock(&b->lock);
    result = serve(b, r);
    pthread_mutex_lock(&b->lock);
    b->busy = false;
    r->result = result;
    r->status = STATUS_DONE;
    if (result && (r->is_write || r->is_flush) && !b->unreported++)
        b->first_error = result;
    pthread_cond_broadcast(&b->done);
}

static void *worker_main(void *opaque)
{
    struct blk *b = opaque;

    pthread_mutex_lock(&b->lock);
    while (!b->quit) {
        if (b->head && !b->busy)
            serve_head(b);
        else
            pthread_cond_wait(b->head ? &b->done : &b->work, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Signals are for the threads of the front end. */
static void start_worker(struct blk *b)
{
    sigset_t all, old;

    b->tried_worker = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    b->has_worker = pthread_create(&b->worker, NULL, worker_main, b) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void start(struct blk *b, struct blk_request *r)
{
    if (!b->tried_worker)
        start_worker(b);
    r->blk = b;
    r->next = NULL;
    r->result = 0;
    pthread_mutex_lock(&b->lock);
    r->status = STATUS_QUEUED;
    *b->tail = r;
    b->tail = &r->next;
    pthread_cond_signal(&b->work);
    pthread_mutex_unlock(&b->lock);
}

/* Take part in the work or wait for it, once. Called and left with the lock held. */
static void help_or_wait(struct blk *b)
{
    if (b->head && !b->busy)
        serve_head(b);
    else
        pthread_cond_wait(&b->done, &b->lock);
}

/* Wait for everything started so far and keep the worker out until leave(). */
static void enter(struct blk *b)
{
    pthread_mutex_lock(&b->lock);
    while (b->head || b->busy)
        help_or_wait(b);
    b->busy = true;
    pthread_mutex_unlock(&b->lock);
}

static void leave(struct blk *b)
{
    pthread_mutex_lock(&b->lock);
    b->busy = false;
    pthread_cond_broadcast(&b->done);
    pthread_mutex_unlock(&b->lock);
}

/* --- life ------------------------------------------------------------------------------------ */

struct blk *blk_new(const char *name, const struct blk_image *image)
{
    struct blk *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->image = *image;
    b->name = strdup(name);
    if (image->writes_in_memory || !image->driver)
        b->overlay = blk_overlay_new(image->sectors);
    if (!b->name || (!b->overlay && (image->writes_in_memory || !image->driver))) {
        free(b->name);
        free(b);
        return NULL;
    }
    b->tail = &b->head;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    pthread_cond_init(&b->done, NULL);
    return b;
}

struct blk *blk_new_memory(u64 sectors)
{
    struct blk_image image = {.sectors = sectors};

    return blk_new("memory", &image);
}

static void stop_worker(struct blk *b)
{
    pthread_mutex_lock(&b->lock);
    b->quit = true;
    pthread_cond_broadcast(&b->work);
    pthread_cond_broadcast(&b->done);
    pthread_mutex_unlock(&b->lock);
    if (b->has_worker)
        pthread_join(b->worker, NULL);
}

static void close_watches(struct blk *b)
{
    for (struct blk_watch *w = b->watches, *next; w; w = next) {
        bool owned = w->owned;

        next = w->next;
        if (w->closing)
            w->closing(w->opaque); /* who is told may free his own */
        if (owned)
            free(w);
    }
    b->watches = NULL;
}

int blk_close(struct blk *b)
{
    int err, close_err = 0;

    if (!b)
        return 0;
    enter(b);
    err = flush_raw(b);
    leave(b);
    stop_worker(b);
    close_watches(b);
    if (b->image.driver)
        close_err = b->image.driver->close(b->image.opaque);
    if (b->unreported)
        err = b->first_error;
    blk_overlay_free(b->overlay);
    pthread_cond_destroy(&b->done);
    pthread_cond_destroy(&b->work);
    pthread_mutex_destroy(&b->lock);
    free(b->name);
    free(b);
    return err ? err : close_err;
}

void blk_on_write_error(struct blk *b, bool (*fn)(void *opaque, struct blk *b, int error),
                        void *opaque)
{
    b->write_error = fn;
    b->write_error_opaque = opaque;
}

u64 blk_sectors(const struct blk *b)
{
    return b->image.sectors;
}

bool blk_is_read_only(const struct blk *b)
{
    return b->image.read_only;
}

const char *blk_name(const struct blk *b)
{
    return b->name;
}

/* --- access ---------------------------------------------------------------------------------- */

/* Try a request that ended with `error` again, for as long as somebody wants that. */
static int retry(struct blk *b, const struct blk_request *r, int error)
{
    bool ours = b->image.read_only || (r->is_write && !fits(b, r->sector, r->count));

    if (ours || !(r->is_write || r->is_flush))
        return error;
    while (error && b->write_error && b->write_error(b->write_error_opaque, b, error)) {
        enter(b);
        error = serve(b, r);
        leave(b);
    }
    return error;
}

/* Counted by the calling thread, so that the figures do not depend on the host's speed. */
static void count_access(struct blk *b, bool is_write, u32 count)
{
    if (is_write) {
        b->stats.writes++;
        b->stats.sectors_written += count;
    } else {
        b->stats.reads++;
        b->stats.sectors_read += count;
    }
}

int blk_read(struct blk *b, u64 sector, u32 count, void *data)
{
    int err;

    count_access(b, false, count);
    enter(b);
    err = read_clipped(b, sector, count, data);
    leave(b);
    return err;
}

int blk_write(struct blk *b, u64 sector, u32 count, const void *data)
{
    struct blk_request r = {.sector = sector, .count = count, .is_write = true};
    int err;

    r.data = (void *)data; /* only read from */
    count_access(b, true, count);
    enter(b);
    err = serve(b, &r);
    leave(b);
    return retry(b, &r, err);
}

int blk_flush(struct blk *b)
{
    struct blk_request r = {.is_flush = true};
    int err;

    enter(b);
    err = serve(b, &r);
    leave(b);
    return retry(b, &r, err);
}

void blk_start_read(struct blk *b, struct blk_request *r, u64 sector, u32 count, void *data)
{
    assert(r->status == STATUS_IDLE);
    *r = (struct blk_request){.sector = sector, .count = count, .data = data};
    count_access(b, false, count);
    start(b, r);
}

void blk_start_write(struct blk *b, struct blk_request *r, u64 sector, u32 count, void *data)
{
    assert(r->status == STATUS_IDLE);
    *r = (struct blk_request){.sector = sector, .count = count, .data = data, .is_write = true};
    count_access(b, true, count);
    start(b, r);
}

void blk_start_flush(struct blk *b, struct blk_request *r)
{
    assert(r->status == STATUS_IDLE);
    *r = (struct blk_request){.is_flush = true};
    start(b, r);
}

int blk_finish(struct blk_request *r)
{
    struct blk *b = r->blk;

    pthread_mutex_lock(&b->lock);
    assert(r->status != STATUS_IDLE);
    while (r->status != STATUS_DONE)
        help_or_wait(b);
    r->status = STATUS_IDLE;
    if (r->result && (r->is_write || r->is_flush))
        b->unreported--;
    pthread_mutex_unlock(&b->lock);
    if (r->result)
        r->result = retry(b, r, r->result);
    return r->result;
}

bool blk_is_done(struct blk_request *r)
{
    bool done;

    pthread_mutex_lock(&r->blk->lock);
    done = r->status == STATUS_DONE;
    pthread_mutex_unlock(&r->blk->lock);
    return done;
}

/* --- pre-images ------------------------------------------------------------------------------ */

void blk_watch(struct blk *b, struct blk_watch *w)
{
    struct blk_watch **last = &b->watches;

    enter(b);
    while (*last)
        last = &(*last)->next;
    w->next = NULL;
    *last = w;
    leave(b);
}

void blk_unwatch(struct blk *b, struct blk_watch *w)
{
    struct blk_watch **at = &b->watches;

    enter(b);
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    leave(b);
}

int blk_add_preimage_sink(struct blk *b, blk_preimage_fn fn, void *opaque)
{
    struct blk_watch *w = malloc(sizeof *w);

    if (!w)
        return -ENOMEM;
    *w = (struct blk_watch){.before = fn, .opaque = opaque, .owned = true};
    blk_watch(b, w);
    return 0;
}

void blk_remove_preimage_sink(struct blk *b, blk_preimage_fn fn, void *opaque)
{
    struct blk_watch *w = b->watches;

    while (w && (w->before != fn || w->opaque != opaque))
        w = w->next;
    if (!w)
        return;
    blk_unwatch(b, w);
    free(w);
}

int blk_preimage_peek(struct blk *b, u64 sector, u32 count, void *data)
{
    return read_clipped(b, sector, count, data);
}

bool blk_preimage_time(struct blk *b, u64 *size, s64 *mtime_ns)
{
    return b->image.driver && b->image.driver->time &&
           b->image.driver->time(b->image.opaque, size, mtime_ns);
}

int blk_restore_sectors(struct blk *b, u64 sector, u32 count, const void *data)
{
    int err;

    enter(b);
    err = write_checked(b, sector, count, data);
    leave(b);
    return err;
}

/* --- for snapshots --------------------------------------------------------------------------- */

const struct blk_overlay *blk_private_writes(struct blk *b)
{
    enter(b);
    leave(b);
    return b->overlay;
}

struct blk_overlay *blk_swap_private_writes(struct blk *b, struct blk_overlay *o)
{
    struct blk_overlay *old;

    enter(b);
    old = b->overlay;
    b->overlay = o;
    leave(b);
    return old;
}

int blk_read_file(struct blk *b, u64 sector, u32 count, void *data)
{
    struct blk_overlay *overlay;
    int err;

    enter(b);
    overlay = b->overlay;
    b->overlay = NULL;
    err = read_clipped(b, sector, count, data);
    b->overlay = overlay;
    leave(b);
    return err;
}

bool blk_file_time(struct blk *b, u64 *size, s64 *mtime_ns)
{
    bool known;

    enter(b);
    known = blk_preimage_time(b, size, mtime_ns);
    leave(b);
    return known;
}

const struct blk_image *blk_image_of(struct blk *b)
{
    enter(b);
    leave(b);
    return &b->image;
}

void blk_freeze(struct blk *b, bool frozen)
{
    enter(b);
    b->frozen = frozen;
    leave(b);
}

void blk_get_stats(const struct blk *b, struct blk_stats *out)
{
    *out = b->stats;
}

/* --- opening --------------------------------------------------------------------------------- */

struct blk *blk_open(const char *path, unsigned flags, struct log *log, char *err, size_t err_size)
{
    struct blk_image image = {0};
    struct blk *b;

    if (!blk_raw_open(&image, path, flags, log, err, err_size))
        return NULL;
    b = blk_new(path, &image);
    if (!b) {
        image.driver->close(image.opaque);
        snprintf(err, err_size, "disk: '%s': the host has no memory for this image; close programs",
                 path);
        errno = ENOMEM;
    }
    return b;
}

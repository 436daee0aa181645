/*
 * Saving machines; see snapshot.h. The machine is copied while the guest stands still, and written
 * by a worker while it goes on.
 */
#include "devices/board/snapshot.h"

#include "base/state.h"
#include "devices/board/config.h"
#include "devices/board/machine_private.h"
#include "devices/board/rewind.h"
#include "devices/board/rewind.h"
#include "devices/board/snapdisk.h"
#include "devices/board/snapfile.h"
#include "devices/board/snapjournal.h"
#include "devices/board/snapmem.h"
#include "devices/board/snapregistry.h"
#include "devices/board/snapshot_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool snapshot_check_moment(struct machine *m, char *err, size_t err_size)
{
    const char *why = NULL;

    if (m->board.in_write_error)
        why = "the machine waits for the host to write a disk; free some room there first";
    else if (rewind_is_past(m->rewind))
        why = "the machine is in the past; go to the present first, or let it go on from here";
    if (why)
        snprintf(err, err_size, "%s", why);
    return !why;
}

struct snapshot_job {
    struct machine *m;
    struct snapfile_writer *file;
    char *path;
    struct snapjournal *journal; /* NULL: no image can be written */
    struct state *config, *machine;
    struct snapdisks disks;
    struct snapmem *memory;
    char about[128];
    pthread_t worker;
    bool has_worker;
    bool good;
    char err[400];
};

static void job_free(struct snapshot_job *j)
{
    state_free(j->config);
    state_free(j->machine);
    snapdisks_free(&j->disks);
    snapmem_free(j->memory);
    free(j->path);
    free(j);
}

/* The configuration, with what is in the drives now. */
static bool save_config(struct snapshot_job *j, struct machine *m)
{
    struct machine_config config = *machine_config(m);

    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        config.drive[i] = j->disks.drive[i].path;
    j->config = state_new_save();
    machine_config_state(&config, j->config);
    return !state_error(j->config);
}

static bool save_machine(struct snapshot_job *j, struct machine *m)
{
    j->machine = state_new_save();
    state_leave_out_memory(j->machine);
    machine_state(m, j->machine);
    if (state_error(j->machine))
        snprintf(j->err, sizeof j->err, "%s", state_error(j->machine));
    return !state_error(j->machine);
}

static bool capture(struct snapshot_job *j, struct machine *m)
{
    u64 ms = machine_now_ns(m) / 1000000;

    if (!snapshot_check_moment(m, j->err, sizeof j->err))
        return false;
    if (rewind_is_past(m->rewind)) { /* its disks hold the newest state */
        snprintf(j->err, sizeof j->err,
                 "the machine is in its past; 'rewind present' first, or use it, to go on from "
                 "here");
        return false;
    }
    snprintf(j->about, sizeof j->about,
             "A machine saved by Bygone, %llu.%03llu s after its start\n",
             (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000));
    snprintf(j->err, sizeof j->err, "the host has no memory left");
    return snapdisks_capture(&j->disks, &m->board, j->err, sizeof j->err) &&
           snapjournal_begin(&m->board, j->path, &j->disks, &j->journal, j->err, sizeof j->err) &&
           save_config(j, m) && save_machine(j, m) && (j->memory = snapmem_capture(m->board.pm));
}

static bool put_stream(struct snapshot_job *j, const char *name, u32 version, struct state *s)
{
    size_t len;
    const void *data = state_data(s, &len);

    return snapfile_put(j->file, name, version, data, len);
}

static void sweep(struct machine *m, void *arg)
{
    snapjournals_sweep(&m->board);
}

static void *write_file(void *opaque)
{
    struct snapshot_job *j = opaque;
    bool good;

    good = snapfile_put(j->file, "about", SNAPSHOT_ABOUT, j->about, strlen(j->about)) &&
           put_stream(j, "config", SNAPSHOT_CONFIG, j->config) &&
           put_stream(j, "machine", SNAPSHOT_MACHINE, j->machine) &&
           snapdisks_write(&j->disks, j->file) && snapmem_write(j->memory, j->file);
    if (!good)
        snapfile_spoil(j->file);
    if (j->journal && !snapjournal_sync(j->journal, &j->disks)) {
        snprintf(j->err, sizeof j->err, "'%s': disks cannot be brought to the medium", j->path);
        snapfile_abandon(j->file);
    } else {
        j->good = snapfile_finish(j->file, j->err, sizeof j->err);
    }
    if (j->good) {
        snapjournal_tidy(j->path, &j->disks);
        snapregistry_add(j->path, &j->disks);
    }
    snapjournal_end(j->journal, j->good);
    machine_post(j->m, sweep, NULL);
    return NULL;
}

/* Signals are for the threads of the front end. */
static void start_worker(struct snapshot_job *j)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    j->has_worker = pthread_create(&j->worker, NULL, write_file, j) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!j->has_worker)
        write_file(j);
}

struct snapshot_job *snapshot_start(struct machine *m, const char *path, char *err, size_t err_size)
{
    struct snapshot_job *j = calloc(1, sizeof *j);
    char reason[400] = "the host has no memory left";

    if (j)
        j->m = m;
    if (j && (j->path = strdup(path)) && (j->file = snapfile_create(path, reason, sizeof reason))) {
        if (capture(j, m)) {
            start_worker(j);
            return j;
        }
        snprintf(reason, sizeof reason, "%s", j->err);
        snapfile_abandon(j->file);
        snapjournal_end(j->journal, false);
        snapjournals_sweep(&m->board);
    }
    snprintf(err, err_size, "save: %s", reason);
    if (j)
        job_free(j);
    return NULL;
}

bool snapshot_wait(struct snapshot_job *j, char *err, size_t err_size)
{
    bool good;

    if (j->has_worker)
        pthread_join(j->worker, NULL);
    good = j->good;
    if (!good)
        snprintf(err, err_size, "save: %s", j->err);
    job_free(j);
    return good;
}

bool snapshot_save(struct machine *m, const char *path, char *err, size_t err_size)
{
    struct snapshot_job *j = snapshot_start(m, path, err, err_size);

    return j && snapshot_wait(j, err, err_size);
}

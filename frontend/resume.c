/* Runs that begin or end with a snapshot; see resume.h. */
#include "frontend/resume.h"

#include "devices/board/snapshot.h"

#include <stdio.h>

static bool move_images(const struct options *o, struct snapshot *s, char *err, size_t err_size)
{
    static const char *const names[DRIVE_COUNT] = {"fda", "fdb", "hda", "hdb", "hdc", "hdd"};
    const struct machine_config *c = snapshot_config(s);

    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        const char *path = o->drive[i];

        if (c->drive_is_cd[i] && o->cdrom)
            path = o->cdrom;
        if (!path || snapshot_move_image(s, i, path))
            continue;
        snprintf(err, err_size,
                 "--%s: nothing was in that drive when '%.200s' was saved; put it in later, with "
                 "the command change",
                 names[i], o->load);
        return false;
    }
    return true;
}

static bool check_ports(const struct options *o, const struct machine_config *c, char *err,
                        size_t err_size)
{
    for (unsigned i = 1; i < o->serial_count; i++)
        if (!c->serial_port[i]) {
            snprintf(err, err_size,
                     "--serial: the machine in '%.200s' has fewer serial ports; leave the others "
                     "out",
                     o->load);
            return false;
        }
    return true;
}

void resume_config(const struct machine_config *from, bool watched, struct machine_config *to)
{
    struct machine_config c = *from;

    c.engine = to->engine;
    c.perf_map = to->perf_map;
    c.windows = to->windows;
    for (unsigned i = 0; i < MACHINE_SERIALS; i++)
        c.serial[i] = to->serial[i];
    c.parallel = to->parallel;
    c.debugcon = to->debugcon;
    c.sound = to->sound;
    c.wait_for_room = to->wait_for_room;
    c.log = to->log;
    *to = c;
    /* As with a machine that starts: who looks on wants the guest's own speed. */
    if (to->deterministic)
        to->speed_max = !watched;
}

struct snapshot *resume_open(const struct options *o, bool watched, struct machine_config *out,
                             char *err, size_t err_size)
{
    struct snapshot *s = snapshot_open(o->load, err, err_size);

    if (!s)
        return NULL;
    if (!move_images(o, s, err, err_size) || !check_ports(o, snapshot_config(s), err, err_size)) {
        snapshot_close(s);
        return NULL;
    }
    resume_config(snapshot_config(s), watched, out);
    return s;
}

int resume_suspend(const struct options *o, struct machine *m)
{
    char err[500];

    if (!snapshot_save(m, o->suspend, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return EXIT_HOST_FAILED;
    }
    fprintf(stderr, "suspended; go on with: bygone --load '%s'\n", o->suspend);
    return EXIT_SUSPENDED;
}

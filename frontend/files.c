/* Files named without an option. */
#include "frontend/files.h"

#include "devices/host/newfile.h"
#include "frontend/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef BYGONE_DATADIR
#define BYGONE_DATADIR "/usr/local/share/bygone"
#endif

/* A place that a kind of file may take. */
struct place {
    const char **field;
    const char *name; /* for the report */
};

/* The first free of these places; NULL if all are taken. */
static struct place *find_free(struct place *places, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
        if (!*places[i].field)
            return &places[i];
    return NULL;
}

static bool find_place(struct options *o, enum probe_kind kind, struct place *out)
{
    struct place floppies[] = {{&o->drive[DRIVE_FDA], "drive A:"},
                               {&o->drive[DRIVE_FDB], "drive B:"}};
    struct place disks[] = {{&o->drive[DRIVE_HDA], "the first hard disk"},
                            {&o->drive[DRIVE_HDB], "the second hard disk"},
                            {&o->drive[DRIVE_HDD], "the third hard disk"},
                            {&o->drive[DRIVE_HDC], "the fourth hard disk"}};
    struct place cd = {&o->cdrom, "the CD drive"};
    struct place kernel = {&o->kernel, "the kernel"};
    struct place initrd = {&o->initrd, "its initial RAM disk"};
    struct place *p = NULL;

    switch (kind) {
    case PROBE_FLOPPY: p = find_free(floppies, ARRAY_LEN(floppies)); break;
    /* A CD drive needs the fourth place. */
    case PROBE_DISK: p = find_free(disks, o->cdrom ? 3 : 4); break;
    case PROBE_CD: p = find_free(&cd, 1); break;
    case PROBE_LINUX:
    case PROBE_MULTIBOOT: p = find_free(&kernel, 1); break;
    case PROBE_ARCHIVE: p = find_free(&initrd, 1); break;
    case PROBE_REFUSED: break;
    }
    if (p)
        *out = *p;
    return p;
}

static int assign(struct options *o, const char *file, struct text *report, char *err,
                  size_t err_size)
{
    struct probe probe;
    struct place place;

    probe_file(file, &probe);
    if (probe.kind == PROBE_ARCHIVE && !o->kernel) {
        snprintf(err, err_size,
                 "'%.200s': %s; unpack it first (after a kernel it would be its "
                 "initial RAM disk)",
                 file, probe.why);
        return EXIT_BAD_INPUT;
    }
    if (probe.kind == PROBE_REFUSED) {
        snprintf(err, err_size, "'%.200s': %s", file, probe.why);
        return EXIT_BAD_INPUT;
    }
    if (!find_place(o, probe.kind, &place)) {
        snprintf(err, err_size, "'%.200s': %s, but every place for one is taken", file, probe.why);
        return EXIT_USAGE;
    }
    *place.field = file;
    text_addf(report, "'%s': %s: %s\n", file, probe.why, place.name);
    return 0;
}

int files_assign(struct options *o, struct text *report, char *err, size_t err_size)
{
    unsigned i;
    int code = 0;

    for (i = 0; i < o->file_count && !code; i++)
        code = assign(o, o->files[i], report, err, err_size);
    return code;
}

char *files_find_ours(const char *name)
{
    static const char *const places[] = {"..", "../share/bygone", "../..", NULL};
    char exe[PATH_MAX], path[PATH_MAX + 100];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *const *p;
    char *slash;

    exe[n > 0 ? n : 0] = 0;
    slash = strrchr(exe, '/');
    if (slash) {
        *slash = 0;
        for (p = places; *p; p++) {
            snprintf(path, sizeof path, "%s/%s/%s", exe, *p, name);
            if (!access(path, R_OK))
                return strdup(path);
        }
    }
    snprintf(path, sizeof path, "%s/%s", BYGONE_DATADIR, name);
    return access(path, R_OK) ? NULL : strdup(path);
}

static int check_readable(const char *option, const char *file, char *err, size_t err_size)
{
    struct stat st;
    const char *reason = NULL;

    if (!file)
        return 0;
    if (stat(file, &st) || access(file, R_OK))
        reason = errno == ENOENT   ? "there is no such file; check the name"
                 : errno == EACCES ? "you may not read it; change its permissions"
                                   : strerror(errno);
    else if (S_ISDIR(st.st_mode))
        reason = "a folder; give a file";
    else if (S_ISREG(st.st_mode) && st.st_size == 0)
        reason = "empty; a new disk needs its size first, as in: truncate -s 512M FILE";
    if (!reason)
        return 0;
    snprintf(err, err_size, "%s: '%.200s': %s", option, file, reason);
    return EXIT_BAD_INPUT;
}

/* Where --suspend saves: SIGTERM is too late to learn that it cannot. */
static int check_suspend(const char *file, char *err, size_t err_size)
{
    char why[400];
    struct newfile *f;

    if (!file)
        return 0;
    f = newfile_create(file, why, sizeof why);
    if (f) {
        newfile_abandon(f);
        return 0;
    }
    snprintf(err, err_size, "suspend: %s", why);
    return EXIT_HOST_FAILED;
}

int files_check(const struct options *o, char *err, size_t err_size)
{
    const struct {
        const char *option, *file;
    } files[] = {
        {"fda", o->drive[DRIVE_FDA]},
        {"fdb", o->drive[DRIVE_FDB]},
        {"hda", o->drive[DRIVE_HDA]},
        {"hdb", o->drive[DRIVE_HDB]},
        {"hdc", o->drive[DRIVE_HDC]},
        {"hdd", o->drive[DRIVE_HDD]},
        {"cdrom", o->cdrom},
        {"kernel", o->kernel},
        {"load", o->load},
        {"initrd", o->initrd},
        {"bios", o->bios},
        {"vgabios", o->vgabios},
    };
    unsigned i;
    int code = 0;

    for (i = 0; i < ARRAY_LEN(files) && !code; i++)
        code = check_readable(files[i].option, files[i].file, err, err_size);
    return code ? code : check_suspend(o->suspend, err, err_size);
}

/* Put a file into the drive that takes it. */
#include "frontend/insert.h"

#include "frontend/commands.h"
#include "frontend/frontend.h"
#include "frontend/probe.h"

#include <stdio.h>
#include <string.h>

bool insert_command(const char *drive, const char *path, char *command, size_t size,
                    struct text *out)
{
    if (strpbrk(path, "\"\r\n")) {
        text_add(out, "a file with a quote or a line break in its name must be renamed first");
        return false;
    }
    if ((size_t)snprintf(command, size, "change %s \"%s\"", drive, path) < size)
        return true;
    text_add(out, "the name is too long; go to the file's folder before starting");
    return false;
}

static const char *drive_for(enum probe_kind kind)
{
    switch (kind) {
    case PROBE_FLOPPY: return "fda";
    case PROBE_CD: return "cdrom";
    default: return NULL;
    }
}

static void cut_newline(struct text *t)
{
    while (t->len && t->data[t->len - 1] == '\n')
        t->data[--t->len] = 0;
}

bool insert_file(struct frontend *f, const char *path, struct text *out)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *drive;
    char command[COMMAND_LINE_MAX];
    struct probe probe;
    bool good;

    probe_file(path, &probe);
    drive = drive_for(probe.kind);
    if (!drive) {
        text_addf(out, "%.60s: %s%s", name, probe.why,
                  probe.kind == PROBE_REFUSED ? "" : "; it cannot be put in while running");
        return false;
    }
    if (!insert_command(drive, path, command, sizeof command, out))
        return false;
    good = frontend_command(f, command, out);
    cut_newline(out);
    if (good)
        text_addf(out, "%.60s is in %s", name, drive);
    return good;
}

/*
 * The commands of QMP that a client finds here, as QEMU's documentation describes them ("QEMU QMP
 * Reference Manual"); what has no name there is reached through human-monitor-command.
 */
#ifdef HAVE_JANSSON

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* gettid */
#endif
#include "frontend/qmp_private.h"

#include "devices/board/machine.h"
#include "devices/host/display.h"
#include "devices/host/input.h"
#include "frontend/options.h"
#include "frontend/picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS_MAX = 16, PAGE = 4096 };

static const char *argument(const struct qmp_call *c, const char *name)
{
    return json_string_value(json_object_get(c->arguments, name));
}

static u64 number(const struct qmp_call *c, const char *name)
{
    return (u64)json_integer_value(json_object_get(c->arguments, name));
}

/* ---- About us ---- */

json_t *qmp_version(void)
{
    int major = 0, minor = 0, micro = 0;

    sscanf(BYGONE_VERSION, "%d.%d.%d", &major, &minor, &micro);
    return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "major", major, "minor", minor, "micro",
                     micro, "package", "bygone");
}

static json_t *qmp_capabilities(struct qmp_call *c)
{
    const json_t *wanted = json_object_get(c->arguments, "enable");

    if (json_array_size(wanted))
        return qmp_fail(c, "GenericError", "no capability can be enabled here");
    return json_object();
}

static json_t *query_version(struct qmp_call *c)
{
    return qmp_version();
}

static json_t *query_commands(struct qmp_call *c)
{
    json_t *list = json_array();
    const struct qmp_command *row;

    for (row = qmp_commands; row->name; row++)
        json_array_append_new(list, json_pack("{s:s}", "name", row->name));
    return list;
}

static json_t *query_name(struct qmp_call *c)
{
    return json_object(); /* machines have no names here */
}

static json_t *query_kvm(struct qmp_call *c)
{
    return json_pack("{s:b, s:b}", "enabled", 0, "present", 0);
}

/* ---- The machine ---- */

static json_t *query_status(struct qmp_call *c)
{
    bool paused = machine_is_paused(c->machine);

    return json_pack("{s:b, s:b, s:s}", "running", !paused, "singlestep", 0, "status",
                     paused ? "paused" : "running");
}

/* Commands run on the machine's thread. */
static json_t *query_cpus_fast(struct qmp_call *c)
{
    return json_pack("[{s:i, s:s, s:i, s:s, s:{}}]", "cpu-index", 0, "qom-path", "/machine/cpu[0]",
                     "thread-id", (int)gettid(), "target", "i386", "props");
}

static json_t *query_memory_size_summary(struct qmp_call *c)
{
    return json_pack("{s:I}", "base-memory", (json_int_t)machine_config(c->machine)->mem_bytes);
}

static json_t *stop(struct qmp_call *c)
{
    machine_set_paused(c->machine, true);
    return json_object();
}

static json_t *cont(struct qmp_call *c)
{
    machine_set_paused(c->machine, false);
    return json_object();
}

static json_t *system_reset(struct qmp_call *c)
{
    machine_reset(c->machine);
    return json_object();
}

static json_t *system_powerdown(struct qmp_call *c)
{
    machine_powerdown(c->machine);
    return json_object();
}

static json_t *quit(struct qmp_call *c)
{
    c->quit = true;
    return json_object();
}

/* What it prints is returned, also if it failed. */
static json_t *human_monitor_command(struct qmp_call *c)
{
    c->line = argument(c, "command-line");
    return json_object();
}

/* ---- Snapshots ---- */

static json_t *snapshot(struct qmp_call *c, const char *verb)
{
    const char *file = argument(c, "filename");

    if (strpbrk(file, "\"\r\n") || strlen(file) + 10 > sizeof c->buffer)
        return qmp_fail(c, "GenericError", "no such file name can be given here");
    snprintf(c->buffer, sizeof c->buffer, "%s \"%s\"", verb, file);
    c->line = c->buffer;
    c->strict = true;
    return json_object();
}

static json_t *save(struct qmp_call *c)
{
    return snapshot(c, "save");
}

static json_t *load(struct qmp_call *c)
{
    return snapshot(c, "load");
}

static json_t *fork_machine(struct qmp_call *c)
{
    const char *options = argument(c, "options");

    if (options && (strpbrk(options, "\r\n") || strlen(options) + 10 > sizeof c->buffer))
        return qmp_fail(c, "GenericError", "no such options can be given here");
    snprintf(c->buffer, sizeof c->buffer, "fork %s", options ? options : "");
    c->line = c->buffer;
    c->strict = true;
    return json_object();
}

/* ---- Drives ---- */

static json_t *describe_drive(const struct machine_drive *d)
{
    json_t *out = json_pack("{s:s, s:s, s:b, s:b, s:s}", "device", d->name, "qdev", d->name,
                            "locked", 0, "removable", d->removable, "type", "unknown");
    json_t *image, *inserted;

    if (!d->path)
        return out;
    image = json_pack("{s:s, s:s, s:I, s:b}", "filename", d->path, "format", "raw", "virtual-size",
                      (json_int_t)(d->sectors * 512), "dirty-flag", 0);
    if (!image) /* a name that is no UTF-8 */
        return out;
    inserted = json_pack("{s:s, s:b, s:s, s:b, s:i, s:o}", "file", d->path, "ro", d->read_only,
                         "drv", "raw", "encrypted", 0, "backing_file_depth", 0, "image", image);
    json_object_set_new(out, "inserted", inserted);
    return out;
}

static json_t *query_block(struct qmp_call *c)
{
    json_t *list = json_array();
    struct machine_drive d;
    unsigned i;

    for (i = 0; i < DRIVE_COUNT; i++) {
        machine_get_drive(c->machine, (enum drive_id)i, &d);
        if (d.present)
            json_array_append_new(list, describe_drive(&d));
    }
    return list;
}

/* The drive that "device" or "id" names; DRIVE_COUNT with the error set. */
static enum drive_id named_drive(struct qmp_call *c)
{
    const char *name = argument(c, "device");
    enum drive_id drive;

    if (!name)
        name = argument(c, "id");
    if (!name) {
        qmp_fail(c, "GenericError", "Parameter 'device' is missing");
        return DRIVE_COUNT;
    }
    drive = machine_drive_by_name(c->machine, name);
    if (drive == DRIVE_COUNT)
        qmp_fail(c, "DeviceNotFound", "Device '%.60s' not found", name);
    return drive;
}

static json_t *eject(struct qmp_call *c)
{
    enum drive_id drive = named_drive(c);
    char err[400];

    if (drive == DRIVE_COUNT)
        return NULL;
    if (machine_eject(c->machine, drive, err, sizeof err))
        return qmp_fail(c, "GenericError", "%s", err);
    return json_object();
}

static json_t *insert(struct qmp_call *c, const char *file)
{
    enum drive_id drive = named_drive(c);
    char err[400];

    if (drive == DRIVE_COUNT)
        return NULL;
    if (machine_insert(c->machine, drive, file, err, sizeof err))
        return qmp_fail(c, "GenericError", "%s", err);
    return json_object();
}

static json_t *blockdev_change_medium(struct qmp_call *c)
{
    const char *format = argument(c, "format");

    if (format && strcmp(format, "raw"))
        return qmp_fail(c, "GenericError", "Unknown driver '%.60s'; images are raw", format);
    return insert(c, argument(c, "filename"));
}

static json_t *change(struct qmp_call *c)
{
    return insert(c, argument(c, "target"));
}

/* ---- Screen, keys, mouse ---- */

static json_t *screendump(struct qmp_call *c)
{
    const char *format = argument(c, "format");
    struct display_frame frame;
    char err[400];
    bool good;

    if (format && strcmp(format, "png"))
        return qmp_fail(c, "GenericError", "pictures are saved as png");
    display_frame_init(&frame);
    machine_render(c->machine, &frame, true);
    good = picture_save(&frame, argument(c, "filename"), err, sizeof err);
    display_frame_free(&frame);
    return good ? json_object() : qmp_fail(c, "GenericError", "%s", err);
}

/* {"type": "qcode", "data": NAME}; 0 with the error set. */
static u16 key_of(struct qmp_call *c, const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const char *name = json_string_value(json_object_get(value, "data"));
    u16 key = 0;

    if (!type || strcmp(type, "qcode") || !name)
        qmp_fail(c, "GenericError", "a key is {\"type\": \"qcode\", \"data\": NAME}");
    else if (!(key = key_by_name(name)))
        qmp_fail(c, "GenericError", "no key is named '%.40s'", name);
    return key;
}

/* Pressed in order, released the other way round at once. */
static json_t *send_key(struct qmp_call *c)
{
    const json_t *keys = json_object_get(c->arguments, "keys");
    size_t count = json_array_size(keys), i;
    u16 key[KEYS_MAX];

    if (count > KEYS_MAX)
        return qmp_fail(c, "GenericError", "at most %d keys at once", KEYS_MAX);
    for (i = 0; i < count; i++)
        if (!(key[i] = key_of(c, json_array_get(keys, i))))
            return NULL;
    for (i = 0; i < count; i++)
        machine_key(c->machine, key[i], true);
    while (count--)
        machine_key(c->machine, key[count], false);
    return json_object();
}

static bool button_event(struct qmp_call *c, const json_t *data)
{
    static const struct {
        const char *name;
        u8 button;
        s8 wheel;
    } buttons[] = {
        {"left", MOUSE_LEFT, 0}, {"right", MOUSE_RIGHT, 0}, {"middle", MOUSE_MIDDLE, 0},
        {"side", MOUSE_SIDE, 0}, {"extra", MOUSE_EXTRA, 0}, {"wheel-up", 0, -1},
        {"wheel-down", 0, 1},
    };
    const char *name = json_string_value(json_object_get(data, "button"));
    bool down = json_is_true(json_object_get(data, "down"));
    unsigned i;

    for (i = 0; name && i < ARRAY_LEN(buttons); i++) {
        if (strcmp(name, buttons[i].name))
            continue;
        *c->buttons =
            (u8)(down ? *c->buttons | buttons[i].button : *c->buttons & ~buttons[i].button);
        machine_mouse(c->machine, 0, 0, down ? buttons[i].wheel : 0, *c->buttons);
        return true;
    }
    qmp_fail(c, "GenericError", "no button of that name");
    return false;
}

static bool input_event(struct qmp_call *c, const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    const json_t *data = json_object_get(event, "data");
    const char *axis = json_string_value(json_object_get(data, "axis"));
    json_int_t value = json_integer_value(json_object_get(data, "value"));
    u16 key;

    if (type && !strcmp(type, "key")) {
        key = key_of(c, json_object_get(data, "key"));
        if (key)
            machine_key(c->machine, key, json_is_true(json_object_get(data, "down")));
        return key;
    }
    if (type && !strcmp(type, "btn"))
        return button_event(c, data);
    if (type && !strcmp(type, "rel") && axis && value >= -10000 && value <= 10000) {
        machine_mouse(c->machine, strcmp(axis, "x") ? 0 : (s32)value,
                      strcmp(axis, "y") ? 0 : (s32)value, 0, *c->buttons);
        return true;
    }
    qmp_fail(c, "GenericError", "an event is a key, a btn, or a rel of at most 10000");
    return false;
}

static json_t *input_send_event(struct qmp_call *c)
{
    const json_t *events = json_object_get(c->arguments, "events");
    size_t i;

    for (i = 0; i < json_array_size(events); i++)
        if (!input_event(c, json_array_get(events, i)))
            return NULL;
    return json_object();
}

/* ---- Memory ---- */

static bool save_range(struct qmp_call *c, FILE *f, bool physical, u64 at, u64 size)
{
    static const u8 zeros[PAGE];
    u8 page[PAGE];
    size_t n, got;

    for (; size; at += n, size -= n) {
        n = PAGE - (size_t)(at % PAGE);
        n = size < n ? (size_t)size : n;
        got = physical ? machine_read_physical(c->machine, at, page, n)
                       : machine_read_linear(c->machine, at, page, n);
        if (got < n && !physical) {
            qmp_fail(c, "GenericError", "Invalid addr 0x%016llx/size %llu specified",
                     (unsigned long long)at, (unsigned long long)size);
            return false;
        }
        if (fwrite(got < n ? zeros : page, 1, n, f) != n) {
            qmp_fail(c, "GenericError", "%s", strerror(errno));
            return false;
        }
    }
    return true;
}

static json_t *save_memory(struct qmp_call *c, bool physical)
{
    u64 at = number(c, "val"), size = number(c, "size");
    const char *file = argument(c, "filename");
    bool good;
    FILE *f;

    if (number(c, "cpu-index"))
        return qmp_fail(c, "GenericError", "Invalid parameter value for 'cpu-index'");
    if (at >= 1ull << 32 || size > (1ull << 32) - at)
        return qmp_fail(c, "GenericError", "val and size lead beyond 4 GB");
    f = fopen(file, "wb");
    if (!f)
        return qmp_fail(c, "GenericError", "Could not open '%.200s': %s", file, strerror(errno));
    good = save_range(c, f, physical, at, size);
    if (fclose(f) && good)
        return qmp_fail(c, "GenericError", "'%.200s': %s", file, strerror(errno));
    return good ? json_object() : NULL;
}

static json_t *memsave(struct qmp_call *c)
{
    return save_memory(c, false);
}

static json_t *pmemsave(struct qmp_call *c)
{
    return save_memory(c, true);
}

/* ---- The table ---- */

#define DEVICE                                                                                     \
    {"device", 's', true},                                                                         \
    {                                                                                              \
        "id", 's', true                                                                            \
    }

const struct qmp_command qmp_commands[] = {
    {"qmp_capabilities", {{"enable", 'a', true}}, qmp_capabilities},
    {"query-version", {{0}}, query_version},
    {"query-commands", {{0}}, query_commands},
    {"query-name", {{0}}, query_name},
    {"query-kvm", {{0}}, query_kvm},
    {"query-status", {{0}}, query_status},
    {"query-cpus-fast", {{0}}, query_cpus_fast},
    {"query-memory-size-summary", {{0}}, query_memory_size_summary},
    {"query-block", {{0}}, query_block},
    {"stop", {{0}}, stop},
    {"cont", {{0}}, cont},
    {"system_reset", {{0}}, system_reset},
    {"system_powerdown", {{0}}, system_powerdown},
    {"quit", {{0}}, quit},
    {"human-monitor-command",
     {{"command-line", 's', false}, {"cpu-index", 'i', true}},
     human_monitor_command},
    {"save", {{"filename", 's', false}}, save},
    {"load", {{"filename", 's', false}}, load},
    {"fork", {{"options", 's', true}}, fork_machine},
    {"eject", {DEVICE, {"force", 'b', true}}, eject},
    {"blockdev-change-medium",
     {DEVICE, {"filename", 's', false}, {"format", 's', true}, {"force", 'b', true}},
     blockdev_change_medium},
    {"change", {DEVICE, {"target", 's', false}, {"arg", 's', true}}, change},
    {"screendump", {{"filename", 's', false}, {"format", 's', true}}, screendump},
    {"send-key", {{"keys", 'a', false}, {"hold-time", 'i', true}}, send_key},
    {"input-send-event", {{"events", 'a', false}}, input_send_event},
    {"memsave",
     {{"val", 'i', false},
      {"size", 'i', false},
      {"filename", 's', false},
      {"cpu-index", 'i', true}},
     memsave},
    {"pmemsave", {{"val", 'i', false}, {"size", 'i', false}, {"filename", 's', false}}, pmemsave},
    {NULL, {{0}}, NULL},
};

#endif

/* Options from words: looked up in the table, checked by kind, stored. */
#include "frontend/options.h"

#include "devices/board/engines.h"
#include "cpu/model.h"
#include "frontend/nearest.h"
#include "frontend/options_table.h"
#include "frontend/slurp.h"
#include "frontend/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const u64 MEM_MIN = 1ull << 20, MEM_MAX = 3ull << 30;
enum { SPEED_MIPS_MAX = 100000, BOOT_LETTERS_MAX = 3, CONFIG_MAX_BYTES = 1 << 20 };

void options_init(struct options *o)
{
    memset(o, 0, sizeof *o);
    o->mem_bytes = 64ull << 20;
    o->cpu = "pentium2";
    o->engine = engine_names[0];
    o->windows = engine_windows_names[0];
    o->rtc_epoch = INT64_MIN;
    o->post_card_port = o->debug_exit_port = -1;
}

void options_free(struct options *o)
{
    size_t i;

    for (i = 0; i < o->owned_count; i++)
        free(o->owned[i]);
    free(o->owned);
    memset(o, 0, sizeof *o);
}

const char *options_keep(struct options *o, const char *text)
{
    char **owned = realloc(o->owned, (o->owned_count + 1) * sizeof *owned);
    char *copy = strdup(text);

    if (owned)
        o->owned = owned;
    if (!owned || !copy) {
        free(copy);
        return NULL;
    }
    o->owned[o->owned_count++] = copy;
    return copy;
}

static bool fail(char *err, size_t err_size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(char *err, size_t err_size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(err, err_size, fmt, args);
    va_end(args);
    return false;
}

const char *options_name(unsigned index, const char **argument)
{
    const struct option_row *row;

    for (row = option_rows; row->name || row->help; row++)
        if (row->name && index-- == 0) {
            *argument = row->argument ? row->argument : "";
            return row->name;
        }
    return NULL;
}

const struct option_row *option_find(const char *what, const char *prefix, const char *name,
                                     char *err, size_t err_size)
{
    const struct option_row *row;
    struct nearest near;
    char hint[100];

    nearest_begin(&near, name);
    for (row = option_rows; row->name || row->help; row++) {
        if (!row->name)
            continue;
        if (!strcmp(row->name, name))
            return row;
        if (row->kind != OPT_RESERVED)
            nearest_try(&near, row->name);
    }
    fail(err, err_size, "unknown %s '%s%.60s'%s", what, prefix, name,
         nearest_hint(&near, prefix, hint, sizeof hint));
    return NULL;
}

/* A word of a list, where "file:" stands for anything that begins so and goes on. */
static bool is_choice(const char *const *choices, const char *value)
{
    size_t len;

    for (; *choices; choices++) {
        len = strlen(*choices);
        if ((*choices)[len - 1] == ':' ? !strncmp(value, *choices, len) && value[len]
                                       : !strcmp(value, *choices))
            return true;
    }
    return false;
}

static bool fail_choice(const struct option_row *row, const char *value, char *err, size_t err_size)
{
    const char *const *c;
    struct nearest near;
    char list[200] = "", hint[100];
    size_t n = 0;

    nearest_begin(&near, value);
    for (c = row->choices; *c; c++) {
        nearest_try(&near, *c);
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s%s", n ? ", " : "", *c,
                              (*c)[strlen(*c) - 1] == ':' ? "..." : "");
    }
    return fail(err, err_size, "%s: '%.80s' is none of: %s%s", row->name, value, list,
                nearest_hint(&near, "", hint, sizeof hint));
}

static bool check_cpu(const char *value, char *err, size_t err_size)
{
    const struct cpu_model *model;
    struct nearest near;
    char hint[100];

    nearest_begin(&near, value);
    for (model = cpu_models; model->name; model++) {
        if (!strcmp(model->name, value))
            return true;
        nearest_try(&near, model->name);
    }
    return fail(err, err_size, "cpu: no model '%.60s'%s", value,
                nearest_hint(&near, "", hint, sizeof hint));
}

static bool check_boot(const char *value, char *err, size_t err_size)
{
    size_t i, len = strlen(value);
    bool good = len >= 1 && len <= BOOT_LETTERS_MAX;

    for (i = 0; good && i < len; i++)
        good = strchr("acd", value[i]) && !strchr(value + i + 1, value[i]);
    return good || fail(err, err_size,
                        "boot: '%.20s' is not made of the letters a (floppy), c (hard disk) and d "
                        "(CD), each once",
                        value);
}

static bool store_text(struct options *o, const struct option_row *row, const char *value,
                       const char *base, char *err, size_t err_size)
{
    const char **field = option_field(o, row);
    const char *slash = base ? strrchr(base, '/') : NULL;
    char path[MACHINE_PATH_MAX];

    if (row->kind == OPT_FILE && !*value)
        return fail(err, err_size, "%s: the file's name is empty", row->name);
    if (row->kind == OPT_FILE && slash && *value != '/') {
        if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)(slash - base), base, value) >=
            sizeof path)
            return fail(err, err_size, "%s: the file's name is too long", row->name);
        value = path;
    }
    *field = options_keep(o, value);
    return *field || fail(err, err_size, "out of memory");
}

static bool store_stream(struct options *o, const struct option_row *row, const char *value,
                         char *err, size_t err_size)
{
    if (!is_choice(row->choices, value))
        return fail_choice(row, value, err, err_size);
    if (row->kind == OPT_STREAM)
        return store_text(o, row, value, NULL, err, err_size);
    if (o->serial_count == MACHINE_SERIALS)
        return fail(err, err_size, "serial: a PC has four serial ports, this is the fifth");
    o->serial[o->serial_count] = options_keep(o, value);
    return o->serial[o->serial_count++] || fail(err, err_size, "out of memory");
}

static bool store_size(u64 *out, const char *value, char *err, size_t err_size)
{
    if (!value_size(value, out))
        return fail(err, err_size, "mem: '%.40s' is not a size such as 64M or 1G", value);
    if (*out < MEM_MIN || *out > MEM_MAX)
        return fail(err, err_size, "mem: %.40s is out of bounds: 1M to 3G", value);
    if (*out % MEM_MIN)
        return fail(err, err_size, "mem: %.40s is not a whole number of megabytes", value);
    return true;
}

static bool store_speed(struct speed *out, const char *value, char *err, size_t err_size)
{
    u64 mips = 0;

    if (!strcmp(value, "max")) {
        out->kind = SPEED_MAX;
        return true;
    }
    if (!value_u64(value, &mips) || mips < 1 || mips > SPEED_MIPS_MAX)
        return fail(err, err_size,
                    "speed: '%.40s' is neither max nor a number of MIPS from 1 to %d", value,
                    SPEED_MIPS_MAX);
    out->kind = SPEED_FIXED;
    out->mips = (u32)mips;
    return true;
}

static bool store_port(s32 *out, const struct option_row *row, const char *value, char *err,
                       size_t err_size)
{
    u64 port = row->number;
    bool on = true;

    if (value && !value_u64(value, &port) && !value_bool(value, &on))
        port = UINT64_MAX;
    if (port > 0xFFFF)
        return fail(err, err_size, "%s: '%.40s' is not a port number from 0 to 0xFFFF", row->name,
                    value);
    *out = on ? (s32)port : -1;
    return true;
}

/* Kinds that are numbers of one sort or another. */
static bool store_number(void *field, const struct option_row *row, const char *value, char *err,
                         size_t err_size)
{
    switch (row->kind) {
    case OPT_SIZE: return store_size(field, value, err, err_size);
    case OPT_SPEED: return store_speed(field, value, err, err_size);
    case OPT_PORT: return store_port(field, row, value, err, err_size);
    case OPT_FLAG:
        return value_bool(value, field) ||
               fail(err, err_size, "%s: '%.40s' is neither yes nor no", row->name, value);
    case OPT_TIME:
        return value_time(value, field) ||
               fail(err, err_size, "%s: '%.40s' is not a date such as 1996-01-01T00:00:00",
                    row->name, value);
    case OPT_SECONDS:
        return (value_seconds(value, field) && *(u64 *)field) ||
               fail(err, err_size, "%s: '%.40s' is not a number of seconds above 0", row->name,
                    value);
    default:
        return value_u64(value, field) ||
               fail(err, err_size, "%s: '%.40s' is not a number", row->name, value);
    }
}

bool option_store(struct options *o, const struct option_row *row, const char *value,
                  const char *base, char *err, size_t err_size)
{
    switch (row->kind) {
    case OPT_WORD:
        if (!is_choice(row->choices, value))
            return fail_choice(row, value, err, err_size);
        return store_text(o, row, value, NULL, err, err_size);
    case OPT_CPU:
        return check_cpu(value, err, err_size) && store_text(o, row, value, NULL, err, err_size);
    case OPT_BOOT:
        return check_boot(value, err, err_size) && store_text(o, row, value, NULL, err, err_size);
    case OPT_TEXT:
    case OPT_CONFIG:
    case OPT_FILE: return store_text(o, row, value, base, err, err_size);
    case OPT_STREAM:
    case OPT_STREAMS: return store_stream(o, row, value, err, err_size);
    case OPT_SHOW: o->show = row->number; return true;
    case OPT_HEADING:
    case OPT_RESERVED: return fail(err, err_size, "%s: not in this version", row->name);
    default: return store_number(option_field(o, row), row, value, err, err_size);
    }
}

bool options_set(struct options *o, const char *name, const char *value, char *err, size_t err_size)
{
    const struct option_row *row = option_find("option", "--", name, err, err_size);

    return row && option_store(o, row, value, NULL, err, err_size);
}

static int read_config(struct options *o, const char *file, char *err, size_t err_size)
{
    size_t len;
    char *text = slurp(file, CONFIG_MAX_BYTES, &len, err, err_size);
    int code;

    if (!text)
        return EXIT_BAD_INPUT;
    code = options_config(o, file, text, len, err, err_size);
    free(text);
    return code;
}

/* One option of the command line taken apart. */
struct word {
    const struct option_row *row; /* NULL: a file */
    const char *value;
};

static bool takes_value(enum option_kind kind)
{
    return kind != OPT_FLAG && kind != OPT_SHOW && kind != OPT_PORT && kind != OPT_RESERVED;
}

/* Take argv[*at] and what belongs to it; *at moves behind. */
static bool next_word(int argc, char *const *argv, int *at, struct word *w, char *err,
                      size_t err_size)
{
    const char *text = argv[(*at)++], *equals = strchr(text, '=');
    char name[64];

    memset(w, 0, sizeof *w);
    w->value = text;
    if (text[0] != '-' || !text[1])
        return true;
    if (!strcmp(text, "-h"))
        text = "--help";
    if (text[1] != '-')
        return fail(err, err_size, "unknown option '%.60s': options begin with two dashes", text);
    snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - text - 2) : 63, text + 2);
    w->row = option_find("option", "--", name, err, err_size);
    if (!w->row)
        return false;
    w->value = equals ? equals + 1 : NULL;
    if (w->row->kind == OPT_RESERVED)
        return fail(err, err_size, "--%s: not in this version", name);
    if (w->value && (w->row->kind == OPT_FLAG || w->row->kind == OPT_SHOW))
        return fail(err, err_size, "--%s takes no value", name);
    if (!w->value && takes_value(w->row->kind)) {
        if (*at >= argc)
            return fail(err, err_size, "--%s needs a value: %s", name, w->row->argument);
        w->value = argv[(*at)++];
    }
    if (w->row->kind == OPT_FLAG)
        w->value = "yes";
    return true;
}

static bool add_file(struct options *o, const char *file, char *err, size_t err_size)
{
    if (o->file_count == OPTIONS_FILES_MAX)
        return fail(err, err_size, "more than %d files", OPTIONS_FILES_MAX);
    o->files[o->file_count] = options_keep(o, file);
    return o->files[o->file_count++] || fail(err, err_size, "out of memory");
}

/* First pass: configuration files only, so that the command line can go over them. */
static int read_configs(struct options *o, int argc, char *const *argv, char *err, size_t err_size)
{
    struct word w;
    int at = 1, code;

    while (at < argc && strcmp(argv[at], "--")) {
        if (!next_word(argc, argv, &at, &w, err, err_size))
            return EXIT_USAGE;
        if (!w.row || w.row->kind != OPT_CONFIG)
            continue;
        code = read_config(o, w.value, err, err_size);
        if (code)
            return code;
    }
    return 0;
}

int options_parse(struct options *o, int argc, char *const *argv, char *err, size_t err_size)
{
    int at = 1, code = read_configs(o, argc, argv, err, err_size);
    bool only_files = false, serial_named = false;
    struct word w;

    if (code)
        return code;
    while (at < argc) {
        if (only_files || !strcmp(argv[at], "--")) {
            if (only_files && !add_file(o, argv[at], err, err_size))
                return EXIT_USAGE;
            only_files = true;
            at++;
            continue;
        }
        if (!next_word(argc, argv, &at, &w, err, err_size))
            return EXIT_USAGE;
        /* The first --serial replaces those of the configuration file. */
        if (w.row && w.row->kind == OPT_STREAMS && !serial_named) {
            serial_named = true;
            o->serial_count = 0;
        }
        if (w.row ? !option_store(o, w.row, w.value, NULL, err, err_size)
                  : !add_file(o, w.value, err, err_size))
            return EXIT_USAGE;
    }
    return 0;
}

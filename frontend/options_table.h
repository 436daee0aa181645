/* Behind options.h: the table of options, for the files that parse and print it. */
#ifndef FRONTEND_OPTIONS_TABLE_H
#define FRONTEND_OPTIONS_TABLE_H

#include "frontend/options.h"

/* What an option takes and what its field is. */
enum option_kind {
    OPT_HEADING,  /* no option: a heading in --help, in `help` */
    OPT_FLAG,     /* bool; on the command line nothing follows it */
    OPT_TEXT,     /* const char * */
    OPT_FILE,     /* const char *; relative names in a configuration file are beside it */
    OPT_WORD,     /* const char *, one of `choices` */
    OPT_CPU,      /* const char *, a processor model */
    OPT_STREAM,   /* const char *, a description that chr_open knows, one of `choices` */
    OPT_STREAMS,  /* const char *[MACHINE_SERIALS]; each mention adds one */
    OPT_BOOT,     /* const char *, letters of a, c, d */
    OPT_SIZE,     /* u64, whole MiB within the machine's bounds */
    OPT_SPEED,    /* struct speed */
    OPT_TIME,     /* s64 seconds since 1970 */
    OPT_SECONDS,  /* u64 ns */
    OPT_NUMBER,   /* u64 */
    OPT_PORT,     /* s32; without a value, which is given with '=' only, it is `number` */
    OPT_CONFIG,   /* read a configuration file */
    OPT_SHOW,     /* show `number` (enum options_show) and end */
    OPT_RESERVED, /* the name is taken for a later version */
};

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset; /* of the field in struct options */
    const char *argument;
    const char *help; /* sentences for --help */
    const char *const *choices;
    u32 number;
};

/* The last row has neither name nor help. */
extern const struct option_row option_rows[];

/* The row of an option by name, or NULL and "unknown ..." with the nearest name in err. */
const struct option_row *option_find(const char *what, const char *prefix, const char *name,
                                     char *err, size_t err_size);
/* Set from text. `value` is NULL where none was given. `base` as in options_config, or NULL. */
bool option_store(struct options *o, const struct option_row *row, const char *value,
                  const char *base, char *err, size_t err_size);
/* True for kinds that stand in a configuration file. */
bool option_in_config(const struct option_row *row);

static inline void *option_field(struct options *o, const struct option_row *row)
{
    return (char *)o + row->offset;
}

#endif

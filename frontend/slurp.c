/* Small files, read whole. */
#include "frontend/slurp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(FILE *f, const char *file, size_t max, size_t *len, char *err,
                      size_t err_size)
{
    size_t size = 4096, got;
    char *text = malloc(size + 1), *more;

    *len = 0;
    while (text && (got = fread(text + *len, 1, size - *len, f)) > 0) {
        *len += got;
        if (*len > max)
            break;
        if (*len < size)
            continue;
        more = realloc(text, (size *= 2) + 1);
        if (!more) {
            free(text);
            text = NULL;
            break;
        }
        text = more;
    }
    if (text && *len <= max && !ferror(f)) {
        text[*len] = 0;
        return text;
    }
    snprintf(err, err_size, "'%s': %s", file,
             !text         ? "out of memory"
             : *len <= max ? strerror(errno)
                           : "much too long for what it should be");
    free(text);
    return NULL;
}

char *slurp(const char *file, size_t max, size_t *len, char *err, size_t err_size)
{
    FILE *f = strcmp(file, "-") ? fopen(file, "rb") : stdin;
    char *text;

    if (!f) {
        snprintf(err, err_size, "'%s': %s", file, strerror(errno));
        return NULL;
    }
    text = read_all(f, file, max, len, err, err_size);
    if (f != stdin)
        fclose(f);
    return text;
}

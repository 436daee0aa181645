/* Text that grows, up to a bound. */
#include "frontend/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct text *t, size_t len)
{
    size_t want = t->len + len + 1, capacity = t->capacity ? t->capacity : 256;
    char *data;

    if (t->cut || want > TEXT_MAX_BYTES) {
        t->cut = true;
        return false;
    }
    if (want <= t->capacity)
        return true;
    while (capacity < want)
        capacity *= 2;
    data = realloc(t->data, capacity);
    if (!data) {
        t->cut = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_add(struct text *t, const char *s)
{
    size_t len = strlen(s);

    if (!make_room(t, len))
        return;
    memcpy(t->data + t->len, s, len + 1);
    t->len += len;
}

void text_vaddf(struct text *t, const char *fmt, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0 && make_room(t, (size_t)len)) {
        vsnprintf(t->data + t->len, (size_t)len + 1, fmt, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text_vaddf(t, fmt, args);
    va_end(args);
}

bool text_fail(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text_vaddf(t, fmt, args);
    va_end(args);
    text_add(t, "\n");
    return false;
}

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

char *text_take(struct text *t)
{
    char *data = t->data ? t->data : calloc(1, 1);

    *t = (struct text){0};
    return data;
}

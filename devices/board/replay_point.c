/* Points of a recording; see replay_point.h. What is in the file is not trusted. */
#include "devices/board/replay_point.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "devices/board/replay_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 1 << 20 };

bool replay_points_push(struct replay_points *p, const struct replay_point *one)
{
    if (p->count == p->room) {
        unsigned room = p->room ? p->room * 2 : 16;
        struct replay_point *more = realloc(p->point, room * sizeof *more);

        if (!more)
            return false;
        p->point = more;
        p->room = room;
    }
    p->point[p->count++] = *one;
    return true;
}

void replay_points_free(struct replay_points *p)
{
    free(p->point);
    *p = (struct replay_points){0};
}

/* From the point before on through the log; false if no record begins there. */
static bool find_record(const struct input_log *inputs, const struct replay_point *before,
                        struct replay_point *one)
{
    size_t at = (size_t)before->log_at;
    struct input_record r;

    one->next_medium = before->next_medium;
    while (at < one->log_at && input_log_read(inputs, &at, &r))
        one->next_medium += r.source == INPUT_INSERT && !r.medium.refused;
    return at == one->log_at;
}

const char *replay_points_add(struct replay_points *p, const u8 *bytes, u32 len,
                              const struct input_log *inputs)
{
    const struct replay_point *before = &p->point[p->count - 1];
    struct replay_point one = {.has_time = true};

    if (len != REPLAY_POINT_BYTES || p->count > POINTS_MAX)
        return "a point is not as long as it should be";
    one.at = (struct input_time){get_le64(bytes), get_le64(bytes + 8), get_le32(bytes + 16)};
    one.now_ns = get_le64(bytes + 20);
    one.log_at = get_le64(bytes + 28);
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        one.medium[i] = get_le32(bytes + 36 + 4 * i);
    if (input_time_compare(&one.at, &before->at) < 0 || !find_record(inputs, before, &one))
        return "its points are not in order";
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (one.medium[i] != REPLAY_NO_MEDIUM && one.medium[i] >= one.next_medium)
            return "a point has a medium that never came in";
    return replay_points_push(p, &one) ? NULL : "the host has no memory left";
}

/* ---- Finding one ---- */

/* The number behind `text`, which it is the whole of. */
static bool number(const char *text, u64 *out)
{
    char *end;

    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end;
}

static bool seconds(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return *text >= '0' && *text <= '9' && !*end && isfinite(*out) && *out < 1e9;
}

bool replay_where_is_valid(const char *where)
{
    double s;
    u64 n;

    return *where == '#' || *where == '@' ? number(where + 1, &n) : seconds(where, &s);
}

static unsigned last_not_behind(const struct replay_points *p, u64 count, u64 now_ns)
{
    unsigned i = 0;

    while (i + 1 < p->count && p->point[i + 1].at.count <= count &&
           p->point[i + 1].now_ns <= now_ns)
        i++;
    return i;
}

bool replay_points_find(const struct replay_points *p, const char *where, unsigned *out, char *err,
                        size_t err_size)
{
    double s = 0;
    u64 n = 0;

    if (!replay_where_is_valid(where)) {
        snprintf(err, err_size, "'%.40s' is neither seconds nor @INSTRUCTION nor #POINT", where);
        return false;
    }
    if (*where == '#' || *where == '@')
        number(where + 1, &n);
    else
        seconds(where, &s);
    if (*where == '#' && n >= p->count) {
        snprintf(err, err_size, "it has no point %" PRIu64 ": the last is %u", n, p->count - 1);
        return false;
    }
    *out = *where == '#'   ? (unsigned)n
           : *where == '@' ? last_not_behind(p, n, UINT64_MAX)
                           : last_not_behind(p, UINT64_MAX, (u64)(s * NS_PER_SEC));
    return true;
}

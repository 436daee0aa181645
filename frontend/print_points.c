#include "frontend/print_points.h"

#include "base/log.h"
#include "devices/board/replay.h"

bool print_points(const char *path, FILE *out, char *err, size_t err_size)
{
    struct log *log = log_new(NULL, NULL);
    struct replay *r = replay_open(path, log, err, err_size);
    char line[120];

    for (unsigned i = 0; r && i < replay_point_count(r); i++) {
        replay_point_text(r, i, line, sizeof line);
        fprintf(out, "%s\n", line);
    }
    replay_free(r);
    log_free(log);
    return r;
}

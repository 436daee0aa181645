/* stamp NAME: from lines "begin K 0" and "end K SUM" on stdin, the best time of each K: "K NAME ns
 * SUM". */
#include <stdio.h>
#include <string.h>
#include <time.h>

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv)
{
    char line[200], what[20], name[40], sum[20], last[40] = "", last_sum[20] = "";
    long long began = 0, best = 0;

    while (fgets(line, sizeof line, stdin)) {
        long long at = now();

        if (sscanf(line, "%19s %39s %19s", what, name, sum) == 3 && !strcmp(what, "begin")) {
            began = at;
            if (strcmp(name, last) && *last)
                printf("%s %s %lld %s\n", last, argv[1], best, last_sum);
            if (strcmp(name, last))
                best = 0;
            strcpy(last, name);
        } else if (!strcmp(what, "end")) {
            best = !best || at - began < best ? at - began : best;
            strcpy(last_sum, sum);
        }
        if (!strncmp(line, "done", 4))
            break;
    }
    if (*last)
        printf("%s %s %lld %s\n", last, argv[1], best, last_sum);
    return argc != 2;
}

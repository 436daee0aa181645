/*
 * Hostile guests from random bytes, one after the other: nothing may crash, hang or print without
 * end, and a state saved behind each must load again. Each gets a limited time; one that takes
 * more than TIMEOUT seconds of the host's ends the program by SIGALRM after its seed was printed.
 *
 *     soak [--seed N] [--count N] [--cpu MODEL] [--size BYTES]
 *     soak --damage ROUNDS [--seed N]    saved states with changed bytes: refused, or they run
 */
#include "base/state.h"
#include "devices/board/machine.h"
#include "tests/fuzz/damage.h"
#include "tests/fuzz/hostile.h"
#include "tests/support/whole.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SIZE_MAX_BYTES = 65536,
    RUN_MS = 20,
    RUN_COUNT = 200000,
    MORE_MS = 5,
    TIMEOUT = 60, /* of the host, which may be busy */
    CHANGE = 4
};

static u64 seed = 1, running;

static void late(int signal)
{
    char text[80];
    int n = snprintf(text, sizeof text, "guest of seed %llu takes longer than %u s\n",
                     (unsigned long long)running, TIMEOUT);

    if (write(STDOUT_FILENO, text, (size_t)n) > 0)
        abort();
}

static u64 next_random(u64 *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void fill(u8 *data, size_t size, u64 n)
{
    u64 x = n * 0x9E3779B97F4A7C15ull | 1;

    for (unsigned i = 0; i < 8; i++)
        next_random(&x);
    for (size_t i = 0; i < size; i++)
        data[i] = (u8)(next_random(&x) >> 32);
}

static void say_difference(const char *when, struct machine *a, struct machine *b)
{
    char where[600];

    whole_difference(a, b, where, sizeof where);
    printf("guest of seed %llu, %s: %s\n", (unsigned long long)running, when, where);
}

/* Into another machine, in which other guests have left their traces, and on with both. */
static bool carries_over(struct machine *m, struct machine *other)
{
    struct state *s = state_new_save(), *l;
    const char *failure = NULL;
    const void *data;
    size_t len;

    machine_state(m, s);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    if (!state_error(s))
        machine_state(other, l);
    failure = state_error(s) ? state_error(s) : state_error(l);
    if (failure)
        printf("guest of seed %llu: %s\n", (unsigned long long)running, failure);
    state_free(l);
    state_free(s);
    if (failure)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        if (machine_state_hash(m) != machine_state_hash(other)) {
            say_difference(i ? "later" : "right after loading", m, other);
            return false;
        }
        if (i == 0) {
            hostile_run(m, MORE_MS * 1000000ull, RUN_COUNT);
            hostile_run(other, MORE_MS * 1000000ull, RUN_COUNT);
        }
    }
    return machine_state_hash(m) == machine_state_hash(other);
}

static void damage(u64 rounds)
{
    struct machine *m = hostile_machine("pentium2");
    struct damage_result result;
    u64 refused = 0;
    u8 data[12];

    for (running = seed; running < seed + rounds; running++) {
        alarm(TIMEOUT);
        fill(data, sizeof data, running);
        damage_round(m, data, 5 + data[11] % 2 * CHANGE, &result);
        refused += result.refused;
    }
    machine_free(m);
    printf("%llu refused, %llu ran\n", (unsigned long long)refused,
           (unsigned long long)(rounds - refused));
    printf("%llu passed, 0 failed, 0 skipped\n", (unsigned long long)rounds);
}

int main(int argc, char **argv)
{
    u64 damaged = 0;
    static u8 data[SIZE_MAX_BYTES];
    const char *cpu = "pentium2";
    u64 instructions = 0, count = 300, size = 600;
    unsigned failed = 0;
    struct machine *m, *other;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--count"))
            count = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--size"))
            size = min_u64(strtoull(argv[i + 1], NULL, 0), SIZE_MAX_BYTES);
        else if (!strcmp(argv[i], "--cpu"))
            cpu = argv[i + 1];
        else if (!strcmp(argv[i], "--damage"))
            damaged = strtoull(argv[i + 1], NULL, 0);
    }
    signal(SIGALRM, late);
    if (damaged) {
        damage(damaged);
        return 0;
    }
    m = hostile_machine(cpu);
    other = hostile_machine(cpu);
    for (running = seed; running < seed + count; running++) {
        u64 before = machine_instructions(m);

        alarm(TIMEOUT);
        hostile_reset(m);
        fill(data, size, running);
        hostile_guest(m, data, size);
        hostile_run(m, RUN_MS * 1000000ull, RUN_COUNT);
        instructions += machine_instructions(m) - before;
        failed += !carries_over(m, other);
    }
    machine_free(m);
    machine_free(other);
    printf("%llu instructions\n", (unsigned long long)instructions);
    printf("%llu passed, %u failed, 0 skipped\n", (unsigned long long)count - failed, failed);
    return failed != 0;
}

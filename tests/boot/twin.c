/*
 * A guest on two engines at once: both machines in one process are given the same script, and are
 * compared on the way. At the first difference it goes back to the last moment at which they were
 * the same and bisects from there to the instruction, which it shows with registers before and
 * behind it on both.
 *
 *     twin [--engine NAME] [--against NAME] [--step MS] [--full MS] [--threshold N]
 *          [--soak SEED] [--often N] [--moves N] [--until S] [--wrong COUNT]
 *          -- OPTIONS OF BYGONE
 *
 * --engine is the one on trial ("jit"), --against what it is measured with ("interp"); "stepper" is
 * one too. Processors, counts and clocks are compared every --step (10) ms of virtual time,
 * everything every --full (250) ms. --soak disturbs the one on trial at random moments, which must
 * not show: translations and entries of T dropped, runs cut, state saved and loaded; --often
 * besides disturbs the translator at about each N-th call of a handler. --moves goes the whole way
 * once with the first machine alone; then again with both, and at N random instruction counts a
 * snapshot of the first is loaded into a new machine, which takes the second's place: saved on one
 * engine, it goes on with the other. The end must be that of the first time. Without --script in
 * OPTIONS the guest runs for --until seconds (10). --wrong is for its own test. The last line is
 * "N passed, N failed, N skipped".
 */
#include "tests/boot/twin.h"

#include "base/log.h"
#include "base/state.h"
#include "devices/host/chr.h"
#include "frontend/config.h"
#include "frontend/files.h"
#include "frontend/script.h"
#include "frontend/serial_tap.h"
#include "tests/support/stepper.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ull

enum {
    MOVES_MAX = 1000,
    DISTURBANCES = 4, /* one for so many steps, about */
    TIMEOUT = 120,    /* seconds of the host's for one step */
};

static struct twin twin = {.engine = {"interp", "interp"}};
static u64 step_ns = 10 * MS, full_ns = 250 * MS, next_full_ns, soak, until_ns = 10000 * MS;
static u64 compared, disturbed;
static unsigned moves, moved;
static u64 move_at[MOVES_MAX + 1]; /* counts, rising */

/* ---- Comparison on the way ---- */

static u64 random_next(void)
{
    u64 v;

    soak += 0x9E3779B97F4A7C15ull;
    v = (soak ^ soak >> 30) * 0xBF58476D1CE4E5B9ull;
    v = (v ^ v >> 27) * 0x94D049BB133111EBull;
    return v ^ v >> 31;
}

/* Something between `now` and `next` that the second machine must not mind. */
static void disturb(u64 now, u64 next)
{
    struct twin_op op = {.kind = TWIN_CUT, .ns = now + random_next() % (next - now + 1)};

    disturbed++;
    twin_do(&twin, &op, NULL);
    switch (random_next() % 12) {
    case 0: op.kind = TWIN_RELOAD; break;
    case 1:
    case 2:
    case 3:
    case 4: op.kind = TWIN_FLUSH; break;
    case 5:
        op.kind = TWIN_THRESHOLD;
        op.ns = random_next() % 30;
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        op.kind = TWIN_DISTURB;
        op.ns = random_next();
        break;
    default: return;
    }
    twin_do(&twin, &op, NULL);
}

static void late(int signal)
{
    char text[200];
    int n = snprintf(text, sizeof text,
                     "a step takes longer than %u s: at %llu and %llu instructions, %llu ns\n",
                     TIMEOUT, (unsigned long long)machine_instructions(twin.m[0]),
                     (unsigned long long)machine_instructions(twin.m[1]),
                     (unsigned long long)machine_now_ns(twin.m[0]));

    if (write(STDOUT_FILENO, text, (size_t)n) > 0)
        abort();
}

static void differ(void)
{
    const struct machine *a = twin.m[0], *b = twin.m[1];

    alarm(0);
    printf("different at %.9f s (%.9f s), %llu (%llu) instructions\n",
           (double)machine_now_ns(a) / 1e9, (double)machine_now_ns(b) / 1e9,
           (unsigned long long)machine_instructions(a),
           (unsigned long long)machine_instructions(b));
    twin_search(&twin, stdout);
    printf("0 passed, 1 failed, 0 skipped\n");
    fflush(stdout);
    exit(1);
}

static void compare(bool full)
{
    compared++;
    if (!twin_alike(&twin) || (full && !twin_same(&twin)))
        differ();
    if (full)
        twin_keep(&twin);
}

/* ---- Snapshots on the way ---- */

static int rising(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;

    return x < y ? -1 : x > y;
}

/* So many in a run of `length` instructions. */
static void choose_moves(u64 length)
{
    u64 kept = soak;

    soak = 1;
    for (unsigned i = 0; i < moves; i++)
        move_at[i] = 1 + random_next() % length;
    soak = kept;
    qsort(move_at, moves, sizeof move_at[0], rising);
    move_at[moves] = 0;
}

/* To `next`, by way of the moments at which the second machine is built again. */
static void run_both(u64 next, enum machine_stop why[TWINS])
{
    struct twin_op op = {.kind = TWIN_RUN, .ns = next};

    for (;;) {
        while (moved < moves && move_at[moved] <= machine_instructions(twin.m[0]))
            moved++; /* two at one place */
        op.stop_count = moved < moves ? move_at[moved] : 0;
        twin_do(&twin, &op, why);
        if (why[0] != why[1])
            differ();
        if (!op.stop_count || machine_instructions(twin.m[0]) < op.stop_count)
            return;
        compare(true);
        twin_do(&twin, &(struct twin_op){.kind = TWIN_MOVE}, NULL);
        compare(true);
        if (why[0] != MACHINE_TIME || machine_now_ns(twin.m[0]) >= next)
            return;
    }
}

/* ---- What a script calls, taken to both; the linker leads it here, see the Makefile ---- */

enum machine_stop __wrap_machine_run(struct machine *m, u64 until);
void __wrap_machine_key(struct machine *m, u16 key, bool down);
void __wrap_machine_mouse(struct machine *m, s32 dx, s32 dy, s32 dz, u8 buttons);
int __wrap_machine_insert(struct machine *m, enum drive_id drive, const char *path, char *err,
                          size_t err_size);
int __wrap_machine_eject(struct machine *m, enum drive_id drive, char *err, size_t err_size);
void __wrap_machine_powerdown(struct machine *m);
void __wrap_machine_reset(struct machine *m);
bool __wrap_serial_tap_type(struct serial_tap *t, const char *text);

enum machine_stop __wrap_machine_run(struct machine *m, u64 until)
{
    enum machine_stop why[TWINS];
    u64 now = machine_now_ns(m), next;

    if (twin.alone) {
        twin_do(&twin, &(struct twin_op){.kind = TWIN_RUN, .ns = until}, why);
        return why[0];
    }
    do {
        bool full;

        next = min_u64(until, (now / step_ns + 1) * step_ns);
        if (soak && next > now && random_next() % DISTURBANCES == 0)
            disturb(now, next);
        alarm(TIMEOUT);
        run_both(next, why);
        full = machine_now_ns(m) >= next_full_ns || why[0] != MACHINE_TIME;
        compare(full);
        if (full)
            next_full_ns = machine_now_ns(m) + full_ns;
        now = max_u64(next, machine_now_ns(m));
    } while (next < until && why[0] == MACHINE_TIME);
    return why[0];
}

void __wrap_machine_key(struct machine *m, u16 key, bool down)
{
    twin_do(&twin, &(struct twin_op){.kind = TWIN_KEY, .key = key, .down = down}, NULL);
}

void __wrap_machine_mouse(struct machine *m, s32 dx, s32 dy, s32 dz, u8 buttons)
{
    twin_do(&twin,
            &(struct twin_op){.kind = TWIN_MOUSE, .dx = dx, .dy = dy, .dz = dz, .buttons = buttons},
            NULL);
}

/* Failures show in the pictures; scripts name files that are there. */
int __wrap_machine_insert(struct machine *m, enum drive_id drive, const char *path, char *err,
                          size_t err_size)
{
    twin_do(&twin, &(struct twin_op){.kind = TWIN_INSERT, .drive = drive, .text = strdup(path)},
            NULL);
    return 0;
}

int __wrap_machine_eject(struct machine *m, enum drive_id drive, char *err, size_t err_size)
{
    twin_do(&twin, &(struct twin_op){.kind = TWIN_EJECT, .drive = drive}, NULL);
    return 0;
}

void __wrap_machine_powerdown(struct machine *m)
{
    twin_do(&twin, &(struct twin_op){.kind = TWIN_POWERDOWN}, NULL);
}

void __wrap_machine_reset(struct machine *m)
{
    twin_do(&twin, &(struct twin_op){.kind = TWIN_RESET}, NULL);
}

bool __wrap_serial_tap_type(struct serial_tap *t, const char *text)
{
    twin_do(&twin, &(struct twin_op){.kind = TWIN_TYPE_SERIAL, .text = strdup(text)}, NULL);
    return true;
}

/* ---- Options ---- */

static int complain(const char *err)
{
    fprintf(stderr, "twin: %s\n", err);
    return 64;
}

static bool option(const char *name, const char *value)
{
    if (!strcmp(name, "--engine"))
        twin.engine[1] = value;
    else if (!strcmp(name, "--against"))
        twin.engine[0] = value;
    else if (!strcmp(name, "--step"))
        step_ns = max_u64((u64)(atof(value) * MS), 1);
    else if (!strcmp(name, "--full"))
        full_ns = (u64)(atof(value) * MS);
    else if (!strcmp(name, "--threshold"))
        twin.threshold = (unsigned)strtoul(value, NULL, 0);
    else if (!strcmp(name, "--soak"))
        soak = strtoull(value, NULL, 0) * 2 + 1;
    else if (!strcmp(name, "--often"))
        twin.often = (unsigned)strtoul(value, NULL, 0);
    else if (!strcmp(name, "--moves"))
        moves = (unsigned)min_u64(strtoull(value, NULL, 0), MOVES_MAX);
    else if (!strcmp(name, "--wrong"))
        twin.wrong_at = strtoull(value, NULL, 0);
    else if (!strcmp(name, "--until"))
        until_ns = (u64)(atof(value) * 1e9);
    else
        return false;
    return true;
}

static int load_script(const char *file, struct script **out)
{
    char err[512];

    *out = script_load(file, err, sizeof err);
    return *out ? 0 : complain(err);
}

/* The machines' configuration from bygone's options; streams of the host are left out. */
static int configure(struct options *o, int argc, char **argv, char boot[4])
{
    struct text report = {0};
    char err[512];

    o->deterministic = true;
    if (options_parse(o, argc, argv, err, sizeof err) ||
        files_assign(o, &report, err, sizeof err) || options_check(o, err, sizeof err) ||
        files_check(o, err, sizeof err))
        return complain(err);
    text_free(&report);
    o->keep_writes = false; /* both have the same images */
    config_from_options(o, false, boot, &twin.config);
    return 0;
}

static int run(struct script *script)
{
    struct script_host host = {.log = twin.config.log};

    twin.taps = script && script_uses_serial(script);
    twin_build(&twin);
    host.machine = twin.m[0];
    host.serial = twin.tap[0];
    if (script)
        return script_run(script, &host);
    __wrap_machine_run(twin.m[0], until_ns);
    return 0;
}

/* The first machine alone, undisturbed; the hash of its state at the end. */
static int run_alone(struct script *script, u64 *hash)
{
    int code;

    twin.alone = true;
    code = run(script);
    if (code)
        return code;
    *hash = machine_state_hash(twin.m[0]);
    choose_moves(max_u64(machine_instructions(twin.m[0]), 1));
    twin_free(&twin);
    twin.alone = false;
    return 0;
}

static int go(struct options *o, int argc, char **argv)
{
    struct script *script = NULL;
    char boot[4];
    u64 alone = 0;
    int code = configure(o, argc, argv, boot);

    if (!code && o->script)
        code = load_script(o->script, &script);
    if (code)
        return code;
    twin.config.log = log_new(NULL, NULL);
    if (moves)
        code = run_alone(script, &alone);
    if (!code)
        code = run(script);
    if (!code)
        compare(true);
    if (!code && moves && machine_state_hash(twin.m[0]) != alone) {
        printf("the end is another one than without snapshots\n");
        code = 1;
    }
    if (moves && !code)
        printf("%u of %u snapshots, the end %016llx as without\n", moved, moves,
               (unsigned long long)alone);
    printf("%.3f s, %llu instructions, %llu comparisons, %llu disturbances: %s and %s alike\n",
           (double)machine_now_ns(twin.m[0]) / 1e9,
           (unsigned long long)machine_instructions(twin.m[0]), (unsigned long long)compared,
           (unsigned long long)disturbed, twin.engine[0], twin.engine[1]);
    printf("%d passed, %d failed, 0 skipped\n", !code, code != 0);
    twin_free(&twin);
    log_free(twin.config.log);
    script_free(script);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    int i = 1, code;

    for (; i < argc && strcmp(argv[i], "--"); i += 2)
        if (i + 1 >= argc || !option(argv[i], argv[i + 1]))
            return complain("options: see the top of tests/boot/twin.c");
    for (unsigned n = 0; n < TWINS; n++)
        if (!test_engine(twin.engine[n]))
            return test_engine_missing(twin.engine[n]);
    twin.often_seed = soak;
    signal(SIGALRM, late);
    options_init(&options);
    code = i < argc ? go(&options, argc - i, argv + i) : complain("-- and bygone's options lack");
    options_free(&options);
    return code;
}

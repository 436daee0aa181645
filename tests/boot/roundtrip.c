/*
 * Whole machines saved and loaded in the middle of what they do: one machine boots a guest while
 * keys and the mouse are used; at random moments its state is loaded into a fresh machine of equal
 * configuration, both go on for a while, and their states must be equal. A third machine runs the
 * whole way in pieces of other lengths: where a run is cut must not show either. And a new process
 * goes on from a snapshot of each moment, on another engine if one is named.
 *
 *     roundtrip [--seed N] [--points N] [--until SECONDS] [--more SECONDS] [--cpu MODEL]
 *               [--mem MIB] [--fda F] [--hda F] [--cdrom F] [--kernel F] [--initrd F]
 *               [--append TEXT] [--no-input] [--engine NAME] [--other-engine NAME]
 *
 * A difference is named by section and field. The last line is "N passed, N failed, N skipped".
 */
#include "base/log.h"
#include "base/state.h"
#include "devices/board/machine.h"
#include "devices/board/snapshot.h"
#include "tests/support/guest_trial.h"
#include "tests/support/whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct guest_trial trial;

static const char *self;
static unsigned passed, failed;

static struct machine *load(const struct state *from)
{
    struct machine *m = trial_build(&trial.config);

    whole_load(m, from);
    return m;
}

static void compare(const char *when, u64 at_ns, struct machine *a, struct machine *b)
{
    char where[400];

    if (machine_state_hash(a) == machine_state_hash(b)) {
        passed++;
        return;
    }
    failed++;
    whole_difference(a, b, where, sizeof where);
    printf("at %.6f s, %s: %s\n", (double)at_ns / 1e9, when, where);
}

/* ---- A new process that goes on from a snapshot ---- */

static char file[] = "/tmp/roundtrip.XXXXXX";

/* In that process: print the hash at `until`. */
static int resume(const char *path, u64 until)
{
    char err[600];
    struct snapshot *s = snapshot_open(path, err, sizeof err);
    struct machine_config c;
    struct machine *m;

    if (!s) {
        printf("%s\n", err);
        return 1;
    }
    c = *snapshot_config(s);
    c.engine = trial.other_engine;
    c.log = trial.config.log;
    m = machine_new(&c, err, sizeof err);
    if (!m || !snapshot_load(s, m, err, sizeof err)) {
        printf("%s\n", err);
        return 1;
    }
    snapshot_close(s);
    trial_run_to(&trial, m, until);
    printf("%016" PRIx64 "\n", machine_state_hash(m));
    machine_free(m);
    return 0;
}

static FILE *start_resumed(struct machine *m, u64 until)
{
    char command[600], err[600];

    if (!snapshot_save(m, file, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        exit(71);
    }
    snprintf(command, sizeof command,
             "exec '%s' --seed %" PRIu64 " --other-engine %s%s --resume %s %" PRIu64, self,
             trial.seed, trial.other_engine, trial.input ? "" : " --no-input", file, until);
    return popen(command, "r");
}

static void compare_resumed(FILE *from, u64 at_ns, struct machine *m)
{
    char said[600] = "", want[20];

    if (!fgets(said, sizeof said, from))
        snprintf(said, sizeof said, "nothing was said");
    pclose(from);
    said[strcspn(said, "\n")] = 0;
    snprintf(want, sizeof want, "%016" PRIx64, machine_state_hash(m));
    if (!strcmp(said, want)) {
        passed++;
        return;
    }
    failed++;
    printf("at %.6f s, resumed by another process on %s: %s, not %s\n", (double)at_ns / 1e9,
           trial.other_engine, said, want);
}

static void check_point(struct machine *m, u64 at_ns)
{
    FILE *resumed = start_resumed(m, at_ns + trial.more_ns);
    struct state *s = whole_save(m);
    struct machine *b = load(s), *a = load(s);

    compare("right after loading", at_ns, m, b);
    trial_run_to(&trial, b, at_ns + trial.more_ns);
    /* The copy in pieces, so that the first machine can go on from here for the next point. */
    trial_run_in_pieces(&trial, a, at_ns + trial.more_ns, 3777777);
    compare("cut in pieces", at_ns, a, b);
    machine_free(a);
    trial_run_to(&trial, m, at_ns + trial.more_ns);
    compare("later", at_ns, m, b);
    compare_resumed(resumed, at_ns, m);
    machine_free(b);
    state_free(s);
}

int main(int argc, char **argv)
{
    u64 at[TRIAL_POINTS_MAX];
    struct machine *m, *other;

    self = argv[0];
    trial = trial_defaults();
    trial.config.discard = true;
    trial.other_engine = "interp";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-input")) {
            trial.input = false;
        } else if (!strcmp(argv[i], "--resume") && i + 2 < argc) {
            return resume(argv[i + 1], strtoull(argv[i + 2], NULL, 0));
        } else if (i + 1 >= argc || !trial_option(&trial, argv[i], argv[i + 1])) {
            fprintf(stderr, "roundtrip: '%s' is no option or lacks its value\n", argv[i]);
            return 64;
        } else {
            i++;
        }
    }
    close(mkstemp(file));
    trial_moments(&trial, at);
    m = trial_build(&trial.config);
    for (unsigned i = 0; i < trial.points; i++) {
        trial_run_to(&trial, m, at[i]);
        check_point(m, machine_now_ns(m));
    }
    other = trial_build(&trial.config);
    trial_run_in_pieces(&trial, other, machine_now_ns(m), 2345678);
    compare("the whole way in pieces", machine_now_ns(m), m, other);
    machine_free(m);
    machine_free(other);
    unlink(file);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}

/* Why a machine stopped. */
#include "frontend/outcome.h"

#include <stdio.h>

int outcome_report(struct machine *m, enum machine_stop stop)
{
    switch (stop) {
    case MACHINE_DEBUG_EXIT: return machine_exit_code(m);
    case MACHINE_TRIPLE_FAULT:
        fprintf(stderr,
                "cpu: the guest crashed by a triple fault; the machine stopped "
                "(--reset-on-triple-fault goes on)\n%s",
                machine_crash_report(m));
        return EXIT_GUEST_CRASHED;
    case MACHINE_REPLAYED: fprintf(stderr, "%s\n", machine_error(m)); return EXIT_POWERED_OFF;
    case MACHINE_DIVERGED: fprintf(stderr, "%s\n", machine_error(m)); return EXIT_DIVERGED;
    case MACHINE_HOST_ERROR: fprintf(stderr, "%s\n", machine_error(m)); return EXIT_HOST_FAILED;
    case MACHINE_TIME:
    case MACHINE_POWERED_OFF:
    case MACHINE_INTERRUPTED:
    case MACHINE_DEBUG: return EXIT_POWERED_OFF;
    }
    return EXIT_OUR_FAULT;
}

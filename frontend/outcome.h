/* Why a machine stopped, for the user and for the shell. */
#ifndef FRONTEND_OUTCOME_H
#define FRONTEND_OUTCOME_H

#include "devices/board/machine.h"
#include "frontend/options.h"

/* Tell on stderr what is worth telling; returns the exit code. */
int outcome_report(struct machine *m, enum machine_stop stop);

#endif

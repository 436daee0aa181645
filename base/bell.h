/*
 * A bell between threads: one sleeps in poll(2), others ring. However often it was rung, it is
 * heard once.
 */
#ifndef BASE_BELL_H
#define BASE_BELL_H

#include "base/types.h"

/* A descriptor that poll finds readable (POLLIN) when it was rung; -errno if there is none. */
int bell_open(void);
/* From any thread; never waits. */
void bell_ring(int bell);
/* Was it rung since this was asked last? Never waits. */
bool bell_heard(int bell);
/* What bell_open returned, an error included. */
void bell_close(int bell);

#endif

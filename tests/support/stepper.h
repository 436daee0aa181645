/*
 * The stepper as an engine: every instruction by cpu_step, with all checks. Slow, simple, and what
 * the other engines are compared with.
 */
#ifndef TESTS_SUPPORT_STEPPER_H
#define TESTS_SUPPORT_STEPPER_H

#include "base/types.h"

#include <stdio.h>

struct cpu;
struct engine;

extern const struct engine engine_stepper;

/* Let this processor of the interpreter's step from now on; its engine's data are kept. */
void stepper_take(struct cpu *c);
/* And let its engine run it again. */
void stepper_give_back(struct cpu *c);

/* An engine by name, "stepper" among them; NULL if there is none. */
const struct engine *test_engine(const char *name);
/* Say on stdout that a test was skipped for want of it, with the last line that counts; 0. */
int test_engine_missing(const char *name);
/*
 * Give the processor another engine, which translates at once if it translates. False if the host
 * refuses it, and the processor has none then.
 */
bool test_engine_take(struct cpu *c, const struct engine *engine);
/*
 * Translate code at its n-th execution, 0: the default; nothing on engines that do not translate.
 */
void test_engine_threshold(struct cpu *c, unsigned n);
/* Memory windows of an engine that has them; test_engine_take chooses them always. */
enum test_windows { TEST_WINDOWS_OFF, TEST_WINDOWS_ALWAYS, TEST_WINDOWS_PARANOID };
void test_engine_windows(struct cpu *c, enum test_windows when);
/* Traces of several runs, of an engine that makes them: at once, or when they are hot. */
void test_engine_traces(struct cpu *c, bool at_once);
/* A disturbance that `seed` chooses, see jit_disturb; nothing on engines that do not translate. */
void test_engine_disturb(struct cpu *c, u64 seed);
/* See jit_disturb_often. */
void test_engine_disturb_often(struct cpu *c, unsigned one_in, u64 seed);
/*
 * Show the translation of the first of these linear addresses that begins one; nothing where there
 * is none.
 */
void test_engine_show_code(struct cpu *c, const u32 *la, unsigned count, FILE *out);

#endif

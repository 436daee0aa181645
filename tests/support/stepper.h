/*
 * The stepper as an engine: every instruction by cpu_step, with all checks. Slow, simple, and what
 * the other engines are compared with.
 */
#ifndef TESTS_SUPPORT_STEPPER_H
#define TESTS_SUPPORT_STEPPER_H

struct cpu;

/* Let this processor step from now on; its own engine keeps its data, which is freed as ever. */
void stepper_take(struct cpu *c);
/* And let its engine run it again. */
void stepper_give_back(struct cpu *c);

#endif

/* The monitor's "info fpu". */
#ifndef DEVICES_BOARD_INFO_FPU_H
#define DEVICES_BOARD_INFO_FPU_H

struct board;
struct report;

void info_fpu(struct board *b, struct report *r);

#endif

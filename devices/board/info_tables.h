/* Reports about the tables that the guest keeps in memory: descriptors, vectors, tasks, DOS. */
#ifndef DEVICES_BOARD_INFO_TABLES_H
#define DEVICES_BOARD_INFO_TABLES_H

#include "base/types.h"

struct board;
struct cpu;
struct report;

void info_gdt(struct board *b, struct report *r);
void info_ldt(struct board *b, struct report *r);
void info_idt(struct board *b, struct report *r);
void info_ivt(struct board *b, struct report *r);
void info_tss(struct board *b, struct report *r);
/* The chain of memory blocks of DOS. */
void info_dos(struct board *b, struct report *r);

#endif

/*
 * One interrupt line (or any other single wire). The listening side hands out a struct irq_line;
 * the driving side keeps it and calls irq_set with the level of the wire. Calls with an unchanged
 * level are allowed.
 */
#ifndef MMU_IRQ_H
#define MMU_IRQ_H

#include "base/types.h"

struct irq_line {
    void (*set)(void *opaque, unsigned n, bool level);
    void *opaque;
    unsigned n; /* which input of the listener */
};

static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->opaque, line->n, level);
}

#endif

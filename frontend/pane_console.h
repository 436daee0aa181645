/* What commands have printed, to be scrolled through. Bounded. Pure. */
#ifndef FRONTEND_PANE_CONSOLE_H
#define FRONTEND_PANE_CONSOLE_H

#include "base/types.h"

enum { PANE_CONSOLE_LINES = 2000, PANE_CONSOLE_COLUMNS = 400 };

struct pane_console {
    char **lines; /* a ring of PANE_CONSOLE_LINES */
    unsigned first, count;
    unsigned scrolled; /* rows that are hidden below */
};

void pane_console_free(struct pane_console *c);
/* Lines of text; longer ones than PANE_CONSOLE_COLUMNS are cut. It scrolls to the end. */
void pane_console_add(struct pane_console *c, const char *text);
/* Older rows (more than 0) or newer ones, in a window of this size. */
void pane_console_scroll(struct pane_console *c, int rows, unsigned columns, unsigned height);
/*
 * The row `up` rows above the lowest of a window with so many columns: long lines take several.
 * *len is its length; NULL above the first.
 */
const char *pane_console_row(const struct pane_console *c, unsigned up, unsigned columns,
                             unsigned *len);

#endif

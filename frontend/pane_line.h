/* A line that is typed and edited, with those typed before. Pure. */
#ifndef FRONTEND_PANE_LINE_H
#define FRONTEND_PANE_LINE_H

#include "base/types.h"

enum { PANE_LINE_MAX = 256, PANE_LINE_HISTORY = 32 };

struct pane_line {
    char text[PANE_LINE_MAX]; /* printable ASCII */
    unsigned len, cursor;
    char history[PANE_LINE_HISTORY][PANE_LINE_MAX]; /* the newest first */
    unsigned history_count, history_at;             /* 0: none of them is shown */
    char kept[PANE_LINE_MAX];                       /* what was typed before one was shown */
};

enum pane_line_key {
    PANE_LINE_LEFT,
    PANE_LINE_RIGHT,
    PANE_LINE_HOME,
    PANE_LINE_END,
    PANE_LINE_BACKSPACE,
    PANE_LINE_DELETE,
    PANE_LINE_OLDER,
    PANE_LINE_NEWER,
    PANE_LINE_CLEAR,
};

void pane_line_set(struct pane_line *l, const char *text);
/* What is no printable ASCII is left out; what does not fit too. */
void pane_line_add(struct pane_line *l, const char *text);
void pane_line_edit(struct pane_line *l, enum pane_line_key key);
/* Keep the text among those typed before, and begin anew. */
void pane_line_done(struct pane_line *l);
/*
 * The part of the text that is shown in `columns` characters so that the cursor is among them; *at
 * is its column.
 */
const char *pane_line_shown(const struct pane_line *l, unsigned columns, unsigned *at);

#endif

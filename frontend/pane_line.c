/* Editing a line; see pane_line.h. */
#include "frontend/pane_line.h"

#include <stdio.h>
#include <string.h>

void pane_line_set(struct pane_line *l, const char *text)
{
    l->len = l->cursor = 0;
    l->text[0] = 0;
    pane_line_add(l, text);
}

void pane_line_add(struct pane_line *l, const char *text)
{
    for (; *text && l->len + 1 < sizeof l->text; text++) {
        if (*text < ' ' || *text > '~')
            continue;
        memmove(l->text + l->cursor + 1, l->text + l->cursor, l->len - l->cursor + 1);
        l->text[l->cursor++] = *text;
        l->len++;
    }
}

static void erase(struct pane_line *l, unsigned at)
{
    if (at >= l->len)
        return;
    memmove(l->text + at, l->text + at + 1, l->len - at);
    l->len--;
}

/* 0 is what was being typed. */
static void show(struct pane_line *l, unsigned n)
{
    char text[PANE_LINE_MAX];

    if (n > l->history_count)
        return;
    if (!l->history_at)
        memcpy(l->kept, l->text, sizeof l->kept);
    l->history_at = n;
    memcpy(text, n ? l->history[n - 1] : l->kept, sizeof text);
    pane_line_set(l, text);
}

void pane_line_edit(struct pane_line *l, enum pane_line_key key)
{
    switch (key) {
    case PANE_LINE_LEFT: l->cursor -= l->cursor > 0; break;
    case PANE_LINE_RIGHT: l->cursor += l->cursor < l->len; break;
    case PANE_LINE_HOME: l->cursor = 0; break;
    case PANE_LINE_END: l->cursor = l->len; break;
    case PANE_LINE_BACKSPACE:
        if (l->cursor)
            erase(l, --l->cursor);
        break;
    case PANE_LINE_DELETE: erase(l, l->cursor); break;
    case PANE_LINE_OLDER: show(l, l->history_at + 1); break;
    case PANE_LINE_NEWER:
        if (l->history_at)
            show(l, l->history_at - 1);
        break;
    case PANE_LINE_CLEAR:
        pane_line_set(l, "");
        l->history_at = 0;
        break;
    }
}

void pane_line_done(struct pane_line *l)
{
    if (l->len && (!l->history_count || strcmp(l->history[0], l->text))) {
        memmove(l->history[1], l->history[0], (PANE_LINE_HISTORY - 1) * sizeof l->history[0]);
        memcpy(l->history[0], l->text, sizeof l->history[0]);
        l->history_count += l->history_count < PANE_LINE_HISTORY;
    }
    pane_line_edit(l, PANE_LINE_CLEAR);
}

const char *pane_line_shown(const struct pane_line *l, unsigned columns, unsigned *at)
{
    unsigned first = columns && l->cursor >= columns ? l->cursor - columns + 1 : 0;

    *at = l->cursor - first;
    return l->text + first;
}

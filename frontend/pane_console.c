/* What commands have printed; see pane_console.h. */
#include "frontend/pane_console.h"

#include <stdlib.h>
#include <string.h>

void pane_console_free(struct pane_console *c)
{
    for (unsigned i = 0; i < c->count; i++)
        free(c->lines[(c->first + i) % PANE_CONSOLE_LINES]);
    free(c->lines);
    *c = (struct pane_console){0};
}

static void add_line(struct pane_console *c, const char *text, size_t len)
{
    unsigned at = (c->first + c->count) % PANE_CONSOLE_LINES;
    char *line = strndup(text, len < PANE_CONSOLE_COLUMNS ? len : PANE_CONSOLE_COLUMNS);

    if (!c->lines)
        c->lines = calloc(PANE_CONSOLE_LINES, sizeof *c->lines);
    if (!line || !c->lines) {
        free(line); /* out of memory: it is not shown */
        return;
    }
    if (c->count == PANE_CONSOLE_LINES) {
        free(c->lines[at]);
        c->first = (c->first + 1) % PANE_CONSOLE_LINES;
    } else {
        c->count++;
    }
    c->lines[at] = line;
}

void pane_console_add(struct pane_console *c, const char *text)
{
    size_t len;

    for (; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        add_line(c, text, len);
    }
    c->scrolled = 0;
}

/* Of the first row of a line: up to a blank, if one is near the edge. *skip: where the next begins.
 */
static size_t first_row(const char *line, unsigned columns, size_t *skip)
{
    size_t len = strlen(line), end;

    *skip = len < columns ? len : columns;
    if (len <= columns)
        return len;
    for (end = columns; end > columns / 2; end--)
        if (line[end] == ' ') {
            *skip = end + 1;
            return end;
        }
    return columns;
}

/* How many rows a line takes. */
static unsigned rows_of(const char *line, unsigned columns)
{
    unsigned n = 0;
    size_t skip;

    do {
        first_row(line, columns, &skip);
        line += skip;
        n++;
    } while (*line);
    return n;
}

void pane_console_scroll(struct pane_console *c, int rows, unsigned columns, unsigned height)
{
    unsigned all = 0, most;

    if (!columns)
        return;
    for (unsigned i = 0; i < c->count; i++)
        all += rows_of(c->lines[(c->first + i) % PANE_CONSOLE_LINES], columns);
    most = all > height ? all - height : 0;
    if (rows < 0 && c->scrolled < (unsigned)-rows)
        c->scrolled = 0;
    else
        c->scrolled = (unsigned)min_u64(c->scrolled + (u64)(s64)rows, most);
}

const char *pane_console_row(const struct pane_console *c, unsigned up, unsigned columns,
                             unsigned *len)
{
    if (!columns)
        return NULL;
    up += c->scrolled;
    for (unsigned i = c->count; i-- > 0;) {
        const char *line = c->lines[(c->first + i) % PANE_CONSOLE_LINES];
        unsigned rows = rows_of(line, columns);

        if (up < rows) {
            size_t length, skip;

            for (length = first_row(line, columns, &skip); up + 1 < rows; rows--) {
                line += skip;
                length = first_row(line, columns, &skip);
            }
            *len = (unsigned)length;
            return line;
        }
        up -= rows;
    }
    return NULL;
}

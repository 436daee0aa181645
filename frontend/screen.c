/* The text screen as text. */
#include "frontend/screen.h"

#include "devices/host/display.h"

#include <string.h>

enum { ROW_BYTES = 256 * 3 + 1 };

bool screen_has_text(const struct display_frame *f, const char *text)
{
    char row[ROW_BYTES];
    unsigned y;

    if (!f->text)
        return false;
    for (y = 0; y < f->rows; y++) {
        display_row_text(f, y, row, sizeof row);
        if (strstr(row, text))
            return true;
    }
    return false;
}

void screen_add_text(const struct display_frame *f, struct text *out)
{
    char row[ROW_BYTES];
    unsigned y, empty = 0;

    if (!f->text) {
        text_addf(out, "the screen shows %ux%u graphics, no text\n", f->width, f->height);
        return;
    }
    for (y = 0; y < f->rows; y++) {
        display_row_text(f, y, row, sizeof row);
        if (!row[0]) {
            empty++;
            continue;
        }
        for (; empty; empty--)
            text_add(out, "\n");
        text_addf(out, "%s\n", row);
    }
}

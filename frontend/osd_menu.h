/* A page of a menu: what is on it, which row is chosen, how it looks. Pure. */
#ifndef FRONTEND_OSD_MENU_H
#define FRONTEND_OSD_MENU_H

#include "base/types.h"
#include "frontend/osd.h"

enum { OSD_ROWS_MAX = 24, OSD_LABEL_MAX = 48, OSD_FOOTER_MAX = 120 };

struct osd_row {
    char label[OSD_LABEL_MAX]; /* empty: a line between others */
    const char *hint;          /* at the right, or NULL */
    bool checked, opens;       /* a check mark; leads to another page */
    int id;                    /* the owner's */
};

struct osd_menu {
    const char *title;
    struct osd_row row[OSD_ROWS_MAX];
    unsigned count, chosen;
    /* A line to type into instead of rows: its text, or NULL. */
    const char *input, *input_hint;
    char footer[OSD_FOOTER_MAX];
};

void osd_menu_begin(struct osd_menu *m, const char *title);
struct osd_row *osd_menu_add(struct osd_menu *m, int id, const char *label, const char *hint);
void osd_menu_add_line(struct osd_menu *m);
/* Choose the next row down (1) or up (-1), around the ends. */
void osd_menu_move(struct osd_menu *m, int step);
/* The row at a place on the canvas, -1 if there is none. */
int osd_menu_row_at(const struct osd_menu *m, const struct osd_canvas *c, s32 x, s32 y);
void osd_menu_draw(const struct osd_menu *m, const struct osd_canvas *c);

#endif

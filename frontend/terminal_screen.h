/* A picture of a screen, drawn in a terminal by ncurses. One at a time: ncurses has globals. */
#ifndef FRONTEND_TERMINAL_SCREEN_H
#define FRONTEND_TERMINAL_SCREEN_H

#include "base/types.h"

struct display_frame;

/* Take the terminal. False and a sentence in err; the terminal is as before then. */
bool terminal_screen_open(char *err, size_t err_size);
void terminal_screen_close(void);
/* Follow a change of the terminal's size; true if there was one. */
bool terminal_screen_follow_size(void);
/*
 * Draw the picture, and the line at the bottom: over the picture if `important`, else only where
 * the terminal has a line to spare.
 */
void terminal_screen_draw(const struct display_frame *f, const char *line, bool important);

/*
 * A character of code page 437 as ASCII, for terminals that have nothing better. Pure, as the next.
 */
char terminal_ascii(u8 c);
/* A PC colour, 0 to 15, in ANSI's order. */
unsigned terminal_color(unsigned pc_color);

#endif

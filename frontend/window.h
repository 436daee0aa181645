/* The window, drawn by SDL: --display window. */
#ifndef FRONTEND_WINDOW_H
#define FRONTEND_WINDOW_H

struct frontend_display;

extern const struct frontend_display window_display;

#endif

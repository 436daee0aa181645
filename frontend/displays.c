/* The displays of this build, the preferred one first. */
#include "frontend/frontend.h"
#include "frontend/terminal.h"
#include "frontend/window.h"

const struct frontend_display *const frontend_displays[] = {
#ifdef HAVE_SDL2
    &window_display,
#endif
#ifdef HAVE_NCURSES
    &terminal_display,
#endif
    NULL,
};

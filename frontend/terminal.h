/* Text screens in the shell: --display terminal. */
#ifndef FRONTEND_TERMINAL_H
#define FRONTEND_TERMINAL_H

struct frontend_display;

extern const struct frontend_display terminal_display;

#endif

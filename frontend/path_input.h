/* A file name while it is typed: in the window's menu and in the terminal's prompt. */
#ifndef FRONTEND_PATH_INPUT_H
#define FRONTEND_PATH_INPUT_H

#include "base/types.h"

enum { PATH_INPUT_MAX = 900 };

struct path_input {
    char text[PATH_INPUT_MAX]; /* UTF-8 */
    size_t len;
};

void path_input_clear(struct path_input *p);
/* Add text; control characters, and what does not fit, are left out. */
void path_input_add(struct path_input *p, const char *text);
/* Take the last character away. */
void path_input_erase(struct path_input *p);
/*
 * Complete the last part of the name as far as it is certain, from what is on the disk; a folder
 * gets its slash. A leading "~/" means the home folder. Returns how many names fit.
 */
unsigned path_input_complete(struct path_input *p);

#endif

/* The text screen as text. */
#ifndef FRONTEND_SCREEN_H
#define FRONTEND_SCREEN_H

#include "base/types.h"
#include "frontend/text.h"

struct display_frame;

/* True if a row of a text screen contains `text`; false in graphics. */
bool screen_has_text(const struct display_frame *f, const char *text);
/* All rows up to the last that is not empty; in graphics a line that says so. */
void screen_add_text(const struct display_frame *f, struct text *out);

#endif

/*
 * A serial port that a script listens to and types into, while it also leads to where the user
 * wants it. Machine thread only.
 */
#ifndef FRONTEND_SERIAL_TAP_H
#define FRONTEND_SERIAL_TAP_H

#include "base/types.h"

struct chr;
struct serial_tap;

/* `inner` may be NULL; it is closed with the tap. NULL when out of memory. */
struct serial_tap *serial_tap_new(struct chr *inner);
/* To hand to the machine, whose closing it frees the tap. */
struct chr *serial_tap_chr(struct serial_tap *t);

/* True once the guest has sent `text`; looks behind the last match only. */
bool serial_tap_seen(struct serial_tap *t, const char *text);
/* Send to the guest, as fast as its port takes it. False when out of memory. */
bool serial_tap_type(struct serial_tap *t, const char *text);
/* What has been typed into `from` and is still on its way goes to this one's guest instead. */
void serial_tap_take_over(struct serial_tap *t, struct serial_tap *from);
/* The last of what the guest sent, from a line's beginning; at most some lines. */
const char *serial_tap_tail(struct serial_tap *t);

#endif

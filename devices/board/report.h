/* Text of bounded size, for reports. */
#ifndef DEVICES_BOARD_REPORT_H
#define DEVICES_BOARD_REPORT_H

#include "base/types.h"

struct report {
    char *at;
    size_t room;
};

void report_say(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

/*
 * JSON objects out of a stream of bytes, one behind the other, with or without line ends between.
 * Pure. What is no object is reported once a line, and the stream goes on behind that line; byte
 * FFh forgets what was begun (QMP specification, "Synchronization").
 */
#ifndef FRONTEND_QMP_INPUT_H
#define FRONTEND_QMP_INPUT_H

#include "base/types.h"

enum { QMP_MESSAGE_MAX = 256 << 10, QMP_DEPTH_MAX = 64 };

enum qmp_event {
    QMP_NOTHING,
    QMP_MESSAGE,  /* in `data`, `len`: brackets match; ends in a zero byte that does not count */
    QMP_GARBAGE,  /* no object, or a string with a line end */
    QMP_TOO_LONG, /* or too deep */
};

/* Zeroed it is at the start. */
struct qmp_input {
    u8 state;
    bool escaped;
    unsigned depth;
    size_t len;
    char data[QMP_MESSAGE_MAX + 1];
};

enum qmp_event qmp_input_byte(struct qmp_input *in, u8 byte);

#endif

/* What writer and reader of traces share. */
#ifndef DEVICES_BOARD_TRACE_PRIVATE_H
#define DEVICES_BOARD_TRACE_PRIVATE_H

#include "base/types.h"

#define TRACE_MAGIC "BYGTRACE"

enum {
    TRACE_MAGIC_BYTES = 8,
    TRACE_VERSION = 1,
    TRACE_KNOWN = 1 << 16, /* instructions that both sides remember */
    TRACE_VARINT_MAX = 10,

    TRACE_KIND = 3,
    INSTRUCTION_BYTES = 1 << 2,
    INSTRUCTION_ADDRESS = 1 << 3,
    INSTRUCTION_CS = 1 << 4,
    INSTRUCTION_SIZE = 1 << 5,
    INSTRUCTION_GAP = 1 << 6,
    PORT_WRITE = 1 << 2,
    PORT_SIZE_SHIFT = 3,
    EVENT_KIND_SHIFT = 2,
    EVENT_ERROR = 1 << 4,
};

struct trace_known {
    u32 la;
    u8 code_size, len; /* len 0: nothing here */
    u8 bytes[15];
};

static inline unsigned trace_slot(u64 la)
{
    return (u32)((u32)la * 2654435761u) >> 16;
}

#endif

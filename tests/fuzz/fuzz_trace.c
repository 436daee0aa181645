/* Traces from any bytes, each record as text. */
#include "devices/board/trace.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace_record record;
    char text[512];
    struct trace_reader *r = trace_reader_new(data, size, text, sizeof text);

    if (!r)
        return 0;
    for (unsigned i = 0; i < 1000 && trace_next(r, &record); i++)
        trace_text(&record, text, sizeof text);
    trace_reader_free(r);
    return 0;
}

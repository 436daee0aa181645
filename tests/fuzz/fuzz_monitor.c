/* Any line as a monitor command, up to where it would run; formats and addresses too. */
#include "frontend/commands.h"
#include "frontend/expression.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2048], err[100];
    struct command_line line;
    struct dump_format format;
    struct text out = {0};
    u64 value;
    unsigned i;

    size = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    if (command_parse(text, &line, &out) && line.count) {
        command_find(&line, &out);
        for (i = 0; i < line.count; i++) {
            dump_format_parse(line.word[i], &format);
            expression_eval(line.word[i], NULL, &value, err, sizeof err);
        }
    }
    text_free(&out);
    return 0;
}

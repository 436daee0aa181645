/*
 * libFuzzer target: decoder and disassembler over any bytes, modes and models. The input's last
 * byte chooses mode and model; the rest are the instruction, in a block of exactly their size.
 */
#include "base/types.h"
#include "cpu/insn.h"
#include "cpu/model.h"
#include "cpu/optab.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const char *const models[] = {"8086", "286", "386", "pentium3"};
    struct decode_mode mode;
    struct insn in;
    char text[64];
    u8 choice, *bytes;
    unsigned len;

    if (size < 1)
        return 0;
    choice = data[--size];
    mode.model = cpu_model_find(models[choice & 3]);
    mode.code = (choice >> 2 & 3) % 3;
    mode.protected = choice >> 4 & 1;
    bytes = malloc(size ? size : 1);
    memcpy(bytes, data, size);
    len = insn_decode(bytes, size, &mode, &in);
    assert(len <= INSN_MAX_BYTES && len <= size);
    assert(len || size < INSN_MAX_BYTES);
    if (len) {
        assert(in.len == len && in.row < ROW_COUNT);
        insn_format(&in, choice, mode.code, text, (choice >> 5) * 9);
    }
    free(bytes);
    return 0;
}

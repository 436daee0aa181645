/* Any bytes as a state stream, read by a part with one field of each kind, and nested sections. */
#include "base/state.h"

#include <stdlib.h>
#include <string.h>

struct part {
    bool flag;
    u8 a;
    u16 b;
    u32 c;
    u64 d;
    s32 e;
    s64 f;
    u8 bytes[7];
};

static void inner(struct part *p, struct state *s)
{
    state_begin(s, "inner", 3);
    state_u16(s, "b", &p->b);
    state_require(s, p->b < 1000, "part: b is past its end");
    if (state_version(s) >= 2)
        state_u32(s, "c", &p->c);
    state_bytes(s, "bytes", p->bytes, sizeof p->bytes);
    state_end(s);
}

static void part(struct part *p, struct state *s)
{
    state_begin(s, "part", 1);
    state_bool(s, "flag", &p->flag);
    state_u8(s, "a", &p->a);
    inner(p, s);
    state_u64(s, "d", &p->d);
    state_s32(s, "e", &p->e);
    state_s64(s, "f", &p->f);
    state_end(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part p = {0};
    struct state *load = state_new_load(data, size), *save;
    const char *error;

    part(&p, load);
    error = state_error(load);
    if (error ? !*error : p.b >= 1000)
        abort();
    if (!error) {
        save = state_new_save();
        part(&p, save);
        if (state_error(save))
            abort();
        state_free(save);
    }
    state_free(load);
    return 0;
}

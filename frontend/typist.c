/* Keys struck for the user. */
#include "frontend/typist.h"

#include "devices/host/input.h"

#include <stdlib.h>

enum {
    KEY_ENTER = 0x1C,
    /* The BIOS buffers 15 keys, and a shell that shows a line is not always there to take them. */
    STROKE_MS = 20,
    ENTER_MS = 120,
};

static const u16 modifier_keys[TYPIST_MODIFIERS] = {0x2A /* Shift */, 0x1D /* Ctrl */,
                                                    0x38 /* Alt */};

void typist_init(struct typist *t, void (*key)(void *opaque, u16 key, bool down), void *opaque)
{
    *t = (struct typist){.key = key, .opaque = opaque};
}

void typist_free(struct typist *t)
{
    free(t->queue);
    t->queue = NULL;
    t->count = 0;
}

void typist_clear(struct typist *t)
{
    t->count = 0;
}

void typist_add(struct typist *t, struct typist_stroke stroke)
{
    if (!t->queue)
        t->queue = malloc(TYPIST_QUEUE * sizeof *t->queue);
    if (!t->queue || t->count == TYPIST_QUEUE)
        return;
    t->queue[(t->first + t->count++) % TYPIST_QUEUE] = stroke;
}

void typist_add_text(struct typist *t, const char *text)
{
    bool shift;
    u16 key;

    for (; *text; text++) {
        if (text[0] == '\r' && text[1] == '\n')
            continue; /* one Enter a line */
        if (key_for_char(*text, &key, &shift))
            typist_add(t, (struct typist_stroke){key, shift ? TYPIST_SHIFT : 0});
    }
}

static void strike(struct typist *t, struct typist_stroke s)
{
    unsigned i;

    for (i = 0; i < TYPIST_MODIFIERS; i++)
        if (s.modifiers >> i & 1)
            t->key(t->opaque, modifier_keys[i], true);
    t->key(t->opaque, s.key, true);
    t->key(t->opaque, s.key, false);
    for (i = TYPIST_MODIFIERS; i--;)
        if (s.modifiers >> i & 1)
            t->key(t->opaque, modifier_keys[i], false);
}

s32 typist_tick(struct typist *t, u32 now_ms)
{
    struct typist_stroke s;
    s32 wait;

    if (!t->count)
        return -1;
    wait = (s32)(t->next_ms - now_ms);
    if (wait > 0 && wait <= ENTER_MS)
        return wait;
    s = t->queue[t->first];
    t->first = (t->first + 1) % TYPIST_QUEUE;
    t->count--;
    strike(t, s);
    wait = s.key == KEY_ENTER ? ENTER_MS : STROKE_MS;
    t->next_ms = now_ms + (u32)wait;
    return t->count ? wait : -1;
}

/*
 * Types for the user: keys of a text that is pasted, or that comes from a terminal, at a pace that
 * the guest's keyboard routines keep up with. Pure: whoever owns it says what time it is.
 */
#ifndef FRONTEND_TYPIST_H
#define FRONTEND_TYPIST_H

#include "base/types.h"

/* Keys that are held while another one is struck. */
enum { TYPIST_SHIFT = 1, TYPIST_CTRL = 2, TYPIST_ALT = 4, TYPIST_MODIFIERS = 3 };

enum { TYPIST_QUEUE = 65536 /* strokes; more are dropped */ };

struct typist_stroke {
    u16 key; /* devices/host/input.h */
    u8 modifiers;
};

struct typist {
    void (*key)(void *opaque, u16 key, bool down);
    void *opaque;
    struct typist_stroke *queue; /* a ring, made when first used */
    u32 first, count;
    u32 next_ms; /* not before this */
};

void typist_init(struct typist *t, void (*key)(void *opaque, u16 key, bool down), void *opaque);
void typist_free(struct typist *t);
void typist_add(struct typist *t, struct typist_stroke stroke);
/* A text in UTF-8; what a US keyboard has no key for is left out. Line ends become Enter. */
void typist_add_text(struct typist *t, const char *text);
void typist_clear(struct typist *t);
/* Strike what is due at now_ms (any origin, may wrap). Returns ms until the next stroke, or -1. */
s32 typist_tick(struct typist *t, u32 now_ms);

#endif

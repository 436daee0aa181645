/*
 * What a terminal sends, as keys of a PC keyboard. Bytes may come in any pieces; a lone Esc is told
 * from the beginning of a sequence by the pause after it. Pure.
 */
#ifndef FRONTEND_TERMINAL_KEYS_H
#define FRONTEND_TERMINAL_KEYS_H

#include "base/types.h"
#include "frontend/typist.h"

enum {
    TERMINAL_ESC_MS = 50,   /* after this a begun sequence is taken as the keys themselves */
    TERMINAL_PARAMS = 4,    /* numbers in a sequence; more are ignored */
    TERMINAL_HOST_KEY = 29, /* Ctrl-] */
};

enum terminal_keys_state { KEYS_GROUND, KEYS_ESC, KEYS_CSI, KEYS_SS3, KEYS_LINUX_F, KEYS_UTF8 };

struct terminal_keys {
    void (*stroke)(void *opaque, struct typist_stroke stroke);
    /* Ctrl-]: the keys after it are for us. */
    void (*host)(void *opaque);
    void *opaque;

    enum terminal_keys_state state;
    bool alt;           /* an Esc came before the sequence: the Alt key */
    bool private_param; /* a sequence that is no key: an answer of the terminal */
    u32 param[TERMINAL_PARAMS];
    unsigned params;
    unsigned utf8_left;
};

void terminal_keys_init(struct terminal_keys *k, void (*stroke)(void *, struct typist_stroke),
                        void (*host)(void *), void *opaque);
void terminal_keys_feed(struct terminal_keys *k, u8 byte);
/* True while something begun waits for more, or for terminal_keys_timeout. */
bool terminal_keys_pending(const struct terminal_keys *k);
/* Nothing came for TERMINAL_ESC_MS. */
void terminal_keys_timeout(struct terminal_keys *k);

#endif

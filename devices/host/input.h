/*
 * What the user does, as the keyboard and mouse chips take it. Keys are numbered by their place on
 * a PC keyboard: the set 1 make code, with 0x100 added for those with an E0 prefix.
 */
#ifndef DEVICES_HOST_INPUT_H
#define DEVICES_HOST_INPUT_H

#include "base/types.h"

enum {
    KEY_E0 = 0x100,
    KEY_PAUSE = 0x200,       /* sends E1 1D 45 E1 9D C5 and no break code */
    KEY_PRINT_SCREEN = 0x137 /* sends E0 2A E0 37 */
};

/* SIDE and EXTRA are the fourth and fifth button, "back" and "forward". */
enum { MOUSE_LEFT = 1, MOUSE_RIGHT = 2, MOUSE_MIDDLE = 4, MOUSE_SIDE = 8, MOUSE_EXTRA = 16 };

struct input_sink {
    void *opaque;
    void (*key)(void *opaque, u16 key, bool down);
    /* dx to the right, dy down (screen sense), dz towards the user; buttons as they are now. */
    void (*mouse)(void *opaque, s32 dx, s32 dy, s32 dz, u8 buttons);
};

/* Key by name ("a", "f1", "ctrl", "enter", "kp5", "left"); 0 if there is none of that name. */
u16 key_by_name(const char *name);
/*
 * The key and whether Shift is held that make an ASCII character on a US keyboard; false if none.
 */
bool key_for_char(char c, u16 *key, bool *shift);

#endif

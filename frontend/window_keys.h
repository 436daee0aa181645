/* Keys of the window system as keys of a PC keyboard. */
#ifndef FRONTEND_WINDOW_KEYS_H
#define FRONTEND_WINDOW_KEYS_H

#include "base/types.h"

/* The key number (devices/host/input.h) of an SDL scancode; 0 if PC keyboards have no such key. */
u16 window_key(int sdl_scancode);

#endif

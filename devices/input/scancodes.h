/* Scan codes of a PC keyboard in its three sets. */
#ifndef DEVICES_INPUT_SCANCODES_H
#define DEVICES_INPUT_SCANCODES_H

#include "base/types.h"

/* How a key behaves in set 3 until the host says otherwise. */
enum set3_type { SET3_MAKE = 0, SET3_TYPEMATIC = 1, SET3_BREAK = 2 };

/*
 * By set 1 make code, which is also the key's number: the code in set 2, the same with and without
 * an E0 prefix, and in set 3, which has no prefixes and so two codes. 0: no such key.
 */
struct scancode {
    u8 set2;
    u8 set3, set3_type;       /* without E0 */
    u8 set3_e0, set3_e0_type; /* with E0 in the other sets */
};

extern const struct scancode scancodes[128];

#endif

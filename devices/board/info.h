/* Reports about the machine as text. */
#ifndef DEVICES_BOARD_INFO_H
#define DEVICES_BOARD_INFO_H

#include "base/types.h"

struct board;

/* See machine_info. */
bool board_info(struct board *b, const char *topic, char *out, size_t out_size);
/* See machine_translation. */
bool board_translation(struct board *b, u64 la, char *out, size_t out_size);

#endif

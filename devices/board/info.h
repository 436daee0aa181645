/* Reports about the machine as text. */
#ifndef DEVICES_BOARD_INFO_H
#define DEVICES_BOARD_INFO_H

#include <stdbool.h>
#include <stddef.h>

struct board;

/* See machine_info. */
bool board_info(struct board *b, const char *topic, char *out, size_t out_size);

#endif

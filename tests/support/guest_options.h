/*
 * The options with which programs of tests name a guest and its machine.
 */
#ifndef TESTS_SUPPORT_GUEST_OPTIONS_H
#define TESTS_SUPPORT_GUEST_OPTIONS_H

#include "devices/board/machine.h"

/*
 * --mem MIB, --cpu, --fda, --hda, --cdrom, --kernel, --initrd, --append, --engine, --windows: into
 * the configuration, which keeps `value`. False if `name` is none of these.
 */
bool guest_option(struct machine_config *config, const char *name, const char *value);

#endif

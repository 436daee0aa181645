/* From options to what the board takes. */
#ifndef FRONTEND_CONFIG_H
#define FRONTEND_CONFIG_H

#include "devices/board/machine.h"
#include "frontend/options.h"

/*
 * Fill in everything but log, sound and serial ports. Strings stay those of `o`; boot[] holds the
 * boot order. `watched` says that somebody looks on in real time.
 */
void config_from_options(const struct options *o, bool watched, char boot[4],
                         struct machine_config *out);
/* Open serial and parallel ports and the debug console; false and a sentence in err. */
bool config_open_streams(const struct options *o, struct machine_config *c, char *err,
                         size_t err_size);
/* Close what config_open_streams opened, where no machine took it over. */
void config_close_streams(struct machine_config *c);

#endif

/* Debug console: ports E9h and 402h. */
#ifndef DEVICES_SERIAL_DEBUGCON_H
#define DEVICES_SERIAL_DEBUGCON_H

struct bus;
struct chr;
struct device;

/* `out` may be NULL: the ports answer all the same. */
struct device *debugcon_create(struct bus *bus, struct chr *out);

#endif

/* Values as users write them: sizes, times, ports. Each returns false if it is not one. */
#ifndef FRONTEND_VALUES_H
#define FRONTEND_VALUES_H

#include "base/types.h"

/* Decimal, or hexadecimal after 0x; nothing before or behind it. */
bool value_u64(const char *text, u64 *out);
/* As value_u64 with a minus allowed, within the bounds given. */
bool value_s64(const char *text, s64 min, s64 max, s64 *out);
/* Bytes: 65536, 640K, 64M, 1G; binary multiples, upper or lower case. */
bool value_size(const char *text, u64 *out);
/* Seconds such as 5 or 0.25, at most a year, as nanoseconds. */
bool value_seconds(const char *text, u64 *out_ns);
/* 1996-01-01T00:00:00 (time of day optional) as seconds since 1970, 1970 to 2199. */
bool value_time(const char *text, s64 *out);
/* The other way; out holds at least 20 bytes. */
void value_time_text(s64 epoch, char *out, size_t out_size);
/* yes, no, on, off, true, false, 1, 0. */
bool value_bool(const char *text, bool *out);

#endif

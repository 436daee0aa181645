/*
 * The state stream. One function per part names its fields in order; the same function saves,
 * loads or hashes them, depending on the stream it is given. Each field is stored with its name
 * and length, so that damage and version mixes are noticed and named.
 *
 *     static void pit_state(struct device *dev, struct state *s)
 *     {
 *         state_u16(s, "count", &p->count);
 *         state_require(s, p->count <= 9999, "pit: count is not BCD");
 *     }
 *
 * After the first error all calls are no-ops and loaded fields keep their values; the caller asks
 * state_error() once at the end, and never runs a machine whose load failed.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include "base/types.h"

struct state;

/* A stream that saves into a growing buffer owned by the stream. */
struct state *state_new_save(void);
/* A stream that loads from `data`, which must outlive it and is never written. */
struct state *state_new_load(const void *data, size_t len);
/* A stream that only computes a 64-bit hash of names and values. */
struct state *state_new_hash(void);
void state_free(struct state *s);

/*
 * Leave the contents of memory out, which somebody keeps apart; to be said before the first field,
 * and loading as it was when saving.
 */
void state_leave_out_memory(struct state *s);
bool state_has_memory(const struct state *s);

bool state_is_loading(const struct state *s);
/* What was saved so far; valid until the next call on the stream. */
const void *state_data(const struct state *s, size_t *len);
u64 state_hash(const struct state *s);
/* The first error as a full sentence, or NULL. */
const char *state_error(const struct state *s);
void state_fail(struct state *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Open and close a named, versioned section. Loading refuses another name or a newer version. */
void state_begin(struct state *s, const char *name, u32 version);
void state_end(struct state *s);
/* The version of the innermost open section as stored; equals the current one when saving. */
u32 state_version(const struct state *s);

void state_bool(struct state *s, const char *name, bool *v);
void state_u8(struct state *s, const char *name, u8 *v);
void state_u16(struct state *s, const char *name, u16 *v);
void state_u32(struct state *s, const char *name, u32 *v);
void state_u64(struct state *s, const char *name, u64 *v);
void state_s32(struct state *s, const char *name, s32 *v);
void state_s64(struct state *s, const char *name, s64 *v);
/* Exactly len bytes. */
void state_bytes(struct state *s, const char *name, void *data, size_t len);

/*
 * Fail with `message` unless `ok`. Saving or hashing, a false `ok` is our own bug: the stream fails
 * too and says so, and the machine goes on.
 */
void state_require(struct state *s, bool ok, const char *message);

#endif

/*
 * Requests of the window to the machine that may take long (going back in time, a step that does
 * not end): a thread of their own waits for them, so that the window stays alive. They are done in
 * order; answers are fetched on the window's thread.
 */
#ifndef FRONTEND_WINDOW_ASK_H
#define FRONTEND_WINDOW_ASK_H

#include "base/types.h"
#include "frontend/text.h"

struct asker;
struct frontend;
struct machine;

/* `notify` is called on the other thread when there is an answer. NULL: the host has no thread. */
struct asker *asker_new(struct frontend *f, void (*notify)(struct frontend *f));
/* Waits for what is under way; what has not begun is forgotten. */
void asker_free(struct asker *a);

/* Run a command of the common set. `tag` comes back with the answer. False when out of memory. */
bool asker_command(struct asker *a, int tag, const char *line);
/* Run fn(arg) on the machine thread; arg must live until the answer is there. */
bool asker_call(struct asker *a, int tag, void (*fn)(struct machine *m, void *arg), void *arg);

struct asker_answer {
    int tag;
    bool good;
    struct text text; /* the taker frees it */
};

/* The next answer; false if there is none yet. */
bool asker_take(struct asker *a, struct asker_answer *out);
/* Requests whose answers were not taken. */
unsigned asker_pending(struct asker *a);

#endif

/* A thread that waits for the machine; see window_ask.h. */
#include "frontend/window_ask.h"

#include "base/locked.h"
#include "frontend/frontend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct request {
    struct request *next;
    int tag;
    char *line; /* or NULL: */
    void (*fn)(struct machine *m, void *arg);
    void *arg;
    bool good;
    struct text text;
};

struct queue {
    struct request *first, *last;
};

struct asker {
    struct frontend *f;
    void (*notify)(struct frontend *f);
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct queue asked, answered;
    u64 pending;
    bool ending;
};

static void put(struct queue *q, struct request *r)
{
    r->next = NULL;
    if (q->last)
        q->last->next = r;
    else
        q->first = r;
    q->last = r;
}

static struct request *take(struct queue *q)
{
    struct request *r = q->first;

    if (r)
        q->first = r->next;
    if (!q->first)
        q->last = NULL;
    return r;
}

static void free_request(struct request *r)
{
    text_free(&r->text);
    free(r->line);
    free(r);
}

static void answer(struct asker *a, struct request *r)
{
    if (r->line) {
        r->good = frontend_command(a->f, r->line, &r->text);
    } else if (!frontend_is_finished(a->f)) {
        frontend_call(a->f, r->fn, r->arg);
        r->good = true;
    }
}

static void *run(void *opaque)
{
    struct asker *a = opaque;
    struct request *r;

    pthread_mutex_lock(&a->lock);
    while (!a->ending) {
        r = take(&a->asked);
        if (!r) {
            pthread_cond_wait(&a->changed, &a->lock);
            continue;
        }
        pthread_mutex_unlock(&a->lock);
        answer(a, r);
        pthread_mutex_lock(&a->lock);
        put(&a->answered, r);
        a->notify(a->f);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct asker *asker_new(struct frontend *f, void (*notify)(struct frontend *f))
{
    struct asker *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->f = f;
    a->notify = notify;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (!pthread_create(&a->thread, NULL, run, a))
        return a;
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}

void asker_free(struct asker *a)
{
    struct request *r;

    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    while ((r = take(&a->asked)) || (r = take(&a->answered)))
        free_request(r);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static bool ask(struct asker *a, struct request *r)
{
    pthread_mutex_lock(&a->lock);
    put(&a->asked, r);
    a->pending++;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return true;
}

bool asker_command(struct asker *a, int tag, const char *line)
{
    struct request *r = calloc(1, sizeof *r);

    if (r)
        *r = (struct request){.tag = tag, .line = strdup(line)};
    if (r && r->line)
        return ask(a, r);
    free(r);
    return false;
}

bool asker_call(struct asker *a, int tag, void (*fn)(struct machine *m, void *arg), void *arg)
{
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        return false;
    *r = (struct request){.tag = tag, .fn = fn, .arg = arg};
    return ask(a, r);
}

bool asker_take(struct asker *a, struct asker_answer *out)
{
    struct request *r;

    pthread_mutex_lock(&a->lock);
    r = take(&a->answered);
    a->pending -= r != NULL;
    pthread_mutex_unlock(&a->lock);
    if (!r)
        return false;
    *out = (struct asker_answer){.tag = r->tag, .good = r->good, .text = r->text};
    r->text = (struct text){0};
    free_request(r);
    return true;
}

unsigned asker_pending(struct asker *a)
{
    return (unsigned)locked_u64(&a->lock, &a->pending);
}

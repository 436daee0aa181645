/*
 * The arena of blocks: each with all that belongs to it behind it, so that the arena can be gone
 * through from block to block. Doors come from its end. It is only ever emptied as a whole.
 */
#include "jit/private.h"

#include "base/sparse.h"

#include <string.h>

enum { ARENA_BYTES = 192 << 20 };

bool arena_open(struct jit *j)
{
    j->blocks = sparse_new(ARENA_BYTES, SPARSE_ANYHOW);
    arena_empty(j);
    return j->blocks != NULL;
}

void arena_close(struct jit *j)
{
    sparse_free(j->blocks, ARENA_BYTES);
}

void arena_empty(struct jit *j)
{
    j->blocks_end = ARENA_BYTES;
    j->blocks_used = sizeof(struct block); /* links are named by their place: none is at 0 */
}

static void *carve(struct jit *j, size_t bytes)
{
    u8 *at = j->blocks + j->blocks_used;

    bytes = (bytes + 7) & ~(size_t)7;
    if (j->blocks_used + bytes > j->blocks_end)
        return NULL;
    memset(at, 0, bytes);
    j->blocks_used += bytes;
    return at;
}

/* The parts know whom they take with them. */
static bool note_users(struct jit *j, struct block *b)
{
    for (unsigned i = 1; i < b->trace->parts; i++) {
        struct user *u = carve(j, sizeof *u);

        if (!u)
            return false;
        *u = (struct user){b->trace->part[i]->users, b};
        b->trace->part[i]->users = u;
    }
    return true;
}

static bool keep_trace(struct jit *j, struct block *b, const struct trace *trace)
{
    size_t bytes = sizeof *trace->run + trace->run->count * sizeof trace->run->insn[0];

    b->trace = carve(j, sizeof *trace);
    b->code_of = carve(j, bytes);
    if (!b->trace || !b->code_of)
        return false;
    *b->trace = *trace;
    memcpy(b->code_of, trace->run, bytes);
    b->trace->run = b->code_of;
    return note_users(j, b);
}

struct block *arena_new_block(struct jit *j, struct run *head, const struct trace *trace)
{
    const struct run *r = trace ? trace->run : head;
    size_t start = j->blocks_used;
    struct block *b = carve(j, sizeof *b + (r->count + 1u) * sizeof b->hot[0]);

    if (!b)
        return NULL;
    b->run = b->code_of = head;
    b->links = (u8)(trace ? trace->parts + 1 : 2);
    b->link = carve(j, b->links * sizeof *b->link);
    if (!b->link || (trace && !keep_trace(j, b, trace)))
        return NULL;
    b->count = (u8)r->count;
    b->bytes = (u32)(j->blocks_used - start);
    return b;
}

struct block *arena_next(const struct jit *j, const struct block *b)
{
    size_t at = b ? (size_t)((const u8 *)b - j->blocks) + b->bytes : sizeof *b;

    return at < j->blocks_used ? (struct block *)(j->blocks + at) : NULL;
}

struct door *arena_new_door(struct jit *j)
{
    if (j->blocks_used + sizeof(struct door) > j->blocks_end)
        return NULL;
    j->blocks_end -= sizeof(struct door);
    return (struct door *)(j->blocks + j->blocks_end);
}

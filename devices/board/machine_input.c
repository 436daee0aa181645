/* What comes from outside, live or from a log; see machine_private.h. */
#include "devices/board/machine_private.h"

#include "base/hash.h"
#include "base/log.h"
#include "devices/board/medium.h"
#include "devices/board/registers.h"
#include "devices/board/replay.h"
#include "devices/chipset/piix4pm.h"
#include "devices/host/chr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FAULTS_MAX = 64 /* in a row at one count, see cpu/fault.c */ };

/* ---- Moments ---- */

struct input_time machine_moment(const struct machine *m)
{
    const struct cpu *c = m->board.cpu;

    return (struct input_time){
        .count = c->count,
        .idle_ns = clock_idle_ns(m->board.clock),
        .sequence = c->fault_count == c->count ? c->faults_in_row : 0,
    };
}

u32 machine_register_check(const struct machine *m)
{
    const struct cpu *c = m->board.cpu;
    u64 v[GPR_COUNT + 3];

    memcpy(v, c->gpr, GPR_COUNT * sizeof v[0]);
    v[GPR_COUNT] = c->rip;
    v[GPR_COUNT + 1] = cpu_flags(c);
    v[GPR_COUNT + 2] = c->seg[SEG_CS].base;
    return (u32)hash128(0, v, sizeof v).lo;
}

/* ---- Listeners and player ---- */

void machine_listen_inputs(struct machine *m, struct input_listener *l)
{
    l->next = m->input_listeners;
    m->input_listeners = l;
}

void machine_unlisten_inputs(struct machine *m, struct input_listener *l)
{
    struct input_listener **at = &m->input_listeners;

    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
}

void machine_set_player(struct machine *m, struct input_player *p)
{
    m->player = p;
}

static void tell_applied(struct machine *m, const struct input_record *r)
{
    for (struct input_listener *l = m->input_listeners, *next; l; l = next) {
        next = l->next;
        l->applied(l->opaque, r);
    }
}

void machine_jumped(struct machine *m)
{
    for (struct input_listener *l = m->input_listeners, *next; l; l = next) {
        next = l->next;
        if (l->jumped)
            l->jumped(l->opaque);
    }
}

void machine_input_points(struct machine *m)
{
    u64 now = clock_now(m->board.clock);

    for (struct input_listener *l = m->input_listeners, *next; l; l = next) {
        next = l->next;
        if (l->point && now >= l->point_ns)
            l->point(l->opaque);
    }
}

/* ---- Applying ---- */

static void press_power(struct machine *m)
{
    if (!piix4pm_power_button(m->board.pm_chip))
        log_warn(m->config.log, "acpi",
                 "the guest does not listen to the power button; it must shut down by itself");
    machine_tell(m, MACHINE_EVENT_POWERDOWN);
}

static void receive(struct machine *m, const struct input_record *r)
{
    struct chr *chr = r->port < MACHINE_SERIALS ? m->config.serial[r->port] : NULL;

    if (chr && chr->receive)
        chr->receive(chr->opaque, r->data, r->len);
}

/* Fills in what the record says about the medium; *happened: the guest can tell. */
static int insert(struct machine *m, struct input_record *r, bool *happened, char *err,
                  size_t err_size)
{
    struct board *b = &m->board;
    char path[MACHINE_PATH_MAX];
    struct blk *before;
    int e;

    if (r->medium.refused) { /* of a log: the tray is locked again, whatever would come in */
        board_eject(b, (enum drive_id)r->medium.drive, err, err_size);
        return 0;
    }
    before = r->medium.drive < DRIVE_COUNT ? b->drive[r->medium.drive].blk : NULL;
    snprintf(path, sizeof path, "%.*s", (int)r->len, (const char *)r->data);
    e = board_insert(b, (enum drive_id)r->medium.drive, path, err, err_size);
    *happened = e == -EBUSY;
    if (r->medium.drive >= DRIVE_COUNT)
        return e;
    if (e == -EBUSY) {
        r->medium.refused = true;
        r->len = 0;
    } else if (b->drive[r->medium.drive].blk != before) {
        *happened = true;
        r->medium.sectors = blk_sectors(b->drive[r->medium.drive].blk);
        if (m->input_listeners)
            medium_hash(b->drive[r->medium.drive].blk, r->medium.hash);
    }
    return e;
}

static int apply(struct machine *m, struct input_record *r, char *err, size_t err_size)
{
    struct board *b = &m->board;
    bool happened = true;
    int e = 0;

    if (r->source != INPUT_RATE && r->source != INPUT_CHECK)
        b->waiting = false; /* the loop may ask for this */
    switch (r->source) {
    case INPUT_KEY: m->input.key(m->input.opaque, r->key.key, r->key.down); break;
    case INPUT_MOUSE:
        m->input.mouse(m->input.opaque, r->mouse.dx, r->mouse.dy, r->mouse.dz, r->mouse.buttons);
        break;
    case INPUT_SERIAL: receive(m, r); break;
    case INPUT_RATE: clock_set_rate(b->clock, r->rate); break;
    case INPUT_INSERT: e = insert(m, r, &happened, err, err_size); break;
    case INPUT_EJECT: e = board_eject(b, (enum drive_id)r->medium.drive, err, err_size); break;
    case INPUT_RESET:
        b->powered_off = b->debug_exited = false;
        machine_reset_board(m);
        break;
    case INPUT_POWER: press_power(m); break;
    case INPUT_MEMORY: physmap_debug_write(b->pm, r->gpa, r->data, r->len); break;
    case INPUT_REGISTER:
        happened =
            r->len == REGISTER_BYTES && register_write(b->cpu, r->reg.kind, r->reg.n, r->data);
        e = happened ? 0 : -EINVAL;
        break;
    }
    if (happened)
        tell_applied(m, r);
    return e;
}

static bool changes_media(const struct input_record *r)
{
    return r->source == INPUT_INSERT || r->source == INPUT_EJECT;
}

static int submit_later(struct machine *m, const struct input_record *r)
{
    if (!m->later)
        m->later = input_log_new();
    return m->later && input_log_add(m->later, r) ? 0 : -ENOMEM;
}

bool machine_takes_input(const struct machine *m)
{
    return !m->board.replay || replay_has_ended(m->board.replay);
}

int machine_submit(struct machine *m, struct input_record *r, char *err, size_t err_size)
{
    if (m->player && !m->player->live(m->player->opaque, r)) {
        snprintf(err, err_size, "replay: nothing comes in from outside while a recording plays");
        return -EPERM;
    }
    if (m->board.in_write_error) /* drives say that they are busy */
        return changes_media(r)
                   ? board_eject(&m->board, (enum drive_id)r->medium.drive, err, err_size)
                   : submit_later(m, r);
    /* A debugger's view must not change under its hands. */
    if (r->source != INPUT_MEMORY && r->source != INPUT_REGISTER)
        machine_settle(m);
    r->at = machine_moment(m);
    r->check = machine_register_check(m);
    return apply(m, r, err, err_size);
}

static void submit_waiting(struct machine *m)
{
    struct input_log *later = m->later;
    struct input_record r;
    char err[300];
    size_t at = 0;

    m->later = NULL;
    while (input_log_read(later, &at, &r))
        machine_submit(m, &r, err, sizeof err);
    input_log_free(later);
}

/* ---- Playing ---- */

/* On to the sequence of `r`, fault by fault: a debugger may have stopped behind one. */
static void catch_up_faults(struct machine *m, const struct input_record *r)
{
    struct input_time now = machine_moment(m);

    for (unsigned i = 0; i < FAULTS_MAX && now.count == r->at.count &&
                         now.idle_ns == r->at.idle_ns && now.sequence < r->at.sequence;
         i++) {
        cpu_step(m->board.cpu);
        if (r->source != INPUT_MEMORY)
            machine_settle(m);
        now = machine_moment(m);
    }
}

/* The player's next record, if its moment is not still to come. */
static bool next_due(struct machine *m, struct input_record *r)
{
    struct input_time now = machine_moment(m);

    if (!m->player || !m->player->next(m->player->opaque, r) || r->at.count > now.count)
        return false;
    return r->at.count < now.count || r->at.idle_ns <= now.idle_ns;
}

static bool play_next(struct machine *m)
{
    struct input_player *p = m->player;
    struct input_record r;
    struct input_time now;
    char err[300];

    if (!next_due(m, &r))
        return false;
    if (r.source != INPUT_MEMORY)
        machine_settle(m);
    catch_up_faults(m, &r);
    now = machine_moment(m);
    if (input_time_compare(&now, &r.at)) {
        p->lost(p->opaque, NULL);
        return false;
    }
    if (p->play(p->opaque, &r, machine_register_check(m)) && apply(m, &r, err, sizeof err) &&
        r.source == INPUT_INSERT)
        p->lost(p->opaque, err);
    return true;
}

void machine_inputs_due(struct machine *m)
{
    if (m->later && !m->board.in_write_error)
        submit_waiting(m);
    while (play_next(m))
        ;
}

u64 machine_player_count(struct machine *m)
{
    struct input_record r;

    return m->player && m->player->next(m->player->opaque, &r) ? r.at.count : UINT64_MAX;
}

u64 machine_player_idle_until(struct machine *m)
{
    struct input_time now = machine_moment(m);
    struct input_record r;

    if (!m->player || !m->player->next(m->player->opaque, &r) || r.at.count != now.count ||
        r.at.idle_ns < now.idle_ns)
        return UINT64_MAX;
    return clock_now(m->board.clock) + (r.at.idle_ns - now.idle_ns);
}

/* ---- What front ends call ---- */

/* Of inputs that cannot fail otherwise: a replay may not want them. */
static void submit(struct machine *m, struct input_record r)
{
    char err[300];

    machine_submit(m, &r, err, sizeof err);
}

void machine_reset(struct machine *m)
{
    submit(m, (struct input_record){.source = INPUT_RESET});
}

void machine_powerdown(struct machine *m)
{
    submit(m, (struct input_record){.source = INPUT_POWER});
}

void machine_key(struct machine *m, u16 key, bool down)
{
    submit(m, (struct input_record){.source = INPUT_KEY, .key = {key, down}});
}

void machine_mouse(struct machine *m, s32 dx, s32 dy, s32 dz, u8 buttons)
{
    submit(m, (struct input_record){.source = INPUT_MOUSE, .mouse = {dx, dy, dz, buttons}});
}

int machine_insert(struct machine *m, enum drive_id drive, const char *path, char *err,
                   size_t err_size)
{
    struct input_record r = {
        .source = INPUT_INSERT,
        .medium.drive = (u8)drive,
        .data = (const u8 *)path,
        .len = (u32)strnlen(path, MACHINE_PATH_MAX - 1),
    };

    return machine_submit(m, &r, err, err_size);
}

int machine_eject(struct machine *m, enum drive_id drive, char *err, size_t err_size)
{
    struct input_record r = {.source = INPUT_EJECT, .medium.drive = (u8)drive};

    return machine_submit(m, &r, err, err_size);
}

size_t machine_write_physical(struct machine *m, u64 gpa, const void *data, size_t len)
{
    const u8 *in = data;
    size_t put = 0, n;
    char err[300];

    for (; len; gpa += n, in += n, len -= n) {
        struct input_record r = {.source = INPUT_MEMORY, .gpa = gpa, .data = in};
        const struct phys_page *p = physmap_page(m->board.pm, gpa);

        n = PAGE_SIZE - (gpa & PAGE_MASK);
        r.len = (u32)(n = len < n ? len : n);
        if (p->kind == PHYS_RAM && (p->frame || p->write_frame) &&
            !machine_submit(m, &r, err, sizeof err))
            put += n;
    }
    return put;
}

bool machine_write_register(struct machine *m, enum register_kind kind, unsigned n,
                            const u8 value[REGISTER_BYTES])
{
    struct input_record r = {.source = INPUT_REGISTER,
                             .reg = {.kind = (u8)kind, .n = (u8)n},
                             .len = REGISTER_BYTES,
                             .data = value};
    char err[300];

    return !machine_submit(m, &r, err, sizeof err);
}

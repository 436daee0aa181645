/*
 * The machine's life and its run loop; see machine.h.
 *
 *   posted commands -> timers that are due, interrupts -> streams -> engine for a slice -> pace
 *
 * A slice ends at the next deadline, at the time asked for, or after SLICE instructions; what
 * comes from other threads is looked at between slices.
 */
#define _GNU_SOURCE
#include "devices/board/machine.h"

#include "base/bell.h"
#include "base/state.h"
#include "devices/board/board.h"
#include "devices/board/config.h"
#include "devices/board/crash.h"
#include "devices/board/debug.h"
#include "devices/board/info.h"
#include "devices/board/interval.h"
#include "devices/board/machine_private.h"
#include "devices/board/rewind.h"
#include "devices/host/chr.h"
#include "devices/input/i8042.h"
#include "devices/serial/uart16550.h"
#include "devices/video/vga.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SLICE = 1 << 18, /* instructions, at most */
    SLICE_LEAST = 64,
    SLICE_HOST_MS = 20,    /* what a slice may cost the host before the next one is shorter */
    SLICE_MS = 10,         /* virtual: of slow processors a slice is shorter */
    DEFAULT_KIPS = 200000, /* of models without a nominal rate, at first or for ever */
    CHR_POLL_MS = 2,       /* virtual */
    RECORD_POINTS_S = 10,  /* virtual, between points of a recording */
    OFTEN_MS = 10,         /* of the host: for streams that cannot wake us */
    PAUSE_NAP_MS = 1000,
    ROOM_NAP_MS = 500,
    SETTLE_ROUNDS = 1000, /* a chip that keeps itself busy without end ends here */
    CRASHES_TOLD = 3,     /* of those that only reset; some systems leave protected mode that way */
};

struct posted {
    struct posted *next;
    void (*fn)(struct machine *m, void *arg);
    void *arg;
};

/* ---- Sleeping ---- */

static u64 host_now_ns(void *opaque)
{
    return host_monotonic_ns();
}

/* Which serial port a stream leads to; MACHINE_SERIALS: a printer or a console. */
static unsigned chr_port(const struct board *b, const struct chr *chr)
{
    unsigned i = 0;

    while (i < MACHINE_SERIALS && (!b->uart[i] || b->config->serial[i] != chr))
        i++;
    return i;
}

/* Room for input at the chip behind a stream. Printers and consoles throw away what comes. */
static size_t chr_room(const struct board *b, const struct chr *chr)
{
    unsigned port = chr_port(b, chr);

    return port < MACHINE_SERIALS ? uart16550_room(b->uart[port]) : SIZE_MAX;
}

/* Sleep until another thread wants something or, if `chrs`, a stream has something. */
static void sleep_ns(struct machine *m, u64 ns, bool chrs)
{
    struct pollfd fds[MACHINE_SERIALS + 3] = {{.fd = m->bell, .events = POLLIN}};
    struct board *b = &m->board;
    struct timespec t;
    unsigned n = 1;

    for (unsigned i = 0; chrs && i < b->chr_count; i++) {
        int fd = chr_watch(b->chrs[i], &fds[n].events);

        if (fd == CHR_WATCH_OFTEN || (fd >= 0 && !chr_room(b, b->chrs[i])))
            ns = min_u64(ns, OFTEN_MS * 1000000ull);
        else if (fd >= 0)
            fds[n++].fd = fd;
    }
    t = (struct timespec){(time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC)};
    if (ppoll(fds, n, &t, NULL) <= 0)
        return;
    if (fds[0].revents && bell_heard(m->bell))
        return;
    m->next_chr_poll_ns = 0;
}

static void sleep_for_pace(void *opaque, u64 ns)
{
    struct machine *m = opaque;

    /* When streams are polled must not depend on the host there. */
    sleep_ns(m, ns, !m->config.deterministic);
}

/* ---- A full disk of the host ---- */

/*
 * The guest must not hear of it: it would take its disk for broken and give up what it wanted to
 * write. So virtual time stands still until there is room, or the machine stops as if its plug were
 * pulled: what the guest was told is written is written. Other errors are a broken disk, and the
 * guest is told so.
 */
static bool write_error(void *opaque, struct blk *blk, int error)
{
    struct machine *m = opaque;
    struct board *b = &m->board;

    if (error != -ENOSPC && error != -EDQUOT) {
        log_warn(m->config.log, "disk", "'%s': cannot be written: %s; the guest is told so",
                 blk_name(blk), strerror(-error));
        return false;
    }
    snprintf(m->error, sizeof m->error,
             "disk: '%.160s': cannot be written: %s; free some room there", blk_name(blk),
             strerror(-error));
    if (m->config.wait_for_room && !m->interrupted) {
        if (!b->in_write_error)
            log_warn(m->config.log, "disk",
                     "'%s': cannot be written: %s; the guest waits until you "
                     "free some room there",
                     blk_name(blk), strerror(-error));
        b->in_write_error = true;
        machine_run_posted(m);
        sleep_ns(m, ROOM_NAP_MS * 1000000ull, false);
        return true;
    }
    m->host_failed = true;
    b->cpu->attention |= ATT_STOP;
    return false;
}

/* ---- Life ---- */

/* Of the past nothing is heard. */
static void write_sound(void *opaque, const s16 *samples, size_t frames, u64 at_ns)
{
    struct machine *m = opaque;

    if (!m->muted)
        m->sound->write(m->sound->opaque, samples, frames, at_ns);
}

static void set_rate(void *opaque, u64 rate)
{
    struct input_record r = {.source = INPUT_RATE, .rate = rate};
    char err[300];

    machine_submit(opaque, &r, err, sizeof err);
}

static void init_pace(struct machine *m)
{
    const struct machine_config *cfg = &m->config;
    u32 nominal = m->board.cpu->model->nominal_kips;
    struct pace_config pace = {
        .kips = cfg->speed_mips ? cfg->speed_mips * 1000
                : nominal       ? nominal
                                : DEFAULT_KIPS,
        .steered = !cfg->deterministic && !cfg->speed_mips && (!nominal || cfg->speed_max),
        .free_run = cfg->free_run || (cfg->deterministic && cfg->speed_max),
    };
    struct pace_host host = {
        .now_ns = host_now_ns,
        .sleep = sleep_for_pace,
        .set_rate = set_rate,
        .opaque = m,
    };

    pace_init(&m->pace, m->board.clock, &pace, &host);
}

struct machine *machine_new(const struct machine_config *config, char *err, size_t err_size)
{
    bool host_at_fault;

    return machine_new_blame(config, &host_at_fault, err, err_size);
}

struct machine *machine_new_blame(const struct machine_config *config, bool *host_at_fault,
                                  char *err, size_t err_size)
{
    struct machine *m = calloc(1, sizeof *m);

    *host_at_fault = true;
    if (!m) {
        snprintf(err, err_size, "machine: the host has no memory left");
        return NULL;
    }
    if (!machine_config_copy(&m->config, config)) {
        snprintf(err, err_size, "machine: the host has no memory left");
        free(m);
        return NULL;
    }
    if (m->config.rtc_epoch == INT64_MIN)
        m->config.rtc_epoch = (s64)time(NULL); /* read once: from here on it is configuration */
    m->slice = SLICE;
    m->stop_count = UINT64_MAX;
    m->record_points_ns = RECORD_POINTS_S * NS_PER_SEC;
    if (config->sound) {
        m->sound = config->sound;
        m->sound_gate = (struct sound_sink){.opaque = m, .write = write_sound};
        m->config.sound = &m->sound_gate;
    }
    m->board.config = &m->config;
    m->board.log = config->log;
    m->board.write_error = write_error;
    m->board.write_error_opaque = m;
    pthread_mutex_init(&m->lock, NULL);
    m->last = &m->first;
    m->bell = bell_open();
    if (m->bell < 0) {
        snprintf(err, err_size, "machine: no eventfd: %s", strerror(-m->bell));
        machine_free(m);
        return NULL;
    }
    if (!board_build(&m->board, err, err_size)) {
        *host_at_fault = m->board.host_at_fault;
        machine_free(m);
        return NULL;
    }
    m->input = i8042_input(m->board.kbd);
    m->display = vga_display(m->board.vga);
    init_pace(m);
    return m;
}

int machine_free(struct machine *m)
{
    char told[700];
    int e;

    if (!m)
        return 0;
    machine_run_posted(m);
    rewind_free(m->rewind);
    if (m->recording && !machine_record_stop(m, told, sizeof told))
        log_warn(m->config.log, "record", "%s", told);
    debug_free(m->debug);
    e = board_destroy(&m->board);
    bell_close(m->bell);
    pthread_mutex_destroy(&m->lock);
    machine_config_free(&m->config);
    input_log_free(m->later);
    free(m);
    return e;
}

/* ---- Other threads ---- */

void machine_interrupt(struct machine *m)
{
    m->interrupted = true;
    bell_ring(m->bell);
}

void machine_post(struct machine *m, void (*fn)(struct machine *m, void *arg), void *arg)
{
    struct posted *p = malloc(sizeof *p);

    if (!p)
        return; /* the host is out of memory: a key press is lost */
    *p = (struct posted){.fn = fn, .arg = arg};
    pthread_mutex_lock(&m->lock);
    *m->last = p;
    m->last = &p->next;
    pthread_mutex_unlock(&m->lock);
    bell_ring(m->bell);
}

static struct posted *take_posted(struct machine *m)
{
    struct posted *p;

    pthread_mutex_lock(&m->lock);
    p = m->first;
    if (p) {
        m->first = p->next;
        if (!m->first)
            m->last = &m->first;
    }
    pthread_mutex_unlock(&m->lock);
    return p;
}

void machine_run_posted(struct machine *m)
{
    struct posted *p;

    while ((p = take_posted(m))) {
        p->fn(m, p->arg);
        free(p);
    }
}

/* ---- Listeners ---- */

void machine_listen(struct machine *m, struct machine_listener *l)
{
    l->next = m->listeners;
    m->listeners = l;
}

void machine_unlisten(struct machine *m, struct machine_listener *l)
{
    struct machine_listener **at = &m->listeners;

    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
}

void machine_tell(struct machine *m, enum machine_event e)
{
    /* What the guest did was told when it did it first; that it stands still is new. */
    bool again = m->muted && e != MACHINE_EVENT_STOP && e != MACHINE_EVENT_RESUME;

    for (struct machine_listener *l = again ? NULL : m->listeners; l; l = l->next)
        l->event(l->opaque, e);
}

/* ---- Running ---- */

static void poll_chrs(struct machine *m)
{
    struct board *b = &m->board;
    char err[300];
    u8 data[256];

    m->next_chr_poll_ns = clock_now(b->clock) + CHR_POLL_MS * 1000000ull;
    for (unsigned i = 0; i < b->chr_count; i++) {
        struct chr *chr = b->chrs[i];
        unsigned port = chr_port(b, chr);
        size_t n = chr_poll(chr, data, (size_t)min_u64(sizeof data, chr_room(b, chr)));
        struct input_record r = {
            .source = INPUT_SERIAL, .port = (u8)port, .data = data, .len = (u32)n};

        if (n && port < MACHINE_SERIALS)
            machine_submit(m, &r, err, sizeof err);
    }
}

void machine_reset_board(struct machine *m)
{
    board_reset(&m->board);
    machine_tell(m, MACHINE_EVENT_RESET);
}

static void do_resets(struct machine *m)
{
    struct board *b = &m->board;

    if (b->reset_machine)
        machine_reset_board(m);
    else if (b->reset_cpu)
        cpu_reset(b->cpu, false);
    b->reset_machine = b->reset_cpu = false;
}

void machine_ask_to_stop(struct machine *m, enum machine_stop why)
{
    m->stop_asked = true;
    m->stop_why = why;
}

/* What the outside and the chips ask for between slices; true if machine_run must return. */
static bool attend(struct machine *m, enum machine_stop *why)
{
    struct board *b = &m->board;

    if (!m->alone)
        machine_run_posted(m);
    if (b->cpu->count >= m->stop_count &&
        (clock_now(b->clock) >= m->stop_ns || !(b->cpu->halted || b->waiting))) {
        machine_settle(m);
        *why = MACHINE_TIME;
        return true;
    }
    machine_inputs_due(m);
    if (media_close_ejected(b))
        machine_tell(m, MACHINE_EVENT_EJECTED);
    if (b->panicked) {
        b->panicked = false;
        machine_tell(m, MACHINE_EVENT_PANICKED);
    }
    if (m->interrupted) {
        m->interrupted = false;
        *why = MACHINE_INTERRUPTED;
        return true;
    }
    if (m->stop_asked) {
        m->stop_asked = false;
        *why = m->stop_why;
        return true;
    }
    if (m->host_failed) {
        *why = MACHINE_HOST_ERROR;
        return true;
    }
    if (!b->powered_off && !b->debug_exited)
        return false;
    *why = b->powered_off ? MACHINE_POWERED_OFF : MACHINE_DEBUG_EXIT;
    machine_tell(m, MACHINE_EVENT_SHUTDOWN);
    return true;
}

static void idle(struct machine *m, u64 until_ns)
{
    struct clock *clock = m->board.clock;
    u64 now = clock_now(clock), target = min_u64(clock_next_deadline(clock), until_ns), to;

    target = min_u64(target, machine_player_idle_until(m));
    if (m->stop_count != UINT64_MAX && m->stop_ns > now)
        target = min_u64(target, m->stop_ns);
    if (target <= now)
        return;
    to = pace_idle(&m->pace, target);
    if (to > now)
        clock_advance_idle(clock, to - now);
    m->cut_short = to < target;
}

/* Run the processor until the next deadline, `until_ns`, or the end of the slice. */
static enum engine_stop run_slice(struct machine *m, u64 until_ns)
{
    struct board *b = &m->board;
    struct cpu *c = b->cpu;
    u64 soon = min_u64(until_ns, clock_now(b->clock) + SLICE_MS * 1000000ull);
    u64 deadline = min_u64(clock_next_deadline(b->clock), soon);
    u64 until = min_u64(clock_count_at(b->clock, deadline), c->count + m->slice);

    until = min_u64(until, min_u64(machine_player_count(m), m->stop_count));
    if (cpu_waits_for_shadow(c))
        until = c->count + 1;
    if (until <= c->count)
        return ENGINE_COUNT;
    return c->engine->run(c, until);
}

/*
 * Instructions that remap memory or touch slow chips cost the host a thousand times what others do;
 * the user must be heard all the same.
 */
static void adapt_slice(struct machine *m, u64 took_ns)
{
    if (took_ns > SLICE_HOST_MS * 1000000ull && m->slice > SLICE_LEAST)
        m->slice /= 2;
    else if (took_ns < SLICE_HOST_MS * 250000ull && m->slice < SLICE)
        m->slice *= 2;
}

/* Resets, timers, interrupts: one round of what is due. True if anything happened. */
static bool settle_once(struct machine *m)
{
    struct board *b = &m->board;
    bool happened = b->reset_machine || b->reset_cpu;

    if (happened)
        do_resets(m);
    b->cpu->attention &= ~(u32)(ATT_TIMER | ATT_STOP);
    if (clock_next_deadline(b->clock) <= clock_now(b->clock)) {
        clock_run_due(b->clock);
        happened = true;
    }
    happened |= cpu_service(b->cpu);
    if (happened)
        b->waiting = false; /* an event is what a waiting guest waits for */
    return happened;
}

void machine_settle(struct machine *m)
{
    for (unsigned i = 0; i < SETTLE_ROUNDS && settle_once(m); i++)
        ;
}

/* A triple fault: true if the machine stops for it. */
static bool shut_down(struct machine *m)
{
    char *rest;

    snprintf(m->board.reset_note, sizeof m->board.reset_note, "%s", m->board.cpu->crash);
    m->board.reset_ns = machine_now_ns(m);
    if ((m->muted || m->crashes_told == CRASHES_TOLD) && m->config.reset_on_triple_fault) {
        machine_reset_board(m);
        return false;
    }
    m->crashes_told++;
    crash_describe(m, m->crash, sizeof m->crash);
    if (!m->config.reset_on_triple_fault) {
        machine_tell(m, MACHINE_EVENT_SHUTDOWN);
        return true;
    }
    for (char *line = strtok_r(m->crash, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_warn(m->config.log, "cpu", "%s", line);
    machine_reset_board(m);
    return false;
}

/* The wait is over: time goes on from here. */
static void after_write_error(struct machine *m)
{
    if (!m->board.in_write_error)
        return;
    m->board.in_write_error = false;
    if (!m->host_failed)
        log_warn(m->config.log, "disk", "there is room again; the guest goes on");
    pace_restart(&m->pace, m->board.cpu->count);
}

static bool debugger_stops(struct machine *m)
{
    return unlikely(m->board.cpu->attention & ATT_BREAK) && debug_takes_stop(m->debug);
}

enum machine_stop machine_run(struct machine *m, u64 until_ns)
{
    struct board *b = &m->board;
    struct cpu *c = b->cpu;
    enum machine_stop why;
    enum engine_stop stop;
    u64 host;

    for (;;) {
        if (attend(m, &why))
            return why;
        if (m->paused) {
            sleep_ns(m, PAUSE_NAP_MS * 1000000ull, false);
            pace_restart(&m->pace, c->count);
            continue;
        }
        machine_settle(m);
        after_write_error(m);
        if (m->host_failed)
            continue;
        if (clock_now(b->clock) >= m->next_chr_poll_ns && (!m->player || m->player->outside) &&
            !(m->cut_short && m->config.deterministic))
            poll_chrs(m);
        machine_input_points(m);
        machine_settle(m); /* what just came in may be an interrupt */
        if (debugger_stops(m))
            return MACHINE_DEBUG;
        if (clock_now(b->clock) >= until_ns)
            return MACHINE_TIME;
        if (c->halted || b->waiting) {
            idle(m, until_ns);
            continue;
        }
        if (pace_hold(&m->pace))
            continue;
        m->cut_short = false;
        host = host_now_ns(m);
        stop = run_slice(m, until_ns);
        adapt_slice(m, host_now_ns(m) - host);
        b->waiting = c->attention & ATT_IDLE;
        c->attention &= ~(u32)ATT_IDLE;
        if (debugger_stops(m)) /* before a new rate, an input, could let an interrupt in */
            return MACHINE_DEBUG;
        if (stop == ENGINE_SHUTDOWN && shut_down(m))
            return MACHINE_TRIPLE_FAULT;
        pace_slice(&m->pace, c->count);
    }
}

/* ---- Reports ---- */

u64 machine_now_ns(const struct machine *m)
{
    return clock_now(m->board.clock);
}

u64 machine_instructions(const struct machine *m)
{
    return cpu_count(m->board.cpu);
}

int machine_exit_code(const struct machine *m)
{
    return m->board.exit_code;
}

const char *machine_error(const struct machine *m)
{
    return m->error;
}

const char *machine_crash_report(const struct machine *m)
{
    return m->crash;
}

const struct machine_config *machine_config(const struct machine *m)
{
    return &m->config;
}

struct board *machine_board(struct machine *m)
{
    return &m->board;
}

struct debug *machine_debug(struct machine *m)
{
    if (!m->debug)
        m->debug = debug_new(m->board.cpu, &m->display);
    return m->debug;
}

struct cpu *machine_cpu(struct machine *m, unsigned index)
{
    return index == 0 ? m->board.cpu : NULL;
}

void machine_get_status(struct machine *m, struct machine_status *out)
{
    *out = (struct machine_status){
        .speed = m->pace.speed,
        .mips = m->pace.mips,
        .paused = m->paused,
    };
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        if (m->board.drive[i].blk) {
            struct blk_stats s;

            blk_get_stats(m->board.drive[i].blk, &s);
            out->disk_ops[i] = s.reads + s.writes;
        }
}

bool machine_info(struct machine *m, const char *topic, char *out, size_t out_size)
{
    return board_info(&m->board, topic, out, out_size);
}

bool machine_translation(struct machine *m, u64 la, char *out, size_t out_size)
{
    return board_translation(&m->board, la, out, out_size);
}

/* ---- Control ---- */

void machine_set_paused(struct machine *m, bool paused)
{
    bool changed = paused != m->paused;

    m->paused = paused;
    pace_restart(&m->pace, m->board.cpu->count);
    if (changed)
        machine_tell(m, paused ? MACHINE_EVENT_STOP : MACHINE_EVENT_RESUME);
}

bool machine_is_paused(const struct machine *m)
{
    return m->paused;
}

enum drive_id machine_drive_by_name(const struct machine *m, const char *name)
{
    return board_drive_by_name(&m->board, name);
}

void machine_get_drive(const struct machine *m, enum drive_id drive, struct machine_drive *out)
{
    board_get_drive(&m->board, drive, out);
}

bool machine_render(struct machine *m, struct display_frame *f, bool force)
{
    return m->display.render(m->display.opaque, f, machine_now_ns(m), force);
}

bool machine_locate(struct machine *m, u32 x, u32 y, struct display_dot *out)
{
    return m->display.locate(m->display.opaque, x, y, machine_now_ns(m), out);
}

/* ---- State and memory ---- */

void machine_state(struct machine *m, struct state *s)
{
    board_state(&m->board, s);
    if (!state_is_loading(s))
        return;
    machine_jumped(m);
    if (m->debug)
        debug_jumped(m->debug);
    /* Virtual time has jumped: what the host's time was compared with is void. */
    pace_restart(&m->pace, m->board.cpu->count);
    m->next_chr_poll_ns = 0;
}

u64 machine_state_hash(struct machine *m)
{
    struct state *s = state_new_hash();
    u64 hash;

    machine_state(m, s);
    hash = state_hash(s);
    state_free(s);
    return hash;
}

size_t machine_read_physical(struct machine *m, u64 gpa, void *data, size_t len)
{
    return physmap_debug_read(m->board.pm, gpa, data, len);
}

/* Where a page of linear memory lies; false if it is not mapped. Marks no page as used. */
static bool find_page(struct machine *m, u64 la, u64 *gpa)
{
    struct mmu *mmu = &m->board.cpu->mmu;
    struct walk w = {.gpa = la};

    if (mmu->paging.enabled && !mmu_walk(mmu, la, MMU_READ, MMU_SUPERVISOR, false, &w))
        return false;
    *gpa = w.gpa;
    return true;
}

static size_t rest_of_page(u64 la, size_t len)
{
    size_t rest = PAGE_SIZE - (la & PAGE_MASK);

    return len < rest ? len : rest;
}

size_t machine_read_linear(struct machine *m, u64 la, void *data, size_t len)
{
    u8 *out = data;
    size_t got = 0, n;
    u64 gpa;

    for (; len && find_page(m, la, &gpa); len -= n) {
        n = rest_of_page(la, len);
        got += physmap_debug_read(m->board.pm, gpa, out, n);
        la = (u32)(la + n);
        out += n;
    }
    return got;
}

size_t machine_write_linear(struct machine *m, u64 la, const void *data, size_t len)
{
    const u8 *in = data;
    size_t put = 0, n;
    u64 gpa;

    for (; len && find_page(m, la, &gpa); len -= n) {
        n = rest_of_page(la, len);
        put += machine_write_physical(m, gpa, in, n);
        la = (u32)(la + n);
        in += n;
    }
    return put;
}

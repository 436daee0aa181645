/*
 * Running of scripts. Only virtual time counts: the screen is looked at each LOOK_NS of it, keys
 * and mouse moves are STROKE_NS apart, so that a run can be repeated.
 */
#include "frontend/script_table.h"

#include "base/log.h"
#include "devices/board/machine.h"
#include "devices/board/snapshot.h"
#include "devices/host/display.h"
#include "devices/host/input.h"
#include "frontend/outcome.h"
#include "frontend/picture.h"
#include "frontend/screen.h"
#include "frontend/serial_tap.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

enum {
    LOOK_NS = 50 * MS,
    STROKE_NS =
        20 * MS, /* 25 characters a second: no BIOS buffer of 16 overflows while it is read */
    ENTER_NS = 100 * MS, /* after Enter programs are busy */
    HOLD_NS = 60 * MS,   /* a key or button of its own is held longer: games poll it each frame */
    MOUSE_STEP = 4,      /* counts at once: drivers accelerate faster moves */
};

enum step_result script_fail(struct script_runner *r, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, args);
    va_end(args);
    return STEP_FAILED;
}

enum step_result script_end(struct script_runner *r, int code)
{
    r->exit_code = code;
    return STEP_ENDED;
}

/* True if it ran as long as it was to, or runs again when others let it. */
static bool goes_on(struct script_runner *r, enum machine_stop stop)
{
    if (stop != MACHINE_DEBUG || !r->host->stopped || r->commands.used)
        return stop == MACHINE_TIME || stop == MACHINE_INTERRUPTED;
    r->host->stopped(r->host->opaque);
    return true;
}

/* Let virtual time pass. A machine that stops meanwhile fails the script. */
static enum step_result run_until(struct script_runner *r, u64 until_ns)
{
    enum machine_stop stop;
    int code;

    if (r->commands.held && machine_is_paused(r->machine))
        return script_fail(r,
                           "the machine stands still since line %u; 'command cont' lets it go on",
                           r->commands.held);
    for (;;) {
        if (r->host->stop_after_ns && machine_now_ns(r->machine) >= r->host->stop_after_ns)
            return script_fail(r, "the time given by --stop-after is over");
        stop = machine_run(r->machine, r->host->stop_after_ns
                                           ? min_u64(until_ns, r->host->stop_after_ns)
                                           : until_ns);
        if (r->host->wants_quit && r->host->wants_quit(r->host->opaque, &code))
            return script_end(r, code);
        if (machine_now_ns(r->machine) >= until_ns && stop == MACHINE_TIME)
            return STEP_DONE;
        if (goes_on(r, stop))
            continue;
        if (stop == MACHINE_POWERED_OFF)
            return script_fail(r, "the guest has switched the machine off");
        if (stop == MACHINE_DEBUG && r->commands.used)
            return script_command_stopped(r);
        code = outcome_report(r->machine, stop);
        return stop == MACHINE_TRIPLE_FAULT ? script_fail(r, "the guest has crashed")
                                            : script_end(r, code);
    }
}

static enum step_result run_for(struct script_runner *r, u64 ns)
{
    return run_until(r, machine_now_ns(r->machine) + ns);
}

/*
 * Look each LOOK_NS until `is_so` holds. Returns STEP_DONE with *holds telling whether it came
 * before the time was over.
 */
static enum step_result look_until(struct script_runner *r, const struct script_step *s, u64 ns,
                                   bool (*is_so)(struct script_runner *r, const void *arg),
                                   const void *arg, bool *holds)
{
    u64 until = machine_now_ns(r->machine) + ns;
    enum step_result result;

    while (!(*holds = is_so(r, arg)) && machine_now_ns(r->machine) < until) {
        result = run_until(r, min_u64(until, machine_now_ns(r->machine) + LOOK_NS));
        if (result != STEP_DONE)
            return result;
    }
    return STEP_DONE;
}

static double seconds(u64 ns)
{
    return (double)ns / 1e9;
}

/* ---- Text ---- */

static bool text_shows(struct script_runner *r, const void *text)
{
    machine_render(r->machine, &r->frame, false);
    return screen_has_text(&r->frame, text);
}

static enum step_result do_wait_text(struct script_runner *r, const struct script_step *s)
{
    bool seen;
    enum step_result result = look_until(r, s, s->ns[0], text_shows, s->text, &seen);

    if (result == STEP_DONE && !seen)
        return script_fail(r, "\"%.200s\" was not on the screen within %g s", s->text,
                           seconds(s->ns[0]));
    return result;
}

static enum step_result do_expect_text(struct script_runner *r, const struct script_step *s)
{
    return text_shows(r, s->text) ? STEP_DONE
                                  : script_fail(r, "\"%.200s\" is not on the screen", s->text);
}

/* ---- Pictures ---- */

/*
 * A fingerprint of what is seen. Of text the characters, their colours and the cursor's place, so
 * that blinking does not count; of graphics all pixels. FNV-1a over 32-bit units.
 */
static u64 picture_print(const struct display_frame *f)
{
    size_t i, n = f->text ? (size_t)f->columns * f->rows : (size_t)f->width * f->height;
    u64 h = 14695981039346656037ull;

    for (i = 0; i < n; i++) {
        h ^= f->text ? (u32)(f->cells[i * 2] | f->cells[i * 2 + 1] << 8) : f->pixels[i];
        h *= 1099511628211ull;
    }
    h = (h ^ f->width) * 1099511628211ull;
    h = (h ^ f->height) * 1099511628211ull;
    if (f->text)
        h = (h ^ ((u64)(u32)f->cursor_row << 32 | (u32)f->cursor_column)) * 1099511628211ull;
    return h;
}

static enum step_result do_wait_still(struct script_runner *r, const struct script_step *s)
{
    u64 now = machine_now_ns(r->machine), until = now + s->ns[1], since = now, print, last = 0;
    enum step_result result;

    machine_render(r->machine, &r->frame, true);
    last = picture_print(&r->frame);
    while (now < since + s->ns[0]) {
        if (now >= until)
            return script_fail(r, "the picture was not still for %g s within %g s",
                               seconds(s->ns[0]), seconds(s->ns[1]));
        result = run_until(r, now + LOOK_NS);
        if (result != STEP_DONE)
            return result;
        now = machine_now_ns(r->machine);
        if (!machine_render(r->machine, &r->frame, false))
            continue;
        print = picture_print(&r->frame);
        since = print == last ? since : now;
        last = print;
    }
    return STEP_DONE;
}

struct wanted_picture {
    struct picture picture;
    double percent, difference;
    bool looked;
};

static bool picture_shows(struct script_runner *r, const void *arg)
{
    struct wanted_picture *w = (struct wanted_picture *)arg;

    if (!machine_render(r->machine, &r->frame, false) && w->looked)
        return false;
    w->looked = true;
    w->difference = picture_difference(&w->picture, &r->frame);
    return w->difference <= w->percent;
}

/* wait-picture, and expect-picture, which does not wait. */
static enum step_result do_picture(struct script_runner *r, const struct script_step *s)
{
    struct wanted_picture w = {.percent = s->percent};
    enum step_result result;
    char err[400];
    bool seen;

    if (!picture_load(&w.picture, s->file, err, sizeof err))
        return script_fail(r, "%s", err);
    result = look_until(r, s, s->ns[0], picture_shows, &w, &seen);
    if (result == STEP_DONE && !seen && w.difference >= 100)
        script_fail(r, "the screen has %ux%u pixels, '%.200s' has %ux%u", r->frame.width,
                    r->frame.height, s->file, w.picture.width, w.picture.height);
    else if (result == STEP_DONE && !seen)
        script_fail(r, "%.4g %% of the screen differs from '%.200s', %g %% may", w.difference,
                    s->file, s->percent);
    picture_free(&w.picture);
    return result == STEP_DONE && !seen ? STEP_FAILED : result;
}

static enum step_result do_screenshot(struct script_runner *r, const struct script_step *s)
{
    char err[400];

    machine_render(r->machine, &r->frame, true);
    return picture_save(&r->frame, s->file, err, sizeof err) ? STEP_DONE
                                                             : script_fail(r, "%s", err);
}

/* ---- Keyboard and mouse ---- */

static enum step_result strike(struct script_runner *r, u16 key, bool down, u64 then_ns)
{
    machine_key(r->machine, key, down);
    return run_for(r, then_ns);
}

static enum step_result type_char(struct script_runner *r, char c)
{
    const u16 shift_key = 0x2A;
    enum step_result result = STEP_DONE;
    u16 key = 0;
    bool shift = false;

    key_for_char(c, &key, &shift); /* the parser has checked it */
    if (shift)
        result = strike(r, shift_key, true, STROKE_NS);
    if (result == STEP_DONE)
        result = strike(r, key, true, STROKE_NS);
    if (result == STEP_DONE)
        result = strike(r, key, false, c == '\n' ? ENTER_NS : STROKE_NS);
    if (result == STEP_DONE && shift)
        result = strike(r, shift_key, false, STROKE_NS);
    return result;
}

static enum step_result do_type(struct script_runner *r, const struct script_step *s)
{
    enum step_result result = STEP_DONE;
    const char *c;

    for (c = s->text; *c && result == STEP_DONE; c++)
        result = type_char(r, *c);
    return result;
}

static enum step_result do_key_down(struct script_runner *r, const struct script_step *s)
{
    return strike(r, s->keys[0], true, STROKE_NS);
}

static enum step_result do_key_up(struct script_runner *r, const struct script_step *s)
{
    return strike(r, s->keys[0], false, STROKE_NS);
}

static enum step_result do_key(struct script_runner *r, const struct script_step *s)
{
    enum step_result result = STEP_DONE;
    unsigned i;

    for (i = 0; i < s->key_count && result == STEP_DONE; i++)
        result = strike(r, s->keys[i], true, i + 1 < s->key_count ? STROKE_NS : HOLD_NS);
    for (i = s->key_count; i-- > 0 && result == STEP_DONE;)
        result = strike(r, s->keys[i], false, STROKE_NS);
    return result;
}

static s32 clamp_step(s64 d)
{
    return (s32)(d > MOUSE_STEP ? MOUSE_STEP : d < -MOUSE_STEP ? -MOUSE_STEP : d);
}

static enum step_result do_mouse_move(struct script_runner *r, const struct script_step *s)
{
    s64 dx = s->number[0], dy = s->number[1];
    enum step_result result = STEP_DONE;
    s32 x, y;

    while ((dx || dy) && result == STEP_DONE) {
        x = clamp_step(dx);
        y = clamp_step(dy);
        machine_mouse(r->machine, x, y, 0, r->buttons);
        dx -= x;
        dy -= y;
        result = run_for(r, STROKE_NS);
    }
    return result;
}

static enum step_result set_buttons(struct script_runner *r, u8 buttons, u64 then_ns)
{
    r->buttons = buttons;
    machine_mouse(r->machine, 0, 0, 0, buttons);
    return run_for(r, then_ns);
}

static enum step_result do_mouse_down(struct script_runner *r, const struct script_step *s)
{
    return set_buttons(r, r->buttons | s->button, HOLD_NS);
}

static enum step_result do_mouse_up(struct script_runner *r, const struct script_step *s)
{
    return set_buttons(r, r->buttons & ~s->button, HOLD_NS);
}

static enum step_result do_mouse_click(struct script_runner *r, const struct script_step *s)
{
    enum step_result result = do_mouse_down(r, s);

    return result == STEP_DONE ? do_mouse_up(r, s) : result;
}

/* ---- Serial port ---- */

static bool serial_shows(struct script_runner *r, const void *text)
{
    return serial_tap_seen(r->host->serial, text);
}

static enum step_result do_wait_serial(struct script_runner *r, const struct script_step *s)
{
    bool seen;
    enum step_result result = look_until(r, s, s->ns[0], serial_shows, s->text, &seen);

    if (result == STEP_DONE && !seen)
        return script_fail(r, "\"%.200s\" did not come from the serial port within %g s", s->text,
                           seconds(s->ns[0]));
    return result;
}

static enum step_result do_type_serial(struct script_runner *r, const struct script_step *s)
{
    return serial_tap_type(r->host->serial, s->text) ? STEP_DONE : script_fail(r, "out of memory");
}

/* ---- The machine ---- */

static enum step_result do_run(struct script_runner *r, const struct script_step *s)
{
    return run_for(r, s->ns[0]);
}

static enum step_result do_wait_poweroff(struct script_runner *r, const struct script_step *s)
{
    u64 until = machine_now_ns(r->machine) + s->ns[0];
    enum machine_stop stop;
    int code;

    while (machine_now_ns(r->machine) < until) {
        stop = machine_run(r->machine, until);
        if (stop == MACHINE_POWERED_OFF)
            return STEP_DONE;
        if (r->host->wants_quit && r->host->wants_quit(r->host->opaque, &code))
            return script_end(r, code);
        if (stop == MACHINE_DEBUG && r->commands.used)
            return script_command_stopped(r);
        if (!goes_on(r, stop))
            return script_end(r, outcome_report(r->machine, stop));
    }
    return script_fail(r, "the guest did not switch the machine off within %g s",
                       seconds(s->ns[0]));
}

static enum step_result do_insert(struct script_runner *r, const struct script_step *s)
{
    char err[400];

    if (machine_insert(r->machine, machine_drive_by_name(r->machine, s->drive), s->file, err,
                       sizeof err))
        return script_fail(r, "%s", err);
    return STEP_DONE;
}

static enum step_result do_eject(struct script_runner *r, const struct script_step *s)
{
    char err[400];

    if (machine_eject(r->machine, machine_drive_by_name(r->machine, s->drive), err, sizeof err))
        return script_fail(r, "%s", err);
    return STEP_DONE;
}

static enum step_result do_state_hash(struct script_runner *r, const struct script_step *s)
{
    printf("%016" PRIx64 "\n", machine_state_hash(r->machine));
    fflush(stdout);
    return STEP_DONE;
}

static enum step_result do_record(struct script_runner *r, const struct script_step *s)
{
    char told[600];

    return machine_record_start(r->machine, s->file, told, sizeof told)
               ? STEP_DONE
               : script_fail(r, "%s", told);
}

static enum step_result do_record_stop(struct script_runner *r, const struct script_step *s)
{
    char told[600];

    return machine_record_stop(r->machine, told, sizeof told) ? STEP_DONE
                                                              : script_fail(r, "%s", told);
}

static enum step_result do_save(struct script_runner *r, const struct script_step *s)
{
    char err[500];

    return snapshot_save(r->machine, s->file, err, sizeof err) ? STEP_DONE
                                                               : script_fail(r, "%s", err);
}

static enum step_result do_load(struct script_runner *r, const struct script_step *s)
{
    char err[500];
    struct snapshot *snap = snapshot_open(s->file, err, sizeof err);
    bool good = snap && snapshot_load(snap, r->machine, err, sizeof err);

    snapshot_close(snap);
    return good ? STEP_DONE : script_fail(r, "%s", err);
}

static enum step_result do_echo(struct script_runner *r, const struct script_step *s)
{
    puts(s->text);
    fflush(stdout);
    return STEP_DONE;
}

static enum step_result do_powerdown(struct script_runner *r, const struct script_step *s)
{
    machine_powerdown(r->machine);
    return STEP_DONE;
}

static enum step_result do_reset(struct script_runner *r, const struct script_step *s)
{
    machine_reset(r->machine);
    return STEP_DONE;
}

static enum step_result do_quit(struct script_runner *r, const struct script_step *s)
{
    return script_end(r, 0);
}

const struct script_action script_actions[] = {
    {"wait-text", "TS", "\"TEXT\" SECONDS", do_wait_text, false},
    {"wait-still", "SS", "SECONDS TIMEOUT", do_wait_still, false},
    {"wait-picture", "FSp", "FILE.png SECONDS [TOLERANCE]", do_picture, false},
    {"wait-serial", "TS", "\"TEXT\" SECONDS", do_wait_serial, true},
    {"wait-poweroff", "S", "SECONDS", do_wait_poweroff, false},
    {"run", "S", "SECONDS", do_run, false},
    {"type", "C", "\"TEXT\"", do_type, false},
    {"type-serial", "T", "\"TEXT\"", do_type_serial, true},
    {"key", "K", "NAME-NAME...", do_key, false},
    {"key-down", "k", "NAME", do_key_down, false},
    {"key-up", "k", "NAME", do_key_up, false},
    {"mouse-move", "II", "DX DY", do_mouse_move, false},
    {"mouse-down", "B", "left|right|middle", do_mouse_down, false},
    {"mouse-up", "B", "left|right|middle", do_mouse_up, false},
    {"mouse-click", "B", "left|right|middle", do_mouse_click, false},
    {"insert", "DF", "DRIVE FILE", do_insert, false},
    {"eject", "D", "DRIVE", do_eject, false},
    {"expect-text", "T", "\"TEXT\"", do_expect_text, false},
    {"expect-picture", "Fp", "FILE.png [TOLERANCE]", do_picture, false},
    {"screenshot", "F", "FILE.png", do_screenshot, false},
    {"state-hash", "", "", do_state_hash, false},
    {"record", "F", "FILE", do_record, false},
    {"record-stop", "", "", do_record_stop, false},
    {"save", "F", "FILE", do_save, false},
    {"load", "F", "FILE", do_load, false},
    {"command", "R", "COMMAND OF THE MONITOR", script_do_command, false},
    {"expect-output", "T", "\"TEXT\"", script_do_expect_output, false},
    {"echo", "T", "\"TEXT\"", do_echo, false},
    {"powerdown", "", "", do_powerdown, false},
    {"reset", "", "", do_reset, false},
    {"quit", "", "", do_quit, false},
};

const unsigned script_action_count = ARRAY_LEN(script_actions);

/* ---- Failure ---- */

static void report_picture(struct script_runner *r)
{
    size_t size = strlen(r->script->name) + 32;
    char *file = malloc(size), err[400];
    bool from_stdin = !strcmp(r->script->name, "-");

    if (!file)
        return;
    snprintf(file, size, "%s.failed.png", from_stdin ? "stdin" : r->script->name);
    if (picture_save(&r->frame, file, err, sizeof err))
        fprintf(stderr, "script: the screen is a %ux%u picture, saved as '%s'\n", r->frame.width,
                r->frame.height, file);
    else
        fprintf(stderr, "script: the screen is a %ux%u picture; %s\n", r->frame.width,
                r->frame.height, err);
    free(file);
}

static void report_failure(struct script_runner *r, const struct script_step *s)
{
    struct text screen = {0};

    fprintf(stderr, "script: '%s' line %u: %s\nscript: %s\n", r->script->name, s->line, s->source,
            r->message);
    if (r->host->serial && s->action->serial)
        fprintf(stderr, "script: the serial port last sent:\n%s\n",
                serial_tap_tail(r->host->serial));
    machine_render(r->machine, &r->frame, true);
    if (r->frame.text) {
        screen_add_text(&r->frame, &screen);
        fprintf(stderr, "script: the screen shows:\n%s", screen.data ? screen.data : "");
        text_free(&screen);
    } else {
        report_picture(r);
    }
}

int script_run(const struct script *script, const struct script_host *host)
{
    struct script_runner r = {.script = script, .host = host, .machine = host->machine};
    enum step_result result = STEP_DONE;
    const struct script_step *s = script->steps;
    size_t i;

    display_frame_init(&r.frame);
    script_commands_init(&r);
    for (i = 0; i < script->count && result == STEP_DONE; i++) {
        s = &script->steps[i];
        log_trace(host->log, "script", "%.9f s: line %u: %s", seconds(machine_now_ns(r.machine)),
                  s->line, s->source);
        result = s->action->run(&r, s);
    }
    if (result == STEP_FAILED) {
        report_failure(&r, s);
        r.exit_code = EXIT_SCRIPT_FAILED;
    }
    text_free(&r.commands.output);
    display_frame_free(&r.frame);
    return r.exit_code;
}

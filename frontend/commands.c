/* The commands. Each prints its result, or one sentence why there is none. */
#include "frontend/commands.h"

#include "devices/board/machine.h"
#include "devices/host/display.h"
#include "devices/host/input.h"
#include "frontend/commands_debug.h"
#include "frontend/nearest.h"
#include "frontend/picture.h"
#include "frontend/screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 8, INFO_BYTES = 256 << 10, WORDS = COMMAND_WORDS_MAX - 1 };

/* ---- The commands ---- */

static bool is_dump(const struct command *c)
{
    return c->run == command_dump;
}

/* x/NF is a word; but the others' arguments are words of their own. */
static const char *space_before_arguments(const struct command *c)
{
    return is_dump(c) || !*c->arguments ? "" : " ";
}

static bool run_help(struct command_context *c, const struct command_line *line, struct text *out)
{
    unsigned i, shown = 0;
    char left[64];

    for (i = 0; i < command_count; i++) {
        if (line->count > 1 && strcmp(line->word[1], commands[i].name))
            continue;
        snprintf(left, sizeof left, "%s%s%s", commands[i].name,
                 space_before_arguments(commands + i), commands[i].arguments);
        text_addf(out, "%-28s %s\n", left, commands[i].help);
        shown++;
    }
    return shown || text_fail(out, "help: no command '%.40s'", line->word[1]);
}

static bool run_info(struct command_context *c, const struct command_line *line, struct text *out)
{
    const char *topic = line->count > 1 ? line->word[1] : "help";
    char *report = malloc(INFO_BYTES);
    bool good;

    if (!report)
        return text_fail(out, "info: out of memory");
    good = machine_info(c->machine, topic, report, INFO_BYTES);
    if (!good && line->count > 1)
        text_addf(out, "info: no topic '%.40s'\n", topic);
    text_add(out, report); /* if there is no such topic, a list of those that there are */
    free(report);
    return good || line->count == 1;
}

static bool run_change(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[400];

    if (!machine_insert(c->machine, machine_drive_by_name(c->machine, line->word[1]), line->word[2],
                        err, sizeof err))
        return true;
    return text_fail(out, "%s", err);
}

static bool run_eject(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[400];

    if (!machine_eject(c->machine, machine_drive_by_name(c->machine, line->word[1]), err,
                       sizeof err))
        return true;
    return text_fail(out, "%s", err);
}

static bool run_sendkey(struct command_context *c, const struct command_line *line,
                        struct text *out)
{
    char names[COMMAND_LINE_MAX], *name = names, *dash;
    u16 keys[KEYS_MAX];
    unsigned count = 0, i;

    snprintf(names, sizeof names, "%s", line->word[1]);
    for (; name; name = dash) {
        dash = strchr(name, '-');
        if (dash)
            *dash++ = 0;
        if (count == KEYS_MAX)
            return text_fail(out, "sendkey: at most %d keys at once", KEYS_MAX);
        keys[count] = key_by_name(name);
        if (!keys[count++])
            return text_fail(out, "sendkey: no key is named '%.40s'", name);
    }
    for (i = 0; i < count; i++)
        machine_key(c->machine, keys[i], true);
    while (count--)
        machine_key(c->machine, keys[count], false);
    return true;
}

static bool run_screendump(struct command_context *c, const struct command_line *line,
                           struct text *out)
{
    struct display_frame frame;
    char err[400];
    bool good;

    display_frame_init(&frame);
    machine_render(c->machine, &frame, true);
    good = picture_save(&frame, line->word[1], err, sizeof err);
    display_frame_free(&frame);
    return good || text_fail(out, "screendump: %s", err);
}

static bool run_print_screen(struct command_context *c, const struct command_line *line,
                             struct text *out)
{
    struct display_frame frame;

    display_frame_init(&frame);
    machine_render(c->machine, &frame, true);
    screen_add_text(&frame, out);
    display_frame_free(&frame);
    return true;
}

static bool run_stop(struct command_context *c, const struct command_line *line, struct text *out)
{
    machine_set_paused(c->machine, true);
    return true;
}

static bool run_reset(struct command_context *c, const struct command_line *line, struct text *out)
{
    machine_reset(c->machine);
    return true;
}

static bool run_powerdown(struct command_context *c, const struct command_line *line,
                          struct text *out)
{
    machine_powerdown(c->machine);
    return true;
}

static bool run_quit(struct command_context *c, const struct command_line *line, struct text *out)
{
    c->quit(c->opaque, 0);
    return true;
}

static bool run_record(struct command_context *c, const struct command_line *line, struct text *out)
{
    char told[700];
    bool start = !strcmp(line->word[1], "start"), good;

    if (start ? line->count != 3 : strcmp(line->word[1], "stop") || line->count != 2)
        return text_fail(out, "usage: record start FILE, or record stop");
    good = start ? machine_record_start(c->machine, line->word[2], told, sizeof told)
                 : machine_record_stop(c->machine, told, sizeof told);
    if (!start || !good)
        text_addf(out, "%s\n", told);
    return good;
}

static bool run_state_hash(struct command_context *c, const struct command_line *line,
                           struct text *out)
{
    text_addf(out, "%016" PRIx64 "\n", machine_state_hash(c->machine));
    return true;
}

const struct command commands[] = {
    {"info", "[TOPIC]", "what the machine is doing; without a topic: which there are", 0, 1,
     run_info},
    {"change", "DRIVE FILE", "put another medium into fda, fdb or cdrom", 2, 2, run_change},
    {"eject", "DRIVE", "take the medium out", 1, 1, run_eject},
    {"sendkey", "KEY-KEY...", "press keys together: sendkey ctrl-alt-del", 1, 1, run_sendkey},
    {"screendump", "FILE", "save the picture as PNG", 1, 1, run_screendump},
    {"print-screen", "", "print a text screen as text", 0, 0, run_print_screen},
    {"stop", "", "let the machine stand still", 0, 0, run_stop},
    {"cont", "[SECONDS]", "let it go on, and wait so long until it stops", 0, 1, command_cont},
    {"reset", "", "press the reset button", 0, 0, run_reset},
    {"powerdown", "", "press the power button", 0, 0, run_powerdown},
    {"quit", "", "end the program at once", 0, 0, run_quit},
    {"x", "/NF ADDRESS", "show linear memory: x/10i cs:eip, x/8xw $esp", 0, 1, command_dump},
    {"xp", "/NF ADDRESS", "show physical memory: xp/2000c 0xB8000", 0, 1, command_dump},
    {"where", "", "registers and the next instruction", 0, 0, command_where},
    {"print", "EXPRESSION", "a value: print word [ss:sp+2]", 1, WORDS, command_print},
    {"set", "WHAT = EXPR", "a register, a flag or memory: set word [ss:sp] = 5", 1, WORDS,
     command_set},
    {"break", "WHERE [if EXPR]", "stop at a linear address, SEG:OFF or 'phys ADDRESS'", 1, WORDS,
     command_break},
    {"tbreak", "WHERE [if EXPR]", "the same once", 1, WORDS, command_tbreak},
    {"watch", "WHAT [if EXPR]",
     "ADDRESS[,BYTES], port N, msr N, pixel X Y: stop after writes; reg EXPR", 1, WORDS,
     command_watch},
    {"rwatch", "WHAT [if EXPR]", "stop after reads", 1, WORDS, command_rwatch},
    {"awatch", "WHAT [if EXPR]", "stop after either", 1, WORDS, command_awatch},
    {"catch", "EVENT [if EXPR]", "int N, exception N, dos AH, mode, task, triple, magic", 1, WORDS,
     command_catch},
    {"list", "", "what stops the machine", 0, 0, command_list},
    {"delete", "[N...]", "take points away, all without a number", 0, WORDS, command_delete},
    {"enable", "N", "let a point act again", 1, 1, command_enable},
    {"disable", "N", "let a point rest", 1, 1, command_disable},
    {"condition", "N [EXPR]", "a point acts only if this is not zero", 1, WORDS, command_condition},
    {"ignore", "N COUNT", "let a point pass so many times", 2, 2, command_ignore},
    {"log", "N [TEXT]", "a point writes TEXT, with {EXPR} in it, and does not stop", 1, WORDS,
     command_log},
    {"step", "[COUNT]", "execute one instruction", 0, 1, command_step},
    {"next", "[COUNT]", "the same, with calls and interrupts as one", 0, 1, command_next},
    {"finish", "", "run until the subroutine or handler returns", 0, 0, command_finish},
    {"until", "WHERE|if EXPR", "run up to an address, or until something is so", 1, WORDS,
     command_until},
    {"wait", "[SECONDS]", "wait until the machine stops, and say why", 0, 1, command_wait},
    {"why", "", "why the machine hangs, waits or was reset, in a sentence", 0, 0, command_why},
    {"trace", "FILE [WHAT]|off", "write what is executed: insn regs io int FROM-TO if EXPR", 0,
     WORDS, command_trace},
    {"page", "ADDRESS", "how a linear address is translated, level by level", 1, WORDS,
     command_page},
    {"stack", "[COUNT]", "what lies on the stack, with names", 0, 1, command_stack},
    {"callers", "", "who called this code, as far as the stack tells", 0, 0, command_callers},
    {"jit-dump", "ADDRESS", "code there as the translator made it, instruction by instruction", 1,
     WORDS, command_jit_dump},
    {"symbols", "load FILE [BASE]", "names from an ELF, PE or map file", 0, 3, command_symbols},
    {"save", "FILE", "save the machine in a snapshot; it goes on meanwhile", 1, 1, command_save},
    {"load", "FILE", "go back to a snapshot", 1, 1, command_load},
    {"export", "DRIVE FILE", "write what is on a disk now into a new image", 2, 2, command_export},
    {"fork", "[OPTION...]", "go on in a second process too, with options of its own", 0, WORDS,
     command_fork},
    {"state-hash", "", "a hash over all of the machine's state", 0, 0, run_state_hash},
    {"rewind", "[[to] SECONDS|present|branch]", "go back in time, or say how far that goes", 0, 2,
     command_rewind},
    {"step-back", "[N]", "undo one instruction, or N", 0, 1, command_step_back},
    {"continue-back", "", "back to the last breakpoint before now", 0, 0, command_continue_back},
    {"who-wrote", "ADDRESS [LENGTH]|REGISTER|port N|pixel X Y", "what changed it last", 1, 3,
     command_who_wrote},
    {"record", "start FILE|stop", "record everything for --replay, from now on", 1, 2, run_record},
    {"help", "[COMMAND]", "this list", 0, 1, run_help},
};

const unsigned command_count = ARRAY_LEN(commands);

/* ---- Lines ---- */

bool command_parse(const char *text, struct command_line *line, struct text *out)
{
    char *to = line->buffer, *end = line->buffer + sizeof line->buffer - 1;
    bool quoted;

    line->count = 0;
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (!*text)
            return true;
        if (line->count == COMMAND_WORDS_MAX)
            return text_fail(out, "too many words");
        line->word[line->count++] = to;
        quoted = *text == '"';
        text += quoted;
        for (; *text && (quoted ? *text != '"' : !strchr(" \t\r\n", *text)); text++) {
            if (to + 1 >= end)
                return text_fail(out, "the line is too long");
            *to++ = *text;
        }
        if (quoted && *text != '"')
            return text_fail(out, "the closing quote is missing");
        text += quoted;
        *to++ = 0;
    }
}

/* The name ends at a slash: x/10i. */
static bool is_named(const struct command *c, const char *word)
{
    size_t len = strlen(c->name);

    return !strncmp(word, c->name, len) && (!word[len] || (word[len] == '/' && is_dump(c)));
}

const struct command *command_find(const struct command_line *line, struct text *out)
{
    const struct command *c;
    struct nearest near;
    char hint[60];

    nearest_begin(&near, line->word[0]);
    for (c = commands; c < commands + command_count; c++) {
        if (is_named(c, line->word[0])) {
            bool apart = is_dump(c) && line->count > 1 && line->word[1][0] == '/'; /* x /8xw */

            if (line->count - 1 >= c->min && line->count - 1 <= c->max + apart)
                return c;
            text_addf(out, "usage: %s%s%s\n", c->name, space_before_arguments(c), c->arguments);
            return NULL;
        }
        nearest_try(&near, c->name);
    }
    text_addf(out, "unknown command '%.40s'%s (help lists them)\n", line->word[0],
              nearest_hint(&near, "", hint, sizeof hint));
    return NULL;
}

bool command_run(struct command_context *c, const char *text, struct text *out)
{
    struct command_line line;
    const struct command *command;

    if (!command_parse(text, &line, out))
        return false;
    if (!line.count)
        return true;
    command = command_find(&line, out);
    return command && command->run(c, &line, out);
}

bool command_leave(struct command_context *c, struct command_rest *rest, struct text *out)
{
    if (!c->rest)
        return command_end(rest, out);
    *c->rest = rest;
    return true;
}

bool command_end(struct command_rest *rest, struct text *out)
{
    return !rest || rest->finish(rest, out);
}

/* bygone: from the command line to a running machine. */
#include "base/log.h"
#include "frontend/files.h"
#include "frontend/forked.h"
#include "frontend/frontend.h"
#include "frontend/options.h"
#include "frontend/print_points.h"
#include "frontend/print_trace.h"
#include "frontend/script.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(int code, const char *err)
{
    fprintf(stderr, "bygone: %s\n", err);
    if (code == EXIT_USAGE)
        fprintf(stderr, "bygone: --help lists all options\n");
    return code;
}

static int show(char *text)
{
    if (!text)
        return complain(EXIT_HOST_FAILED, "out of memory");
    fputs(text, stdout);
    free(text);
    return fflush(stdout) ? EXIT_HOST_FAILED : 0;
}

/* A list went to standard output, if that has taken it. */
static int printed(bool good, const char *err)
{
    if (!good)
        return complain(EXIT_BAD_INPUT, err);
    if (!ferror(stdout) && !fflush(stdout))
        return 0;
    return complain(EXIT_HOST_FAILED, "standard output does not take all of it; is a disk full?");
}

static bool is_empty_machine(const struct options *o)
{
    unsigned i;

    for (i = 0; i < DRIVE_COUNT; i++)
        if (o->drive[i])
            return false;
    return !o->cdrom && !o->kernel && !o->bios && !o->script && !o->replay && !o->load &&
           !o->forked;
}

/* Without anything to boot: the demonstration that comes with us. */
static void add_tour(struct options *o, struct text *report)
{
    char *tour;

    if (!is_empty_machine(o))
        return;
    tour = files_find_ours("roms/tour.img");
    if (!tour)
        return;
    o->drive[DRIVE_FDA] = options_keep(o, tour);
    o->discard = true; /* it is not the user's to change */
    text_addf(report, "nothing to boot was named: the tour, '%s'\n", tour);
    free(tour);
}

/* The display asked for, or the first that works here; *out is NULL for none. */
static bool choose_display(const struct options *o, const struct frontend_display **out)
{
    const struct frontend_display *const *d;

    *out = NULL;
    if (o->display ? !strcmp(o->display, "none") : o->script != NULL)
        return true;
    for (d = frontend_displays; *d; d++)
        if (o->display ? !strcmp(o->display, (*d)->name) : (*d)->usable(o)) {
            *out = *d;
            return true;
        }
    if (!o->display)
        fprintf(stderr, "bygone: no display works here; --monitor stdio controls the machine\n");
    return !o->display;
}

static int load_script(const char *file, struct script **out)
{
    char err[512];

    *out = script_load(file, err, sizeof err);
    return *out ? 0 : complain(EXIT_BAD_INPUT, err);
}

/* --log, and what --post-card shows. */
static void choose_log(struct log *log, const struct options *o)
{
    char names[1024];

    snprintf(names, sizeof names, "%.1000s%s", o->log ? o->log : "",
             o->post_card_port >= 0 ? ",post" : "");
    log_choose(log, names);
}

static int run(const struct options *o)
{
    struct frontend_setup setup = {.options = o};
    int code;

    if (!choose_display(o, &setup.display)) {
        fprintf(stderr, "bygone: this build has no display '%s'; --display none works\n",
                o->display);
        return EXIT_USAGE;
    }
    if (o->script) {
        code = load_script(o->script, &setup.script);
        if (code)
            return code;
    }
    setup.log = log_new(NULL, NULL);
    code = setup.log ? 0 : complain(EXIT_HOST_FAILED, "out of memory");
    if (!code) {
        choose_log(setup.log, o);
        code = frontend_run(&setup);
    }
    log_free(setup.log);
    script_free(setup.script);
    return code;
}

/* Files to their places; what was chosen, on stderr. */
static int prepare(struct options *o, bool quiet)
{
    struct text report = {0};
    char err[512];
    int code = files_assign(o, &report, err, sizeof err);

    add_tour(o, &report);
    if (report.data && !quiet)
        fputs(report.data, stderr);
    text_free(&report);
    if (!code)
        code = options_check(o, err, sizeof err);
    if (!code)
        code = files_check(o, err, sizeof err);
    return code ? complain(code, err) : 0;
}

static int bygone(struct options *o, int argc, char **argv)
{
    char err[512];
    int code = options_parse(o, argc, argv, err, sizeof err);

    if (o->show == SHOW_HELP)
        return show(options_help());
    if (o->show == SHOW_VERSION)
        return show(strdup("Bygone " BYGONE_VERSION "\n"));
    if (code)
        return complain(code, err);
    if (o->forked && !forked_begin(o))
        return complain(EXIT_HOST_FAILED, "fork: the host has no process or memory left");
    if (o->print_trace)
        return printed(print_trace(o->print_trace, stdout, err, sizeof err), err);
    if (o->print_points)
        return printed(print_points(o->print_points, stdout, err, sizeof err), err);
    code = prepare(o, o->show == SHOW_CONFIG);
    if (code)
        return code;
    return o->show == SHOW_CONFIG ? show(options_print_config(o)) : run(o);
}

int main(int argc, char **argv)
{
    struct options options;
    int code;

    setlocale(LC_CTYPE, ""); /* file names and keys in the user's encoding */
    options_init(&options);
    if (argc > 1 && !strcmp(argv[1], FORKED_WORD)) {
        options.forked = true;
        argv++;
        argc--;
    }
    code = bygone(&options, argc, argv);
    options_free(&options);
    return code;
}

/* The command line: what is taken, what is refused and in which words. */
#include "devices/board/engines.h"
#include "frontend/options.h"

#include "frontend/slurp.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct options o;
static char err[512];

static void setup(void)
{
    options_init(&o);
    err[0] = 0;
}

static void teardown(void)
{
    options_free(&o);
}

TestSuite(options, .init = setup, .fini = teardown, .timeout = 60);

/* Parse words up to NULL. */
static int parse(const char *first, ...)
{
    char *argv[32] = {(char *)"bygone"};
    const char *word = first;
    int argc = 1;
    va_list args;

    va_start(args, first);
    for (; word; word = va_arg(args, const char *))
        argv[argc++] = (char *)word;
    va_end(args);
    return options_parse(&o, argc, argv, err, sizeof err);
}

static void expect_usage(const char *part, const char *a, const char *b)
{
    teardown();
    setup();
    cr_assert_eq(parse(a, b, NULL), EXIT_USAGE, "%s %s was accepted", a, b ? b : "");
    cr_assert(strstr(err, part), "%s %s: '%s' does not say '%s'", a, b ? b : "", err, part);
    cr_assert_null(strchr(err, '\n'));
}

Test(options, defaults_are_those_of_the_manual)
{
    cr_assert_eq(parse(NULL), 0);
    cr_assert_eq(o.mem_bytes, 64 << 20);
    cr_assert_str_eq(o.cpu, "pentium2");
    cr_assert_str_eq(o.engine, engine_names[0]);
    cr_assert_str_eq(o.windows, "auto");
    cr_assert_eq(o.post_card_port, -1);
    cr_assert_eq(o.debug_exit_port, -1);
    cr_assert_eq(o.rtc_epoch, INT64_MIN);
    cr_assert_eq(o.speed.kind, SPEED_DEFAULT);
    cr_assert_not(o.discard || o.deterministic || o.keep_writes || o.reset_on_triple_fault);
}

Test(options, every_value_is_taken_with_blank_or_equals)
{
    cr_assert_eq(parse("--mem", "1G", "--cpu=486", "--fda", "a.img", "--hdd=d.img", "--cdrom", "c",
                       "--boot", "dc", "--append=quiet root=/dev/sda", NULL),
                 0, "%s", err);
    cr_assert_eq(o.mem_bytes, 1 << 30);
    cr_assert_str_eq(o.cpu, "486");
    cr_assert_str_eq(o.drive[DRIVE_FDA], "a.img");
    cr_assert_str_eq(o.drive[DRIVE_HDD], "d.img");
    cr_assert_str_eq(o.cdrom, "c");
    cr_assert_str_eq(o.boot, "dc");
    cr_assert_str_eq(o.append, "quiet root=/dev/sda");
}

Test(options, speed_and_times)
{
    cr_assert_eq(parse("--speed", "33", "--stop-after", "2.5", "--rtc", "1996-01-01T00:00:00",
                       "--seed", "0x10", NULL),
                 0, "%s", err);
    cr_assert_eq(o.speed.kind, SPEED_FIXED);
    cr_assert_eq(o.speed.mips, 33);
    cr_assert_eq(o.stop_after_ns, 2500000000);
    cr_assert_eq(o.rtc_epoch, 820454400); /* date -u -d 1996-01-01 +%s */
    cr_assert_eq(o.seed, 16);
    cr_assert_eq(parse("--speed=max", "--rtc=2000-02-29", NULL), 0, "%s", err);
    cr_assert_eq(o.speed.kind, SPEED_MAX);
    cr_assert_eq(o.rtc_epoch, 951782400);
}

Test(options, ports_have_defaults)
{
    cr_assert_eq(parse("--post-card", "--debug-exit", NULL), 0, "%s", err);
    cr_assert_eq(o.post_card_port, 0x80);
    cr_assert_eq(o.debug_exit_port, 0x501);
    cr_assert_eq(parse("--post-card=0x84", "--debug-exit=244", NULL), 0, "%s", err);
    cr_assert_eq(o.post_card_port, 0x84);
    cr_assert_eq(o.debug_exit_port, 0xF4);
}

Test(options, serial_ports_are_counted)
{
    cr_assert_eq(parse("--serial", "stdio", "--serial=file:x", "--serial", "none", "--serial",
                       "unix:/tmp/s", NULL),
                 0, "%s", err);
    cr_assert_eq(o.serial_count, 4);
    cr_assert_str_eq(o.serial[1], "file:x");
    cr_assert_eq(parse("--serial", "pty", "--serial", "pty", "--serial", "pty", "--serial", "pty",
                       "--serial", "pty", NULL),
                 EXIT_USAGE);
    cr_assert(strstr(err, "four"), "%s", err);
}

Test(options, files_are_words_without_dashes_and_all_after_two)
{
    cr_assert_eq(parse("a.img", "--discard", "-", "--", "--mem", NULL), 0, "%s", err);
    cr_assert_eq(o.file_count, 3);
    cr_assert_str_eq(o.files[1], "-");
    cr_assert_str_eq(o.files[2], "--mem");
    cr_assert(o.discard);
}

Test(options, showing_options)
{
    parse("--help", NULL);
    cr_assert_eq(o.show, SHOW_HELP);
    parse("-h", NULL);
    cr_assert_eq(o.show, SHOW_HELP);
    parse("--version", NULL);
    cr_assert_eq(o.show, SHOW_VERSION);
    parse("--print-config", NULL);
    cr_assert_eq(o.show, SHOW_CONFIG);
}

Test(options, every_mistake_has_its_message)
{
    static const struct {
        const char *a, *b, *part;
    } t[] = {
        {"--memm", "64M", "unknown option '--memm'; did you mean '--mem'?"},
        {"--crdom", "x", "did you mean '--cdrom'?"},
        {"--frobnicate", NULL, "unknown option '--frobnicate'"},
        {"-m", "64", "two dashes"},
        {"--mem", NULL, "--mem needs a value: SIZE"},
        {"--mem", "lots", "not a size"},
        {"--mem", "64MB", "not a size"},
        {"--mem", "512K", "out of bounds: 1M to 3G"},
        {"--mem", "4G", "out of bounds"},
        {"--mem", "99999999999999999999G", "not a size"},
        {"--mem", "1537K", "whole number of megabytes"},
        {"--mem", "-1M", "not a size"},
        {"--cpu", "pentuim", "no model 'pentuim'; did you mean 'pentium'?"},
        {"--boot", "e", "letters a"},
        {"--boot", "aa", "each once"},
        {"--boot", "", "letters a"},
        {"--fda", "", "name is empty"},
        {"--serial", "tcp:1", "none of: stdio, file:..."},
        {"--serial", "file:", "none of"},
        {"--serial", "stdoi", "did you mean 'stdio'?"},
        {"--monitor", "pty", "none of: stdio, unix:..."},
        {"--gdb", "1234", "none of: tcp:..., unix:..."},
        {"--display", "windows", "did you mean 'window'?"},
        {"--engine", "warp", "interp"},
        {"--windows", "open", "always"},
        {"--speed", "0", "MIPS"},
        {"--speed", "fast", "MIPS"},
        {"--speed", "1e3", "MIPS"},
        {"--rtc", "1996-13-01", "not a date"},
        {"--rtc", "1997-02-29", "not a date"},
        {"--rtc", "1996-01-01T24:00:00", "not a date"},
        {"--rtc", "yesterday", "not a date"},
        {"--stop-after", "0", "above 0"},
        {"--stop-after", "1.", "above 0"},
        {"--stop-after", "forever", "seconds"},
        {"--seed", "x", "not a number"},
        {"--post-card=65536", NULL, "port number"},
        {"--discard=no", NULL, "takes no value"},
        {"--sound", NULL, "not in this version"},
        {"--net", "user", "not in this version"},
        {"--share=x", NULL, "not in this version"},
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++)
        expect_usage(t[i].part, t[i].a, t[i].b);
}

Test(options, too_many_files_are_refused)
{
    char *argv[OPTIONS_FILES_MAX + 2];
    int i;

    for (i = 0; i < OPTIONS_FILES_MAX + 2; i++)
        argv[i] = (char *)"x";
    cr_assert_eq(options_parse(&o, OPTIONS_FILES_MAX + 2, argv, err, sizeof err), EXIT_USAGE);
}

static void expect_conflict(const char *part)
{
    cr_assert_eq(options_check(&o, err, sizeof err), EXIT_USAGE);
    cr_assert(strstr(err, part), "%s", err);
    teardown();
    setup();
}

Test(options, contradictions_are_usage_errors)
{
    parse("--keep-writes", NULL);
    expect_conflict("--deterministic");
    parse("--keep-writes", "--deterministic", "--discard", NULL);
    expect_conflict("contradict");
    parse("--append", "x", NULL);
    expect_conflict("--kernel");
    parse("--serial=stdio", "--monitor=stdio", NULL);
    expect_conflict("terminal");
    parse("--gdb-wait", NULL);
    expect_conflict("--gdb");
    parse("--perf-map", "--engine=interp", NULL);
    expect_conflict("interpreter");
    parse("--windows=always", "--engine=interp", NULL);
    expect_conflict("--windows");
    parse("--hda=a", "--hdb=b", "--hdc=c", "--hdd=d", "--cdrom=e", NULL);
    expect_conflict("four hard disks");
    parse("--replay=a.rec", "--mem=4M", NULL);
    expect_conflict("--mem cannot be combined with --replay");
    parse("--replay=a.rec", "--deterministic", NULL);
    expect_conflict("--deterministic cannot be combined with --replay");
    cr_assert_eq(parse("--replay=a.rec", "--bios=b", NULL), 0);
    cr_assert_eq(options_check(&o, err, sizeof err), 0);
    teardown();
    setup();
    cr_assert_eq(parse("--kernel=k", "--append=x", "--initrd=i", NULL), 0);
    cr_assert_eq(options_check(&o, err, sizeof err), 0);
}

#ifdef HAVE_INIH

static int config(const char *text)
{
    return options_config(&o, "dir/x.ini", text, strlen(text), err, sizeof err);
}

Test(options, a_configuration_file_has_the_same_names)
{
    cr_assert_eq(config("; comment\n[machine]\nmem = 32M\n  cpu=486\nfda = a.img\nhda=/abs/h\n"
                        "discard = yes\ndeterministic = off\nserial = stdio\nserial = file:log\n"
                        "append = \" two  words \"\npost-card = yes\ndebug-exit = 0xf4\n"),
                 0, "%s", err);
    cr_assert_eq(o.mem_bytes, 32 << 20);
    cr_assert_str_eq(o.cpu, "486");
    cr_assert_str_eq(o.drive[DRIVE_FDA], "dir/a.img");
    cr_assert_str_eq(o.drive[DRIVE_HDA], "/abs/h");
    cr_assert(o.discard && !o.deterministic);
    cr_assert_eq(o.serial_count, 2);
    cr_assert_str_eq(o.append, " two  words ");
    cr_assert_eq(o.post_card_port, 0x80);
    cr_assert_eq(o.debug_exit_port, 0xF4);
}

Test(options, configuration_errors_name_file_line_and_nearest_name)
{
    static const struct {
        const char *text, *message;
    } t[] = {
        {"mem = 64M\nmemm = 1M\n", "'dir/x.ini' line 2: unknown name 'memm'; did you mean 'mem'?"},
        {"\n\ncpu = pentium4x\n",
         "'dir/x.ini' line 3: cpu: no model 'pentium4x'; did you mean 'pentium'?"},
        {"fda\n", "'dir/x.ini' line 1: not of the form 'name = value'"},
        {"# x\nhelp = yes\n", "'dir/x.ini' line 2: 'help' is for the command line only"},
        {"config = y\n", "'dir/x.ini' line 1: 'config' is for the command line only"},
        {"discard = maybe\nmem = x\n",
         "'dir/x.ini' line 1: discard: 'maybe' is neither yes nor no"},
        {"mem = 64M\r\n[\r\n", "'dir/x.ini' line 2: not of the form 'name = value'"},
    };
    unsigned i;

    for (i = 0; i < ARRAY_LEN(t); i++) {
        cr_assert_eq(config(t[i].text), EXIT_BAD_INPUT, "%s", t[i].text);
        cr_assert_str_eq(err, t[i].message);
    }
}

Test(options, long_lines_and_binary_files_are_refused)
{
    char text[400];

    memset(text, 'x', sizeof text);
    memcpy(text, "mem=64M\nappend=", 15);
    text[399] = 0;
    cr_assert_eq(config(text), EXIT_BAD_INPUT);
    cr_assert(strstr(err, "line 2: longer than"), "%s", err);
    cr_assert_eq(options_config(&o, "x", "\0\1\2", 3, err, sizeof err), EXIT_BAD_INPUT);
    cr_assert(strstr(err, "line 1: this is not text"), "%s", err);
}

Test(options, the_command_line_goes_over_the_file)
{
    char file[] = "/tmp/test_options.XXXXXX";
    int fd = mkstemp(file);

    cr_assert_eq(write(fd, "mem=8M\ncpu=386\nserial=pty\n", 26), 26);
    cr_assert_eq(parse("--mem", "16M", "--serial", "none", "--config", file, NULL), 0, "%s", err);
    cr_assert_eq(o.mem_bytes, 16 << 20);
    cr_assert_str_eq(o.cpu, "386");
    cr_assert_eq(o.serial_count, 1);
    cr_assert_str_eq(o.serial[0], "none");
    unlink(file);
    close(fd);
    cr_assert_eq(parse("--config", "/nonexistent", NULL), EXIT_BAD_INPUT);
    cr_assert(strstr(err, "/nonexistent"), "%s", err);
}

/* What --print-config prints means the same when it is read. */
Test(options, print_config_round_trip)
{
    char *first, *second;

    cr_assert_eq(parse("--mem=3G", "--cpu=386", "--fda=/x/a", "--cdrom=/x/c", "--boot=da",
                       "--append= x ", "--serial=stdio", "--serial=pty", "--monitor=unix:/m",
                       "--discard", "--speed=5", "--rtc=2001-02-03T04:05:06", "--seed=7",
                       "--post-card", "--debug-exit=0xF4", "--stop-after=1.25", "--log=ide,pit",
                       "--screenshot=/x/s.png", "--display=none", "--reset-on-triple-fault", NULL),
                 0, "%s", err);
    first = options_print_config(&o);
    teardown();
    setup();
    cr_assert_eq(options_config(&o, "x", first, strlen(first), err, sizeof err), 0, "%s\n%s", err,
                 first);
    second = options_print_config(&o);
    cr_assert_str_eq(first, second);
    cr_assert_str_eq(o.append, " x ");
    cr_assert_eq(o.mem_bytes, 3ull << 30);
    cr_assert_eq(o.stop_after_ns, 1250000000);
    free(first);
    free(second);
}

#endif

/* One list of options: the table. --help and the manual page both have every row. */
Test(options, help_and_manual_page_name_every_option)
{
    char *help = options_help(), *manual, word[64], in_manual[128];
    const char *name, *argument, *p;
    size_t len, n;
    unsigned i;

    manual = slurp("docs/bygone.1", 1 << 20, &len, err, sizeof err);
    cr_assert_not_null(manual, "%s (tests run in the project's folder)", err);
    for (i = 0; (name = options_name(i, &argument)); i++) {
        snprintf(word, sizeof word, "--%s", name);
        cr_assert(strstr(help, word), "--help lacks %s", word);
        /* roff writes - as \- */
        for (n = 0, p = word; *p; p++)
            n +=
                (size_t)snprintf(in_manual + n, sizeof in_manual - n, *p == '-' ? "\\-" : "%c", *p);
        cr_assert(strstr(manual, in_manual), "docs/bygone.1 lacks %s", in_manual);
    }
    cr_assert_gt(i, 40);
    for (p = help; *p; p += strcspn(p, "\n") + 1)
        cr_assert_leq(strcspn(p, "\n"), 80, "%.90s", p);
    free(help);
    free(manual);
}

Test(options, points_of_a_recording_have_a_distance_or_are_off)
{
    static const char *const bad[] = {"0", "-1", "soon", "5s", "", "nan", "1e9"};
    u64 ns;

    cr_assert(options_record_points(&o, &ns));
    cr_assert_eq(ns, 10000000000);
    o.record_points = "off";
    cr_assert(options_record_points(&o, &ns));
    cr_assert_eq(ns, 0);
    o.record_points = "0.5";
    cr_assert(options_record_points(&o, &ns));
    cr_assert_eq(ns, 500000000);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        o.record_points = bad[i];
        cr_assert_not(options_record_points(&o, &ns), "%s", bad[i]);
        cr_assert_eq(options_check(&o, err, sizeof err), EXIT_USAGE);
    }
}

Test(options, where_a_replay_begins_is_a_time_a_count_or_a_point)
{
    static const char *const good[] = {"0", "12.5", "@4000000000", "#0", "#17"};
    static const char *const bad[] = {"", "#", "@", "#x", "-1", "12s", "@1.5", "inf"};

    o.replay_from = "1";
    cr_assert_eq(options_check(&o, err, sizeof err), EXIT_USAGE, "of what?");
    o.replay = "a.rec";
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        o.replay_from = good[i];
        cr_assert_eq(options_check(&o, err, sizeof err), 0, "%s", good[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        o.replay_from = bad[i];
        cr_assert_eq(options_check(&o, err, sizeof err), EXIT_USAGE, "%s", bad[i]);
    }
    o.replay = o.replay_from = NULL;
}

/* The options, in the order in which --help shows them. docs/bygone.1 explains them at length. */
#include "frontend/options_table.h"

#include "devices/board/engines.h"

static const char *const displays[] = {"window", "terminal", "none", NULL};
/* A colon at the end: something must follow it. */
static const char *const streams[] = {"stdio", "file:", "unix:", "pty", "none", NULL};
static const char *const outputs[] = {"stdio", "file:", "unix:", "pty", "none", NULL};
static const char *const sockets[] = {"tcp:", "unix:", NULL};
static const char *const monitors[] = {"stdio", "unix:", NULL};

#define AT(field) offsetof(struct options, field)
#define HEADING(text)                                                                              \
    {                                                                                              \
        NULL, OPT_HEADING, 0, NULL, text, NULL, 0                                                  \
    }

const struct option_row option_rows[] = {
    HEADING("The machine"),
    {"mem", OPT_SIZE, AT(mem_bytes), "SIZE", "Memory, 1M to 3G. Default 64M.", NULL, 0},
    {"cpu", OPT_CPU, AT(cpu), "MODEL",
     "Processor: 386, 486, pentium, pentium-mmx, pentium2 or pentium3. Default pentium2.", NULL, 0},
    {"fda", OPT_FILE, AT(drive[DRIVE_FDA]), "FILE", "Floppy in drive A:.", NULL, 0},
    {"fdb", OPT_FILE, AT(drive[DRIVE_FDB]), "FILE", "Floppy in drive B:.", NULL, 0},
    {"hda", OPT_FILE, AT(drive[DRIVE_HDA]), "FILE", "First hard disk (primary master).", NULL, 0},
    {"hdb", OPT_FILE, AT(drive[DRIVE_HDB]), "FILE", "Second hard disk (primary slave).", NULL, 0},
    {"hdc", OPT_FILE, AT(drive[DRIVE_HDC]), "FILE",
     "Third hard disk (secondary master, else an empty CD drive).", NULL, 0},
    {"hdd", OPT_FILE, AT(drive[DRIVE_HDD]), "FILE", "Fourth hard disk (secondary slave).", NULL, 0},
    {"cdrom", OPT_FILE, AT(cdrom), "FILE", "CD in the CD drive.", NULL, 0},
    {"boot", OPT_BOOT, AT(boot), "a|c|d",
     "Boot from floppy (a), hard disk (c) or CD (d); several letters are tried in order. Default: "
     "what has a medium, in the order a, c, d.",
     NULL, 0},
    {"kernel", OPT_FILE, AT(kernel), "FILE", "Start this Linux bzImage or multiboot ELF kernel.",
     NULL, 0},
    {"initrd", OPT_FILE, AT(initrd), "FILE", "The kernel's initial RAM disk.", NULL, 0},
    {"append", OPT_TEXT, AT(append), "TEXT", "The kernel's command line.", NULL, 0},
    {"bios", OPT_FILE, AT(bios), "FILE", "System BIOS instead of the installed SeaBIOS.", NULL, 0},
    {"vgabios", OPT_FILE, AT(vgabios), "FILE", "VGA BIOS instead of the installed one.", NULL, 0},
    {"serial", OPT_STREAMS, AT(serial), "WHERE",
     "Where a serial port leads: stdio, file:F, unix:P, pty or none. Up to four times.", streams,
     0},
    {"parallel", OPT_STREAM, AT(parallel), "WHERE", "Where the printer port leads: file:F ...",
     outputs, 0},
    {"debugcon", OPT_STREAM, AT(debugcon), "WHERE",
     "Where what guests write to ports E9h and 402h goes: stdio, file:F ...", outputs, 0},
    HEADING("What you see"),
    {"display", OPT_WORD, AT(display), "KIND",
     "window, terminal or none. Default: the first that works here; none with a script.", displays,
     0},
    {"monitor", OPT_STREAM, AT(monitor), "WHERE", "Take commands from stdio or unix:P.", monitors,
     0},
    {"gdb", OPT_STREAM, AT(gdb), "WHERE", "Let gdb connect to tcp:PORT or unix:P.", sockets, 0},
    {"gdb-wait", OPT_FLAG, AT(gdb_wait), NULL, "With --gdb: stand still until it has.", NULL, 0},
    {"stopped", OPT_FLAG, AT(stopped), NULL,
     "Stand still before the first instruction, until the monitor's 'cont'.", NULL, 0},
    {"qmp", OPT_STREAM, AT(qmp), "WHERE",
     "Take commands as JSON, as QEMU's QMP has them, at unix:P or tcp:PORT.", sockets, 0},
    {"script", OPT_FILE, AT(script), "FILE", "Run this script, then end.", NULL, 0},
    {"screenshot", OPT_FILE, AT(screenshot), "FILE", "Save the last picture as PNG.", NULL, 0},
    {"wav", OPT_FILE, AT(wav), "FILE", "Record the sound as WAV.", NULL, 0},
    {"log", OPT_TEXT, AT(log), "CATEGORIES",
     "Tell more about these parts: names with commas between (ide,pit), or all.", NULL, 0},
    {"record", OPT_FILE, AT(record), "FILE", "Record everything that happens, for --replay.", NULL,
     0},
    {"replay", OPT_FILE, AT(replay), "FILE",
     "Play a recording, on the machine that it names; ends with it where nobody watches.", NULL, 0},
    {"record-points", OPT_TEXT, AT(record_points), "SECONDS|off",
     "How often a recording keeps a state to begin a replay at. Default 10.", NULL, 0},
    {"replay-from", OPT_TEXT, AT(replay_from), "WHERE",
     "Begin the replay at the last such point before SECONDS or @INSTRUCTION, or at #POINT.", NULL,
     0},
    {"rewind", OPT_TEXT, AT(rewind), "SIZE|off",
     "Memory to keep the past in. Default 256M; off with --deterministic or a script.", NULL, 0},
    HEADING("How it runs"),
    {"discard", OPT_FLAG, AT(discard), NULL, "Keep writes in memory; images stay as they are.",
     NULL, 0},
    {"deterministic", OPT_FLAG, AT(deterministic), NULL,
     "The same run each time: fixed rate and date, no host time. Implies --discard.", NULL, 0},
    {"keep-writes", OPT_FLAG, AT(keep_writes), NULL, "With --deterministic: do write to images.",
     NULL, 0},
    {"seed", OPT_NUMBER, AT(seed), "N", "What the machine takes for chance. Default 0.", NULL, 0},
    {"speed", OPT_SPEED, AT(speed), "MIPS|max",
     "Million instructions a second, or as fast as it goes.", NULL, 0},
    {"rtc", OPT_TIME, AT(rtc_epoch), "TIME",
     "Date and time at the start, as 1996-01-01T00:00:00. Default: now.", NULL, 0},
    {"engine", OPT_WORD, AT(engine), "NAME",
     "What executes guest code: jit translates it, interp interprets it.", engine_names, 0},
    {"perf-map", OPT_FLAG, AT(perf_map), NULL,
     "Tell Linux' perf the names of translated code: guest_ADDRESS.", NULL, 0},
    {"windows", OPT_WORD, AT(windows), "WHEN",
     "Reach memory through windows: auto (where that pays), off, always, or paranoid.",
     engine_windows_names, 0},
    {"reset-on-triple-fault", OPT_FLAG, AT(reset_on_triple_fault), NULL,
     "Go on as a real PC does, instead of stopping with an explanation.", NULL, 0},
    {"post-card", OPT_PORT, AT(post_card_port), "[=PORT]",
     "Show what firmware writes to port 80h, or PORT.", NULL, 0x80},
    {"debug-exit", OPT_PORT, AT(debug_exit_port), "[=PORT]",
     "A guest's write to port 501h, or PORT, ends the program with exit code value * 2 + 1.", NULL,
     0x501},
    {"stop-after", OPT_SECONDS, AT(stop_after_ns), "SECONDS", "End after this much guest time.",
     NULL, 0},
    {"load", OPT_FILE, AT(load), "FILE",
     "Go on from a snapshot, which brings its own machine; --hda and its like tell where an image "
     "has moved.",
     NULL, 0},
    {"suspend", OPT_FILE, AT(suspend), "FILE",
     "On SIGTERM save the machine there and end with exit code 75.", NULL, 0},
    HEADING("Help"),
    {"config", OPT_CONFIG, AT(config), "FILE",
     "Read options from FILE: lines 'mem = 64M'. The command line goes over it.", NULL, 0},
    {"print-config", OPT_SHOW, AT(show), NULL, "Print what was chosen in that form, and end.", NULL,
     SHOW_CONFIG},
    {"print-trace", OPT_FILE, AT(print_trace), "FILE",
     "Print what the monitor's 'trace' has written, and end.", NULL, 0},
    {"print-points", OPT_FILE, AT(print_points), "FILE",
     "Print where a replay of this recording can begin, and end.", NULL, 0},
    {"help", OPT_SHOW, AT(show), NULL, "Print this, and end.", NULL, SHOW_HELP},
    {"version", OPT_SHOW, AT(show), NULL, "Print the version, and end.", NULL, SHOW_VERSION},
    {"sound", OPT_RESERVED, 0, NULL, NULL, NULL, 0},
    {"net", OPT_RESERVED, 0, NULL, NULL, NULL, 0},
    {"share", OPT_RESERVED, 0, NULL, NULL, NULL, 0},
    {NULL, OPT_HEADING, 0, NULL, NULL, NULL, 0},
};

bool option_in_config(const struct option_row *row)
{
    return row->name && row->kind != OPT_CONFIG && row->kind != OPT_SHOW &&
           row->kind != OPT_RESERVED;
}

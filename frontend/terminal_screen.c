/*
 * A picture of a screen in a terminal.
 *
 * The lower eight of the PC's colours are ANSI's with red and blue swapped, the upper eight are the
 * same, brighter: as colours 8 to 15 where the terminal has them, else as bold. Bit 7 of an
 * attribute is shown as a bright background: whether the card blinks instead is not known here.
 */
#ifdef HAVE_NCURSES
#define _XOPEN_SOURCE_EXTENDED 1 /* wide characters in ncurses */
#include "frontend/terminal_screen.h"

#include "devices/host/display.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { COLUMNS_MAX = 512, PAIRS_16 = 256, PAIRS_8 = 64 };

/* What ncurses keeps for itself outside of stdscr, and how the terminal shows colours. */
static struct {
    SCREEN *screen;
    bool utf8;
    unsigned colors; /* 16, 8 or 0 */
    s32 top, left;   /* first row and column of the guest's screen that is shown */
} terminal;

/* clang-format off */
static const char ascii_low[] = " ()v**+*o*oM?o**><|!P$-|^v><L-^v";
static const char ascii_high[] = "CueaaaaceeeiiiAA" "EaAooouuyOUcLYPf" /* 80, 90 */
                                 "aiounNao?--24!<>" "###|++++++|+++++" /* A0, B0 */
                                 "++++-++++++++=++" "+++++++++++#_||^" /* C0, D0 */
                                 "aBGpSsutFTOd8fen" "=+><()/=o..vn2# "; /* E0, F0 */
/* clang-format on */

char terminal_ascii(u8 c)
{
    if (c < 0x20)
        return ascii_low[c];
    if (c == 0x7F)
        return '^';
    return c < 0x80 ? (char)c : ascii_high[c - 0x80];
}

unsigned terminal_color(unsigned pc_color)
{
    return (pc_color & 0x0A) | (pc_color & 1) << 2 | (pc_color >> 2 & 1);
}

/* ---- Life ---- */

/* A shell that sets no locale at all is no sign of a terminal without UTF-8. */
static bool choose_locale(void)
{
    if (!getenv("LC_ALL") && !getenv("LC_CTYPE") && !getenv("LANG"))
        setlocale(LC_CTYPE, "C.UTF-8");
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Pair numbers: with 16 colours 1 + front + 16 * back; with 8 so that 0 is white on black. */
static void prepare_colors(void)
{
    int i;

    terminal.colors = 0;
    if (!has_colors() || start_color() == ERR)
        return;
    if (COLORS >= 16 && COLOR_PAIRS > PAIRS_16) {
        terminal.colors = 16;
        for (i = 0; i < PAIRS_16; i++)
            init_pair((short)(1 + i), (short)(i & 15), (short)(i >> 4));
    } else if (COLORS >= 8 && COLOR_PAIRS >= PAIRS_8) {
        terminal.colors = 8;
        for (i = 1; i < PAIRS_8; i++)
            init_pair((short)i, (short)((i & 7) ^ 7), (short)(i >> 3));
        assume_default_colors(COLOR_WHITE, COLOR_BLACK);
    }
}

bool terminal_screen_open(char *err, size_t err_size)
{
    terminal.utf8 = choose_locale();
    terminal.screen = newterm(NULL, stdout, stdin);
    if (!terminal.screen) {
        snprintf(err, err_size, "terminal: '%s' is unknown here; set TERM to what this terminal is",
                 getenv("TERM") ? getenv("TERM") : "");
        return false;
    }
    set_term(terminal.screen);
    raw();
    noecho();
    nonl();
    leaveok(stdscr, FALSE);
    prepare_colors();
    terminal.top = terminal.left = 0;
    return true;
}

void terminal_screen_close(void)
{
    endwin();
    delscreen(terminal.screen);
    terminal.screen = NULL;
}

bool terminal_screen_follow_size(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col ||
        (size.ws_row == LINES && size.ws_col == COLS))
        return false;
    resizeterm(size.ws_row, size.ws_col);
    clearok(stdscr, TRUE);
    return true;
}

/* ---- Drawing ---- */

static void set_cell(cchar_t *to, u8 c, u8 attribute)
{
    unsigned front = terminal_color(attribute & 15), back = terminal_color(attribute >> 4);
    wchar_t text[2] = {terminal.utf8 ? (wchar_t)display_cp437_to_unicode(c) : terminal_ascii(c), 0};
    attr_t look = A_NORMAL;
    short pair = 0;

    if (c == 0xFF)
        text[0] = ' '; /* ncurses shows a no-break space as such */
    if (terminal.colors == 16) {
        pair = (short)(1 + front + 16 * back);
    } else {
        look |= front & 8 ? A_BOLD : 0;
        pair = (short)(((front & 7) ^ 7) | (back & 7) << 3);
    }
    if (!terminal.colors) {
        pair = 0;
        look |= (back & 7) ? A_REVERSE : 0;
    }
    setcchar(to, text, look, pair, NULL);
}

/* The first of `shown` places so that `at` is among them, moved as little as can be. */
static s32 scroll_to(s32 first, s32 at, s32 shown, s32 all)
{
    if (all <= shown)
        return 0;
    if (at >= 0 && at < first)
        first = at;
    if (at >= first + shown)
        first = at - shown + 1;
    return first > all - shown ? all - shown : first;
}

static void draw_text(const struct display_frame *f)
{
    cchar_t row[COLUMNS_MAX];
    s32 shown_rows, shown_columns, x, y;
    const u8 *cell;

    terminal.top = scroll_to(terminal.top, f->cursor_row, LINES, f->rows);
    terminal.left = scroll_to(terminal.left, f->cursor_column, COLS, f->columns);
    shown_rows = (s32)min_u64((u64)LINES, f->rows);
    shown_columns = (s32)min_u64(min_u64((u64)COLS, f->columns), COLUMNS_MAX);
    for (y = 0; y < shown_rows; y++) {
        cell = f->cells + ((size_t)(y + terminal.top) * f->columns + (size_t)terminal.left) * 2;
        for (x = 0; x < shown_columns; x++, cell += 2)
            set_cell(&row[x], cell[0], cell[1]);
        mvadd_wchnstr(y, 0, row, shown_columns);
    }
}

static void draw_graphics(const struct display_frame *f)
{
    char size[64];
    const char *const lines[] = {size, "Pictures need a window: --display window.",
                                 "Ctrl-] s saves a screenshot."};
    s32 i, y = LINES / 2 - 1;

    if (!f->width)
        return;
    snprintf(size, sizeof size, "The guest shows graphics, %u x %u.", f->width, f->height);
    for (i = 0; i < (s32)ARRAY_LEN(lines); i++)
        mvaddnstr(y + i < 0 ? 0 : y + i,
                  COLS > (int)strlen(lines[i]) ? (COLS - (int)strlen(lines[i])) / 2 : 0, lines[i],
                  COLS);
}

static void draw_line(const char *line)
{
    char text[COLUMNS_MAX];

    snprintf(text, sizeof text, " %-*.*s", COLUMNS_MAX - 8, COLUMNS_MAX - 8, line);
    attrset(A_REVERSE);
    mvaddnstr(LINES - 1, 0, text, (int)min_u64((u64)COLS, COLUMNS_MAX - 8));
    attrset(A_NORMAL);
}

void terminal_screen_draw(const struct display_frame *f, const char *line, bool important)
{
    s32 x, y;
    bool cursor, covers = important || !f->text || f->rows < LINES;

    erase();
    if (f->text)
        draw_text(f);
    else
        draw_graphics(f);
    if (line && covers)
        draw_line(line);
    x = f->cursor_column - terminal.left;
    y = f->cursor_row - terminal.top;
    cursor = f->text && f->cursor_row >= 0 && f->cursor_column >= 0 && x >= 0 && x < COLS &&
             y >= 0 && y < LINES;
    if (cursor)
        move(y, x);
    curs_set(cursor);
    refresh();
}
#endif

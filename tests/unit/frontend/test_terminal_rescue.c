/* The terminal is given back, also beside translated code, which has faults of the host's on
 * purpose. */
#include "frontend/terminal_rescue.h"

#include "tests/support/pc_rig.h"
#include "tests/support/stepper.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* mov cx, 1000h; again: inc word [1000h]; dec cx; jne again; jmp $ */
#define LOOP "B9 00 10 FF 06 00 10 49 75 F9 EB FE"

enum { GOOD = 42 };

/* Where nothing is mapped; not NULL, which a sanitizer finds before the host does. */
static volatile u32 *volatile nowhere = (volatile u32 *)0x1000;

/* Standard input and output become a terminal. */
static int open_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

    if (master < 0 || grantpt(master) || unlockpt(master))
        _exit(1);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0 || dup2(slave, STDIN_FILENO) < 0 || dup2(slave, STDOUT_FILENO) < 0)
        _exit(1);
    return master;
}

static bool echoes(void)
{
    struct termios t;

    return !tcgetattr(STDIN_FILENO, &t) && (t.c_lflag & ECHO);
}

/* As a front end does that shows a guest's screen. */
static void silence(void)
{
    struct termios t;

    tcgetattr(STDIN_FILENO, &t);
    t.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* Whether the machine ran, and through windows if it can. */
static bool run_machine(void)
{
    struct pc_rig rig;
    bool good, translates;
    u16 count = 0;

    pc_rig_setup(&rig, test_engine("jit") ? "jit" : "interp", LOOP);
    translates = rig.cpu->engine == test_engine("jit");
    test_engine_threshold(rig.cpu, 1);
    test_engine_windows(rig.cpu, TEST_WINDOWS_ALWAYS);
    pc_rig_run(&rig);
    good = !translates || rig.cpu->mmu.window[MMU_SUPERVISOR].shows > 0;
    physmap_read(rig.cpu->mmu.pm, 0x1000, &count, sizeof count);
    pc_rig_teardown(&rig);
    return good && count == 0x1000;
}

/* What a child that does this ends with, as waitpid says. */
static int in_child(void (*does)(void))
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        open_terminal();
        does();
        _exit(GOOD);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void expect_good(int status)
{
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == GOOD, "status %x", status);
}

/* Under a sanitizer, which was there before, it reports and exits. */
static void expect_crash(int status)
{
#ifdef __SANITIZE_ADDRESS__
    cr_assert(status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == GOOD));
#else
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x", status);
#endif
}

static void require(bool good)
{
    if (!good)
        _exit(2);
}

/* ---- Before, while and after ---- */

static void rescue_around_a_machine(void)
{
    terminal_rescue_begin();
    silence();
    require(run_machine() && !echoes());
    terminal_rescue_end();
    require(run_machine());
    terminal_rescue_begin();
    require(run_machine() && !echoes());
    terminal_rescue_end();
}

Test(terminal_rescue, windows_work_while_it_waits_and_after_its_end)
{
    expect_good(in_child(rescue_around_a_machine));
}

static void rescue_behind_a_machine(void)
{
    require(run_machine());
    terminal_rescue_begin();
    require(run_machine());
    terminal_rescue_end();
    require(run_machine());
}

Test(terminal_rescue, windows_work_if_they_were_there_before)
{
    expect_good(in_child(rescue_behind_a_machine));
}

/* ---- Crashes ---- */

static int watched[2]; /* says whether the terminal echoed when the child was ending */

static void say_echo(int signal)
{
    char yes = echoes() ? 'y' : 'n';

    if (write(watched[1], &yes, 1) == 1)
        _exit(GOOD);
}

static void crash(void)
{
    terminal_rescue_begin();
    silence();
    *nowhere = 1;
}

static void crash_beside_windows(void)
{
    terminal_rescue_begin();
    silence();
    require(run_machine());
    *nowhere = 1;
}

static void crash_later(void)
{
    terminal_rescue_begin();
    require(run_machine());
    terminal_rescue_end();
    *nowhere = 1;
}

static void crash_in_the_second_round(void)
{
    terminal_rescue_begin();
    require(run_machine());
    terminal_rescue_end();
    terminal_rescue_begin();
    silence();
    *nowhere = 1;
}

static void crash_of_windows_first(void)
{
    require(run_machine());
    terminal_rescue_begin();
    *nowhere = 1;
}

Test(terminal_rescue, a_crash_ends_the_program_by_its_signal)
{
    expect_crash(in_child(crash));
    expect_crash(in_child(crash_beside_windows));
    expect_crash(in_child(crash_later));
    expect_crash(in_child(crash_in_the_second_round));
    expect_crash(in_child(crash_of_windows_first));
}

/* Whoever had the signal before it gets it after it, with the terminal in order. */
static void watched_crash(void (*how)(void))
{
    char echo = 0;
    pid_t child;
    int status = 0;

    cr_assert_eq(pipe(watched), 0);
    child = fork();
    if (child == 0) {
        open_terminal();
        signal(SIGSEGV, say_echo);
        how();
        _exit(3);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    expect_good(status);
    cr_assert_eq(read(watched[0], &echo, 1), 1);
    cr_assert_eq(echo, 'y');
}

Test(terminal_rescue, a_crash_gives_the_terminal_back_first)
{
    watched_crash(crash);
    watched_crash(crash_beside_windows);
    watched_crash(crash_in_the_second_round);
}

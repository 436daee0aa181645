/*
 * A JSON session with a machine without firmware: what tests/qmp, which talks through a socket,
 * cannot bring about.
 */
#include "frontend/qmp_session.h"

#include "devices/board/machine.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct machine *m;
static struct qmp_session *s;
static struct text out;
static unsigned wakes;
static int quit_code = -1;

static void wake(void *opaque)
{
    wakes++;
}

static void quit(void *opaque, int code)
{
    quit_code = code;
}

static void setup(void)
{
    struct qmp_session_host host = {.wake = wake, .quit = quit};
    char err[300];

    m = bare_machine_new(NULL, err, sizeof err);
    cr_assert(m, "%s", err);
    host.machine = m;
    s = qmp_session_new(&host, &out);
    cr_assert_eq(s != NULL, qmp_in_build());
    if (!s)
        cr_skip_test("not in this build");
}

static void teardown(void)
{
    qmp_session_free(s);
    text_free(&out);
    machine_free(m);
}

TestSuite(qmp_session, .init = setup, .fini = teardown, .timeout = 60);

static const char *ask(const char *message)
{
    text_free(&out);
    qmp_session_take(s, QMP_MESSAGE, message, strlen(message), &out);
    return out.data;
}

static const char *news(bool ending)
{
    text_free(&out);
    qmp_session_news(s, ending, &out);
    return out.data ? out.data : "";
}

static void negotiate(void)
{
    cr_assert_str_eq(ask("{\"execute\":\"qmp_capabilities\"}"), "{\"return\":{}}\r\n");
}

Test(qmp_session, the_greeting_is_a_line)
{
    cr_assert_eq(strncmp(out.data, "{\"QMP\":{\"version\":{\"qemu\":{", 27), 0);
    cr_assert_eq(strchr(out.data, '\n'), out.data + out.len - 1);
}

Test(qmp_session, nobody_hears_events_before_the_negotiation)
{
    machine_set_paused(m, true);
    cr_assert_str_eq(news(false), "");
    negotiate();
    machine_set_paused(m, false);
    cr_assert_eq(wakes, 1);
    cr_assert(strstr(news(false), "\"event\":\"RESUME\""));
    cr_assert_str_eq(news(false), "");
}

Test(qmp_session, what_others_do_is_told)
{
    negotiate();
    machine_set_paused(m, true);
    machine_powerdown(m);
    cr_assert(strstr(news(false), "STOP"));
    cr_assert(strstr(out.data, "POWERDOWN"));
    machine_reset(m);
    cr_assert(strstr(news(false), "\"data\":{\"guest\":true,\"reason\":\"guest-reset\"}"));
}

Test(qmp_session, the_end_is_told_once)
{
    negotiate();
    cr_assert(strstr(news(true), "SHUTDOWN"));
    cr_assert_str_eq(news(true), "");
    machine_set_paused(m, true);
    cr_assert_str_eq(news(true), "");
}

Test(qmp_session, quit_is_answered_before_it_is_done)
{
    negotiate();
    cr_assert_eq(strncmp(ask("{\"execute\":\"quit\"}"), "{\"return\":{}}\r\n{\"event\"", 23), 0);
    cr_assert_eq(quit_code, 0);
}

Test(qmp_session, a_command_of_the_monitor_is_for_others_to_run)
{
    const char message[] = "{\"execute\":\"human-monitor-command\",\"id\":3,"
                           "\"arguments\":{\"command-line\":\"info pic\"}}";

    negotiate();
    text_free(&out);
    cr_assert_str_eq(qmp_session_take(s, QMP_MESSAGE, message, strlen(message), &out), "info pic");
    cr_assert_null(out.data);
    machine_set_paused(m, true);
    qmp_session_printed(s, true, "a \"word\"\n", &out);
    cr_assert(strstr(out.data, "STOP"));
    cr_assert(strstr(out.data, "{\"return\":\"a \\\"word\\\"\\n\",\"id\":3}\r\n"));
    text_free(&out);
    qmp_session_take(s, QMP_MESSAGE, message, strlen(message), &out);
    qmp_session_printed(s, true, "\xE4", &out);
    cr_assert(strstr(out.data, "\"class\":\"GenericError\""));
}

Test(qmp_session, save_returns_nothing_or_an_error)
{
    const char message[] = "{\"execute\":\"save\",\"arguments\":{\"filename\":\"a b\"}}";

    negotiate();
    cr_assert_str_eq(qmp_session_take(s, QMP_MESSAGE, message, strlen(message), &out),
                     "save \"a b\"");
    text_free(&out);
    qmp_session_printed(s, true, "", &out);
    cr_assert_str_eq(out.data, "{\"return\":{}}\r\n");
    qmp_session_take(s, QMP_MESSAGE, message, strlen(message), &out);
    text_free(&out);
    qmp_session_printed(s, false, "the disk is full\n", &out);
    cr_assert_str_eq(out.data, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"the disk is "
                               "full\"}}\r\n");
    cr_assert(strstr(ask("{\"execute\":\"save\",\"arguments\":{\"filename\":\"a\\\"b\"}}"),
                     "GenericError"));
}

Test(qmp_session, an_array_or_a_number_is_no_message)
{
    cr_assert(strstr(ask("[]"), "\"class\":\"GenericError\""));
    cr_assert(strstr(ask("{\"execute\":\"stop\"}}"), "\"class\":\"GenericError\""));
}

/* A path in Latin-1: JSON has no way to quote it. */
Test(qmp_session, what_is_no_utf8_gets_an_answer_all_the_same)
{
    negotiate();
    cr_assert(strstr(ask("{\"execute\":\"\xE4\"}"), "Invalid JSON"));
}

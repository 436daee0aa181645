/*
 * What a client of the JSON socket may send, to a machine without firmware. What may write files is
 * left out, and \u, which could hide its name.
 */
#include "devices/board/machine.h"
#include "frontend/qmp_session.h"
#include "tests/fuzz/bare_machine.h"
#include "tests/fuzz/lasting.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void nothing(void *opaque)
{
}

static void nothing_more(void *opaque, int code)
{
}

static bool is_harmless(const char *message)
{
    static const char *const bad[] = {"save", "dump", "change", "\\u"};

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        if (strstr(message, bad[i]))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct qmp_input in;
    static struct machine *m;
    struct qmp_session_host host = {.wake = nothing, .quit = nothing_more};
    struct qmp_session *s;
    struct text out = {0};
    enum qmp_event e;
    char err[300];

    if (!m)
        m = bare_machine_new(NULL, err, sizeof err);
    host.machine = m;
    s = qmp_session_new(&host, &out);
    qmp_input_byte(&in, 0xFF);
    qmp_session_take(s, QMP_MESSAGE, "{\"execute\":\"qmp_capabilities\"}", 30, &out);
    for (; size; data++, size--) {
        e = qmp_input_byte(&in, *data);
        if ((e != QMP_MESSAGE || is_harmless(in.data)) &&
            qmp_session_take(s, e, in.data, in.len, &out))
            qmp_session_printed(s, true, "done\n", &out);
        text_free(&out);
    }
    qmp_session_news(s, true, &out);
    qmp_session_free(s);
    text_free(&out);
    return 0;
}

/* See qmp_input.h. */
#include "frontend/qmp_input.h"

enum { BETWEEN, INSIDE, STRING, SKIPPING /* to the end of the line */ };

enum { RESYNC = 0xFF };

static bool is_blank(u8 c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void begin(struct qmp_input *in, u8 state)
{
    in->state = state;
    in->escaped = false;
    in->depth = 0;
    in->len = 0;
}

static enum qmp_event give_up(struct qmp_input *in, u8 byte, enum qmp_event e)
{
    begin(in, byte == '\n' ? BETWEEN : SKIPPING);
    return e;
}

/* In an object; false if it is none, or too deep. */
static bool bracket(struct qmp_input *in, u8 byte)
{
    if (byte == '{' || byte == '[')
        return ++in->depth <= QMP_DEPTH_MAX;
    if (byte == '}' || byte == ']')
        in->depth--;
    return true;
}

static void string(struct qmp_input *in, u8 byte)
{
    if (in->escaped)
        in->escaped = false;
    else if (byte == '\\')
        in->escaped = true;
    else if (byte == '"')
        in->state = INSIDE;
}

static enum qmp_event take(struct qmp_input *in, u8 byte)
{
    if (in->len == QMP_MESSAGE_MAX)
        return give_up(in, byte, QMP_TOO_LONG);
    if (!byte || (in->state == STRING && byte == '\n'))
        return give_up(in, byte, QMP_GARBAGE);
    in->data[in->len++] = (char)byte;
    if (in->state == STRING)
        string(in, byte);
    else if (byte == '"')
        in->state = STRING;
    else if (!bracket(in, byte))
        return give_up(in, byte, QMP_TOO_LONG);
    if (in->depth)
        return QMP_NOTHING;
    in->state = BETWEEN;
    in->data[in->len] = 0;
    return QMP_MESSAGE;
}

enum qmp_event qmp_input_byte(struct qmp_input *in, u8 byte)
{
    if (byte == RESYNC) {
        begin(in, BETWEEN);
        return QMP_NOTHING;
    }
    switch (in->state) {
    case BETWEEN:
        if (is_blank(byte))
            return QMP_NOTHING;
        if (byte != '{')
            return give_up(in, byte, QMP_GARBAGE);
        begin(in, INSIDE);
        return take(in, byte);
    case SKIPPING:
        if (byte == '\n')
            in->state = BETWEEN;
        return QMP_NOTHING;
    default: return take(in, byte);
    }
}

/* Registers, memory, break- and watchpoints. Source: the GDB manual, "Remote Protocol": "Packets".
 */
#include "frontend/gdb_private.h"

#include "cpu/cpu.h"

#include <string.h>

/* ---- Registers ---- */

void gdb_read_registers(struct gdb_session *s)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    unsigned n;

    for (n = 0; (r = gdb_register_at(&gdb_registers_i386, n)); n++) {
        r->get(gdb_cpu(s), s->pc, r->arg, value);
        gdb_reply_hex(&s->reply, value, gdb_register_bytes(r));
    }
}

/* False if it cannot be set and is something else now. */
static bool set_register(struct gdb_session *s, const struct gdb_register *r, const u8 *value)
{
    u8 now[REGISTER_BYTES];

    r->get(gdb_cpu(s), s->pc, r->arg, now);
    if (!memcmp(now, value, gdb_register_bytes(r)))
        return true;
    return gdb_register_set(r, s->host.machine, s->pc, value);
}

void gdb_write_registers(struct gdb_session *s, const char *at)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    bool good = true;
    unsigned n;

    for (n = 0; *at && (r = gdb_register_at(&gdb_registers_i386, n)); n++) {
        if (!gdb_take_hex(&at, value, gdb_register_bytes(r))) {
            good = false;
            break;
        }
        good &= set_register(s, r, value);
    }
    gdb_answer(s, good ? "OK" : E_INVALID);
}

void gdb_read_register(struct gdb_session *s, const char *at)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    u64 number;

    if (!gdb_take_number(&at, &number) || number > UINT16_MAX ||
        !(r = gdb_register_at(&gdb_registers_i386, (unsigned)number))) {
        gdb_answer(s, E_INVALID);
        return;
    }
    r->get(gdb_cpu(s), s->pc, r->arg, value);
    gdb_reply_hex(&s->reply, value, gdb_register_bytes(r));
}

/* Why a register cannot be set, for gdb to show. */
static void answer_refusal(struct gdb_session *s, const struct gdb_register *r)
{
    gdb_reply_textf(&s->reply, "E.%s", register_refusal((enum register_kind)r->kind));
}

void gdb_write_register(struct gdb_session *s, const char *at)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    u64 number;

    if (!gdb_take_number(&at, &number) || number > UINT16_MAX || !gdb_take_char(&at, '=') ||
        !(r = gdb_register_at(&gdb_registers_i386, (unsigned)number)) ||
        !gdb_take_hex(&at, value, gdb_register_bytes(r)))
        gdb_answer(s, E_INVALID);
    else if (set_register(s, r, value))
        gdb_answer(s, "OK");
    else
        answer_refusal(s, r);
}

/* ---- Memory ---- */

bool gdb_take_range(const char **at, u64 *address, u64 *len)
{
    return gdb_take_number(at, address) && gdb_take_char(at, ',') && gdb_take_number(at, len);
}

void gdb_read_memory(struct gdb_session *s, const char *at)
{
    u8 data[GDB_PACKET_MAX / 2];
    u64 address, len;
    size_t got;

    if (!gdb_take_range(&at, &address, &len)) {
        gdb_answer(s, E_INVALID);
        return;
    }
    len = len < sizeof data ? len : sizeof data; /* gdb asks for the rest */
    got = machine_read_linear(s->host.machine, address, data, (size_t)len);
    if (len && !got)
        gdb_answer(s, E_FAULT);
    else
        gdb_reply_hex(&s->reply, data, got);
}

static void write_bytes(struct gdb_session *s, u64 address, const void *data, size_t len)
{
    bool good = machine_write_linear(s->host.machine, address, data, len) == len;

    gdb_answer(s, good ? "OK" : E_FAULT);
}

void gdb_write_memory(struct gdb_session *s, const char *at)
{
    u8 data[GDB_PACKET_MAX / 2];
    u64 address, len;

    if (gdb_take_range(&at, &address, &len) && gdb_take_char(&at, ':') && len <= sizeof data &&
        gdb_take_hex(&at, data, (size_t)len))
        write_bytes(s, address, data, (size_t)len);
    else
        gdb_answer(s, E_INVALID);
}

void gdb_write_binary(struct gdb_session *s, const char *at, const char *end)
{
    u64 address, len;

    if (gdb_take_range(&at, &address, &len) && gdb_take_char(&at, ':') && len == (u64)(end - at))
        write_bytes(s, address, at, (size_t)len);
    else
        gdb_answer(s, E_INVALID);
}

/* ---- Points ---- */

static struct stub_point *find_point(struct gdb_session *s, const struct stub_point *like)
{
    struct stub_point *p;

    for (p = s->points; p < s->points + s->point_count; p++)
        if (p->type == like->type && p->address == like->address && p->kind == like->kind)
            return p;
    return NULL;
}

/* The engine's points are as good as hardware's and change no memory: Z0 and Z1 are the same. */
static int add_to_debugger(struct gdb_session *s, const struct stub_point *p)
{
    static const u8 access[] = {[2] = DEBUG_WRITE, [3] = DEBUG_READ, [4] = DEBUG_ACCESS};
    u64 base = s->pc == GDB_PC_OFFSET ? gdb_cpu(s)->seg[SEG_CS].base : 0;
    struct debug_point point = {
        .kind = p->type < 2 ? DEBUG_BREAK : DEBUG_WATCH,
        .space = DEBUG_LINEAR,
        .owner = DEBUG_GDB,
        .address = p->type < 2 ? p->address + base : p->address,
        .length = p->type < 2 ? 1 : p->kind,
        .access = p->type < 2 ? 0 : access[p->type],
    };

    return debug_point_add(gdb_debug(s), &point);
}

/* Z and z: type,address,kind[;conditions...], which are gdb's to check. */
void gdb_point_packet(struct gdb_session *s, const char *at)
{
    bool insert = *at++ == 'Z';
    struct stub_point p = {0}, *old;
    u64 type;

    if (!gdb_take_number(&at, &type) || !gdb_take_char(&at, ',') ||
        !gdb_take_range(&at, &p.address, &p.kind) || (type >= 2 && !p.kind)) {
        gdb_answer(s, E_INVALID);
        return;
    }
    if (type > 4)
        return; /* the empty answer: we know no such type */
    p.type = (u8)type;
    old = find_point(s, &p);
    if (!insert && old) {
        debug_point_remove(gdb_debug(s), old->id);
        *old = s->points[--s->point_count];
    } else if (insert && !old) {
        p.id = s->point_count < GDB_POINTS ? add_to_debugger(s, &p) : 0;
        if (!p.id) {
            gdb_answer(s, E_FULL);
            return;
        }
        s->points[s->point_count++] = p;
    }
    gdb_answer(s, "OK");
}

void gdb_remove_points(struct gdb_session *s)
{
    while (s->point_count)
        debug_point_remove(gdb_debug(s), s->points[--s->point_count].id);
}

/*
 * Raw sectors of a data CD, mode 1.
 *
 *   0  sync (00, ten FF, 00)   12 header (minute, second, frame in BCD, mode)   16 user data
 *   2064 EDC   2068 zeros   2076 P parity (172)   2248 Q parity (104)
 *
 * Source: ECMA-130, "Sector", "Error Detection and Correction Encoding by RSPC" (annex A).
 */
#include "devices/storage/cd_sector.h"

#include "base/bytes.h"

enum { HEADER = 12, USER = 16, EDC = 2064, P_PARITY = 2076, Q_PARITY = 2248 };
enum { SYNC_BYTES = 12, HEADER_BYTES = 4, EDC_ECC_BYTES = CD_RAW_SECTOR - EDC };
enum { P_COLUMNS = 43, P_ROWS = 24, Q_DIAGONALS = 26, Q_STEPS = 43 };
enum { FRAMES = 75, LEAD_IN_FRAMES = 150 };

/* The field GF(2^8) of the code: x^8 + x^4 + x^3 + x^2 + 1; alpha is 2. */
static u8 gf_times_alpha(u8 v)
{
    return (u8)(v << 1 ^ (v & 0x80 ? 0x1D : 0));
}

static u8 gf_multiply(u8 a, u8 b)
{
    u8 product = 0;

    for (; b; b >>= 1, a = gf_times_alpha(a))
        if (b & 1)
            product ^= a;
    return product;
}

/*
 * The two check bytes p, q that follow the data v of a vector, so that the sum of all bytes and
 * the sum weighted with falling powers of alpha are both 0: p + q = sum, alpha p + q = weighted.
 */
static void check_bytes(u8 sum, u8 weighted, u8 *p, u8 *q)
{
    /* 1 + alpha is 3, whose inverse is F4h. */
    *p = gf_multiply(sum ^ weighted, 0xF4);
    *q = sum ^ *p;
}

/* Byte `half` of word n, counted from the header. */
static u8 *word_half(u8 *sector, u32 n, unsigned half)
{
    return sector + HEADER + 2 * n + half;
}

static void p_column(u8 *sector, unsigned column, unsigned half)
{
    u8 sum = 0, weighted = 0, v;
    unsigned row;

    for (row = 0; row < P_ROWS; row++) {
        v = *word_half(sector, P_COLUMNS * row + column, half);
        sum ^= v;
        weighted = gf_times_alpha(weighted) ^ v;
    }
    weighted = gf_times_alpha(gf_times_alpha(weighted)); /* the powers go on through p and q */
    check_bytes(sum, weighted, word_half(sector, P_COLUMNS * P_ROWS + column, half),
                word_half(sector, P_COLUMNS * (P_ROWS + 1) + column, half));
}

static void q_diagonal(u8 *sector, unsigned diagonal, unsigned half)
{
    enum { WORDS = P_COLUMNS * (P_ROWS + 2) };
    u8 sum = 0, weighted = 0, v;
    unsigned step;

    for (step = 0; step < Q_STEPS; step++) {
        v = *word_half(sector, (44 * step + 43 * diagonal) % WORDS, half);
        sum ^= v;
        weighted = gf_times_alpha(weighted) ^ v;
    }
    weighted = gf_times_alpha(gf_times_alpha(weighted));
    check_bytes(sum, weighted, word_half(sector, WORDS + diagonal, half),
                word_half(sector, WORDS + Q_DIAGONALS + diagonal, half));
}

/* (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), least significant bit first. */
static u32 edc(const u8 *data, size_t len)
{
    u32 crc = 0;
    size_t i;
    unsigned bit;

    for (i = 0; i < len; i++) {
        crc ^= data[i];
        for (bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xD8018001u : 0);
    }
    return crc;
}

static u8 bcd(u8 v)
{
    return (u8)(v / 10 << 4 | v % 10);
}

void cd_msf(u32 lba, u8 msf[3])
{
    u32 frames = lba + LEAD_IN_FRAMES;

    msf[0] = (u8)(frames / (60 * FRAMES));
    msf[1] = (u8)(frames / FRAMES % 60);
    msf[2] = (u8)(frames % FRAMES);
}

bool cd_lba(const u8 msf[3], u32 *lba)
{
    u32 frames = (msf[0] * 60u + msf[1]) * FRAMES + msf[2];

    *lba = frames - LEAD_IN_FRAMES;
    return msf[1] < 60 && msf[2] < FRAMES && frames >= LEAD_IN_FRAMES;
}

void cd_raw_sector(u32 lba, const u8 user[CD_SECTOR], u8 out[CD_RAW_SECTOR])
{
    unsigned i, half;
    u8 msf[3];

    memset(out, 0, CD_RAW_SECTOR);
    memset(out + 1, 0xFF, 10);
    cd_msf(lba, msf);
    for (i = 0; i < 3; i++)
        out[HEADER + i] = bcd(msf[i]);
    out[HEADER + 3] = 1; /* mode 1 */
    memcpy(out + USER, user, CD_SECTOR);
    put_le32(out + EDC, edc(out, EDC));
    for (half = 0; half < 2; half++)
        for (i = 0; i < P_COLUMNS; i++)
            p_column(out, i, half);
    for (half = 0; half < 2; half++)
        for (i = 0; i < Q_DIAGONALS; i++)
            q_diagonal(out, i, half);
}

u32 cd_field_bytes(u8 fields)
{
    return (fields & CD_SYNC ? SYNC_BYTES : 0) + (fields & CD_HEADER ? HEADER_BYTES : 0) +
           (fields & CD_USER ? CD_SECTOR : 0) + (fields & CD_EDC_ECC ? EDC_ECC_BYTES : 0);
}

u32 cd_fields(u32 lba, u8 fields, const u8 user[CD_SECTOR], u8 *out)
{
    static const struct {
        u8 field;
        u16 offset, bytes;
    } parts[] = {{CD_SYNC, 0, SYNC_BYTES},
                 {CD_HEADER, HEADER, HEADER_BYTES},
                 {CD_USER, USER, CD_SECTOR},
                 {CD_EDC_ECC, EDC, EDC_ECC_BYTES}};
    u8 raw[CD_RAW_SECTOR];
    u32 len = 0;
    size_t i;

    cd_raw_sector(lba, user, raw);
    for (i = 0; i < ARRAY_LEN(parts); i++) {
        if (!(fields & parts[i].field))
            continue;
        memcpy(out + len, raw + parts[i].offset, parts[i].bytes);
        len += parts[i].bytes;
    }
    return len;
}

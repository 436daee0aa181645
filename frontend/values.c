/* Values as users write them. Nothing here depends on locale or time zone. */
#include "frontend/values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Digits from *text on, which is moved behind them; false if there are none or too many. */
static bool digits(const char **text, unsigned base, u64 *out)
{
    const char *p = *text;
    u64 v = 0;

    for (; digit_value(*p) < (int)base; p++)
        if (__builtin_mul_overflow(v, (u64)base, &v) ||
            __builtin_add_overflow(v, (u64)digit_value(*p), &v))
            return false;
    if (p == *text)
        return false;
    *text = p;
    *out = v;
    return true;
}

bool value_u64(const char *text, u64 *out)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

    text += hex ? 2 : 0;
    return digits(&text, hex ? 16 : 10, out) && !*text;
}

bool value_s64(const char *text, s64 min, s64 max, s64 *out)
{
    bool minus = *text == '-';
    u64 v;

    if (!value_u64(text + minus, &v) || v > INT64_MAX)
        return false;
    *out = minus ? -(s64)v : (s64)v;
    return *out >= min && *out <= max;
}

bool value_size(const char *text, u64 *out)
{
    unsigned shift = 0;

    if (!digits(&text, 10, out))
        return false;
    switch (*text) {
    case 'k':
    case 'K': shift = 10; break;
    case 'm':
    case 'M': shift = 20; break;
    case 'g':
    case 'G': shift = 30; break;
    case 0: return true;
    default: return false;
    }
    if (text[1] || *out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

bool value_seconds(const char *text, u64 *out_ns)
{
    const u64 year_s = 366 * 86400, second_ns = 1000000000;
    u64 whole, unit = second_ns;

    if (!digits(&text, 10, &whole) || whole > year_s)
        return false;
    *out_ns = whole * second_ns;
    if (*text == '.') {
        text++;
        if (!*text)
            return false;
        for (; *text >= '0' && *text <= '9'; text++) {
            unit /= 10;
            *out_ns += unit * (u64)(*text - '0');
        }
    }
    return !*text;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static s64 days_from_civil(s64 year, unsigned month, unsigned day)
{
    static const u16 before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    s64 leap_year = month > 2 ? year : year - 1; /* the last one whose February is over */
    s64 leaps = leap_year / 4 - leap_year / 100 + leap_year / 400;

    /* 477 leap days lie before 1970. */
    return (year - 1970) * 365 + leaps - 477 + before[month - 1] + day - 1;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    if (month == 2)
        return leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* `count` digits, then `end`. */
static bool fixed(const char **text, unsigned count, char end, unsigned *out)
{
    *out = 0;
    while (count--) {
        if (!isdigit((unsigned char)**text))
            return false;
        *out = *out * 10 + (unsigned)(*(*text)++ - '0');
    }
    return *(*text)++ == end;
}

bool value_time(const char *text, s64 *out)
{
    unsigned year, month, day, hour = 0, minute = 0, second = 0;

    if (!fixed(&text, 4, '-', &year) || !fixed(&text, 2, '-', &month))
        return false;
    if (strchr(text, 'T') || strchr(text, ' ')) {
        if (!fixed(&text, 2, strchr(text, 'T') ? 'T' : ' ', &day) || !fixed(&text, 2, ':', &hour) ||
            !fixed(&text, 2, ':', &minute) || !fixed(&text, 2, 0, &second))
            return false;
    } else if (!fixed(&text, 2, 0, &day)) {
        return false;
    }
    if (year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    *out = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

void value_time_text(s64 epoch, char *out, size_t out_size)
{
    s64 days = epoch / 86400, rest = epoch % 86400;
    unsigned year = 1970, month = 1;

    while (days >= days_from_civil(year + 1, 1, 1))
        year++;
    days -= days_from_civil(year, 1, 1);
    while (days >= days_in_month(year, month))
        days -= days_in_month(year, month++);
    snprintf(out, out_size, "%04u-%02u-%02uT%02u:%02u:%02u", year, month, (unsigned)days + 1,
             (unsigned)(rest / 3600), (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
}

bool value_bool(const char *text, bool *out)
{
    static const char *const words[][2] = {
        {"no", "yes"}, {"off", "on"}, {"false", "true"}, {"0", "1"}};
    unsigned i, j;

    for (i = 0; i < ARRAY_LEN(words); i++)
        for (j = 0; j < 2; j++)
            if (!strcasecmp(text, words[i][j])) {
                *out = j;
                return true;
            }
    return false;
}

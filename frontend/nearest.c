/*
 * Edit distance: insert, delete, replace or swap two neighbours, each at cost 1 (optimal string
 * alignment), with case ignored. Words longer than NEAREST_MAX have no near one.
 */
#include "frontend/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NEAREST_MAX = 40 };

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned d[NEAREST_MAX + 1][NEAREST_MAX + 1];
    size_t i, j;

    for (i = 0; i <= na; i++)
        d[i][0] = (unsigned)i;
    for (j = 0; j <= nb; j++)
        d[0][j] = (unsigned)j;
    for (i = 1; i <= na; i++)
        for (j = 1; j <= nb; j++) {
            d[i][j] =
                min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                d[i][j] = min3(d[i][j], d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[na][nb];
}

void nearest_begin(struct nearest *n, const char *word)
{
    size_t len = strlen(word);

    n->word = word;
    n->best = NULL;
    /* One mistake in three letters is a slip, more is another word. */
    n->distance = len < 3 ? 2 : (unsigned)(len / 3 + 2);
}

void nearest_try(struct nearest *n, const char *candidate)
{
    size_t a = strlen(n->word), b = strlen(candidate);
    unsigned d;

    if (!a || a > NEAREST_MAX || b > NEAREST_MAX)
        return;
    d = distance(n->word, a, candidate, b);
    /* All of a candidate replaced is no likeness. */
    if (d < n->distance && d < b) {
        n->distance = d;
        n->best = candidate;
    }
}

const char *nearest_hint(const struct nearest *n, const char *prefix, char *out, size_t out_size)
{
    if (out_size)
        out[0] = 0;
    if (n->best)
        snprintf(out, out_size, "; did you mean '%s%s'?", prefix, n->best);
    return out;
}

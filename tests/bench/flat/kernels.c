/*
 * Kernels of the flat benchmark: what programs do, in small. Compiled once, freestanding; the same
 * object is linked into the guest's image and into the native program, so both run the same code.
 */
#include "kernels.h"

enum {
    SIEVE = 400000,
    CRC_BYTES = 65536,
    MATRIX = 96,
    FIB = 29,
    SORTED = 60000,
    HASHED = 1 << 15,
    TEXT_BYTES = 4096,
    NODES = 20000,
    GRID = 2000,
};

static unsigned char bytes[SIEVE];
static unsigned words[1 << 17];

static unsigned random_next(unsigned *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

static unsigned sieve(void)
{
    unsigned count = 0;

    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < SIEVE; i++)
            bytes[i] = 1;
        for (unsigned i = 2; i * i < SIEVE; i++)
            if (bytes[i])
                for (unsigned j = i * i; j < SIEVE; j += i)
                    bytes[j] = 0;
        for (unsigned i = 2; i < SIEVE; i++)
            count += bytes[i];
    }
    return count;
}

static unsigned crc(void)
{
    unsigned *table = words, sum = ~0u;

    for (unsigned i = 0; i < 256; i++) {
        table[i] = i;
        for (unsigned bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320 : 0);
    }
    for (unsigned round = 0; round < 250; round++)
        for (unsigned i = 0; i < CRC_BYTES; i++)
            sum = table[(sum ^ (bytes[i] + i)) & 255] ^ sum >> 8;
    return sum;
}

static unsigned matmul(void)
{
    unsigned(*a)[MATRIX] = (void *)words, (*b)[MATRIX] = a + MATRIX, (*c)[MATRIX] = b + MATRIX;
    unsigned sum = 0;

    for (unsigned i = 0; i < MATRIX * MATRIX; i++) {
        a[0][i] = i * 7;
        b[0][i] = i ^ 0x55;
    }
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < MATRIX; i++)
            for (unsigned j = 0; j < MATRIX; j++) {
                unsigned v = 0;

                for (unsigned k = 0; k < MATRIX; k++)
                    v += a[i][k] * b[k][j];
                c[i][j] = v;
            }
        a[round % MATRIX][0] = sum += c[round % MATRIX][round * 3 % MATRIX];
    }
    return sum;
}

static unsigned __attribute__((noinline, optimize("no-optimize-sibling-calls"))) fib_of(unsigned n)
{
    return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2);
}

static unsigned fib(void)
{
    unsigned sum = 0;

    for (unsigned round = 0; round < 30; round++)
        sum += fib_of(FIB);
    return sum;
}

static void sort(unsigned *v, int low, int high)
{
    while (low < high) {
        unsigned pivot = v[low + (high - low) / 2];
        int i = low, j = high;

        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                unsigned t = v[i];

                v[i++] = v[j];
                v[j--] = t;
            }
        }
        sort(v, low, j);
        low = i;
    }
}

static unsigned qsort(void)
{
    unsigned s = 1, sum = 0;

    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < SORTED; i++)
            words[i] = random_next(&s);
        sort(words, 0, SORTED - 1);
        sum = sum * 31 + words[SORTED / 3];
    }
    return sum;
}

static unsigned hash(void)
{
    unsigned *keys = words, *values = words + HASHED * 2, s = 7, sum = 0;

    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < HASHED * 2; i++)
            keys[i] = 0;
        for (unsigned i = 0; i < HASHED; i++) {
            unsigned key = random_next(&s) | 1, at = (key * 2654435761u) >> 16;

            while (keys[at] && keys[at] != key)
                at = (at + 1) % (HASHED * 2);
            keys[at] = key;
            values[at % HASHED]++;
            sum += at;
        }
    }
    return sum;
}

static unsigned string(void)
{
    char *text = (char *)bytes, *copy = text + TEXT_BYTES, *p, *q;
    unsigned sum = 0;

    for (unsigned round = 0; round < 3000; round++) {
        for (unsigned i = 0; i < TEXT_BYTES - 1; i++)
            text[i] = (char)('a' + (i * round) % 26);
        text[TEXT_BYTES - 1] = 0;
        for (p = text, q = copy; (*q = *p) != 0; p++, q++)
            ;
        for (p = text; *p; p++)
            sum += *p == 'e';
        for (p = text, q = copy; *p && *p == *q; p++, q++)
            ;
        sum += (unsigned)(q - copy);
        for (p = copy, q = copy + TEXT_BYTES - 2; p < q; p++, q--) {
            char t = *p;

            *p = *q;
            *q = t;
        }
    }
    return sum;
}

/* A small machine: registers, a stack, jumps; one switch an instruction. */
enum { V_ADD, V_SUB, V_LOAD, V_PUSH, V_POP, V_LESS, V_JUMP_IF, V_XOR, V_HALT };

static unsigned interpret(const unsigned char *code)
{
    unsigned r[4] = {0}, stack[16], sp = 0, at = 0, flag = 0;

    for (;;)
        switch (code[at++]) {
        case V_ADD: r[code[at] & 3] += r[code[at + 1] & 3], at += 2; break;
        case V_SUB: r[code[at] & 3] -= r[code[at + 1] & 3], at += 2; break;
        case V_LOAD: r[code[at] & 3] = code[at + 1] | code[at + 2] << 8, at += 3; break;
        case V_PUSH: stack[sp++ & 15] = r[code[at++] & 3]; break;
        case V_POP: r[code[at++] & 3] = stack[--sp & 15]; break;
        case V_LESS: flag = r[code[at] & 3] < r[code[at + 1] & 3], at += 2; break;
        case V_JUMP_IF: at = flag ? code[at] : at + 1; break;
        case V_XOR: r[code[at] & 3] ^= r[code[at + 1] & 3], at += 2; break;
        case V_HALT: return r[0];
        }
}

static unsigned vm(void)
{
    static const unsigned char code[] = {
        V_LOAD, 1,      0, 0,      V_LOAD,    2,     1,     0, V_LOAD, 3, 0x60,  0xEA, /* 60000 */
        V_ADD,  0,      1, V_PUSH, 0,         V_XOR, 0,     2, V_POP,  0, V_ADD, 1,
        2,      V_LESS, 1, 3,      V_JUMP_IF, 12,    V_HALT};
    unsigned sum = 0;

    for (unsigned round = 0; round < 80; round++)
        sum += interpret(code);
    return sum;
}

static unsigned alu(void)
{
    unsigned a = 1, b = 2, c = 3;

    for (unsigned i = 0; i < 40000000; i++) {
        a = (a << 5 | a >> 27) + b;
        b = (b ^ c) * 5 + i;
        c = c - (a >> 3) + (b & a);
    }
    return a ^ b ^ c;
}

struct node {
    struct node *left, *right;
    unsigned key;
};

static unsigned tree(void)
{
    struct node *nodes = (struct node *)words, *root, **to;
    unsigned s = 99, sum = 0;

    for (unsigned round = 0; round < 20; round++) {
        root = 0;
        for (unsigned i = 0; i < NODES; i++) {
            struct node *n = &nodes[i];

            n->key = random_next(&s);
            n->left = n->right = 0;
            for (to = &root; *to; to = n->key < (*to)->key ? &(*to)->left : &(*to)->right)
                sum++;
            *to = n;
        }
    }
    return sum;
}

static unsigned x87(void)
{
    double *v = (double *)words, sum = 0;

    for (unsigned i = 0; i < GRID; i++)
        v[i] = i * 0.25;
    for (unsigned round = 0; round < 2500; round++)
        for (unsigned i = 1; i + 1 < GRID; i++)
            v[i] = (v[i - 1] + v[i] * 2.0 + v[i + 1]) * 0.25;
    for (unsigned i = 0; i < GRID; i++)
        sum += v[i];
    return (unsigned)sum;
}

const struct kernel kernels[] = {
    {"sieve", sieve}, {"crc", crc},   {"matmul", matmul}, {"fib", fib},
    {"qsort", qsort}, {"hash", hash}, {"string", string}, {"vm", vm},
    {"alu", alu},     {"tree", tree}, {"x87", x87},       {0, 0},
};

/* ---- Telling ---- */

static unsigned put_text(char *to, const char *text)
{
    unsigned n = 0;

    while (text[n]) {
        to[n] = text[n];
        n++;
    }
    return n;
}

static void tell(const char *what, const char *name, unsigned sum)
{
    char line[80];
    unsigned n = put_text(line, what);

    n += put_text(line + n, name);
    line[n++] = ' ';
    for (unsigned digit = 8; digit--;)
        line[n++] = "0123456789abcdef"[sum >> digit * 4 & 15];
    line[n++] = '\n';
    console_write(line, n);
}

void run_kernels(unsigned times)
{
    for (const struct kernel *k = kernels; k->name; k++)
        for (unsigned i = 0; i < times; i++) {
            unsigned sum;

            tell("begin ", k->name, 0);
            sum = k->run();
            tell("end ", k->name, sum);
        }
}

/*
 * What code costs that runs for the first time: half a megabyte of it, straight on with short
 * branches, as a compiler might have made it, executed from its first instruction to its last.
 *
 *     cold [ROUNDS]
 *
 * Prints nanoseconds of processor time, and the same in cycles of the host's time stamp counter,
 * for each guest instruction; the best of ROUNDS (5).
 */
#include "cpu/engine.h"
#include "jit/jit.h"
#include "tests/support/cpu_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

enum { AT_COLD = 1 << 20, COLD_BYTES = 512 << 10, NEVER = 1 << 30, PASSES = 40 };

static struct cpu_rig rig;

static double cycles_per_ns;

static double clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Over a few milliseconds; the time stamp counter counts while others have the processor, too. */
static void find_frequency(void)
{
    double a = clock_ns(CLOCK_MONOTONIC), b = a;
    u64 start = __rdtsc();

    while (b < a + 20e6)
        b = clock_ns(CLOCK_MONOTONIC);
    cycles_per_ns = (double)(__rdtsc() - start) / (b - a);
}

/* ---- The guest's code ---- */

/* Pieces of about what compilers make; EBX, EBP and ESP point to memory. */
static const struct {
    u8 bytes[20], len;
} pieces[] = {
    {{0x8B, 0x45, 0xF8, 0x03, 0x45, 0xFC}, 6},       /* mov eax,[ebp-8]; add eax,[ebp-4] */
    {{0x89, 0x45, 0xF4, 0x8B, 0x53, 0x10}, 6},       /* mov [ebp-12],eax; mov edx,[ebx+16] */
    {{0x39, 0xD0, 0x7C, 0x02, 0x31, 0xC9}, 6},       /* cmp eax,edx; jl +2; xor ecx,ecx */
    {{0x50, 0x8D, 0x44, 0x8B, 0x04, 0x59}, 6},       /* push eax; lea eax,[ebx+ecx*4+4]; pop ecx */
    {{0x0F, 0xB6, 0x43, 0x03, 0xC1, 0xE0, 0x02}, 7}, /* movzx eax,[ebx+3]; shl eax,2 */
    {{0x85, 0xC0, 0x74, 0x03, 0x83, 0xC1, 0x01}, 7}, /* test eax,eax; jz +3; add ecx,1 */
    {{0xC7, 0x43, 0x20, 5, 0, 0, 0, 0x42, 0x21, 0xD0},
     10}, /* mov [ebx+32],5; inc edx; and eax,edx */
    {{0xE8, 1, 0, 0, 0, 0xC3, 0x83, 0xC4, 0x04, 0x89, 0xC6},
     11}, /* call +1; ret; add esp,4; mov esi,eax */
};

/* As many pieces as fit, and HLT. */
static void put_code(void)
{
    u8 *code = frame_host(physmap_frame(rig.pm, physmap_page(rig.pm, AT_COLD)->frame));
    u32 at = 0, x = 1;

    while (at + sizeof pieces[0].bytes < COLD_BYTES) {
        unsigned n;

        x = x * 1664525 + 1013904223;
        n = (x >> 24) % ARRAY_LEN(pieces);
        memcpy(code + at, pieces[n].bytes, pieces[n].len);
        at += pieces[n].len;
    }
    code[at] = 0xF4;
}

/* Once through all of it; the count of instructions is where it was at the end. */
static u64 pass(void)
{
    struct cpu *c = rig.cpu;
    u64 start = c->count;

    c->rip = AT_COLD;
    c->halted = false;
    for (unsigned i = 0; i < 8; i++)
        c->gpr[i] = 0;
    c->gpr[RBX] = c->gpr[RBP] = AT_DATA;
    c->gpr[RSP] = AT_STACK0;
    if (c->engine->run(c, c->count + 2 * COLD_BYTES) != ENGINE_HALT)
        abort();
    return c->count - start;
}

/* ---- Measuring ---- */

/* Of `passes` passes over code of which nothing is known, translated at the `heat`-th execution. */
static double cold(u32 heat, unsigned passes, bool warm)
{
    u64 instructions = 0;
    double start;

    jit_set_threshold(rig.cpu, heat);
    /* Pages are in the tables, the host has given memory for what is made of the code. */
    for (unsigned i = 0; i < (warm ? 2 : 1); i++)
        pass();
    if (!warm)
        jit_set_threshold(rig.cpu, heat);
    start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < passes; i++)
        instructions += pass();
    return (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)instructions;
}

static double best(u32 heat, unsigned passes, bool warm, unsigned rounds)
{
    double least = 1e9;

    for (unsigned i = 0; i < rounds; i++) {
        double ns = cold(heat, passes, warm);

        least = ns < least ? ns : least;
    }
    return least;
}

static void tell(const char *what, double ns)
{
    printf("%-52s %7.1f ns %7.0f cycles\n", what, ns, ns * cycles_per_ns);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 5;
    double again;

    cpu_rig_setup_engine(&rig, "pentium2", &engine_jit);
    cpu_rig_protected(&rig, 0);
    put_code();
    find_frequency();
    printf("each guest instruction of %llu costs\n", (unsigned long long)pass());
    tell("executed once, decoded and interpreted", best(NEVER, 1, false, rounds));
    tell("interpreted again", best(NEVER, PASSES, true, rounds));
    tell("executed once, decoded and translated", best(1, 1, false, rounds));
    again = best(1, PASSES, true, rounds);
    tell("translated, again", again);
    tell("until it is translated, beyond what it takes then",
         (best(0, PASSES, false, rounds) - again) * PASSES);
    cpu_rig_teardown(&rig);
    return 0;
}

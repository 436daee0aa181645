/* The kernels of the flat benchmark: each does a fixed amount of work and returns a checksum. */
#ifndef TESTS_BENCH_FLAT_KERNELS_H
#define TESTS_BENCH_FLAT_KERNELS_H

struct kernel {
    const char *name;
    unsigned (*run)(void);
};

extern const struct kernel kernels[]; /* ends with a null name */

/* Where lines go: the debug console in the guest, the standard output natively. */
void console_write(const char *text, unsigned len);
/* All kernels, `times` times each; begin and end are told in lines of their own. */
void run_kernels(unsigned times);

#endif

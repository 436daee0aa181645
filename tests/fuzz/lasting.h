/*
 * For a fuzzer whose machine or board lives until the end, partly in mapped memory where the leak
 * finder does not look: there is none. Included by its source once.
 */
#ifndef TESTS_FUZZ_LASTING_H
#define TESTS_FUZZ_LASTING_H

const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

#endif

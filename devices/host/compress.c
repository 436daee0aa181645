/* Compression and checksums by zlib and Zstandard; see compress.h. */
#include "devices/host/compress.h"

#include <string.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

enum { ZLIB_LEVEL = 1, ZSTD_LEVEL = 1 /* the user waits; higher ones save some percent */ };

enum compress_method compress_best(void)
{
#ifdef HAVE_ZSTD
    return COMPRESS_ZSTD;
#else
    return COMPRESS_ZLIB;
#endif
}

const char *compress_name(u8 method)
{
    static const char *const names[] = {"stored", "zlib", "zstd"};

    return method < ARRAY_LEN(names) ? names[method] : NULL;
}

bool compress_is_known(u8 method)
{
#ifdef HAVE_ZSTD
    return method <= COMPRESS_ZSTD;
#else
    return method <= COMPRESS_ZLIB;
#endif
}

static size_t with_zlib(const void *in, size_t len, void *out)
{
    uLongf got = len - 1;

    return compress2(out, &got, in, len, ZLIB_LEVEL) == Z_OK ? got : 0;
}

size_t compress_data(enum compress_method method, const void *in, size_t len, void *out)
{
    if (len < 2 || method == COMPRESS_STORED)
        return 0;
#ifdef HAVE_ZSTD
    if (method == COMPRESS_ZSTD) {
        size_t got = ZSTD_compress(out, len - 1, in, len, ZSTD_LEVEL);

        return ZSTD_isError(got) ? 0 : got;
    }
#endif
    return with_zlib(in, len, out);
}

bool compress_undo(u8 method, const void *in, size_t len, void *out, size_t out_len)
{
    uLongf got = out_len;

    switch (method) {
    case COMPRESS_STORED:
        if (len == out_len && len)
            memcpy(out, in, len);
        return len == out_len;
    case COMPRESS_ZLIB: return uncompress(out, &got, in, len) == Z_OK && got == out_len;
#ifdef HAVE_ZSTD
    case COMPRESS_ZSTD: return ZSTD_decompress(out, out_len, in, len) == out_len;
#endif
    default: return false;
    }
}

u32 crc32_of(u32 crc, const void *data, size_t len)
{
    return (u32)crc32_z(crc, data, len);
}

/* Pictures in files. The format is one function's business; the rest is naming and comparing. */
#include "frontend/picture.h"

#include "devices/host/display.h"
#include "devices/host/newfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_PNG
#include <png.h>
#endif

enum {
    PALETTE_MAX = 256,
    /* A DAC of 6 bits shown as 8 is rounded in two ways, 4 apart at most. */
    CHANNEL_TOLERANCE = 4,
};

#ifdef HAVE_PNG

struct palette {
    unsigned count;
    u32 colour[PALETTE_MAX];
    u8 *index; /* one for each pixel */
};

/* Linear search from the last hit: neighbours mostly share a colour. */
static bool find_colour(struct palette *p, u32 colour, unsigned *at)
{
    unsigned i;

    if (*at < p->count && p->colour[*at] == colour)
        return true;
    for (i = 0; i < p->count && p->colour[i] != colour; i++)
        ;
    if (i == PALETTE_MAX)
        return false;
    if (i == p->count)
        p->colour[p->count++] = colour;
    *at = i;
    return true;
}

/* False if there are more colours than a palette holds. */
static bool palette_build(struct palette *p, const struct display_frame *f)
{
    size_t i, n = (size_t)f->width * f->height;
    unsigned at = 0;

    p->count = 0;
    p->index = malloc(n ? n : 1);
    for (i = 0; p->index && i < n; i++) {
        if (!find_colour(p, f->pixels[i] & 0xFFFFFF, &at))
            break;
        p->index[i] = (u8)at;
    }
    if (p->index && i == n)
        return true;
    free(p->index);
    p->index = NULL;
    return false;
}

static void put_header(png_structp png, png_infop info, const struct display_frame *f,
                       const struct palette *p)
{
    png_color colours[PALETTE_MAX];
    unsigned i, bits = p->count <= 2 ? 1 : p->count <= 4 ? 2 : p->count <= 16 ? 4 : 8;

    png_set_IHDR(png, info, f->width, f->height, p->index ? (int)bits : 8,
                 p->index ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (i = 0; p->index && i < p->count; i++) {
        colours[i].red = (u8)(p->colour[i] >> 16);
        colours[i].green = (u8)(p->colour[i] >> 8);
        colours[i].blue = (u8)p->colour[i];
    }
    if (p->index)
        png_set_PLTE(png, info, colours, (int)p->count);
    png_set_compression_level(png, 9);
    png_write_info(png, info);
    png_set_packing(png);
}

static void put_rows(png_structp png, const struct display_frame *f, const struct palette *p,
                     u8 *row)
{
    u32 x, y, pixel;

    for (y = 0; y < f->height; y++) {
        if (p->index) {
            png_write_row(png, p->index + (size_t)y * f->width);
            continue;
        }
        for (x = 0; x < f->width; x++) {
            pixel = f->pixels[(size_t)y * f->width + x];
            row[x * 3] = (u8)(pixel >> 16);
            row[x * 3 + 1] = (u8)(pixel >> 8);
            row[x * 3 + 2] = (u8)pixel;
        }
        png_write_row(png, row);
    }
}

static bool write_picture(FILE *out, const struct display_frame *f)
{
    struct palette palette = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    u8 *row = malloc((size_t)f->width * 3 + 1);
    volatile bool good = false;

    palette_build(&palette, f);
    if (info && row && !setjmp(png_jmpbuf(png))) {
        png_init_io(png, out);
        put_header(png, info, f, &palette);
        put_rows(png, f, &palette, row);
        png_write_end(png, info);
        good = true;
    }
    png_destroy_write_struct(&png, &info);
    free(row);
    free(palette.index);
    return good;
}

bool picture_load(struct picture *p, const char *file, char *err, size_t err_size)
{
    png_image image = {.version = PNG_IMAGE_VERSION};

    memset(p, 0, sizeof *p);
    if (!png_image_begin_read_from_file(&image, file)) {
        snprintf(err, err_size, "'%s': %s", file, image.message);
        return false;
    }
    image.format = PNG_FORMAT_BGRA; /* in memory: 0xAARRGGBB on little-endian hosts */
    if (image.width <= DISPLAY_MAX_WIDTH && image.height <= DISPLAY_MAX_HEIGHT)
        p->pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!p->pixels || !png_image_finish_read(&image, NULL, p->pixels, 0, NULL)) {
        snprintf(err, err_size, "'%s': %s", file, p->pixels ? image.message : "too large");
        png_image_free(&image);
        picture_free(p);
        return false;
    }
    p->width = image.width;
    p->height = image.height;
    return true;
}

#else

/* PPM: netpbm's ppm(5), "P6". */
static bool write_picture(FILE *out, const struct display_frame *f)
{
    size_t i, n = (size_t)f->width * f->height;

    fprintf(out, "P6\n%u %u\n255\n", f->width, f->height);
    for (i = 0; i < n; i++) {
        putc((int)(f->pixels[i] >> 16 & 0xFF), out);
        putc((int)(f->pixels[i] >> 8 & 0xFF), out);
        putc((int)(f->pixels[i] & 0xFF), out);
    }
    fprintf(stderr, "screenshot: this build has no PNG: the picture is in PPM form\n");
    return true;
}

bool picture_load(struct picture *p, const char *file, char *err, size_t err_size)
{
    memset(p, 0, sizeof *p);
    snprintf(err, err_size, "'%s': this build reads no PNG; install libpng-dev and build again",
             file);
    return false;
}

#endif

void picture_name(char *name, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;

    localtime_r(&now, &tm);
    strftime(name, size, "bygone-%Y%m%d-%H%M%S.png", &tm);
}

bool picture_save(const struct display_frame *frame, const char *file, char *err, size_t err_size)
{
    size_t size = strlen(file) + 8;
    char *part = NULL;
    FILE *out = NULL;
    bool good;

    if (newfile_is_special(file)) {
        snprintf(err, err_size, "'%s': is not a plain file; choose another name", file);
        return false;
    }
    part = malloc(size);
    if (part) {
        snprintf(part, size, "%s.part", file);
        out = fopen(part, "wb");
    }
    good = out && write_picture(out, frame);
    if (out && fclose(out))
        good = false;
    good = good && !rename(part, file);
    if (!good) {
        snprintf(err, err_size, "'%s': %s", file, errno ? strerror(errno) : "cannot be written");
        if (out)
            unlink(part);
    }
    free(part);
    return good;
}

void picture_free(struct picture *p)
{
    free(p->pixels);
    memset(p, 0, sizeof *p);
}

static bool channel_differs(u32 a, u32 b, unsigned shift)
{
    return abs((int)(a >> shift & 0xFF) - (int)(b >> shift & 0xFF)) > CHANNEL_TOLERANCE;
}

double picture_difference(const struct picture *expected, const struct display_frame *frame)
{
    size_t i, n = (size_t)expected->width * expected->height, compared = 0, differ = 0;
    u32 a, b;

    if (expected->width != frame->width || expected->height != frame->height)
        return 100;
    for (i = 0; i < n; i++) {
        a = expected->pixels[i];
        b = frame->pixels[i];
        if (!(a >> 24))
            continue;
        compared++;
        differ += channel_differs(a, b, 0) || channel_differs(a, b, 8) || channel_differs(a, b, 16);
    }
    return compared ? 100.0 * (double)differ / (double)compared : 0;
}

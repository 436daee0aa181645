/*
 * What a video card shows. The card renders into a buffer of pixels on the machine thread when
 * asked; front ends get copies. Also the text of text modes, as text.
 */
#ifndef DEVICES_HOST_DISPLAY_H
#define DEVICES_HOST_DISPLAY_H

#include "base/types.h"

enum { DISPLAY_MAX_WIDTH = 2560, DISPLAY_MAX_HEIGHT = 1600 };

/* One picture. Owned by whoever made it with display_frame_new. */
struct display_frame {
    u32 width, height; /* pixels */
    u32 *pixels;       /* width * height, 0x00RRGGBB, no padding */
    size_t capacity;   /* pixels allocated */
    bool text;         /* a text mode: the cells below are valid */
    u16 columns, rows;
    u8 *cells; /* columns * rows pairs: character (code page 437), attribute */
    size_t cells_capacity;
    s32 cursor_column, cursor_row; /* -1: hidden */
};

/* Bits of a card's memory, as many bytes as there are parts; `byte` counts as the card pleases. */
struct display_bits {
    u8 count;
    struct {
        u32 byte;
        u8 bits; /* those that are meant */
    } part[4];
};

/* What a dot of the picture comes from, in words and as the memory it is kept in. */
struct display_dot {
    char text[120];
    u8 count; /* of items: 1, or 2 where a character and its attribute make the dot */
    struct {
        const char *name; /* "pixel" */
        struct display_bits bits;
    } item[2];
};

/* What a card offers to the board and so to front ends. */
struct display_source {
    void *opaque;
    /*
     * Bring `f` up to date with the screen as of `now_ns` (virtual: blink depends on it). Returns
     * true if anything changed since the last call for this same frame, or on size change.
     * `force` redraws all. Never allocates more than the maxima above.
     */
    bool (*render)(void *opaque, struct display_frame *f, u64 now_ns, bool force);
    /* What the dot (x, y) of such a picture comes from; false if from no memory. */
    bool (*locate)(void *opaque, u32 x, u32 y, u64 now_ns, struct display_dot *out);

    /*
     * For debuggers that watch what the processor writes. Can writes to this page of physical
     * memory change the bits? Has a write of `value`, just made, set any of them (perhaps to what
     * they were)? What are they now, the first part's lowest?
     */
    bool (*bits_near)(void *opaque, const struct display_bits *b, u64 gpa);
    bool (*bits_written)(void *opaque, const struct display_bits *b, u64 gpa, unsigned size,
                         u64 value);
    u32 (*bits_value)(void *opaque, const struct display_bits *b);
};

void display_frame_init(struct display_frame *f);
void display_frame_free(struct display_frame *f);
/* Make room and set the size; returns false if out of bounds or memory (size then unchanged). */
bool display_frame_resize(struct display_frame *f, u32 width, u32 height);
bool display_frame_set_text(struct display_frame *f, u16 columns, u16 rows);
/* A row of a text screen as UTF-8, trailing blanks cut; out holds at least columns * 3 + 1 bytes.
 */
void display_row_text(const struct display_frame *f, unsigned row, char *out, size_t out_size);
/* Code page 437 to Unicode. */
u32 display_cp437_to_unicode(u8 c);

#endif

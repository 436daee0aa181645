/*
 * Guest-physical memory: which page is RAM, ROM, video memory, chip registers or nothing, and the
 * frames behind it.
 *
 * A frame is one 4 KiB page of backing store with its descriptor. All frames live in one number
 * space; what is mapped where is a separate matter, and remapping (A20, PAM, BARs) moves no bytes.
 * Nobody else computes the host address of guest memory: frame_host is asked.
 */
#ifndef MMU_PHYSMAP_H
#define MMU_PHYSMAP_H

#include "base/types.h"

struct mmio_ops;
struct page_book;
struct physmap;
struct state;

enum { PAGE_SHIFT = 12, PAGE_SIZE = 4096, PAGE_MASK = 4095 };
enum { GRANULE_SHIFT = 6 /* code coverage is kept for 64-byte pieces of a frame */ };

/* Physical addresses have 40 bits at most. */
#define PHYS_LIMIT (1ull << 40)

typedef u32 frame_id; /* 0 is "no frame" */

/* Who keeps book of written frames, each with a bit of its own. */
enum dirty_user {
    DIRTY_DISPLAY = 1 << 1, /* always, of video memory */
    DIRTY_CHECK = 1 << 3,   /* state hashes */
    DIRTY_REWIND = 1 << 4,  /* rewind's snapshots */
};

enum frame_flags {
    FRAME_ROM = 1 << 0, /* contents come from a file: not part of saved state */
    /* Written since the last physmap_take_dirty of that user; see enum dirty_user. */
    FRAME_DIRTY = 1 << 1,
    FRAME_TRACK = 1 << 2, /* somebody takes dirty bits of this frame */
    FRAME_DIRTY_CHECK = 1 << 3,
    FRAME_DIRTY_REWIND = 1 << 4,
    FRAME_KEPT = 1 << 5, /* somebody wants what it holds: physmap_make_writable comes first */
    FRAME_DIRTY_ALL = FRAME_DIRTY | FRAME_DIRTY_CHECK | FRAME_DIRTY_REWIND,
};

struct frame {
    u8 *host;
    u64 code_mask; /* bit n: decoded code came from bytes [n*64, n*64+64) */
    void *code;    /* the engines' list of what was decoded here; opaque to mmu */
    u16 flags;     /* enum frame_flags */
    /*
     * Which linear page has a write entry for this frame in some table: FRAME_NO_WRITER, one page
     * number, or FRAME_MANY_WRITERS. Lets code and dirty tracking take the entry away again.
     */
    u32 writer;
};

enum { FRAME_NO_WRITER = 0xFFFFFFFF, FRAME_MANY_WRITERS = 0xFFFFFFFE };

/* What is at a guest-physical page. */
enum phys_kind {
    PHYS_NONE, /* reads ones, ignores writes */
    PHYS_RAM,  /* frames: plain memory */
    PHYS_MMIO, /* a chip */
};

/* A range of chip registers. */
struct mmio_range {
    const struct mmio_ops *ops;
    void *opaque;
    u64 gpa; /* where it starts */
};

struct phys_page {
    u8 kind;              /* enum phys_kind */
    frame_id frame;       /* PHYS_RAM: where reads and fetches go; 0: reads give ones */
    frame_id write_frame; /* and writes; 0: they are ignored */
    const struct mmio_range *mmio;
};

/* Told when memory changes under the feet of caches. One listener per processor. */
struct physmap_listener {
    struct physmap_listener *next;
    void *opaque;
    /* Mappings changed: drop all host pointers (not the guest-visible translations). */
    void (*remapped)(void *opaque);
    /* Writes to this frame must be seen from now on: drop write entries for it. */
    void (*protect_frame)(void *opaque, frame_id id);
    /* Bytes [offset, offset+len) of a frame that holds decoded code were written. */
    void (*code_written)(void *opaque, frame_id id, u32 offset, u32 len);
};

struct physmap *physmap_new(void);
void physmap_free(struct physmap *pm);
void physmap_listen(struct physmap *pm, struct physmap_listener *l);
void physmap_unlisten(struct physmap *pm, struct physmap_listener *l);

/*
 * New frames, `bytes` (whole pages) of zeroed backing store; returns the first frame's number, or
 * 0 if the host refuses. `name` tells it apart in snapshots. The memory is shared (memfd), so that
 * it can be mapped more than once.
 */
frame_id physmap_new_frames(struct physmap *pm, const char *name, size_t bytes, unsigned flags);

/*
 * Put frames at [gpa, gpa+bytes) on top of what is there. Layers: a later map covers an earlier
 * one, and unmapping uncovers it. `writable` false makes ROM of it.
 */
void physmap_map_frames(struct physmap *pm, u64 gpa, size_t bytes, frame_id first, bool writable);
void physmap_map_mmio(struct physmap *pm, u64 gpa, u64 bytes, const struct mmio_ops *ops,
                      void *opaque);
/* Nothing answers here: covers what lies below (closed SMRAM, PCI holes). */
void physmap_map_nothing(struct physmap *pm, u64 gpa, u64 bytes);
/*
 * Reads from one place, writes to another: PAM with the two pointing apart. 0 as read_first reads
 * ones, 0 as write_first ignores writes.
 */
void physmap_map_split(struct physmap *pm, u64 gpa, size_t bytes, frame_id read_first,
                       frame_id write_first);
/* Remove the topmost layer that was mapped at exactly [gpa, gpa+bytes). False if there is none. */
bool physmap_unmap(struct physmap *pm, u64 gpa, u64 bytes);
/* The same for one certain chip's range, or certain frames, wherever they are in the stack. */
bool physmap_unmap_mmio(struct physmap *pm, u64 gpa, u64 bytes, const struct mmio_ops *ops,
                        void *opaque);
bool physmap_unmap_frames(struct physmap *pm, u64 gpa, u64 bytes, frame_id first);
/* The A20 gate: false makes address bit 20 read as zero. */
void physmap_set_a20(struct physmap *pm, bool enabled);
bool physmap_a20(const struct physmap *pm);

/* What is at a page, A20 applied. Valid until the next change of the map. */
const struct phys_page *physmap_page(struct physmap *pm, u64 gpa);

struct frame *physmap_frame(struct physmap *pm, frame_id id);

static inline u8 *frame_host(const struct frame *f)
{
    return f->host;
}

/*
 * Somebody who wants what frames hold at a moment, while the guest goes on: `keep` is called before
 * a frame is written for the first time since, on the machine thread. The keeper's own, linked
 * while in use.
 */
struct physmap_keeper {
    struct physmap_keeper *next;
    void (*keep)(void *opaque, frame_id id);
    void *opaque;
};

/*
 * Begin with all frames but those of video memory, which its chip writes without asking. Drops all
 * write entries; none is made for a frame that has not been kept.
 */
void physmap_keep(struct physmap *pm, struct physmap_keeper *k);
/* `keep` is not called any more. */
void physmap_end_keep(struct physmap *pm, struct physmap_keeper *k);
/*
 * To be called before a frame is written, and before anything is given out that lets it be written
 * (a write entry, a writable mapping): afterwards that stays allowed until the next `remapped`.
 */
void physmap_make_writable(struct physmap *pm, frame_id id);
/*
 * Another memfd of the same size becomes the backing of a block, which takes it over: the one place
 * where frames get a new home. They keep their host address; who has mapped the block's old memfd
 * elsewhere lets it go when `remapped` is told. False if the host refuses: all is as it was.
 */
bool physmap_adopt(struct physmap *pm, unsigned index, int fd);

/*
 * Map `count` frames from `first` on, which must be one stretch of the same block, once more at
 * host address `at`, in place of what is mapped there. False if they are none or the host refuses.
 */
bool physmap_map_at(const struct physmap *pm, frame_id first, u32 count, void *at, bool writable);

/*
 * Plain access of any length by chips and debuggers. Writes tell code and dirty tracking. The
 * `debug` pair never touches chips and returns the number of bytes that were memory.
 */
void physmap_read(struct physmap *pm, u64 gpa, void *data, size_t len);
void physmap_write(struct physmap *pm, u64 gpa, const void *data, size_t len);
/*
 * Called for what chips write to memory with physmap_write (DMA, bus masters), before it is
 * written; of a piece in one page. NULL: nobody.
 */
void physmap_watch_chips(struct physmap *pm,
                         void (*writes)(void *opaque, u64 gpa, const u8 *data, size_t len),
                         void *opaque);
/* What they write is noted in this book, by guest-physical page. NULL: no more. */
void physmap_book_chips(struct physmap *pm, struct page_book *b);
size_t physmap_debug_read(struct physmap *pm, u64 gpa, void *data, size_t len);
size_t physmap_debug_write(struct physmap *pm, u64 gpa, const void *data, size_t len);

/* One aligned-or-not access of 1, 2, 4 or 8 bytes within one page, chips included. */
u64 physmap_load(struct physmap *pm, u64 gpa, unsigned size);
void physmap_store(struct physmap *pm, u64 gpa, u64 value, unsigned size);

/* After a store to `host bytes [offset, offset+len)` of a frame: code and dirty bookkeeping. */
void physmap_frame_written(struct physmap *pm, frame_id id, u32 offset, u32 len);
/* Code was decoded from [offset, offset+len): from now on writes there are reported. */
void physmap_mark_code(struct physmap *pm, frame_id id, u32 offset, u32 len);
/* No decoded code is left on the frame. */
void physmap_clear_code(struct physmap *pm, frame_id id);

/* Drop the write entries that lead to a frame, in all tables of all processors. */
void physmap_protect_frame(struct physmap *pm, frame_id id);
/*
 * Begin or end to keep book of all frames that are not ROM, for a user other than the display. All
 * are dirty to begin with.
 */
void physmap_track(struct physmap *pm, enum dirty_user user, bool on);
/* Move the dirty bits of `count` frames into `bits` (bit i%64 of word i/64 is set); true if any. */
bool physmap_take_dirty(struct physmap *pm, enum dirty_user user, frame_id first, u32 count,
                        u64 *bits);
/*
 * The same, but frames for which `stays` (a byte each) is not zero remain dirty: for those that are
 * written all the time it costs less to look at them each time than to see their next write.
 */
bool physmap_take_dirty_but(struct physmap *pm, enum dirty_user user, frame_id first, u32 count,
                            u64 *bits, const u8 *stays);
/* Only look: the frames stay dirty. */
void physmap_see_dirty(const struct physmap *pm, enum dirty_user user, frame_id first, u32 count,
                       u64 *bits);
/* One frame is not dirty any more. */
void physmap_clean(struct physmap *pm, enum dirty_user user, frame_id id);

/* What one physmap_new_frames made. */
struct physmap_block {
    const char *name;
    frame_id first;
    u32 count;
    unsigned flags;
};

/* Block `index` in the order in which they were made; false past the last one. */
bool physmap_block(const struct physmap *pm, unsigned index, struct physmap_block *out);
/*
 * The next stretch of pages at or behind *page of a block to which the host has given memory: all
 * others are zero, and looking at them would make the host allocate them. False if there is none.
 */
bool physmap_next_touched(const struct physmap *pm, unsigned index, u32 *page, u32 *count);
/* New contents for a frame, a page of bytes or NULL for zeros; whoever caches it is told. */
void physmap_load_frame(struct physmap *pm, frame_id id, const u8 *page);

/*
 * Save, load or hash the contents of all frames that are not ROM (pages of zeros cost a byte).
 * Without their contents if the stream leaves memory out.
 */
void physmap_state(struct physmap *pm, struct state *s);

#endif

/*
 * A processor with RAM and a few chips that a test can read like a clock: what an engine must do at
 * the exact instruction shows here. Engine-neutral: two labs with two engines, the same memory and
 * registers, must go through the same states.
 *
 *      E0h  write  INTR rises           E4h  write  an NMI
 *      E1h  write  INTR falls           E5h  write  the engine must come back, as for a deadline
 *      E2h  read   the count, noted     E6h  write  bit 0: ROM over the page at LAB_SWAP;
 *                                           bit 1: the A20 gate is closed
 *      E3h  write  INTR rises so many instructions later
 *      E7h  write  INTR rises and falls again
 *      LAB_CHIP   memory: reads note and give the count, writes note it; at offset 4 INTR rises
 *      LAB_MEMORY memory of a chip: a read loads a latch too, and a write mixes it in
 */
#ifndef TESTS_CPU_LAB_H
#define TESTS_CPU_LAB_H

#include "cpu/cpu.h"
#include "mmu/bus.h"

enum {
    LAB_RAM = 256 << 10,
    LAB_SWAP = 0x3F000, /* a page of RAM that ROM may cover */
    LAB_CHIP = 0x90000, /* a page of registers */
    LAB_MEMORY = 0x91000,
    LAB_CELLS = 64,
    LAB_A20 = 1 << 20,
    LAB_VECTOR = 0x40,
};

enum lab_port {
    LAB_RAISE = 0xE0,
    LAB_LOWER,
    LAB_TIME,
    LAB_ALARM,
    LAB_NMI,
    LAB_STOP,
    LAB_REMAP,
    LAB_PULSE,
};

struct lab {
    struct physmap *pm;
    struct bus *bus;
    struct cpu *cpu;
    u8 *ram;
    frame_id first, rom; /* frames of RAM; the one of ROM */
    bool rom_shown;
    u64 alarm; /* the count at which INTR rises; 0: none */
    u8 cells[LAB_CELLS], latch;
    u64 notes;  /* a hash of what was noted, and when */
    u64 events; /* interrupts delivered */
};

/* False if there is no such model, or the host refuses memory or engine. */
bool lab_open(struct lab *l, const char *model, const struct engine *engine);
void lab_close(struct lab *l);
/* Power-on; RAM becomes `image` (LAB_RAM bytes), the count 0. */
void lab_reset(struct lab *l, const u8 *image);

enum lab_end { LAB_COUNT, LAB_HALTED, LAB_SHUTDOWN };

/*
 * Up to this count, as the board's loop does it. A processor that sleeps with interrupts enabled is
 * woken by INTR at once; with interrupts disabled it is LAB_HALTED.
 */
enum lab_end lab_run(struct lab *l, u64 until);

/*
 * Pages of RAM written since the last call: bit i%64 of word i/64. Their write entries are gone
 * then, as at the end of each of rewind's epochs.
 */
void lab_take_dirty(struct lab *l, u64 bits[LAB_RAM / PAGE_SIZE / 64]);

/* A hash over processor, TLB record and chips; RAM is compared by its bytes. */
u64 lab_hash(struct lab *l);

#endif

/*
 * A whole PC without firmware, for tests of what stands above the chips: from reset it runs the
 * bytes given, in real mode at 0000:7C00 with the stack below; all vectors lead to an IRET at
 * 0000:0500. Time is fixed, so runs repeat.
 *
 *     struct pc_rig rig;
 *     pc_rig_setup(&rig, "interp", "B8 34 12 90 EB FE");
 *     cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
 */
#ifndef TESTS_SUPPORT_PC_RIG_H
#define TESTS_SUPPORT_PC_RIG_H

#include "cpu/cpu.h"
#include "devices/board/machine.h"

enum { PC_RIG_CODE = 0x7C00, PC_RIG_IRET = 0x500, PC_RIG_RAM = 2 << 20 };

struct pc_rig {
    struct machine *machine;
    struct cpu *cpu;
    struct log *log;
    int rom_fd;
};

/* `hex` is the code. Stops the test if the machine cannot be built. */
void pc_rig_setup(struct pc_rig *rig, const char *engine, const char *hex);
void pc_rig_teardown(struct pc_rig *rig);
/* More bytes at a physical address. */
void pc_rig_put(struct pc_rig *rig, u64 gpa, const char *hex);
/* Run for at most 10 virtual ms. */
enum machine_stop pc_rig_run(struct pc_rig *rig);

#endif

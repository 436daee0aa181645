/*
 * What this host's processor does where the manual leaves it open. Guests see it, since both
 * engines take such results from the host: a recording says on which kind of host it was made.
 */
#ifndef CPU_HOST_FINGERPRINT_H
#define CPU_HOST_FINGERPRINT_H

#include "base/types.h"

/*
 * A hash over some 500 results. Equal on hosts that agree on all of them; 0 on hosts that are no
 * x86. Not to be called while an engine runs: it uses the host's x87.
 */
u64 host_fingerprint(void);

/* Instructions that are probed, each with a hash of its own: which of them differ can be told. */
enum { FINGERPRINT_PARTS = 19 };
u64 host_fingerprint_parts(u32 part[FINGERPRINT_PARTS]);
const char *host_fingerprint_part_name(unsigned i);

#endif

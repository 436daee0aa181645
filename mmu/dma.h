/*
 * One channel of the ISA DMA controllers, as a chip that asks for DMA sees it: the DREQ, DACK and
 * TC pins together. The controller hands it out; the chip keeps it and moves bytes through it when
 * its own timing says that they are due.
 */
#ifndef MMU_DMA_H
#define MMU_DMA_H

#include "base/types.h"

struct dma_port {
    /*
     * Move up to `len` bytes between `data` and memory on `channel`; see dma_port_transfer.
     * NULL: nothing is wired, the channel never acknowledges.
     */
    size_t (*transfer)(void *opaque, unsigned channel, u8 *data, size_t len, bool to_memory,
                       bool *terminal_count);
    void *opaque;
    unsigned channel;
};

/*
 * Raise DREQ for `len` bytes and serve the DACK cycles that follow.
 *
 *   data       to_memory: the bytes to store. Otherwise: filled with what memory held.
 *   len        at most; word channels (5..7) move whole words, so it must be even there
 *   to_memory  what the chip can do; the guest programs the same direction into the mode register.
 *              A verify transfer, or one whose direction does not match, counts as cycles do but
 *              moves nothing: `data` and memory keep what they had.
 *   terminal_count  set to whether TC was pulsed by the last byte moved. The transfer ends there.
 * Returns the bytes served: 0 when the channel is masked or the controller is disabled. The chip
 * tries again later, as a DREQ that stays high would.
 * Source: Intel 8237A data sheet, "DMA Operation", "Transfer Types".
 */
static inline size_t dma_port_transfer(const struct dma_port *p, u8 *data, size_t len,
                                       bool to_memory, bool *terminal_count)
{
    *terminal_count = false;
    if (!p->transfer)
        return 0;
    return p->transfer(p->opaque, p->channel, data, len, to_memory, terminal_count);
}

#endif

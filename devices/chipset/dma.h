/* The two cascaded 8237A DMA controllers of a PC/AT with their page registers. */
#ifndef DEVICES_CHIPSET_DMA_H
#define DEVICES_CHIPSET_DMA_H

#include "base/types.h"
#include "mmu/dma.h"

struct bus;
struct device;

struct device *dma_create(struct bus *bus);

/* A line for each channel in words, for people. */
void dma_describe(const struct device *dev, char *out, size_t out_size);

/* Channel 0..3 (bytes) or 5..7 (words) for a chip that asks for DMA; see mmu/dma.h. */
struct dma_port dma_port(struct device *dma, unsigned channel);

/* What a struct dma_port calls; the contract is dma_port_transfer's. */
size_t dma_transfer(struct device *dma, unsigned channel, u8 *data, size_t len, bool to_memory,
                    bool *terminal_count);
/* Whether a request on this channel would be acknowledged now. */
bool dma_is_ready(const struct device *dma, unsigned channel);

#endif

/* A disk in memory that fails on demand. */
#include "tests/support/faultblk.h"

#include "devices/host/blk_driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512 };

struct fault {
    struct fault_plan *plan;
    u8 *data;
};

static bool hits(const struct fault *f, u64 sector, u32 count)
{
    return sector + count > f->plan->first_bad;
}

static void delay(const struct fault *f)
{
    if (f->plan->delay_us)
        usleep(f->plan->delay_us);
}

static int fault_read(void *opaque, u64 sector, u32 count, void *data)
{
    struct fault *f = opaque;

    delay(f);
    f->plan->reads++;
    if (f->plan->read_error && hits(f, sector, count))
        return -f->plan->read_error;
    memcpy(data, f->data + sector * SECTOR, (size_t)count * SECTOR);
    return 0;
}

static int fault_write(void *opaque, u64 sector, u32 count, const void *data)
{
    struct fault *f = opaque;

    delay(f);
    f->plan->writes++;
    if (f->plan->write_error && hits(f, sector, count))
        return -f->plan->write_error;
    memcpy(f->data + sector * SECTOR, data, (size_t)count * SECTOR);
    return 0;
}

static int fault_flush(void *opaque)
{
    struct fault *f = opaque;

    delay(f);
    f->plan->flushes++;
    return -f->plan->flush_error;
}

static int fault_close(void *opaque)
{
    struct fault *f = opaque;

    free(f->data);
    free(f);
    return 0;
}

static const struct blk_driver fault_driver = {
    .read = fault_read,
    .write = fault_write,
    .flush = fault_flush,
    .close = fault_close,
};

struct blk *fault_blk_new(u64 sectors, struct fault_plan *plan)
{
    struct fault *f = malloc(sizeof *f);
    struct blk_image image = {.driver = &fault_driver, .opaque = f, .sectors = sectors};

    f->plan = plan;
    f->data = calloc(sectors, SECTOR);
    return blk_new("fault", &image);
}

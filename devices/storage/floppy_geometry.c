/*
 * Formats of PC floppy disks.
 * Source: IBM PC DOS Technical Reference, "Diskette Formats"; Microsoft KB 75131 (DMF, 1.68M);
 * fdformat(1) and fd(4) manual pages of Linux for the extended formats.
 */
#include "devices/storage/floppy_geometry.h"

/* By size. The heads are 2 except on the oldest two. */
static const struct floppy_geometry formats[] = {
    {320, 40, 1, 8, RATE_250K, FDD_360K},    /* 160K, PC DOS 1.0 */
    {360, 40, 1, 9, RATE_250K, FDD_360K},    /* 180K */
    {640, 40, 2, 8, RATE_250K, FDD_360K},    /* 320K */
    {720, 40, 2, 9, RATE_250K, FDD_360K},    /* 360K */
    {800, 40, 2, 10, RATE_250K, FDD_360K},   /* 400K */
    {820, 41, 2, 10, RATE_250K, FDD_360K},   /* 410K */
    {840, 42, 2, 10, RATE_250K, FDD_360K},   /* 420K */
    {1280, 80, 2, 8, RATE_250K, FDD_720K},   /* 640K */
    {1440, 80, 2, 9, RATE_250K, FDD_720K},   /* 720K */
    {1600, 80, 2, 10, RATE_250K, FDD_720K},  /* 800K */
    {1640, 82, 2, 10, RATE_250K, FDD_720K},  /* 820K */
    {1660, 83, 2, 10, RATE_250K, FDD_720K},  /* 830K */
    {1760, 80, 2, 11, RATE_250K, FDD_720K},  /* 880K */
    {2080, 80, 2, 13, RATE_500K, FDD_1440K}, /* 1.04M */
    {2240, 80, 2, 14, RATE_500K, FDD_1440K}, /* 1.12M */
    {2400, 80, 2, 15, RATE_500K, FDD_1200K}, /* 1.2M */
    {2720, 80, 2, 17, RATE_500K, FDD_1200K}, /* 1.36M, all that a 1.2M drive can hold */
    {2880, 80, 2, 18, RATE_500K, FDD_1440K}, /* 1.44M */
    {2916, 81, 2, 18, RATE_500K, FDD_1440K}, /* 1.458M */
    {2952, 82, 2, 18, RATE_500K, FDD_1440K}, /* 1.476M */
    {2988, 83, 2, 18, RATE_500K, FDD_1440K}, /* 1.494M */
    {3040, 80, 2, 19, RATE_500K, FDD_1440K}, /* 1.52M */
    {3200, 80, 2, 20, RATE_500K, FDD_1440K}, /* 1.6M */
    {3280, 82, 2, 20, RATE_500K, FDD_1440K}, /* 1.64M */
    {3320, 83, 2, 20, RATE_500K, FDD_1440K}, /* 1.66M */
    {3360, 80, 2, 21, RATE_500K, FDD_1440K}, /* 1.68M, DMF */
    {3444, 82, 2, 21, RATE_500K, FDD_1440K}, /* 1.72M */
    {3486, 83, 2, 21, RATE_500K, FDD_1440K}, /* 1.743M */
    {3520, 80, 2, 22, RATE_500K, FDD_1440K}, /* 1.76M */
    {3680, 80, 2, 23, RATE_500K, FDD_1440K}, /* 1.84M, IBM XDF's size */
    {3840, 80, 2, 24, RATE_500K, FDD_1440K}, /* 1.92M */
    {5760, 80, 2, 36, RATE_1M, FDD_2880K},   /* 2.88M */
    {6240, 80, 2, 39, RATE_1M, FDD_2880K},   /* 3.12M */
    {6400, 80, 2, 40, RATE_1M, FDD_2880K},   /* 3.2M */
    {7040, 80, 2, 44, RATE_1M, FDD_2880K},   /* 3.52M */
    {7680, 80, 2, 48, RATE_1M, FDD_2880K},   /* 3.84M */
};

const struct floppy_geometry *floppy_geometry_exact(u64 sectors)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].total == sectors)
            return &formats[i];
    return NULL;
}

const struct floppy_geometry *floppy_geometry(u64 sectors)
{
    const struct floppy_geometry *exact = floppy_geometry_exact(sectors);
    size_t i;

    if (exact || sectors == 0)
        return exact;
    /* An image cut short after its last used sector: nearly always of a 1.44M disk. */
    if (sectors < 2880)
        return floppy_geometry_exact(2880);
    for (i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].total > sectors)
            return &formats[i];
    return NULL;
}

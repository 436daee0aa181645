/* Raw sectors of a data CD, built from the 2048 bytes that an image keeps. */
#ifndef DEVICES_STORAGE_CD_SECTOR_H
#define DEVICES_STORAGE_CD_SECTOR_H

#include "base/types.h"

enum { CD_SECTOR = 2048, CD_RAW_SECTOR = 2352 };

/* Parts of a raw sector, as byte 9 of READ CD asks for them. */
enum { CD_SYNC = 0x80, CD_HEADERS = 0x60, CD_HEADER = 0x20, CD_USER = 0x10, CD_EDC_ECC = 0x08 };

/* The whole mode 1 sector: sync, header with the address, user data, EDC, ECC. */
void cd_raw_sector(u32 lba, const u8 user[CD_SECTOR], u8 out[CD_RAW_SECTOR]);

/* Bytes of a mode 1 sector that READ CD gives for these parts. */
u32 cd_field_bytes(u8 fields);
/* Those parts of sector `lba`, in order; returns how many bytes. `out` may not overlap `user`. */
u32 cd_fields(u32 lba, u8 fields, const u8 user[CD_SECTOR], u8 *out);

/* Minute, second, frame of a sector: 75 frames a second, sector 0 is at 00:02:00. */
void cd_msf(u32 lba, u8 msf[3]);
/* The other way; false for what no disc has. */
bool cd_lba(const u8 msf[3], u32 *lba);

#endif

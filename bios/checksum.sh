#!/bin/sh
# checksum.sh ROM [PNP_OFFSET]: make the bytes of the PnP header (32 bytes at PNP_OFFSET) and of the
# whole ROM sum to zero, by patching the header's byte 9 and the ROM's last byte.
set -eu
rom=$1 pnp=${2:-}
sum() { od -An -v -tu1 "$@" "$rom" | awk '{ for (i = 1; i <= NF; i++) s += $i } END { print s % 256 }'; }
patch() { printf "$(printf '\\%03o' "$2")" | dd of="$rom" bs=1 seek="$1" conv=notrunc 2>/dev/null; }
if [ -n "$pnp" ]; then
	patch $((pnp + 9)) $(((256 - $(sum -j "$pnp" -N 32)) % 256))
fi
size=$(wc -c < "$rom")
patch $((size - 1)) $(((256 - $(sum)) % 256))

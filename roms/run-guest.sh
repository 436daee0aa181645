#!/bin/sh
# run-guest.sh [OPTION...]: boot the default guest; where it cannot be made, the tour. OPTIONs go
# to bygone.
set -u
cd "$(dirname "$0")/.." || exit 70
if roms/fetch-guest.sh; then
	exec ./bygone --kernel roms/cache/linux/vmlinuz --initrd roms/cache/linux/initrd.gz --mem 128M "$@"
fi
echo "run-guest: the Linux guest could not be made; here is the tour" >&2
exec ./bygone "$@"

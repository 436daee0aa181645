#!/bin/sh
# layers.sh: check that includes go one way, as the table in docs/architecture.md says.
set -u
cd "$(dirname "$0")/../.." || exit 70
bad=0

# allow FOLDER PATTERN: files in FOLDER may include only paths that match the extended PATTERN.
allow() {
	out=$(find "$1" -name '*.[ch]' -o -name '*.inc' 2>/dev/null | grep -v '/\.' | sort | while read -r f; do
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$f" |
			sed 's/\([0-9]*\):[^"]*"\([^"]*\)".*/\1 \2/' | while read -r line inc; do
			echo "$inc" | grep -qE "$2" || echo "$f:$line: $1 may not include $inc"
		done
	done)
	[ -z "$out" ] && return
	echo "$out"
	bad=1
}

allow base '^base/'
allow mmu '^(base|mmu)/'
allow cpu '^(base|mmu|cpu)/'
allow jit '^(base|mmu|cpu|jit)/'
allow devices/host '^(base|devices/host)/'
for chips in chipset storage video input serial sound net virtio; do
	[ -d "devices/$chips" ] || continue
	allow "devices/$chips" "^(base/|devices/device\\.h|devices/host/[a-z0-9_]*\\.h|devices/chipset/pci\\.h|devices/$chips/|mmu/bus\\.h|mmu/irq\\.h|mmu/dma\\.h)"
done
allow devices/board '^(base|mmu|cpu|jit|devices)/'
allow frontend '^(base|devices/board|devices/host|cpu|frontend)/'
[ $bad = 0 ] && echo "layers: includes go one way"
exit $bad

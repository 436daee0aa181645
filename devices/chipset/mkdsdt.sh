#!/bin/sh
# mkdsdt.sh ASL: print the C array of the AML that iasl makes of it. The C preprocessor comes first
# (iasl's own has no macros with arguments). The compiler's ID and version in the header become
# zeros, so that the result does not depend on them; the checksum is made later, by the firmware.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
gcc -E -P -x c "$1" >"$dir/dsdt.asl"
iasl -p "$dir/dsdt" "$dir/dsdt.asl" >"$dir/log" 2>&1 || {
	cat "$dir/log" >&2
	exit 1
}
echo "/* Made from dsdt.asl by \`make dsdt\`. Do not edit. */"
echo "static const unsigned char dsdt_aml[] = {"
{
	head -c 9 "$dir/dsdt.aml"
	printf '\0'
	tail -c +11 "$dir/dsdt.aml" | head -c 18
	printf '\0\0\0\0\0\0\0\0'
	tail -c +37 "$dir/dsdt.aml"
} | od -An -v -tx1 -w16 | sed 's/ \(..\)/0x\1, /g; s/^/    /; s/ $//'
echo "};"

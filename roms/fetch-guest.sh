#!/bin/sh
# fetch-guest.sh: make the default guest, roms/cache/linux/vmlinuz and initrd.gz: Debian's kernel
# for Pentium Pro and later, and busybox with what is in roms/guest. Needs Debian's mirror once.
set -eu
cd "$(dirname "$0")"
out=cache/linux
mkdir -p $out
exec 8> $out/lock
flock 8

newest=$(find guest fetch-guest.sh -newer $out/initrd.gz 2> /dev/null | head -n 1 || true)
[ -e $out/initrd.gz ] && [ -e $out/vmlinuz ] && [ -z "$newest" ] && exit 0

kernel=$(./fetch-deb.sh i386 linux-image-686)
busybox=$(./fetch-deb.sh i386 busybox-static)
modules=$(echo "$kernel"/lib/modules/*)
version=$(basename "$modules")

# What the machine has: IDE disks and CD-ROM, floppy, mouse, power button, speaker, printer port;
# and the file systems one meets on old disks.
wanted='ata_piix sd_mod sr_mod floppy loop
	ext4 isofs udf vfat msdos minix nls_cp437 nls_iso8859-1 nls_ascii nls_utf8 crc32c_generic
	button evdev psmouse pcspkr parport_pc lp i2c-piix4'

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -R guest/. "$tree"
mkdir -p "$tree/bin" "$tree/sbin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/tmp" "$tree/mnt" \
	"$tree/root" "$tree/lib/modules/$version"
cp "$busybox/bin/busybox" "$tree/bin/busybox"
ln -s busybox "$tree/bin/sh"

# A module's own words about itself: lines "name=value" in its section .modinfo.
about() {
	tr '\0' '\n' < "$1" | sed -n "s/^$2=//p"
}

# Copy a module and what it needs; one line a module for modules.dep, nearest need first.
add_module() {
	file=$(find "$modules/kernel" -name "$1.ko" -o -name "$(echo "$1" | tr _ -).ko" | head -n 1)
	if [ -z "$file" ]; then # built into the kernel
		return 0
	fi
	name=$(basename "$file")
	[ -e "$tree/lib/modules/$version/$name" ] && return 0
	cp "$file" "$tree/lib/modules/$version/$name"
	needs=$(about "$file" depends | tr , ' ')
	about "$file" alias | sed "s/^\(.*\)$/alias \1 $1/" >> "$tree/lib/modules/$version/modules.alias"
	echo "$name:$(for n in $needs; do
		f=$(find "$modules/kernel" -name "$n.ko" -o -name "$(echo "$n" | tr _ -).ko" | head -n 1)
		[ -z "$f" ] || printf ' %s' "$(basename "$f")"
	done)" >> "$tree/lib/modules/$version/direct"
	for n in $needs; do add_module "$n"; done
}
for m in $wanted; do add_module "$m"; done

# modules.dep lists needs of needs too.
awk -F': *' '
	{ direct[$1] = $2; order[++n] = $1 }
	function all(m,    i, k, parts) {
		k = split(direct[m], parts, " ")
		for (i = 1; i <= k; i++)
			if (!seen[parts[i]]++) { list = list " " parts[i]; all(parts[i]) }
	}
	END { for (j = 1; j <= n; j++) { list = ""; delete seen; all(order[j]); print order[j] ":" list } }
' "$tree/lib/modules/$version/direct" > "$tree/lib/modules/$version/modules.dep"
rm "$tree/lib/modules/$version/direct"

mkdir -p $out
# The same bytes each time: sorted, owned by root, dated 1970.
(cd "$tree" && find . -exec touch -h -d @0 {} + && find . | LC_ALL=C sort |
	cpio -o -H newc -R 0:0 --reproducible --quiet) | gzip -n -9 > $out/initrd.new
cp "$kernel/boot/vmlinuz-$version" $out/vmlinuz
mv $out/initrd.new $out/initrd.gz
echo "fetch-guest: Linux $version and busybox are in roms/$out" >&2

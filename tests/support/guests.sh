# shellcheck shell=sh disable=SC2034 # who sources it uses them
# Guests for scripts that run a program with them; to be sourced in a working folder, with the
# program's folder in `root`.

guests=${BYGONE_GUESTS:-$root/../shared/guests}
passed=0 failed=0 skipped=0

unpack() {
	gzip -dc "$guests/$1" >image 2>/dev/null
}

# Sets `options` for guest $1; false if it is not here. `disk` partitions and formats a hard disk.
guest() {
	rm -f image disk
	case $1 in
	freedos) options="--fda image --mem 16"; unpack freedos-sizes/fdboot-1.4MB.img.gz ;;
	opengem) options="--hda image --mem 16"; unpack freedos-opengem/fdgem.img.gz ;;
	disk)
		options="--fda image --hda disk --mem 16"
		truncate -s 32M disk && unpack freedos13-floppy/freedos13.img.gz
		;;
	linux)
		options="--mem 64 --no-input --kernel vmlinuz --initrd initrd.gz"
		"$root/roms/fetch-guest.sh" >fetch.log 2>&1 &&
			ln -sf "$root/roms/cache/linux/vmlinuz" "$root/roms/cache/linux/initrd.gz" .
		;;
	kolibri) options="--mem 64 --fda image" && cp "$guests/kolibrios-2013/kolibri.img" image ;;
	haribote) options="--mem 32 --fda image" && cp "$guests/haribote/haribote.img" image ;;
	mikeos) options="--mem 8 --fda image" && cp "$guests/mikeos/mikeos.flp" image ;;
	floppybird) options="--mem 8 --fda image" && cp "$guests/floppybird/floppybird.img" image ;;
	*) echo "$0: no guest '$1'" >&2; exit 64 ;;
	esac 2>/dev/null
}

# Add what the last line of `out` counts; $1 ended with code $2.
count() {
	line=$(grep -E '^[0-9]+ passed' out)
	if [ -z "$line" ]; then
		failed=$((failed + 1))
	else
		passed=$((passed + ${line%% *}))
		rest=${line#*passed, }
		failed=$((failed + ${rest%% *}))
	fi
	[ "$2" = 0 ] || sed "s/^/$1: /" out
}

# What `count` has added up; false if something failed.
sum() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
}

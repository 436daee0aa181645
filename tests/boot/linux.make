# Debian's kernel with busybox, a disk with ext2 and a CD with the same 20 MB on them.
"$root/roms/fetch-guest.sh" || skip "Debian's linux-image-686 and busybox-static could not be had"
ln -s "$root/roms/cache/linux/vmlinuz" "$root/roms/cache/linux/initrd.gz" .
mkdir tree
seq 1 3000000 | head -c 20971520 > tree/big
gcc -m32 -nostdlib -static -o tree/eject "$root/tests/guest/eject.S"
mke2fs -q -t ext2 -d tree hd.img 40M
xorriso -as mkisofs -quiet -R -o cd.iso tree

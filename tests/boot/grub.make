# A CD made with grub-mkrescue: Linux, Memtest86+ and Space Invaders are on its menu.
"$root/roms/fetch-guest.sh" || skip "Debian's linux-image-686 and busybox-static could not be had"
debian memtest86+
memtest=$package
debian grub-invaders
[ -d /usr/lib/grub/i386-pc ] || skip "no /usr/lib/grub/i386-pc; install grub-pc-bin"
mkdir -p tree/boot/grub
cp "$root/roms/cache/linux/vmlinuz" "$root/roms/cache/linux/initrd.gz" tree/boot
cp "$memtest/boot/memtest86+ia32.bin" tree/boot/memtest.bin
cp "$package/boot/invaders.exec" tree/boot
cat > tree/boot/grub/grub.cfg << 'END'
set timeout=-1
menuentry "Linux and busybox" {
	linux /boot/vmlinuz quiet cryptomgr.notests
	initrd /boot/initrd.gz
}
menuentry "Memtest86+" {
	linux16 /boot/memtest.bin
}
menuentry "Space Invaders" {
	multiboot /boot/invaders.exec
}
END
grub-mkrescue -d /usr/lib/grub/i386-pc -o grub.iso tree

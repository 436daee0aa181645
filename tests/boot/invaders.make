# Space Invaders, a multiboot kernel.
debian grub-invaders
ln -s "$package/boot/invaders.exec" .

# Memtest86+ for 32-bit processors.
debian memtest86+
ln -s "$package/boot/memtest86+ia32.bin" memtest.bin

# Our own floppy; a copy, since QEMU writes to what it is given.
cp "$root/roms/tour.img" .

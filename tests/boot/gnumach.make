# GNU Mach, the kernel of the Hurd.
debian gnumach-image-1.8-486
gzip -dc "$package"/boot/gnumach-1.8-486.gz > gnumach

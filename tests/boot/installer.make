# The text installer of Debian 12.
debian debian-installer-12-netboot-i386
files=$package/usr/lib/debian-installer/images/12/i386/text/debian-installer/i386
ln -s "$files/linux" "$files/initrd.gz" .

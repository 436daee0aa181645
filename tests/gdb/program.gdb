# A COM program under FreeDOS: found by what it writes, then followed with its symbols.
# guest: program --fda dos.img
# file:
set architecture i8086
watch *(short *)0x4f0
continue
#> New value = 4660
print/x *(unsigned char *)($pc - 6)@6
#> 0xc7, 0x6, 0xf0, 0x0, 0x34, 0x12
print/x $ds
#> = 0x40
eval "add-symbol-file program.elf -o %u", (unsigned)$cs_base
x/i $pc
#> <keep+
print/x *(short *)&version
#> = 0x
delete
detach

# A COM program under FreeDOS: found by what it writes, then followed with its symbols, and back to who
# set its variable.
# guest: program --fda dos.img --rewind 128M
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
watch *(short *)&version
reverse-continue
#> New value = 0
#> mov     %ax, version
x/i $pc
#> <start+4>:	mov    %ax,
step
#> Old value = 0
#> call    keep
delete
reverse-stepi
print *(short *)&version
#> = 0
tbreak keep
continue
#> keep () at
detach

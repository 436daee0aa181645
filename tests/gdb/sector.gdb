# A boot sector of ours, from the moment the firmware jumps to it.
# guest: sector --fda sector.img
# file: sector.elf
info registers pc
#> 0xfffffff0
break *0x7c00
continue
#> Breakpoint 1, start () at
#> start:  cli
set architecture i8086
x/3i $pc
#> => 0x7c00 <start>:	cli
#> xor    %ax,%ax
#> mov    %ax,%ds
print/x $cs
#> = 0x0
stepi
#> xor     %ax, %ax
stepi
#> mov     %ax, %ds
print $eax & 0xffff
#> = 0
tbreak add_one
continue
#> add_one () at
#> incw    counter
print $st0
#> = 3.14159265358979
print $sp
#> = (void *) 0x7bfe
watch *(int *)&counter
continue
#> Old value = 0
#> New value = 1
continue
#> Old value = 1
#> New value = 2
x/i $pc
#> => 0x7c17 <add_one+4>:	ret
print $cr0
#> ET
print $cs_base
#> = 0
set var *(int *)&counter = 0x1000
print *(int *)&counter
#> = 4096
delete
break add_one
continue
print $pc
#> = (void (*)()) 0x7c13 <add_one>
set $ax = 0x55
print $ax
#> = 85
set $cr0 = 0x80000000
#> Could not write register "cr0"
#> PG needs PE
set $cr0 = $cr0 | 2
print $cr0
#> [ MP ET ]
set $fs_base = 0x123450
print/x $fs_base
#> = 0x123450
print/x $fs
#> = 0x0
set $st1 = 2.5
print $st1
#> = 2.5
set $eflags = $eflags | 0x800
print $eflags
#> OF
set $tr = 8
#> it can only be read
monitor gdb-pc offset
#> gdb-pc is offset
monitor info registers
#> eip 00007c13
monitor x/1i 0x7c00
#> cli
monitor nonsense
#> unknown command
detach

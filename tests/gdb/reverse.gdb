# The kernel's sum is wrong at its end: back to who wrote it last, and before.
# guest: kernel --kernel kernel.elf --rewind 256M
# file: kernel.elf
hbreak check
continue
#> Breakpoint 1, check (
set architecture i386
print bank.total
#> = 104
watch bank.total
reverse-continue
#> Old value = 104
#> New value = 4
#> deposit (b=0x
reverse-continue
#> Old value = 4
#> New value = 500
#> note (b=0x
#> turn=4, amount=4)
#> b->history[turn & 7] = amount;
x/i $pc
#> mov    %e
stepi
#> Old value = 500
#> New value = 4
reverse-stepi
#> b->history[turn & 7] = amount;
print bank.total
#> = 500
delete
tbreak deposit
reverse-continue
#> Temporary breakpoint
#> deposit (b=0x
print bank.total
#> = 400
reverse-finish
#> in main () at
#> deposit(&bank, 100);
reverse-next
#> deposit(&bank, 100);
break check
continue
#> check (b=0x
print bank.total
#> = 104
detach

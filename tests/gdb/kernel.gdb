# A small kernel with symbols, started from real mode.
# guest: kernel --kernel kernel.elf
# file: kernel.elf
hbreak main
continue
#> Breakpoint 1, main () at
set architecture i386
info registers eip
#> <main
tbreak note if turn == 2
continue
#> note (b=0x
#> turn=2, amount=2)
backtrace
#> #0  note (b=0x
#> #1  0x
#> in main () at
finish
#> in main () at
print bank.total
#> = 300
print turn
#> = 2
next
next
#> deposit(&bank, 100)
step
#> deposit (b=0x
rwatch bank.total
continue
#> Hardware read watchpoint
#> Value = 300
#> b->total += amount
delete
watch bank.total
continue
#> Old value = 300
#> New value = 400
continue
#> Old value = 400
#> New value = 500
delete
info registers cr0 cs_base cpl
#> PE
#> 0x0
detach

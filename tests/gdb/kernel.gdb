# A small kernel with symbols, started from real mode.
# guest: kernel --kernel kernel.elf --debugcon file:console
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
call deposit(&bank, 1)
print bank.total
#> = 501
call deposit(&bank, -1)
info registers cr0 cs_base cpl
#> PE
#> 0x0
delete
tbreak check
continue
#> check (b=0x
#> expected=600)
print expected + 1
#> = 601
set var expected = 7
print expected
#> = 7
disconnect
shell for i in $(seq 600); do grep -q "main has returned" console && break; sleep 0.1; done
target remote ./gdb.sock
#> _start ()
info threads
#> * 1    Thread 1 (halted)
info registers
#> fs_base
#> cr0
#> [ PE ET ]
#> dr7
set $ebx = 0x1234
print/x $bx
#> = 0x1234
set $eflags = 0x97
print $eflags
#> [ CF PF AF SF ]
set $fctrl = 0x27f
print/x $fctrl
#> = 0x27f
set $st2 = 2.5
print $st2
#> = 2.5
detach

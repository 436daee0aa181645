# Debian's Linux kernel, with the names that it gives itself: back to who set one of its variables.
# guest: linux --kernel vmlinuz --initrd initrd.gz --append "quiet nokaslr cryptomgr.notests sysctl.kernel.panic=7" --mem 64M --rewind 256M
# file: vmlinux
hbreak start_kernel
continue
#> Breakpoint 1, 0xc
#> in start_kernel ()
info registers eip cs cr0
#> <start_kernel>
#> 0x60
#> PG
set architecture i386
delete
hbreak proc_dointvec
continue
#> in proc_dointvec ()
print (char *)*(int *)$eax
#> "panic"
set $panic_timeout = *(int **)($eax + 4)
print *$panic_timeout
#> = 0
delete
tbreak kernel_execve
continue
#> in kernel_execve ()
print *$panic_timeout
#> = 7
watch *$panic_timeout
reverse-continue
#> Old value = 7
#> New value = 0
#> in do_proc_dointvec_conv ()
x/i $pc
#> mov    %eax,(%ecx)
stepi
#> Old value = 0
#> New value = 7
delete
reverse-stepi
print *$panic_timeout
#> = 0
detach

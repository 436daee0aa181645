# A Linux program: puts out the CD in /dev/sr0. Its exit code is 0 if the kernel says that it could.
# Source: Linux, "include/uapi/linux/cdrom.h" (CDROMEJECT); i386 system calls by int 80h.
	.code32
	.globl _start
_start:
	mov $5, %eax # open
	mov $device, %ebx
	mov $0x800, %ecx # O_RDONLY | O_NONBLOCK: also without a disc
	int $0x80
	mov %eax, %ebx
	mov $54, %eax # ioctl
	mov $0x5309, %ecx # CDROMEJECT
	xor %edx, %edx
	int $0x80
	test %eax, %eax
	setnz %bl
	movzbl %bl, %ebx
	mov $1, %eax # exit
	int $0x80
device:
	.asciz "/dev/sr0"

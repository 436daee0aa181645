/*
 * The guest's side of the flat benchmark: a multiboot kernel without paging or interrupts that
 * writes to the debug console, port E9h. Source: Multiboot Specification 0.6.96, "OS image format"
 * and "Machine state".
 */
#include "kernels.h"

enum { MAGIC = 0x1BADB002, DEBUG_CONSOLE = 0xE9, DEBUG_EXIT = 0x501, STACK_BYTES = 65536 };

void start(void);
void kernel_main(void);

__attribute__((section(".multiboot"), used)) static const unsigned header[3] = {MAGIC, 0,
                                                                                0u - MAGIC};
__attribute__((used)) static char stack[STACK_BYTES];

__asm__(".globl start\n"
        "start: mov $stack + 65536, %esp\n"
        "       mov %cr0, %eax\n"
        "       and $~0xC, %eax\n" /* no EM, no TS */
        "       or $0x22, %eax\n"  /* MP and NE */
        "       mov %eax, %cr0\n"
        "       fninit\n"
        "       call kernel_main\n"
        "1:     cli; hlt; jmp 1b\n");

static void out(unsigned short port, unsigned char value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void console_write(const char *text, unsigned len)
{
    while (len--)
        out(DEBUG_CONSOLE, (unsigned char)*text++);
}

void kernel_main(void)
{
    run_kernels(TIMES);
    console_write("done\n", 5);
    out(DEBUG_EXIT & 0xFFFF, 0);
}

/*
 * A small kernel for docs/debugging.md: paging, exceptions, and two tasks that take turns. The
 * keeper files numbers in a tree; the logger notes in the last page of the heap how many there are.
 * It does not end well.
 *
 * Build and run as the tutorial says; a Multiboot loader puts it at 1 MiB.
 */
#ifndef STACK
#define STACK 4096
#endif
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

__asm__(".set .Lkeeper_bytes, " TEXT(STACK));
__asm__(".text\n"
        ".balign 4\n"
        ".long 0x1BADB002, 0, -0x1BADB002\n" /* the Multiboot header, found by its magic */
        ".globl _start, switch_to, fault\n"
        "_start: mov $start_top, %esp\n"
        "call main\n"
        "1: hlt\n"
        "jmp 1b\n"
        /* switch_to(from, to): struct task begins with the stack pointer; see struct task. */
        "switch_to: mov 4(%esp), %eax\n"
        "mov 8(%esp), %edx\n"
        "push %ebp\n"
        "push %ebx\n"
        "push %esi\n"
        "push %edi\n"
        "mov %esp, (%eax)\n"
        "mov (%edx), %esp\n"
        "mov 4(%edx), %eax\n"
        "mov %eax, %cr3\n"
        "pop %edi\n"
        "pop %esi\n"
        "pop %ebx\n"
        "pop %ebp\n"
        "ret\n"
        "fault: mov 4(%esp), %eax\n"
        "push %eax\n"
        "mov %cr2, %eax\n"
        "push %eax\n"
        "call panic\n"
        ".bss\n"
        ".balign 4096\n"
        "directory: .skip 4096\n"
        "low_table: .skip 4096\n"  /* 0 to 4 MiB, where the kernel is */
        "heap_table: .skip 4096\n" /* 4 to 8 MiB */
        "keeper_stack: .skip .Lkeeper_bytes\n"
        "keeper_top:\n"
        "logger_stack: .skip 4096\n"
        "logger_top:\n"
        "start_stack: .skip 4096\n"
        "start_top:\n"
        ".text\n");

enum { PRESENT = 1, WRITABLE = 2, HEAP = 0x400000, HEAP_END = 0x800000, PAGE = 4096, WORDS = 800 };

typedef unsigned u32;

struct task {
    u32 *stack;
    u32 *directory;
};

struct node {
    int key;
    struct node *left, *right;
};

extern u32 directory[], low_table[], heap_table[], keeper_top[], logger_top[];
void switch_to(struct task *from, struct task *to);
void fault(void);
void panic(u32 address, u32 eip);
int insert(struct node **at, int key);
int main(void);

static struct task starter, keeper, logger;
static struct node *tree, *next_node = (struct node *)HEAP;
static char *const log = (char *)HEAP_END - PAGE;
static int count;

/* ---- Screen ---- */

static volatile unsigned short *screen = (unsigned short *)0xB8000;

static void clear(void)
{
    int i;

    for (i = 0; i < 80 * 25; i++)
        screen[i] = 0x0720;
}

static void say(const char *text)
{
    for (; *text; text++) {
        *screen++ = 0x0700 | (unsigned char)*text;
        __asm__ volatile("outb %0, $0xE9" : : "a"(*text));
    }
}

static void say_hex(u32 value)
{
    char digits[9];
    int i;

    for (i = 7; i >= 0; i--, value >>= 4)
        digits[i] = "0123456789abcdef"[value & 15];
    digits[8] = 0;
    say(digits);
}

void panic(u32 address, u32 eip)
{
    say("panic: page fault at ");
    say_hex(address);
    say(", eip ");
    say_hex(eip);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* ---- Tasks ---- */

/* The depth at which the key was filed. Aligned, so that what CALL pushes is an even address. */
__attribute__((aligned(16))) int insert(struct node **at, int key)
{
    struct node *n = *at;

    if (n)
        return 1 + insert(key < n->key ? &n->left : &n->right, key);
    n = next_node++;
    n->key = key;
    n->left = n->right = 0;
    *at = n;
    return 0;
}

static void keep(void)
{
    for (;;) {
        if (count < WORDS)
            insert(&tree, 2 * count++);
        switch_to(&keeper, &logger);
    }
}

static void note(void)
{
    for (;;) {
        *(int *)log = count;
        if (count == WORDS) {
            say("all is well");
            count++;
        }
        switch_to(&logger, &keeper);
    }
}

static void task_begin(struct task *t, u32 *top, void (*run)(void))
{
    *--top = (u32)run;
    top -= 4; /* what switch_to pops */
    t->stack = top;
    t->directory = directory;
}

/* ---- Start ---- */

static u32 idt[2 * 32];

static void idt_begin(void)
{
    struct {
        unsigned short limit;
        u32 base;
    } __attribute__((packed)) idtr = {sizeof idt - 1, (u32)idt};
    unsigned short cs;

    __asm__("mov %%cs, %0" : "=r"(cs));
    idt[2 * 14] = (u32)cs << 16 | ((u32)fault & 0xFFFF);
    idt[2 * 14 + 1] = ((u32)fault & 0xFFFF0000) | 0x8E00;
    __asm__ volatile("lidt %0" : : "m"(idtr));
}

static void paging_begin(void)
{
    u32 i;

    for (i = 0; i < 1024; i++) {
        low_table[i] = i * PAGE | PRESENT | WRITABLE;
        heap_table[i] = (HEAP + i * PAGE) | PRESENT | WRITABLE;
    }
    directory[0] = (u32)low_table | PRESENT | WRITABLE;
    directory[1] = (u32)heap_table | PRESENT | WRITABLE;
    __asm__ volatile("mov %0, %%cr3\n"
                     "mov %%cr0, %%eax\n"
                     "or $0x80000000, %%eax\n"
                     "mov %%eax, %%cr0\n"
                     :
                     : "r"(directory)
                     : "eax", "memory");
}

int main(void)
{
    clear();
    idt_begin();
    paging_begin();
    task_begin(&keeper, keeper_top, keep);
    task_begin(&logger, logger_top, note);
    switch_to(&starter, &keeper);
    return 0;
}

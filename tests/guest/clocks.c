/*
 * A guest that tells the time on the first serial port, for tests/bench/clocks.py to compare with
 * the host's. A multiboot kernel in protected mode, freestanding:
 *
 *     gcc -m32 -march=i486 -O2 -ffreestanding -nostdlib ...   (clocks.py does it)
 *
 *   (nothing)  works and waits by turns of 33 ms: rep stos over 4 MB, page faults, HLT. At each
 *              new second of the RTC a line: "second TICKS TSC", ticks of 1 ms by the PIT
 *   delay      measures a delay loop against the PIT for half a second, as Linux does, then spends
 *              20 seconds in it and says so each second: "delay N"
 *   compute    a loop of multiplications without any waiting; lines as with nothing
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum {
    COM1 = 0x3F8,
    PIT_HZ = 1193182,
    TICK_HZ = 1000,
    TURN_TICKS = 33,
    LAST_SECOND = 65,
    WINDOW = 0x40000000, /* linear: pages that come in by faults */
    WINDOW_PAGES = 1024,
    STORE = 0x800000, /* physical: 4 MB for rep stos, the window's pages behind */
    STORE_BYTES = 0x400000,
    PRESENT_WRITABLE = 3,
};

__attribute__((section(".multiboot"), used)) static const u32 multiboot[3] = {0x1BADB002, 0,
                                                                              -0x1BADB002u};

static volatile u32 ticks;
static u64 idt[256];
static u32 directory[1024] __attribute__((aligned(4096)));
static u32 low[4][1024] __attribute__((aligned(4096)));
static u32 window[WINDOW_PAGES] __attribute__((aligned(4096)));
static u64 gdt[3] = {0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF};
static u8 stack[16384] __attribute__((aligned(16), used));

static inline void out(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 in(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* ---- Words for the host ---- */

static void start_serial(void)
{
    out(COM1 + 3, 0x83);
    out(COM1, 1); /* 115200 baud, 8N1 */
    out(COM1 + 1, 0);
    out(COM1 + 3, 0x03);
}

static void print(const char *s)
{
    for (; *s; s++) {
        while (!(in(COM1 + 5) & 0x20))
            ;
        out(COM1, (u8)*s);
    }
}

static void print_number(u64 n)
{
    char text[21], *p = text + 20;
    u32 high = (u32)(n >> 32), low_half = (u32)n, rest;

    *p = 0;
    do { /* n / 10 and n % 10 in two steps: there is no library here */
        rest = high % 10;
        high /= 10;
        __asm__("divl %2" : "+a"(low_half), "+d"(rest) : "r"(10u));
        *--p = (char)('0' + rest);
    } while (high | low_half);
    print(p);
}

/* ---- Interrupts and pages ---- */

void tick(void);
void page_fault(void);
void entry(void);
void kernel(u32 info);

__asm__(".globl entry\n"
        "entry:\n"
        "    movl $stack + 16384, %esp\n"
        "    pushl %ebx\n"
        "    call kernel\n"
        "tick_entry:\n"
        "    pusha\n"
        "    call tick\n"
        "    popa\n"
        "    iret\n"
        "fault_entry:\n"
        "    pusha\n"
        "    call page_fault\n"
        "    popa\n"
        "    addl $4, %esp\n"
        "    iret\n");

extern const char tick_entry[], fault_entry[];

void tick(void)
{
    ticks++;
    out(0x20, 0x20);
}

/* The page comes in, from behind the memory for rep stos. */
void page_fault(void)
{
    u32 address, page;

    __asm__ volatile("movl %%cr2, %0" : "=r"(address));
    page = (address - WINDOW) / 4096;
    window[page] = (STORE + STORE_BYTES + page * 4096) | PRESENT_WRITABLE;
}

static void set_gate(unsigned vector, const char *handler)
{
    u32 offset = (u32)handler;

    idt[vector] =
        (u64)(offset & 0xFFFF0000u) << 32 | 0x8E00ull << 32 | 0x08u << 16 | (offset & 0xFFFF);
}

static void load_tables(void)
{
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) gdtr = {sizeof gdt - 1, (u32)gdt}, idtr = {sizeof idt - 1, (u32)idt};

    __asm__ volatile("lgdt %0\n"
                     "ljmp $8, $1f\n"
                     "1: movw $16, %%ax\n"
                     "movw %%ax, %%ds\n"
                     "movw %%ax, %%es\n"
                     "movw %%ax, %%ss\n"
                     "lidt %1\n"
                     :
                     : "m"(gdtr), "m"(idtr)
                     : "eax", "memory");
}

static void start_paging(void)
{
    u32 i;

    for (i = 0; i < 4096; i++)
        low[i / 1024][i % 1024] = i * 4096 | PRESENT_WRITABLE;
    for (i = 0; i < 4; i++)
        directory[i] = (u32)low[i] | PRESENT_WRITABLE;
    directory[WINDOW >> 22] = (u32)window | PRESENT_WRITABLE;
    __asm__ volatile("movl %0, %%cr3\n"
                     "movl %%cr0, %%eax\n"
                     "orl $0x80000000, %%eax\n"
                     "movl %%eax, %%cr0\n"
                     :
                     : "r"(directory)
                     : "eax", "memory");
}

static void start_ticks(void)
{
    static const u8 pic[4][2] = {{0x11, 0x11}, {0x20, 0x28}, {4, 2}, {1, 1}};
    unsigned i;

    for (i = 0; i < 4; i++) {
        out(i ? 0x21 : 0x20, pic[i][0]);
        out(i ? 0xA1 : 0xA0, pic[i][1]);
    }
    out(0x21, 0xFE);
    out(0xA1, 0xFF);
    out(0x43, 0x34);
    out(0x40, (PIT_HZ / TICK_HZ) & 0xFF);
    out(0x40, (PIT_HZ / TICK_HZ) >> 8);
    __asm__ volatile("sti");
}

/* ---- What there is to do ---- */

static void store(void)
{
    u32 to = STORE, n = STORE_BYTES / 4;

    __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static void fault_in(void)
{
    u32 i;

    for (i = 0; i < WINDOW_PAGES; i++)
        *(volatile u32 *)(WINDOW + i * 4096) = i;
    for (i = 0; i < WINDOW_PAGES; i++)
        window[i] = 0;
    __asm__ volatile("movl %%cr3, %%eax\n movl %%eax, %%cr3" : : : "eax", "memory");
}

static void halt(void)
{
    __asm__ volatile("hlt");
}

static void multiply(void)
{
    static volatile u32 seed = 1;
    u32 i, x = seed;

    for (i = 0; i < 10000; i++)
        x = x * 1664525 + 1013904223;
    seed = x;
}

static u8 rtc_second(void)
{
    out(0x70, 0x0A);
    if (in(0x71) & 0x80)
        return 0xFF; /* in the middle of an update */
    out(0x70, 0x00);
    return in(0x71);
}

static u64 read_tsc(int has_tsc)
{
    u64 tsc = 0;

    if (has_tsc)
        __asm__ volatile("rdtsc" : "=A"(tsc));
    return tsc;
}

/* Once a tick: has a new second begun? Returns how many have. */
static u32 watch_seconds(int has_tsc)
{
    static u32 seen_tick, seconds;
    static u8 last = 0xFF;
    u8 now;

    if (seen_tick == ticks)
        return seconds;
    seen_tick = ticks;
    now = rtc_second();
    if (now == 0xFF || now == last)
        return seconds;
    last = now;
    seconds++;
    print("second ");
    print_number(seen_tick);
    print(" ");
    print_number(read_tsc(has_tsc));
    print("\n");
    return seconds;
}

static void work_and_wait(int has_tsc, int compute)
{
    static void (*const turns[3])(void) = {store, fault_in, halt};
    u32 turn = 0, begun;

    for (;;) {
        begun = ticks;
        while (ticks - begun < TURN_TICKS) {
            if (compute)
                multiply();
            else
                turns[turn]();
            if (watch_seconds(has_tsc) > LAST_SECOND)
                return;
        }
        turn = (turn + 1) % 3;
    }
}

static void delay(u32 loops)
{
    __asm__ volatile(".balign 16\n1: decl %0\n jnz 1b" : "+r"(loops));
}

static void delay_loops(void)
{
    u32 begun, loops = 0, i, n;

    begun = ticks;
    while (ticks == begun)
        ;
    begun = ticks;
    while (ticks - begun < TICK_HZ / 2) {
        delay(10000);
        loops++;
    }
    print("delay 0\n");
    for (i = 1; i <= 20; i++) {
        for (n = 0; n < loops * 2; n++)
            delay(10000);
        print("delay ");
        print_number(i);
        print("\n");
    }
}

static int has_cpuid_tsc(void)
{
    u32 changed, a = 1, b, c, d;

    __asm__ volatile("pushfl\n pushfl\n xorl $0x200000, (%%esp)\n popfl\n pushfl\n popl %0\n"
                     "xorl (%%esp), %0\n popfl"
                     : "=&r"(changed));
    if (!(changed & 0x200000))
        return 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return d >> 4 & 1;
}

static int option(u32 info, char letter)
{
    const char *line = (const char *)((u32 *)info)[4];

    for (; *line; line++)
        if (*line == ' ' && line[1] == letter)
            return 1;
    return 0;
}

void kernel(u32 info)
{
    int wants_delay = option(info, 'd'), compute = option(info, 'c');

    start_serial();
    load_tables();
    set_gate(0x20, tick_entry);
    set_gate(14, fault_entry);
    start_paging();
    start_ticks();
    if (wants_delay)
        delay_loops();
    else
        work_and_wait(has_cpuid_tsc(), compute);
    print("end\n");
    for (;;)
        halt();
}

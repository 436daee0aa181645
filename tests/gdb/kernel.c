/*
 * A multiboot kernel with a fault: note() keeps eight entries where there is room for four, and the
 * fifth overwrites the sum beside them.
 */
__asm__(".text\n"
        ".balign 4\n"
        ".long 0x1BADB002, 0, -0x1BADB002\n" /* the Multiboot header, found by its magic */
        ".globl _start\n"
        "_start: mov $stack_top, %esp\n"
        "call main\n"
        "mov $over, %esi\n"
        "mov $over_end - over, %ecx\n"
        "mov $0xE9, %edx\n" /* the debug console */
        "rep outsb\n"
        "1: cli\n"
        "hlt\n"
        "jmp 1b\n"
        "over: .ascii \"main has returned\\n\"\n"
        "over_end:\n"
        ".bss\n"
        ".balign 16\n"
        ".skip 4096\n"
        "stack_top:\n"
        ".text\n");

struct bank {
    int history[4];
    int total;
};

struct bank bank;
volatile int checks;

void deposit(struct bank *b, int amount);
void note(struct bank *b, int turn, int amount);
void check(const struct bank *b, int expected);
int main(void);

void deposit(struct bank *b, int amount)
{
    b->total += amount;
}

void note(struct bank *b, int turn, int amount)
{
    b->history[turn & 7] = amount;
}

void check(const struct bank *b, int expected)
{
    if (b->total != expected)
        checks = -1;
}

int main(void)
{
    int turn;

    for (turn = 0; turn < 6; turn++) {
        deposit(&bank, 100);
        note(&bank, turn, turn);
    }
    check(&bank, 600);
    return 0;
}

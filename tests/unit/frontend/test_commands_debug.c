/* The debugger's commands: what they say, and what they refuse. */
#include "cpu/fpu.h"
#include "devices/board/board.h"
#include "devices/board/debug.h"
#include "frontend/commands.h"
#include "frontend/commands_debug.h"
#include "tests/support/pc_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct pc_rig rig;
static struct command_context context;
static struct text out;
static char told[200];

static void tell(void *opaque, const char *line)
{
    snprintf(told, sizeof told, "%s", line);
}

/* call f; jmp $; f: push ax; mov [1000h], al; pop ax; ret */
static void setup(void)
{
    pc_rig_setup(&rig, "interp", "E8 02 00 EB FE 50 A2 00 10 58 C3");
    context = (struct command_context){.machine = rig.machine, .tell = tell};
}

static void teardown(void)
{
    text_free(&out);
    pc_rig_teardown(&rig);
}

TestSuite(commands_debug, .init = setup, .fini = teardown);

/* What a command says. */
static const char *says(const char *line)
{
    text_free(&out);
    command_run(&context, line, &out);
    return out.data ? out.data : "";
}

static void report(void)
{
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    text_free(&out);
    command_report_stop(rig.machine, &out);
}

/*
 * mov eax, 3000h; mov cr3, eax; mov eax, 80000001h; mov cr0, eax
 * inc cx; mov [1000h], cl; dec ax; jnz the inc; mov [1F00h], ax; jmp $
 * The page of 1000h lies at 401000h as well.
 */
static void start_paging(void)
{
    char err[200];

    pc_rig_teardown(&rig);
    pc_rig_setup(&rig, "interp",
                 "66 B8 00 30 00 00 0F 22 D8 66 B8 01 00 00 80 0F 22 C0 "
                 "41 88 0E 00 10 48 75 F8 A3 00 1F EB FE");
    context.machine = rig.machine;
    pc_rig_put(&rig, 0x3000, "03 40 00 00 03 40 00 00");
    pc_rig_put(&rig, 0x4000,
               "03 00 00 00 03 10 00 00 03 20 00 00 03 30 00 00 03 40 00 00 03 50 00 00 "
               "03 60 00 00 03 70 00 00");
    cr_assert(machine_rewind_start(rig.machine, 32 << 20, err, sizeof err), "%s", err);
    pc_rig_run(&rig);
}

Test(commands_debug, who_wrote_finds_who_used_another_linear_address)
{
    start_paging();
    cr_assert(strstr(says("who-wrote 401000h"), "00401000 is physical 00001000\n0000:00007c13 "),
              "%s", says("who-wrote 401000h"));
    cr_assert(strstr(says("who-wrote 1000h"), "0000:00007c13 writes a byte at 00001000"), "%s",
              out.data);
    cr_assert_null(strstr(out.data, "is physical"));
    cr_assert(strstr(says("who-wrote 401f01h 2"), "0000:00007c1a writes a word"), "%s", out.data);
    cr_assert(strstr(says("who-wrote word 401f01h"), "0000:00007c1a writes a word"), "%s",
              out.data);
    cr_assert_str_eq(says("who-wrote port 10000h"), "ports are 0 to 0xFFFF\n");
    cr_assert(strstr(says("who-wrote 900000h"), "nobody did"), "it is not mapped: linear");
    cr_assert(strstr(says("who-wrote 0 200000h"), "writes"), "%s", out.data);
}

Test(commands_debug, points_are_listed_as_they_are)
{
    says("break 7c05h if ax == 0 && cx == 0");
    says("tbreak 0000:7C03");
    says("break phys 0x7c09");
    says("watch word 1000h");
    says("awatch ds:1000h, 16");
    says("rwatch port 60h-64h");
    says("watch msr 1b0h");
    says("watch reg ebx");
    says("catch int 10h");
    says("catch exception any");
    says("catch dos 4ch");
    says("catch mode");
    says("log 1 hello {ax}");
    says("ignore 4 3");
    says("disable 9");
    cr_assert_str_eq(says("list"),
                     "1: break at 00007c05 if ax == 0 && cx == 0, logs \"hello {ax}\"\n"
                     "2: break at 0000:7c03, once\n"
                     "3: break at physical 00007c09\n"
                     "4: writes of 2 bytes at 00001000, ignored 3 times more\n"
                     "5: accesses of 16 bytes at 00001000\n"
                     "6: reads of port 0060-0064\n"
                     "7: writes of MSR 1b0\n"
                     "8: changes of ebx\n"
                     "9: interrupt 10, off\n"
                     "10: any exception\n"
                     "11: DOS function 4c\n"
                     "12: mode switches\n");
    says("delete 1 2 3");
    says("delete");
    cr_assert_str_eq(says("list"), "no breakpoints, watchpoints or catches\n");
}

Test(commands_debug, what_cannot_be_is_refused_with_a_reason)
{
    static const struct {
        const char *line, *answer;
    } t[] = {
        {"break nowhere", "neither a number (hexadecimal after 0x) nor a register or symbol: "
                          "'nowhere'\n"},
        {"break 1 if", "a condition is missing behind 'if'\n"},
        {"break 1 if ax ==", "a number or a register is missing before: ''\n"},
        {"break 12345h:0", "a selector has 16 bits: '12345h'\n"},
        {"watch 0, 0", "one watchpoint covers 1 to 1048576 bytes\n"},
        {"watch port 99999", "ports are 0 to 0xFFFF, the lower one first\n"},
        {"catch fish", "catch int N, exception N, dos AH (each also 'any'), mode, task, triple, "
                       "magic\n"},
        {"trace /nonexistent/x insn 20h-10h", "the lower address comes first: '20h-10h'\n"},
        {"catch int 100h", "'int' counts from 0 to 0xFF\n"},
        {"catch exception 32", "'exception' counts from 0 to 0x1F\n"},
        {"catch dos 999", "'dos' counts from 0 to 0xFF\n"},
        {"catch mode real", "'mode' takes no number: 'real'\n"},
        {"delete 7", "there is no point '7'; 'list' shows them\n"},
        {"condition x", "there is no point 'x'; 'list' shows them\n"},
        {"wait forever", "'forever' is no number of seconds\n"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        cr_assert_str_eq(says(t[i].line), t[i].answer, "%s: %s", t[i].line, out.data);
    cr_assert_str_eq(says("list"), "no breakpoints, watchpoints or catches\n");
}

Test(commands_debug, a_pixel_that_shows_no_memory_is_not_watched)
{
    cr_assert_str_eq(says("watch pixel 1"), "watch pixel X Y, as a screenshot counts them\n");
    cr_assert_str_eq(says("rwatch pixel 1 2"), "only what writes a pixel can be watched\n");
    cr_assert(strstr(says("watch pixel 1 2"), "no memory is shown there"), "the screen is off");
    cr_assert(strstr(says("watch pixel 1 nothing"), "nothing"));
    cr_assert(strstr(says("who-wrote pixel 1 2"), "the past is not kept"));
}

Test(commands_debug, a_stop_is_reported_with_registers_and_instruction)
{
    says("break 7c05h");
    report();
    cr_assert(strstr(out.data, "point 1: breakpoint at 0000:00007c05\n"));
    cr_assert(strstr(out.data, "esp=00007bfe\n"));
    cr_assert(strstr(out.data, "0000:7c05  push ax    (real mode)\n"), "%s", out.data);
}

Test(commands_debug, steps_set_the_machine_going_and_wait)
{
    says("until 7c05h");
    cr_assert_gt(context.wait_ms, 0);
    report();
    says("finish");
    report();
    cr_assert(strstr(out.data, "0000:7c03  jmp 0x7c03"), "%s", out.data);
}

Test(commands_debug, a_log_point_tells)
{
    says("watch 1000h");
    says("log 1 al is {al}, {byte [1000h]}");
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TIME);
    cr_assert_str_eq(told, "al is 0, 0");
}

Test(commands_debug, symbols_name_addresses)
{
    char path[] = "/tmp/test_symbols.XXXXXX", line[80];
    int fd = mkstemp(path);

    cr_assert(write(fd, "7c00 T start\n7c05 T f\n", 22) == 22);
    close(fd);
    snprintf(line, sizeof line, "symbols load %s", path);
    cr_assert_str_eq(says(line), "2 symbols\n");
    unlink(path);
    cr_assert_str_eq(says("print f + 1"), "0x7c06  31750  f+1\n");
    cr_assert_str_eq(says("print 41h"), "0x41  65  'A'\n");
    says("x/2i start");
    says("x /2i start");
    cr_assert(strstr(out.data, "start:\n00007c00:  e80200 "));
    cr_assert(strstr(out.data, " <f>\n00007c03:  ebfe "));
    says("break f");
    report();
    cr_assert(strstr(out.data, "\nf:\n0000:7c05"));
}

/* ---- Views ---- */

Test(commands_debug, descriptor_tables_are_told_in_words)
{
    rig.cpu->gdtr = (struct table_reg){.base = 0x3000, .limit = 0x27};
    pc_rig_put(&rig, 0x3008, "FF FF 00 00 00 9A CF 00"); /* flat 32-bit code */
    pc_rig_put(&rig, 0x3010, "FF 0F 00 00 01 F2 40 00"); /* 4 KiB of data at 10000h for users */
    pc_rig_put(&rig, 0x3018, "34 12 08 00 00 EC 00 00"); /* a call gate to 0008:1234 */
    pc_rig_put(&rig, 0x3020, "67 00 00 50 00 89 00 00"); /* a TSS at 5000h */
    cr_assert_str_eq(says("info gdt"), "GDT at 00003000, limit 0027\n"
                                       "  0008  00000000-ffffffff  32-bit code, readable, DPL 0\n"
                                       "  0010  00010000-00010fff  32-bit data, writable, DPL 3\n"
                                       "  0018  32-bit call gate, DPL 3, to 0008:00001234\n"
                                       "  0020  00005000-00005067  32-bit TSS, DPL 0\n");
    cr_assert_str_eq(says("info ldt"), "there is no LDT\n");
}

Test(commands_debug, a_segment_may_go_around_the_end_of_memory)
{
    rig.cpu->gdtr = (struct table_reg){.base = 0x3000, .limit = 0xF};
    pc_rig_put(&rig, 0x3008, "FF FF 00 A0 0E 93 8F 02"); /* 4 GiB from 020EA000h */
    cr_assert(strstr(says("info gdt"), "  0008  020ea000-020e9fff (around 4 GiB)  16-bit data"),
              "%s", out.data);
}

Test(commands_debug, an_ldt_shows_its_selectors)
{
    rig.cpu->ldtr = (struct segment){.sel = 0x28, .base = 0x4000, .limit = 15};
    pc_rig_put(&rig, 0x4000, "FF 0F 00 00 01 9A 00 00");
    pc_rig_put(&rig, 0x4008, "FF 0F 00 00 01 F6 00 00"); /* expands down, for users */
    cr_assert_str_eq(says("info ldt"),
                     "LDT at 00004000, limit 000f\n"
                     "  0004  00010000-00010fff  16-bit code, readable, DPL 0\n"
                     "  000c  00010000-00010000  16-bit data, writable, expands down from offset "
                     "00001000, DPL 3\n");
}

Test(commands_debug, vectors_are_told_in_words)
{
    char line[16 * 4 * 3 + 1] = "";

    for (unsigned i = 0; i < 16; i++)
        strcat(line, "53 FF 00 F0 ");
    pc_rig_put(&rig, 0x200, line); /* vectors 80h to 8Fh */
    pc_rig_put(&rig, 0x204, "34 12 78 56");
    says("info ivt");
    cr_assert(strstr(out.data, "\n80     f000:ff53\n81     5678:1234\n82-8f  f000:ff53\n"), "%s",
              out.data);
    cr_assert(strstr(says("info idt"), "real mode"));
    rig.cpu->cr0 |= CR0_PE;
    rig.cpu->idtr = (struct table_reg){.base = 0x3000, .limit = 0x1F};
    pc_rig_put(&rig, 0x3000, "34 12 08 00 00 EE 01 00"); /* for users */
    pc_rig_put(&rig, 0x3008, "00 00 30 00 00 85 00 00"); /* a task gate */
    pc_rig_put(&rig, 0x3018, "34 12 08 00 00 07 00 00"); /* not present */
    cr_assert_str_eq(says("info idt"),
                     "IDT at 00003000, limit 001f\n"
                     "  00  32-bit interrupt gate, DPL 3, to 0008:00011234\n"
                     "  01  task gate, DPL 0, task 0030\n"
                     "  03  16-bit trap gate, DPL 0, not present, to 0008:1234\n");
}

/* SDM Vol. 3A, "Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)". */
Test(commands_debug, tasks_are_told_in_words)
{
    cr_assert_str_eq(says("info tss"), "no task register was loaded\n");
    rig.cpu->cr0 |= CR0_PE;
    rig.cpu->tr = (struct segment){.sel = 0x10, .base = 0x4000, .limit = 0x6B, .attr = 0x8B};
    pc_rig_put(&rig, 0x4004, "00 02 00 00 38 00 00 00");
    pc_rig_put(&rig, 0x401C, "00 50 12 00 C5 06 00 00 02 32 00 00 44 33 22 11");
    pc_rig_put(&rig, 0x4064, "00 00 68 00 FF FE F0 0F");
    says("info tss");
    cr_assert(strstr(out.data, "TR 0010, 32-bit TSS at 00004000, limit 006b\n"
                               "  level 0 stack 0038:00000200\n"));
    cr_assert(strstr(out.data, "  cr3 00125000  eip 000006c5  eflags 00003202\n"
                               "  eax 11223344 "));
    cr_assert(strstr(out.data, "I/O map at 0068\n"
                               "  ports allowed: 0008-0008, 0010-0013, 001c-001f\n"),
              "%s", out.data);
    rig.cpu->tr.limit = 0x67;
    cr_assert(strstr(says("info tss"), "no port is allowed"));
    rig.cpu->tr = (struct segment){.sel = 0x18, .base = 0x5000, .limit = 0x2B, .attr = 0x83};
    pc_rig_put(&rig, 0x5002, "00 01 20 00");
    pc_rig_put(&rig, 0x500E, "34 12");
    pc_rig_put(&rig, 0x502A, "28 00");
    says("info tss");
    cr_assert(strstr(out.data, "16-bit TSS"));
    cr_assert(strstr(out.data, "level 0 stack 0020:0100\n"));
    cr_assert(strstr(out.data, "  ip 1234 flags 0000 "));
    cr_assert(strstr(out.data, " ldt 0028\n"));
}

Test(commands_debug, a_page_walk_shows_each_level)
{
    cr_assert_str_eq(says("page 12345h"), "paging is off: physical 00012345\n");
    rig.cpu->cr0 |= CR0_PE | CR0_PG;
    rig.cpu->cr3 = 0x10000;
    cpu_update_mode(rig.cpu);
    pc_rig_put(&rig, 0x10000, "07 10 01 00"); /* first 4 MiB: the table at 11000h, for users */
    pc_rig_put(&rig, 0x11014, "61 00 0A 00"); /* page 5: at A0000h, accessed and dirty */
    cr_assert_str_eq(says("page 5678h"),
                     "linear 00005678, cr3 00010000\n"
                     "directory entry at 00010000: 00011007  to 00011000, writable, user\n"
                     "table entry     at 00011014: 000a0061  to 000a0000, read-only, supervisor, "
                     "accessed, dirty\n"
                     "physical 000a0678\n");
    cr_assert_str_eq(says("page 401000h"), "linear 00401000, cr3 00010000\n"
                                           "directory entry at 00010004: 00000000  not present\n");
    rig.cpu->cr4 |= CR4_PSE;
    pc_rig_put(&rig, 0x10008, "E3 01 C0 00");
    cr_assert_str_eq(says("page 812345h"),
                     "linear 00812345, cr3 00010000\n"
                     "directory entry at 00010008: 00c001e3  to 00c00000, writable, supervisor, "
                     "accessed, dirty, global, a page of 4 MiB\n"
                     "physical 00c12345\n");
}

Test(commands_debug, the_stack_is_shown_with_names)
{
    says("until 7c06h");
    report();
    cr_assert_str_eq(says("stack 2"), "0000:7bfc  0000\n0000:7bfe  7c03\n");
}

Test(commands_debug, dos_memory_blocks_are_found)
{
    cr_assert_str_eq(says("info dos"), "no chain of DOS memory blocks was found\n");
    pc_rig_put(&rig, 0x2000, "4D 08 00 10 00"); /* 0200: DOS, 256 bytes */
    pc_rig_put(&rig, 0x2110, "4D 12 02 FF 00 00 00 00 45 44 49 54 00 00 00 00"); /* 0211: EDIT */
    pc_rig_put(&rig, 0x3110, "5A 00 00 00 10");                                  /* 0311: free */
    cr_assert_str_eq(says("info dos"), "block  bytes   owner\n"
                                       "0200      256  0008  DOS\n"
                                       "0211     4080  0212  program of EDIT\n"
                                       "0311    65536  0000  free\n");
}

Test(commands_debug, upper_memory_blocks_are_a_chain_of_their_own)
{
    struct board *b = machine_board(rig.machine);

    bus_out(b->bus, 0xCF8, 4, 0x80000058); /* RAM at C0000h (82441FX, "PAM") */
    bus_out(b->bus, 0xCFE, 1, 0x33);
    pc_rig_put(&rig, 0x2000, "4D 08 00 10 00");
    pc_rig_put(&rig, 0x2110, "4D 00 00 FF 00");
    pc_rig_put(&rig, 0x3110, "5A 00 00 00 10");
    pc_rig_put(&rig, 0x9FFF0, "4D 00 A0 00 20 00 00 00 4D 4F 55 53 45 00 00 00");
    pc_rig_put(&rig, 0xC0000, "5A 00 00 00 10");
    cr_assert(strstr(says("info dos"), "upper memory:\n9fff   131072  a000  program of MOUSE\n"
                                       "c000    65536  0000  free\n"),
              "%s", out.data);
}

/* Bit patterns from SDM Vol. 1, "Floating-Point Data Types"; pi is FLDPI's. */
Test(commands_debug, the_numeric_processor_is_told_in_words)
{
    static const u8 values[6][10] = {
        {0x35, 0xC2, 0x68, 0x21, 0xA2, 0xDA, 0x0F, 0xC9, 0x00, 0x40},
        {0, 0, 0, 0, 0, 0, 0, 0xA0, 0x00, 0xC0},
        {0, 0, 0, 0, 0, 0, 0, 0x80, 0xFF, 0x7F},
        {0, 0, 0, 0, 0, 0, 0, 0x80, 0xFE, 0x7F}, /* 2 to the 16383rd */
        {1, 0, 0, 0, 0, 0, 0, 0, 0, 0},          /* the smallest denormal, 2 to the -16445th */
        {0},
    };
    struct fpu *f = &rig.cpu->fpu;

    f->cw = 0x0F7F;
    f->sw = SW_ZE | SW_C3;
    f->top = 3;
    for (unsigned i = 0; i < 6; i++)
        memcpy(f->reg[(3 + i) & 7], values[i], 10);
    f->tags = fpu_tags_of_word(0);
    says("info fpu");
    cr_assert(strstr(out.data, "control 0f7f: precision 64 bits, rounds towards zero, masked IE DE "
                               "ZE OE UE PE\n"),
              "%s", out.data);
    cr_assert(strstr(out.data, "status 5804: top 3, C3-C0 1000, flags ZE\n"), "%s", out.data);
    cr_assert(strstr(out.data, "st0  4000 c90fdaa22168c235  3.14159265358979\n"), "%s", out.data);
    cr_assert(strstr(out.data, "st1  c000 a000000000000000  -2.5\n"), "%s", out.data);
    cr_assert(strstr(out.data, "st2  7fff 8000000000000000  infinity  special\n"), "%s", out.data);
    cr_assert(strstr(out.data, "  5.9486574"), "%s", out.data);
    cr_assert(strstr(out.data, "e+4931\n"), "%s", out.data);
    cr_assert(strstr(out.data, "e-4951  special\n"), "%s", out.data);
    cr_assert(strstr(out.data, "st5  0000 0000000000000000  0\n"), "%s", out.data);
    f->tags = fpu_tags_of_word(0xFFFF);
    cr_assert(strstr(says("info fpu"), "st0  4000 c90fdaa22168c235  empty\n"), "%s", out.data);
}

Test(commands_debug, chips_say_how_they_are_programmed)
{
    cr_assert(strstr(says("info pit"), "channel 2: mode 0"));
    cr_assert(strstr(says("info dma"), "channel 4: "));
    cr_assert(strstr(says("info ide"), "channel 1: drive 0 is selected"));
    cr_assert(strstr(says("info pic"), "master: not initialised\n"), "%s", out.data);
    cr_assert(strstr(says("info apic"), "local APIC 00 at FEE00000, off, spurious vector FF\n"),
              "%s", out.data);
    cr_assert(strstr(out.data, "\n24 pins are masked\n"));
}

/* ---- why ---- */

static void begin(const char *hex)
{
    pc_rig_put(&rig, PC_RIG_CODE, hex);
    says("until 7c00h");
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
}

Test(commands_debug, why_knows_a_halt_that_nothing_ends)
{
    begin("FA F4"); /* cli; hlt */
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TIME);
    cr_assert_str_eq(says("why"), "The processor has executed HLT with interrupts off, before "
                                  "00007c02: only an NMI or a reset ends that.\n");
}

Test(commands_debug, why_knows_a_halt_that_waits_for_masked_lines)
{
    begin("FB B0 FF E6 21 E6 A1 F4"); /* sti; mov al, 0FFh; out 21h, al; out 0A1h, al; hlt */
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TIME);
    cr_assert(strstr(says("why"), "all lines of the interrupt controllers are masked"), "%s",
              out.data);
}

Test(commands_debug, why_knows_what_comes_through_the_apics)
{
    pc_rig_put(&rig, 0x7E00, "0F 00 08 7E 00 00");
    pc_rig_put(&rig, 0x7E08, "00 00 00 00 00 00 00 00 FF FF 00 00 00 93 CF 00");
    /* lgdt [7E00h], DS with 4 GiB by way of protected mode; sti; all of the PICs masked; mov ebx,
     * 0FEE00000h; SVR: on; its timer: vector 40h, once, from far; hlt */
    begin("FA 0F 01 16 00 7E 0F 20 C0 0C 01 0F 22 C0 B8 08 00 8E D8 0F 20 C0 24 FE 0F 22 C0 "
          "FB B0 FF E6 21 E6 A1 66 BB 00 00 E0 FE 66 67 C7 83 F0 00 00 00 FF 01 00 00 "
          "66 67 C7 83 20 03 00 00 40 00 00 00 66 67 C7 83 80 03 00 00 FF FF FF 7F F4");
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TIME);
    cr_assert(strstr(says("why"), "it can come from: the local APIC's timer.\n"), "%s", out.data);
}

Test(commands_debug, why_knows_a_loop_that_waits_for_a_port)
{
    begin("FA E4 64 A8 08 74 FA"); /* cli; a: in al, 64h; test al, 8; jz a */
    cr_assert(strstr(says("why"), "It goes round in a loop of 3 instructions at 00007c01 to "
                                  "00007c05 that waits for port 0064, which reads "),
              "%s", out.data);
    cr_assert(strstr(out.data, " each time, with interrupts off.\n"), "%s", out.data);
}

Test(commands_debug, why_knows_an_endless_loop)
{
    begin("FA EB FE"); /* cli; jmp $ */
    cr_assert(strstr(says("why"),
                     "a loop of 1 instruction at 00007c01, with interrupts off: nothing "
                     "but an NMI"),
              "%s", out.data);
}

Test(commands_debug, why_knows_a_jump_into_nothing)
{
    begin("68 00 50 C3"); /* push 5000h; ret */
    cr_assert(strstr(says("why"), "It runs through memory full of zeros"), "%s", out.data);
    cr_assert(strstr(out.data, ", into which the instruction at 00007c03 led.\n"), "%s", out.data);
}

Test(commands_debug, why_knows_a_fault_again_and_again)
{
    pc_rig_put(&rig, 6 * 4, "00 7C 00 00"); /* the handler of invalid opcodes is the code itself */
    begin("0F 0B");                         /* ud2 */
    cr_assert(strstr(says("why"), "It meets a invalid opcode (exception 6) again and again"), "%s",
              out.data);
}

Test(commands_debug, why_knows_a_triple_fault)
{
    begin("0F 01 1E 00 10 CD 03"); /* lidt [1000h], which holds zeros; int 3 */
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TRIPLE_FAULT);
    cr_assert(strstr(says("why"), "The processor has shut down: triple fault at 0000:00007C05"),
              "%s", out.data);
}

Test(commands_debug, why_tells_who_asked_for_a_reset)
{
    begin("B0 FE E6 64 EB FE"); /* mov al, 0FEh; out 64h, al */
    pc_rig_run(&rig);
    cr_assert(strstr(says("why"), " s ago: the guest asked a chip for a reset of the "), "%s",
              out.data);
    cr_assert(strstr(out.data, ", at 0000:00007c02.\n"), "%s", out.data);
}

/* ---- set ---- */

Test(commands_debug, registers_and_flags_can_be_set)
{
    says("until 7c05h");
    report();
    cr_assert_str_eq(says("set ebx = 12345678h"), "");
    cr_assert_str_eq(says("set bh = 0ffh"), "");
    cr_assert_str_eq(says("set $cx=bx+1"), "");
    cr_assert_str_eq(says("set zf = 1"), "");
    cr_assert_str_eq(says("set es = 40h"), "");
    cr_assert_eq((u32)rig.cpu->gpr[RBX], 0x1234FF78);
    cr_assert_eq((u16)rig.cpu->gpr[RCX], 0xFF79);
    cr_assert(cpu_flags(rig.cpu) & EF_ZF);
    cr_assert_eq(rig.cpu->seg[SEG_ES].base, 0x400);
    cr_assert_str_eq(says("set ip = 7c03h"), "");
    says("step");
    report();
    cr_assert(strstr(out.data, "0000:7c03"));
}

Test(commands_debug, memory_can_be_set)
{
    u64 value = 0;

    says("set word 1000h = 1234h");
    says("set byte [1002h] = 'A'");
    says("set [1003h] = 0ffffh");
    machine_read_physical(rig.machine, 0x1000, &value, 8);
    cr_assert_eq(value, 0xFFFF411234);
}

Test(commands_debug, what_cannot_be_set_says_so)
{
    cr_assert(strstr(says("set fish = 1"), "'fish' is no register that can be set"));
    cr_assert(strstr(says("set eax"), "set REGISTER = EXPRESSION"));
    cr_assert_str_eq(says("set eax = "), "a number or a register is missing before: ''\n");
    cr_assert_str_eq(says("set byte f0000000h = 1"), "no memory at f0000000\n");
}

/* ---- Translated code ---- */

Test(commands_debug, what_is_not_translated_is_said)
{
    cr_assert_str_eq(says("info jit"), "nothing is translated: the engine is interp\n");
    cr_assert(strstr(says("jit-dump cs:ip"), "the interpreter"), "%s", out.data);
    cr_assert(strstr(says("jit-dump nowhere"), "nowhere"), "%s", out.data);
}

Test(commands_debug, translated_code_is_shown)
{
#ifdef HAVE_JIT
    pc_rig_teardown(&rig);
    pc_rig_setup(&rig, "jit", "B8 34 12 90 EB FD"); /* mov ax, 1234h; again: nop; jmp again */
    context.machine = rig.machine;
    pc_rig_run(&rig);
    cr_assert(strstr(says("info jit"), "blocks "), "%s", out.data);
    cr_assert(strstr(says("jit-dump 7c03h"), "nop"), "%s", out.data);
    cr_assert(strstr(out.data, "real mode"), "%s", out.data);
    cr_assert_str_eq(says("jit-dump 100000h"), "no translated code is there\n");
#else
    cr_skip_test("there is no translator for this kind of host");
#endif
}

/* A 32-bit kernel for gdb_kernel.py: functions to step through, a counter to watch, a page that is mapped late. */
__attribute__((section(".multiboot"), used)) static const unsigned header[3] = {0x1BADB002, 0, -0x1BADB002u};

#define PAGE __attribute__((aligned(4096)))
static unsigned directory[1024] PAGE, low[1024] PAGE, late[1024] PAGE, page[1024] PAGE;
static unsigned stack[1024] PAGE;
volatile unsigned counter, *const mapped = (unsigned*)0x40000010;

__asm__(".globl start\nstart: movl $stack + 4096, %esp\nxorl %ebp, %ebp\ncall kernel\n1: hlt\njmp 1b\n");

static void store(unsigned value) {
    counter = value;
}

static unsigned work(unsigned count) {
    unsigned sum = 0;
    for (unsigned i = 1; i <= count; i++) {
        store(i * 3);
        sum += counter;
    }
    return sum;
}

static void enable_paging(void) {
    for (unsigned i = 0; i < 1024; i++) low[i] = i << 12 | 3;
    directory[0] = (unsigned)low | 3;
    directory[256] = (unsigned)late | 3;
    unsigned cr0;
    __asm__ volatile("movl %0, %%cr3" : : "r"(directory));
    __asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movl %0, %%cr0" : : "r"(cr0 | 0x80000000u) : "memory");
}

static void map_late(void) {
    late[0] = (unsigned)page | 3;
    *mapped = 42;
}

unsigned kernel(void) {
    enable_paging();
    unsigned sum = work(5);
    map_late();
    sum += work(2);
    return sum;
}

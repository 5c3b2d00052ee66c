#define _GNU_SOURCE /* syscall */
#include "base/gate.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t vn_gate_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A mover stores the word and then looks who sleeps; a sleeper says so and then looks at the word:
 * whichever comes first, nobody sleeps through the move. Who wakes takes the flag down, so that a
 * sleeper on its way up is not woken again by every move.
 *
 * Exchanges where stores would do: qemu 7.2 on x86 lets a seq_cst load of aarch64 pass the store
 * before it (105 to 1,533 of 2 million pairs saw neither store), and a sleeper was lost. On x86
 * both are one xchg. */
void vn_gate_move(vn_gate *gate, uint64_t word, int who)
{
    atomic_exchange(&gate->word, word);
    for (int i = 0; i < 2; i++) {
        if (!(who >> i & 1) || !atomic_load(&gate->asleep[i])) continue;
        if (!atomic_exchange(&gate->asleep[i], 0)) continue;
        atomic_fetch_add(&gate->bell[i], 1);
        syscall(SYS_futex, &gate->bell[i], FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    }
}

bool vn_gate_spin(const vn_gate *gate, uint64_t word, int turns, int64_t ns)
{
    int64_t until = 0;
    for (int i = 1; ns > 0 || i <= turns; i++) {
        if (vn_gate_at(gate) != word) return true;
        relax();
        if (ns <= 0 || i % 32) continue;
        int64_t now = vn_gate_clock();
        if (!until) until = now + ns;
        if (now >= until) break;
    }
    return vn_gate_at(gate) != word;
}

void vn_gate_sleep(vn_gate *gate, uint64_t word, int who)
{
    int i = who == VN_GATE_CALLER ? 0 : 1;
    for (;;) {
        unsigned bell = atomic_load(&gate->bell[i]);
        atomic_exchange(&gate->asleep[i], 1);
        if (atomic_load(&gate->word) != word) return;
        syscall(SYS_futex, &gate->bell[i], FUTEX_WAIT_PRIVATE, bell, NULL, NULL, 0);
        if (atomic_load(&gate->word) != word) return;
    }
}

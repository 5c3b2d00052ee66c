/* A number that moves on and wakes who waits for it: awake for a while, then asleep in a futex. */
#ifndef VN_BASE_GATE_H
#define VN_BASE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { VN_LINE = 64 };

/* Those who may sleep at a gate are told apart, so that some can be woken and others left asleep.
 */
enum { VN_GATE_CALLER = 1, VN_GATE_WORKERS = 2, VN_GATE_ALL = 3 };

typedef struct vn_gate {
    _Alignas(VN_LINE) _Atomic uint64_t word;
    _Alignas(VN_LINE) atomic_uint bell[2]; /* futex words: caller's, workers' */
    atomic_uint asleep[2];                 /* somebody sleeps, or is about to */
} vn_gate;

static inline uint64_t vn_gate_at(const vn_gate *gate)
{
    return atomic_load_explicit(&gate->word, memory_order_acquire);
}

/* Move the gate on to `word` and wake sleepers of the kinds in `who`. */
void vn_gate_move(vn_gate *gate, uint64_t word, int who);

/* Wait awake until the gate is past `word`: for `turns` turns, or where ns > 0 for ns nanoseconds.
 * Returns whether it is. */
bool vn_gate_spin(const vn_gate *gate, uint64_t word, int turns, int64_t ns);

/* Sleep until the gate is past `word`; `who` is VN_GATE_CALLER or VN_GATE_WORKERS. */
void vn_gate_sleep(vn_gate *gate, uint64_t word, int who);

int64_t vn_gate_clock(void); /* nanoseconds */

#endif

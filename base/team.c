/* The only file that knows OpenMP: it supplies the threads, the barrier is ours.
 *
 * OpenMP keeps its threads between regions, so a hot region costs about 1.3 us to open and close.
 * Inside, lanes meet at a generation barrier on C11 atomics: spin for 50 us, then sleep in a futex.
 * The sanitizer cannot see into OpenMP's runtime; `started` and `finished` repeat the order of fork
 * and join in atomics it understands (they cost two uncontended additions a region).
 *
 * A child of fork() has OpenMP's books but none of its threads, and a region would wait for them
 * for ever. Once a process has run a team of several lanes, its children run every team with one.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/team.h"

#include <linux/futex.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"

enum { LANES_MAX = 1024, LINE = 64 };

static const int64_t spin_ns = 50000, spin_crowded_ns = 2000;

struct vn_team {
    int size;
    int64_t spin_ns; /* how long a lane waits awake; short when lanes outnumber the cores */
    void (*fn)(void *arg, vn_lane *lane);
    void *arg;
    _Alignas(LINE) atomic_uint started, finished;
    int delivered; /* lanes of the last region, written by lane 0 */
    _Alignas(LINE) atomic_uint arrived;
    _Alignas(LINE) atomic_uint generation; /* the futex word */
    atomic_uint sleepers;
};

/* Process-wide, because OpenMP's threads are. */
static atomic_bool has_threads, is_forked;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void after_fork(void)
{
    if (atomic_load(&has_threads)) atomic_store(&is_forked, true);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

static int affinity_count(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 processors */
    return n > 0 && n <= LANES_MAX ? (int)n : LANES_MAX;
}

/* Whole processors in "quota period" of one cpu.max file; LANES_MAX if it sets no limit. */
static int quota_of(const char *path)
{
    long long quota = 0, period = 0;
    FILE *f = fopen(path, "re");
    if (!f) return LANES_MAX;
    int fields = fscanf(f, "%lld %lld", &quota, &period);
    fclose(f);
    if (fields != 2 || quota <= 0 || period <= 0 || quota / period >= LANES_MAX) return LANES_MAX;
    return quota / period > 0 ? (int)(quota / period) : 1;
}

/* The tightest quota on the way from this process's cgroup (version 2) up to the root. Rounded
 * down: a lane beyond the quota makes all lanes wait for the next period, up to 0.1 s. */
static int quota_count(void)
{
    static const char root[] = "/sys/fs/cgroup";
    char line[2048], path[2048 + sizeof root + 16];
    int best = LANES_MAX;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return best;
    line[0] = 0;
    while (fgets(line, sizeof line, f) && strncmp(line, "0::/", 4)) line[0] = 0;
    fclose(f);
    if (!line[0]) return best;
    line[strcspn(line, "\n")] = 0;
    for (char *group = line + 3, *cut;; *cut = 0) {
        snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
        int n = quota_of(path);
        if (n < best) best = n;
        cut = strrchr(group, '/');
        if (!cut) return best;
    }
}

int vn_team_granted(void)
{
    /* OpenMP's own limits stand for OMP_NUM_THREADS, OMP_THREAD_LIMIT and what the host set. */
    int limits[] = { affinity_count(), quota_count(), omp_get_max_threads(),
                     omp_get_thread_limit() };
    int n = LANES_MAX;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i] < n) n = limits[i];
    return n > 1 ? n : 1;
}

static void nothing(void *arg, vn_lane *lane)
{
    (void)arg;
    (void)lane;
}

vn_status vn_team_open(int n, vn_team **out)
{
    *out = NULL;
    if (n < 0 || n > LANES_MAX)
        return VN_FAIL(VN_E_ARGUMENT, "threads: expected 0 (all that are granted) to %d, got %d",
                       (int)LANES_MAX, n);
    int granted = vn_team_granted();
    vn_team *team = vn_alloc_aligned(sizeof *team, LINE);
    if (!team) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    pthread_once(&fork_watch, watch_forks);
    team->size = n ? n : granted;
    team->spin_ns = team->size <= granted ? spin_ns : spin_crowded_ns;
    vn_team_run(team, 0, nothing, NULL); /* makes the threads; OpenMP may deliver fewer */
    team->size = team->delivered;
    *out = team;
    return VN_OK;
}

void vn_team_close(vn_team *team)
{
    vn_free_aligned(team, sizeof *team);
}

int vn_team_size(const vn_team *team)
{
    return team->size;
}

static __attribute__((noinline)) void run_lane(vn_team *team, int rank, int size)
{
    atomic_load_explicit(&team->started, memory_order_acquire);
    if (rank == 0) team->delivered = size;
    vn_lane lane = { rank, size, team };
    team->fn(team->arg, &lane);
    atomic_fetch_add_explicit(&team->finished, 1, memory_order_release);
}

/* Not instrumented: the sanitizer would see OpenMP's hand-over of `team` as a race. */
static __attribute__((noinline, no_sanitize_thread)) void fork_join(vn_team *team, int lanes)
{
#pragma omp parallel num_threads(lanes)
    run_lane(team, omp_get_thread_num(), omp_get_num_threads());
}

void vn_team_run(vn_team *team, int lanes, void (*fn)(void *arg, vn_lane *lane), void *arg)
{
    if (lanes <= 0 || lanes > team->size) lanes = team->size;
    if (lanes > 1 && atomic_load_explicit(&is_forked, memory_order_relaxed)) lanes = 1;
    if (lanes == 1) {
        vn_lane lane = { 0, 1, team };
        team->delivered = 1;
        fn(arg, &lane);
        return;
    }
    atomic_store_explicit(&has_threads, true, memory_order_relaxed);
    team->fn = fn;
    team->arg = arg;
    atomic_fetch_add_explicit(&team->started, 1, memory_order_release);
    fork_join(team, lanes);
    atomic_load_explicit(&team->finished, memory_order_acquire);
}

static int64_t now_ns(void)
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

/* True once the generation has moved on from `old`; false after the time awake is over. */
static bool spin(vn_team *team, unsigned old)
{
    int64_t until = 0;
    for (int i = 1;; i++) {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != old) return true;
        relax();
        if (i % 32) continue;
        int64_t now = now_ns();
        if (!until) until = now + team->spin_ns;
        if (now >= until) return false;
    }
}

/* A waker adds to the generation and then looks for sleepers; a sleeper adds itself and then the
 * kernel compares the generation: whichever comes first, nobody sleeps through the call. */
static void sleep_until_moved(vn_team *team, unsigned old)
{
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->generation) == old)
        syscall(SYS_futex, &team->generation, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&team->sleepers, 1);
}

void vn_team_meet(vn_lane *lane)
{
    vn_team *team = lane->team;
    if (lane->size <= 1) return;
    unsigned old = atomic_load_explicit(&team->generation, memory_order_relaxed);
    unsigned before = atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel);
    if (before + 1 < (unsigned)lane->size) {
        if (!spin(team, old)) sleep_until_moved(team, old);
        return;
    }
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    atomic_fetch_add(&team->generation, 1);
    if (atomic_load(&team->sleepers) > 0)
        syscall(SYS_futex, &team->generation, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

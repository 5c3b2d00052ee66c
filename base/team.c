/* The lanes of a team and what they agree on.
 *
 * The gate's word says which phase is on. A lane claims the part of its own slot, later those of
 * lanes that have not come; a claim holds the phase open, so whoever holds one may read what the
 * caller left in the team. The lane that finishes the last part moves the gate. A lane has one part
 * of a phase: with two or four a TCN's forecast of one window is 6 to 20 % slower on two cores, and
 * nothing is much faster on a busy one. */
#include "base/team.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/cores.h"
#include "base/fault.h"
#include "base/gate.h"

/* Turns (0.7 us) before a lane looks for parts of others: theirs is probably on its way. */
enum { PATIENCE = 32 };

/* How long a lane waits awake; the same where lanes outnumber the cores. */
static const int64_t spin_ns = 50000, spin_crowded_ns = 2000;

/* A wait of more than lost_ns for a lane that had no core, which cost more than two lanes had
 * gained since the last: the team runs alone for ALONE times as long, twice that the next time, up
 * to a second. */
static const int64_t lost_ns = 200000, alone_most_ns = 1000000000;
enum { ALONE = 8 };

/* A lane changes its core at most this often. */
static const int64_t move_ns = 1000000;

typedef struct slot {
    _Alignas(VN_LINE) _Atomic uint64_t taken; /* the last phase whose part here was claimed */
    atomic_bool running;                      /* computes: has not finished and does not wait */
    bool helped;                              /* found a part of another lane in the last phase */
    int64_t moved;                            /* when it last changed its core */
    atomic_int clock;                         /* clockid_t of its thread's processor time */
    atomic_int core;                          /* where it computed last */
    _Atomic int64_t wall, cpu;                /* of whom it waits for; see `watch` */
    pthread_t thread;
    vn_team *team;
    int rank;
} slot;

struct vn_team {
    int room, size; /* slots; lanes */
    int threads;    /* lanes there are threads for: fewer where a child of fork got fewer */
    bool crowded;
    int64_t spin_ns;
    unsigned forks; /* of the process when the threads were started */
    atomic_bool busy, closing;
    /* The run at hand: written by its caller before the first move of the gate. */
    const vn_phases *work;
    void *arg;
    int lanes;
    bool steady;    /* on all lanes, also where the team had better be alone */
    uint64_t first; /* number of its first phase */
    /* By the lane that moves the gate, or by the caller between runs. */
    int64_t together, alone, alone_until;
    vn_gate gate;
    _Alignas(VN_LINE) atomic_int done;        /* parts of the phase */
    _Alignas(VN_LINE) _Atomic uint64_t watch; /* see watch() */
    vn_gate meeting;
    _Alignas(VN_LINE) atomic_int arrived;
    slot slots[];
};

/* ---- the gate's word: phase, lanes (0: none is on), whether they meet ---- */

static uint64_t word_of(uint64_t phase, int lanes, bool meets)
{
    return phase << 16 | (uint64_t)lanes << 1 | meets;
}

static uint64_t phase_of(uint64_t word)
{
    return word >> 16;
}
static int lanes_of(uint64_t word)
{
    return (int)(word >> 1 & 0x7fff);
}

static bool meets_in(uint64_t word)
{
    return word & 1;
}

/* ---- time lost to lanes without a core ---- */

/* What lanes wait for: the end of a phase, or a meeting. */
static uint64_t wait_key(uint64_t number, bool meeting)
{
    return (number & 0x7fffffff) << 1 | meeting;
}

/* Before lane `rank` sleeps: note the clocks of one lane that is computing. If that lane is the
 * last to come, what it was away for is what all others lost. */
static void watch(vn_team *team, uint64_t key, int rank, int lanes)
{
    uint64_t old = atomic_load(&team->watch);
    struct timespec t;
    int lane = -1;
    if (team->crowded) return;
    if (old >> 32 == key && atomic_load(&team->slots[old & 0xffff].running)) return;
    for (int i = 0; i < lanes && lane < 0; i++)
        if (i != rank && atomic_load(&team->slots[i].running)) lane = i;
    if (lane < 0 || clock_gettime(atomic_load(&team->slots[lane].clock), &t)) return;
    atomic_store(&team->slots[rank].wall, vn_gate_clock());
    atomic_store(&team->slots[rank].cpu, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec);
    atomic_compare_exchange_strong(&team->watch, &old,
                                   key << 32 | (uint64_t)rank << 16 | (uint64_t)lane);
}

/* By the last lane to come: was it away while another waited for it? */
static void judge(vn_team *team, uint64_t key, int rank)
{
    uint64_t w = atomic_load(&team->watch);
    struct timespec t;
    if (w >> 32 != key || (int)(w & 0xffff) != rank) return;
    const slot *by = &team->slots[w >> 16 & 0xffff], *me = &team->slots[rank];
    if (atomic_load(&by->core) == atomic_load(&me->core))
        return; /* waited for each other: spread() */
    int64_t now = vn_gate_clock(), wall = now - atomic_load(&by->wall);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    int64_t lost = wall - ((int64_t)t.tv_sec * 1000000000 + t.tv_nsec - atomic_load(&by->cpu));
    if (lost < lost_ns) return;
    int64_t gained = now - lost - team->together;
    bool again = gained < 2 * team->alone;
    team->together = now;
    if (gained > 2 * lost) return;
    team->alone = again && team->alone ? 2 * team->alone : ALONE * lost;
    if (team->alone > alone_most_ns) team->alone = alone_most_ns;
    team->alone_until = now + team->alone;
    team->together = team->alone_until;
}

/* The system may put two lanes on one core and leave them there for seconds beside an idle one:
 * each then waits for the other's slice. A lane leaves the cores of those before it. */
static void spread(vn_team *team, int rank)
{
    slot *me = &team->slots[rank];
    int core = vn_core_here(), others[VN_MAX_LANES];
    bool shared = false;
    if (team->crowded || !rank) return;
    for (int i = 0; i < rank; i++) {
        others[i] = atomic_load_explicit(&team->slots[i].core, memory_order_relaxed);
        shared |= others[i] == core;
    }
    if (!shared) return;
    int64_t now = vn_gate_clock();
    if (now < me->moved + move_ns) return;
    me->moved = now;
    vn_core_leave(others, rank);
}

/* Lanes of the next phase. */
static int crew(vn_team *team)
{
    if (!team->alone_until) return team->lanes;
    if (vn_gate_clock() < team->alone_until) return 1;
    team->alone_until = 0;
    return team->lanes;
}

/* ---- phases ---- */

static uint64_t word_at(vn_team *team, uint64_t phase)
{
    int at = (int)(phase - team->first);
    if (at >= team->work->n) return word_of(phase, 0, false);
    bool meets = team->work->meets && team->work->meets(team->arg, at);
    return word_of(phase, team->steady ? team->lanes : crew(team), meets);
}

static void move(vn_team *team, uint64_t word)
{
    int who = lanes_of(word) > 1 ? VN_GATE_ALL : VN_GATE_CALLER;
    atomic_store_explicit(&team->done, 0, memory_order_relaxed);
    vn_gate_move(&team->gate, word, who);
}

/* A phase is not over before all its parts are claimed, so a claim succeeds in none but the phase
 * that is on. */
static bool claim(slot *s, uint64_t phase)
{
    uint64_t old = atomic_load_explicit(&s->taken, memory_order_relaxed);
    return old < phase && atomic_compare_exchange_strong_explicit(
                              &s->taken, &old, phase, memory_order_acq_rel, memory_order_relaxed);
}

/* Compute a part that was claimed; move on if it was the last. */
static void compute(vn_team *team, int rank, uint64_t word, int part)
{
    slot *me = &team->slots[rank];
    const vn_phases *work = team->work;
    int phase = (int)(phase_of(word) - team->first);
    vn_lane lane = { part, lanes_of(word), meets_in(word) ? team : NULL };
    atomic_store_explicit(&me->core, vn_core_here(), memory_order_relaxed);
    atomic_store_explicit(&me->running, true, memory_order_relaxed);
    work->part(team->arg, phase, &lane, rank);
    atomic_store_explicit(&me->running, false, memory_order_relaxed);
    int done = atomic_fetch_add_explicit(&team->done, 1, memory_order_acq_rel) + 1;
    if (done < lane.size) return;
    judge(team, wait_key(phase_of(word), false), rank);
    if (work->after) work->after(team->arg, phase, rank);
    move(team, word_at(team, phase_of(word) + 1));
}

static bool take(vn_team *team, int rank, uint64_t word, int part)
{
    if (!claim(&team->slots[part], phase_of(word))) return false;
    compute(team, rank, word, part);
    return true;
}

/* This lane's part of the phase; then those of lanes that have not come for theirs, unless they
 * must. */
static void play(vn_team *team, int rank, uint64_t word)
{
    slot *me = &team->slots[rank];
    take(team, rank, word, rank);
    if (meets_in(word) || (!me->helped && vn_gate_spin(&team->gate, word, PATIENCE, 0))) return;
    me->helped = false;
    for (int i = 1; i < lanes_of(word); i++)
        if (take(team, rank, word, (rank + i) % lanes_of(word))) me->helped = true;
}

/* Wait until the gate is past `word`. */
static void await(vn_team *team, int rank, uint64_t word)
{
    bool mine = rank < lanes_of(word);
    if ((mine || !lanes_of(word)) && vn_gate_spin(&team->gate, word, 0, team->spin_ns)) return;
    if (mine) watch(team, wait_key(phase_of(word), false), rank, lanes_of(word));
    vn_gate_sleep(&team->gate, word, rank ? VN_GATE_WORKERS : VN_GATE_CALLER);
    spread(team, rank);
}

/* What a thread of the team does. */
static void *live(void *arg)
{
    slot *me = arg;
    vn_team *team = me->team;
    for (;;) {
        uint64_t word = vn_gate_at(&team->gate);
        if (atomic_load(&team->closing)) return NULL;
        if (me->rank < lanes_of(word)) {
            if (vn_core_here() == atomic_load_explicit(&team->slots[0].core, memory_order_relaxed))
                spread(team, me->rank);
            play(team, me->rank, word);
        }
        await(team, me->rank, word);
    }
}

/* ---- threads ---- */

static atomic_uint forks; /* of this process and those it comes from, since the first team */
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void after_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

static int start_thread(slot *s)
{
    clockid_t clock;
    if (vn_fault_hit(VN_FAULT_THREAD) || pthread_create(&s->thread, NULL, live, s)) return -1;
    if (pthread_getcpuclockid(s->thread, &clock)) clock = CLOCK_THREAD_CPUTIME_ID;
    atomic_store(&s->clock, clock);
    return 0;
}

/* Lanes 1 and up, each a thread that takes no signals: handlers run where the host expects them. */
static void start(vn_team *team)
{
    sigset_t all, before;
    uint64_t phase = phase_of(vn_gate_at(&team->gate)) + 1;
    memset(&team->gate, 0, sizeof team->gate);
    memset(&team->meeting, 0, sizeof team->meeting);
    atomic_store(&team->gate.word, word_of(phase, 0, false));
    atomic_store(&team->arrived, 0);
    atomic_store(&team->busy, false);
    team->forks = atomic_load(&forks);
    team->slots[0] = (slot){ .team = team };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (team->threads = 1; team->threads < team->size; team->threads++) {
        slot *s = &team->slots[team->threads];
        *s = (slot){ .team = team, .rank = team->threads };
        if (start_thread(s)) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static size_t bytes_of(int size)
{
    return sizeof(vn_team) + (size_t)size * sizeof(slot);
}

vn_status vn_team_open(int n, vn_team **out)
{
    *out = NULL;
    if (n < 0 || n > VN_MAX_LANES)
        return VN_FAIL(VN_E_ARGUMENT, "threads: expected 0 (all that are granted) to %d, got %d",
                       (int)VN_MAX_LANES, n);
    int granted = vn_team_granted(), size = n ? n : granted;
    vn_team *team = vn_alloc_aligned(bytes_of(size), VN_LINE);
    if (!team) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    pthread_once(&fork_watch, watch_forks);
    team->room = team->size = size;
    team->crowded = size > granted;
    team->spin_ns = team->crowded ? spin_crowded_ns : spin_ns;
    start(team);
    team->size = team->threads;
    *out = team;
    return VN_OK;
}

void vn_team_close(vn_team *team)
{
    if (!team) return;
    if (team->forks == atomic_load(&forks)) { /* the threads of a parent are not here */
        atomic_store(&team->closing, true);
        vn_gate_move(&team->gate, word_of(phase_of(vn_gate_at(&team->gate)) + 1, 0, false),
                     VN_GATE_ALL);
        for (int i = 1; i < team->threads; i++) pthread_join(team->slots[i].thread, NULL);
    }
    vn_free_aligned(team, bytes_of(team->room));
}

int vn_team_size(const vn_team *team)
{
    return team->size;
}

/* ---- running ---- */

/* Everything on the caller's thread. */
static void walk_alone(const vn_phases *work, void *arg)
{
    for (int i = 0; i < work->n; i++) {
        vn_lane all = { 0, 1, NULL };
        work->part(arg, i, &all, 0);
        if (work->after) work->after(arg, i, 0);
    }
}

/* Is the team free, with threads to run on? Then it is the caller's until it is no longer busy. */
static bool hold(vn_team *team, int lanes)
{
    if (lanes == 1) return false;
    if (team->forks != atomic_load(&forks)) start(team);
    bool no = false;
    return team->threads > 1 && atomic_compare_exchange_strong(&team->busy, &no, true);
}

static void walk(vn_team *team, int lanes, bool steady, const vn_phases *work, void *arg)
{
    clockid_t clock;
    if (!work->n) return;
    if (!hold(team, lanes)) {
        walk_alone(work, arg);
        return;
    }
    if (!pthread_getcpuclockid(pthread_self(), &clock)) atomic_store(&team->slots[0].clock, clock);
    team->work = work;
    team->arg = arg;
    team->lanes = lanes <= 0 || lanes > team->threads ? team->threads : lanes;
    team->steady = steady;
    team->first = phase_of(vn_gate_at(&team->gate)) + 1;
    move(team, word_at(team, team->first));
    for (uint64_t word; lanes_of(word = vn_gate_at(&team->gate));) {
        play(team, 0, word);
        await(team, 0, word);
    }
    atomic_store(&team->busy, false);
}

void vn_team_walk(vn_team *team, int lanes, const vn_phases *work, void *arg)
{
    walk(team, lanes, false, work, arg);
}

typedef struct function {
    void (*fn)(void *arg, vn_lane *lane);
    void *arg;
} function;

static bool always(void *arg, int phase)
{
    (void)arg, (void)phase;
    return true;
}

static void call(void *arg, int phase, vn_lane *part, int lane)
{
    const function *f = arg;
    (void)phase, (void)lane;
    f->fn(f->arg, part);
}

void vn_team_run(vn_team *team, int lanes, void (*fn)(void *arg, vn_lane *lane), void *arg)
{
    static const vn_phases once = { .n = 1, .meets = always, .part = call };
    function f = { fn, arg };
    walk(team, lanes, true, &once, &f);
}

void vn_team_meet(vn_lane *lane)
{
    vn_team *team = lane->team;
    if (lane->size <= 1) return;
    uint64_t round = vn_gate_at(&team->meeting);
    int before = atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel);
    if (before + 1 == lane->size) {
        judge(team, wait_key(round, true), lane->rank);
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        vn_gate_move(&team->meeting, round + 1, VN_GATE_ALL);
        return;
    }
    if (vn_gate_spin(&team->meeting, round, 0, team->spin_ns)) return;
    slot *me = &team->slots[lane->rank];
    atomic_store_explicit(&me->running, false, memory_order_relaxed);
    watch(team, wait_key(round, true), lane->rank, lane->size);
    vn_gate_sleep(&team->meeting, round, lane->rank ? VN_GATE_WORKERS : VN_GATE_CALLER);
    spread(team, lane->rank);
    atomic_store_explicit(&me->running, true, memory_order_relaxed);
}

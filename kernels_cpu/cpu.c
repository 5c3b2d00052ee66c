/* The CPU backend: a team of lanes that walks recorded steps together.
 *
 * A step is a phase of the team: its parts, one a lane, run wherever a lane is free. So is a chain of
 * steps (chain.h), whose parts are rows. Steps too small to share are done by whoever finished the step
 * before. Memory is the host's, so copies are plain and streams hold nothing. */
#include "kernels_cpu/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "kernels_cpu/chain.h"
#include "kernels_cpu/features.h"
#include "kernels_cpu/table.h"

enum { LINE = 64, BLOCK_ALIGN = 256 };

/* Below this many flops a plan runs on one lane. Measured on 2 cores of Zen 4, 16 linears of one
 * row: a second lane makes 93 kflop 0.74 times as fast, 210 kflop 0.94, 469 kflop 1.42. */
static const double lane_flops = 2.5e5;

/* A step is too small to share when one lane needs less than about 0.4 us: 40 flops or 60 bytes a ns, as one
 * row of a linear takes. The end of a phase costs 0.1 to 0.2 us. */
static const double small_ns = 400, flops_ns = 40, bytes_ns = 60;

typedef struct cpu_device {
    vn_device base;
    vn_team *team;
    uint64_t caps;
    const char *level;
} cpu_device;

typedef struct cpu_queue {
    vn_stream base;
    cpu_device *dev;
} cpu_queue;

struct vn_exec {
    cpu_device *dev;
    int lanes, n;
    void *shared, *per_lane;          /* one block each, for all steps in turn */
    void *kept;                       /* of all steps; they see it once it is settled */
    size_t kept_bytes;
    size_t shared_bytes, lane_bytes;  /* multiples of LINE; lane_bytes: of one lane */
    size_t shared_block;              /* bytes at shared: where lanes have members of their own, of each */
    size_t lane_block;                /* bytes at per_lane */
    vn_link *link;                    /* [n] chains of steps */
    vn_step steps[];
};

static int count(void) { return 1; }

static void close_device(vn_device *base)
{
    cpu_device *dev = (cpu_device *)base;
    if (!dev) return;
    if (dev->team) vn_team_close(dev->team);
    vn_free(dev);
}

extern const vn_backend vn_backend_cpu;

static vn_status open_device(int index, const vn_device_config *config, vn_device **out)
{
    (void)index;
    vn_status st = VN_OK;
    cpu_device *dev = vn_calloc(1, sizeof *dev);
    if (!dev) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    dev->base.backend = &vn_backend_cpu;
    VN_TRY_DONE(vn_cpu_caps(config->level, &dev->caps, &dev->level));
    VN_TRY_DONE(vn_team_open(config->threads, &dev->team));
    *out = &dev->base;
    dev = NULL;
done:
    close_device(dev ? &dev->base : NULL);
    return st;
}

static void info(const vn_device *base, vn_device_info *out)
{
    const cpu_device *dev = (const cpu_device *)base;
    char brand[64];
    vn_cpu_brand(brand);
    snprintf(out->name, sizeof out->name, "%s (%s)", brand, dev->level);
    snprintf(out->level, sizeof out->level, "%s", dev->level);
    out->caps = dev->caps;
    out->lanes = vn_team_size(dev->team);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    out->mem_bytes = pages > 0 && page > 0 ? (int64_t)pages * page : 0;
    out->host_memory = true;
    out->chain_rows = (int64_t)VN_CHAIN_ROWS * out->lanes;
}

static vn_status alloc(vn_device *dev, vn_mem kind, size_t bytes, void **block)
{
    (void)dev, (void)kind;
    *block = vn_alloc_aligned(bytes ? bytes : 1, BLOCK_ALIGN);
    return *block ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static void release(vn_device *dev, vn_mem kind, void *block, size_t bytes)
{
    (void)dev, (void)kind;
    if (block) vn_free_aligned(block, bytes ? bytes : 1);
}

static vn_status open_queue(vn_device *dev, vn_stream **s)
{
    cpu_queue *q = vn_calloc(1, sizeof *q);
    if (!q) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    q->base.backend = &vn_backend_cpu;
    q->dev = (cpu_device *)dev;
    *s = &q->base;
    return VN_OK;
}

static void close_queue(vn_stream *s) { vn_free(s); }

static vn_status copy(vn_stream *s, void *dst, const void *src, size_t bytes, vn_dir dir)
{
    (void)s, (void)dir;
    memcpy(dst, src, bytes);
    return VN_OK;
}

static vn_status fill(vn_stream *s, void *dst, int byte, size_t bytes)
{
    (void)s;
    memset(dst, byte, bytes);
    return VN_OK;
}

static vn_status wait(vn_stream *s)
{
    (void)s;
    return VN_OK;
}

static void drop(vn_exec *exec)
{
    if (!exec) return;
    if (exec->shared) vn_free_aligned(exec->shared, exec->shared_block);
    if (exec->per_lane) vn_free_aligned(exec->per_lane, exec->lane_block);
    if (exec->kept) vn_free_aligned(exec->kept, exec->kept_bytes);
    vn_free(exec->link);
    vn_free(exec);
}

static void want_scratch(vn_exec *exec, const vn_kernel *kernel, const vn_call *call)
{
    vn_scratch want = kernel->scratch(call);
    if (want.shared > exec->shared_bytes) exec->shared_bytes = want.shared;
    if (want.per_lane > exec->lane_bytes) exec->lane_bytes = want.per_lane;
}

/* The largest scratch of any step, or block of one: steps run one after the other, so they share it. */
static void measure_scratch(vn_exec *exec)
{
    for (int i = 0; i < exec->n; i++) {
        const vn_step *step = &exec->steps[i];
        const vn_link *link = &exec->link[i];
        if (!step->kernel->scratch) continue;
        want_scratch(exec, step->kernel, &step->call);
        for (int64_t b = 0; b < link->blocks; b++) {
            vn_call part;
            vn_chain_cut(step, link, b, &part);
            want_scratch(exec, step->kernel, &part);
        }
    }
    exec->lane_bytes = (exec->lane_bytes + LINE - 1) / LINE * LINE;
    exec->shared_bytes = (exec->shared_bytes + LINE - 1) / LINE * LINE;
}

/* Steps from `at` on, below `last`, that are one phase: the members of a node, if there is one at least
 * for each lane, which then computes its members alone. */
static int group_at(const vn_exec *exec, int at, int last)
{
    int n = exec->steps[at].members;
    return n > 1 && n >= exec->lanes && at + n <= last ? n : 1;
}

static bool has_groups(const vn_exec *exec)
{
    for (int i = 0; i < exec->n; i++)
        if (group_at(exec, i, exec->n) > 1) return true;
    return false;
}

static vn_status make_scratch(vn_exec *exec)
{
    measure_scratch(exec);
    if (exec->shared_bytes) {
        exec->shared_block = exec->shared_bytes;
        if (has_groups(exec)) exec->shared_block *= (size_t)vn_team_size(exec->dev->team);
        exec->shared = vn_alloc_aligned(exec->shared_block, LINE);
        if (!exec->shared) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    if (exec->lane_bytes) {
        exec->lane_block = exec->lane_bytes * (size_t)vn_team_size(exec->dev->team);
        exec->per_lane = vn_alloc_aligned(exec->lane_block, LINE);
        if (!exec->per_lane) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    for (int i = 0; i < exec->n; i++) exec->steps[i].call.scratch = exec->shared;
    return VN_OK;
}

/* Bytes a step keeps of its fixed inputs, a multiple of LINE. */
static size_t kept_by(const vn_step *step)
{
    if (!step->call.fixed || !step->kernel->keep) return 0;
    return (step->kernel->keep(&step->call) + LINE - 1) / LINE * LINE;
}

static vn_status make_kept(vn_exec *exec)
{
    for (int i = 0; i < exec->n; i++) exec->kept_bytes += kept_by(&exec->steps[i]);
    if (!exec->kept_bytes) return VN_OK;
    exec->kept = vn_alloc_aligned(exec->kept_bytes, LINE);
    return exec->kept ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static vn_status record(vn_stream *s, const vn_step *steps, int n, double flops, vn_exec **out)
{
    size_t bytes;
    *out = NULL;
    if (n < 0 || !vn_mul_size((size_t)n, sizeof *steps, &bytes))
        return VN_FAIL(VN_E_BUG, "record: %d steps", n);
    vn_exec *exec = vn_calloc(1, sizeof *exec + bytes);
    if (!exec) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    exec->dev = ((cpu_queue *)s)->dev;
    exec->n = n;
    exec->lanes = flops < lane_flops ? 1 : vn_team_size(exec->dev->team);
    if (n) memcpy(exec->steps, steps, bytes);
    for (int i = 0; i < n; i++) exec->steps[i].call.kept = NULL;
    exec->link = vn_calloc((size_t)n + 1, sizeof *exec->link);
    vn_status st = exec->link ? VN_OK : VN_E_MEMORY;
    if (!st) vn_chain_find(exec->steps, n, exec->lanes, exec->link);
    if (!st) st = make_scratch(exec);
    if (!st) st = make_kept(exec);
    if (st) {
        drop(exec);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = exec;
    return VN_OK;
}

/* ---- replay ---- */

/* Steps of a range that are shared: a phase each, or one for all members of a node, or for a chain.
 * Those between them belong to the phase before. */
typedef struct walk {
    vn_exec *exec;
    int last;   /* end of the range */
    int at;     /* step of the phase at hand; moved by one lane, between phases */
} walk;

/* Steps of the chain from `at` on, below `last`: any part of a chain is one. */
static int chain_at(const vn_exec *exec, int at, int last)
{
    int end = exec->link[at].last;
    return (end < last ? end : last) - at;
}

/* Steps of the phase that begins at `at`. */
static int phase_from(const vn_exec *exec, int at, int last)
{
    int members = group_at(exec, at, last);
    return members > 1 ? members : chain_at(exec, at, last);
}

static int phase_at(const walk *w) { return phase_from(w->exec, w->at, w->last); }

/* What one lane would need for the n steps from `step` on. */
static bool are_small(const vn_step *step, int n)
{
    double ns = 0;
    for (int i = 0; i < n; i++) ns += step[i].flops / flops_ns + step[i].bytes / bytes_ns;
    return ns > 0 && ns < small_ns;
}

static void launch_call(const vn_exec *exec, const vn_kernel *kernel, const vn_call *call, vn_lane *part,
                        int lane)
{
    vn_cpu_stream s = { { &vn_backend_cpu }, part, NULL };
    if (exec->per_lane) s.scratch = (char *)exec->per_lane + exec->lane_bytes * (size_t)lane;
    kernel->launch(call, &s.base);
}

static void launch(const vn_exec *exec, int at, vn_lane *part, int lane)
{
    launch_call(exec, exec->steps[at].kernel, &exec->steps[at].call, part, lane);
}

/* Small steps from w->at on, alone; leaves w->at at a shared step or at the end. */
static void run_small(walk *w, int lane)
{
    while (w->at < w->last && are_small(&w->exec->steps[w->at], phase_at(w)))
        for (int n = phase_at(w); n > 0; n--) launch(w->exec, w->at++, &(vn_lane){ 0, 1, NULL }, lane);
}

static bool meets(void *arg, int phase)
{
    const walk *w = arg;
    (void)phase;
    return phase_at(w) == 1 && w->exec->steps[w->at].kernel->meets;
}

/* A member's step on one lane, with that lane's share of the shared scratch. */
static void launch_alone(const vn_exec *exec, int at, int lane)
{
    vn_call own = exec->steps[at].call;
    if (exec->shared) own.scratch = (char *)exec->shared + exec->shared_bytes * (size_t)lane;
    launch_call(exec, exec->steps[at].kernel, &own, &(vn_lane){ 0, 1, NULL }, lane);
}

/* A block of rows through the n steps from `at` on. */
static void launch_block(const vn_exec *exec, int at, int n, int64_t block, int lane)
{
    for (int i = at; i < at + n; i++) {
        vn_call part;
        vn_chain_cut(&exec->steps[i], &exec->link[i], block, &part);
        launch_call(exec, exec->steps[i].kernel, &part, &(vn_lane){ 0, 1, NULL }, lane);
    }
}

static void run_part(void *arg, int phase, vn_lane *part, int lane)
{
    const walk *w = arg;
    const vn_exec *exec = w->exec;
    int n = phase_at(w);
    bool grouped = group_at(exec, w->at, w->last) > 1;
    int64_t all = grouped ? n : exec->link[w->at].blocks, lo, hi;
    (void)phase;
    if (n == 1) {
        launch(exec, w->at, part, lane);
        return;
    }
    lo = all * part->rank / part->size;
    hi = all * (part->rank + 1) / part->size;
    for (int64_t k = lo; k < hi; k++) {
        if (grouped) launch_alone(exec, w->at + (int)k, lane);
        else launch_block(exec, w->at, n, k, lane);
    }
}

static void run_rest(void *arg, int phase, int lane)
{
    walk *w = arg;
    (void)phase;
    w->at += phase_at(w);
    run_small(w, lane);
}

static vn_status replay(vn_stream *s, vn_exec *exec, int first, int last)
{
    (void)s;
    if (first < 0 || first > last || last > exec->n)
        return VN_FAIL(VN_E_BUG, "replay of steps %d to %d, but %d were recorded", first, last,
                       exec->n);
    vn_phases phases = { 0, meets, run_part, run_rest };
    walk w = { exec, last, first };
    for (int i = first, n; i < last; i += n) {
        n = phase_from(exec, i, last);
        phases.n += !are_small(&exec->steps[i], n);
    }
    run_small(&w, 0);
    vn_team_walk(exec->dev->team, exec->lanes, &phases, &w);
    return VN_OK;
}

/* Where lanes walk on. */
static const char *chosen(const vn_exec *exec, int step)
{
    const char *about = exec->link[step].about;
    return *about ? about : NULL;
}

/* ---- settling ---- */

/* Steps that keep something: a phase each. */
typedef struct settling {
    vn_exec *exec;
    int at;
} settling;

static void settle_part(void *arg, int phase, vn_lane *part, int lane)
{
    const settling *w = arg;
    const vn_step *step = &w->exec->steps[w->at];
    vn_cpu_stream s = { { &vn_backend_cpu }, part, NULL };
    (void)phase, (void)lane;
    step->kernel->settle(&step->call, &s.base);
}

static void settle_next(void *arg, int phase, int lane)
{
    settling *w = arg;
    (void)phase, (void)lane;
    do w->at++;
    while (w->at < w->exec->n && !w->exec->steps[w->at].call.kept);
}

static vn_status settle(vn_stream *s, vn_exec *exec)
{
    vn_phases phases = { 0, NULL, settle_part, settle_next };
    settling w = { exec, -1 };
    char *kept = exec->kept;
    (void)s;
    for (int i = 0; i < exec->n && kept; i++) {
        size_t bytes = kept_by(&exec->steps[i]);
        exec->steps[i].call.kept = bytes ? kept : NULL;
        kept += bytes;
        phases.n += bytes > 0;
    }
    settle_next(&w, 0, 0);
    vn_team_walk(exec->dev->team, 0, &phases, &w);
    return VN_OK;
}

const vn_backend vn_backend_cpu = {
    .abi = VN_BACKEND_ABI,
    .name = "cpu",
    .kernels = vn_cpu_kernels,
    .caps = vn_cpu_cap_names,
    .count = count,
    .open = open_device,
    .close = close_device,
    .info = info,
    .alloc = alloc,
    .free = release,
    .stream_open = open_queue,
    .stream_close = close_queue,
    .copy = copy,
    .fill = fill,
    .wait = wait,
    .record = record,
    .replay = replay,
    .drop = drop,
    .settle = settle,
    .chosen = chosen,
};

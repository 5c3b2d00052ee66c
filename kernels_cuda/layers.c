/* A layer of a training step is its own step and, further down, the steps of its gradient: slopes
 * of the gates, and products of them with weights, inputs and states (graph/ops/recurrent.c). cuDNN
 * makes all of the second at once, from what its forward pass left in a reserve of its own, and
 * gives no slopes; so the choice is one of both together, and holds where a replay has both. A
 * step replayed alone is its kernel's.
 *
 * Candidates are timed as those of products.c are, on the buffers of the plan. A plan of several
 * members keeps its kernels, which compute all members in one launch. */
#include "kernels_cuda/layers.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

#ifdef VN_EMULATED /* a clock of its own: once is enough */
enum { RUNS = 1 };
#else
enum { RUNS = 4 };
#endif
enum { ALIGN = 256 };
enum { UNASKED, RIGHT, WRONG }; /* vn_layers.state */

static const struct {
    unsigned algo;
    const char *name;
} algorithms[] = { { VN_CUDNN_RNN_ALGO_STANDARD, "cudnn" },
                   { VN_CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H, "cudnn-small" },
                   { VN_CUDNN_RNN_ALGO_PERSIST_STATIC, "cudnn-persistent" } };
enum { OWN = -1, ALGORITHMS = sizeof algorithms / sizeof *algorithms };

/* What two layers have in common that are computed alike. */
typedef struct key {
    vn_recurrence about;
    bool states, dx;
    const vn_kernel *kernel, *back;
} key;

typedef struct vn_layer_memory {
    struct vn_layer_memory *next;
    key key;
    int way; /* OWN or one of algorithms */
    char text[160];
} memory;

static const memory wrong = { .way = OWN,
                              .text = "own; cuDNN does not start, or computes something else" };
static const memory no_room = { .way = OWN, .text = "own; no room for what cuDNN keeps" };

struct vn_layer_steps {
    const memory *how;
    vn_cudnn_call call;
    vn_recurrence_memory at; /* addresses of the plan, and of `kept` */
    vn_layer_range range;
    void *kept;                   /* from forward to back: weights and reserve */
    size_t dweights, extra, want; /* where they lie in the scratch, and all of it */
};

/* ---- a layer ---- */

static size_t room(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return at;
}

/* What is given to the library when `scratch` is there: results that nobody reads but it writes. */
static vn_recurrence_memory placed(const vn_layer_steps *l, void *scratch)
{
    const vn_recurrence *r = &l->call.about;
    vn_recurrence_memory m = l->at;
    size_t used = l->extra, rows = (size_t)(r->batch * r->steps);
    m.work = scratch;
    m.weights = l->kept;
    m.dweights = (char *)scratch + l->dweights;
    if (!m.y) m.y = (float *)((char *)scratch + room(&used, rows * (size_t)r->units * 4));
    if (l->range.back < 0) return m;
    m.reserve = (char *)l->kept + l->call.weights + (ALIGN - l->call.weights % ALIGN) % ALIGN;
    if (!m.dx || !vn_layer_dx_stays(&m, r)) {
        m.dx_after = m.dx;
        m.dx = (float *)((char *)scratch + room(&used, rows * (size_t)r->inputs * 4));
    }
    if (!m.dy) m.dy = (float *)((char *)scratch + room(&used, rows * (size_t)r->units * 4));
    return m;
}

/* Describe it for an algorithm, and find room for what it keeps. */
static bool prepare(const vn_layers *layers, const vn_recurrence *r, int way, vn_layer_steps *l)
{
    size_t used = 0, wide = (size_t)(r->batch * r->steps * r->units) * 4;
    const vn_cudnn_call *c = &l->call;
    if (!vn_cudnn_describe(&layers->lib, r, algorithms[way].algo, l->at.x, &l->call)) return false;
    room(&used, c->work);
    l->dweights = room(&used, r->training ? c->weights : 0);
    l->extra = used;
    room(&used, (size_t)(r->batch * r->steps * r->inputs) * 4);
    room(&used, wide); /* y or dy: a gradient has y */
    l->want = used;
    return !cudaMalloc(&l->kept, c->weights + ALIGN + c->reserve);
}

static void forget(const vn_layers *layers, vn_layer_steps *l)
{
    vn_cudnn_forget(&layers->lib, &l->call);
    if (l->kept) cudaFree(l->kept);
    l->kept = NULL;
    cudaGetLastError(); /* no room, or a refusal: told by what is chosen, not at the next launch */
}

static bool launch(const vn_layers *layers, const vn_layer_steps *l, bool back, void *scratch,
                   vn_stream *s)
{
    const vn_recurrence *r = &l->call.about;
    vn_recurrence_memory m = placed(l, scratch);
    if (!back) return vn_cudnn_forward(&layers->lib, &l->call, &m, s);
    size_t bytes = (size_t)(r->batch * r->steps * r->units) * 4;
    if (!l->at.dy && cudaMemsetAsync((void *)m.dy, 0, bytes, ((vn_cuda_stream *)s)->handle))
        return false;
    return vn_cudnn_backward(&layers->lib, &l->call, &m, s);
}

/* ---- timing ---- */

typedef struct search {
    const vn_layers *layers;
    vn_cuda_stream *s;
    vn_layer_steps *l;
    vn_layer_own *own;
    void *ctx;
    void *scratch; /* of the candidate */
    cudaEvent_t from, to;
} search;

static bool run_once(const search *q, int way)
{
    const vn_layer_steps *l = q->l;
    vn_stream *s = &q->s->base;
    if (way != OWN)
        return launch(q->layers, l, false, q->scratch, s) &&
               (l->range.back < 0 || launch(q->layers, l, true, q->scratch, s));
    q->own(q->ctx, l->range.first, l->range.first + 1, s);
    for (int i = l->range.back; i >= 0 && i < l->range.last;)
        i += q->own(q->ctx, i, l->range.last, s);
    return true;
}

/* RUNS of them between the events, as a graph; false if they cannot be captured. */
static bool capture(const search *q, int way, cudaGraphExec_t *exec)
{
    cudaStream_t stream = q->s->handle;
    cudaGraph_t graph = NULL;
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal)) return false;
    bool ok = !cudaEventRecordWithFlags(q->from, stream, cudaEventRecordExternal);
    for (int i = 0; ok && i < RUNS; i++) ok = run_once(q, way);
    ok = ok && !cudaEventRecordWithFlags(q->to, stream, cudaEventRecordExternal);
    bool ended = !cudaStreamEndCapture(stream, &graph);
    ok = ok && ended && !cudaGraphInstantiate(exec, graph, 0);
    if (graph) cudaGraphDestroy(graph);
    return ok;
}

/* It runs at once and in a graph: microseconds of one, below 0 if it does not. */
static double time_of(const search *q, int way)
{
    cudaGraphExec_t exec = NULL;
    float ms = 0;
    bool ok = run_once(q, way);
    ok = !cudaStreamSynchronize(q->s->handle) && ok && capture(q, way, &exec) &&
         !cudaGraphLaunch(exec, q->s->handle) && !cudaStreamSynchronize(q->s->handle) &&
         !cudaEventElapsedTime(&ms, q->from, q->to);
    if (exec) cudaGraphExecDestroy(exec);
    cudaGetLastError();
    return ok ? 1e3 * (double)ms / RUNS : -1;
}

static double try_library(search *q, const vn_recurrence *r, int way)
{
    double us = -1;
    if (prepare(q->layers, r, way, q->l) && !cudaMalloc(&q->scratch, q->l->want))
        us = time_of(q, way);
    if (q->scratch) cudaFree(q->scratch);
    q->scratch = NULL;
    forget(q->layers, q->l);
    return us;
}

/* ---- choosing ---- */

static void say(memory *m, const char *name, double us)
{
    size_t n = strlen(m->text);
    if (us >= 0) snprintf(m->text + n, sizeof m->text - n, "%s %s %.2f us", n ? "," : "", name, us);
}

static void search_all(search *q, const vn_recurrence *r, memory *m)
{
    const int forced = q->layers->forced;
    double best, us;
    m->way = OWN;
    if (cudaEventCreateWithFlags(&q->from, cudaEventDefault) ||
        cudaEventCreateWithFlags(&q->to, cudaEventDefault))
        return;
    best = forced ? -1 : time_of(q, OWN);
    say(m, "own", best);
    for (int w = forced ? forced - 1 : 0; w < (forced ? forced : ALGORITHMS); w++) {
        us = try_library(q, r, w);
        say(m, algorithms[w].name, us);
        if (us < 0 || (best >= 0 && us >= best)) continue;
        best = us;
        m->way = w;
    }
}

static void put_text(const vn_layers *layers, memory *m)
{
    char times[sizeof m->text];
    const char *name = m->way == OWN ? "own" : algorithms[m->way].name;
    memcpy(times, m->text, sizeof times);
    if (!layers->forced)
        snprintf(m->text, sizeof m->text, "%s:%.140s", name, times);
    else if (m->way == OWN)
        snprintf(m->text, sizeof m->text, "own; %s does not take the layer",
                 algorithms[layers->forced - 1].name);
    else
        snprintf(m->text, sizeof m->text, "%s", name);
}

static const memory *remembered(const vn_layers *layers, const key *k)
{
    for (const memory *m = layers->memory; m; m = m->next)
        if (!memcmp(&m->key, k, sizeof *k)) return m;
    return NULL;
}

static vn_status find_best(vn_layers *layers, search *q, const vn_recurrence *r, const key *k,
                           const memory **out)
{
    memory *m = vn_calloc(1, sizeof *m);
    if (!m) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    m->key = *k;
    search_all(q, r, m);
    if (q->from) cudaEventDestroy(q->from);
    if (q->to) cudaEventDestroy(q->to);
    put_text(layers, m);
    m->next = layers->memory;
    layers->memory = m;
    *out = m;
    return VN_OK;
}

/* The library starts, and computes what it should: asked for the first layer of a device. */
static bool is_usable(vn_layers *layers, vn_cuda_stream *s)
{
    if (layers->state == UNASKED) {
        bool right = vn_cudnn_start(&layers->lib) && vn_cudnn_probe(&layers->lib, &s->base);
        layers->state = right ? RIGHT : WRONG;
    }
    return layers->state == RIGHT;
}

static key key_of(const vn_recurrence *r, const vn_layer_steps *l, const vn_step *steps)
{
    key k;
    memset(&k, 0, sizeof k); /* keys are compared byte by byte */
    memcpy(&k.about, r, sizeof *r);
    k.states = l->at.h0 || l->at.c0;
    k.dx = l->at.dx != NULL;
    k.kernel = steps[l->range.first].kernel;
    k.back = l->range.back < 0 ? NULL : steps[l->range.back].kernel;
    return k;
}

vn_status vn_layers_choose(vn_layers *layers, vn_cuda_stream *s, const vn_step *steps, int n, int i,
                           vn_layer_own *own, void *ctx, vn_layer_steps **out)
{
    vn_recurrence r;
    *out = NULL;
    if (!layers->lib.library) return VN_OK;
    vn_layer_steps *l = vn_calloc(1, sizeof *l);
    if (!l) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (!vn_layer_find(steps, n, i, &l->range, &r, &l->at)) {
        vn_free(l);
        return VN_OK;
    }
    if (!is_usable(layers, s)) {
        l->how = &wrong;
        *out = l;
        return VN_OK;
    }
    search q = { .layers = layers, .s = s, .l = l, .own = own, .ctx = ctx };
    key k = key_of(&r, l, steps);
    l->how = remembered(layers, &k);
    vn_status st = l->how ? VN_OK : find_best(layers, &q, &r, &k, &l->how);
    if (!st && l->how->way != OWN && !prepare(layers, &r, l->how->way, l)) {
        forget(layers, l);
        l->how = &no_room;
    }
    if (st) {
        vn_free(l);
        return st;
    }
    *out = l;
    return VN_OK;
}

void vn_layer_drop(const vn_layers *layers, vn_layer_steps *l)
{
    if (l) forget(layers, l);
    vn_free(l);
}

int vn_layer_back(const vn_layer_steps *l)
{
    return l->range.back;
}

size_t vn_layer_scratch(const vn_layer_steps *l)
{
    return l->how->way == OWN ? 0 : l->want;
}

const char *vn_layer_text(const vn_layer_steps *l)
{
    return l->how->text;
}

bool vn_layer_taken(const vn_layer_steps *l, int first, int last)
{
    return l->how->way != OWN && first <= l->range.first && l->range.last <= last;
}

int vn_layer_launch(const vn_layers *layers, const vn_layer_steps *l, int i, void *scratch,
                    vn_stream *s)
{
    bool back = i == l->range.back;
    if (!launch(layers, l, back, scratch, s)) return 0;
    return back ? l->range.last - l->range.back : 1;
}

/* ---- a device ---- */

void vn_layers_open(vn_layers *layers, const char *wish)
{
    char why[64] = "";
    memset(layers, 0, sizeof *layers);
    for (int w = 0; wish && w < ALGORITHMS; w++)
        if (!strcmp(wish, algorithms[w].name)) layers->forced = w + 1;
    if (wish && *wish && strcmp(wish, "auto") && !layers->forced) return;
    if (vn_cudnn_open(&layers->lib, why, sizeof why))
        snprintf(layers->about, sizeof layers->about, "; recurrent layers by cuDNN %zu.%zu.%zu%s",
                 layers->lib.version / 10000, layers->lib.version / 100 % 100,
                 layers->lib.version % 100, layers->forced ? "" : " too");
    else
        snprintf(layers->about, sizeof layers->about, "; no cuDNN: %s", why);
}

void vn_layers_close(vn_layers *layers)
{
    while (layers->memory) {
        memory *next = layers->memory->next;
        vn_free(layers->memory);
        layers->memory = next;
    }
    vn_cudnn_close(&layers->lib);
}

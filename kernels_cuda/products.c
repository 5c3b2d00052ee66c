/* Four ways of a product (linear, matmul):
 *
 *   own              the step's kernel, bias and activation in it
 *   own-apart        that kernel without them, and one that adds them in place
 *   cublaslt         one call, bias and activation as its epilogue; up to ALGORITHMS to choose from
 *   cublaslt-apart   a call without an epilogue, and the kernel that adds them
 *
 * A weight's gradient and, as the next step, its bias's are one product to choose for: the library
 * makes the second with the first, or the sum's own kernel does. Replayed alone, such a step is its
 * kernel's.
 *
 * Each candidate runs once, which loads what it needs, and is then timed between two events of a
 * graph, on the buffers of the plan: nothing of the host is in the time. What is chosen holds for
 * every replay and for every product of the same description on this device, so that a training
 * plan, its validation and its forecasts agree. Two runs of the program may choose differently;
 * the user's wish of one way takes the library's first algorithm untimed, the same every time. */
#include "kernels_cuda/products.h"

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

enum way { OWN, OWN_APART, LT, LT_APART, WAYS };
static const char *const names[] = { "own", "own-apart", "cublaslt", "cublaslt-apart" };

#ifdef VN_EMULATED /* a clock of its own: once is enough */
enum { RUNS = 1, ALGORITHMS = 2 };
#else
enum { RUNS = 8, ALGORITHMS = 8 };
#endif

/* What two products have in common that are computed alike. */
typedef struct key {
    int64_t groups, m, n, k, a_row, a_k, a_group, b_col, b_k, b_group, act, type;
    int64_t bias, sums, aligned; /* pointers, by the powers of two that divide them */
    int64_t members, a_each, b_each, bias_each, y_each;
    const vn_kernel *kernel;
} key;

typedef struct vn_memory {
    struct vn_memory *next;
    key key;
    int way;
    cublasLtMatmulAlgo_t algo;
    size_t workspace;
    char text[160];
} vn_memory;

struct vn_chosen {
    const vn_memory *how;
    vn_product p;
    vn_lt_call lt;       /* of ways LT and LT_APART */
    vn_attr_linear attr; /* of OWN_APART: the layer's without its activation */
};

/* ---- products ---- */

static void put_layer(const vn_call *c, vn_product *p)
{
    const vn_tensor *w = &c->in[1];
    p->groups = 1;
    p->n = w->dim[0];
    p->k = p->a_row = p->b_col = w->dim[1];
    p->m = vn_count(&c->in[0]) / p->k;
    p->a_k = p->b_k = 1;
    p->bias = c->in[2].data;
    p->act = ((const vn_attr_linear *)c->attr)->act;
}

static void put_matrices(const vn_call *c, vn_product *p)
{
    const vn_attr_matmul *attr = c->attr;
    const vn_tensor *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    p->groups = y->rank == 3 ? y->dim[0] : 1;
    p->m = y->dim[y->rank - 2];
    p->n = y->dim[y->rank - 1];
    p->k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    p->a_row = attr->ta ? 1 : p->k;
    p->a_k = attr->ta ? p->m : 1;
    p->a_group = a->rank == 3 ? p->m * p->k : 0;
    p->b_col = attr->tb ? p->k : 1;
    p->b_k = attr->tb ? 1 : p->n;
    p->b_group = b->rank == 3 ? p->k * p->n : 0;
    p->act = VN_UNARY_NONE;
}

static bool apart(const void *a, int64_t a_numbers, const void *b, int64_t b_numbers)
{
    const float *x = a, *y = b;
    return x + a_numbers <= y || y + b_numbers <= x;
}

/* Where the next step puts the sums of a over k, if it makes these: a is [k, m], the sums are [m],
 * and they lie where the product neither reads nor writes. */
static float *sums_of(const vn_product *p, const vn_call *next)
{
    const vn_tensor *x = &next->in[0], *y = &next->out[0];
    if (next->op != VN_OP_SUMTO || p->type != VN_F32 || p->groups != 1 || p->a_row != 1)
        return NULL;
    if (x->data != p->a || x->rank != 2 || x->dim[0] != p->k || x->dim[1] != p->m) return NULL;
    if (!y->data || y->dtype != VN_F32 || vn_count(y) != p->m || vn_last_dim(y) != p->m)
        return NULL;
    bool clear = apart(y->data, p->m, p->a, p->m * p->k) &&
                 apart(y->data, p->m, p->b, p->n * p->k) && apart(y->data, p->m, p->y, p->m * p->n);
    return clear && p->m > 1 ? y->data : NULL;
}

/* How far apart `n` members' memory lies, of the tensor that `of` gives; false: not evenly. */
static bool each_of(const vn_step *step, int n, bool out, int at, int64_t *each)
{
    const char *first = out ? step->call.out[at].data : step->call.in[at].data;
    *each = 0;
    for (int s = 1; s < n; s++) {
        const vn_call *c = &step[s].call;
        int64_t apart = (const char *)(out ? c->out[at].data : c->in[at].data) - first;
        if (s == 1) *each = apart;
        if (apart != s * *each) return false;
    }
    return true;
}

static bool put_members(const vn_step *step, int n_steps, vn_product *p)
{
    p->members = step->members > 1 ? step->members : 1;
    return p->members <= n_steps && each_of(step, p->members, false, 0, &p->a_each) &&
           each_of(step, p->members, false, 1, &p->b_each) &&
           (!p->bias || each_of(step, p->members, false, 2, &p->bias_each)) &&
           each_of(step, p->members, true, 0, &p->y_each);
}

/* False if the step is no product with factors of one type and a result that somebody reads. */
static bool product_of(const vn_step *step, int n_steps, vn_product *p)
{
    const vn_call *c = &step->call;
    memset(p, 0, sizeof *p);
    if ((c->op != VN_OP_LINEAR && c->op != VN_OP_MATMUL) || !c->out[0].data) return false;
    vn_dtype t = c->in[0].dtype;
    if ((t != VN_F32 && !vn_is_low(t)) || c->in[1].dtype != t || c->out[0].dtype != VN_F32)
        return false;
    p->type = t;
    p->tf32 = vn_rounds(c); /* another kernel, so another key */
    p->a = c->in[0].data;
    p->b = c->in[1].data;
    p->y = c->out[0].data;
    if (c->op == VN_OP_LINEAR)
        put_layer(c, p);
    else
        put_matrices(c, p);
    if (!put_members(step, n_steps, p)) return false;
    if (c->op == VN_OP_MATMUL && n_steps > 1 && p->members == 1)
        p->sums = sums_of(p, &step[1].call);
    return p->m > 0 && p->n > 0 && p->k > 0;
}

static int64_t power_of(const void *at)
{
    int64_t p = (int64_t)(intptr_t)at | 256;
    return p & -p;
}

static key key_of(const vn_product *p, const vn_kernel *kernel)
{
    key k;
    memset(&k, 0, sizeof k); /* keys are compared byte by byte */
    k.groups = p->groups;
    k.m = p->m;
    k.n = p->n;
    k.k = p->k;
    k.a_row = p->a_row;
    k.a_k = p->a_k;
    k.a_group = p->a_group;
    k.b_col = p->b_col;
    k.b_k = p->b_k;
    k.b_group = p->b_group;
    k.act = p->act;
    k.type = p->type;
    k.bias = p->bias ? power_of(p->bias) : 0;
    k.sums = p->sums ? power_of(p->sums) : 0;
    k.aligned = power_of(p->a) + (power_of(p->b) << 12) + (power_of(p->y) << 24);
    k.members = p->members;
    k.a_each = p->a_each;
    k.b_each = p->b_each;
    k.bias_each = p->bias_each;
    k.y_each = p->y_each;
    k.kernel = kernel;
    return k;
}

/* ---- a device ---- */

/* A tiny product through the ReLU epilogue: is a NaN still one after it? Vane's is, for training
 * finds a bad batch by it. */
static bool ask_relu(vn_lt *lt)
{
    enum { N = 16 };
    float host[N * N], *device = NULL;
    vn_lt_call call;
    cublasLtMatmulHeuristicResult_t found;
    bool keeps = false;
    for (int i = 0; i < N * N; i++) host[i] = i ? 1 : NAN;
    if (cudaMalloc((void **)&device, 3 * sizeof host)) return false;
    vn_product p = { .groups = 1,
                     .m = N,
                     .n = N,
                     .k = N,
                     .a_row = N,
                     .a_k = 1,
                     .b_col = N,
                     .b_k = 1,
                     .act = VN_UNARY_RELU,
                     .a = device,
                     .b = device + N * N,
                     .y = device + 2 * N * N,
                     .type = VN_F32 };
    bool ok = !cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice) &&
              !cudaMemset(device + N * N, 0, 2 * sizeof host) &&
              vn_lt_describe(lt, &p, true, &call);
    if (ok && vn_lt_algorithms(lt, &p, &call, 0, &found, 1) == 1) {
        call.algo = found.algo;
        keeps = vn_lt_launch(lt, &p, &call, NULL, 0, NULL) &&
                !cudaMemcpy(host, p.y, sizeof host, cudaMemcpyDeviceToHost) && host[0] != host[0];
    }
    if (ok) vn_lt_forget(lt, &call);
    cudaFree(device);
    cudaGetLastError();
    return keeps;
}

vn_status vn_products_open(vn_products *p, const char *wish)
{
    char why[128] = "";
    memset(p, 0, sizeof *p);
    p->wish = WAYS;
    if (wish && !strncmp(wish, "cudnn", 5)) {
        p->wish = OWN; /* of layers only (layers.c) */
    } else if (wish && *wish && strcmp(wish, "auto")) {
        for (p->wish = 0; p->wish < WAYS && strcmp(wish, names[p->wish]); p->wish++) {
        }
        if (p->wish == WAYS)
            return VN_FAIL(VN_E_ARGUMENT,
                           "products is \"%.40s\", expected auto, own, own-apart, cublaslt, "
                           "cublaslt-apart, cudnn, cudnn-small or cudnn-persistent",
                           wish);
    }
    if (p->wish == OWN || p->wish == OWN_APART) { /* half a gigabyte of library for nothing */
        snprintf(p->about, sizeof p->about, "Vane's own kernels, as asked");
        return VN_OK;
    }
    if (!vn_lt_open(&p->lt, why, sizeof why)) {
        snprintf(p->about, sizeof p->about, "Vane's own kernels: %s", why);
        return VN_OK;
    }
    p->lt.relu_keeps_nan = ask_relu(&p->lt);
    snprintf(p->about, sizeof p->about, "cuBLASLt %zu.%zu.%zu and Vane's kernels, %s%s",
             p->lt.version / 10000, p->lt.version / 100 % 100, p->lt.version % 100,
             p->wish == WAYS ? "the faster one" : names[p->wish],
             p->lt.relu_keeps_nan ? "" : "; its ReLU is not used, it loses NaN");
    return VN_OK;
}

void vn_products_close(vn_products *p)
{
    while (p->memory) {
        vn_memory *next = p->memory->next;
        vn_free(p->memory);
        p->memory = next;
    }
    vn_lt_close(&p->lt);
}

int vn_products_concern(const vn_products *products, const vn_step *step, int left)
{
    vn_product p;
    if (products->wish == OWN || (!products->lt.library && products->wish != OWN_APART)) return 0;
    return !product_of(step, left, &p) ? 0 : p.sums ? 2 : p.members;
}

/* ---- launching ---- */

static bool has_more(const vn_product *p)
{
    return p->bias || p->act != VN_UNARY_NONE || p->sums;
}

/* What is started for one member of a choice. */
typedef struct part {
    const vn_chosen *c;
    const vn_step *step;
} part;

/* The step's kernel, of OWN_APART without bias and activation. */
static void launch_own(const void *of, int member, vn_stream *s)
{
    const part *q = of;
    vn_call call = q->step[member].call;
    if (q->c->how->way == OWN_APART && call.op == VN_OP_LINEAR) {
        call.attr = &q->c->attr;
        call.in[2] = (vn_tensor){ 0 };
    }
    q->step->kernel->launch(&call, s);
}

static void launch_rest(const void *of, int member, vn_stream *s)
{
    const vn_product *p = &((const part *)of)->c->p;
    float *y = (float *)((char *)p->y + p->y_each * member);
    const float *bias =
        p->bias ? (const float *)((const char *)p->bias + p->bias_each * member) : NULL;
    vn_bias_act_launch(y, bias, p->n, p->groups * p->m * p->n, p->act, s);
}

bool vn_chosen_launch(const vn_products *products, const vn_chosen *c, const vn_step *step,
                      vn_stream *s)
{
    const vn_product *p = &c->p;
    const part all = { c, step };
    bool after = c->how->way == OWN_APART || c->how->way == LT_APART;
    void *workspace = c->how->workspace ? step[p->members - 1].call.scratch : NULL; /* the roomy one */
    if (c->how->way < LT)
        vn_launch_members(s, p->members, launch_own, &all);
    else if (!vn_lt_launch(&products->lt, p, &c->lt, workspace, c->how->workspace,
                           ((vn_cuda_stream *)s)->handle))
        return false;
    if (p->sums && c->how->way != LT)
        step[1].kernel->launch(&step[1].call, s);
    else if (after && has_more(p))
        vn_launch_members(s, p->members, launch_rest, &all);
    return true;
}

int vn_chosen_steps(const vn_chosen *chosen)
{
    return chosen->p.sums ? 2 : chosen->p.members;
}

const char *vn_chosen_text(const vn_chosen *chosen)
{
    return chosen->how->text;
}

void vn_chosen_drop(const vn_products *products, vn_chosen *chosen)
{
    if (chosen) vn_lt_forget(&products->lt, &chosen->lt);
    vn_free(chosen);
}

/* Make ready what `how` says; false if the library refuses. */
static bool prepare(const vn_products *products, const vn_step *step, const vn_memory *how,
                    vn_chosen *c)
{
    c->how = how;
    if (how->way == OWN_APART && step->call.op == VN_OP_LINEAR) {
        c->attr = *(const vn_attr_linear *)step->call.attr;
        c->attr.act = VN_UNARY_NONE;
    }
    if (how->way < LT) return true;
    if (!vn_lt_describe(&products->lt, &c->p, how->way == LT, &c->lt)) return false;
    c->lt.algo = how->algo;
    return true;
}

/* ---- timing ---- */

typedef struct clock_of {
    cudaEvent_t from, to;
} clock_of;

static bool start_clock(clock_of *c)
{
    c->from = c->to = NULL;
    return !cudaEventCreateWithFlags(&c->from, cudaEventDefault) &&
           !cudaEventCreateWithFlags(&c->to, cudaEventDefault);
}

static void stop_clock(clock_of *c)
{
    if (c->from) cudaEventDestroy(c->from);
    if (c->to) cudaEventDestroy(c->to);
}

/* RUNS launches between the events, as a graph; false if they cannot be captured. */
static bool capture(const vn_products *products, const vn_chosen *c, const vn_step *step,
                    vn_cuda_stream *s, const clock_of *clock, cudaGraphExec_t *exec)
{
    cudaGraph_t graph = NULL;
    if (cudaStreamBeginCapture(s->handle, cudaStreamCaptureModeThreadLocal)) return false;
    bool ok = !cudaEventRecordWithFlags(clock->from, s->handle, cudaEventRecordExternal);
    for (int i = 0; ok && i < RUNS; i++) ok = vn_chosen_launch(products, c, step, &s->base);
    ok = ok && !cudaEventRecordWithFlags(clock->to, s->handle, cudaEventRecordExternal);
    bool ended = !cudaStreamEndCapture(s->handle, &graph);
    ok = ok && ended && !cudaGraphInstantiate(exec, graph, 0);
    if (graph) cudaGraphDestroy(graph);
    return ok;
}

/* Microseconds of one launch; false if it does not run. */
static bool time_one(const vn_products *products, const vn_chosen *c, const vn_step *step,
                     vn_cuda_stream *s, const clock_of *clock, double *us)
{
    cudaGraphExec_t exec = NULL;
    float ms = 0;
    if (!vn_chosen_launch(products, c, step, &s->base) || cudaStreamSynchronize(s->handle))
        return false;
    if (!capture(products, c, step, s, clock, &exec)) return false;
    bool ok = !cudaGraphLaunch(exec, s->handle) && !cudaStreamSynchronize(s->handle) &&
              !cudaEventElapsedTime(&ms, clock->from, clock->to);
    cudaGraphExecDestroy(exec);
    *us = 1e3 * (double)ms / RUNS;
    return ok;
}

/* ---- choosing ---- */

typedef struct search {
    const vn_products *products;
    const vn_step *step;
    vn_cuda_stream *s;
    size_t bytes;
    clock_of clock;
    vn_memory *best;   /* written when a candidate is the fastest so far */
    double us[WAYS];   /* of each way; 0: it was not tried */
    const char *unfit; /* why the library takes none */
} search;

/* One candidate. */
static void attempt(search *q, const vn_product *p, const vn_memory *how)
{
    vn_chosen c = { .p = *p };
    double us, best = 0;
    for (int w = 0; w < WAYS; w++)
        if (q->us[w] > 0 && (best == 0 || q->us[w] < best)) best = q->us[w];
    if (prepare(q->products, q->step, how, &c) &&
        time_one(q->products, &c, q->step, q->s, &q->clock, &us)) {
        if (q->us[how->way] == 0 || us < q->us[how->way]) q->us[how->way] = us;
        if (best == 0 || us < best) {
            q->best->way = how->way;
            q->best->algo = how->algo;
            q->best->workspace = how->workspace;
        }
    }
    vn_lt_forget(&q->products->lt, &c.lt);
    cudaGetLastError(); /* of one that does not run: it must not surface at the next launch */
}

/* The library's algorithms for a way, best first. */
static int algorithms(const search *q, const vn_product *p, int way, int most,
                      cublasLtMatmulHeuristicResult_t *found)
{
    const vn_lt *lt = &q->products->lt;
    vn_lt_call call;
    if (!lt->library || vn_lt_unfit(lt, p, way == LT)) return 0;
    if (!vn_lt_describe(lt, p, way == LT, &call)) return 0;
    size_t most_bytes = q->bytes < VN_LT_WORKSPACE ? q->bytes : VN_LT_WORKSPACE;
    int n = vn_lt_algorithms(lt, p, &call, most_bytes, found, most);
    vn_lt_forget(lt, &call);
    return n;
}

static void attempt_library(search *q, const vn_product *p, int way)
{
    cublasLtMatmulHeuristicResult_t found[ALGORITHMS];
    int n = algorithms(q, p, way, ALGORITHMS, found);
    for (int i = 0; i < n; i++) {
        vn_memory how = { .way = way, .algo = found[i].algo, .workspace = found[i].workspaceSize };
        attempt(q, p, &how);
    }
}

/* Bias and activation apart pay only where they are there, and where the activation costs more than
 * the traffic. */
static void attempt_all(search *q, const vn_product *p)
{
    bool costly = p->act != VN_UNARY_NONE && p->act != VN_UNARY_RELU;
    attempt(q, p, &(vn_memory){ .way = OWN });
    if (costly) attempt(q, p, &(vn_memory){ .way = OWN_APART });
    attempt_library(q, p, LT);
    if (has_more(p)) attempt_library(q, p, LT_APART);
}

/* The user's wish, as far as it can be met; else the step's kernel. */
static void take_wish(search *q, const vn_product *p)
{
    cublasLtMatmulHeuristicResult_t found;
    int way = q->products->wish;
    q->best->way = OWN;
    if (way == OWN_APART && has_more(p) && !p->sums) q->best->way = way;
    if (way < LT || algorithms(q, p, way, 1, &found) != 1) return;
    q->best->way = way;
    q->best->algo = found.algo;
    q->best->workspace = found.workspaceSize;
}

static void put_text(const search *q, const vn_product *p, vn_memory *m)
{
    size_t n = (size_t)snprintf(m->text, sizeof m->text, "%s", names[m->way]);
    const char *unfit = q->products->lt.library ? vn_lt_unfit(&q->products->lt, p, true) : NULL;
    for (int w = 0; w < WAYS && n < sizeof m->text; w++)
        if (q->us[w] > 0)
            n += (size_t)snprintf(m->text + n, sizeof m->text - n, "%s %s %.2f us",
                                  strchr(m->text, ':') ? "," : ":", names[w], q->us[w]);
    if (unfit && n < sizeof m->text)
        snprintf(m->text + n, sizeof m->text - n, "; cublaslt: %s", unfit);
}

static const vn_memory *remembered(const vn_products *products, const key *k)
{
    for (const vn_memory *m = products->memory; m; m = m->next)
        if (!memcmp(&m->key, k, sizeof *k)) return m;
    return NULL;
}

static vn_status find_best(vn_products *products, vn_cuda_stream *s, const vn_step *step,
                           size_t bytes, const vn_product *p, const key *k, const vn_memory **out)
{
    search q = { .products = products, .step = step, .s = s, .bytes = bytes };
    q.best = vn_calloc(1, sizeof *q.best);
    if (!q.best) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    q.best->key = *k;
    if (products->wish != WAYS)
        take_wish(&q, p);
    else if (start_clock(&q.clock))
        attempt_all(&q, p);
    stop_clock(&q.clock);
    put_text(&q, p, q.best);
    q.best->next = products->memory;
    products->memory = q.best;
    *out = q.best;
    return VN_OK;
}

vn_status vn_products_choose(vn_products *products, vn_cuda_stream *s, const vn_step *step,
                             int n_steps, size_t bytes, vn_chosen **out, size_t *workspace)
{
    vn_chosen *c = vn_calloc(1, sizeof *c);
    *workspace = 0;
    if (!c) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    product_of(step, n_steps, &c->p);
    key k = key_of(&c->p, step->kernel);
    const vn_memory *how = remembered(products, &k);
    vn_status st = how ? VN_OK : find_best(products, s, step, bytes, &c->p, &k, &how);
    if (!st && !prepare(products, step, how, c))
        st = VN_FAIL(VN_E_DEVICE, "cuBLASLt refuses a product that it took before");
    if (st) {
        vn_free(c);
        return st;
    }
    *workspace = how->workspace;
    *out = c;
    return VN_OK;
}

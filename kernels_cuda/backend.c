/* The CUDA backend: devices, memory, streams, and recordings replayed as CUDA graphs.
 *
 * A recording keeps its steps. The first time a range of more than one of them is replayed it is
 * captured and instantiated, so that a plan is one graph launch; single steps (the hunt for a bad
 * number, the comparison of two plans) are launched as they are. Kernels of one stream run one
 * after the other, so all steps share the largest scratch. The members of a plan have scratch of
 * their own: the steps of a node are one launch for all of them (launch.c). */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "kernels_cuda/layers.h"
#include "kernels_cuda/products.h"

/* A plan replays its prologue and the rest; more ranges than these are launched step by step. */
enum { GRAPHS_MAX = 4 };

typedef struct vn_cuda_device {
    vn_device base;
    int index, sm; /* sm: 90 for 9.0 */
    uint64_t caps;
    struct cudaDeviceProp prop;
    vn_products products;
    vn_layers layers;
} vn_cuda_device;

typedef struct range_graph {
    int first, last;
    cudaGraphExec_t exec;
} range_graph;

struct vn_tape {
    cudaGraphExec_t exec;
};

struct vn_exec {
    vn_cuda_device *dev;
    vn_cuda_stream *own; /* where graphs are captured: the caller's may be one that cannot be */
    void *scratch;       /* of every member, one behind the other */
    int members;         /* of the plan, at least 1 */
    vn_chosen **chosen; /* [n], NULL where a step is what its kernel does; NULL: nowhere */
    vn_layer_steps **layers; /* [n], at a layer's step and its gradient's; NULL as above */
    const char *refused;     /* a library that did not take a call it took before */
    int n, n_graphs;
    range_graph graph[GRAPHS_MAX];
    vn_step steps[];
};

static vn_status failed(cudaError_t e, const char *doing, const char *file, int line)
{
    vn_status code = e == cudaErrorMemoryAllocation ? VN_E_MEMORY : VN_E_DEVICE;
    return vn_fail(code, file, line, "cuda: %s: %s", doing, cudaGetErrorString(e));
}

#define CUDA_TRY(call, doing)                                                                      \
    do {                                                                                           \
        cudaError_t e_ = (call);                                                                   \
        if (e_) return failed(e_, (doing), __FILE__, __LINE__);                                    \
    } while (0)

/* ---- devices ---- */

/* The last sentence of lack(), which outlives the call. */
static _Thread_local char lacking[256];

static void say_driver(int driver, int runtime)
{
    if (driver == 0)
        snprintf(lacking, sizeof lacking, "no NVIDIA driver (libcuda.so.1) is installed");
    else
        snprintf(lacking, sizeof lacking,
                 "the NVIDIA driver is too old: it serves CUDA %d.%d, this build needs %d.%d",
                 driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
}

static const char *lack(void)
{
    int driver = 0, runtime = 0, n = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    lacking[0] = 0;
    if (driver / 1000 < runtime / 1000) {
        say_driver(driver, runtime);
        return lacking;
    }
    cudaError_t e = cudaGetDeviceCount(&n);
    if (!e && n > 0) return NULL;
    const char *visible = getenv("CUDA_VISIBLE_DEVICES"); /* the driver reads it, not Vane */
    if (e && e != cudaErrorNoDevice)
        snprintf(lacking, sizeof lacking, "the driver answers: %s", cudaGetErrorString(e));
    else if (visible)
        snprintf(lacking, sizeof lacking, "CUDA_VISIBLE_DEVICES=\"%.64s\" hides every GPU",
                 visible);
    else
        snprintf(lacking, sizeof lacking, "the driver finds no GPU");
    return lacking;
}

static int count(void)
{
    int n = 0;
    return cudaGetDeviceCount(&n) ? 0 : n;
}

static uint64_t caps_of(int sm)
{
    return (sm >= 80 ? VN_CUDA_SM80 | VN_CUDA_BF16 | VN_CUDA_TF32 : 0) | (sm >= 90 ? VN_CUDA_SM90 : 0) |
           (sm >= 100 ? VN_CUDA_SM100 : 0) | (sm >= 120 ? VN_CUDA_SM120 : 0);
}

static vn_status open_device(int index, const vn_device_config *config, vn_device **out)
{
    struct cudaDeviceProp prop; /* of the configuration, threads and levels are the CPU's */
    CUDA_TRY(cudaGetDeviceProperties(&prop, index), "reading the device's properties");
    int sm = prop.major * 10 + prop.minor;
    if (sm < 80)
        return VN_FAIL(VN_E_UNSUPPORTED,
                       "%s is of generation sm_%d; the kernels need sm_80 or later", prop.name, sm);
    CUDA_TRY(cudaSetDevice(index), "opening the device");
    vn_cuda_device *dev = vn_calloc(1, sizeof *dev);
    if (!dev) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    dev->base.backend = &vn_backend_cuda;
    dev->index = index;
    dev->prop = prop;
    dev->sm = sm;
    dev->caps = caps_of(sm);
    vn_status st = vn_products_open(&dev->products, config->products);
    if (st) {
        vn_free(dev);
        return st;
    }
    vn_layers_open(&dev->layers, config->products);
    if (dev->products.lt.library) dev->caps |= VN_CUDA_LT;
    if (dev->layers.lib.library) dev->caps |= VN_CUDA_DNN;
    *out = &dev->base;
    return VN_OK;
}

static void close_device(vn_device *base)
{
    cudaSetDevice(((vn_cuda_device *)base)->index); /* another may be current */
    vn_layers_close(&((vn_cuda_device *)base)->layers);
    vn_products_close(&((vn_cuda_device *)base)->products);
    vn_free(base);
}

static void info(const vn_device *base, vn_device_info *out)
{
    const vn_cuda_device *dev = (const vn_cuda_device *)base;
    size_t free_bytes, total;
    snprintf(out->name, sizeof out->name, "%.64s (sm_%d)", dev->prop.name, dev->sm);
    snprintf(out->level, sizeof out->level, "sm_%d", dev->sm);
    out->caps = dev->caps;
    out->lanes = dev->prop.multiProcessorCount;
    out->mem_bytes = (int64_t)dev->prop.totalGlobalMem;
    snprintf(out->products, sizeof out->products, "%.120s%.70s", dev->products.about,
             dev->layers.about);
    if (!cudaSetDevice(dev->index) && !cudaMemGetInfo(&free_bytes, &total))
        out->free_bytes = (int64_t)free_bytes;
}

/* ---- memory ---- */

static vn_status fail_memory(const vn_cuda_device *dev, vn_mem kind, size_t bytes)
{
    size_t free_bytes = 0, total = 0;
    if (kind == VN_MEM_PINNED)
        return VN_FAIL(VN_E_MEMORY, "cannot get %zu bytes of pinned memory", bytes);
    cudaMemGetInfo(&free_bytes, &total);
    return VN_FAIL(VN_E_MEMORY, "%s cannot give %.1f MB: %.1f of its %.1f MB are free",
                   dev->prop.name, (double)bytes / 1e6, (double)free_bytes / 1e6,
                   (double)total / 1e6);
}

static vn_status zero(void *block, vn_mem kind, size_t bytes)
{
    if (kind == VN_MEM_PINNED) {
        memset(block, 0, bytes);
        return VN_OK;
    }
    /* Our streams do not wait for the stream that clears: wait here. */
    CUDA_TRY(cudaMemset(block, 0, bytes), "clearing memory");
    CUDA_TRY(cudaStreamSynchronize(NULL), "clearing memory");
    return VN_OK;
}

static void release(vn_device *dev, vn_mem kind, void *block, size_t bytes)
{
    (void)dev, (void)bytes;
    if (kind == VN_MEM_PINNED)
        cudaFreeHost(block);
    else
        cudaFree(block);
}

static vn_status alloc(vn_device *base, vn_mem kind, size_t bytes, void **block)
{
    vn_cuda_device *dev = (vn_cuda_device *)base;
    if (!bytes) bytes = 1;
    CUDA_TRY(cudaSetDevice(dev->index), "choosing the device");
    cudaError_t e = kind == VN_MEM_PINNED ? cudaHostAlloc(block, bytes, cudaHostAllocDefault)
                                          : cudaMalloc(block, bytes);
    if (e == cudaErrorMemoryAllocation) {
        cudaGetLastError(); /* told here; it must not surface at the next launch */
        return fail_memory(dev, kind, bytes);
    }
    CUDA_TRY(e, "allocating memory");
    vn_status st = zero(*block, kind, bytes);
    if (st) release(base, kind, *block, bytes);
    return st;
}

/* ---- streams ---- */

static void close_stream(vn_stream *base)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    if (s->event) cudaEventDestroy(s->event);
    for (int i = 0; i < VN_MARKS; i++)
        if (s->mark[i]) cudaEventDestroy(s->mark[i]);
    if (s->handle && !s->adopted) cudaStreamDestroy(s->handle);
    vn_free(s);
}

static vn_status open_handles(vn_cuda_stream *s)
{
    CUDA_TRY(cudaSetDevice(s->dev->index), "choosing the device");
    if (!s->adopted)
        CUDA_TRY(cudaStreamCreateWithFlags(&s->handle, cudaStreamNonBlocking), "opening a stream");
    CUDA_TRY(cudaEventCreateWithFlags(&s->event, cudaEventDisableTiming), "making an event");
    return VN_OK;
}

static vn_status make_stream(vn_device *dev, bool adopted, void *handle, vn_stream **out)
{
    vn_cuda_stream *s = vn_calloc(1, sizeof *s);
    if (!s) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    s->base.backend = &vn_backend_cuda;
    s->dev = (vn_cuda_device *)dev;
    s->adopted = adopted;
    s->handle = handle;
    vn_status st = open_handles(s);
    if (st)
        close_stream(&s->base);
    else
        *out = &s->base;
    return st;
}

static vn_status open_stream(vn_device *dev, vn_stream **out)
{
    return make_stream(dev, false, NULL, out);
}

static vn_status adopt_stream(vn_device *dev, void *handle, vn_stream **out)
{
    return make_stream(dev, true, handle, out);
}

static vn_status copy(vn_stream *s, void *dst, const void *src, size_t bytes, vn_dir dir)
{
    static const enum cudaMemcpyKind kind[] = { [VN_TO_DEVICE] = cudaMemcpyHostToDevice,
                                                [VN_TO_HOST] = cudaMemcpyDeviceToHost,
                                                [VN_ON_DEVICE] = cudaMemcpyDeviceToDevice };
    CUDA_TRY(cudaMemcpyAsync(dst, src, bytes, kind[dir], ((vn_cuda_stream *)s)->handle), "copying");
    return VN_OK;
}

static vn_status fill(vn_stream *s, void *dst, int byte, size_t bytes)
{
    CUDA_TRY(cudaMemsetAsync(dst, byte, bytes, ((vn_cuda_stream *)s)->handle), "filling memory");
    return VN_OK;
}

static vn_status after(vn_stream *base, vn_stream *other_base)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base, *other = (vn_cuda_stream *)other_base;
    CUDA_TRY(cudaEventRecord(other->event, other->handle), "marking a stream");
    CUDA_TRY(cudaStreamWaitEvent(s->handle, other->event, 0), "waiting for a stream");
    return VN_OK;
}

static vn_status wait(vn_stream *s)
{
    CUDA_TRY(cudaStreamSynchronize(((vn_cuda_stream *)s)->handle), "running kernels");
    return VN_OK;
}

/* ---- recordings ---- */

static void drop_layers(vn_exec *exec)
{
    for (int i = exec->n; exec->layers && i-- > 0;) { /* a gradient's step, which comes later, has the same */
        vn_layer_steps *l = exec->layers[i];
        if (l && vn_layer_back(l) != i) vn_layer_drop(&exec->dev->layers, l);
    }
    vn_free(exec->layers);
    exec->layers = NULL;
}

static void drop(vn_exec *exec)
{
    for (int i = 0; i < exec->n_graphs; i++) cudaGraphExecDestroy(exec->graph[i].exec);
    if (exec->scratch) cudaFree(exec->scratch);
    for (int i = 0; exec->chosen && i < exec->n; i++)
        vn_chosen_drop(&exec->dev->products, exec->chosen[i]);
    drop_layers(exec);
    vn_free(exec->chosen);
    vn_free(exec);
}

static size_t most_scratch(const vn_step *steps, int n)
{
    size_t most = 0;
    for (int i = 0; i < n; i++) {
        if (!steps[i].kernel->scratch) continue;
        vn_scratch want = steps[i].kernel->scratch(&steps[i].call);
        if (want.shared > most) most = want.shared;
    }
    return most;
}

static int most_members(const vn_step *steps, int n)
{
    int most = 1;
    for (int i = 0; i < n; i++)
        if (steps[i].members > most) most = steps[i].members;
    return most;
}

/* How many steps, from i on, are one node's and lie before `last`; 1 if not all of them do. */
static int members_at(const vn_exec *exec, int i, int last)
{
    int n = exec->steps[i].members;
    return n > 1 && i + n <= last ? n : 1;
}

/* Scratch of `bytes` for each member, in place of what there was; a node's steps get one each. The last
 * one's, behind which nothing lies, has `whole` if that is more: a library's workspace. Tickets lie in
 * front of each. */
static vn_status give_scratch(vn_exec *exec, size_t bytes, size_t whole)
{
    enum { ALIGN = 256 };
    size_t front = VN_TICKETS * sizeof(unsigned);
    if (exec->scratch) cudaFree(exec->scratch);
    exec->scratch = NULL;
    size_t each = bytes ? (front + bytes + ALIGN - 1) / ALIGN * ALIGN : 0;
    size_t last = bytes > whole ? bytes : whole;
    size_t all = each * (size_t)(exec->members - 1) + (last ? front + last : 0);
    if (all) VN_TRY(alloc(&exec->dev->base, VN_MEM_DEVICE, all, &exec->scratch));
    for (int i = 0, m = 0; i < exec->n; i++) {
        m = exec->members == 1 || exec->steps[i].members ? 0 : m + 1;
        exec->steps[i].call.scratch = all ? (char *)exec->scratch + each * (size_t)m + front : NULL;
    }
    return VN_OK;
}

/* How each product is computed; *whole: the scratch that takes beside `own` of each kernel. Where
 * there is no room to look at what needs much of it, candidates have to do with less. */
static vn_status choose_products(vn_exec *exec, size_t own, size_t *whole)
{
    vn_products *products = &exec->dev->products;
    size_t room = own > VN_LT_WORKSPACE ? own : VN_LT_WORKSPACE, workspace;
    exec->chosen = vn_calloc((size_t)exec->n + 1, sizeof *exec->chosen);
    if (!exec->chosen) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (give_scratch(exec, own, room)) VN_TRY(give_scratch(exec, own, room = own));
    for (int i = 0; i < exec->n; i++) {
        int together = vn_products_concern(products, &exec->steps[i], exec->n - i);
        if (!together) continue;
        VN_TRY(vn_products_choose(products, exec->own, &exec->steps[i], together, room,
                                  &exec->chosen[i], &workspace));
        if (workspace > *whole) *whole = workspace;
        i += together - 1;
    }
    return VN_OK;
}

static void launch_one(const void *steps, int member, vn_stream *s)
{
    const vn_step *step = (const vn_step *)steps + member;
    step->kernel->launch(&step->call, s);
}

/* Step i, or those before `last` that are computed with it; how many. */
static int launch_at(vn_exec *exec, int i, int last, vn_stream *s)
{
    const vn_chosen *c = exec->chosen ? exec->chosen[i] : NULL;
    int members = members_at(exec, i, last);
    if (!c || i + vn_chosen_steps(c) > last) {
        vn_launch_members(s, members, launch_one, &exec->steps[i]);
        return members;
    }
    if (!vn_chosen_launch(&exec->dev->products, c, &exec->steps[i], s)) exec->refused = "cuBLASLt";
    return vn_chosen_steps(c);
}

static int launch_own(void *exec, int i, int last, vn_stream *s)
{
    return launch_at(exec, i, last, s);
}

/* How each recurrent layer is computed, once the products are chosen; *whole grows by what that takes. */
static vn_status choose_layers(vn_exec *exec, size_t *whole)
{
    CUDA_TRY(cudaSetDevice(exec->dev->index), "choosing the device"); /* a library starts on the current one */
    exec->layers = vn_calloc((size_t)exec->n + 1, sizeof *exec->layers);
    if (!exec->layers) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int i = 0; i < exec->n; i++) {
        vn_layer_steps *l;
        if (exec->layers[i]) continue;
        VN_TRY(vn_layers_choose(&exec->dev->layers, exec->own, exec->steps, exec->n, i, launch_own, exec, &l));
        exec->layers[i] = l;
        if (!l) continue;
        if (vn_layer_back(l) >= 0) exec->layers[vn_layer_back(l)] = l;
        if (vn_layer_scratch(l) > *whole) *whole = vn_layer_scratch(l);
    }
    return VN_OK;
}

static bool has_layers(const vn_exec *exec)
{
    for (int i = 0; i < exec->n; i++)
        if (exec->steps[i].call.op == VN_OP_LSTM || exec->steps[i].call.op == VN_OP_GRU) return true;
    return false;
}

/* What is chosen, and scratch. */
static vn_status make_ready(vn_exec *exec)
{
    size_t own = most_scratch(exec->steps, exec->n), whole = 0;
    exec->members = most_members(exec->steps, exec->n);
    for (int i = 0; i < exec->n; i++) {
        if (!vn_products_concern(&exec->dev->products, &exec->steps[i], exec->n - i)) continue;
        VN_TRY(choose_products(exec, own, &whole));
        break;
    }
    VN_TRY(give_scratch(exec, own, whole));
    if (exec->members > 1 || !exec->dev->layers.lib.library || !has_layers(exec)) return VN_OK;
    size_t before = whole;
    VN_TRY(choose_layers(exec, &whole));
    if (whole == before || !give_scratch(exec, own, whole)) return VN_OK;
    drop_layers(exec); /* no room for a library, perhaps for the kernels */
    return give_scratch(exec, own, before);
}

static vn_status record(vn_stream *base, const vn_step *steps, int n, double flops, vn_exec **out)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    (void)flops;
    if (n < 0) return VN_FAIL(VN_E_BUG, "record: %d steps", n);
    vn_exec *exec = vn_calloc(1, sizeof *exec + (size_t)n * sizeof *steps);
    if (!exec) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    exec->dev = s->dev;
    exec->own = s;
    exec->n = n;
    if (n) memcpy(exec->steps, steps, (size_t)n * sizeof *steps);
    vn_status st = make_ready(exec);
    if (st) {
        drop(exec);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = exec;
    return VN_OK;
}

/* The layer at step i by a library, or as launch_at; how many steps, 0 if it is refused. */
static int launch_next(vn_exec *exec, int i, int first, int last, vn_stream *s)
{
    const vn_layer_steps *l = exec->layers ? exec->layers[i] : NULL;
    if (!l || !vn_layer_taken(l, first, last)) return launch_at(exec, i, last, s);
    int steps = vn_layer_launch(&exec->dev->layers, l, i, exec->steps[i].call.scratch, s);
    if (!steps) exec->refused = "cuDNN";
    return steps;
}

static vn_status launch_range(vn_cuda_stream *s, vn_exec *exec, int first, int last)
{
    for (int i = first; i < last && !exec->refused;) i += launch_next(exec, i, first, last, &s->base);
    if (exec->refused)
        return VN_FAIL(VN_E_DEVICE, "%s refuses what it took before", exec->refused);
    return VN_OK;
}

static vn_status begin_capture(vn_cuda_stream *s)
{
    CUDA_TRY(cudaStreamBeginCapture(s->handle, cudaStreamCaptureModeThreadLocal),
             "beginning a recording");
    return VN_OK;
}

static vn_status end_capture(vn_cuda_stream *s, cudaGraphExec_t *out, int *nodes)
{
    cudaGraph_t graph = NULL;
    size_t n = 0;
    CUDA_TRY(cudaStreamEndCapture(s->handle, &graph), "recording the steps");
    cudaError_t e = cudaGraphGetNodes(graph, NULL, &n);
    if (!e) e = cudaGraphInstantiate(out, graph, 0);
    cudaGraphDestroy(graph);
    CUDA_TRY(e, "making a graph of the steps");
    *nodes = (int)n;
    return VN_OK;
}

static vn_status capture(vn_exec *exec, int first, int last, cudaGraphExec_t *out)
{
    int nodes;
    VN_TRY(begin_capture(exec->own));
    vn_status st = launch_range(exec->own, exec, first, last);
    vn_status ended = end_capture(exec->own, out, &nodes); /* it must end, whatever came */
    if (st && !ended) cudaGraphExecDestroy(*out);
    return st ? st : ended;
}

/* The graph of a range, made at its first use; *out NULL where there is room for no more. */
static vn_status graph_of(vn_exec *exec, int first, int last, cudaGraphExec_t *out)
{
    *out = NULL;
    for (int i = 0; i < exec->n_graphs; i++)
        if (exec->graph[i].first == first && exec->graph[i].last == last)
            *out = exec->graph[i].exec;
    if (*out || exec->n_graphs == GRAPHS_MAX) return VN_OK;
    VN_TRY(capture(exec, first, last, out));
    exec->graph[exec->n_graphs++] = (range_graph){ first, last, *out };
    return VN_OK;
}

static vn_status replay(vn_stream *base, vn_exec *exec, int first, int last)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    cudaGraphExec_t graph = NULL;
    if (first < 0 || first > last || last > exec->n)
        return VN_FAIL(VN_E_BUG, "replay of steps %d to %d, but %d were recorded", first, last,
                       exec->n);
    CUDA_TRY(cudaSetDevice(exec->dev->index), "choosing the device");
    if (last - first > 1 && !s->taping) VN_TRY(graph_of(exec, first, last, &graph));
    if (graph) {
        CUDA_TRY(cudaGraphLaunch(graph, s->handle), "replaying the steps");
        return VN_OK;
    }
    VN_TRY(launch_range(s, exec, first, last));
    CUDA_TRY(cudaGetLastError(), "launching kernels");
    return VN_OK;
}

static const char *chosen(const vn_exec *exec, int step)
{
    if (step < 0 || step >= exec->n) return NULL;
    if (exec->layers && exec->layers[step]) return vn_layer_text(exec->layers[step]);
    return exec->chosen && exec->chosen[step] ? vn_chosen_text(exec->chosen[step]) : NULL;
}

/* ---- marks and tapes ---- */

static vn_status mark(vn_stream *base, int slot)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    if (!s->mark[slot])
        CUDA_TRY(cudaEventCreateWithFlags(&s->mark[slot], cudaEventDefault), "making an event");
    CUDA_TRY(cudaEventRecordWithFlags(s->mark[slot], s->handle,
                                      s->taping ? cudaEventRecordExternal : cudaEventRecordDefault),
             "marking a stream");
    return VN_OK;
}

static vn_status reach(vn_stream *base, int slot)
{
    CUDA_TRY(cudaEventSynchronize(((vn_cuda_stream *)base)->mark[slot]), "running kernels");
    return VN_OK;
}

static vn_status elapsed(vn_stream *base, int from, int to, double *us)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    float ms = 0;
    CUDA_TRY(cudaEventElapsedTime(&ms, s->mark[from], s->mark[to]), "timing steps");
    *us = 1e3 * (double)ms;
    return VN_OK;
}

static vn_status begin_tape(vn_stream *base)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    VN_TRY(begin_capture(s));
    s->taping = true;
    return VN_OK;
}

static void drop_tape(vn_tape *tape)
{
    if (tape->exec) cudaGraphExecDestroy(tape->exec);
    vn_free(tape);
}

static vn_status end_tape(vn_stream *base, vn_tape **out, int *nodes)
{
    vn_cuda_stream *s = (vn_cuda_stream *)base;
    vn_tape *tape = vn_calloc(1, sizeof *tape);
    cudaGraphExec_t exec = NULL;
    s->taping = false;
    vn_status st =
        end_capture(s, &exec, nodes); /* also where there is no memory: the capture must end */
    if (!st && !tape) st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (st) {
        if (exec) cudaGraphExecDestroy(exec);
        vn_free(tape);
        return st;
    }
    tape->exec = exec;
    *out = tape;
    return VN_OK;
}

static vn_status play_tape(vn_stream *base, vn_tape *tape)
{
    CUDA_TRY(cudaGraphLaunch(tape->exec, ((vn_cuda_stream *)base)->handle), "replaying the steps");
    return VN_OK;
}

const vn_backend vn_backend_cuda = {
    .abi = VN_BACKEND_ABI,
    .name = "cuda",
    .kernels = vn_cuda_kernels,
    .caps = vn_cuda_cap_names,
    .lack = lack,
    .count = count,
    .open = open_device,
    .close = close_device,
    .info = info,
    .alloc = alloc,
    .free = release,
    .stream_open = open_stream,
    .stream_adopt = adopt_stream,
    .stream_close = close_stream,
    .copy = copy,
    .fill = fill,
    .after = after,
    .wait = wait,
    .record = record,
    .replay = replay,
    .drop = drop,
    .chosen = chosen,
    .mark = mark,
    .reach = reach,
    .elapsed = elapsed,
    .tape_begin = begin_tape,
    .tape_end = end_tape,
    .tape_play = play_tape,
    .tape_drop = drop_tape,
};

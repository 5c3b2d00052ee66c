/* CUDA's runtime without a GPU. A stream is a queue; nothing of it runs before somebody waits, and
 * then in a random order that streams and events allow, so that a missing wait shows. Pinned memory
 * is read when a copy runs, as a GPU would; other memory when it is asked for.
 *
 * Events tell the time of a clock of its own: a launch takes 1 us and 1 ns for each of its warps, a
 * copy 1 us and 1 ns for each 1000 bytes, whatever the host needs. Times are then the same in
 * every run, and so is what is chosen by them.
 *
 * EMU_DRIVER: version of the driver, 0: none. EMU_DEVICES: how many there are. EMU_MEMORY: bytes.
 * EMU_SM: its generation, 90. EMU_LOST: kernels after which the device is lost, and with it all
 * that was queued. EMU_NO_COPIES: a copy between host and device is an error between
 * cudaProfilerStart and cudaProfilerStop. EMU_SMS: multiprocessors. EMU_SHARED: bytes of shared
 * memory a block can have. */
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>

#include "kernels_cuda/emu/engine.h"
#include "kernels_cuda/emu/include/cuda_profiler_api.h"
#include "kernels_cuda/emu/library.h"

using emu::Allocation;

namespace
{

/* What an event counts: records asked for, records that ran. */
struct Counter {
    uint64_t asked = 0, done = 0;
    double at_us = 0; /* when the last of them ran */
};

struct Work {
    std::function<void()> run;
    std::shared_ptr<Counter> awaited; /* runs when awaited->done >= ticket */
    uint64_t ticket;
    std::shared_ptr<Counter> recorded; /* of an event in a graph: asked for at each launch */
};

std::recursive_mutex &lock = *new std::recursive_mutex;
using Guard = std::lock_guard<std::recursive_mutex>;

} // namespace

/* Work of a graph and the nodes it comes after, all of them before it in the list. */
struct Node {
    Work work;
    std::vector<size_t> after;
};
struct CUgraph_st {
    uint64_t number; /* of its capture */
    std::vector<Node> nodes;
};
struct CUgraphExec_st {
    std::vector<Node> nodes;
};
struct CUstream_st {
    std::deque<Work> queue;
    CUgraph_st *capture = nullptr;
    bool capture_broken = false;
    bool joined = false;      /* it came into the capture of another stream, by an event */
    std::vector<size_t> tail; /* what its next node comes after */
};
struct CUevent_st {
    std::shared_ptr<Counter> counter = std::make_shared<Counter>();
    bool timed = true;
    uint64_t captured = 0;    /* the capture of its last record, 0: none */
    std::vector<size_t> tail; /* where in it */
};

namespace
{

CUstream_st &legacy = *new CUstream_st;
std::vector<CUstream_st *> &streams = *new std::vector<CUstream_st *>{ &legacy };

bool profiled;           /* between cudaProfilerStart and cudaProfilerStop */
uint64_t kernels, moves; /* launched so far; copies between host and device while profiled */
bool lost;
double clock_us; /* what has run so far took */

CUstream_st *stream_of(cudaStream_t s)
{
    return s ? s : &legacy;
}

bool known(const CUstream_st *s)
{
    for (const CUstream_st *k : streams)
        if (k == s) return true;
    return false;
}

/* A call that a capture does not allow ends the capture of every stream, as CUDA's does. */
cudaError_t refuse_in_capture(const char *call)
{
    bool capturing = false;
    for (CUstream_st *s : streams) {
        capturing |= s->capture != nullptr;
        s->capture_broken |= s->capture != nullptr;
    }
    if (!capturing) return cudaSuccess;
    emu::error("%s while a stream is captured", call);
    emu::take_error(true); /* the capture fails, not the device */
    return cudaErrorStreamCaptureUnsupported;
}

void put(CUstream_st *s, Work work)
{
    if (!s->capture) {
        s->queue.push_back(std::move(work));
        return;
    }
    std::vector<Node> &nodes = s->capture->nodes;
    nodes.push_back({ std::move(work), s->tail });
    s->tail = { nodes.size() - 1 };
}

/* The capture under way of this number; NULL: it has ended. */
CUgraph_st *capture_of(uint64_t number)
{
    for (CUstream_st *s : streams)
        if (s->capture && s->capture->number == number) return s->capture;
    return nullptr;
}

/* The nodes in an order that what each comes after allows, drawn among all such. */
std::vector<size_t> legal_order(const std::vector<Node> &nodes)
{
    std::vector<std::vector<size_t>> then(nodes.size());
    std::vector<size_t> order, able, missing(nodes.size());
    for (size_t i = 0; i < nodes.size(); i++) {
        missing[i] = nodes[i].after.size();
        for (size_t other : nodes[i].after) then[other].push_back(i);
        if (!missing[i]) able.push_back(i);
    }
    while (!able.empty()) {
        std::swap(able[emu::random_bits() % able.size()], able.back());
        size_t i = able.back();
        able.pop_back();
        order.push_back(i);
        for (size_t other : then[i])
            if (!--missing[other]) able.push_back(other);
    }
    return order;
}

/* Whether all that the joined streams did comes before what `origin` does next. */
bool all_joined(const CUstream_st *origin)
{
    const std::vector<Node> &nodes = origin->capture->nodes;
    std::vector<bool> before(nodes.size());
    for (size_t i : origin->tail) before[i] = true;
    for (size_t i = nodes.size(); i-- > 0;)
        for (size_t other : nodes[i].after)
            if (before[i]) before[other] = true;
    for (bool b : before)
        if (!b) return false;
    return true;
}

/* What a call that failed left behind, for cudaGetLastError alone. */
cudaError_t left = cudaSuccess;

/* What a call answers where the device is gone, or a kernel did wrong before. */
cudaError_t state()
{
    return lost ? cudaErrorDevicesUnavailable : emu::take_error(false);
}

bool runnable(const CUstream_st *s)
{
    if (s->queue.empty()) return false;
    const Work &w = s->queue.front();
    return !w.awaited || w.awaited->done >= w.ticket || state() != cudaSuccess;
}

/* One piece of work of one stream, drawn among those that may run. */
bool run_one()
{
    std::vector<CUstream_st *> able;
    for (CUstream_st *s : streams)
        if (runnable(s)) able.push_back(s);
    if (able.empty()) return false;
    CUstream_st *s = able[emu::random_bits() % able.size()];
    Work w = std::move(s->queue.front());
    s->queue.pop_front();
    if (w.run && state() == cudaSuccess) w.run();
    return true;
}

cudaError_t drain(CUstream_st *s)
{
    while (!s->queue.empty())
        if (!run_one()) {
            emu::error("a stream waits for an event that nothing records");
            s->queue.clear();
        }
    return state();
}

/* A record of an event, its `ticket`-th. */
Work record_of(const std::shared_ptr<Counter> &counter)
{
    uint64_t ticket = ++counter->asked;
    auto run = [=] {
        counter->done = ticket;
        counter->at_us = clock_us;
    };
    return { run, nullptr, 0, nullptr };
}

void copied(size_t bytes)
{
    clock_us += 1 + (double)bytes * 1e-6;
}

bool on_device(const void *p, size_t bytes)
{
    const Allocation *a = emu::memory_near(p, 0);
    return a && a->live && !a->pinned && (const char *)p + bytes <= a->data + a->bytes;
}

bool is_pinned(const void *p)
{
    const Allocation *a = emu::memory_near(p, 0);
    return a && a->live && a->pinned;
}

void written(const void *p, size_t bytes)
{
    if (emu::hooks) emu::hooks->range(p, bytes, emu::RANGE_WRITTEN);
}

int number_of(const char *name, int preset)
{
    const char *s = getenv(name);
    return s ? atoi(s) : preset;
}

/* How many the machine has, less what the driver is told to hide. */
int devices()
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    return visible && !*visible ? 0 : number_of("EMU_DEVICES", 1);
}

cudaError_t allocate(void **p, size_t bytes, bool pinned, const char *call)
{
    Guard guard(lock);
    if (cudaError_t e = refuse_in_capture(call)) return e;
    if (lost) return cudaErrorDevicesUnavailable;
    *p = emu::memory_take(bytes, pinned);
    return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t release(void *p, const char *call)
{
    Guard guard(lock);
    if (!p) return cudaSuccess;
    if (cudaError_t e = refuse_in_capture(call)) return e;
    for (CUstream_st *s : streams) drain(s); /* freeing waits for the device */
    return emu::memory_give(p) ? cudaSuccess : cudaErrorInvalidValue;
}

} // namespace

namespace emu
{

void enqueue(cudaStream_t stream, Launch launch)
{
    Guard guard(lock);
    auto kept = std::make_shared<Launch>(std::move(launch));
    auto run = [kept] {
        int most = number_of("EMU_LOST", 0);
        lost = lost || (most > 0 && kernels >= (uint64_t)most);
        if (lost) return;
        kernels++;
        run_launch(*kept);
        const dim3 &g = kept->grid, &b = kept->block;
        clock_us += 1 + (double)g.x * g.y * g.z * ((b.x * b.y * b.z + 31) / 32) * 1e-3;
    };
    put(stream_of(stream), { run, nullptr, 0, nullptr });
}

size_t library_bytes(const void *p)
{
    Guard guard(lock);
    const Allocation *a = memory_near(p, 0);
    return a && a->live && !a->pinned ? (size_t)(a->data + a->bytes - (const char *)p) : 0;
}

void library_work(CUstream_st *stream, double us, std::function<void()> work)
{
    Guard guard(lock);
    auto run = [us, work] {
        work();
        clock_us += us;
    };
    put(stream_of(stream), { run, nullptr, 0, nullptr });
}

void library_reads(const char *what, const void *p, size_t bytes)
{
    if (hooks && !hooks->is_written(p, bytes)) error("%s: memory that nobody wrote", what);
}

void library_wrote(const void *p, size_t bytes)
{
    written(p, bytes);
}

void library_leaves()
{
    Guard guard(lock);
    left = cudaErrorInvalidValue;
}

void library_error(const char *what)
{
    Guard guard(lock);
    error("%s", what);
}

} // namespace emu

/* ---- device ---- */

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = number_of("EMU_DRIVER", CUDART_VERSION);
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 0;
    if (number_of("EMU_DRIVER", CUDART_VERSION) < CUDART_VERSION)
        return cudaErrorInsufficientDriver;
    if (lost) return cudaErrorDevicesUnavailable;
    *count = devices();
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device)
{
    size_t free_bytes, total;
    if (device < 0 || device >= devices()) return cudaErrorInvalidValue;
    emu::memory_about(&free_bytes, &total);
    *prop = cudaDeviceProp();
    strcpy(prop->name, "emulated GPU");
    prop->totalGlobalMem = total;
    prop->major = number_of("EMU_SM", 90) / 10;
    prop->minor = number_of("EMU_SM", 90) % 10;
    prop->multiProcessorCount = number_of("EMU_SMS", 4);
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr what, int device)
{
    if (device < 0 || device >= number_of("EMU_DEVICES", 1)) return cudaErrorInvalidValue;
    *value = what == cudaDevAttrMultiProcessorCount ? number_of("EMU_SMS", 4)
                                                    : number_of("EMU_SHARED", emu::SHARED_MAX);
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    if (lost) return cudaErrorDevicesUnavailable;
    return device >= 0 && device < devices() ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    Guard guard(lock);
    emu::memory_about(free_bytes, total);
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
    Guard guard(lock);
    cudaError_t passed = left;
    left = cudaSuccess;
    return state() ? state() : passed; /* what a kernel did stays */
}

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorInvalidValue:
        return "invalid argument";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInsufficientDriver:
        return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorDevicesUnavailable:
        return "CUDA-capable device(s) is/are busy or unavailable";
    case cudaErrorNotReady:
        return "device not ready";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorInvalidResourceHandle:
        return "invalid resource handle";
    case cudaErrorStreamCaptureUnsupported:
        return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureUnjoined:
        return "capturing stream has unjoined work";
    case cudaErrorStreamCaptureInvalidated:
        return "operation failed due to a previous error during capture";
    default:
        return "unspecified launch failure";
    }
}

/* ---- memory ---- */

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    return allocate(p, bytes, false, "cudaMalloc");
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned)
{
    return allocate(p, bytes, true, "cudaHostAlloc");
}

cudaError_t cudaFree(void *p)
{
    return release(p, "cudaFree");
}

cudaError_t cudaFreeHost(void *p)
{
    return release(p, "cudaFreeHost");
}

cudaError_t cudaMemsetAsync(void *p, int byte, size_t bytes, cudaStream_t stream)
{
    Guard guard(lock);
    if (!on_device(p, bytes)) return cudaErrorInvalidValue;
    put(stream_of(stream), { [=] {
                                memset(p, byte, bytes);
                                written(p, bytes);
                                copied(bytes);
                            },
                             nullptr, 0, nullptr });
    return cudaSuccess;
}

cudaError_t cudaMemset(void *p, int byte, size_t bytes)
{
    Guard guard(lock);
    if (cudaError_t e = refuse_in_capture("cudaMemset")) return e;
    return cudaMemsetAsync(p, byte, bytes, nullptr);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    Guard guard(lock);
    CUstream_st *s = stream_of(stream);
    bool in = kind == cudaMemcpyHostToDevice, out = kind == cudaMemcpyDeviceToHost;
    if (on_device(to, bytes) == out || on_device(from, bytes) == in) return cudaErrorInvalidValue;
    bool pageable = (in && !is_pinned(from)) || (out && !is_pinned(to));
    if (pageable && s->capture) return refuse_in_capture("a copy of memory that is not pinned");
    std::shared_ptr<std::vector<char>> staged;
    if (in && pageable)
        staged =
            std::make_shared<std::vector<char>>((const char *)from, (const char *)from + bytes);
    put(s, { [=] {
                if (profiled && (in || out)) moves++;
                memmove(to, staged ? staged->data() : from, bytes);
                if (!out) written(to, bytes);
                copied(bytes);
            },
             nullptr, 0, nullptr });
    return out && pageable ? drain(s) : cudaSuccess;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    Guard guard(lock);
    if (cudaError_t e = refuse_in_capture("cudaMemcpy")) return e;
    if (cudaError_t e = cudaMemcpyAsync(to, from, bytes, kind, nullptr)) return e;
    return drain(&legacy);
}

/* ---- streams and events ---- */

cudaError_t cudaDeviceSynchronize(void)
{
    Guard guard(lock);
    if (cudaError_t e = refuse_in_capture("cudaDeviceSynchronize")) return e;
    for (CUstream_st *s : streams) drain(s);
    return state();
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    Guard guard(lock);
    *stream = new CUstream_st;
    streams.push_back(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    Guard guard(lock);
    if (!stream || !known(stream)) return cudaErrorInvalidResourceHandle;
    drain(stream);
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i] == stream) streams.erase(streams.begin() + (ptrdiff_t)i);
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    Guard guard(lock);
    CUstream_st *s = stream_of(stream);
    if (!known(s)) return cudaErrorInvalidResourceHandle;
    if (cudaError_t e = refuse_in_capture("cudaStreamSynchronize")) return e;
    return drain(s);
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    *event = new CUevent_st;
    (*event)->timed = !(flags & cudaEventDisableTiming);
    return cudaSuccess;
}

/* The host waits until the last record asked for has run. */
cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    Guard guard(lock);
    if (cudaError_t e = refuse_in_capture("cudaEventSynchronize")) return e;
    while (event->counter->done < event->counter->asked && !state())
        if (!run_one()) {
            emu::error("an event is waited for that nothing records");
            break;
        }
    return state();
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    Guard guard(lock);
    for (cudaEvent_t e : { from, to }) {
        if (!e->timed || !e->counter->asked) return cudaErrorInvalidResourceHandle;
        if (e->counter->done < e->counter->asked) return cudaErrorNotReady;
    }
    *ms = (float)((to->counter->at_us - from->counter->at_us) * 1e-3);
    return state();
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    Guard guard(lock);
    CUstream_st *s = stream_of(stream);
    event->captured = 0;
    if (s->capture && flags == cudaEventRecordExternal) {
        put(s, { nullptr, nullptr, 0, event->counter });
    } else if (s->capture) { /* a place in the graph, no node */
        event->captured = s->capture->number;
        event->tail = s->tail;
    } else {
        put(s, record_of(event->counter));
    }
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    Guard guard(lock);
    CUstream_st *s = stream_of(stream);
    if (!event->captured) {
        if (s->capture) return refuse_in_capture("a wait for an event of no capture");
        put(s, { nullptr, event->counter, event->counter->asked, nullptr });
        return cudaSuccess;
    }
    CUgraph_st *graph = capture_of(event->captured);
    if (!graph) return cudaErrorCapturedEvent;
    if (s == &legacy) return cudaErrorStreamCaptureImplicit;
    if (s->capture && s->capture != graph) return refuse_in_capture("a wait for another capture");
    if (!s->capture) { /* the stream joins */
        s->capture = graph;
        s->capture_broken = false;
        s->joined = true;
        s->tail.clear();
    }
    s->tail.insert(s->tail.end(), event->tail.begin(), event->tail.end());
    return cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode)
{
    Guard guard(lock);
    static uint64_t captures;
    if (!stream || stream->capture) return cudaErrorStreamCaptureUnsupported;
    stream->capture = new CUgraph_st{ ++captures, {} };
    stream->capture_broken = stream->joined = false;
    stream->tail.clear();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    Guard guard(lock);
    *graph = nullptr;
    if (!stream || !stream->capture) return cudaErrorInvalidValue;
    if (stream->joined) return cudaErrorStreamCaptureUnmatched;
    CUgraph_st *captured = stream->capture;
    bool whole = all_joined(stream);
    for (CUstream_st *s : streams)
        if (s->capture == captured) s->capture = nullptr;
    if (stream->capture_broken || !whole) {
        delete captured;
        return whole ? cudaErrorStreamCaptureInvalidated : cudaErrorStreamCaptureUnjoined;
    }
    *graph = captured;
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n)
{
    if (nodes) return cudaErrorInvalidValue;
    *n = graph->nodes.size();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    *exec = new CUgraphExec_st{ graph->nodes };
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    Guard guard(lock);
    CUstream_st *s = stream_of(stream);
    if (s->capture) return refuse_in_capture("cudaGraphLaunch");
    if (cudaError_t e = state()) return e;
    for (size_t i : legal_order(exec->nodes)) {
        const Work &w = exec->nodes[i].work;
        put(s, w.recorded ? record_of(w.recorded) : w);
    }
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

/* ---- profiler ---- */

cudaError_t cudaProfilerStart(void)
{
    Guard guard(lock);
    cudaError_t e = cudaDeviceSynchronize();
    moves = 0;
    profiled = true;
    return e;
}

cudaError_t cudaProfilerStop(void)
{
    Guard guard(lock);
    cudaError_t e = cudaDeviceSynchronize();
    profiled = false;
    if (!getenv("EMU_NO_COPIES")) return e;
    if (moves)
        emu::error("%llu copies between host and device while profiled", (unsigned long long)moves);
    else
        fprintf(stderr, "emu: no copy between host and device while profiled\n");
    return e ? e : state();
}

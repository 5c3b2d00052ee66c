/* Does the emulated GPU notice? Every kernel and call sequence here but those "as they should be"
 * is wrong on purpose. Each runs in processes of its own: the builds named in its line must notice
 * it under all of 3 seeds, or at least one of 20 where chance has a part, and the right ones never.
 */
#include "tests/emu/faults.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels_cuda/emu/include/cuda_profiler_api.h"

namespace
{

enum { SEEDS = 20, SEEDS_SURE = 3, N = 64 };
enum : unsigned { PLAIN = 1, ASAN = 2, CHECK = 4, PTX = 8, ALL = 15 };

#ifndef VN_EXECUTION /* nvcc, whose PTX is of the kernels alone */
#define VN_EXECUTION ""
#endif
constexpr bool is(const char *a, const char *b)
{
    return *a == *b && (!*a || is(a + 1, b + 1));
}
constexpr unsigned this_build = is(VN_EXECUTION, "emu-check")  ? CHECK
                                : is(VN_EXECUTION, "emu-ptx")  ? PTX
                                : is(VN_EXECUTION, "emu-asan") ? ASAN
                                                               : PLAIN;

} // namespace

bool wrong;

/* ---- kernels ---- */

/* The sum of each block; `first` and `second`: are its two barriers there? */
template <bool first, bool second> __global__ void sums(float *out)
{
    VN_SHARED_VAR(float, part, [32]);
    for (int round = 0; round < 2; round++) {
        float v = vn_warp_sum((float)(threadIdx.x + round));
        if (first) __syncthreads();
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
        if (second) __syncthreads();
        v = vn_warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? part[threadIdx.x % 32] : 0);
        if (threadIdx.x == 0) out[2 * blockIdx.x + round] = v;
    }
}

__global__ void over_shared(float *out)
{
    VN_SHARED_VAR(float, s, [32]);
    s[threadIdx.x + 1] = 1;
    __syncthreads();
    out[threadIdx.x] = s[1];
}

__global__ void over_dynamic(float *out)
{
    VN_SHARED_DYNAMIC(float, s);
    s[threadIdx.x + 1] = 1;
    __syncthreads();
    out[threadIdx.x] = s[1];
}

__global__ void over_global(float *out, int by)
{
    out[threadIdx.x + by] = 1;
}

__global__ void divergent(float *out)
{
    if (threadIdx.x < 16) {
        __syncthreads();
    } else {
        out[0] = 1;
        __syncthreads();
    }
}

__global__ void deadlock(float *out)
{
    if (threadIdx.x < 16)
        __syncthreads();
    else
        __syncwarp();
    out[threadIdx.x] = 1;
}

__global__ void early_return(float *out)
{
    if (threadIdx.x == 5) return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

__global__ void outside_mask(float *out)
{
    float v = (float)threadIdx.x;
    if (threadIdx.x < 16) v += __shfl_down_sync(0xffffu, v, 16);
    out[threadIdx.x] = v;
}

__global__ void not_initialised(float *out)
{
    VN_SHARED_VAR(float, s, [32]);
    if (threadIdx.x < 31) s[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = s[threadIdx.x];
}

__global__ void warp_race(float *out)
{
    VN_SHARED_VAR(float, s, [32]);
    s[threadIdx.x] = 1; /* a __syncwarp is missing */
    out[threadIdx.x] = s[threadIdx.x ^ 1];
}

__global__ void block_race(float *out)
{
    out[threadIdx.x] = (float)blockIdx.x;
}

__global__ void misaligned(float *out)
{
    vn_store4(out + 1, make_float4(1, 1, 1, 1));
}

/* A token goes around the blocks: each adds 1 to what the one before it had. `meets`: is there a
 * barrier before the number of another block is read, and one before it is overwritten? */
template <bool reads, bool writes> __global__ void around(float *out, unsigned *counter, unsigned n)
{
    float mine = (float)blockIdx.x;
    unsigned round = 0;
    for (int step = 0; step < 3; step++) {
        if (threadIdx.x == 0) out[blockIdx.x] = mine;
        if (reads) vn_blocks_sync(counter, n, ++round);
        mine = out[(blockIdx.x + 1) % gridDim.x] + 1;
        if (writes) vn_blocks_sync(counter, n, ++round);
    }
    if (threadIdx.x == 0) out[blockIdx.x] = mine;
}

/* Pairs of blocks meet, and one reads what the other pair wrote. */
__global__ void other_pair(float *out, unsigned *counter)
{
    if (threadIdx.x == 0) out[blockIdx.x] = 1;
    vn_blocks_sync(counter + blockIdx.x / 2, 2, 1);
    if (blockIdx.x == 0 && threadIdx.x == 0) out[8] = out[1] + out[2];
}

__global__ void stays_away(float *out, unsigned *counter)
{
    if (blockIdx.x) vn_blocks_sync(counter, gridDim.x, 1);
    out[blockIdx.x * blockDim.x + threadIdx.x] = 1;
}

/* vn_last_block in pieces: each block writes its threads' numbers, the last adds all. */
template <bool barrier, bool release, bool acquire, bool after>
__global__ void last_adds(float *part, float *out, unsigned *ticket)
{
    VN_SHARED_VAR(unsigned, before, [1]);
    part[blockIdx.x * blockDim.x + threadIdx.x] = (float)threadIdx.x;
    if (barrier) __syncthreads();
    if (threadIdx.x == 0) {
        if (release) __threadfence();
        before[0] = atomicInc(ticket, gridDim.x - 1);
        if (acquire) __threadfence();
    }
    if (after) __syncthreads();
    if (before[0] != gridDim.x - 1) return;
    float sum = 0;
    for (unsigned b = 0; b < gridDim.x; b++) sum += part[b * blockDim.x + threadIdx.x];
    out[threadIdx.x] = sum;
}

__global__ void add_one(const float *from, float *to)
{
    to[threadIdx.x] = from[threadIdx.x] + 1;
}

/* ---- runs ---- */

void *device_bytes(size_t bytes)
{
    void *p = nullptr;
    cudaMalloc(&p, bytes);
    cudaMemset(p, 0, bytes);
    cudaStreamSynchronize(nullptr);
    return p;
}

void from_device(void *to, const void *from, size_t bytes)
{
    cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, nullptr);
    cudaStreamSynchronize(nullptr);
}

void to_device(void *to, const void *from, size_t bytes)
{
    cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, nullptr);
    cudaStreamSynchronize(nullptr);
}

static float *device_memory()
{
    return (float *)device_bytes(N * sizeof(float));
}

static void fetch(const float *from, float *to)
{
    from_device(to, from, N * sizeof(float));
}

template <class... P, class... A>
static void run_together(void (*kernel)(P...), unsigned blocks, unsigned threads, A... a)
{
    start("fault", kernel, dim3(blocks), dim3(threads), 0, nullptr, true, a...);
    wrong |= cudaStreamSynchronize(nullptr) != cudaSuccess;
}

/* Results of the first n numbers must be one. */
static void expect_ones(const float *p, int n)
{
    float host[N];
    fetch(p, host);
    for (int i = 0; i < n; i++) wrong |= !(host[i] == 1);
}

/* Twice: a ticket is as it was. */
template <bool barrier, bool release, bool acquire, bool after> static void run_last()
{
    float *part = device_memory(), *out = device_memory(), host[N];
    unsigned *ticket = (unsigned *)device_memory();
    for (int again = 0; again < 2; again++) {
        cudaMemset(out, 0, N * sizeof(float));
        run(last_adds<barrier, release, acquire, after>, 4, N / 4, 0, part, out, ticket);
        fetch(out, host);
        for (int i = 0; i < N / 4; i++) wrong |= host[i] != (float)(4 * i);
    }
}

static void run_last_right()
{
    run_last<true, true, true, true>();
}
static void run_last_early()
{
    run_last<false, true, true, true>();
}
static void run_last_unfenced()
{
    run_last<true, false, true, true>();
}
static void run_last_unseen()
{
    run_last<true, true, false, true>();
}
static void run_last_unwaited()
{
    run_last<true, true, true, false>();
}

template <bool first, bool second> static void run_sums()
{
    float *out = device_memory(), host[N];
    run(sums<first, second>, 2, 128, 0, out);
    fetch(out, host);
    for (int i = 0; i < 4; i++) wrong |= host[i] != (float)(127 * 64 + i % 2 * 128);
}

template <bool reads, bool writes, int n = 4> static void run_around()
{
    float *out = device_memory(), host[N];
    run_together(around<reads, writes>, 4, 64, out, (unsigned *)device_memory(), n);
    fetch(out, host);
    for (int i = 0; i < 4; i++) wrong |= host[i] != (float)((i + 3) % 4 + 3);
}

static void run_around_right()
{
    run_around<true, true>();
}
static void run_around_unread()
{
    run_around<false, true>();
}
static void run_around_overwritten()
{
    run_around<true, false>();
}
static void run_around_few()
{
    run_together(around<true, true>, 4, 64, device_memory(), (unsigned *)device_memory(), 3);
}
static void run_around_few_sums()
{
    run_around<true, true, 3>();
}
static void run_around_apart()
{
    run(around<true, true>, 4, 64, 0, device_memory(), (unsigned *)device_memory(), 4);
}
static void run_other_pair()
{
    run_together(other_pair, 4, 32, device_memory(), (unsigned *)device_memory());
}
static void run_stays_away()
{
    run_together(stays_away, 2, 32, device_memory(), (unsigned *)device_memory());
}
static void run_too_many()
{
    run_together(block_race, 64, 32, device_memory());
}

static void run_sums_right()
{
    run_sums<true, true>();
}
static void run_sums_reuse()
{
    run_sums<false, true>();
}
static void run_sums_unordered()
{
    run_sums<true, false>();
}
static void run_over_shared()
{
    run(over_shared, 1, 32, 0, device_memory());
}
static void run_over_dynamic()
{
    run(over_dynamic, 1, 32, 32 * sizeof(float), device_memory());
}
static void run_over_global()
{
    run(over_global, 1, N, 0, device_memory(), 1);
}
static void run_far_over_global()
{
    run(over_global, 1, N, 0, device_memory(), 64);
}
static void run_divergent()
{
    run(divergent, 1, 32, 0, device_memory());
}
static void run_deadlock()
{
    run(deadlock, 1, 32, 0, device_memory());
}
static void run_early_return()
{
    run(early_return, 1, 32, 0, device_memory());
}
static void run_outside_mask()
{
    run(outside_mask, 1, 32, 0, device_memory());
}
static void run_block_race()
{
    run(block_race, 4, 32, 0, device_memory());
}
static void run_misaligned()
{
    run(misaligned, 1, 1, 0, device_memory());
}
static void run_no_launch()
{
    run(block_race, 1, 2048, 0, device_memory());
}

static void run_not_initialised()
{
    float *out = device_memory();
    run(not_initialised, 1, 32, 0, out);
    expect_ones(out, 32);
}

static void run_warp_race()
{
    float *out = device_memory();
    run(warp_race, 1, 32, 0, out);
    expect_ones(out, 32);
}

/* Two streams, one of which reads what the other wrote. */
template <bool waits> static void run_streams()
{
    float *a = device_memory(), *b = device_memory();
    cudaStream_t s, t;
    cudaEvent_t event;
    cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&t, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    start("first", add_one, dim3(1), dim3(N), 0, s, false, b, a);
    if (waits) {
        cudaEventRecord(event, s);
        cudaStreamWaitEvent(t, event, 0);
    }
    start("second", add_one, dim3(1), dim3(N), 0, t, false, a, b);
    cudaStreamSynchronize(t);
    cudaStreamSynchronize(s);
    float host[N];
    fetch(b, host);
    wrong |= host[0] != 2;
}

static void run_streams_right()
{
    run_streams<true>();
}
static void run_streams_unordered()
{
    run_streams<false>();
}

/* Pinned memory that the host changes before the copy has run. */
static void run_early_reuse()
{
    void *pinned;
    float *a = device_memory();
    cudaStream_t s;
    cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    cudaHostAlloc(&pinned, N * sizeof(float), cudaHostAllocDefault);
    for (int i = 0; i < N; i++) ((float *)pinned)[i] = 1;
    cudaMemcpyAsync(a, pinned, N * sizeof(float), cudaMemcpyHostToDevice, s);
    memset(pinned, 0, N * sizeof(float)); /* a wait is missing */
    cudaStreamSynchronize(s);
    expect_ones(a, N);
}

static void run_capture_allocates()
{
    cudaStream_t s;
    cudaGraph_t graph;
    void *p;
    cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
    bool refused = cudaMalloc(&p, 4) == cudaErrorStreamCaptureUnsupported;
    wrong |= refused && cudaStreamEndCapture(s, &graph) == cudaErrorStreamCaptureInvalidated;
}

/* A graph whose second half is a branch. */
template <bool WAITS, bool JOINS> static void run_branch()
{
    float *a = device_memory(), *b = device_memory(), *c = device_memory(), host[N];
    cudaStream_t s, side;
    cudaEvent_t fork, join;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&fork, cudaEventDisableTiming);
    cudaEventCreateWithFlags(&join, cudaEventDisableTiming);
    cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
    if (!WAITS) cudaEventRecord(fork, s);
    start("first", add_one, dim3(1), dim3(N), 0, s, false, a, b);
    if (WAITS) cudaEventRecord(fork, s);
    cudaStreamWaitEvent(side, fork, 0);
    start("branch", add_one, dim3(1), dim3(N), 0, side, false, b, c);
    cudaEventRecord(join, side);
    if (JOINS) cudaStreamWaitEvent(s, join, 0);
    if (cudaStreamEndCapture(s, &graph)) _exit(1);
    cudaGraphInstantiate(&exec, graph, 0);
    cudaGraphLaunch(exec, s);
    cudaStreamSynchronize(s);
    fetch(c, host);
    wrong |= host[0] != 2;
}

static void run_freed()
{
    float *a = device_memory(), *b = device_memory();
    cudaFree(a);
    run(add_one, 1, N, 0, a, b);
}

/* A copy in the stretch that must have none between host and device. */
static void profiled_copy(bool to_host)
{
    void *a, *b;
    char host[4];
    setenv("EMU_NO_COPIES", "1", 1);
    cudaMalloc(&a, sizeof host);
    cudaMalloc(&b, sizeof host);
    cudaMemset(a, 0, sizeof host);
    cudaProfilerStart();
    cudaMemcpyAsync(to_host ? host : b, a, sizeof host,
                    to_host ? cudaMemcpyDeviceToHost : cudaMemcpyDeviceToDevice, nullptr);
    wrong |= cudaProfilerStop() != cudaSuccess;
}

static void run_profiled_right()
{
    profiled_copy(false);
}

static void run_profiled_copy()
{
    profiled_copy(true);
}

static const struct {
    const char *name;
    void (*run)();
    unsigned noticed_by; /* 0: it is right */
    bool always;         /* under every seed, not only some */
} faults[] = {
    { "sums, as they should be", run_sums_right, 0, false },
    { "streams, as they should be", run_streams_right, 0, false },
    { "a copy on the device while profiled, as it should be", run_profiled_right, 0, false },
    { "a copy to the host while profiled", run_profiled_copy, ALL, true },
    { "blocks that meet, as they should", run_around_right, 0, false },
    { "blocks that do not meet before they read", run_around_unread, ALL, false },
    { "the last block adds, as it should", run_last_right, 0, false },
    { "the last block is told before all is written", run_last_early, CHECK, true },
    { "the last block is told without a fence", run_last_unfenced, CHECK, true },
    { "the last block reads without a fence", run_last_unseen, CHECK, true },
    { "the last block does not wait to be told", run_last_unwaited, PLAIN | ASAN | CHECK, false },
    { "blocks that do not meet before they write", run_around_overwritten, ALL, false },
    { "blocks that meet without one of them", run_around_few, ALL & ~PTX, true },
    { "what blocks make that meet without one of them", run_around_few_sums, ALL, false },
    { "blocks that meet but need not run together", run_around_apart, ALL, true },
    { "blocks that meet in pairs, but read others", run_other_pair, CHECK, true },
    { "a block that stays away", run_stays_away, ALL, true },
    { "more blocks than run together", run_too_many, ALL, true },
    { "a barrier missing before a shared array is used again", run_sums_reuse, ALL, false },
    { "a barrier missing before a shared array is read", run_sums_unordered, ALL, false },
    { "beyond a shared variable", run_over_shared, ASAN | CHECK | PTX, true },
    { "beyond dynamic shared memory", run_over_dynamic, ASAN | CHECK | PTX, true },
    { "one element beyond an allocation", run_over_global, ALL, true },
    { "far beyond an allocation", run_far_over_global, ALL, true },
    { "an allocation that is freed", run_freed, ALL, true },
    { "a barrier met at two places", run_divergent, ALL, true },
    { "a deadlock", run_deadlock, ALL, true },
    { "a barrier after some returned", run_early_return, ALL, true },
    { "a branch of a graph, as it should be", run_branch<true, true>, 0, false },
    { "a branch that does not wait for what it reads", run_branch<false, true>, ALL, false },
    { "a branch that never comes back", run_branch<true, false>, ALL, true },
    { "a lane outside the mask", run_outside_mask, ALL, true },
    { "shared memory that nobody wrote", run_not_initialised, ALL, true },
    { "a race in a warp", run_warp_race, PLAIN | ASAN | CHECK, false },
    { "a race of blocks", run_block_race, CHECK, true },
    { "a misaligned vector", run_misaligned, ALL, true },
    { "more threads than a block has", run_no_launch, ALL, true },
    { "a product of bf16 tiles, as it should be", run_tile_bf16, 0, false },
    { "a product of f16 tiles, as it should be", run_tile_f16, 0, false },
    { "a product of tf32 tiles, as it should be", run_tile_tf32, 0, false },
    { "a product with a matrix turned, as it should be", run_tile_turned, 0, false },
    { "tf32 factors that nobody rounded", run_tile_cut_off, ALL, true },
    { "words of a fragment that change places", run_tile_swapped, ALL, true },
    { "a product of tiles by some lanes", run_tile_part_of_warp, ALL, true },
    { "copies past the registers, as they should be", run_copies_right, 0, false },
    { "copies of fewer bytes, as they should be", run_copies_ragged, 0, false },
    { "copies nobody waits for", run_copies_unwaited, ALL, true },
    { "copies of which the last is not waited for", run_copies_wait_short, ALL, true },
    { "copies another thread reads without a barrier", run_copies_no_barrier, ALL, false },
    { "a store to where a copy is on its way", run_copies_overwritten, CHECK | PTX, true },
    { "a copy to what others still read", run_copies_early_reuse, ALL, true },
    { "a thread that leaves before its copies land", run_copies_left, ALL, true },
    { "a misaligned copy", run_copies_misaligned, ALL, true },
    { "a stream that does not wait", run_streams_unordered, ALL, false },
    { "pinned memory changed before it is copied", run_early_reuse, ALL, true },
    { "an allocation while a stream is captured", run_capture_allocates, ALL, true },
};

/* In a child: did anything tell? */
static bool noticed(void (*body)(), int seed)
{
    pid_t child = fork();
    if (child == 0) {
        char text[16];
        snprintf(text, sizeof text, "%d", seed);
        setenv("EMU_SEED", text, 1);
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDERR_FILENO);
        body();
        _exit(wrong || cudaGetLastError() != cudaSuccess);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main()
{
    int bad = 0;
    for (const auto &f : faults) {
        int n = 0;
        int seeds = f.always ? SEEDS_SURE : SEEDS;
        for (int seed = 1; seed <= seeds; seed++) n += noticed(f.run, seed);
        bool must = f.noticed_by & this_build;
        bool fine = !f.noticed_by ? n == 0 : !must || (f.always ? n == seeds : n > 0);
        printf("%-4s %-56s noticed under %d of %d seeds%s\n", fine ? "ok" : "FAIL", f.name, n,
               seeds, must || !f.noticed_by ? "" : " (not asked of this build)");
        bad += !fine;
    }
    return bad != 0;
}

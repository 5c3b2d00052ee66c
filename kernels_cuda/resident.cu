/* LSTM and GRU layers that keep W_hh beside the arithmetic, in strict f32: one launch for all
 * steps.
 *
 * Threads share units: forward 4 lanes have a quarter of the depth of one unit's gates each, back
 * 16 lanes a sixteenth of that of four units, for four windows at once. The first chunks of a
 * lane's weights stay in registers, the rest in shared memory, so a step reads of W_hh nothing; a
 * lane's 64 FMAs take 4 loads of 16 bytes of the state and, beyond the registers, 4 of weights.
 *
 * `alone`: a block has all units of four windows, the state goes from step to step through shared
 * memory: up to 128 units. `together`: a block has as many units as fit, blocks of other units of
 * the same windows wait for one another at every step and read the state from the second cache. A
 * group of them takes every so-manyth four windows.
 *
 * Moved a unit of a window and step: 4 (2 G + 3) bytes forward, 4 (2 G + 5) back, once; together
 * also 4 for each block of the group, back 4 G. Bound by FMAs, 2 G H a unit, where there are
 * windows for all multiprocessors; else by the latency of a step. */
#include "kernels_cuda/recurrent.cuh"

enum { WINDOWS = 4, ALONE_THREADS = 512, TOGETHER_THREADS = 256, CLEAR_THREADS = 256 };
#define HELD_FOURS(alone) ((alone) ? 14 : 32) /* without spills on sm_80 .. sm_120 */
enum { SKEW = 8 };           /* floats: 4 windows' states of 8 units lie in 32 banks */
enum { MOST_CHUNKS = 4096 }; /* so that 32 bits number everything */
enum { SPACING = 32 };       /* of counters: groups share no cache line */

/* How a layer is cut, decided on the host. */
struct cut {
    int tile, tiles; /* units of a block, blocks of a group */
    int chunks, stride;
    int64_t groups;
    vn_each<unsigned *> counter;
};

/* ---- a lane's weights ---- */

/* W_hh forward: rows of gate o and unit j. */
struct rows_of {
    const float *w;
    int64_t units, unit;
    bool there, vector;
    __device__ rows_of(const vn_layer &l, int64_t j, bool mine)
        : w(l.w), units(l.units), unit(j), there(mine),
          vector(l.units % 4 == 0 && (uintptr_t)w % 16 == 0)
    {
    }
    __device__ float4 operator()(int o, int k) const
    {
        const float *p = w + (o * units + unit) * units + k;
        return vn_fetch4(p, 1, there ? (int)units - k : 0, vector);
    }
};

/* And back: column j + o, four rows of it. */
struct columns_of {
    const float *w;
    int64_t units, unit, rows;
    __device__ columns_of(const vn_layer &l, int64_t j)
        : w(l.w), units(l.units), unit(j), rows(l.rows)
    {
    }
    __device__ float4 operator()(int o, int k) const
    {
        const float *p = w + k * units + unit + o;
        return vn_fetch4(p, units, unit + o < units ? (int)rows - k : 0, false);
    }
};

/* OUTS sums of a depth that LANES lanes share, chunks of 4 numbers in turn. Of a lane's weights,
 * numbered chunk by chunk, the first HELD fours stay in registers. */
template <int OUTS, int LANES, int HELD> struct weights {
    static constexpr int MIXED = (HELD + OUTS - 1) / OUTS; /* chunks with some in registers */
    float4 held[HELD];
    const float *rest; /* in shared memory, where the other fours of a block lie side by side */
    int chunks;

    __device__ static int place(int chunk)
    {
        return (chunk * LANES + (int)threadIdx.x % LANES) * 4;
    }
    __device__ static int beside(int four) { return (four - HELD) * (int)blockDim.x * 4; }

    template <class SOURCE>
    __device__ __forceinline__ void take(const SOURCE &from, int n, float *shared)
    {
        shared += threadIdx.x * 4;
        chunks = n;
        rest = shared;
#pragma unroll
        for (int i = 0; i < HELD; i++) held[i] = from(i % OUTS, place(i / OUTS));
#pragma unroll 1
        for (int i = HELD; i < n * OUTS; i++)
            vn_store4(shared + beside(i), from(i % OUTS, place(i / OUTS)));
    }

    __device__ __forceinline__ static void add(const float4 w[OUTS], const float *v, int stride,
                                               float sum[OUTS][WINDOWS])
    {
#pragma unroll
        for (int s = 0; s < WINDOWS; s++) {
            float4 x = vn_load4(v + s * stride);
#pragma unroll
            for (int o = 0; o < OUTS; o++) {
                sum[o][s] = fmaf(w[o].x, x.x, sum[o][s]);
                sum[o][s] = fmaf(w[o].y, x.y, sum[o][s]);
                sum[o][s] = fmaf(w[o].z, x.z, sum[o][s]);
                sum[o][s] = fmaf(w[o].w, x.w, sum[o][s]);
            }
        }
    }

    /* sum = the lane's part of the products with states v [WINDOWS][stride]. */
    __device__ __forceinline__ void multiply(const float *v, int stride,
                                             float sum[OUTS][WINDOWS]) const
    {
        float4 w[OUTS];
#pragma unroll
        for (int o = 0; o < OUTS; o++)
#pragma unroll
            for (int s = 0; s < WINDOWS; s++) sum[o][s] = 0;
#pragma unroll
        for (int c = 0; c < MIXED; c++) {
            if (c >= chunks) break;
#pragma unroll
            for (int o = 0; o < OUTS; o++) {
                int i = c * OUTS + o;
                w[o] = i < HELD ? held[i < HELD ? i : 0] : vn_load4(rest + beside(i));
            }
            add(w, v + place(c), stride, sum);
        }
#pragma unroll 1
        for (int c = MIXED; c < chunks; c++) {
#pragma unroll
            for (int o = 0; o < OUTS; o++) w[o] = vn_load4(rest + beside(c * OUTS + o));
            add(w, v + place(c), stride, sum);
        }
    }
};

/* Lanes whose numbers differ in bit `by` trade: one has the sum of both `low`, the other of both
 * `high`. Half as many shuffles as if each had all; in either lane the same sum to the bit. */
__device__ __forceinline__ float trade(float low, float high, int by)
{
    bool up = threadIdx.x & by;
    return (up ? high : low) + __shfl_xor_sync(VN_ALL_LANES, up ? low : high, by);
}

/* Of four lanes, each has the sum of its own window. */
__device__ __forceinline__ float own_window(const float sum[WINDOWS])
{
    float a = trade(sum[0], sum[2], 2), b = trade(sum[1], sum[3], 2);
    return trade(a, b, 1);
}

/* Of sixteen, that of unit lane / 4 and window lane % 4. */
__device__ __forceinline__ float own_unit(const float sum[4][WINDOWS])
{
    float one[WINDOWS];
#pragma unroll
    for (int s = 0; s < WINDOWS; s++) {
        float a = trade(sum[0][s], sum[2][s], 8), b = trade(sum[1][s], sum[3][s], 8);
        one[s] = trade(a, b, 4);
    }
    return own_window(one);
}

/* ---- states in shared memory: [WINDOWS][stride], zeros beyond the windows and the depth ---- */

__device__ __forceinline__ void clear(float *v, int n)
{
#pragma unroll 1
    for (int i = threadIdx.x; i < n; i += blockDim.x) v[i] = 0;
    __syncthreads();
}

/* From rows of n numbers `across` apart, the first of them window `first`'s; NULL: zeros. */
__device__ __forceinline__ void fill(float *v, int stride, const float *from, int64_t across,
                                     int first, int batch, int n)
{
    for (int s = 0; s < WINDOWS; s++)
#pragma unroll 1
        for (int k = threadIdx.x; k < stride; k += blockDim.x)
            v[s * stride + k] =
                from && k < n && first + s < batch ? from[(int64_t)(first + s) * across + k] : 0;
}

/* ---- forward ---- */

template <class CELL, bool ALONE>
__global__ void __launch_bounds__(ALONE ? ALONE_THREADS : TOGETHER_THREADS, 1)
    vn_resident_kernel(CELL cell, cut p)
{
    VN_SHARED_DYNAMIC(float, shared);
    const int size = WINDOWS * p.stride, lane = threadIdx.x % 4, slot = threadIdx.x / 4;
    const int group = blockIdx.x / p.tiles;
    const int j = (int)blockIdx.x % p.tiles * p.tile + slot, batch = (int)cell.batch;
    const int steps = (int)cell.steps, units = (int)cell.units;
    const bool unit = slot < p.tile && j < units;
    weights<CELL::GATES, 4, HELD_FOURS(ALONE)> w;
    w.take(rows_of(cell, j, unit), p.chunks, shared + (ALONE ? 2 : 1) * size);
    if (ALONE) clear(shared, 2 * size);
    for (int t = 0; t < steps; t++) {
        for (int first = group * WINDOWS; first < batch;
             first = ALONE ? batch : first + (int)p.groups * WINDOWS) {
            const int b = first + lane;
            const bool mine = unit && b < batch;
            float *v = shared + (ALONE ? t % 2 * size : 0);
            float *next = shared + (t + 1) % 2 * size;
            float sum[CELL::GATES][WINDOWS];
            typename CELL::ready now = {};
            if (mine) now = cell.load(b, t, j);
            if (!ALONE || t == 0) {
                __syncthreads(); /* others still read the windows before */
                fill(v, p.stride, t ? cell.h + (t - 1) * cell.units : (const float *)cell.h0,
                     t ? cell.steps * cell.units : cell.units, first, batch, (int)cell.units);
                __syncthreads();
            }
            w.multiply(v, p.stride, sum);
            float z[CELL::GATES];
#pragma unroll
            for (int q = 0; q < CELL::GATES; q++) {
                z[q] = own_window(sum[q]);
                if (mine) z[q] += vn_or_zero(cell.bias, q * units + j);
            }
            if (mine) {
                float h = cell.finish(now, z, b, t, j);
                if (ALONE) next[lane * p.stride + j] = h;
            }
            if (ALONE) __syncthreads();
        }
        if (!ALONE && t + 1 < steps)
            vn_blocks_sync(p.counter + group * SPACING, p.tiles, (unsigned)t + 1);
    }
}

/* ---- back ---- */

template <class CELL, bool ALONE>
__global__ void __launch_bounds__(ALONE ? ALONE_THREADS : TOGETHER_THREADS, 1)
    vn_resident_back_kernel(CELL cell, cut p)
{
    VN_SHARED_DYNAMIC(float, shared);
    const int size = WINDOWS * p.stride, lane = threadIdx.x % 16, slot = threadIdx.x / 16 * 4;
    const int group = blockIdx.x / p.tiles;
    const int j0 = (int)blockIdx.x % p.tiles * p.tile + slot, j = j0 + lane / 4;
    const int batch = (int)cell.batch, steps = (int)cell.steps;
    const int units = (int)cell.units;
    const bool unit = slot < p.tile && j < units;
    const int end = cell.dh0 ? -1 : 0;
    weights<4, 16, HELD_FOURS(ALONE)> w;
    w.take(columns_of(cell, slot < p.tile ? j0 : cell.units), p.chunks,
           shared + (ALONE ? 2 : 1) * size);
    if (ALONE) clear(shared, 2 * size);
    for (int t = steps - 1; t >= end; t--) {
        for (int first = group * WINDOWS; first < batch;
             first = ALONE ? batch : first + (int)p.groups * WINDOWS) {
            const int b = first + lane % 4;
            const bool mine = unit && b < batch, start = t == steps - 1;
            float *v = shared + (ALONE ? (t + 2) % 2 * size : 0);
            float *next = shared + (t + 3) % 2 * size;
            float product = 0, d[CELL::GATES];
            typename CELL::ready now = {};
            if (mine && t >= 0) now = cell.load(b, t, j);
            if (!ALONE && !start) {
                __syncthreads();
                fill(v, p.stride, cell.dz + (t + 1) * cell.rows, cell.steps * cell.rows, first,
                     batch, (int)cell.rows);
                __syncthreads();
            }
            if (!start) {
                float sum[4][WINDOWS];
                w.multiply(v, p.stride, sum);
                product = own_unit(sum);
            }
            if (mine && t < 0) cell.begin(product, b, j);
            if (mine && t >= 0) {
                cell.finish(now, product, b, t, j, d);
#pragma unroll
                for (int q = 0; q < CELL::GATES; q++)
                    if (ALONE) next[lane % 4 * p.stride + q * units + j] = d[q];
            }
            if (ALONE) __syncthreads();
        }
        if (!ALONE && t > end)
            vn_blocks_sync(p.counter + group * SPACING, p.tiles, (unsigned)(steps - t));
    }
}

__global__ void vn_counters_kernel(vn_each<unsigned *> counter, int n)
{
    for (int i = threadIdx.x; i < n; i += blockDim.x) counter[i * SPACING] = 0;
}

/* ---- host ---- */

/* Forward and back as plans see them. */
template <class CELL> struct direction {
    static constexpr int LANES = 4, OUTS = CELL::GATES;
    static constexpr bool BACK = false;
    template <bool ALONE> static constexpr auto kernel = vn_resident_kernel<CELL, ALONE>;
    static int64_t depth(const CELL &c) { return c.units; }
};
template <class CELL> struct backward {
    static constexpr int LANES = 16, OUTS = 4;
    static constexpr bool BACK = true;
    template <bool ALONE> static constexpr auto kernel = vn_resident_back_kernel<CELL, ALONE>;
    static int64_t depth(const CELL &c) { return c.rows; }
};
template <> struct direction<vn_lstm_back> : backward<vn_lstm_back> {
};
template <> struct direction<vn_gru_back> : backward<vn_gru_back> {
};

struct launch {
    cut p;
    int threads;
    size_t shared;
};

/* Threads that a block can have, as a multiple of a warp: registers and shared memory hold their
 * weights. 4 of them share a unit, forward and back. */
static int64_t threads_of(bool alone, size_t states, size_t each)
{
    size_t limit = (size_t)vn_device_number(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    int64_t most = alone ? ALONE_THREADS : TOGETHER_THREADS;
    if (states > limit) return 0;
    int64_t fit = each ? (int64_t)((limit - states) / each) : most;
    return (fit < most ? fit : most) / 32 * 32;
}

/* False: the device cannot hold the layer so, as one of `share`. */
template <class CELL, bool ALONE> static bool cut_of(const CELL &cell, int share, launch *l)
{
    typedef direction<CELL> way;
    const int held = HELD_FOURS(ALONE), chunk = 4 * way::LANES;
    int64_t chunks = (way::depth(cell) + chunk - 1) / chunk;
    double numbers = 4.0 * (double)cell.batch * (double)cell.steps * (double)cell.units;
    if (chunks > MOST_CHUNKS || numbers > INT32_MAX) return false;
    l->p.chunks = (int)chunks;
    l->p.stride = (int)chunks * chunk + SKEW;
    size_t states = (size_t)(ALONE ? 2 : 1) * WINDOWS * l->p.stride * sizeof(float);
    int64_t fours = chunks * way::OUTS;
    size_t each = (size_t)(fours > held ? fours - held : 0) * sizeof(float4);
    int64_t most = threads_of(ALONE, states, each) / 4, units = cell.units;
    if (most == 0 || (ALONE && units > most)) return false;
    int64_t tiles = (units + most - 1) / most, tile = (units + tiles - 1) / tiles;
    if (way::BACK) tile = (tile + 3) / 4 * 4;
    l->p.tile = (int)tile;
    l->p.tiles = (int)((units + tile - 1) / tile);
    l->threads = (int)(tile * 4 + 31) / 32 * 32;
    l->shared = states + each * (size_t)l->threads;
    int64_t rounds = (cell.batch + WINDOWS - 1) / WINDOWS, groups = rounds;
    if (!ALONE) {
        int64_t fit =
            vn_blocks_together(way::template kernel<false>, l->threads, l->shared) / share;
        groups = fit / l->p.tiles < rounds ? fit / l->p.tiles : rounds;
    }
    l->p.groups = groups;
    return groups > 0;
}

template <class CELL, bool ALONE> static const char *unfit(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    vn_room room = {};
    CELL cell;
    launch l;
    if (why) return why;
    vn_cell_of(c, &room, &cell);
    if (cut_of<CELL, ALONE>(cell, 1, &l)) return NULL;
    return ALONE ? "one multiprocessor does not hold the recurrent weights"
                 : "the multiprocessors together do not hold the recurrent weights";
}

static size_t inputs_scratch(const vn_call *c, bool back)
{
    return back ? 0 : vn_inputs_scratch(c);
}

template <class CELL> static float *counters_of(const CELL &cell, vn_room *room)
{
    return room->take((cell.batch + WINDOWS - 1) / WINDOWS * SPACING);
}

template <class CELL> static vn_scratch scratch(const vn_call *c)
{
    vn_room room = {};
    CELL cell;
    vn_cell_of(c, &room, &cell);
    counters_of(cell, &room);
    return vn_scratch{ room.used + inputs_scratch(c, direction<CELL>::BACK), 0 };
}

static void make_inputs(const vn_call *c, const vn_lstm_cell &cell, void *rest, vn_stream *s)
{
    vn_inputs_launch(c, cell.x, rest, s);
}
static void make_inputs(const vn_call *c, const vn_gru_cell &cell, void *rest, vn_stream *s)
{
    vn_inputs_launch(c, cell.x, rest, s);
}
static void make_inputs(const vn_call *, const vn_layer &, void *, vn_stream *) {}

template <class CELL, bool ALONE> static void run(const vn_call *c, vn_stream *s)
{
    vn_room room = { (char *)c->scratch, 0 };
    CELL cell;
    launch l;
    if (!vn_any_read(c)) return;
    vn_cell_of(c, &room, &cell);
    l.p.counter = (unsigned *)counters_of(cell, &room);
    if (!cut_of<CELL, ALONE>(cell, vn_launch_share(s), &l)) { /* one alone fits: unfit */
        vn_launch_apart(s);
        return;
    }
    make_inputs(c, cell, room.take(0), s);
    dim3 grid((unsigned)(l.p.groups * l.p.tiles));
    if (ALONE) {
        VN_LAUNCH((direction<CELL>::template kernel<true>), grid, dim3(l.threads), l.shared, s,
                  cell, l.p);
    } else {
        VN_LAUNCH(vn_counters_kernel, dim3(1), dim3(CLEAR_THREADS), 0, s, l.p.counter,
                  (int)l.p.groups);
        VN_LAUNCH_TOGETHER((direction<CELL>::template kernel<false>), grid, dim3(l.threads),
                           l.shared, s, cell, l.p);
    }
}

VN_CUDA_KERNEL(lstm_f32_alone) = { "lstm_f32_alone", 0, unfit<vn_lstm_cell, true>,
                                   scratch<vn_lstm_cell>, run<vn_lstm_cell, true> };
VN_CUDA_KERNEL(lstm_f32_together) = { "lstm_f32_together", 0, unfit<vn_lstm_cell, false>,
                                      scratch<vn_lstm_cell>, run<vn_lstm_cell, false> };
VN_CUDA_KERNEL(gru_f32_alone) = { "gru_f32_alone", 0, unfit<vn_gru_cell, true>,
                                  scratch<vn_gru_cell>, run<vn_gru_cell, true> };
VN_CUDA_KERNEL(gru_f32_together) = { "gru_f32_together", 0, unfit<vn_gru_cell, false>,
                                     scratch<vn_gru_cell>, run<vn_gru_cell, false> };
VN_CUDA_KERNEL(lstm_grad_f32_alone) = { "lstm_grad_f32_alone", 0, unfit<vn_lstm_back, true>,
                                        scratch<vn_lstm_back>, run<vn_lstm_back, true> };
VN_CUDA_KERNEL(lstm_grad_f32_together) = { "lstm_grad_f32_together", 0, unfit<vn_lstm_back, false>,
                                           scratch<vn_lstm_back>, run<vn_lstm_back, false> };
VN_CUDA_KERNEL(gru_grad_f32_alone) = { "gru_grad_f32_alone", 0, unfit<vn_gru_back, true>,
                                       scratch<vn_gru_back>, run<vn_gru_back, true> };
VN_CUDA_KERNEL(gru_grad_f32_together) = { "gru_grad_f32_together", 0, unfit<vn_gru_back, false>,
                                          scratch<vn_gru_back>, run<vn_gru_back, false> };

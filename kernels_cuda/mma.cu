/* Products on matrix units: layers and plain products whose factors are bf16, f16, or f32 rounded
 * to tf32; sums are f32.
 *
 * 128 R threads make a tile of 64 R x 64 R sums, each warp 32 R x 32 of it in registers. The depth
 * is walked in slabs of 64 bytes (32 numbers of 16 bits, 16 of tf32) that lie in shared memory as
 * they lie in device memory, lines or depths first, chunks of 16 bytes exchanged so that neither
 * copies nor loads of fragments meet in a bank. Three or four buffers go round: while one is
 * multiplied, the next two or three are under way past the registers. Factors whose rows are not of
 * 16 bytes each pass through registers, number by number.
 *
 * A product reads size (m k ceil(n / tile) + k n ceil(m / tile)) bytes, from the second cache for
 * the sizes of a forecaster, and writes 4 m n. A slab of a warp's tile takes 2 R + 2 loads of
 * fragments (512 bytes each) for 8 R products of 16 x 8 tiles a step of depth. Where tiles are
 * fewer than multiprocessors, blocks share the depth as in linear.cu: parts go to scratch, and the
 * block that comes last to a tile adds them in their order. */
#include "kernels_cuda/gemm.cuh"
#include "kernels_cuda/mma.cuh"

extern "C" {
#include "device/scalar.h"
}

enum { CHUNK = 16, SLAB = 64, SIDE = 64 };
enum { SPLIT_MIN = 4 }; /* slabs, the least a block is started for */

/* Steps are in bytes: of an operand's lines where it lies along the depth, of its depths else. */
struct product {
    int64_t groups, m, n, k, act;
    vn_each<const char *> a, b;
    vn_each<const float *> bias;
    int64_t a_step, b_step, a_group, b_group;
    vn_each<float *> y;
    int a_along, b_along;     /* along the depth */
    int a_vectors, b_vectors; /* rows begin at multiples of 16 bytes */
};

/* ---- an operand: lines are rows of A, columns of B ---- */

template <vn_numbers KIND, bool ALONG, int R> struct operand {
    static constexpr int SIZE = KIND == VN_NUMBERS_TF32 ? 4 : 2, EACH = CHUNK / SIZE;
    static constexpr int LINES = SIDE * R, DEPTH = SLAB / SIZE, BYTES = LINES * SLAB;
    static constexpr int ROW = ALONG ? SLAB / CHUNK : LINES / EACH; /* chunks */
    const char *p;    /* the first of a thread's two chunks of the slab to come */
    int64_t other;    /* to its second chunk */
    int lines, depth; /* numbers left from p on */
    bool vectors;

    /* Where in a slab the chunk `c` of row `row` lies: eight rows' chunks of one number, or (tf32
     * depths first) two chunks of four rows, fill the banks once. */
    __device__ static int place(int row, int c)
    {
        int turn = ALONG ? row >> 1 & 3 : SIZE == 2 ? row & 7 : (row & 3) * 2;
        return (row * ROW + (c ^ turn)) * CHUNK;
    }

    __device__ operand(const char *base, int64_t row_step, int64_t first_line, int64_t n_lines,
                       int64_t first_depth, int64_t n_depth, bool aligned)
    {
        int row = threadIdx.x / ROW, c = threadIdx.x % ROW * EACH;
        int64_t line = first_line + (ALONG ? row : c), k = first_depth + (ALONG ? c : row);
        int64_t left = n_lines - line, rest = n_depth - k;
        lines = left < LINES ? (int)left : LINES;
        depth = (int)rest;
        other = (ALONG ? LINES : DEPTH) / 2 * row_step;
        p = base + (ALONG ? line * row_step + k * SIZE : k * row_step + line * SIZE);
        vectors = aligned;
    }

    __device__ static uint4 gather(const char *from, int n)
    {
        uint32_t v[4] = {};
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            if (i >= n) break;
            if (SIZE == 4)
                v[i % 4] = ((const uint32_t *)from)[i];
            else
                v[i / 2] |= (uint32_t)((const uint16_t *)from)[i] << i % 2 * 16;
        }
        return make_uint4(v[0], v[1], v[2], v[3]);
    }

    /* The next slab, to shared memory; zeros beyond the matrix. */
    __device__ __forceinline__ void start(char *slab)
    {
        char *to = slab + place(threadIdx.x / ROW, threadIdx.x % ROW);
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int left = lines - (ALONG ? h * LINES / 2 : 0),
                rest = depth - (ALONG ? 0 : h * DEPTH / 2);
            int n = ALONG ? (left > 0 ? rest : 0) : (rest > 0 ? left : 0);
            n = n < 0 ? 0 : n < EACH ? n : EACH;
            if (vectors)
                vn_copy16(to + h * BYTES / 2, p + h * other, n * SIZE);
            else
                vn_store_vector(to + h * BYTES / 2, gather(p + h * other, n));
        }
        p += ALONG ? (int64_t)SLAB : 2 * other;
        depth -= DEPTH;
    }

    /* Of 16 lines from `first` on, numbers of step `at` of the slab: lines 0..7 and 8..15 of the
     * first half of the depth, then of the second. That is a fragment of A, or two of B: words 0
     * and 2, 1 and 3. */
    __device__ __forceinline__ static void load(const char *slab, int first, int at,
                                                uint32_t (&to)[4])
    {
        int lane = threadIdx.x % 32, matrix = lane / 8, row = lane % 8;
        if constexpr (ALONG) {
            vn_load_matrices(to, slab + place(first + matrix % 2 * 8 + row, 2 * at + matrix / 2));
        } else if constexpr (SIZE == 2) {
            int k = at * 16 + matrix / 2 * 8 + row;
            vn_load_matrices_turned(to, slab + place(k, first / EACH + matrix % 2));
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                int line = first + lane / 4 + i % 2 * 8, k = at * 8 + lane % 4 + i / 2 * 4;
                to[i] = *(const uint32_t *)(slab + place(k, line / EACH) + line % EACH * SIZE);
            }
        }
        if constexpr (SIZE == 4) {
#pragma unroll
            for (int i = 0; i < 4; i++) to[i] = vn_tf32_word(to[i]);
        }
    }
};

/* ---- a tile ---- */

template <int R> struct tile {
    static constexpr int THREADS = 128 * R, SIZE = SIDE * R, BUFFERS = R == 1 ? 4 : 3;
    static constexpr int SHARED = BUFFERS * 2 * SIZE * SLAB;
    static constexpr int PITCH = SIZE + 8; /* of results on their way: no two lanes in a bank */
    float at[2 * R][4][4];                 /* 16 x 8 sums each */
    static_assert(SIDE * PITCH * 4 <= SHARED, "results leave through the slabs' memory");

    __device__ static int warp_row() { return threadIdx.x / 32 / (2 * R); }
    __device__ static int warp_column() { return threadIdx.x / 32 % (2 * R) * 32; }

    template <vn_numbers KIND, class A, class B>
    __device__ __forceinline__ void add_slab(const char *slab)
    {
#pragma unroll KIND == VN_NUMBERS_TF32 &&R == 2 ? 1 : 2 /* else registers spill */
        for (int step = 0; step < 2; step++) {
            uint32_t a[2 * R][4], b[2][4];
#pragma unroll
            for (int i = 0; i < 2 * R; i++) A::load(slab, warp_row() * 32 * R + i * 16, step, a[i]);
#pragma unroll
            for (int j = 0; j < 2; j++)
                B::load(slab + A::BYTES, warp_column() + j * 16, step, b[j]);
#pragma unroll
            for (int i = 0; i < 2 * R; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    vn_multiply<KIND>(at[i][j], a[i], b[j / 2][j % 2], b[j / 2][j % 2 + 2]);
        }
    }

    /* `n` slabs, at least one. A buffer is filled again when all warps have left it: they have come
     * to the barrier of the slab after. */
    template <vn_numbers KIND, class A, class B>
    __device__ __forceinline__ void add(A &a, B &b, int n, char *shared)
    {
        constexpr int BOTH = A::BYTES + B::BYTES;
        int now = 0, next = BUFFERS - 1;
#pragma unroll
        for (int i = 0; i < BUFFERS - 1; i++) {
            if (i < n) {
                a.start(shared + i * BOTH);
                b.start(shared + i * BOTH + A::BYTES);
            }
            vn_copy_commit();
        }
#pragma unroll 1
        for (int i = 0; i < n; i++) {
            vn_copy_wait<BUFFERS - 2>();
            __syncthreads();
            if (i + BUFFERS - 1 < n) {
                a.start(shared + next * BOTH);
                b.start(shared + next * BOTH + A::BYTES);
            }
            vn_copy_commit();
            add_slab<KIND, A, B>(shared + now * BOTH);
            now = now + 1 < BUFFERS ? now + 1 : 0;
            next = next + 1 < BUFFERS ? next + 1 : 0;
        }
        __syncthreads();
    }

    /* Through shared memory, 64 rows at a time: stores lie side by side, and an activation stands
     * in the code once. */
    template <class F> __device__ __forceinline__ void put(float *shared, F f) const
    {
        int lane = threadIdx.x % 32, column = warp_column() + lane % 4 * 2;
        int row = (R == 1 ? warp_row() * 32 : 0) + lane / 4;
#pragma unroll 1
        for (int part = 0; part < R; part++) {
            if (part) __syncthreads(); /* others still read the one before */
#pragma unroll
            for (int i = 0; i < 2 * R; i++)
#pragma unroll
                for (int j = 0; j < 4 && (R == 1 || warp_row() == part); j++) {
                    float *to = shared + (row + i * 16) * PITCH + column + j * 8;
                    vn_store_vector(to, make_float2(at[i][j][0], at[i][j][1]));
                    vn_store_vector(to + 8 * PITCH, make_float2(at[i][j][2], at[i][j][3]));
                }
            __syncthreads();
#pragma unroll 1
            for (int e = threadIdx.x; e < SIDE * SIZE; e += THREADS)
                f(part * SIDE + e / SIZE, e % SIZE, shared[e / SIZE * PITCH + e % SIZE]);
        }
    }
};

/* ---- kernel ---- */

/* Blocks are numbered as in linear.cu: column of tiles, row of tiles, part of the depth, group. */
template <vn_numbers KIND, bool A_ALONG, bool B_ALONG, int R>
__global__ void __launch_bounds__(128 * R, 4 / R)
    vn_mma_product_kernel(product g, vn_cut c, vn_each<float *> scratch, vn_each<unsigned *> ticket)
{
    float *parts = scratch;
    const float *bias = g.bias;
    typedef operand<KIND, A_ALONG, R> left;
    typedef operand<KIND, B_ALONG, R> right;
    VN_SHARED_DYNAMIC(char, shared);
    tile<R> sums = {};
    int64_t tiles = c.rows * c.columns, which = blockIdx.x % tiles, rest = blockIdx.x / tiles;
    int64_t row = which / c.columns * (SIDE * R), column = which % c.columns * (SIDE * R);
    int64_t first = rest % c.splits * c.per_split, group = rest / c.splits;
    int64_t n = c.slabs - first < c.per_split ? c.slabs - first : c.per_split;
    left a(g.a + group * g.a_group, g.a_step, row, g.m, first * left::DEPTH, g.k, g.a_vectors);
    right b(g.b + group * g.b_group, g.b_step, column, g.n, first * left::DEPTH, g.k, g.b_vectors);
    sums.template add<KIND>(a, b, (int)n, shared);
    float *y = parts ? parts + rest * g.m * g.n : g.y + group * g.m * g.n;
    sums.put((float *)shared, [=](int i, int j, float v) {
        if (row + i >= g.m || column + j >= g.n) return;
        if (!parts) v = vn_unary_value_f32(g.act, bias ? v + bias[column + j] : v);
        y[(row + i) * g.n + column + j] = v;
    });
    if constexpr (R == 1) { /* tiles of 128 x 128 are never short of blocks */
        if (!parts) return;
        if (!vn_last_block(ticket + group * tiles + which, (unsigned)c.splits)) return;
        parts += group * c.splits * g.m * g.n;
        vn_add_parts<128>(
            parts, c.splits, g.m, g.n, row, column, g.y + group * g.m * g.n,
            [=](int64_t j, float v) { return vn_unary_value_f32(g.act, bias ? v + bias[j] : v); });
    }
}

/* ---- host ---- */

static vn_cut cut_of(const product &g, int depth)
{
    vn_cut c = vn_cut_of(g.groups, g.m, g.n, g.k);
    int64_t tiles = c.rows * c.columns * g.groups;
    c.slabs = vn_div_up(g.k, depth);
    int64_t most = c.slabs / SPLIT_MIN < VN_SMS / tiles ? c.slabs / SPLIT_MIN : VN_SMS / tiles;
    c.per_split = vn_div_up(c.slabs, most > 1 && c.squares == 1 ? most : 1);
    c.splits = vn_div_up(c.slabs, c.per_split);
    return c;
}

static vn_numbers numbers_of(const vn_call *c)
{
    vn_dtype type = c->in[0].dtype;
    return type == VN_BF16 ? VN_NUMBERS_BF16 : type == VN_F16 ? VN_NUMBERS_F16 : VN_NUMBERS_TF32;
}

static int64_t size_of(const vn_call *c)
{
    return c->in[0].dtype == VN_F32 ? 4 : 2;
}

static bool vectors(const char *p, int64_t step, int64_t group)
{
    return vn_aligned16(p) && step % CHUNK == 0 && group % CHUNK == 0;
}

static product layer(const vn_call *c)
{
    const vn_tensor *w = &c->in[1];
    product g = {};
    g.groups = 1;
    g.n = w->dim[0];
    g.k = w->dim[1];
    g.m = vn_count(&c->in[0]) / g.k;
    g.act = ((const vn_attr_linear *)c->attr)->act;
    g.a = (const char *)c->in[0].data;
    g.b = (const char *)w->data;
    g.bias = (const float *)c->in[2].data;
    g.a_step = g.b_step = g.k * size_of(c);
    g.y = (float *)c->out[0].data;
    g.a_along = g.b_along = true;
    return g;
}

static product matrices(const vn_call *c)
{
    const vn_attr_matmul *attr = (const vn_attr_matmul *)c->attr;
    const vn_tensor *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    int64_t size = size_of(c);
    product g = {};
    g.groups = y->rank == 3 ? y->dim[0] : 1;
    g.m = y->dim[y->rank - 2];
    g.n = y->dim[y->rank - 1];
    g.k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    g.act = VN_UNARY_NONE;
    g.a = (const char *)a->data;
    g.b = (const char *)b->data;
    g.a_along = !attr->ta;
    g.b_along = attr->tb;
    g.a_step = (attr->ta ? g.m : g.k) * size;
    g.b_step = (attr->tb ? g.k : g.n) * size;
    g.a_group = a->rank == 3 ? g.m * g.k * size : 0;
    g.b_group = b->rank == 3 ? g.k * g.n * size : 0;
    g.y = (float *)y->data;
    return g;
}

/* What a launch is made of besides its kernel's kind. */
struct job {
    product g;
    vn_cut c;
    float *parts;
    unsigned *tickets;
    vn_stream *s;
};

template <vn_numbers KIND, bool A, bool B, int R> static void launch_tiles(const job &j)
{
    int64_t blocks = j.c.rows * j.c.columns * j.c.splits * j.g.groups;
    VN_LAUNCH((vn_mma_product_kernel<KIND, A, B, R>), dim3((unsigned)blocks),
              dim3(tile<R>::THREADS), tile<R>::SHARED, j.s, j.g, j.c, j.parts, j.tickets);
}

template <vn_numbers KIND, bool A, bool B> static void launch_sized(const job &j)
{
    j.c.squares == 2 ? launch_tiles<KIND, A, B, 2>(j) : launch_tiles<KIND, A, B, 1>(j);
}

template <vn_numbers KIND> static void launch_kind(const job &j)
{
    if (j.g.a_along)
        j.g.b_along ? launch_sized<KIND, true, true>(j) : launch_sized<KIND, true, false>(j);
    else
        j.g.b_along ? launch_sized<KIND, false, true>(j) : launch_sized<KIND, false, false>(j);
}

static void launch(const vn_call *c, product g, vn_stream *s)
{
    if (!g.y) return;
    g.a_vectors = vectors(g.a, g.a_step, g.a_group);
    g.b_vectors = vectors(g.b, g.b_step, g.b_group);
    job j = { g, cut_of(g, SLAB / (int)size_of(c)), NULL, vn_tickets(c), s };
    if (j.c.splits > 1) j.parts = (float *)c->scratch;
    vn_numbers kind = numbers_of(c);
    if (kind == VN_NUMBERS_BF16)
        launch_kind<VN_NUMBERS_BF16>(j);
    else if (kind == VN_NUMBERS_F16)
        launch_kind<VN_NUMBERS_F16>(j);
    else
        launch_kind<VN_NUMBERS_TF32>(j);
}

static vn_scratch scratch_of(const vn_call *c, const product &g)
{
    vn_cut cut = cut_of(g, SLAB / (int)size_of(c));
    size_t each = (size_t)(g.groups * g.m * g.n) * sizeof(float);
    return vn_scratch{ cut.splits > 1 ? (size_t)cut.splits * each : 0, 0 };
}

static const char *unfit(const vn_call *c)
{
    vn_dtype a = c->in[0].dtype, b = c->in[1].dtype;
    if (c->out[0].dtype != VN_F32) return "sums are not f32";
    if (a != b) return "factors are of two types";
    return vn_is_low(a) || (a == VN_F32 && vn_rounds(c)) ? NULL : "factors are not rounded";
}

static const char *unfit_layer(const vn_call *c)
{
    const char *why = unfit(c);
    return why ? why : layer(c).k > INT32_MAX ? "sums have more than 2^31 numbers" : NULL;
}

static const char *unfit_matrices(const vn_call *c)
{
    const char *why = unfit(c);
    return why ? why : matrices(c).k > INT32_MAX ? "sums have more than 2^31 numbers" : NULL;
}

static void linear(const vn_call *c, vn_stream *s)
{
    launch(c, layer(c), s);
}

static void matmul(const vn_call *c, vn_stream *s)
{
    launch(c, matrices(c), s);
}

static vn_scratch linear_scratch(const vn_call *c)
{
    return scratch_of(c, layer(c));
}

static vn_scratch matmul_scratch(const vn_call *c)
{
    return scratch_of(c, matrices(c));
}

VN_CUDA_KERNEL(linear_mma_tiles) = { "linear_mma_tiles", VN_CUDA_SM80, unfit_layer, linear_scratch,
                                     linear };
VN_CUDA_KERNEL(matmul_mma_tiles) = { "matmul_mma_tiles", VN_CUDA_SM80, unfit_matrices,
                                     matmul_scratch, matmul };

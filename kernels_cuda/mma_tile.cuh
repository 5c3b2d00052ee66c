/* Tiles of products on matrix units, for factors of 16 bits and f32 rounded to tf32: the engine,
 * and an operand that is a matrix.
 *
 * 128 R threads make a tile of 64 R x 64 R sums, each warp 32 R x 32 of it in registers. The depth
 * is walked in slabs of 64 bytes (32 numbers of 16 bits, 16 of tf32) that lie in shared memory as
 * they lie in device memory, lines or depths first, chunks of 16 bytes exchanged so that neither
 * copies nor loads of fragments meet in a bank. Three or four buffers go round: while one is
 * multiplied, the next two or three are under way past the registers. What does not lie in whole
 * chunks passes through registers, number by number. A slab of a warp's tile takes 2 R + 2 loads of
 * fragments (512 bytes each) for 8 R products of 16 x 8 tiles a step of depth. */
#ifndef VN_KERNELS_CUDA_MMA_TILE_CUH
#define VN_KERNELS_CUDA_MMA_TILE_CUH

#include "kernels_cuda/gemm.cuh"
#include "kernels_cuda/mma.cuh"

enum { VN_CHUNK = 16, VN_SLAB_BYTES = 64, VN_SIDE = 64 };
enum { VN_SPLIT_MIN = 4 }; /* slabs, the least a block is started for */

/* How blocks share sums over k numbers, slabs `depth` deep, of tiles that are given. */
static inline vn_cut vn_mma_share(vn_cut c, int64_t groups, int64_t k, int depth)
{
    int64_t tiles = c.rows * c.columns * groups;
    c.slabs = vn_div_up(k, depth);
    int64_t most =
        c.slabs / VN_SPLIT_MIN < VN_SMS / tiles ? c.slabs / VN_SPLIT_MIN : VN_SMS / tiles;
    c.per_split = vn_div_up(c.slabs, most > 1 && c.squares == 1 ? most : 1);
    c.splits = vn_div_up(c.slabs, c.per_split);
    return c;
}

static inline vn_cut vn_mma_cut(int64_t groups, int64_t m, int64_t n, int64_t k, int depth)
{
    return vn_mma_share(vn_cut_of(groups, m, n, k), groups, k, depth);
}

/* ---- a slab of an operand, whose lines are rows of A or columns of B: ALONG the depth, or depths
 * first. Each thread carries two chunks, half a slab apart. ---- */

template <vn_numbers KIND, bool ALONG, int R> struct vn_slab {
    static constexpr int SIZE = KIND == VN_NUMBERS_TF32 ? 4 : 2, EACH = VN_CHUNK / SIZE;
    static constexpr int LINES = VN_SIDE * R, DEPTH = VN_SLAB_BYTES / SIZE;
    static constexpr int BYTES = LINES * VN_SLAB_BYTES;
    static constexpr int ROW = ALONG ? VN_SLAB_BYTES / VN_CHUNK : LINES / EACH; /* chunks */

    /* Where in a slab the chunk `c` of row `row` lies: eight rows' chunks of one number, or (tf32
     * depths first) two chunks of four rows, fill the banks once. */
    __device__ static int place(int row, int c)
    {
        int turn = ALONG ? row >> 1 & 3 : SIZE == 2 ? row & 7 : (row & 3) * 2;
        return (row * ROW + (c ^ turn)) * VN_CHUNK;
    }

    /* A thread's first chunk, and its first number counted in the tile: of which line, how deep. */
    __device__ static int own() { return place(threadIdx.x / ROW, threadIdx.x % ROW); }
    __device__ static int line() { return ALONG ? threadIdx.x / ROW : threadIdx.x % ROW * EACH; }
    __device__ static int depth() { return ALONG ? threadIdx.x % ROW * EACH : threadIdx.x / ROW; }

    /* A chunk of the first n of `word(0)`, `word(1)`, ..., which are asked for in order. */
    template <class F> __device__ __forceinline__ static uint4 gather(int n, F word)
    {
        uint32_t v[4] = {};
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            if (i >= n) break;
            v[SIZE == 4 ? i % 4 : i / 2] |= (uint32_t)word(i) << (SIZE == 4 ? 0 : i % 2 * 16);
        }
        return make_uint4(v[0], v[1], v[2], v[3]);
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

/* ---- an operand that is a matrix ---- */

template <vn_numbers KIND, bool ALONG, int R> struct vn_matrix : vn_slab<KIND, ALONG, R> {
    typedef vn_slab<KIND, ALONG, R> slab;
    const char *p;    /* the first of a thread's two chunks of the slab to come */
    int64_t other;    /* to its second chunk */
    int lines, depth; /* numbers left from p on */
    bool vectors;

    /* `row_step`: bytes from line to line where they lie along the depth, from depth to depth else;
     * `aligned`: as all rows are to 16 bytes. */
    __device__ vn_matrix(const char *base, int64_t row_step, int64_t first_line, int64_t n_lines,
                         int64_t first_depth, int64_t n_depth, bool aligned)
    {
        int64_t line = first_line + slab::line(), k = first_depth + slab::depth();
        int64_t left = n_lines - line;
        lines = left < slab::LINES ? (int)left : slab::LINES;
        depth = (int)(n_depth - k);
        other = (ALONG ? slab::LINES : slab::DEPTH) / 2 * row_step;
        p = base + (ALONG ? line * row_step + k * slab::SIZE : k * row_step + line * slab::SIZE);
        vectors = aligned;
    }

    /* The next slab, to shared memory; zeros beyond the matrix. */
    __device__ __forceinline__ void start(char *to)
    {
        to += slab::own();
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const char *from = p + h * other;
            int left = lines - (ALONG ? h * slab::LINES / 2 : 0);
            int rest = depth - (ALONG ? 0 : h * slab::DEPTH / 2);
            int n = ALONG ? (left > 0 ? rest : 0) : (rest > 0 ? left : 0);
            n = n < 0 ? 0 : n < slab::EACH ? n : slab::EACH;
            if (vectors)
                vn_copy16(to + h * slab::BYTES / 2, from, n * slab::SIZE);
            else
                vn_store_vector(to + h * slab::BYTES / 2, slab::gather(n, [=](int i) {
                                    return slab::SIZE == 4 ? ((const uint32_t *)from)[i]
                                                           : ((const uint16_t *)from)[i];
                                }));
        }
        p += ALONG ? (int64_t)VN_SLAB_BYTES : 2 * other;
        depth -= slab::DEPTH;
    }
};

/* ---- a tile ---- */

template <int R> struct vn_mma_tile {
    static constexpr int THREADS = 128 * R, SIZE = VN_SIDE * R, BUFFERS = R == 1 ? 4 : 3;
    static constexpr int SHARED = BUFFERS * 2 * SIZE * VN_SLAB_BYTES;
    static constexpr int PITCH = SIZE + 8; /* of results on their way: no two lanes in a bank */
    float at[2 * R][4][4];                 /* 16 x 8 sums each */
    static_assert(VN_SIDE * PITCH * 4 <= SHARED, "results leave through the slabs' memory");

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
#pragma unroll 1 /* operands that gather are long */
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
            for (int e = threadIdx.x; e < VN_SIDE * SIZE; e += THREADS)
                f(part * VN_SIDE + e / SIZE, e % SIZE, shared[e / SIZE * PITCH + e % SIZE]);
        }
    }
};

#endif

/* The instructions of mma.cuh: fragments loaded from shared memory and multiplied, every element
 * against a product in double; copies past the registers; and both misused. */
#include "kernels_cuda/mma.cuh"

#include "tests/emu/faults.h"

/* ---- one product of a warp: y [16, 8] = a [16, K] b, K of 32 bytes ---- */

enum { ROWS = 16, COLUMNS = 8, LINE = 32, LANES = 32 };

/* What is done otherwise than it should be. */
enum slip { NO_SLIP, TURNED, CUT_OFF, SWAPPED, PART_OF_WARP };

/* b [8, K] (column first), as a's rows lie; TURNED: [K, 8], as in a row-major matrix. */
template <vn_numbers KIND, slip SLIP>
__global__ void one_tile(const unsigned char *a, const unsigned char *b, float *y)
{
    VN_SHARED_VAR(unsigned char, rows, [2 * ROWS * LINE]);
    uint32_t u[4], v[4];
    float sums[4] = {};
    int lane = threadIdx.x, matrix = lane / 8, row = lane % 8;
    for (int i = lane; i < ROWS * LINE; i += LANES) {
        rows[i] = a[i];
        rows[ROWS * LINE + i] = b[i / LINE % COLUMNS * LINE + i % LINE];
        if (SLIP == TURNED) rows[ROWS * LINE + i] = i < ROWS * 16 ? b[i] : 0;
    }
    __syncwarp();
    vn_load_matrices(u, rows + (matrix % 2 * 8 + row) * LINE + matrix / 2 * 16);
    if (SLIP == TURNED)
        vn_load_matrices_turned(v, rows + ROWS * LINE + (matrix % 2 * 8 + row) * 16);
    else
        vn_load_matrices(v, rows + ROWS * LINE + (matrix / 2 * 8 + row) * LINE + matrix % 2 * 16);
    for (int i = 0; i < 4 && KIND == VN_NUMBERS_TF32 && SLIP != CUT_OFF; i++) {
        u[i] = vn_tf32_word(u[i]);
        v[i] = vn_tf32_word(v[i]);
    }
    if (SLIP == PART_OF_WARP && lane == 5) return;
    vn_multiply<KIND>(sums, u, v[SLIP == SWAPPED], v[SLIP != SWAPPED]);
    for (int i = 0; i < 4; i++)
        y[(lane / 4 + i / 2 * 8) * COLUMNS + lane % 4 * 2 + i % 2] = sums[i];
}

static float value(vn_numbers kind, const void *p, int i)
{
    if (kind == VN_NUMBERS_TF32) return vn_tf32_of(((const float *)p)[i]);
    uint16_t x = ((const uint16_t *)p)[i];
    return kind == VN_NUMBERS_BF16 ? vn_bf16_value(x) : vn_f16_value(x);
}

static void put(vn_numbers kind, void *p, int i, float x)
{
    if (kind == VN_NUMBERS_TF32)
        ((float *)p)[i] = x;
    else
        ((uint16_t *)p)[i] = kind == VN_NUMBERS_BF16 ? vn_bf16_of(x) : vn_f16_of(x);
}

/* Numbers of which no two rows or columns are alike, with digits that a rounding takes. */
template <vn_numbers KIND, slip SLIP> static void run_tile()
{
    enum { BYTES = ROWS * LINE };
    constexpr int K = KIND == VN_NUMBERS_TF32 ? 8 : 16;
    alignas(16) unsigned char a[BYTES], b[BYTES] = {};
    float y[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * K; i++) put(KIND, a, i, sinf((float)(i * i + 3 * i + 1)));
    for (int i = 0; i < COLUMNS * K; i++) put(KIND, b, i, cosf((float)(7 * i * i + i)));
    void *on_a = device_bytes(BYTES), *on_b = device_bytes(BYTES), *on_y = device_bytes(sizeof y);
    to_device(on_a, a, BYTES);
    to_device(on_b, b, BYTES);
    run(one_tile<KIND, SLIP>, 1, LANES, 0, (const unsigned char *)on_a, (const unsigned char *)on_b,
        (float *)on_y);
    from_device(y, on_y, sizeof y);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            double sum = 0, size = 0;
            for (int k = 0; k < K; k++) {
                int at = SLIP == TURNED ? k * COLUMNS + j : j * K + k;
                double product = (double)value(KIND, a, i * K + k) * value(KIND, b, at);
                sum += product;
                size += fabs(product);
            }
            wrong |= !(fabs(y[i * COLUMNS + j] - sum) <= K * 6e-8 * size);
        }
}

void run_tile_bf16()
{
    run_tile<VN_NUMBERS_BF16, NO_SLIP>();
}
void run_tile_f16()
{
    run_tile<VN_NUMBERS_F16, NO_SLIP>();
}
void run_tile_tf32()
{
    run_tile<VN_NUMBERS_TF32, NO_SLIP>();
}
void run_tile_turned()
{
    run_tile<VN_NUMBERS_BF16, TURNED>();
}
void run_tile_cut_off()
{
    run_tile<VN_NUMBERS_TF32, CUT_OFF>();
}
void run_tile_swapped()
{
    run_tile<VN_NUMBERS_F16, SWAPPED>();
}
void run_tile_part_of_warp()
{
    run_tile<VN_NUMBERS_BF16, PART_OF_WARP>();
}

/* ---- copies: rows of 16 bytes a thread, three buffers around, read by the neighbour ---- */

enum { THREADS = 64, ROUNDS = 6, BUFFERS = 3, FLOATS = 4, COPIED = THREADS * ROUNDS * FLOATS };
enum way {
    RIGHT,
    RAGGED,
    UNWAITED,
    WAIT_SHORT,
    NO_BARRIER,
    OVERWRITTEN,
    EARLY_REUSE,
    LEFT,
    SHIFTED
};

template <way WAY> __global__ void around_buffers(const float *from, float *to)
{
    VN_SHARED_VAR(float, buffer, [BUFFERS][THREADS * FLOATS]);
    int own = threadIdx.x * FLOATS, other = (own + 32 * FLOATS) % (THREADS * FLOATS);
    auto start = [&](int round) {
        const float *row = from + round * THREADS * FLOATS + own;
        if (round < ROUNDS)
            vn_copy16(buffer[round % BUFFERS] + own, row + (WAY == SHIFTED),
                      WAY == RAGGED ? (int)(threadIdx.x + round) % 5 * 4 : 16);
        vn_copy_commit();
    };
    start(0);
    start(1);
    if (WAY == EARLY_REUSE) start(2);
    for (int round = 0; round < ROUNDS; round++) {
        if (WAY == WAIT_SHORT || WAY == EARLY_REUSE)
            vn_copy_wait<BUFFERS - 1>();
        else if (WAY != UNWAITED)
            vn_copy_wait<BUFFERS - 2>();
        if (WAY != NO_BARRIER) __syncthreads();
        if (WAY == EARLY_REUSE) start(round + BUFFERS); /* the buffer that is read next */
        if (WAY == OVERWRITTEN && round == 0) buffer[1][own] = 0;
        float4 row = vn_load4(buffer[round % BUFFERS] + other);
        vn_store4(to + round * THREADS * FLOATS + other, row);
        if (WAY != EARLY_REUSE) start(round + BUFFERS - 1);
    }
    if (WAY != LEFT && WAY != UNWAITED) vn_copy_wait<0>();
    if (WAY == LEFT) vn_copy16(buffer[0] + own, from + own, 16);
}

template <way WAY> static void run_copies()
{
    float host[COPIED], back[COPIED];
    for (int i = 0; i < COPIED; i++) host[i] = (float)(i + 1);
    void *from = device_bytes(sizeof host + 16), *to = device_bytes(sizeof host);
    to_device(from, host, sizeof host);
    run(around_buffers<WAY>, 1, THREADS, 0, (const float *)from, (float *)to);
    from_device(back, to, sizeof back);
    for (int i = 0; i < COPIED; i++) {
        int thread = i / FLOATS % THREADS, round = i / FLOATS / THREADS;
        bool there = WAY != RAGGED || i % FLOATS < (thread + round) % 5;
        wrong |= !(back[i] == (there ? host[i] : 0));
    }
}

void run_copies_right()
{
    run_copies<RIGHT>();
}
void run_copies_ragged()
{
    run_copies<RAGGED>();
}
void run_copies_unwaited()
{
    run_copies<UNWAITED>();
}
void run_copies_wait_short()
{
    run_copies<WAIT_SHORT>();
}
void run_copies_no_barrier()
{
    run_copies<NO_BARRIER>();
}
void run_copies_overwritten()
{
    run_copies<OVERWRITTEN>();
}
void run_copies_early_reuse()
{
    run_copies<EARLY_REUSE>();
}
void run_copies_left()
{
    run_copies<LEFT>();
}
void run_copies_misaligned()
{
    run_copies<SHIFTED>();
}

/* Products of a few rows, 1 to VN_FEW_ROWS: every number of B is read once and used so often only,
 * so what counts is the rate of the cache that B lies in. One way for each place:
 *
 *   kept panels   a panel is one stream of VN_TILE_COLS columns, k after k
 *   rows of B     contiguous: the same, with a step between its rows
 *   columns of B  contiguous: dot products along four of them at a time
 *
 * Sums are of every CHAINS-th k and added up in the end, or of the lanes of a vector: in an order
 * that depends on the shape alone. */
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/pack.h"

enum { DOTS = 4 };

static int64_t panels_of(const vn_gemm *g)
{
    return (g->n + VN_TILE_COLS - 1) / VN_TILE_COLS;
}

/* Columns at a time: two vectors, which a panel is, or has before its third. */
enum { PAIR_COLS = 2 * VF_N };

/* One row of x times two vectors of columns: four chains of k each, eight sums that hide the
 * latency of a multiply-add on two ports. `cols` columns exist. */
VF_INLINE void row_of_one(const float *x, int64_t depth, const float *b, int64_t b_k, int64_t cols,
                          vf out[2])
{
    vf p0 = vf_zero(), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0;
    int64_t k = 0;
    if (cols == PAIR_COLS) {
        for (; k + 4 <= depth; k += 4, b += 4 * b_k) {
            vf x0 = vf_set(x[k]), x1 = vf_set(x[k + 1]), x2 = vf_set(x[k + 2]),
               x3 = vf_set(x[k + 3]);
            const float *b1 = b + b_k, *b2 = b1 + b_k, *b3 = b2 + b_k;
            p0 = vf_fma(x0, vf_load(b), p0), q0 = vf_fma(x0, vf_load(b + VF_N), q0);
            p1 = vf_fma(x1, vf_load(b1), p1), q1 = vf_fma(x1, vf_load(b1 + VF_N), q1);
            p2 = vf_fma(x2, vf_load(b2), p2), q2 = vf_fma(x2, vf_load(b2 + VF_N), q2);
            p3 = vf_fma(x3, vf_load(b3), p3), q3 = vf_fma(x3, vf_load(b3 + VF_N), q3);
        }
    }
    for (; k < depth; k++, b += b_k) {
        vf x0 = vf_set(x[k]);
        p0 = vf_fma(x0, vf_load_upto(b, cols), p0);
        if (cols > VF_N) q0 = vf_fma(x0, vf_load_upto(b + VF_N, cols - VF_N), q0);
    }
    out[0] = vf_add(vf_add(p0, p1), vf_add(p2, p3));
    out[1] = vf_add(vf_add(q0, q1), vf_add(q2, q3));
}

/* Two rows: two chains of k each. */
VF_INLINE void row_of_two(const float *x, int64_t a_row, int64_t depth, const float *b, int64_t b_k,
                          int64_t cols, vf out[4])
{
    vf p0 = vf_zero(), p1 = p0, q0 = p0, q1 = p0, r0 = p0, r1 = p0, s0 = p0, s1 = p0;
    const float *y = x + a_row;
    int64_t k = 0;
    if (cols == PAIR_COLS) {
        for (; k + 2 <= depth; k += 2, b += 2 * b_k) {
            vf u = vf_load(b), v = vf_load(b + VF_N);
            vf w = vf_load(b + b_k), z = vf_load(b + b_k + VF_N);
            p0 = vf_fma(vf_set(x[k]), u, p0), q0 = vf_fma(vf_set(x[k]), v, q0);
            r0 = vf_fma(vf_set(y[k]), u, r0), s0 = vf_fma(vf_set(y[k]), v, s0);
            p1 = vf_fma(vf_set(x[k + 1]), w, p1), q1 = vf_fma(vf_set(x[k + 1]), z, q1);
            r1 = vf_fma(vf_set(y[k + 1]), w, r1), s1 = vf_fma(vf_set(y[k + 1]), z, s1);
        }
    }
    for (; k < depth; k++, b += b_k) {
        vf u = vf_load_upto(b, cols);
        p0 = vf_fma(vf_set(x[k]), u, p0);
        r0 = vf_fma(vf_set(y[k]), u, r0);
        if (cols <= VF_N) continue;
        u = vf_load_upto(b + VF_N, cols - VF_N);
        q0 = vf_fma(vf_set(x[k]), u, q0);
        s0 = vf_fma(vf_set(y[k]), u, s0);
    }
    out[0] = vf_add(p0, p1), out[1] = vf_add(q0, q1);
    out[2] = vf_add(r0, r1), out[3] = vf_add(s0, s1);
}

static void put(const vn_gemm *g, int64_t row, int64_t col, int64_t cols, const vf v[2])
{
    float *c = g->c + row * g->n + col;
    const float *bias = g->bias ? g->bias + col : NULL;
    for (int64_t at = 0; at < cols; at += VF_N) {
        vf y = v[at / VF_N];
        if (bias) y = vf_add(y, vf_load_upto(bias + at, cols - at));
        if (g->act == VN_UNARY_RELU) y = vf_max(vf_zero(), y);
        vf_store_upto(c + at, y, cols - at);
    }
    if (g->act != VN_UNARY_NONE && g->act != VN_UNARY_RELU) VN_SIMD(gemm_activate)(g->act, c, cols);
}

/* All rows times the columns [col, col + cols), at most PAIR_COLS, of which `there` can be read at b. */
static void run_columns(const vn_gemm *g, int64_t col, int64_t cols, const float *b, int64_t b_k,
                        int64_t there)
{
    int64_t row = 0;
    vf out[4];
    for (; row + 2 <= g->m; row += 2) {
        row_of_two(g->a + row * g->a_row, g->a_row, g->k, b, b_k, there, out);
        put(g, row, col, cols, out);
        put(g, row + 1, col, cols, out + 2);
    }
    if (row == g->m) return;
    row_of_one(g->a + row * g->a_row, g->k, b, b_k, there, out);
    put(g, row, col, cols, out);
}

/* All rows times a panel's columns, from kept panels or from rows of B. */
static void run_panel(const vn_gemm *g, int64_t panel)
{
    int64_t first = panel * VN_TILE_COLS, n = vn_least(g->n - first, VN_TILE_COLS);
    const float *b = g->kept ? g->kept + first * g->k : g->b + first;
    int64_t b_k = g->kept ? VN_TILE_COLS : g->b_k;
    for (int64_t at = 0; at < n; at += PAIR_COLS) {
        int64_t cols = vn_least(n - at, PAIR_COLS);
        int64_t there = g->kept ? vn_least(VN_TILE_COLS - at, PAIR_COLS) : cols;
        run_columns(g, first + at, cols, b + at, b_k, there);
    }
}

/* Columns [col, col + DOTS) of B, the last ones repeated where it ends, with one row of x. Each sum
 * is VF_N interleaved sums added up at the end, whichever lane it falls to. */
static void dots(const vn_gemm *g, const float *x, int64_t col, float sum[DOTS])
{
    vf s[DOTS];
    const float *w[DOTS];
    for (int i = 0; i < DOTS; i++) {
        s[i] = vf_zero();
        w[i] = g->b + vn_least(col + i, g->n - 1) * g->b_col;
    }
    for (int64_t k = 0; k < g->k; k += VF_N) {
        vf xk = vf_load_upto(x + k, g->k - k);
        for (int i = 0; i < DOTS; i++) s[i] = vf_fma(xk, vf_load_upto(w[i] + k, g->k - k), s[i]);
    }
    for (int i = 0; i < DOTS; i++) sum[i] = vf_sum(s[i]);
}

/* Lanes take columns of B, so each reads its share once; the rows of x stay in the first cache. */
static void run_dots(const vn_gemm *g, const vn_lane *lane)
{
    int64_t first, last;
    vn_lane_share(lane, g->n, 16, &first, &last);
    for (int64_t j = first; j < last; j += DOTS) {
        for (int64_t i = 0; i < g->m; i++) {
            float sum[DOTS];
            dots(g, g->a + i * g->a_row, j, sum);
            for (int64_t d = 0; d < DOTS && j + d < last; d++)
                g->c[i * g->n + j + d] = g->bias ? sum[d] + g->bias[j + d] : sum[d];
        }
    }
    if (g->act == VN_UNARY_NONE) return;
    for (int64_t i = 0; i < g->m; i++)
        VN_SIMD(gemm_activate)(g->act, g->c + i * g->n + first, last - first);
}

bool VN_SIMD(gemm_is_rows)(const vn_gemm *g)
{
    return g->m <= VN_FEW_ROWS && g->groups == 1 && g->a_k == 1 &&
           (g->kept || g->b_k == 1 || g->b_col == 1);
}

void VN_SIMD(gemm_rows)(const vn_gemm *g, const vn_lane *lane)
{
    int64_t first, last;
    if (!g->kept && g->b_k == 1) {
        run_dots(g, lane);
        return;
    }
    vn_lane_share(lane, panels_of(g), 1, &first, &last);
    for (int64_t panel = first; panel < last; panel++) run_panel(g, panel);
}

/* Of a last panel a quarter at most may be empty where few rows would read it whole. */
size_t VN_SIMD(gemm_keep)(const vn_gemm *g)
{
    int64_t cols = panels_of(g) * VN_TILE_COLS;
    if (g->groups != 1 || (g->m <= VN_FEW_ROWS && 4 * g->n < 3 * cols)) return 0;
    return (size_t)(cols * g->k) * sizeof(float);
}

void VN_SIMD(gemm_settle)(const vn_gemm *g, float *kept, const vn_lane *lane)
{
    int64_t first, last;
    vn_lane_share(lane, panels_of(g), 1, &first, &last);
    for (int64_t col = first * VN_TILE_COLS; col < last * VN_TILE_COLS; col += VN_TILE_COLS) {
        int64_t cols = vn_least(g->n - col, VN_TILE_COLS);
        vn_pack_columns(g->b + col * g->b_col, g->b_col, cols, g->k, kept + col * g->k);
    }
}

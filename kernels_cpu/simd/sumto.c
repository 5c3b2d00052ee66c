/* Sums over one group of neighbouring axes: bias gradients ([B, N] to [N]), totals, sums over time;
 * or over the first and the last axes ([B, H, C] to [H]: the bias of a layer along time). Sums are
 * in double; the order depends on the shape alone. */
#include "kernels_cpu/simd/simd.h"

enum {
    COLUMNS = 64, /* a lane takes at a time: 256 bytes of each row */
    ABREAST = 4,  /* vectors of columns summed at a time */
    AHEAD = 16,   /* rows fetched before they are summed: rows may be pages apart */
};

/* x as [front, outer, mid, inner], summed over front and mid. Either front or inner is 1. */
typedef struct shape {
    int64_t front, outer, mid, inner;
} shape;

static bool summed(const vn_tensor *x, const vn_tensor *y, int axis)
{
    int own = axis - (x->rank - y->rank);
    return own < 0 || y->dim[own] != x->dim[axis];
}

/* False if the axes summed over (of length above 1) lie otherwise. */
static bool shape_of(const vn_call *c, shape *s)
{
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    int64_t len[4] = { 1, 1, 1, 1 }; /* of neighbours: kept, summed, kept, summed */
    int at = 0;
    for (int i = 0; i < x->rank; i++) {
        if (x->dim[i] == 1) continue;
        if (summed(x, y, i) != (at & 1)) at++;
        if (at > 3) return false;
        len[at] *= x->dim[i];
    }
    *s = (shape){ 1, len[0], len[1], len[2] };
    if (at == 3) *s = (shape){ len[1], len[2], len[3], 1 };
    return at < 3 || len[0] == 1;
}

static int64_t tiles_of(int64_t n) { return (n + VN_TILE - 1) / VN_TILE; }

static double total(const float *x, int64_t n)
{
    vf_acc a = vf_acc_zero(), b = a;
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        a = vf_acc_add(a, vf_load(x + i));
        b = vf_acc_add(b, vf_load(x + i + VF_N));
    }
    for (; i < n; i += VF_N) a = vf_acc_add(a, vf_load_upto(x + i, n - i));
    return vf_acc_sum(a) + vf_acc_sum(b);
}

/* One number from all: a partial sum a tile, added in order by the first lane. */
static void sum_all(const vn_call *c, int64_t n, vn_lane *lane)
{
    const float *x = c->in[0].data;
    double *part = c->scratch, sum = 0;
    int64_t lo, hi;
    vn_lane_share(lane, n, VN_TILE, &lo, &hi);
    for (int64_t i = lo; i < hi; i += VN_TILE)
        part[i / VN_TILE] = total(x + i, hi - i < VN_TILE ? hi - i : VN_TILE);
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(n); t++) sum += part[t];
    *(float *)c->out[0].data = (float)sum;
}

/* ABREAST vectors of columns of `mid` rows. */
static void sum_abreast(const float *x, const shape *s, float *y)
{
    vf_acc sum[ABREAST];
    for (int v = 0; v < ABREAST; v++) sum[v] = vf_acc_zero();
    for (int64_t i = 0; i < s->mid; i++, x += s->inner)
        for (int v = 0; v < ABREAST; v++) {
            __builtin_prefetch(x + AHEAD * s->inner + v * VF_N);
            sum[v] = vf_acc_add(sum[v], vf_load(x + v * VF_N));
        }
    for (int v = 0; v < ABREAST; v++) vf_store(y + v * VF_N, vf_acc_round(sum[v]));
}

/* Columns [lo, hi) of one [mid, inner] matrix. */
static void sum_columns(const float *x, const shape *s, int64_t lo, int64_t hi, float *y)
{
    int64_t j = lo;
    for (; j + ABREAST * VF_N <= hi; j += ABREAST * VF_N) sum_abreast(x + j, s, y + j);
    for (; j < hi; j += VF_N) {
        vf_acc sum = vf_acc_zero();
        for (int64_t i = 0; i < s->mid; i++)
            sum = vf_acc_add(sum, vf_load_upto(x + i * s->inner + j, hi - j));
        vf_store_upto(y + j, vf_acc_round(sum), hi - j);
    }
}

/* Row `outer` of every front. */
static double sum_fronts(const float *x, const shape *s)
{
    double sum = 0;
    for (int64_t f = 0; f < s->front; f++) sum += total(x + f * s->outer * s->mid, s->mid);
    return sum;
}

static void sumto(const vn_call *c, vn_stream *stream)
{
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    vn_lane *lane = vn_cpu_lane(stream);
    shape s;
    int64_t lo, hi;
    if (!y) return;
    shape_of(c, &s);
    if (s.front == 1 && s.outer == 1 && s.inner == 1) {
        sum_all(c, s.mid, lane);
    } else if (s.inner == 1) {
        int64_t each = s.front * s.mid;
        vn_lane_share(lane, s.outer, each < VN_TILE ? VN_TILE / each : 1, &lo, &hi);
        for (int64_t o = lo; o < hi; o++) y[o] = (float)sum_fronts(x + o * s.mid, &s);
    } else {
        int64_t tiles = (s.inner + COLUMNS - 1) / COLUMNS;
        vn_lane_share(lane, s.outer * tiles, 1, &lo, &hi);
        for (int64_t t = lo; t < hi; t++) {
            int64_t o = t / tiles, from = t % tiles * COLUMNS;
            int64_t to = from + COLUMNS < s.inner ? from + COLUMNS : s.inner;
            sum_columns(x + o * s.mid * s.inner, &s, from, to, y + o * s.inner);
        }
    }
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(vn_count(&c->in[0])) * sizeof(double), 0 };
}

static const char *unfit(const vn_call *c)
{
    shape s;
    if (vn_not_f32(c)) return vn_not_f32(c);
    if (vn_count(&c->in[0]) == 0) return "nothing to sum";
    return shape_of(c, &s) ? NULL
                           : "the axes summed over are neither neighbours nor the first and last";
}

const vn_kernel VN_SIMD(sumto) = { VN_SIMD_NAME(sumto), VN_SIMD_NEED, unfit, scratch, sumto,
                                true };

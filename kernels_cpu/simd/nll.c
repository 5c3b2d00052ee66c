/* Likelihoods with their gradients and the parameters of distributions, VF_N steps at a time. A
 * step's raw numbers lie side by side, so each vector is gathered; next to the logarithms of a
 * likelihood that is cheap. Masked steps are picked away: their numbers may be NaN. */
#include "device/dist.h"
#include "kernels_cpu/simd/gamma.h"

enum { STEPS = 1024, WIDTH = 4 * VN_MAX_COMPS }; /* steps a lane takes at a time; numbers a step */

VF_INLINE vf soft(vf x) { return vf_add(vf_softplus(x), vf_set((float)VN_DIST_FLOOR)); }

/* The likelihoods of device/dist_real.h; d is NULL or receives the gradient. */

VF_INLINE vf nll_normal(const vf *x, int64_t step, vf z, vf s, vf *d)
{
    vf sigma = soft(x[step]), e = vf_div(vf_sub(z, x[0]), sigma);
    if (d) {
        vf rest = vf_div(vf_fnma(e, e, vf_set(1)), sigma);
        d[0] = vf_neg(vf_div(e, sigma));
        d[step] = vf_mul(rest, vf_sigmoid(x[step]));
    }
    return vf_fma(vf_mul(vf_set(0.5f), e), e,
                  vf_add(vf_log(vf_mul(sigma, s)), vf_set((float)VN_HALF_LOG_2PI)));
}

VF_INLINE vf nll_laplace(const vf *x, int64_t step, vf z, vf s, vf *d)
{
    vf b = soft(x[step]), e = vf_div(vf_sub(z, x[0]), b), size = vf_abs(e);
    if (d) {
        vf zero = vf_zero(), one = vf_set(1);
        vf sign = vf_pick(vf_lt(zero, e), vf_neg(one), vf_pick(vf_lt(e, zero), one, e));
        d[0] = vf_div(sign, b);
        d[step] = vf_mul(vf_div(vf_sub(one, size), b), vf_sigmoid(x[step]));
    }
    return vf_add(size, vf_add(vf_log(vf_mul(b, s)), vf_set((float)VN_LOG_2)));
}

VF_INLINE vf nll_studentt(const vf *x, int64_t step, vf z, vf s, vf *d)
{
    vf one = vf_set(1), sigma = soft(x[step]), e = vf_div(vf_sub(z, x[0]), sigma);
    vf nu = vf_add(vf_set(2), soft(x[2 * step])), half = vf_mul(vf_set(0.5f), nu);
    vf square = vf_mul(e, e), far = vf_log1p(vf_min(vf_set(1e29f), vf_div(square, nu)));
    if (d) {
        vf share = vf_div(vf_mul(vf_add(nu, one), e), vf_add(nu, square));
        vf rest = vf_fnma(share, e, one);
        vf slope = vf_sub(vf_digamma(half), vf_digamma(vf_add(half, vf_set(0.5f))));
        slope = vf_add(slope, vf_add(vf_div(rest, nu), far));
        d[0] = vf_neg(vf_div(share, sigma));
        d[step] = vf_mul(vf_div(rest, sigma), vf_sigmoid(x[step]));
        d[2 * step] = vf_mul(vf_mul(vf_set(0.5f), slope), vf_sigmoid(x[2 * step]));
    }
    vf norm = vf_fma(vf_set(0.5f), vf_log(nu), vf_set((float)VN_HALF_LOG_PI));
    norm = vf_sub(norm, vf_lgamma_step(half, vf_set(0.5f)));
    norm = vf_add(norm, vf_log(vf_mul(sigma, s)));
    return vf_fma(vf_add(half, vf_set(0.5f)), far, norm);
}

/* As vn_negbin_slope. */
VF_INLINE vf negbin_slope(vf y, vf mu, vf r, vf odds)
{
    vf one = vf_set(1), b = vf_add(y, r), u = vf_div(vf_sub(mu, y), b);
    vf back = vf_div(u, vf_add(one, u)); /* (mu - y) / (mu + r) */
    vf few = vf_sub(vf_add(vf_sub(vf_digamma(r), vf_digamma(b)), odds), back);
    vf i = vf_div(one, r), j = vf_div(one, b), s = vf_mul(i, i), t = vf_mul(j, j);
    vf rest = vf_fnma(vf_add(t, s), vf_set((float)(1.0 / 120)), vf_set((float)(1.0 / 12)));
    rest = vf_mul(vf_sub(t, s), rest);
    vf many = vf_sub(vf_log1p(u), back);
    many = vf_sub(many, vf_mul(vf_mul(vf_set(0.5f), y), vf_mul(i, j)));
    return vf_pick(vf_lt(r, vf_set(8)), few, vf_add(many, rest));
}

VF_INLINE vf nll_negbin(const vf *x, int64_t step, vf y, vf s, vf *d)
{
    vf one = vf_set(1), mu = vf_mul(s, soft(x[0])), r = vf_div(one, soft(x[step]));
    vf odds = vf_log1p(vf_div(mu, r));
    if (d) {
        vf miss = vf_mul(vf_div(vf_sub(mu, y), mu), vf_div(r, vf_add(mu, r)));
        vf slope = vf_mul(negbin_slope(y, mu, r, odds), vf_mul(r, r));
        d[0] = vf_mul(vf_mul(miss, s), vf_sigmoid(x[0]));
        d[step] = vf_neg(vf_mul(slope, vf_sigmoid(x[step])));
    }
    vf more = vf_max(r, vf_add(y, one)), less = vf_min(r, vf_add(y, one));
    vf choose = vf_sub(vf_lgamma_step(more, vf_sub(less, one)), vf_lgamma(less));
    return vf_sub(vf_fma(y, vf_log1p(vf_div(r, mu)), vf_mul(r, odds)), choose);
}

VF_INLINE vf nll_poisson(const vf *x, vf y, vf s, vf *d)
{
    vf mu = vf_mul(s, soft(x[0])), one = vf_set(1), miss = vf_sub(mu, y);
    if (d) d[0] = vf_mul(vf_mul(vf_div(miss, mu), s), vf_sigmoid(x[0]));
    vf_mask few = vf_lt(y, vf_set(8));
    vf some = vf_max(y, one), ratio = vf_div(mu, some);
    vf far = vf_pick(vf_lt(ratio, vf_set(0.5f)), vf_log(ratio), vf_log1p(vf_div(miss, some)));
    vf many = vf_fma(vf_set(0.5f), vf_log(some), vf_set((float)VN_HALF_LOG_2PI));
    many = vf_add(vf_fnma(y, far, miss), vf_add(many, vf_stirling_rest(some)));
    vf plain = vf_add(vf_fnma(y, vf_log(mu), mu), vf_lgamma(vf_add(vf_min(y, vf_set(8)), one)));
    return vf_pick(few, plain, many);
}

/* The raw numbers of one distribution at x[0], x[step], ... */
VF_INLINE vf nll_one(int64_t kind, const vf *x, int64_t step, vf y, vf loc, vf scale, vf *d)
{
    vf z = vf_div(vf_sub(y, loc), scale);
    switch (kind) {
    case VN_DIST_STUDENTT: return nll_studentt(x, step, z, scale, d);
    case VN_DIST_LAPLACE: return nll_laplace(x, step, z, scale, d);
    case VN_DIST_NEGBIN: return nll_negbin(x, step, y, scale, d);
    case VN_DIST_POISSON: return nll_poisson(x, y, scale, d);
    default: return nll_normal(x, step, z, scale, d);
    }
}

VF_INLINE vf nll_mixture(const vn_attr_dist *a, int64_t width, const vf *x, vf y, vf loc, vf scale,
                         vf *d)
{
    int64_t K = a->comps, params = width / K - 1;
    const vf *w = x + params * K;
    vf term[VN_MAX_COMPS], top = w[0], sum = vf_zero(), all = sum;
    term[0] = sum;
    for (int64_t k = 1; k < K; k++) top = vf_max(top, w[k]);
    for (int64_t k = 0; k < K; k++) {
        vf own = nll_one(a->kind, x + k, K, y, loc, scale, d ? d + k : d);
        term[k] = vf_sub(vf_sub(w[k], top), own);
        sum = vf_add(sum, vf_exp(vf_sub(w[k], top)));
    }
    vf best = term[0];
    for (int64_t k = 1; k < K; k++) best = vf_max(term[k], best);
    for (int64_t k = 0; k < K; k++) all = vf_add(all, vf_exp(vf_sub(term[k], best)));
    for (int64_t k = 0; d && k < K; k++) {
        vf share = vf_div(vf_exp(vf_sub(term[k], best)), all);
        for (int64_t j = 0; j < params; j++) d[j * K + k] = vf_mul(d[j * K + k], share);
        d[params * K + k] = vf_sub(vf_div(vf_exp(vf_sub(w[k], top)), sum), share);
    }
    return vf_sub(vf_sub(vf_log(sum), best), vf_log(all));
}

/* VF_N steps with everything their likelihood needs. */
typedef struct batch {
    vf x[WIDTH], y, w, loc, scale;
} batch;

/* n numbers at from[i stride]; the lanes past them are 0. */
VF_INLINE vf gathered(const float *from, int64_t stride, int64_t n)
{
    float lane[VF_N] = { 0 };
    for (int64_t i = 0; i < n; i++) lane[i] = from[i * stride];
    return vf_load(lane);
}

/* The number of each step's window, or of its place in the horizon. */
VF_INLINE vf of_window(const vn_call *c, int input, int64_t at, int64_t n, float absent)
{
    const float *t = c->in[input].data;
    float lane[VF_N] = { 0 };
    if (!t) return vf_set(absent);
    for (int64_t i = 0; i < VF_N; i++) lane[i] = i < n ? t[(at + i) / c->in[0].dim[1]] : absent;
    return vf_load(lane);
}

VF_INLINE vf shares(const vn_call *c, int64_t at, int64_t n)
{
    const float *mask = (const float *)c->in[2].data + at, *weight = c->in[3].data;
    float lane[VF_N] = { 0 };
    for (int64_t i = 0; i < n; i++)
        lane[i] = weight ? mask[i] * weight[(at + i) % c->in[0].dim[1]] : mask[i];
    return vf_load(lane);
}

/* Steps [at, at + n); `first` is the input that holds the locations, the scales follow. */
VF_INLINE void take_raw(const vn_call *c, int first, int64_t at, int64_t n, batch *b)
{
    int64_t P = c->in[0].dim[2];
    const float *x = (const float *)c->in[0].data + at * P;
    for (int64_t j = 0; j < P; j++) b->x[j] = gathered(x + j, P, n);
    b->loc = of_window(c, first, at, n, 0);
    b->scale = of_window(c, first + 1, at, n, 1);
}

VF_INLINE void take(const vn_call *c, int64_t at, int64_t n, batch *b)
{
    take_raw(c, 4, at, n, b);
    b->y = vf_load_upto((const float *)c->in[1].data + at, n);
    b->w = shares(c, at, n);
}

VF_INLINE vf likelihood(const vn_call *c, const batch *b, vf *d)
{
    const vn_attr_dist *a = c->attr;
    if (a->comps) return nll_mixture(a, c->in[0].dim[2], b->x, b->y, b->loc, b->scale, d);
    return nll_one(a->kind, b->x, 1, b->y, b->loc, b->scale, d);
}

static int64_t steps_of(const vn_call *c) { return c->in[0].dim[0] * c->in[0].dim[1]; }
static int64_t tiles_of(const vn_call *c) { return (steps_of(c) + STEPS - 1) / STEPS; }

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(c) * 2 * sizeof(double), 0 };
}

/* Sums of steps [lo, hi) into part[0], weights into part[1]. */
static void sum_steps(const vn_call *c, int64_t lo, int64_t hi, double part[2])
{
    vf_acc sum = vf_acc_zero(), weights = sum;
    batch b;
    for (int64_t i = lo; i < hi; i += VF_N) {
        take(c, i, hi - i < VF_N ? hi - i : VF_N, &b);
        vf l = vf_mul(likelihood(c, &b, NULL), b.w);
        sum = vf_acc_add(sum, vf_pick(vf_eq(b.w, vf_zero()), vf_zero(), l));
        weights = vf_acc_add(weights, b.w);
    }
    part[0] = vf_acc_sum(sum);
    part[1] = vf_acc_sum(weights);
}

static void nll(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    double(*part)[2] = c->scratch, sum = 0, weights = 0;
    int64_t lo, hi;
    vn_lane_share(lane, steps_of(c), STEPS, &lo, &hi);
    for (int64_t i = lo; i < hi; i += STEPS)
        sum_steps(c, i, i + STEPS < hi ? i + STEPS : hi, part[i / STEPS]);
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(c); t++) {
        sum += part[t][0];
        weights += part[t][1];
    }
    if (c->out[0].data) *(float *)c->out[0].data = (float)sum;
    if (c->out[1].data) *(float *)c->out[1].data = (float)weights;
}

/* v[j] of step i to out[i P + j]. */
VF_INLINE void scatter(float *out, const vf *v, int64_t P, int64_t n)
{
    float lane[VF_N];
    for (int64_t j = 0; j < P; j++) {
        vf_store(lane, v[j]);
        for (int64_t i = 0; i < n; i++) out[i * P + j] = lane[i];
    }
}

static void nll_grad(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, P = c->in[0].dim[2];
    if (!c->out[0].data) return;
    vf dsum = vf_set(*(const float *)c->in[6].data), d[WIDTH];
    batch b;
    vn_lane_share(vn_cpu_lane(s), steps_of(c), STEPS, &lo, &hi);
    for (int64_t i = lo; i < hi; i += VF_N) {
        int64_t n = hi - i < VF_N ? hi - i : VF_N;
        take(c, i, n, &b);
        likelihood(c, &b, d);
        vf_mask unseen = vf_eq(b.w, vf_zero());
        for (int64_t j = 0; j < P; j++)
            d[j] = vf_pick(unseen, vf_zero(), vf_mul(vf_mul(d[j], b.w), dsum));
        scatter((float *)c->out[0].data + i * P, d, P, n);
    }
}

/* ---- parameters ---- */

VF_INLINE void dist_one(int64_t kind, const vf *x, int64_t step, vf loc, vf scale, vf *out)
{
    bool counts = kind == VN_DIST_POISSON || kind == VN_DIST_NEGBIN;
    out[0] = counts ? vf_mul(scale, soft(x[0])) : vf_add(loc, vf_mul(scale, x[0]));
    if (kind == VN_DIST_POISSON) return;
    out[step] = counts ? vf_div(vf_set(1), soft(x[step])) : vf_mul(scale, soft(x[step]));
    if (kind == VN_DIST_STUDENTT) out[2 * step] = vf_add(vf_set(2), soft(x[2 * step]));
}

static void dist(const vn_call *c, vn_stream *s)
{
    const vn_attr_dist *a = c->attr;
    int64_t lo, hi, P = c->in[0].dim[2], K = a->comps, first = P - K;
    vf out[WIDTH];
    batch b;
    if (!c->out[0].data) return;
    vn_lane_share(vn_cpu_lane(s), steps_of(c), STEPS, &lo, &hi);
    for (int64_t i = lo; i < hi; i += VF_N) {
        int64_t n = hi - i < VF_N ? hi - i : VF_N;
        take_raw(c, 1, i, n, &b);
        vf top = b.x[K ? first : 0], sum = vf_zero();
        for (int64_t k = 0; k < K; k++) top = vf_max(b.x[first + k], top);
        for (int64_t k = 0; k < (K ? K : 1); k++)
            dist_one(a->kind, b.x + k, K ? K : 1, b.loc, b.scale, out + k);
        for (int64_t k = 0; k < K; k++) {
            out[first + k] = vf_exp(vf_sub(b.x[first + k], top));
            sum = vf_add(sum, out[first + k]);
        }
        for (int64_t k = 0; k < K; k++) out[first + k] = vf_div(out[first + k], sum);
        scatter((float *)c->out[0].data + i * P, out, P, n);
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(nll) = { VN_SIMD_NAME(nll), VN_SIMD_NEED, unfit, scratch, nll, true };
const vn_kernel VN_SIMD(nll_grad) = { VN_SIMD_NAME(nll_grad), VN_SIMD_NEED, unfit, NULL, nll_grad };
const vn_kernel VN_SIMD(dist) = { VN_SIMD_NAME(dist), VN_SIMD_NEED, unfit, NULL, dist };

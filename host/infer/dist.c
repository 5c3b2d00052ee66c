/* Mean, distribution function and quantiles of what a model forecasts; see dist.h. */
#include "host/infer/dist.h"

#include <math.h>

#include "device/dist.h"
#include "host/infer/special.h"

/* Above these a distribution is taken to be its limit: the series need sqrt of them in terms, and
 * quantiles differ by less than 1e-4 of the deviation. */
static const double normal_nu = 1e8, normal_counts = 1e8;

/* One distribution: its parameters in a row. */
typedef struct single {
    int64_t kind;
    double a, b, c;
} single;

static single component(const vn_dist_step *d, int64_t k)
{
    int64_t n = vn_dist_about(d->kind)->params, step = d->comps ? d->comps : 1;
    const double *p = d->param + k;
    return (single){ d->kind, p[0], n > 1 ? p[step] : 0, n > 2 ? p[2 * step] : 0 };
}

static double weight(const vn_dist_step *d, int64_t k)
{
    return d->comps ? d->param[vn_dist_about(d->kind)->params * d->comps + k] : 1;
}

static bool is_count(int64_t kind)
{
    return vn_dist_about(kind)->counts;
}

double vn_dist_mean(const vn_dist_step *d)
{
    double sum = 0;
    for (int64_t k = 0; k < (d->comps ? d->comps : 1); k++) sum += weight(d, k) * component(d, k).a;
    return sum;
}

/* ---- distribution functions ---- */

static double normal_below(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

/* Of Student's t with nu degrees of freedom. */
static double student_below(double t, double nu)
{
    if (nu > normal_nu) return normal_below(t);
    double square = t * t, all = nu + square;
    double tail = 0.5 * vn_beta_share(0.5 * nu, 0.5, nu / all, square / all);
    return t < 0 ? tail : 1 - tail;
}

static double deviation_of_counts(const single *s)
{
    return sqrt(s->kind == VN_DIST_NEGBIN ? s->a + s->a * s->a / s->b : s->a);
}

static double counts_below(const single *s, double y)
{
    double k = floor(y);
    if (k < 0) return 0;
    if (s->kind == VN_DIST_POISSON && s->a > normal_counts)
        return normal_below((k + 0.5 - s->a) / deviation_of_counts(s));
    if (s->kind == VN_DIST_POISSON) return vn_gamma_upper(k + 1, s->a);
    if (s->a > normal_counts) return 1 - vn_gamma_upper(s->b, (k + 0.5) * s->b / s->a);
    return vn_beta_share(s->b, k + 1, s->b / (s->a + s->b), s->a / (s->a + s->b));
}

static double below(const single *s, double y)
{
    double z = (y - s->a) / s->b;
    if (is_count(s->kind)) return counts_below(s, y);
    if (s->kind == VN_DIST_STUDENTT) return student_below(z, s->c);
    if (s->kind == VN_DIST_LAPLACE) return z < 0 ? 0.5 * exp(z) : 1 - 0.5 * exp(-z);
    return normal_below(z);
}

double vn_dist_below(const vn_dist_step *d, double y)
{
    double sum = 0;
    for (int64_t k = 0; k < (d->comps ? d->comps : 1); k++) {
        single s = component(d, k);
        sum += weight(d, k) * below(&s, y);
    }
    return sum;
}

/* ---- quantiles ---- */

/* Of Student's t, p < 1/2: begun with the first terms of Cornish and Fisher's expansion, then
 * Newton inside a bracket; far out in ln P and ln t, which the tail makes nearly straight. */
static double student_tail(double p, double nu)
{
    double z = vn_normal_quantile(p), cube = z * z * z;
    double t = z + (cube + z) / (4 * nu) + (5 * cube * z * z + 16 * cube + 3 * z) / (96 * nu * nu);
    double norm = vn_lgamma_step_f64(0.5 * nu, 0.5) - 0.5 * log(nu) - VN_HALF_LOG_PI;
    double lo = -INFINITY, hi = 0;
    for (int i = 0; i < 100; i++) {
        double P = student_below(t, nu), slope = exp(norm - 0.5 * (nu + 1) * log1p(t * t / nu));
        if (P > p)
            hi = t;
        else
            lo = t;
        double next = p > 0.1 ? t - (P - p) / slope : t * exp(log(P / p) * P / (slope * -t));
        if (!(next > lo && next < hi)) next = isfinite(lo) ? 0.5 * (lo + hi) : 2 * t;
        if (fabs(next - t) <= 1e-13 * fabs(t)) return next;
        t = next;
    }
    return t;
}

static double student_quantile(double p, double nu)
{
    if (p == 0.5) return 0;
    if (nu > normal_nu) return vn_normal_quantile(p);
    return p < 0.5 ? student_tail(p, nu) : -student_tail(1 - p, nu);
}

/* The smallest whole y >= 0 with below(y) >= q, sought from about `start` in growing steps. Beyond 2^53
 * doubles are further than 1 apart: the search ends at neighbours. */
typedef double (*distribution)(const void *ctx, double y);

static double search(distribution at, const void *ctx, double q, double start, double step)
{
    double hi = floor(fmax(0, start)), lo = -1; /* below(lo) < q <= below(hi) */
    step = fmax(1, floor(step));
    while (hi < 0x1p1000 && at(ctx, hi) < q) lo = hi, hi += step, step *= 2;
    for (double jump = step; lo < 0 && hi > 0; jump *= 2) {
        double y = fmax(-1, hi - jump);
        if (y < 0 || at(ctx, y) < q) {
            lo = y;
            break;
        }
        hi = y;
    }
    while (hi - lo > 1) {
        double y = floor(0.5 * (lo + hi));
        if (y <= lo || y >= hi) break;
        if (at(ctx, y) < q)
            lo = y;
        else
            hi = y;
    }
    return hi;
}

static double single_at(const void *ctx, double y)
{
    return below(ctx, y);
}

static double counts_quantile(const single *s, double q)
{
    double deviation = deviation_of_counts(s);
    return search(single_at, s, q, s->a + deviation * vn_normal_quantile(q), deviation / 8);
}

static double single_quantile(const single *s, double q)
{
    if (is_count(s->kind)) return counts_quantile(s, q);
    if (s->kind == VN_DIST_STUDENTT) return s->a + s->b * student_quantile(q, s->c);
    if (s->kind == VN_DIST_LAPLACE) return s->a + s->b * (q < 0.5 ? log(2 * q) : -log(2 * (1 - q)));
    return s->a + s->b * vn_normal_quantile(q);
}

static double mixture_at(const void *ctx, double y)
{
    return vn_dist_below(ctx, y);
}

/* Between the smallest and the largest quantile of the components. */
static double mixture_quantile(const vn_dist_step *d, double q)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int64_t k = 0; k < d->comps; k++) {
        single s = component(d, k);
        double y = single_quantile(&s, q);
        lo = fmin(lo, y);
        hi = fmax(hi, y);
    }
    if (is_count(d->kind)) return search(mixture_at, d, q, lo, (hi - lo) / 2);
    for (int i = 0; i < 200 && hi - lo > 1e-13 * fmax(fabs(lo), fabs(hi)); i++) {
        double y = 0.5 * (lo + hi);
        if (y <= lo || y >= hi) break;
        if (vn_dist_below(d, y) < q)
            lo = y;
        else
            hi = y;
    }
    return 0.5 * (lo + hi);
}

static bool is_finite(const vn_dist_step *d)
{
    bool all = true;
    for (int64_t i = 0; i < vn_dist_width(d->kind, d->comps); i++)
        all &= isfinite(d->param[i]) != 0;
    return all;
}

void vn_dist_quantiles(const vn_dist_step *d, const double *q, int64_t n, double *out)
{
    single s = component(d, 0);
    bool finite = is_finite(d);
    for (int64_t i = 0; i < n; i++)
        out[i] = !finite ? NAN : d->comps ? mixture_quantile(d, q[i]) : single_quantile(&s, q[i]);
}

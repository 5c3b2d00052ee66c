/* Naive, seasonal naive and Naive2, the M4 competition's yardstick.
 *
 * Naive2 looks at the whole history of every origin: an autocorrelation test, then R's
 * multiplicative `decompose`. Origins of a series come in ascending order, so both are kept as
 * running sums and cost O(season) for each further row instead of O(rows * season) for each origin
 * (ETTm2 at stride 1: 0.1 s instead of minutes). */
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "host/eval/evaluate.h"
#include "host/eval/ridge.h"

static const char *const columns[] = {
#define VN_BASELINE(NAME, column, doc) column,
#include "host/eval/baselines.def"
#undef VN_BASELINE
};

/* The value of row t, or of the nearest observed one `step` rows before it each; 0 if there is
 * none. */
static double observed(const vn_panel *p, int64_t series, int64_t t, int64_t step)
{
    const float *mask = p->mask + p->indptr[series];
    for (; t >= 0; t -= step)
        if (mask[t] != 0) return vn_panel_y(p, p->indptr[series] + t);
    return 0;
}

static vn_status run_naive(void *ctx, const int32_t *pairs, int64_t n, double *out)
{
    const vn_eval_task *task = ctx;
    for (int64_t w = 0; w < n; w++) {
        double last = observed(task->panel, pairs[2 * w], pairs[2 * w + 1] - 1, 1);
        for (int64_t k = 0; k < task->h; k++) out[w * task->h + k] = last;
    }
    return VN_OK;
}

static vn_status run_seasonal(void *ctx, const int32_t *pairs, int64_t n, double *out)
{
    const vn_eval_task *task = ctx;
    int64_t m = task->panel->season;
    for (int64_t w = 0; w < n; w++) {
        int64_t series = pairs[2 * w], cut = pairs[2 * w + 1];
        for (int64_t k = 0; k < task->h; k++) {
            int64_t t = cut - m + k % m;
            out[w * task->h + k] = t >= 0 ? observed(task->panel, series, t, m)
                                          : observed(task->panel, series, cut - 1, 1);
        }
    }
    return VN_OK;
}

/* The running sums of one series' first n rows. */
typedef struct naive2 {
    const vn_eval_task *task;
    int64_t m, half; /* season; rows on either side of a centred mean */
    int64_t series, n;
    bool positive;
    double *x;            /* [longest] rows, gaps filled with the row before */
    double *prefix;       /* [longest + 1] of x - x[0] */
    double *cross;        /* [m + 1] sums of products at each lag, of x - x[0] */
    double *sum, *figure; /* [m] ratios to the trend of each phase: their sum; the indices */
    int64_t *count;       /* [m] */
} naive2;

static void restart(naive2 *s, int64_t series)
{
    s->series = series;
    s->n = 0;
    s->positive = true;
    memset(s->cross, 0, (size_t)(s->m + 1) * sizeof *s->cross);
    memset(s->sum, 0, (size_t)s->m * sizeof *s->sum);
    memset(s->count, 0, (size_t)s->m * sizeof *s->count);
}

/* The mean of one season around row t; the two ends of an even season weigh half. */
static double trend(const naive2 *s, int64_t t)
{
    double sum = 0;
    int64_t lo = t - s->half, hi = t + s->half;
    if (s->m % 2 == 0) sum = 0.5 * (s->x[lo++] + s->x[hi--]);
    for (int64_t i = lo; i <= hi; i++) sum += s->x[i];
    return sum / (double)s->m;
}

/* Take one more row into the sums. */
static void advance(naive2 *s)
{
    const vn_panel *p = s->task->panel;
    int64_t n = s->n, row = p->indptr[s->series] + n;
    double x = p->mask[row] != 0 ? vn_panel_y(p, row) : n ? s->x[n - 1] : 0;
    s->x[n] = x;
    s->positive &= x > 0;
    double u = x - s->x[0];
    if (n == 0) s->prefix[0] = 0;
    s->prefix[n + 1] = s->prefix[n] + u;
    for (int64_t k = 0; k <= s->m && k <= n; k++) s->cross[k] += u * (s->x[n - k] - s->x[0]);
    s->n = ++n;
    int64_t t = n - 1 - s->half;
    if (t < s->half) return;
    /* A season has at least one step. NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
    s->sum[t % s->m] += s->x[t] / trend(s, t);
    s->count[t % s->m]++;
}

/* The 90 % test of the M4 competition: is the autocorrelation at lag m beyond 1.645 standard errors
 * (Bartlett)? R's acf reaches lag floor(10 log10 n) only; beyond it the series counts as plain. */
static bool is_seasonal(const naive2 *s)
{
    double n = (double)s->n;
    if (s->m < 2 || s->n < 3 * s->m || s->m > (int64_t)floor(10 * log10(n)) || !s->positive)
        return false;
    double mean = s->prefix[s->n] / n, squares = 0, at_m = 0;
    double variance = s->cross[0] - n * mean * mean;
    if (!(variance > 0)) return false;
    for (int64_t k = 1; k <= s->m; k++) {
        double ends = s->prefix[s->n - k] + s->prefix[s->n] - s->prefix[k];
        at_m = (s->cross[k] - mean * ends + (n - (double)k) * mean * mean) / variance;
        if (k < s->m) squares += at_m * at_m;
    }
    return fabs(at_m) > 1.645 * sqrt((1 + 2 * squares) / n);
}

static void indices(naive2 *s)
{
    double mean = 0;
    for (int64_t i = 0; i < s->m; i++) {
        s->figure[i] = s->sum[i] / (double)s->count[i];
        mean += s->figure[i] / (double)s->m;
    }
    for (int64_t i = 0; i < s->m; i++) s->figure[i] /= mean;
}

static vn_status run_naive2(void *ctx, const int32_t *pairs, int64_t n, double *out)
{
    naive2 *s = ctx;
    int64_t h = s->task->h;
    for (int64_t w = 0; w < n; w++) {
        int64_t series = pairs[2 * w], cut = pairs[2 * w + 1];
        if (series != s->series || cut < s->n) restart(s, series);
        while (s->n < cut) advance(s);
        double last = cut ? s->x[cut - 1] : 0;
        bool seasonal = is_seasonal(s);
        if (seasonal) {
            indices(s);
            last /= s->figure[(cut - 1) % s->m];
        }
        for (int64_t k = 0; k < h; k++)
            out[w * h + k] = seasonal ? last * s->figure[(cut + k) % s->m] : last;
    }
    return VN_OK;
}

static void close_naive2(void *ctx)
{
    naive2 *s = ctx;
    vn_free(s->x);
    vn_free(s->prefix);
    vn_free(s->cross);
    vn_free(s->sum);
    vn_free(s->figure);
    vn_free(s->count);
    vn_free(s);
}

static vn_status open_naive2(const vn_eval_task *task, vn_forecaster *out)
{
    const vn_panel *p = task->panel;
    size_t longest = 1, m = (size_t)p->season;
    for (int64_t i = 0; i < p->n_series; i++) {
        size_t rows = (size_t)(p->indptr[i + 1] - p->indptr[i]);
        if (rows > longest) longest = rows;
    }
    naive2 *s = vn_calloc(1, sizeof *s);
    if (!s) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *s = (naive2){ .task = task, .m = p->season, .half = p->season / 2, .series = -1 };
    s->x = vn_calloc(longest, sizeof *s->x);
    s->prefix = vn_calloc(longest + 1, sizeof *s->prefix);
    s->cross = vn_calloc(m + 1, sizeof *s->cross);
    s->sum = vn_calloc(m, sizeof *s->sum);
    s->figure = vn_calloc(m, sizeof *s->figure);
    s->count = vn_calloc(m, sizeof *s->count);
    if (!s->x || !s->prefix || !s->cross || !s->sum || !s->figure || !s->count) {
        close_naive2(s);
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    out->ctx = s;
    out->run = run_naive2;
    out->close = close_naive2;
    return VN_OK;
}

vn_status vn_baseline_open(vn_baseline kind, const vn_eval_task *task, vn_forecaster *out)
{
    /* The plain ones need nothing of their own. */
    *out = (vn_forecaster){ .name = columns[kind], .ctx = (void *)(uintptr_t)task };
    if (kind == VN_BASELINE_RIDGE_LINEAR)
        VN_TRY(vn_ridge_open(task, out));
    else if (kind == VN_BASELINE_NAIVE2)
        VN_TRY(open_naive2(task, out));
    else
        out->run = kind == VN_BASELINE_NAIVE ? run_naive : run_seasonal;
    return VN_OK;
}

void vn_forecaster_close(vn_forecaster *f)
{
    if (f->close) f->close(f->ctx);
    *f = (vn_forecaster){ .name = NULL };
}

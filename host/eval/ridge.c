/* Ridge-linear: an NLinear solved instead of trained. The honest bar beside every neural score.
 *
 * Series are standardised by their training rows, so that one matrix serves all. The normal
 * equations need sums of products z[t + i] z[t + j] over all windows t; neighbouring entries along
 * a diagonal differ by one product at either end, so a series costs O(rows * (L + H) + (L + H)^2)
 * instead of O(rows * (L + H)^2). The penalty is lambda times the number of windows, lambda the
 * decade from 1e-6 to 1e-1 with the least squared error on the validation windows. Without a
 * validation part the last H rows of every training part stand in while lambda is chosen. */
#include "host/eval/ridge.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"

enum { DECADES = 6, TILE = 16 };

typedef struct ridge {
    const vn_eval_task *task;
    int64_t L, H;
    double *z;           /* [rows] standardised, gaps filled with the row before */
    double *loc, *scale; /* [N] */
    double *weight;      /* [L, H] */
    double *bias;        /* [H] */
    double lambda;       /* penalty chosen */
} ridge;

/* Sums over windows of their L + H values, all of the series together. */
typedef struct moments {
    double *s;       /* [L + H, L + H] sums of products, upper triangle */
    double *one;     /* [L + H] sums of the values themselves */
    int64_t L, H, n; /* n windows */
} moments;

static void close_ridge(void *ctx)
{
    ridge *r = ctx;
    vn_free(r->z);
    vn_free(r->loc);
    vn_free(r->scale);
    vn_free(r->weight);
    vn_free(r->bias);
    vn_free(r);
}

void vn_standard_of(const vn_panel *panel, int64_t i, int64_t n, double *loc, double *scale)
{
    double sum = 0, squares = 0, count = 0;
    int64_t first = panel->indptr[i];
    for (int64_t t = first; t < first + n; t++)
        if (panel->mask[t] != 0) sum += vn_panel_y(panel, t), count++;
    *loc = count > 0 ? sum / count : 0;
    for (int64_t t = first; t < first + n; t++) {
        double e = vn_panel_y(panel, t) - *loc;
        if (panel->mask[t] != 0) squares += e * e;
    }
    *scale = count > 0 ? sqrt(squares / count) : 1;
    if (!(*scale > 0)) *scale = 1;
}

static vn_status standardise(ridge *r)
{
    const vn_panel *p = r->task->panel;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t ends[3];
        VN_TRY(vn_split_of(p, r->task->split, i, ends));
        vn_standard_of(p, i, ends[0], &r->loc[i], &r->scale[i]);
        double last = 0;
        for (int64_t t = p->indptr[i]; t < p->indptr[i + 1]; t++) {
            if (p->mask[t] != 0) last = (vn_panel_y(p, t) - r->loc[i]) / r->scale[i];
            r->z[t] = last;
        }
    }
    return VN_OK;
}

/* Add the windows of z that begin at [from, to). */
static void add_series(moments *m, const double *z, int64_t from, int64_t to)
{
    int64_t width = m->L + m->H;
    if (to <= from) return;
    for (int64_t j = 0; j < width; j++) {
        double sum = 0;
        for (int64_t t = from; t < to; t++) {
            sum += z[t] * z[t + j];
            m->one[j] += z[t + j];
        }
        for (int64_t i = 0; i + j < width; i++) {
            m->s[i * width + i + j] += sum;
            if (i + j + 1 < width) sum += z[to + i] * z[to + i + j] - z[from + i] * z[from + i + j];
        }
    }
    m->n += to - from;
}

enum { FIT, CHOOSE_FIT, VALID };

/* The moments of the windows whose targets lie in the part: FIT the training rows, CHOOSE_FIT those
 * of them that VALID does not use, VALID the validation rows. */
static vn_status gather(const ridge *r, int what, moments *m)
{
    const vn_panel *p = r->task->panel;
    int64_t width = r->L + r->H;
    memset(m->s, 0, (size_t)(width * width) * sizeof *m->s);
    memset(m->one, 0, (size_t)width * sizeof *m->one);
    m->n = 0;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t ends[3];
        VN_TRY(vn_split_of(p, r->task->split, i, ends));
        int64_t train = ends[0], valid = ends[1];
        if (valid == train && what != FIT) train = train > r->H ? train - r->H : 0;
        int64_t from = what == VALID ? train - r->L : 0;
        int64_t last = (what == VALID ? valid : train) - width;
        add_series(m, r->z + p->indptr[i], from > 0 ? from : 0, last + 1);
    }
    return VN_OK;
}

static double at(const moments *m, int64_t i, int64_t j)
{
    int64_t width = m->L + m->H;
    return i < j ? m->s[i * width + j] : m->s[j * width + i];
}

/* Sum of products of the i-th and j-th values, each less the last input. */
static double product(const moments *m, int64_t i, int64_t j)
{
    int64_t q = m->L - 1;
    return at(m, i, j) - at(m, i, q) - at(m, q, j) + at(m, q, q);
}

/* Sum of the i-th values less the last input. */
static double total(const moments *m, int64_t i)
{
    return m->one[i] - m->one[m->L - 1];
}

/* The same products about the means. */
static double covariance(const moments *m, int64_t i, int64_t j)
{
    return product(m, i, j) - total(m, i) * total(m, j) / (double)m->n;
}

/* a [n, n] becomes its lower Cholesky factor. False if it is not positive definite. */
static bool factor(double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0)) return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    return true;
}

/* Solve L L' x = b for the columns of b [n, h], in place. */
static void solve(const double *a, int64_t n, double *b, int64_t h)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < i; k++)
            for (int64_t c = 0; c < h; c++) b[i * h + c] -= a[i * n + k] * b[k * h + c];
        for (int64_t c = 0; c < h; c++) b[i * h + c] /= a[i * n + i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t k = i + 1; k < n; k++)
            for (int64_t c = 0; c < h; c++) b[i * h + c] -= a[k * n + i] * b[k * h + c];
        for (int64_t c = 0; c < h; c++) b[i * h + c] /= a[i * n + i];
    }
}

/* The weights of one penalty; the bias carries none. a [L, L] is scratch. */
static bool fit(const moments *m, double lambda, double *a, double *weight, double *bias)
{
    int64_t L = m->L, H = m->H;
    for (int64_t i = 0; i < L; i++) {
        for (int64_t j = 0; j < L; j++) a[i * L + j] = covariance(m, i, j);
        a[i * L + i] += lambda * (double)m->n;
        for (int64_t k = 0; k < H; k++) weight[i * H + k] = covariance(m, i, L + k);
    }
    if (!factor(a, L)) return false;
    solve(a, L, weight, H);
    for (int64_t k = 0; k < H; k++) {
        double sum = total(m, L + k);
        for (int64_t i = 0; i < L; i++) sum -= weight[i * H + k] * total(m, i);
        bias[k] = sum / (double)m->n;
    }
    return true;
}

/* Mean squared error on the windows of m, from its sums: w'Gw + y'y + nbb - 2 w'c - 2 b(y - w'x).
 */
static double error_of(const moments *m, const double *weight, const double *bias)
{
    int64_t L = m->L, H = m->H;
    double sum = 0;
    for (int64_t i = 0; i < L; i++)
        for (int64_t j = 0; j < L; j++) {
            double dot = 0;
            for (int64_t k = 0; k < H; k++) dot += weight[i * H + k] * weight[j * H + k];
            sum += product(m, i, j) * dot;
        }
    for (int64_t k = 0; k < H; k++) {
        double rest = total(m, L + k);
        sum += product(m, L + k, L + k) + (double)m->n * bias[k] * bias[k];
        for (int64_t i = 0; i < L; i++) {
            sum -= 2 * weight[i * H + k] * product(m, i, L + k);
            rest -= weight[i * H + k] * total(m, i);
        }
        sum -= 2 * bias[k] * rest;
    }
    return sum / ((double)m->n * (double)H);
}

/* The decade with the least validation error; the middle one where nothing can be compared. */
static vn_status choose(ridge *r, moments *train, moments *valid, double *a)
{
    static const double decades[DECADES] = { 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1 };
    VN_TRY(gather(r, CHOOSE_FIT, train));
    VN_TRY(gather(r, VALID, valid));
    r->lambda = 1e-2;
    double least = NAN;
    for (int i = 0; train->n && valid->n && i < DECADES; i++) {
        if (!fit(train, decades[i], a, r->weight, r->bias)) continue;
        double error = error_of(valid, r->weight, r->bias);
        if (error >= least) continue; /* the first one passes: it is NaN */
        r->lambda = decades[i];
        least = error;
    }
    return VN_OK;
}

/* Input steps: as many as asked for, as long as the shortest series still has windows and there are
 * two windows for every weight of a column. */
static vn_status choose_length(ridge *r)
{
    const vn_panel *p = r->task->panel;
    int64_t shortest = INT64_MAX, rows = 0;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t ends[3];
        VN_TRY(vn_split_of(p, r->task->split, i, ends));
        if (ends[0] < shortest) shortest = ends[0];
        rows += ends[0] > r->H ? ends[0] - r->H : 0;
    }
    int64_t room = shortest - 2 * r->H, enough = rows / (p->n_series + 2);
    int64_t least = p->season > r->H ? p->season : r->H;
    int64_t L = r->task->options->ridge_input_size;
    if (room < least) room = least;
    if (L > room) L = room;
    if (L > enough) L = enough;
    r->L = L > 2 ? L : 2;
    return VN_OK;
}

static vn_status open_moments(const ridge *r, moments *m)
{
    size_t width = (size_t)(r->L + r->H);
    *m = (moments){ .L = r->L, .H = r->H };
    m->s = vn_calloc(width * width, sizeof *m->s);
    m->one = vn_calloc(width, sizeof *m->one);
    return m->s && m->one ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static void close_moments(moments *m)
{
    vn_free(m->s);
    vn_free(m->one);
}

static vn_status train(ridge *r)
{
    size_t L = (size_t)r->L, H = (size_t)r->H;
    moments sums = { .n = 0 }, valid = { .n = 0 };
    vn_status st = VN_E_MEMORY;
    double *a = vn_calloc(L * L, sizeof *a);
    r->weight = vn_calloc(L * H, sizeof *r->weight);
    r->bias = vn_calloc(H, sizeof *r->bias);
    if (!a || !r->weight || !r->bias) goto done;
    VN_TRY_DONE(open_moments(r, &sums));
    VN_TRY_DONE(open_moments(r, &valid));
    VN_TRY_DONE(choose(r, &sums, &valid, a));
    VN_TRY_DONE(gather(r, FIT, &sums));
    if (sums.n == 0)
        st = VN_FAIL(VN_E_DATA,
                     "no series has the %lld + %lld training rows of a ridge-linear window",
                     (long long)r->L, (long long)r->H);
    else if (!fit(&sums, r->lambda, a, r->weight, r->bias))
        st = VN_FAIL(VN_E_NUMERIC, "the ridge-linear normal equations have no solution");
done:
    close_moments(&sums);
    close_moments(&valid);
    vn_free(a);
    return st;
}

/* The forecast of one window, on the panel's scale. A window that begins before its series sees the
 * first value there. */
static void predict(const ridge *r, int64_t series, int64_t cut, double *out)
{
    const vn_panel *p = r->task->panel;
    const double *z = r->z + p->indptr[series];
    double last = cut ? z[cut - 1] : 0;
    for (int64_t k = 0; k < r->H; k++) out[k] = last + r->bias[k];
    for (int64_t i = 0; cut && i < r->L; i++) {
        int64_t t = cut - r->L + i;
        double x = z[t > 0 ? t : 0] - last;
        const double *w = r->weight + i * r->H;
        for (int64_t k = 0; k < r->H; k++) out[k] += x * w[k];
    }
    for (int64_t k = 0; k < r->H; k++) out[k] = r->loc[series] + r->scale[series] * out[k];
}

typedef struct job {
    const ridge *r;
    const int32_t *pairs;
    int64_t n;
    double *out;
} job;

static void predict_lane(void *arg, vn_lane *lane)
{
    const job *j = arg;
    int64_t lo, hi;
    vn_lane_share(lane, j->n, TILE, &lo, &hi);
    for (int64_t w = lo; w < hi; w++)
        predict(j->r, j->pairs[2 * w], j->pairs[2 * w + 1], j->out + w * j->r->H);
}

static vn_status run(void *ctx, const int32_t *pairs, int64_t n, double *out)
{
    const ridge *r = ctx;
    job j = { r, pairs, n, out };
    vn_lane alone = { 0, 1, NULL };
    if (r->task->team)
        vn_team_run(r->task->team, 0, predict_lane, &j);
    else
        predict_lane(&j, &alone);
    return VN_OK;
}

vn_status vn_ridge_open(const vn_eval_task *task, vn_forecaster *out)
{
    const vn_panel *p = task->panel;
    ridge *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    vn_status st = VN_E_MEMORY;
    r->task = task;
    r->H = task->h;
    r->z = vn_calloc((size_t)p->n_rows, sizeof *r->z);
    r->loc = vn_calloc((size_t)p->n_series, sizeof *r->loc);
    r->scale = vn_calloc((size_t)p->n_series, sizeof *r->scale);
    if (!r->z || !r->loc || !r->scale) goto done;
    VN_TRY_DONE(standardise(r));
    VN_TRY_DONE(choose_length(r));
    VN_TRY_DONE(train(r));
    out->ctx = r;
    out->run = run;
    out->close = close_ridge;
done:
    if (st) close_ridge(r);
    return st;
}

/* Parts of series, and the location and scale of whole series fitted on the training part. */
#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "host/data/panel.h"

enum { IDENTITY, STANDARD, ROBUST, MINMAX, MEAN_ABS }; /* choices of local_scaler_type */

vn_status vn_split_of(const vn_panel *p, vn_split s, int64_t i, int64_t ends[3])
{
    const int64_t most = (int64_t)1 << 40;
    int64_t rows = p->indptr[i + 1] - p->indptr[i], past = p->n_past[i];
    if (s.train < 0 || s.val < 0 || s.test < 0 || s.train > most || s.val > most || s.test > most)
        return VN_FAIL(VN_E_ARGUMENT, "a split of %lld:%lld:%lld rows", (long long)s.train,
                       (long long)s.val, (long long)s.test);
    ends[0] = s.train ? s.train : past - s.val - s.test;
    ends[1] = ends[0] + s.val;
    ends[2] = ends[1] + s.test;
    if (s.train && ends[2] > rows)
        return VN_FAIL(VN_E_DATA,
                       "series '%s' has %lld rows, too few for %lld training, %lld validation and "
                       "%lld test rows",
                       p->id[i], (long long)rows, (long long)s.train, (long long)s.val,
                       (long long)s.test);
    if (ends[0] < 1)
        return VN_FAIL(VN_E_DATA,
                       "series '%s' has %lld rows; after %lld validation and %lld test rows none "
                       "is left for training",
                       p->id[i], (long long)past, (long long)s.val, (long long)s.test);
    return VN_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower middle value, as the window scalers take it. */
static double median(double *v, int64_t n)
{
    qsort(v, (size_t)n, sizeof *v, ascending);
    return v[(n - 1) / 2];
}

/* The deviation is the root of the mean squared distance from the mean. */
static void moments(const double *v, int64_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (v[i] - *mean) * (v[i] - *mean);
    *deviation = sqrt(squares / (double)n);
}

/* Location and scale of v[0..n), n >= 1; v is overwritten. */
static void fit(int64_t type, double *v, int64_t n, double *loc, double *scale)
{
    double mean, deviation, sum = 0, lo = v[0], hi = v[0];
    moments(v, n, &mean, &deviation);
    for (int64_t i = 0; i < n; i++) {
        sum += fabs(v[i]);
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    *loc = type == STANDARD ? mean : type == MINMAX ? lo : 0;
    *scale = type == STANDARD ? deviation : type == MINMAX ? hi - lo : sum / (double)n;
    if (type == ROBUST) {
        *loc = median(v, n);
        for (int64_t i = 0; i < n; i++) v[i] = fabs(v[i] - *loc);
        *scale = median(v, n);
        if (*scale == 0) *scale = 0.6745 * deviation;
    }
    if (*scale == 0) *scale = 1;
}

vn_status vn_panel_scale(vn_panel *p, int64_t type, vn_split split, vn_local_scale *out)
{
    int64_t longest = 1;
    for (int64_t i = 0; i < p->n_series; i++)
        if (p->indptr[i + 1] - p->indptr[i] > longest) longest = p->indptr[i + 1] - p->indptr[i];
    out->loc = vn_arena_array(&p->arena, (size_t)p->n_series, sizeof *out->loc);
    out->scale = vn_arena_array(&p->arena, (size_t)p->n_series, sizeof *out->scale);
    double *v = vn_malloc((size_t)longest * sizeof *v);
    vn_status st = out->loc && out->scale && v ? VN_OK : VN_E_MEMORY;
    for (int64_t i = 0; !st && i < p->n_series; i++) {
        int64_t ends[3] = { 0 }, n = 0, first = p->indptr[i];
        out->loc[i] = 0;
        out->scale[i] = 1;
        if (type == IDENTITY) continue;
        VN_TRY_DONE(vn_split_of(p, split, i, ends));
        for (int64_t t = first; t < first + ends[0]; t++)
            if (p->mask[t] != 0.0f) v[n++] = vn_panel_y(p, t);
        if (n) fit(type, v, n, &out->loc[i], &out->scale[i]);
        for (int64_t t = first; t < p->indptr[i + 1]; t++)
            if (p->mask[t] != 0.0f)
                p->y[t] = (float)((vn_panel_y(p, t) - out->loc[i]) / out->scale[i]);
    }
    if (type != IDENTITY) p->y_rest = NULL;
done:
    vn_free(v);
    return st;
}

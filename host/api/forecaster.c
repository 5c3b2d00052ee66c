/* Repeated forecasts at low latency: a panel of n windows whose numbers each run overwrites. */
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "host/api/internal.h"
#include "host/infer/direct.h"

/* Windows a replay of a plan, where there are so many. */
enum { BATCH = 256 };

struct vane_forecaster {
    vn_arena arena;
    const vn_fitted *m;
    vn_fitted own; /* the model as the config has it compute */
    vn_device *dev;
    vn_predictor *predictor;
    vn_direct *direct; /* of vane_forecaster_run_on, since its first call */
    vn_panel panel;    /* n series of L + H rows, the last H without a target */
    int32_t *pairs;    /* [n, 2] */
    float *raw;        /* [n, H, width] where a step has more than one number, else NULL */
    float *sort;       /* [width] beside it */
    int64_t n;
};

static vn_status make_panel(vane_forecaster *f)
{
    const vn_fitted *m = f->m;
    vn_panel *p = &f->panel;
    int64_t width = m->train.input_size + m->train.h, rows = f->n * width;
    *p = (vn_panel){ .n_series = f->n,
                     .n_rows = rows,
                     .n_hist = m->n_hist,
                     .n_futr = m->n_futr,
                     .n_stat = m->n_stat,
                     .n_hist_cat = m->n_hist_cat,
                     .n_futr_cat = m->n_futr_cat,
                     .n_stat_cat = m->n_stat_cat,
                     .n_calendar = m->n_calendar,
                     .hist_name = m->hist_name,
                     .futr_name = m->futr_name,
                     .stat_name = m->stat_name,
                     .freq = m->freq,
                     .season = m->season };
    p->indptr = vn_arena_array(&f->arena, (size_t)f->n + 1, sizeof *p->indptr);
    p->n_past = vn_arena_array(&f->arena, (size_t)f->n, sizeof *p->n_past);
    p->start = vn_arena_array(&f->arena, (size_t)f->n, sizeof *p->start);
    p->id = vn_arena_array(&f->arena, (size_t)f->n, sizeof *p->id);
    p->y = vn_arena_array(&f->arena, (size_t)rows, sizeof *p->y);
    p->mask = vn_arena_array(&f->arena, (size_t)rows, sizeof *p->mask);
    p->hist = vn_arena_array(&f->arena, (size_t)(rows * p->n_hist), sizeof *p->hist);
    p->futr = vn_arena_array(&f->arena, (size_t)(rows * p->n_futr), sizeof *p->futr);
    p->stat = vn_arena_array(&f->arena, (size_t)(f->n * p->n_stat), sizeof *p->stat);
    f->pairs = vn_arena_array(&f->arena, (size_t)f->n, 2 * sizeof *f->pairs);
    if (!p->indptr || !p->n_past || !p->start || !p->id || !p->y || !p->mask || !p->hist ||
        !p->futr || !p->stat || !f->pairs)
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < f->n; i++) {
        p->indptr[i + 1] = (i + 1) * width;
        p->n_past[i] = m->train.input_size;
        p->id[i] = "";
        f->pairs[2 * i] = (int32_t)i;
        f->pairs[2 * i + 1] = (int32_t)m->train.input_size;
    }
    return VN_OK;
}

vane_status vane_forecaster_open(const vane_config *config, const vane_model *model, int64_t n,
                                 vane_forecaster **forecaster)
{
    vn_status st = VN_OK;
    *forecaster = NULL;
    if (n < 1 || n > 1 << 24)
        return vn_public(
            VN_FAIL(VN_E_ARGUMENT, "%lld windows a run, expected 1 to 16777216", (long long)n));
    if (vn_solver_of(model->fitted->def))
        return vn_public(VN_FAIL(VN_E_UNSUPPORTED,
                                 "%s forecasts the series it was fitted to, not windows; use "
                                 "vane_forecast_make",
                                 model->fitted->def->alias));
    if (model->fitted->local_scaler != VN_SCALER_IDENTITY)
        return vn_public(VN_FAIL(VN_E_UNSUPPORTED,
                                 "the model scales whole series (local_scaler_type "
                                 "%s), which windows are not; use vane_forecast_make",
                                 vn_scaler_name(model->fitted->local_scaler)));
    vane_forecaster *f = vn_calloc(1, sizeof *f);
    if (!f) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    f->m = model->fitted;
    f->n = n;
    VN_TRY_DONE(make_panel(f));
    VN_TRY_DONE(vn_config_device(config, &f->dev));
    f->m = vn_fitted_on(config, f->dev, f->m, &f->own);
    VN_TRY_DONE(vn_predictor_open(f->m, f->dev, n < BATCH ? n : BATCH, &f->predictor));
    const vn_head *head = vn_predictor_head(f->predictor);
    if (head->width > 1) {
        f->raw =
            vn_arena_array(&f->arena, (size_t)(n * f->m->train.h * head->width), sizeof *f->raw);
        f->sort = vn_arena_array(&f->arena, (size_t)head->width, sizeof *f->sort);
        if (!f->raw || !f->sort) st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    if (st) goto done;
    *forecaster = f;
    f = NULL;
done:
    vane_forecaster_close(f);
    return vn_public(st);
}

void vane_forecaster_close(vane_forecaster *f)
{
    if (!f) return;
    vn_direct_close(f->direct);
    vn_predictor_close(f->predictor);
    vn_device_close(f->dev);
    vn_arena_close(&f->arena);
    vn_free(f);
}

/* Copy n rows of `width` numbers; they must be there if the model uses them. */
static vn_status take(const char *what, float *to, const float *from, int64_t n, int64_t width)
{
    if (width == 0) return VN_OK;
    if (!from) return VN_FAIL(VN_E_ARGUMENT, "the model uses %s, which are not given", what);
    memcpy(to, from, (size_t)(n * width) * sizeof *to);
    return VN_OK;
}

vane_status vane_forecaster_run(vane_forecaster *f, const float *y, const float *mask,
                                const float *hist, const float *futr, const float *stat, float *out)
{
    vn_panel *p = &f->panel;
    int64_t L = f->m->train.input_size, width = L + f->m->train.h, X = p->n_hist, F = p->n_futr;
    vn_status st = VN_OK;
    if (!y || !out) return vn_public(VN_FAIL(VN_E_ARGUMENT, "y and out must be given"));
    for (int64_t i = 0; !st && i < f->n; i++) {
        for (int64_t t = 0; t < L; t++) {
            bool seen = isfinite(y[i * L + t]) && (!mask || mask[i * L + t] != 0);
            p->y[i * width + t] = seen ? y[i * L + t] : 0;
            p->mask[i * width + t] = seen ? 1 : 0;
        }
        st = take("past features", p->hist + i * width * X, hist ? hist + i * L * X : NULL, L, X);
    }
    if (!st) st = take("future features", p->futr, futr, f->n * width, F);
    if (!st) st = take("static features", p->stat, stat, f->n, p->n_stat);
    if (!st) st = vn_predictor_run(f->predictor, p, f->pairs, f->n, f->raw ? f->raw : out);
    const vn_head *head = vn_predictor_head(f->predictor);
    for (int64_t i = 0; !st && f->raw && i < f->n * f->m->train.h; i++)
        out[i] = (float)vn_step_forecast(head, f->raw + i * head->width, f->sort, NULL, 0, NULL);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

vane_status vane_forecaster_run_on(vane_forecaster *f, void *stream, const float *y,
                                   const float *mask, const float *hist, const float *futr,
                                   const float *stat, float *out)
{
    vn_direct_arrays arrays = { y, mask, hist, futr, stat, out };
    vn_status st = VN_OK;
    if (!f->direct) st = vn_direct_open(f->m, f->dev, f->n, f->n < BATCH ? f->n : BATCH, &f->direct);
    if (!st) st = vn_direct_run(f->direct, stream, &arrays, f->n);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

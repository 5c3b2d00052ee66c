/* The table of fitted series, and its way into a model file and back. The file keeps the
 * coefficients in f64 and the text of the holidays file; the data it was fitted to it does not
 * keep. */
#include "host/prophet/table.h"

#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"

static vn_status fill(vn_prophet_table *t, const vn_prophet_options *o, const vn_panel *panel,
                      int64_t N, int64_t h, const char *holidays)
{
    vn_arena *a = &t->arena;
    VN_TRY(vn_prophet_spec_open(o, panel, h, holidays, &t->spec));
    size_t n = (size_t)N, S = (size_t)vn_prophet_changes_max(&t->spec);
    t->S = (int)S;
    t->ids.arena = a;
    t->number = vn_arena_array(a, n, VN_FIT_NUMBERS * sizeof *t->number);
    t->change = vn_arena_array(a, n, S * sizeof *t->change);
    t->delta = vn_arena_array(a, n, S * sizeof *t->delta);
    t->beta = vn_arena_array(a, n, (size_t)t->spec.n_columns * sizeof *t->beta);
    t->moment = vn_arena_array(a, n, 2 * (size_t)t->spec.n_regressors * sizeof *t->moment);
    if (!t->number || !t->change || !t->delta || !t->beta || !t->moment)
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    return VN_OK;
}

vn_status vn_prophet_table_open(const vn_prophet_options *o, const vn_panel *panel, int64_t N,
                                int64_t h, const char *holidays, vn_prophet_table **table)
{
    *table = NULL;
    vn_prophet_table *t = vn_calloc(1, sizeof *t);
    if (!t) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    vn_status st = fill(t, o, panel, N, h, holidays);
    if (st) {
        vn_prophet_table_close(t);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *table = t;
    return VN_OK;
}

void vn_prophet_table_close(void *table)
{
    vn_prophet_table *t = table;
    if (!t) return;
    vn_names_close(&t->ids);
    vn_prophet_spec_close(&t->spec);
    vn_arena_close(&t->arena);
    vn_free(t);
}

vn_prophet_fit vn_prophet_row(const vn_prophet_table *t, int64_t i)
{
    return (vn_prophet_fit){ t->number + i * VN_FIT_NUMBERS, t->change + i * t->S,
                             t->delta + i * t->S, t->beta + i * t->spec.n_columns,
                             t->moment + i * 2 * t->spec.n_regressors };
}

/* ---- the model file ---- */

/* The header of a file may have 16 MiB. */
enum { IDS_MAX = 12 << 20 };

vn_status vn_prophet_describe(const vn_fitted *m, vn_meta_list *meta)
{
    const vn_prophet_table *t = m->state;
    vn_text ids = { 0 };
    vn_status st = VN_OK;
    for (int64_t i = 0; i < t->ids.n; i++) {
        vn_text_put(&ids, i ? "," : "[", 1);
        vn_text_json(&ids, t->ids.name[i]);
    }
    vn_text_put(&ids, "]", 1);
    if (ids.failed)
        st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    else if (ids.n > IDS_MAX)
        st = VN_FAIL(VN_E_UNSUPPORTED,
                     "the names of %" PRId64 " series take %zu bytes, a model file holds %d: fit "
                     "them in parts",
                     t->ids.n, ids.n, IDS_MAX);
    if (!st) vn_meta_put_text(meta, "solver.series", ids.s, ids.n);
    const char *holidays = t->spec.holidays ? t->spec.holidays : "";
    if (!st) vn_meta_put_text(meta, "solver.holidays", holidays, strlen(holidays));
    vn_text_close(&ids);
    return st;
}

typedef struct block {
    const char *name;
    double *data;
    int64_t width;
} block;

enum { N_BLOCKS = 5 };

static void blocks_of(const vn_prophet_table *t, block b[N_BLOCKS])
{
    const block all[N_BLOCKS] = { { "series", t->number, VN_FIT_NUMBERS },
                                  { "changepoint", t->change, t->S },
                                  { "delta", t->delta, t->S },
                                  { "beta", t->beta, t->spec.n_columns },
                                  { "regressor", t->moment, 2 * t->spec.n_regressors } };
    memcpy(b, all, sizeof all);
}

vn_status vn_prophet_tensors(const vn_fitted *m, vn_arena *arena, vn_stored **tensor, int *n)
{
    const vn_prophet_table *t = m->state;
    block b[N_BLOCKS];
    blocks_of(t, b);
    *n = 0;
    *tensor = vn_arena_array(arena, N_BLOCKS, sizeof **tensor);
    if (!*tensor) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int i = 0; i < N_BLOCKS; i++) {
        if (b[i].width == 0) continue;
        (*tensor)[(*n)++] =
            (vn_stored){ .name = b[i].name,
                         .dtype = VN_F64,
                         .rank = 2,
                         .dim = { t->ids.n, b[i].width },
                         .data = b[i].data,
                         .bytes = (size_t)(t->ids.n * b[i].width) * sizeof(double) };
    }
    return VN_OK;
}

static vn_status take_ids(vn_prophet_table *t, const vn_json *list)
{
    for (const vn_json *x = list->child; x; x = x->next) {
        int64_t index = 0, before = t->ids.n;
        if (x->type != VN_JSON_STRING)
            return VN_FAIL(VN_E_MODEL, "\"solver.series\" is no list of names");
        VN_TRY(vn_names_add(&t->ids, x->s, x->n, &index));
        if (index < before) return VN_FAIL(VN_E_MODEL, "series \"%.64s\" is there twice", x->s);
    }
    return VN_OK;
}

/* Whether the numbers of a series can be used: the rest of the code trusts them. */
static vn_status check(const vn_prophet_table *t)
{
    for (int64_t i = 0; i < t->ids.n; i++) {
        vn_prophet_fit f = vn_prophet_row(t, i);
        double n = f.number[VN_FIT_CHANGES], span = f.number[VN_FIT_SPAN];
        if (!(n >= 0 && n <= t->S && n == (double)(int)n && span > 0))
            return VN_FAIL(VN_E_MODEL, "series \"%.64s\" has %g changepoints and a span of %g",
                           t->ids.name[i], n, span);
    }
    return VN_OK;
}

static vn_status restore(vn_fitted *m, const vn_safetensors *file, vn_arena *work)
{
    const char *series = vn_safetensors_meta(file, "solver.series");
    const char *holidays = vn_safetensors_meta(file, "solver.holidays");
    const vn_panel like = { .freq = m->freq,
                            .season = m->season,
                            .n_futr = m->n_futr,
                            .n_futr_cat = m->n_futr_cat,
                            .n_calendar = m->n_calendar,
                            .n_hist = m->n_hist,
                            .n_hist_cat = m->n_hist_cat,
                            .futr_name = m->futr_name,
                            .hist_name = m->hist_name,
                            .futr_cat = m->futr_cat,
                            .hist_cat = m->hist_cat };
    vn_json *list = NULL;
    vn_prophet_table *t;
    if (!series || !holidays)
        return VN_FAIL(VN_E_MODEL, "there is no \"solver.%s\" in its metadata",
                       series ? "holidays" : "series");
    VN_TRY(vn_json_parse(work, series, strlen(series), &list));
    if (list->type != VN_JSON_ARRAY || list->n == 0)
        return VN_FAIL(VN_E_MODEL, "\"solver.series\" is no list of names");
    VN_TRY(vn_prophet_table_open(m->hparams, &like, (int64_t)list->n, m->train.h,
                                 *holidays ? holidays : NULL, &t));
    m->state = t;
    VN_TRY(take_ids(t, list));
    block b[N_BLOCKS];
    blocks_of(t, b);
    for (int i = 0; i < N_BLOCKS; i++) {
        const void *data = NULL;
        vn_tensor shape = { .dtype = VN_F64, .rank = 2, .dim = { t->ids.n, b[i].width } };
        if (b[i].width == 0) continue;
        VN_TRY(vn_safetensors_need(file, b[i].name, &shape, &data));
        memcpy(b[i].data, data, (size_t)(t->ids.n * b[i].width) * sizeof(double));
    }
    return check(t);
}

vn_status vn_prophet_restore(vn_fitted *m, const vn_safetensors *file)
{
    vn_arena work = { 0 };
    vn_status st = restore(m, file, &work);
    vn_arena_close(&work);
    if (!st || st == VN_E_MEMORY) return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
    return VN_FAIL(VN_E_MODEL, "\"%s\": %s", file->path, vn_last_message());
}

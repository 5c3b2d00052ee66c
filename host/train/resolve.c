/* Settling what the options leave open, and refusing what cannot be trained, before anything is
 * built. */
#include <inttypes.h>
#include <math.h>

#include "base/fault.h"
#include "base/sort.h"
#include "host/train/head.h"
#include "host/train/solver.h"

vn_split vn_split_from(const vn_train_options *o)
{
    if (o->split.n == 3) return (vn_split){ o->split.v[0], o->split.v[1], o->split.v[2] };
    return (vn_split){ .val = o->val_size, .test = o->test_size };
}

static vn_status check_split(const vn_train_options *o)
{
    if (o->split.n != 0 && o->split.n != 3)
        return VN_FAIL(VN_E_ARGUMENT, "split has %" PRId64 " numbers, expected train:val:test",
                       o->split.n);
    if (o->split.n && (o->val_size || o->test_size))
        return VN_FAIL(VN_E_ARGUMENT, "give split, or val_size and test_size, but not both");
    if (o->split.n && o->split.v[0] < 1)
        return VN_FAIL(VN_E_ARGUMENT, "split has no rows to train on");
    int64_t val = vn_split_from(o).val;
    if (val > 0 && val < o->h)
        return VN_FAIL(VN_E_ARGUMENT,
                       "%" PRId64 " rows of validation are fewer than the horizon of %" PRId64, val,
                       o->h);
    if (val == 0 && o->early_stop_patience_steps >= 0)
        return VN_FAIL(VN_E_ARGUMENT,
                       "early stopping needs validation: give val_size (at least h = %" PRId64
                       ") or split",
                       o->h);
    return VN_OK;
}

static vn_status check_weights(const vn_train_options *o)
{
    if (o->horizon_weight.n == 0) return VN_OK;
    if (o->horizon_weight.n != o->h)
        return VN_FAIL(VN_E_ARGUMENT, "horizon_weight has %" PRId64 " numbers, h is %" PRId64,
                       o->horizon_weight.n, o->h);
    double sum = 0;
    for (int64_t i = 0; i < o->horizon_weight.n; i++) sum += o->horizon_weight.v[i];
    return sum > 0 ? VN_OK : VN_FAIL(VN_E_ARGUMENT, "every horizon_weight is 0");
}

/* Rows to train on of the middle series by length. */
static vn_status middle_length(const vn_panel *panel, vn_split split, int64_t *out)
{
    int64_t *rows = vn_calloc((size_t)panel->n_series + 1, sizeof *rows);
    if (!rows) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < panel->n_series; i++) {
        int64_t n = panel->n_past[i];
        rows[i] = split.train ? (split.train < n ? split.train : n) : n - split.val - split.test;
    }
    vn_sort_i64(rows, (size_t)panel->n_series);
    *out = panel->n_series ? rows[panel->n_series / 2] : 0;
    vn_free(rows);
    return VN_OK;
}

/* The model's number of horizons, five (N-HiTS' choice) by default, and at least two seasons, but
 * of a short series no more than leaves as many windows to learn from as a window has steps. */
static vn_status choose_input_size(vn_fitted *m, const vn_panel *panel, const vn_log *log)
{
    vn_train_options *o = &m->train;
    int64_t horizons = m->def->input_horizons ? m->def->input_horizons : 5, own = horizons * o->h;
    int64_t length = 0, want = own > 2 * m->season ? own : 2 * m->season;
    VN_TRY(middle_length(panel, vn_split_from(o), &length));
    int64_t most = (length - o->h) / 2;
    if (most < 1)
        return VN_FAIL(VN_E_DATA,
                       "the middle one of the series by length has %" PRId64 " rows to train on, "
                       "too few for an input and a horizon of %" PRId64 ": forecast fewer steps "
                       "(h), or give input_size",
                       length > 0 ? length : 0, o->h);
    o->input_size = want < most ? want : most;
    if (!log) return VN_OK;
    if (want == own && o->input_size == want)
        vn_log_printf(log, VN_LOG_INFO, "input_size %" PRId64 " (%" PRId64 " horizons)",
                      o->input_size, horizons);
    else
        vn_log_printf(log, VN_LOG_INFO, "input_size %" PRId64 " (%s)", o->input_size,
                      o->input_size < want ? "half of what the series leave beside the horizon"
                                           : "two seasons");
    return VN_OK;
}

/* What works with these sizes but is likely a mistake. */
static vn_status warn(const vn_fitted *m, const vn_log *log)
{
    vn_task task = { .B = m->train.windows_batch_size, .L = m->train.input_size,
                     .H = m->train.h, .P = 1, .X = m->n_hist, .F = m->n_futr, .S = m->n_stat };
    vn_text advice = { 0 };
    if (!log || !m->def->advise) return VN_OK;
    m->def->advise(m->hparams, &task, &advice);
    bool failed = advice.failed;
    if (!failed && advice.n) vn_log_printf(log, VN_LOG_WARN, "%s", advice.s);
    vn_text_close(&advice);
    return failed ? vn_trail(VN_E_MEMORY, __FILE__, __LINE__) : VN_OK;
}

vn_status vn_fitted_odd_counts(const vn_fitted *m, const vn_panel *panel, vn_odd_counts *odd)
{
    vn_head head;
    *odd = (vn_odd_counts){ .name = NULL };
    if (vn_solver_of(m->def)) return VN_OK;
    VN_TRY(vn_head_of(&m->train, &head));
    if (head.family != VN_FAMILY_DIST || !vn_dist_about(head.kind)->counts) return VN_OK;
    odd->name = vn_dist_about(head.kind)->name;
    for (int64_t i = 0; i < panel->n_series; i++)
        for (int64_t t = panel->indptr[i]; t < panel->indptr[i + 1]; t++) {
            float y = panel->y[t];
            if (panel->mask[t] == 0) continue;
            odd->n_broken += y != floorf(y);
            if (y >= 0 || odd->n_below++) continue;
            odd->series = i;
            odd->row = t - panel->indptr[i] + 1;
            odd->below = (double)y;
        }
    return VN_OK;
}

/* A count is a whole number: none below 0, and none that a local scaler has moved. */
static vn_status check_counts(const vn_fitted *m, const vn_panel *panel, const vn_log *log)
{
    vn_odd_counts odd;
    VN_TRY(vn_fitted_odd_counts(m, panel, &odd));
    if (!odd.name) return VN_OK;
    if (m->local_scaler != VN_SCALER_IDENTITY)
        return VN_FAIL(VN_E_ARGUMENT,
                       "%s is a distribution of counts, which local_scaler_type %s would move",
                       odd.name, vn_scaler_name(m->local_scaler));
    if (odd.n_below)
        return VN_FAIL(VN_E_DATA,
                       "series '%s': y is %g in row %" PRId64 ", but %s is a distribution of counts",
                       panel->id[odd.series], odd.below, odd.row, odd.name);
    if (odd.n_broken && log)
        vn_log_printf(log, VN_LOG_WARN, "%" PRId64 " values are no whole numbers; %s forecasts counts",
                      odd.n_broken, odd.name);
    return VN_OK;
}

/* What a model makes of the length of a step. */
static vn_status settle(vn_fitted *m, const vn_log *log)
{
    vn_pace pace = { .season = m->season, .h = m->train.h };
    bool open = m->train.input_size == 0;
    if (m->freq.unit == VN_FREQ_SECOND) pace.seconds = m->freq.n;
    if (m->freq.unit == VN_FREQ_DAY) pace.seconds = 86400 * m->freq.n;
    if (m->freq.unit == VN_FREQ_BUSINESS) pace.business = m->freq.n;
    if (m->freq.unit == VN_FREQ_MONTH) pace.months = m->freq.n;
    VN_TRY(m->def->settle(m->hparams, &pace, &m->train.input_size));
    if (open && log)
        vn_log_printf(log, VN_LOG_INFO, "input_size %" PRId64 " (context and largest lag)",
                      m->train.input_size);
    return VN_OK;
}

/* Rows to train on of the longest series. */
static int64_t longest_length(const vn_panel *panel, vn_split split)
{
    int64_t most = 0;
    for (int64_t i = 0; i < panel->n_series; i++) {
        int64_t n = panel->n_past[i];
        n = split.train ? (split.train < n ? split.train : n) : n - split.val - split.test;
        if (n > most) most = n;
    }
    return most;
}

/* A window that its lags make longer than every series: refused where it must lie inside one, and
 * else told, for what lies before a series is 0. */
static vn_status check_reach(const vn_fitted *m, const vn_panel *panel, const vn_log *log)
{
    int64_t most = longest_length(panel, vn_split_from(&m->train)), L = m->train.input_size;
    if (!m->def->context || L + m->train.h <= most) return VN_OK;
    if (m->train.start_padding == 2)
        return VN_FAIL(VN_E_DATA,
                       "context and largest lag need %" PRId64 " rows before a horizon of %" PRId64
                       ", the longest series has %" PRId64 ": give a smaller max_lag, lags or "
                       "context_length, or start_padding always",
                       L, m->train.h, most);
    if (log && L >= most)
        vn_log_printf(log, VN_LOG_WARN,
                      "context and largest lag reach %" PRId64 " rows back, the longest series has "
                      "%" PRId64 ": inputs before its start are 0; max_lag or lags leave them out",
                      L, most);
    return VN_OK;
}

/* A graph computes in f32 on what f32 keeps of the target. */
static void warn_lost(const vn_fitted *m, const vn_panel *panel, const vn_log *log)
{
    if (!log || !panel->y_rest || m->local_scaler != VN_SCALER_IDENTITY || vn_solver_of(m->def))
        return;
    vn_log_printf(log, VN_LOG_WARN,
                  "the values of a series lie so close together, for their size, that 32-bit floats "
                  "blur them: give local_scaler_type standard");
}

vn_status vn_fit_resolve(vn_fitted *m, const vn_panel *panel, const vn_log *log)
{
    if (m->train.h < 1)
        return VN_FAIL(VN_E_ARGUMENT, "h is %" PRId64 ": give the number of steps to forecast",
                       m->train.h);
    VN_TRY(check_split(&m->train));
    VN_TRY(check_weights(&m->train));
    VN_TRY(check_counts(m, panel, log));
    VN_TRY(vn_fitted_match(m, panel));
    warn_lost(m, panel, log);
    if (m->def->settle) VN_TRY(settle(m, log));
    if (vn_solver_of(m->def))
        m->train.input_size = 1; /* it looks at the whole history */
    else if (m->train.input_size == 0)
        VN_TRY(choose_input_size(m, panel, log));
    VN_TRY(check_reach(m, panel, log));
    return warn(m, log);
}

/* What a model knows of its data: the features by name, the vocabulary of the categories, the
 * calendar; taken from a panel, compared with another. */
#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "host/data/levels.h"
#include "host/data/select.h"
#include "host/train/train.h"

/* Copies of n names; NULL with a failure recorded. */
static const char **copy_names(vn_arena *arena, const char *const *name, int64_t n)
{
    const char **own = vn_arena_array(arena, n ? (size_t)n : 1, sizeof *own);
    for (int64_t i = 0; own && i < n; i++) {
        own[i] = vn_arena_text(arena, name[i], strlen(name[i]));
        if (!own[i]) return NULL;
    }
    return own;
}

vn_status vn_fitted_adopt(vn_fitted *m, const vn_panel *panel)
{
    if (panel->n_calendar) return VN_FAIL(VN_E_BUG, "a model adopts a panel before it is dressed");
    m->hist_name = copy_names(&m->arena, panel->hist_name, panel->n_hist);
    m->futr_name = copy_names(&m->arena, panel->futr_name, panel->n_futr);
    m->stat_name = copy_names(&m->arena, panel->stat_name, panel->n_stat);
    if (!m->hist_name || !m->futr_name || !m->stat_name)
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(vn_levels_copy(panel->hist_cat, panel->n_hist_cat, &m->arena, &m->hist_cat));
    VN_TRY(vn_levels_copy(panel->futr_cat, panel->n_futr_cat, &m->arena, &m->futr_cat));
    VN_TRY(vn_levels_copy(panel->stat_cat, panel->n_stat_cat, &m->arena, &m->stat_cat));
    m->n_hist = panel->n_hist;
    m->n_futr = panel->n_futr;
    m->n_stat = panel->n_stat;
    m->n_hist_cat = panel->n_hist_cat;
    m->n_futr_cat = panel->n_futr_cat;
    m->n_stat_cat = panel->n_stat_cat;
    m->freq = panel->freq;
    m->season = panel->season;
    return VN_OK;
}

vn_status vn_fitted_add_calendar(vn_fitted *m, const char *option)
{
    VN_TRY(vn_calendar_choose(option, m->freq, m->calendar, &m->n_calendar));
    if (!m->n_calendar) return VN_OK;
    int64_t n = m->n_futr + m->n_calendar;
    const char **all = vn_arena_array(&m->arena, (size_t)n, sizeof *all);
    if (!all) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < m->n_futr; i++) all[i] = m->futr_name[i];
    for (int i = 0; i < m->n_calendar; i++) {
        const char *name = vn_calendar_name(m->calendar[i]);
        all[m->n_futr + i] = vn_arena_printf(&m->arena, "calendar.%s", name);
        if (!all[m->n_futr + i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    m->futr_name = all;
    m->n_futr = n;
    return VN_OK;
}

/* Drop the levels not seen, in place. */
static vn_status keep_seen(vn_levels *levels, const bool *seen, const char *column)
{
    int64_t n = 0;
    for (int64_t k = 0; k < levels->n; k++)
        if (seen[k + 1]) levels->level[n++] = levels->level[k];
    levels->n = n;
    return n ? VN_OK
             : VN_FAIL(VN_E_DATA, "categorical column '%s' has no text in the training rows",
                       column);
}

/* The codes of one column of a block [rows, width] in the training rows. */
static vn_status learn_column(const vn_panel *p, const float *block, int64_t width,
                              const char *column, vn_split split, vn_levels *levels)
{
    vn_status st = VN_OK;
    bool *seen = vn_calloc((size_t)levels->n + 1, sizeof *seen);
    if (!seen) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t ends[3], first = p->indptr[i];
        VN_TRY_DONE(vn_split_of(p, split, i, ends));
        for (int64_t t = first; t < first + ends[0]; t++)
            seen[(int64_t)block[t * width]] = true;
    }
    st = keep_seen(levels, seen, column);
done:
    vn_free(seen);
    return st;
}

vn_status vn_fitted_learn_levels(vn_fitted *m, const vn_panel *panel)
{
    const vn_panel *p = panel;
    const vn_split split = vn_split_from(&m->train);
    int64_t hist = p->n_hist - p->n_hist_cat, futr = p->n_futr - p->n_calendar - p->n_futr_cat;
    for (int64_t c = hist; c < p->n_hist; c++)
        VN_TRY(learn_column(p, p->hist + c, p->n_hist, p->hist_name[c], split,
                            &m->hist_cat[c - hist]));
    for (int64_t c = futr; c < futr + p->n_futr_cat; c++)
        VN_TRY(learn_column(p, p->futr + c, p->n_futr, p->futr_name[c], split,
                            &m->futr_cat[c - futr]));
    for (int64_t c = 0; c < m->n_stat_cat; c++) /* every series has training rows */
        if (!m->stat_cat[c].n)
            return VN_FAIL(VN_E_DATA, "categorical column '%s' has no text",
                           m->stat_name[m->n_stat - m->n_stat_cat + c]);
    return VN_OK;
}

vn_status vn_fitted_take_levels(vn_fitted *m, const vn_fitted *from)
{
    if (m->n_hist_cat != from->n_hist_cat || m->n_futr_cat != from->n_futr_cat ||
        m->n_stat_cat != from->n_stat_cat)
        return VN_FAIL(VN_E_SHAPE, "the model to start from has other categorical columns");
    VN_TRY(vn_levels_copy(from->hist_cat, m->n_hist_cat, &m->arena, &m->hist_cat));
    VN_TRY(vn_levels_copy(from->futr_cat, m->n_futr_cat, &m->arena, &m->futr_cat));
    return vn_levels_copy(from->stat_cat, m->n_stat_cat, &m->arena, &m->stat_cat);
}

vn_dress vn_fitted_dress(const vn_fitted *m, int64_t ahead)
{
    return (vn_dress){ .n_hist_cat = m->n_hist_cat,
                       .hist_cat = m->hist_cat,
                       .n_futr_cat = m->n_futr_cat,
                       .n_stat_cat = m->n_stat_cat,
                       .futr_cat = m->futr_cat,
                       .stat_cat = m->stat_cat,
                       .n_calendar = m->n_calendar,
                       .calendar = m->calendar,
                       .ahead = ahead };
}

/* ---- comparing ---- */

/* One kind of feature, of the model and of the data. */
typedef struct kind {
    const char *name;
    const char *const *want, *const *have;
    int64_t n_want, n_have, n_want_cat, n_have_cat; /* categories are the last ones */
} kind;

static bool holds(const char *const *name, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (!strcmp(name[i], what)) return true;
    return false;
}

/* What the data lack, each with its kind. */
static void list_missing(const kind *k, vn_text *out)
{
    for (int64_t i = 0; i < k->n_want; i++)
        if (!holds(k->have, k->n_have, k->want[i]))
            vn_text_printf(out, "%sthe %s%s feature \"%s\"", out->n ? ", " : "", k->name,
                           i >= k->n_want - k->n_want_cat ? " categorical" : "", k->want[i]);
}

static vn_status match(const kind *k)
{
    for (int64_t i = 0; i < k->n_want && i < k->n_have; i++)
        if (strcmp(k->want[i], k->have[i]))
            return VN_FAIL(VN_E_DATA,
                           "%s feature %" PRId64 " is \"%s\" in the model but \"%s\" in "
                           "the data",
                           k->name, i + 1, k->want[i], k->have[i]);
    if (k->n_want < k->n_have)
        return VN_FAIL(VN_E_DATA,
                       "the data have the %s feature \"%s\", which the model does not know",
                       k->name, k->have[k->n_want]);
    if (k->n_want_cat != k->n_have_cat)
        return VN_FAIL(VN_E_DATA,
                       "the model has %" PRId64
                       " categorical among the %s features, the data %" PRId64,
                       k->n_want_cat, k->name, k->n_have_cat);
    return VN_OK;
}

vn_status vn_fitted_match(const vn_fitted *m, const vn_panel *p)
{
    const kind kinds[] = {
        { .name = "historic",
          .want = m->hist_name,
          .have = p->hist_name,
          .n_want = m->n_hist,
          .n_have = p->n_hist,
          .n_want_cat = m->n_hist_cat,
          .n_have_cat = p->n_hist_cat },
        { .name = "future",
          .want = m->futr_name,
          .have = p->futr_name,
          .n_want = m->n_futr - m->n_calendar,
          .n_have = p->n_futr - p->n_calendar,
          .n_want_cat = m->n_futr_cat,
          .n_have_cat = p->n_futr_cat },
        { .name = "static",
          .want = m->stat_name,
          .have = p->stat_name,
          .n_want = m->n_stat,
          .n_have = p->n_stat,
          .n_want_cat = m->n_stat_cat,
          .n_have_cat = p->n_stat_cat },
    };
    vn_text missing = { 0 };
    for (int i = 0; i < 3; i++) list_missing(&kinds[i], &missing);
    vn_status st = VN_OK;
    if (missing.failed) st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (!st && missing.n)
        st = VN_FAIL(VN_E_DATA, "the model needs %.400s, which the data lack", missing.s);
    vn_text_close(&missing);
    for (int i = 0; !st && i < 3; i++) st = match(&kinds[i]);
    if (!st && p->n_calendar && p->n_calendar != m->n_calendar)
        st = VN_FAIL(VN_E_BUG, "a panel dressed for another model");
    return st;
}

vn_status vn_fitted_select(const vn_fitted *m, const vn_panel *panel, vn_panel *out)
{
    vn_choice hist = { m->hist_name, m->n_hist, m->n_hist_cat };
    vn_choice futr = { m->futr_name, m->n_futr - m->n_calendar, m->n_futr_cat };
    vn_choice stat = { m->stat_name, m->n_stat, m->n_stat_cat };
    return vn_panel_select(panel, hist, futr, stat, out);
}

/* Options and features become components and columns; every name and number in them is checked
 * here, before any series is touched. */
#include "host/prophet/spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/data/calendar.h"

enum { FIELDS_MAX = 8, WORD_MAX = 256, ORDER_MAX = 1000, LEVELS_MAX = 1000 };

/* The fields of one entry of a list "a:b:c,d:e". */
typedef struct entry {
    char word[FIELDS_MAX][WORD_MAX];
    int n;
} entry;

/* The next entry, NULL at the end; blanks around fields are dropped. */
static const char *next(const char *s, entry *e)
{
    e->n = 0;
    while (*s == ',' || *s == ' ') s++;
    if (!*s) return NULL;
    while (e->n < FIELDS_MAX) {
        size_t n = strcspn(s, ",:"), keep;
        while (*s == ' ' && n) s++, n--;
        for (keep = n; keep && s[keep - 1] == ' ';) keep--;
        if (keep >= WORD_MAX) keep = WORD_MAX - 1;
        memcpy(e->word[e->n], s, keep);
        e->word[e->n++][keep] = 0;
        s += n;
        if (*s != ':') break;
        s++;
    }
    return s;
}

static vn_status number(const char *option, const char *text, double lo, double hi, double *out)
{
    size_t at;
    if (!vn_parse_f64(text, strlen(text), out, &at) || !(*out >= lo && *out <= hi))
        return VN_FAIL(VN_E_ARGUMENT, "%s: \"%s\" is no number from %g to %g", option, text, lo,
                       hi);
    return VN_OK;
}

static vn_status mode(const char *option, const char *text, bool usual, bool *multiplicative)
{
    *multiplicative = *text ? !strcmp(text, "multiplicative") : usual;
    if (*text && !*multiplicative && strcmp(text, "additive"))
        return VN_FAIL(VN_E_ARGUMENT, "%s: \"%s\" is no mode: additive or multiplicative", option,
                       text);
    return VN_OK;
}

/* Numbers known ahead come first in futr. */
static vn_status feature(const vn_panel *p, const char *option, const char *name, int *at)
{
    for (*at = 0; *at < p->n_futr - p->n_futr_cat - p->n_calendar; ++*at)
        if (!strcmp(p->futr_name[*at], name)) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT, "%s: there is no column \"%s\" in futr_exog_list", option, name);
}

static vn_status level(const vn_panel *p, const char *option, const char *text, vn_prophet_level *l)
{
    size_t at;
    *l = (vn_prophet_level){ .given = *text, .feature = -1 };
    if (!*text || (vn_parse_f64(text, strlen(text), &l->value, &at) && isfinite(l->value)))
        return VN_OK;
    return feature(p, option, text, &l->feature);
}

/* ---- seasonalities ---- */

static vn_prophet_season *find_season(vn_prophet_spec *s, const char *name)
{
    for (int i = 0; i < s->n_seasons; i++)
        if (!strcmp(s->season[i].name, name)) return &s->season[i];
    return NULL;
}

/* A seasonality of the option `seasonalities`. */
static vn_status take_season(vn_prophet_spec *s, const vn_panel *p, const entry *e)
{
    static const char option[] = "seasonalities";
    vn_prophet_season v = { .prior = s->o->seasonality_prior_scale, .condition = -1 };
    double order = 0;
    if (e->n < 3 || e->n > 6 || !e->word[0][0])
        return VN_FAIL(VN_E_ARGUMENT,
                       "%s: \"%s\" has %d fields, expected name:days:order[:prior_scale[:mode"
                       "[:condition]]]",
                       option, e->word[0], e->n);
    if (find_season(s, e->word[0]))
        return VN_FAIL(VN_E_ARGUMENT, "%s: \"%s\" is named twice", option, e->word[0]);
    v.name = vn_arena_text(&s->arena, e->word[0], strlen(e->word[0]));
    if (!v.name) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(number(option, e->word[1], 1e-6, 1e6, &v.period));
    VN_TRY(number(option, e->word[2], 1, ORDER_MAX, &order));
    v.order = (int)order;
    if (e->n > 3 && e->word[3][0]) VN_TRY(number(option, e->word[3], 1e-9, 1e6, &v.prior));
    VN_TRY(
        mode(option, e->n > 4 ? e->word[4] : "", s->o->seasonality_mode == 1, &v.multiplicative));
    if (e->n > 5 && e->word[5][0]) VN_TRY(feature(p, option, e->word[5], &v.condition));
    s->season[s->n_seasons++] = v;
    return VN_OK;
}

/* One of Prophet's own: "auto", "true", "false" or a number of pairs. */
static vn_status take_usual(vn_prophet_spec *s, const char *name, const char *text, double period,
                            int usual, vn_season_rule rule)
{
    vn_prophet_season v = {
        name, period, usual, s->o->seasonality_prior_scale, s->o->seasonality_mode == 1, -1, rule
    };
    char option[64];
    double order = usual;
    snprintf(option, sizeof option, "%s_seasonality", name);
    if (!strcmp(text, "false") || !strcmp(text, "0")) return VN_OK;
    if (!strcmp(text, "auto") && (s->steps || find_season(s, name))) return VN_OK;
    if (strcmp(text, "auto")) v.rule = VN_SEASON_ALWAYS;
    if (v.rule == VN_SEASON_ALWAYS && strcmp(text, "true"))
        VN_TRY(number(option, text, 1, ORDER_MAX, &order));
    if (s->steps)
        return VN_FAIL(VN_E_ARGUMENT,
                       "%s: the stamps are integers, which have no calendar; give the "
                       "season in steps: seasonalities=name:steps:order",
                       option);
    if (find_season(s, name))
        return VN_FAIL(VN_E_ARGUMENT, "%s: \"%s\" is one of seasonalities already", option, name);
    v.order = (int)order;
    s->season[s->n_seasons++] = v;
    return VN_OK;
}

static vn_status take_seasons(vn_prophet_spec *s, const vn_panel *p)
{
    const vn_prophet_options *o = s->o;
    const char *at = o->seasonalities.s;
    entry e;
    s->season = vn_arena_array(&s->arena, strlen(at) + 8, sizeof *s->season);
    if (!s->season) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    while ((at = next(at, &e))) VN_TRY(take_season(s, p, &e));
    VN_TRY(take_usual(s, "yearly", o->yearly_seasonality.s, 365.25, 10, VN_SEASON_YEARLY));
    VN_TRY(take_usual(s, "weekly", o->weekly_seasonality.s, 7, 3, VN_SEASON_WEEKLY));
    VN_TRY(take_usual(s, "daily", o->daily_seasonality.s, 1, 4, VN_SEASON_DAILY));
    if (s->steps && p->season > 1 && !s->n_seasons) {
        int order = p->season / 2 < 10 ? (int)(p->season / 2) : 10;
        s->season[s->n_seasons++] = (vn_prophet_season){ "season",
                                                         (double)p->season,
                                                         order,
                                                         o->seasonality_prior_scale,
                                                         o->seasonality_mode == 1,
                                                         -1,
                                                         VN_SEASON_STEPS };
    }
    return VN_OK;
}

/* ---- regressors ---- */

/* The settings of a column: of all its levels if it is a category. */
static vn_status set_regressor(vn_prophet_spec *s, const entry *e)
{
    static const char option[] = "regressors";
    int n_found = 0;
    for (int i = 0; i < s->n_regressors; i++) {
        vn_prophet_regressor *r = &s->regressor[i];
        if (strcmp(r->name, e->word[0])) continue;
        n_found++;
        if (e->n > 1 && e->word[1][0]) VN_TRY(number(option, e->word[1], 1e-9, 1e6, &r->prior));
        if (e->n > 2) VN_TRY(mode(option, e->word[2], r->multiplicative, &r->multiplicative));
        const char *how = e->n > 3 ? e->word[3] : "auto";
        r->standardise = !strcmp(how, "true")    ? VN_STANDARDISE_YES
                         : !strcmp(how, "false") ? VN_STANDARDISE_NO
                                                 : VN_STANDARDISE_AUTO;
        if (e->n > 4 || (r->standardise == VN_STANDARDISE_AUTO && strcmp(how, "auto")))
            return VN_FAIL(VN_E_ARGUMENT,
                           "%s: expected name[:prior_scale[:mode[:auto|true|false]]], "
                           "found \"%s\" with %d fields",
                           option, e->word[0], e->n);
    }
    if (n_found) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT,
                   "%s: \"%s\" is no column of futr_exog_list, or another list of features, that "
                   "is free to be a regressor",
                   option, e->word[0]);
}

/* The regressors of one feature: itself, or one for each of its n_levels levels. */
static vn_status add_regressors(vn_prophet_spec *s, const char *name, int feature, bool past,
                                int64_t n_levels)
{
    const char *own = vn_arena_text(&s->arena, name, strlen(name));
    if (!own) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (n_levels > LEVELS_MAX)
        return VN_FAIL(VN_E_ARGUMENT,
                       "column \"%s\" has %" PRId64
                       " texts; prophet has a coefficient for each and "
                       "takes %d at most",
                       name, n_levels, LEVELS_MAX);
    for (int64_t level = n_levels > 0; level <= n_levels; level++)
        s->regressor[s->n_regressors++] =
            (vn_prophet_regressor){ .name = own,
                                    .feature = feature,
                                    .level = level,
                                    .past = past,
                                    .prior = s->o->holidays_prior_scale,
                                    .multiplicative = s->o->seasonality_mode == 1 };
    return VN_OK;
}

/* Regressors that n columns make of which n_cat are categories. */
static int64_t count_regressors(int64_t n, int64_t n_cat, const vn_levels *cat)
{
    n -= n_cat;
    for (int64_t c = 0; c < n_cat; c++) n += cat[c].n;
    return n;
}

/* Every feature that has no other use and is not constant within a series. */
static vn_status take_regressors(vn_prophet_spec *s, const vn_panel *p)
{
    const char *at = s->o->regressors.s;
    int64_t futr = p->n_futr - p->n_calendar - p->n_futr_cat, hist = p->n_hist - p->n_hist_cat;
    int64_t most = count_regressors(p->n_futr, p->n_futr_cat, p->futr_cat) +
                   count_regressors(p->n_hist, p->n_hist_cat, p->hist_cat);
    entry e;
    s->regressor = vn_arena_array(&s->arena, (size_t)most + 1, sizeof *s->regressor);
    if (!s->regressor) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int f = 0; f < p->n_futr; f++) {
        bool used = f == s->cap.feature || f == s->floor.feature;
        bool coded = f >= futr && f < futr + p->n_futr_cat;
        for (int i = 0; i < s->n_seasons; i++) used |= s->season[i].condition == f;
        if (!used)
            VN_TRY(
                add_regressors(s, p->futr_name[f], f, false, coded ? p->futr_cat[f - futr].n : 0));
    }
    for (int f = 0; f < p->n_hist; f++)
        VN_TRY(add_regressors(s, p->hist_name[f], f, true, f < hist ? 0 : p->hist_cat[f - hist].n));
    while ((at = next(at, &e))) VN_TRY(set_regressor(s, &e));
    return VN_OK;
}

/* ---- the whole ---- */

static vn_status take_changepoints(vn_prophet_spec *s, const vn_panel *p)
{
    const char *at = s->o->changepoints.s;
    s->changepoint = vn_arena_array(&s->arena, strlen(at) + 1, sizeof *s->changepoint);
    if (!s->changepoint) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    while (*at) {
        size_t n = strcspn(at, ",");
        while (n && *at == ' ') at++, n--;
        vn_stamp_kind kind = vn_stamp_parse(at, n, &s->changepoint[s->n_changepoints]);
        if (kind == VN_STAMP_NONE || (kind == VN_STAMP_STEP) != (p->freq.unit == VN_FREQ_STEP))
            return VN_FAIL(VN_E_ARGUMENT,
                           "changepoints: \"%.*s\" is no stamp like those of the data", (int)n, at);
        int i = s->n_changepoints++;
        for (; i > 0 && s->changepoint[i - 1] > s->changepoint[i]; i--) {
            int64_t swap = s->changepoint[i];
            s->changepoint[i] = s->changepoint[i - 1];
            s->changepoint[i - 1] = swap;
        }
        at += n;
        while (*at == ',' || *at == ' ') at++;
    }
    return VN_OK;
}

static vn_status take_holidays(vn_prophet_spec *s, const char *text, double **prior)
{
    const char *path = s->o->holidays.s;
    char *read = NULL;
    size_t n = text ? strlen(text) : 0;
    if (!text && !*path) return VN_OK;
    if (s->steps)
        return VN_FAIL(VN_E_ARGUMENT, "holidays: the stamps are integers, which have no calendar");
    if (!text) VN_TRY(vn_file_read(path, 64 << 20, &read, &n));
    s->holidays = vn_arena_text(&s->arena, text ? text : read, n);
    vn_free(read);
    if (!s->holidays) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    return vn_prophet_holidays(s, text && !*path ? "holidays" : path, s->holidays, prior);
}

/* Columns and components in their order. */
static vn_status lay_out(vn_prophet_spec *s, const double *holiday_prior)
{
    bool holiday_mode =
        s->o->holidays_mode ? s->o->holidays_mode == 2 : s->o->seasonality_mode == 1;
    int n = s->n_holiday_columns + s->n_regressors, c = 0, k = 0;
    for (int i = 0; i < s->n_seasons; i++) n += 2 * s->season[i].order;
    s->column = vn_arena_array(&s->arena, (size_t)n + 1, sizeof *s->column);
    s->component = vn_arena_array(&s->arena, (size_t)(s->n_seasons + s->n_regressors) + 2,
                                  sizeof *s->component);
    if (!s->column || !s->component) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int i = 0; i < s->n_seasons; i++) {
        const vn_prophet_season *v = &s->season[i];
        for (int j = 0; j < 2 * v->order; j++)
            s->column[c++] = (vn_prophet_column){ k, v->prior, v->multiplicative };
        s->component[k++] = v->name;
    }
    for (int i = 0; i < s->n_holiday_columns; i++) /* each with its prior */
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        s->column[c++] = (vn_prophet_column){ k, holiday_prior[i], holiday_mode };
    if (s->n_holiday_columns) s->component[k++] = "holidays";
    for (int i = 0; i < s->n_regressors; i++) {
        const vn_prophet_regressor *r = &s->regressor[i];
        bool more = i + 1 < s->n_regressors && s->regressor[i + 1].name == r->name; /* levels */
        s->component[k] = r->name;
        s->column[c++] = (vn_prophet_column){ k, r->prior, r->multiplicative };
        k += !more;
    }
    s->n_columns = c;
    s->n_components = k;
    return VN_OK;
}

static vn_status fill(vn_prophet_spec *s, const vn_panel *p, const char *holidays)
{
    double *prior = NULL;
    VN_TRY(level(p, "cap", s->o->cap.s, &s->cap));
    VN_TRY(level(p, "floor", s->o->floor.s, &s->floor));
    if (s->o->growth == VN_GROWTH_LOGISTIC && !s->cap.given)
        return VN_FAIL(VN_E_ARGUMENT, "logistic growth needs cap: a number, or a column of "
                                      "futr_exog_list");
    if (s->o->growth != VN_GROWTH_LOGISTIC && (s->cap.given || s->floor.given))
        return VN_FAIL(VN_E_ARGUMENT, "%s is only for growth=logistic",
                       s->cap.given ? "cap" : "floor");
    VN_TRY(take_seasons(s, p));
    VN_TRY(take_regressors(s, p));
    VN_TRY(take_changepoints(s, p));
    VN_TRY(take_holidays(s, holidays, &prior));
    return lay_out(s, prior);
}

vn_status vn_prophet_spec_open(const vn_prophet_options *o, const vn_panel *panel, int64_t h,
                               const char *holidays, vn_prophet_spec *spec)
{
    *spec = (vn_prophet_spec){ .o = o, .steps = panel->freq.unit == VN_FREQ_STEP, .lag = h };
    vn_status st = fill(spec, panel, holidays);
    if (!st) return VN_OK;
    vn_prophet_spec_close(spec);
    return vn_trail(st, __FILE__, __LINE__);
}

void vn_prophet_spec_close(vn_prophet_spec *spec)
{
    vn_arena_close(&spec->arena);
    *spec = (vn_prophet_spec){ .n_seasons = 0 };
}

/* Holidays: a CSV file of dates becomes columns, one for each holiday and day of its window. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/calendar.h"
#include "host/data/csv.h"
#include "host/data/names.h"
#include "host/prophet/spec.h"

enum { HOLIDAY, DS, LOWER, UPPER, PRIOR, N_FIELDS };
static const char *const fields[N_FIELDS] = { "holiday", "ds", "lower_window", "upper_window",
                                              "prior_scale" };
enum { WINDOW_MAX = 366 };

typedef struct table {
    vn_prophet_spec *spec;
    vn_csv csv;
    vn_names keys;    /* "name+2": columns */
    vn_names names;   /* holidays */
    int at[N_FIELDS]; /* column of the file, -1: absent */
    double *prior_of; /* [names] */
    double *prior;    /* [keys] */
    int cap_names, cap_keys, cap_dates;
} table;

/* Room for element n of an array that doubles. */
static vn_status room(void *array, int *cap, int n, size_t size)
{
    void **p = array;
    if (n < *cap) return VN_OK;
    int grown = *cap ? 2 * *cap : 64;
    void *q = vn_realloc(*p, (size_t)grown * size);
    if (!q) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *p = q;
    *cap = grown;
    return VN_OK;
}

static vn_status read_header(table *t)
{
    bool more = false;
    VN_TRY(vn_csv_next(&t->csv, &more));
    for (int f = 0; f < N_FIELDS; f++) t->at[f] = -1;
    for (int64_t i = 0; more && i < t->csv.n; i++)
        for (int f = 0; f < N_FIELDS; f++)
            if (strlen(fields[f]) == t->csv.cell[i].n &&
                !memcmp(fields[f], t->csv.cell[i].s, t->csv.cell[i].n))
                t->at[f] = (int)i;
    if (t->at[HOLIDAY] < 0 || t->at[DS] < 0)
        return VN_FAIL(VN_E_DATA,
                       "%s: the first line must name the columns holiday and ds, and may "
                       "name lower_window, upper_window and prior_scale",
                       t->csv.name);
    return VN_OK;
}

/* The number of a field; `otherwise` where the column is absent or the cell empty. */
static vn_status number(const table *t, int field, double otherwise, double *out)
{
    *out = otherwise;
    if (t->at[field] < 0 || t->at[field] >= t->csv.n) return VN_OK;
    const vn_csv_cell *c = &t->csv.cell[t->at[field]];
    size_t at = 0;
    if (c->n == 0) return VN_OK;
    if (!vn_parse_f64(c->s, c->n, out, &at) || isinf(*out))
        return vn_csv_fail(&t->csv, c->s + at, "%s is no number", fields[field]);
    if (isnan(*out)) *out = otherwise;
    return VN_OK;
}

static vn_status whole(const table *t, int field, int *out)
{
    double x = 0;
    VN_TRY(number(t, field, 0, &x));
    if (x != floor(x) || fabs(x) > WINDOW_MAX)
        return vn_csv_fail(&t->csv, t->csv.record, "%s is %g, expected whole days, %d at most",
                           fields[field], x, WINDOW_MAX);
    *out = (int)x;
    return VN_OK;
}

/* One day of a holiday's window. */
static vn_status add_day(table *t, const char *name, int offset, int64_t day, double prior)
{
    char key[320];
    int64_t index = 0;
    int n = snprintf(key, sizeof key, "%.256s%c%d", name, offset < 0 ? '-' : '+', abs(offset));
    VN_TRY(vn_names_add(&t->keys, key, (size_t)n, &index));
    VN_TRY(room(&t->prior, &t->cap_keys, (int)index, sizeof *t->prior));
    t->prior[index] = prior;
    VN_TRY(room(&t->spec->date, &t->cap_dates, t->spec->n_dates, sizeof *t->spec->date));
    t->spec->date[t->spec->n_dates++] = (vn_prophet_date){ day, (int)index };
    return VN_OK;
}

static vn_status read_record(table *t)
{
    vn_csv *csv = &t->csv;
    int64_t stamp = 0, index = 0;
    int lower = 0, upper = 0;
    double prior = 0;
    if (t->at[HOLIDAY] >= csv->n || t->at[DS] >= csv->n)
        return vn_csv_fail(csv, csv->record, "%" PRId64 " columns, too few", csv->n);
    const vn_csv_cell *ds = &csv->cell[t->at[DS]];
    char *name = vn_csv_plain(&t->spec->arena, &csv->cell[t->at[HOLIDAY]]);
    if (!name) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (!*name) return vn_csv_fail(csv, csv->record, "a holiday without a name");
    if (vn_stamp_parse(ds->s, ds->n, &stamp) < VN_STAMP_DATE)
        return vn_csv_fail(csv, ds->s, "ds is no date");
    VN_TRY(whole(t, LOWER, &lower));
    VN_TRY(whole(t, UPPER, &upper));
    VN_TRY(number(t, PRIOR, t->spec->o->holidays_prior_scale, &prior));
    if (lower > 0 || upper < 0)
        return vn_csv_fail(csv, csv->record,
                           "a window from %d to %d days: lower_window must not be above 0, "
                           "upper_window not below",
                           lower, upper);
    if (!(prior > 0))
        return vn_csv_fail(csv, csv->record, "prior_scale is %g, expected above 0", prior);
    VN_TRY(vn_names_add(&t->names, name, strlen(name), &index));
    bool fresh = index >= t->cap_names || t->prior_of[index] == 0;
    int had = t->cap_names;
    VN_TRY(room(&t->prior_of, &t->cap_names, (int)index, sizeof *t->prior_of));
    for (int i = had; i < t->cap_names; i++) t->prior_of[i] = 0;
    if (!fresh && t->prior_of[index] != prior)
        return vn_csv_fail(csv, csv->record, "holiday \"%s\" has prior_scale %g here and %g before",
                           name, prior, t->prior_of[index]);
    t->prior_of[index] = prior;
    int64_t day = stamp >= 0 ? stamp / 86400 : -((86399 - stamp) / 86400);
    for (int k = lower; k <= upper; k++) VN_TRY(add_day(t, name, k, day + k, prior));
    return VN_OK;
}

static int by_day(const void *a, const void *b)
{
    const vn_prophet_date *x = a, *y = b;
    return x->day != y->day ? (x->day > y->day) - (x->day < y->day)
                            : (x->column > y->column) - (x->column < y->column);
}

/* Into the arena, each date once. */
static vn_status keep(table *t, double **prior)
{
    vn_prophet_spec *s = t->spec;
    vn_prophet_date *own = vn_arena_array(&s->arena, (size_t)s->n_dates + 1, sizeof *own);
    *prior = vn_arena_array(&s->arena, (size_t)t->keys.n + 1, sizeof **prior);
    if (!own || !*prior) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    int n = 0;
    if (s->n_dates) qsort(s->date, (size_t)s->n_dates, sizeof *s->date, by_day);
    for (int i = 0; i < s->n_dates; i++)
        if (n == 0 || by_day(&own[n - 1], &s->date[i])) own[n++] = s->date[i];
    if (t->keys.n) memcpy(*prior, t->prior, (size_t)t->keys.n * sizeof **prior);
    vn_free(s->date);
    s->date = own;
    s->n_dates = n;
    s->n_holiday_columns = (int)t->keys.n;
    return VN_OK;
}

vn_status vn_prophet_holidays(vn_prophet_spec *spec, const char *name, const char *text,
                              double **prior)
{
    table t = { .spec = spec, .keys.arena = &spec->arena, .names.arena = &spec->arena };
    vn_status st = VN_OK;
    bool more = true;
    VN_TRY_DONE(vn_csv_open(&t.csv, name, text, strlen(text)));
    VN_TRY_DONE(read_header(&t));
    while (true) {
        VN_TRY_DONE(vn_csv_next(&t.csv, &more));
        if (!more) break;
        VN_TRY_DONE(read_record(&t));
    }
    VN_TRY_DONE(keep(&t, prior));
done:
    if (st) {
        vn_free(spec->date);
        spec->date = NULL;
        spec->n_dates = 0;
    }
    vn_csv_close(&t.csv);
    vn_names_close(&t.keys);
    vn_names_close(&t.names);
    vn_free(t.prior);
    vn_free(t.prior_of);
    return st;
}

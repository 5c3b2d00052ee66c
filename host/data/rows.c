/* One series per record (the M4 files): the id, then the values; empty cells at the end pad short
 * series. Steps are numbered from 1. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "host/data/table.h"

/* A header: V1, V2, ...; or no number where values should be; or an id column and 1, 2, 3, ... */
static bool is_header(const vn_table *t)
{
    int64_t n_numbers = 0, n_counting = 0, step;
    double x;
    if (vn_table_is_rows_header(t)) return true;
    for (int64_t i = 1; i < t->csv.n; i++) {
        const vn_csv_cell *cell = &t->csv.cell[i];
        n_numbers += vn_parse_f64(cell->s, cell->n, &x, NULL);
        n_counting += vn_parse_i64(cell->s, cell->n, &step, NULL) && step == i;
    }
    return (n_numbers == 0 && !vn_table_is_values(t)) ||
           (n_counting > 2 && n_counting == t->csv.n - 1);
}

/* Names for messages where the file has none: V1, V2, ... as in the M4 files. */
static vn_status name_columns(vn_table *t)
{
    for (int64_t i = 0; i < t->n_columns; i++)
        if (!(t->column[i] = vn_arena_printf(&t->arena, "V%lld", (long long)i + 1)))
            return VN_E_MEMORY;
    return VN_OK;
}

static vn_status take_series(vn_table *t)
{
    const vn_csv *csv = &t->csv;
    int64_t known = t->ids.n, index, keep = 0;
    vn_arena scratch = { 0 };
    char *id = vn_csv_plain(&scratch, &csv->cell[0]);
    vn_status st = id ? vn_names_add(&t->ids, id, strlen(id), &index) : VN_E_MEMORY;
    vn_arena_close(&scratch);
    VN_TRY(st);
    VN_TRY(vn_table_room(&t->count, &t->count_cap, index, sizeof *t->count));
    const char *name = t->ids.name[index];
    if (!*name) return vn_csv_fail(csv, csv->cell[0].s, "the series id is empty");
    if (index < known)
        return vn_csv_fail(csv, csv->cell[0].s, "a second series is called '%s'", name);
    for (int64_t i = 1; i < csv->n; i++) {
        VN_TRY(vn_table_room(&t->value, &t->value_cap, t->n + i, sizeof *t->value));
        VN_TRY(vn_table_room(&t->value_rest, &t->value_rest_cap, t->n + i, sizeof(float)));
        float *value = &t->value[t->n + i - 1];
        double x;
        const char *column = i < t->n_columns ? t->column[i] : "V";
        VN_TRY(vn_table_number(t, csv, &csv->cell[i], column, value, &x));
        t->value_rest[t->n + i - 1] = isnan(*value) ? 0.0f : (float)(x - (double)*value);
        if (!isnan(*value)) keep = i;
    }
    if (!keep) return vn_csv_fail(csv, csv->record, "series '%s' has no values", name);
    t->count[index] = keep;
    t->n += keep;
    return VN_OK;
}

static vn_status take_record(vn_table *t, bool header)
{
    if (header && t->csv.n > t->n_columns)
        return vn_csv_fail(&t->csv, t->csv.record,
                           "expected at most %lld columns as in the header, found %lld",
                           (long long)t->n_columns, (long long)t->csv.n);
    return take_series(t);
}

vn_status vn_table_read_rows(vn_table *t)
{
    bool more, header = false;
    if (t->panel->n_hist + t->panel->n_futr + t->panel->n_stat)
        return VN_FAIL(VN_E_ARGUMENT, "%s: a table of one series per row cannot hold features",
                       t->name);
    for (bool first = true;; first = false) {
        VN_TRY(vn_csv_next(&t->csv, &more));
        if (!more) break;
        if (first && is_header(t)) {
            header = true;
            continue;
        }
        if (first) VN_TRY(name_columns(t));
        VN_TRY(vn_table_note(t, take_record(t, header)));
    }
    if (t->ids.n == 0 && !t->n_errors) return VN_FAIL(VN_E_DATA, "%s: a header, but no rows", t->name);
    t->n_groups = t->ids.n;
    return VN_OK;
}

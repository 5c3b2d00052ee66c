/* One cell of a table: missing, or a number that 32-bit floats hold. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "host/data/table.h"

static bool same_word(const vn_csv_cell *cell, const char *word)
{
    return vn_same_word(cell->s, cell->n, word);
}

bool vn_table_missing(const vn_table *t, const vn_csv_cell *cell)
{
    if (cell->n == 0) return true;
    for (int64_t i = 0; i < t->n_na; i++)
        if (strlen(t->na[i]) == cell->n && !memcmp(t->na[i], cell->s, cell->n)) return true;
    return same_word(cell, "na") || same_word(cell, "nan") || same_word(cell, "null");
}

static bool is_feature(const vn_table *t, const char *column)
{
    const vn_panel *p = t->panel;
    for (int64_t i = 0; i < p->n_hist; i++)
        if (!strcmp(p->hist_name[i], column)) return true;
    for (int64_t i = 0; i < p->n_futr; i++)
        if (!strcmp(p->futr_name[i], column)) return true;
    for (int64_t i = 0; i < p->n_stat; i++)
        if (!strcmp(p->stat_name[i], column)) return true;
    return false;
}

static vn_status not_a_number(const vn_table *t, const vn_csv *csv, const vn_csv_cell *cell,
                              const char *column)
{
    char shown[VN_CSV_SHOWN];
    vn_csv_show(cell, shown);
    if (memchr(cell->s, ',', cell->n) && strspn(shown, "+-0123456789.,eE") == strlen(shown))
        return vn_csv_fail(csv, cell->s,
                           "expected a number in column '%s', got \"%s\" (decimals need a point)",
                           column, shown);
    return vn_csv_fail(
        csv, cell->s, "expected a number in column '%s', got \"%s\" (missing values: --na %s%s)",
        column, shown, shown,
        is_feature(t, column) ? "; texts: cat_exog_list, hist_cat_list or stat_cat_list" : "");
}

/* Plain decimals of up to 18 digits, without the exact parser's 0.4 us for those over 15. Digits
 * over a power of ten are exact in f64 up to 15 digits, beyond they err by at most 2^-52; where
 * both ends of twice that range round to one f32, it is the f32 of the exact f64 too. False: not
 * sure. */
static bool quick_number(const vn_csv_cell *cell, float *out, double *x)
{
    static const double power10[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                      1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };
    const char *s = cell->s, *end = s + cell->n, *point = end;
    bool negative = *s == '-';
    s += negative;
    if (end - s > 19 || s == end || *s == '.' || end[-1] == '.') return false;
    uint64_t digits = 0;
    for (const char *p = s; p < end; p++) {
        unsigned digit = (unsigned)(unsigned char)*p - '0';
        if (digit < 10)
            digits = digits * 10 + digit;
        else if (*p == '.' && point == end)
            point = p;
        else
            return false;
    }
    int64_t n = end - s - (point < end), after = point < end ? end - point - 1 : 0;
    if (n > 18) return false; /* 19 digits may not fit */
    double value = (double)(int64_t)digits / power10[after];
    *x = negative ? -value : value;
    *out = (float)*x;
    return n <= 15 || (float)(value * (1 - 0x1p-51)) == (float)(value * (1 + 0x1p-51));
}

vn_status vn_table_number(const vn_table *t, const vn_csv *csv, const vn_csv_cell *cell,
                          const char *column, float *out, double *x)
{
    char shown[VN_CSV_SHOWN];
    *out = NAN;
    *x = NAN;
    if (cell->n == 0 || (t->n_na && vn_table_missing(t, cell))) return VN_OK;
    if (quick_number(cell, out, x)) return VN_OK;
    *out = NAN;
    if (!vn_parse_f64(cell->s, cell->n, x, NULL))
        return vn_table_missing(t, cell) ? VN_OK : not_a_number(t, csv, cell, column);
    if (isinf(*x))
        return vn_csv_fail(csv, cell->s, "column '%s' holds an infinite value, \"%s\"", column,
                           vn_csv_show(cell, shown));
    if (fabs(*x) >= 0x1.ffffffp127) /* what rounds to an infinite f32 */
        return vn_csv_fail(csv, cell->s,
                           "column '%s' holds %s, beyond what 32-bit floats hold (3.4e38)", column,
                           vn_csv_show(cell, shown));
    *out = (float)*x;
    return VN_OK;
}

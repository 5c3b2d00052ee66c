/* Tables: whatever the bytes, a panel that keeps its promises or one located sentence. */
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/panel.h"
#include "tests/fuzz/fuzz.h"

/* How the table is read; the first byte of the input chooses. */
static const char *const settings[][3][2] = {
    { { "format", "auto" } },
    { { "futr_exog_list", "f" }, { "stat_exog_list", "s" } },
    { { "hist_exog_list", "f" }, { "na", "-,?" } },
    { { "cat_exog_list", "f" }, { "stat_cat_list", "s" } },
    { { "format", "wide" } },
    { { "format", "rows" }, { "freq", "H" } },
    { { "gaps", "error" } },
    { { "freq", "M" }, { "calendar", "auto" } },
    { { "freq", "2" }, { "format", "long" } },
    { { "target_col", "" }, { "futr_exog_list", "f" } },
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

static vn_data_options options_of(uint8_t choice)
{
    static vn_data_options made[N_SETTINGS];
    static bool done[N_SETTINGS];
    int k = choice % N_SETTINGS;
    for (int i = 0; !done[k] && i < 3; i++) {
        if (i == 0) VN_FUZZ_CHECK(!vn_options_preset(vn_data_option_table, &made[k]));
        if (!settings[k][i][0]) continue;
        const vn_option *o = vn_option_find(vn_data_option_table, settings[k][i][0]);
        VN_FUZZ_CHECK(o && !vn_option_set(o, &made[k], settings[k][i][1]));
    }
    done[k] = true;
    return made[k];
}

static void check_series(const vn_panel *p, int64_t i)
{
    int64_t from = p->indptr[i], to = p->indptr[i + 1];
    VN_FUZZ_CHECK(from < to && p->n_past[i] >= 0 && p->n_past[i] <= to - from);
    for (int64_t t = from; t < to; t++) {
        VN_FUZZ_CHECK(p->mask[t] == 0 || p->mask[t] == 1);
        VN_FUZZ_CHECK(isfinite(p->y[t]));
        for (int64_t c = 0; c < p->n_futr; c++) VN_FUZZ_CHECK(!isinf(p->futr[t * p->n_futr + c]));
    }
    char text[2][VN_STAMP_TEXT];
    vn_stamp_text(p->freq, vn_panel_stamp(p, i, 0), text[0]);
    vn_stamp_text(p->freq, vn_panel_stamp(p, i, to - from), text[1]);
    VN_FUZZ_CHECK(strcmp(text[0], text[1]) != 0); /* time goes on */
}

/* Read in small blocks the file gives the same panel, or the same sentence (`same`): of a file that lacks
 * a column and holds a zero byte, either is told. */
static void check_blocks(const char *path, const vn_data_options *o, size_t block, bool same,
                         const vn_panel *p)
{
    char message[1024] = "";
    if (!p) strncpy(message, vn_last_message(), sizeof message - 1);
    vn_panel *again;
    vn_status st = vn_panel_read_blocks(path, o, NULL, block, 1, &again);
    VN_FUZZ_CHECK(!st == (p != NULL));
    VN_FUZZ_CHECK(p || !same || !strncmp(vn_last_message(), message, sizeof message - 1));
    if (!p) return;
    VN_FUZZ_CHECK(again->n_series == p->n_series && again->n_rows == p->n_rows);
    for (int64_t i = 0; i < p->n_rows; i++) VN_FUZZ_CHECK(again->y[i] == p->y[i]);
    vn_panel_close(again);
}

void vn_fuzz_csv(const uint8_t *data, size_t n)
{
    if (!n) return;
    vn_data_options o = options_of(data[0]);
    vn_panel *p;
    const char *path = vn_fuzz_file(data + 1, n - 1);
    vn_status st = vn_panel_read(path, &o, NULL, &p);
    VN_FUZZ_CHECK(!st == (p != NULL));
    VN_FUZZ_CHECK(!st || st == VN_E_DATA || st == VN_E_ARGUMENT);
    VN_FUZZ_CHECK(!st || *vn_last_message());
    check_blocks(path, &o, 1 + data[0] % 97, !memchr(data + 1, 0, n - 1), p);
    if (!p) return;
    VN_FUZZ_CHECK(p->n_series > 0 && p->indptr[0] == 0 && p->indptr[p->n_series] == p->n_rows);
    VN_FUZZ_CHECK(p->season >= 1);
    for (int64_t i = 0; i < p->n_series; i++) check_series(p, i);
    vn_panel *joined;
    if (!vn_panel_append(p, p, &joined)) vn_panel_close(joined);
    vn_panel_close(p);
}

/* Model files and checkpoints. A checksum would keep mutations out of everything behind it, so the
 * targets put the right one in: what an attacker would do. An input that begins with '{' is a
 * header alone; prefix and data are made to fit it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/internal.h"
#include "host/train/checkpoint.h"
#include "tests/fuzz/fuzz.h"

enum { DATA_MAX = 1 << 20, DIGITS = 16, PREFIX = 8 };
enum { PAST = 64, AHEAD = 32, ROWS = PAST + AHEAD, SERIES = 2, FEW = 8 };

typedef struct file {
    char *bytes;
    size_t n;
} file;

/* The largest number behind "data_offsets":[a, */
static size_t data_size(const char *header, size_t n)
{
    static const char key[] = "\"data_offsets\":[";
    size_t most = 0;
    for (size_t i = 0; i + sizeof key < n; i++) {
        if (memcmp(header + i, key, sizeof key - 1)) continue;
        size_t k = i + sizeof key - 1, x = 0;
        while (k < n && header[k] != ',' && header[k] != ']') k++;
        for (k++; k < n && header[k] >= '0' && header[k] <= '9' && x < DATA_MAX; k++)
            x = x * 10 + (size_t)(header[k] - '0');
        if (x > most) most = x;
    }
    return most < DATA_MAX ? most : DATA_MAX;
}

static file make_file(const uint8_t *data, size_t n)
{
    bool bare = n && data[0] == '{';
    size_t size = bare ? data_size((const char *)data, n) : 0;
    file f = { malloc(n + PREFIX + size + 1), bare ? n + PREFIX + size : n };
    VN_FUZZ_CHECK(f.bytes != NULL);
    if (!bare) {
        memcpy(f.bytes, data, n);
        return f;
    }
    for (int i = 0; i < PREFIX; i++) f.bytes[i] = (char)(n >> 8 * i);
    memcpy(f.bytes + PREFIX, data, n);
    float small = 0.01f; /* weights whose forecasts are finite; counts of a checkpoint are not */
    for (size_t i = 0; i < size; i++) f.bytes[PREFIX + n + i] = ((char *)&small)[i % sizeof small];
    return f;
}

/* Puts the checksum the last failure asked for into the text; false if it was another failure. */
static bool mend_checksum(file *f)
{
    static const char says[] = "the checksum is ", key[] = "\"checksum\":\"";
    const char *want = strstr(vn_last_message(), says);
    if (!want) return false;
    for (size_t i = 0; i + sizeof key + DIGITS < f->n; i++)
        if (!memcmp(f->bytes + i, key, sizeof key - 1)) {
            memcpy(f->bytes + i + sizeof key - 1, want + sizeof says - 1, DIGITS);
            return true;
        }
    return false;
}

/* Two series with the features the model wants, named as it wants them. */
static vane_dataset *data_for(const vn_fitted *m)
{
    static const char *const id[SERIES] = { "a", "b" };
    static const int64_t indptr[SERIES + 1] = { 0, ROWS, 2 * ROWS };
    static float y[SERIES * ROWS], column[SERIES * ROWS * FEW];
    static const char *text[SERIES * ROWS * FEW];
    char freq[VN_STAMP_TEXT];
    int64_t n_futr = m->n_futr - m->n_futr_cat - m->n_calendar, n_stat = m->n_stat - m->n_stat_cat;
    if (m->n_hist > FEW || m->n_futr > FEW + VN_CALENDAR_COUNT || m->n_stat > FEW) return NULL;
    for (int i = 0; i < SERIES * ROWS; i++) y[i] = i % ROWS < PAST ? 10 + (float)(i % 7) : NAN;
    vane_arrays a = { .size = sizeof a,
                      .n_series = SERIES,
                      .id = id,
                      .indptr = indptr,
                      .y = y,
                      .freq = m->freq.unit == VN_FREQ_STEP ? "1" : vn_freq_text(m->freq, freq),
                      .season = m->season,
                      .n_hist = m->n_hist,
                      .n_futr = n_futr,
                      .n_stat = n_stat,
                      .hist_name = m->hist_name,
                      .futr_name = m->futr_name,
                      .stat_name = m->stat_name,
                      .hist = column,
                      .futr = column,
                      .stat = column,
                      .n_cat = m->n_futr_cat,
                      .n_stat_cat = m->n_stat_cat,
                      .cat_name = m->futr_name + n_futr,
                      .stat_cat_name = m->stat_name + n_stat,
                      .cat = text,
                      .stat_cat = text };
    vane_dataset *d;
    return vane_dataset_make(&a, &d) ? NULL : d;
}

static volatile float sink; /* every value is read */

/* A loaded model is used: nothing in it may lead outside of memory. Sizes that only take longer are
 * left out. */
static void use(const vane_model *model)
{
    static vane_config *config;
    const vn_fitted *m = model->fitted;
    vane_forecast *f;
    if (m->train.h > AHEAD || m->train.input_size > 512 || m->season > 512) return;
    if (!config) {
        VN_FUZZ_CHECK(!vane_config_open(&config));
        VN_FUZZ_CHECK(!vane_config_set(config, VANE_FLAG, NULL, "threads", "1"));
    }
    vane_dataset *data = data_for(m);
    if (data && !vane_forecast_make(config, model, data, NULL, NULL, &f)) {
        VN_FUZZ_CHECK(vane_forecast_n_series(f) == SERIES && vane_forecast_h(f) == m->train.h);
        const float *values = vane_forecast_values(f);
        for (int64_t i = 0; i < SERIES * m->train.h; i++) sink = values[i];
        vane_forecast_close(f);
    }
    vane_dataset_close(data);
}

/* Everything a report of the model says can be said. */
static void describe(const vane_model *model)
{
    vane_report *r;
    VN_FUZZ_CHECK(!vane_model_report(model, &r));
    VN_FUZZ_CHECK(*vane_report_text(r) && *vane_report_json(r) == '{');
    vane_report_close(r);
}

void vn_fuzz_model(const uint8_t *data, size_t n)
{
    file f = make_file(data, n);
    vane_model *m;
    vane_status st = vane_model_load(vn_fuzz_file(f.bytes, f.n), &m);
    if (st && mend_checksum(&f)) st = vane_model_load(vn_fuzz_file(f.bytes, f.n), &m);
    VN_FUZZ_CHECK(!st == (m != NULL));
    VN_FUZZ_CHECK(!st || st == VANE_E_MODEL);
    if (m) {
        describe(m);
        use(m);
    }
    vane_model_close(m);
    free(f.bytes);
}

/* The run that a checkpoint is read into. */
static const vn_fitted *some_run(void)
{
    static vn_fitted *m;
    if (m) return m;
    VN_FUZZ_CHECK(!vn_fitted_open(vn_model_find("linear"), &m));
    m->train.h = 2;
    m->train.input_size = 3;
    VN_FUZZ_CHECK(!vn_fitted_declare(m) && !vn_params_layout(m->params));
    return m;
}

void vn_fuzz_checkpoint(const uint8_t *data, size_t n)
{
    enum { BLOCK = 4096 };
    static float block[3][BLOCK];
    const vn_fitted *m = some_run();
    VN_FUZZ_CHECK(m->params->n_block <= BLOCK);
    file f = make_file(data, n);
    vn_fit_state state = { 0 };
    vn_fit_blocks blocks = { block[0], block[1], block[2] };
    vn_status st = vn_checkpoint_load(vn_fuzz_file(f.bytes, f.n), m, 7, &state, &blocks);
    if (st && mend_checksum(&f))
        st = vn_checkpoint_load(vn_fuzz_file(f.bytes, f.n), m, 7, &state, &blocks);
    VN_FUZZ_CHECK(!st || st == VN_E_MODEL || st == VN_E_DATA || st == VN_E_ARGUMENT);
    if (!st) VN_FUZZ_CHECK(state.step >= 0 && state.step <= m->train.max_steps);
    free(f.bytes);
}

/* The model file and its container: what was saved comes back, whatever else is refused. */
#include <check.h>
#include <math.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/train/checksum.h"
#include "host/train/fitted.h"
#include "tests/train/lab.h"

/* A small linear model with drawn weights and features of awkward names, without a device. */
static vn_fitted *some_model(void)
{
    static const char *hist[] = { "a, \"b\"", "c" }, *stat[] = { "d\n" };
    vn_lab lab = { .panel = vn_lab_sines(1, 60) };
    lab.panel->hist_name = hist;
    lab.panel->n_hist = 2;
    lab.panel->stat_name = stat;
    lab.panel->n_stat = 1;
    lab.panel->freq = (vn_freq){ VN_FREQ_MONTH, 3, true, true };
    const vn_setting settings[] = { { "h", "2" },
                                    { "input_size", "3" },
                                    { "learning_rate", "1e-3" },
                                    { "horizon_weight", "[0.1, 1]" },
                                    { "seed", "77" },
                                    { NULL, NULL } };
    vn_fitted *m = vn_lab_model(&lab, "linear", settings);
    m->local_scaler = VN_SCALER_ROBUST;
    ck_assert_int_eq(vn_fitted_declare(m), VN_OK);
    ck_assert_int_eq(vn_params_layout(m->params), VN_OK);
    vn_params_draw(m->params, 3);
    vn_panel_close(lab.panel);
    return m;
}

static void write_file(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    fclose(f);
}

static char *read_file(const char *path, size_t *n)
{
    char *data;
    ck_assert_int_eq(vn_file_read(path, 0, &data, n), VN_OK);
    return data;
}

START_TEST(the_checksum_is_xxh64)
{
    /* The values the algorithm's author publishes. */
    ck_assert_uint_eq(vn_xxh64("", 0, 0), 0xEF46DB3751D8E999u);
    ck_assert_uint_eq(vn_xxh64("abc", 3, 0), 0x44BC2CF5AD770999u);
    const char *text = "Nobody inspects the spammish repetition";
    ck_assert_uint_eq(vn_xxh64(text, strlen(text), 0), 0xFBCEA83C8A378BF1u);
}
END_TEST

START_TEST(a_saved_model_comes_back_whole)
{
    const char *path = vn_lab_path("whole.vane"), *second = vn_lab_path("second.vane");
    vn_fitted *m = some_model(), *n;
    ck_assert_int_eq(vn_fitted_save(m, path), VN_OK);
    ck_assert_msg(!vn_fitted_load(path, &n), "%s", vn_last_message());
    ck_assert(vn_lab_same_weights(m, n));
    ck_assert_ptr_eq(n->def, m->def);
    for (const vn_option *o = vn_train_option_table; o->name; o++)
        ck_assert_msg(vn_option_same(o, &m->train, &n->train), "%s", o->name);
    for (const vn_option *o = m->def->options; o->name; o++)
        ck_assert_msg(vn_option_same(o, m->hparams, n->hparams), "%s", o->name);
    ck_assert_str_eq(n->hist_name[0], "a, \"b\"");
    ck_assert_str_eq(n->hist_name[1], "c");
    ck_assert_str_eq(n->stat_name[0], "d\n");
    ck_assert(n->n_hist == 2 && n->n_futr == 0 && n->n_stat == 1 && n->season == 12);
    ck_assert(n->freq.unit == VN_FREQ_MONTH && n->freq.n == 3 && n->freq.month_end &&
              n->freq.date_only && n->local_scaler == VN_SCALER_ROBUST);
    size_t a, b;
    ck_assert_int_eq(vn_fitted_save(n, second), VN_OK);
    char *x = read_file(path, &a), *y = read_file(second, &b);
    ck_assert(a == b && !memcmp(x, y, a));
    vn_free(x);
    vn_free(y);
    unlink(path);
    unlink(second);
    vn_fitted_close(m);
    vn_fitted_close(n);
}
END_TEST

START_TEST(weights_that_are_no_numbers_are_refused)
{
    const char *path = vn_lab_path("nan.vane");
    vn_fitted *m = some_model(), *n;
    m->params->block[m->params->entry[0].offset] = _i ? INFINITY : NAN;
    ck_assert_int_eq(vn_fitted_save(m, path), VN_OK);
    ck_assert_int_eq(vn_fitted_load(path, &n), VN_E_MODEL);
    ck_assert_ptr_null(n);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "element 0 of tensor"));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), m->params->entry[0].name));
    unlink(path);
    vn_fitted_close(m);
}
END_TEST

START_TEST(a_loaded_model_forecasts_the_same_bits)
{
    static const char *const models[] = { "linear", "nhits", "nbeats" };
    const vn_setting settings[] = { { "scaler_type", "revin" }, { NULL, NULL } };
    const char *path = vn_lab_path("forecast.vane");
    int32_t pairs[4] = { 0, 50, 2, 99 };
    float out[2][8];
    vn_lab lab;
    vn_lab_open(&lab, models[_i], 1, settings);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    ck_assert_int_eq(vn_fitted_save(lab.m, path), VN_OK);
    for (int i = 0; i < 2; i++) {
        vn_predictor *p;
        ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 2, &p), VN_OK);
        ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 2, out[i]), VN_OK);
        vn_predictor_close(p);
        if (i) break;
        vn_fitted_close(lab.m);
        ck_assert_msg(!vn_fitted_load(path, &lab.m), "%s", vn_last_message());
    }
    ck_assert_int_eq(memcmp(out[0], out[1], sizeof out[0]), 0);
    unlink(path);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(every_truncated_model_is_refused)
{
    const char *path = vn_lab_path("cut.vane");
    vn_fitted *m = some_model(), *got;
    size_t n;
    ck_assert_int_eq(vn_fitted_save(m, path), VN_OK);
    char *data = read_file(path, &n);
    for (size_t k = 0; k < n; k++) {
        write_file(path, data, k);
        ck_assert_int_eq(vn_fitted_load(path, &got), VN_E_MODEL);
        ck_assert_ptr_null(got);
        ck_assert_ptr_nonnull(strstr(vn_last_message(), path));
    }
    vn_free(data);
    unlink(path);
    vn_fitted_close(m);
}
END_TEST

/* Loading what stands at path either fails as a model error or gives the very same model. */
static void refused_or_same(const char *path, const vn_fitted *m, const char *copy,
                            const char *saved, size_t n, size_t at)
{
    vn_fitted *got;
    vn_status st = vn_fitted_load(path, &got);
    if (st) {
        ck_assert_msg(st == VN_E_MODEL, "byte %zu: %s", at, vn_last_message());
        return;
    }
    ck_assert_msg(vn_lab_same_weights(m, got), "byte %zu changed the weights", at);
    size_t n_copy;
    ck_assert_int_eq(vn_fitted_save(got, copy), VN_OK);
    char *again = read_file(copy, &n_copy);
    ck_assert_msg(n_copy == n && !memcmp(again, saved, n), "byte %zu changed the model", at);
    vn_free(again);
    vn_fitted_close(got);
}

START_TEST(every_altered_bit_is_noticed)
{
    const char *path = vn_lab_path("flip.vane"), *copy = vn_lab_path("flip2.vane");
    vn_fitted *m = some_model();
    size_t n;
    ck_assert_int_eq(vn_fitted_save(m, path), VN_OK);
    char *data = read_file(path, &n), *saved = malloc(n);
    memcpy(saved, data, n);
    for (size_t k = 0; k < n; k++) {
        data[k] ^= (char)(1 << _i);
        write_file(path, data, n);
        refused_or_same(path, m, copy, saved, n, k);
        data[k] = saved[k];
    }
    free(saved);
    vn_free(data);
    unlink(path);
    unlink(copy);
    vn_fitted_close(m);
}
END_TEST

/* Save m's description with one key left out (or renamed), and load it. */
static vn_status load_with(const char *drop, const char *key, const char *value)
{
    const char *path = vn_lab_path("keys.vane");
    vn_fitted *m = some_model(), *got;
    vn_meta_list meta = { 0 };
    vn_stored tensor[8];
    const vn_params *p = m->params;
    ck_assert_int_eq(vn_fitted_describe(m, "vane.model", &meta), VN_OK);
    for (int i = 0; drop && i < meta.n; i++)
        if (!strcmp(meta.v[i].key, drop)) meta.v[i] = meta.v[--meta.n];
    if (key) vn_meta_put(&meta, key, "%s", value);
    for (int i = 0; i < p->n; i++) {
        const vn_param_entry *e = &p->entry[i];
        tensor[i] = (vn_stored){ .name = e->name,
                                 .dtype = VN_F32,
                                 .rank = e->t.rank,
                                 .data = p->block + e->offset,
                                 .bytes = (size_t)vn_count(&e->t) * sizeof(float) };
        memcpy(tensor[i].dim, e->t.dim, (size_t)e->t.rank * sizeof *e->t.dim);
    }
    ck_assert_int_eq(vn_safetensors_write(path, meta.v, meta.n, tensor, p->n), VN_OK);
    vn_status st = vn_fitted_load(path, &got);
    unlink(path);
    vn_fitted_close(got);
    vn_meta_close(&meta);
    vn_fitted_close(m);
    return st;
}

START_TEST(missing_unknown_and_wrong_keys_are_named)
{
    static const struct {
        const char *drop, *key, *value, *words;
    } cases[] = {
        { "train.h", NULL, NULL, "h is 0" },
        { "train.input_size", NULL, NULL, "input_size 0" },
        { "schema.hist_exog", NULL, NULL, "no \"schema.hist_exog\"" },
        { NULL, "train.speed", "9", "\"train.speed\"" },
        { "train.h", "train.h", "two", "train.h" },
        { "train.h", "train.h", "0", "h is 0" },
        { "train.h", "train.h", "3", "tensor" },
        { "model", "model", "oracle", "oracle" },
        { "model_version", "model_version", "99", "99" },
        { "format", "format", "vane.checkpoint", "vane.checkpoint" },
        { "format_version", "format_version", "2", "format_version" },
        { "schema.hist_exog", "schema.hist_exog", "[1]", "no list of names" },
        { "schema.hist_exog", "schema.hist_exog", "[\"c\"]", "tensor" },
        { "train.input_size", "train.input_size", "1000000", "tensor" },
    };
    ck_assert_int_eq(load_with(NULL, NULL, NULL), VN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_status st = load_with(cases[i].drop, cases[i].key, cases[i].value);
        ck_assert_msg(st == VN_E_MODEL && strstr(vn_last_message(), cases[i].words), "%zu: %s", i,
                      vn_last_message());
    }
}
END_TEST

START_TEST(an_option_younger_than_the_file_has_its_default)
{
    ck_assert_int_eq(load_with("train.cat_emb_dim", NULL, NULL), VN_OK);
    ck_assert_int_eq(load_with("model.moving_avg_window", NULL, NULL), VN_OK);
    ck_assert_int_eq(load_with("schema.freq_date_only", NULL, NULL), VN_OK);
}
END_TEST

START_TEST(a_failed_save_leaves_the_old_file)
{
    const char *path = vn_lab_path("old.vane");
    vn_fitted *m = some_model();
    vn_status st = VN_E_IO;
    int k = 1;
    write_file(path, "old", 3);
    for (; k < 50; k++) {
        vn_fault_arm(VN_FAULT_WRITE, k);
        st = vn_fitted_save(m, path);
        vn_fault_arm(VN_FAULT_WRITE, 0);
        if (!st) break;
        size_t n;
        char *data = read_file(path, &n);
        bool old = n == 3 && !memcmp(data, "old", 3);
        vn_free(data);
        ck_assert_int_eq(st, VN_E_IO);
        if (!old) break; /* the rename is done, only the folder's sync failed */
    }
    ck_assert_int_gt(k, 3);
    ck_assert_int_eq(vn_fitted_save(m, path), VN_OK);
    ck_assert_int_ne(vn_fitted_save(m, "/no/such/folder/m.vane"), VN_OK);
    unlink(path);
    vn_fitted_close(m);
}
END_TEST

START_TEST(every_allocation_of_loading_and_saving_may_fail)
{
    const char *path = vn_lab_path("alloc.vane");
    vn_fitted *m = some_model(), *got = NULL;
    vn_status st = VN_E_MEMORY;
    int n = 1;
    for (; st && n < 5000; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vn_fitted_save(m, path);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
    }
    ck_assert(!st && n > 5);
    for (n = 1, st = VN_E_MEMORY; st && n < 5000; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vn_fitted_load(path, &got);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(!st || (st == VN_E_MEMORY && !got), "%d: %s", n, vn_last_message());
    }
    ck_assert(!st && n > 10);
    unlink(path);
    vn_fitted_close(got);
    vn_fitted_close(m);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_an_argument)
{
    vn_fitted *m;
    ck_assert_int_eq(vn_fitted_load("/no/such/model.vane", &m), VN_E_ARGUMENT);
    ck_assert_ptr_null(m);
}
END_TEST

/* ---- the container ---- */

static vn_status read_header(const char *header, size_t claimed, size_t n_data)
{
    const char *path = vn_lab_path("header.safetensors");
    size_t n = strlen(header);
    char *data = calloc(8 + n + n_data, 1);
    for (int i = 0; i < 8; i++) data[i] = (char)(claimed >> 8 * i);
    memcpy(data + 8, header, n);
    write_file(path, data, 8 + n + n_data);
    free(data);
    vn_safetensors *f;
    vn_status st = vn_safetensors_read(path, &f);
    vn_safetensors_close(f);
    unlink(path);
    return st;
}

#define ENTRY(dtype, shape, from, to)                                                              \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

START_TEST(headers_of_strangers_are_checked)
{
    static const struct {
        const char *header;
        size_t n_data;
        const char *words; /* NULL: fine */
    } cases[] = {
        { "{}", 0, NULL },
        { "{\"a\":" ENTRY("F32", "[2]", 0, 8) "}   ", 8, NULL },
        { "{\"b\":" ENTRY("F64", "[1]", 4, 12) ",\"a\":" ENTRY("I32", "[]", 0, 4) "}", 12, NULL },
        { "{\"__metadata__\":{\"k\":\"v\"},\"a\":" ENTRY("I64", "[1,1]", 0, 8) "}", 8, NULL },
        { " {}", 0, "'{'" },
        { "[]", 0, "'{'" },
        { "{\"a\":", 0, "header:" },
        { "{\"a\":" ENTRY("F32", "[1]", 0, 4) ",\"a\":" ENTRY("F32", "[1]", 4, 8) "}", 8,
          "header:" },
        { "{\"a\":" ENTRY("F16", "[2]", 0, 4) "}", 4, "F16" },
        { "{\"a\":" ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, "9 dimensions" },
        { "{\"a\":" ENTRY("F32", "[0]", 0, 0) "}", 0, "positive" },
        { "{\"a\":" ENTRY("F32", "[-1]", 0, 4) "}", 4, "positive" },
        { "{\"a\":" ENTRY("F32", "[1.0]", 0, 4) "}", 4, "positive" },
        { "{\"a\":" ENTRY("F32", "[4611686018427387904,4]", 0, 0) "}", 0, "memory can hold" },
        { "{\"a\":" ENTRY("F32", "[2]", 0, 4) "}", 4, "4 bytes of data" },
        { "{\"a\":" ENTRY("F32", "[2]", 0, 8) "}", 4, "outside" },
        { "{\"a\":" ENTRY("F32", "[1]", 8, 4) "}", 8, "outside" },
        { "{\"a\":" ENTRY("F32", "[1]", 4, 8) "}", 8, "expected 0" },
        { "{\"a\":" ENTRY("F32", "[1]", 0, 4) "}", 8, "no tensor" },
        { "{\"a\":" ENTRY("F32", "[2]", 0, 8) ",\"b\":" ENTRY("F32", "[2]", 4, 12) "}", 12,
          "expected" },
        { "{\"a\":" ENTRY("F32", "[1]", 0, 4) ",\"b\":" ENTRY("F32", "[1]", 8, 12) "}", 12,
          "expected" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no more" },
        { "{\"a\":7}", 0, "no more" },
        { "{\"__metadata__\":{\"k\":1}}", 0, "plain text" },
        { "{\"__metadata__\":[]}", 0, "object" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_status st = read_header(cases[i].header, strlen(cases[i].header), cases[i].n_data);
        if (!cases[i].words)
            ck_assert_msg(!st, "%zu: %s", i, vn_last_message());
        else
            ck_assert_msg(st == VN_E_MODEL && strstr(vn_last_message(), cases[i].words), "%zu: %s",
                          i, vn_last_message());
    }
    ck_assert_int_eq(read_header("{}", 3, 0), VN_E_MODEL);
    ck_assert_int_eq(read_header("{}", (size_t)1 << 62, 0), VN_E_MODEL);
    ck_assert_int_eq(read_header("{}", SIZE_MAX, 0), VN_E_MODEL);
}
END_TEST

START_TEST(long_names_are_refused)
{
    char name[300], header[512];
    memset(name, 'x', sizeof name);
    for (int n = 256; n <= 257; n++) {
        snprintf(header, sizeof header, "{\"%.*s\":" ENTRY("F32", "[1]", 0, 4) "}", n, name);
        ck_assert_int_eq(read_header(header, strlen(header), 4), n == 256 ? VN_OK : VN_E_MODEL);
    }
}
END_TEST

START_TEST(the_golden_files_of_others_are_read)
{
    vn_safetensors *f;
    ck_assert_msg(
        !vn_safetensors_read(VANE_SOURCE_DIR "/tests/golden/nhits_default.safetensors", &f), "%s",
        vn_last_message());
    ck_assert_int_gt(f->n_tensors, 3);
    ck_assert_int_eq(vn_safetensors_verify(f), VN_E_MODEL); /* it has no checksum */
    vn_safetensors_close(f);
}
END_TEST

Suite *vn_suite_model_file(void);

Suite *vn_suite_model_file(void)
{
    Suite *s = suite_create("model_file");
    TCase *t = tcase_create("file");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, the_checksum_is_xxh64);
    tcase_add_test(t, a_saved_model_comes_back_whole);
    tcase_add_loop_test(t, weights_that_are_no_numbers_are_refused, 0, 2);
    tcase_add_loop_test(t, a_loaded_model_forecasts_the_same_bits, 0, 3);
    tcase_add_test(t, every_truncated_model_is_refused);
    tcase_add_loop_test(t, every_altered_bit_is_noticed, 0, 8);
    tcase_add_test(t, missing_unknown_and_wrong_keys_are_named);
    tcase_add_test(t, an_option_younger_than_the_file_has_its_default);
    tcase_add_test(t, a_failed_save_leaves_the_old_file);
    tcase_add_test(t, every_allocation_of_loading_and_saving_may_fail);
    tcase_add_test(t, a_file_that_is_not_there_is_an_argument);
    tcase_add_test(t, headers_of_strangers_are_checked);
    tcase_add_test(t, long_names_are_refused);
    tcase_add_test(t, the_golden_files_of_others_are_read);
    suite_add_tcase(s, t);
    return s;
}

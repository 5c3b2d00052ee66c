/* Forecasts as CSV and JSON. */
#include <inttypes.h>
#include <string.h>

#include "base/os.h"
#include "host/api/forecast.h"

/* A CSV field, quoted where it must be. */
static void put_field(vn_text *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        vn_text_put(out, s, strlen(s));
        return;
    }
    vn_text_put(out, "\"", 1);
    for (; *s; s++) {
        if (*s == '"') vn_text_put(out, "\"", 1);
        vn_text_put(out, s, 1);
    }
    vn_text_put(out, "\"", 1);
}

static vane_status save(vn_text *text, const char *path)
{
    vane_status st = text->failed
                         ? vn_public(VN_FAIL(VN_E_MEMORY, "no memory for the forecast's text"))
                         : vane_write_file(path, text->s, text->n);
    vn_text_close(text);
    return st;
}

/* ",Prophet-lo-80,Prophet-hi-80" and the line's end. */
static void put_heads(vn_text *text, const vane_forecast *f)
{
    vn_arena scratch = { 0 };
    for (int c = 0; c < f->columns.n; c++) {
        char *name = vn_arena_printf(&scratch, "%s-%s", f->alias, f->columns.name[c]);
        vn_text_put(text, ",", 1);
        put_field(text, name ? name : "");
        text->failed |= !name;
    }
    vn_text_put(text, "\n", 1);
    vn_arena_close(&scratch);
}

/* The shortest text of number `at` of an array, with its rest (may be NULL). */
static const char *number_text(const float *y, const float *rest, int64_t at, char *out)
{
    if (!rest || rest[at] == 0) return vn_format_f32(y[at], out);
    return vn_format_f64((double)y[at] + (double)rest[at], out);
}

static const float *rest_of(const vane_forecast *f, int column)
{
    return f->columns.rest ? f->columns.rest[column] : NULL;
}

vane_status vane_forecast_csv(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    char stamp[VN_STAMP_TEXT], number[VN_NUMBER_MAX];
    vn_text_printf(&text, "unique_id,ds,%s", f->alias);
    put_heads(&text, f);
    for (int64_t i = 0; i < f->n_series; i++)
        for (int64_t k = 0; k < f->h; k++) {
            put_field(&text, f->id[i]);
            vn_text_printf(&text, ",%s,%s", vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp),
                           number_text(f->y, f->y_rest, i * f->h + k, number));
            for (int c = 0; c < f->columns.n; c++)
                vn_text_printf(&text, ",%s",
                               number_text(f->columns.value[c], rest_of(f, c), i * f->h + k, number));
            vn_text_put(&text, "\n", 1);
        }
    return save(&text, path);
}

/* ,"name":[h numbers], those of series i */
static void put_values(vn_text *text, const vane_forecast *f, const char *name, const float *y,
                       const float *rest, int64_t i)
{
    char number[VN_NUMBER_MAX];
    vn_text_put(text, ",", 1);
    vn_text_json(text, name);
    vn_text_put(text, ":[", 2);
    for (int64_t k = i * f->h; k < (i + 1) * f->h; k++) {
        bool finite = y[k] - y[k] == 0;
        vn_text_printf(text, "%s%s", k > i * f->h ? "," : "",
                       finite ? number_text(y, rest, k, number) : "null");
    }
    vn_text_put(text, "]", 1);
}

/* The weights of one step k of series i. */
static void put_weights(const vane_forecast *f, int64_t i, int64_t k, vn_text *out)
{
    char stamp[VN_STAMP_TEXT], seen[VN_STAMP_TEXT], number[VN_NUMBER_MAX];
    const float *weight = f->attention + (i * f->h + k) * f->n_input;
    vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp);
    for (int64_t t = f->first[i]; t < f->n_input; t++) {
        put_field(out, f->id[i]);
        vn_text_printf(out, ",%s,%s,%s\n", stamp,
                       vn_stamp_text(f->freq, f->seen[i * f->n_input + t], seen),
                       vn_format_f32(weight[t], number));
    }
}

vane_status vane_forecast_attention_csv(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    if (!f->attention)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "the forecast was made without its attention; "
                                                "vane_forecast_attend keeps it"));
    vn_text_printf(&text, "unique_id,ds,input_ds,attention\n");
    for (int64_t i = 0; i < f->n_series; i++)
        for (int64_t k = 0; k < f->h; k++) put_weights(f, i, k, &text);
    return save(&text, path);
}

/* The paths of one series, path after path. */
static void put_paths(const vane_forecast *f, int64_t i, vn_text *out)
{
    char stamp[VN_STAMP_TEXT], number[VN_NUMBER_MAX];
    for (int64_t p = 0; p < f->n_paths; p++)
        for (int64_t k = 0; k < f->h; k++) {
            put_field(out, f->id[i]);
            vn_text_printf(out, ",%s,%" PRId64 ",%s\n",
                           vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp), p + 1,
                           vn_format_f32(f->samples[(i * f->n_paths + p) * f->h + k], number));
        }
}

/* A series at a time: all paths as text can be gigabytes. */
static vn_status write_paths(const vane_forecast *f, vn_text *text, vn_out *out)
{
    for (int64_t i = 0; i < f->n_series; i++) {
        put_paths(f, i, text);
        if (text->failed) return VN_FAIL(VN_E_MEMORY, "no memory for the text of a series' paths");
        VN_TRY(vn_out_write(out, text->s, text->n));
        text->n = 0;
    }
    return vn_out_commit(out);
}

vane_status vane_forecast_samples_csv(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    vn_out *out = NULL;
    if (!f->samples)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "the forecast was made without its sample paths; "
                                                "vane_forecast_draw keeps them"));
    vn_text_printf(&text, "unique_id,ds,sample,%s\n", f->alias);
    vn_status st = vn_out_open(path, &out);
    if (!st) st = write_paths(f, &text, out);
    vn_out_close(out);
    vn_text_close(&text);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

vane_status vane_forecast_json(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    vn_arena scratch = { 0 };
    char stamp[VN_STAMP_TEXT];
    vn_text_printf(&text, "{\"schema\":1,\"model\":\"%s\",\"h\":%" PRId64 ",\"series\":[", f->alias,
                   f->h);
    for (int64_t i = 0; i < f->n_series; i++) {
        vn_text_printf(&text, "%s\n{\"unique_id\":", i ? "," : "");
        vn_text_json(&text, f->id[i]);
        vn_text_printf(&text, ",\"ds\":[");
        for (int64_t k = 0; k < f->h; k++)
            vn_text_printf(&text, "%s\"%s\"", k ? "," : "",
                           vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp));
        vn_text_printf(&text, "]");
        put_values(&text, f, f->alias, f->y, f->y_rest, i);
        for (int c = 0; c < f->columns.n; c++) {
            char *name = vn_arena_printf(&scratch, "%s-%s", f->alias, f->columns.name[c]);
            put_values(&text, f, name ? name : "", f->columns.value[c], rest_of(f, c), i);
            text.failed |= !name;
        }
        vn_arena_close(&scratch);
        vn_text_printf(&text, "}");
    }
    vn_text_printf(&text, "\n]}\n");
    return save(&text, path);
}

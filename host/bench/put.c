/* Results as text: a table for people, flat rows for spreadsheets and databases, JSON with all. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "host/bench/set.h"

/* One column of the flat formats. */
typedef struct field {
    const char *name;
    const char *text; /* NULL: a number */
    double number;
    bool whole;
} field;
enum { N_FIELDS = 41 };

static const char *const samples_column = "rounds";

static int fields_of(const vn_bench_set *set, const vn_bench_row *row, const vn_bench_summary *s,
                     field f[N_FIELDS])
{
    const vn_machine *m = &set->machine;
    const vn_bench_key *k = &row->key;
    const field all[] = {
        { "schema", NULL, VN_BENCH_SCHEMA, true },
        { "vane", m->vane, 0, false },
        { "commit_id", m->commit, 0, false },
        { "compiler", m->compiler, 0, false },
        { "build", m->build, 0, false },
        { "date", m->date, 0, false },
        { "cpu", m->cpu, 0, false },
        { "os", m->os, 0, false },
        { "cores", NULL, (double)m->cores, true },
        { "granted", NULL, (double)m->granted, true },
        { "memory_bytes", NULL, (double)m->memory_bytes, true },
        { "name", row->name, 0, false },
        { "workload", k->workload, 0, false },
        { "kind", k->group, 0, false },
        { "axis", k->axis, 0, false },
        { "size", NULL, (double)k->size, true },
        { "options", k->options, 0, false },
        { "backend", k->backend, 0, false },
        { "level", k->level, 0, false },
        { "threads", NULL, (double)k->threads, true },
        { "clock", k->clock, 0, false },
        { "rate", NULL, k->rate, false },
        { "flops", NULL, row->flops, false },
        { "bytes", NULL, row->bytes, false },
        { "limit_us", NULL, row->limit_us, false },
        { "reduced_us", NULL, row->reduced_us, false },
        { "n_samples", NULL, (double)s->n, true },
        { "fastest_us", NULL, s->fastest_us, false },
        { "median_us", NULL, s->median_us, false },
        { "low_us", NULL, s->low_us, false },
        { "high_us", NULL, s->high_us, false },
        { "open_us", NULL, s->open_us, false },
        { "first_us", NULL, s->first_us, false },
    };
    int n = sizeof all / sizeof *all;
    memcpy(f, all, sizeof all);
    return n;
}

static void put_number(const field *f, vn_text *out)
{
    char text[VN_NUMBER_MAX];
    if (f->whole)
        vn_text_printf(out, "%lld", (long long)f->number);
    else
        vn_text_printf(out, "%s", vn_format_f32((float)f->number, text));
}

/* Every sample: [{"open_us":..,"first_us":..,"calls":..,"samples_us":[..]},..] */
static void put_rounds(const vn_bench_row *row, vn_text *out)
{
    char text[VN_NUMBER_MAX], first[VN_NUMBER_MAX];
    vn_text_put(out, "[", 1);
    for (int64_t i = 0; i < row->n; i++) {
        const vn_bench_round *r = &row->round[i];
        vn_text_printf(out, "%s{\"open_us\":%s,\"first_us\":%s,\"calls\":%lld,\"samples_us\":[",
                       i ? "," : "", vn_format_f32((float)r->open_us, text),
                       vn_format_f32((float)r->first_us, first), (long long)r->samples.calls);
        for (int64_t k = 0; k < r->samples.n; k++)
            vn_text_printf(out, "%s%s", k ? "," : "", vn_format_f32((float)r->samples.us[k], text));
        vn_text_put(out, "]}", 2);
    }
    vn_text_put(out, "]", 1);
}

static void put_object(const field *f, int first, int last, vn_text *out)
{
    for (int i = first; i < last; i++) {
        vn_text_printf(out, "%s\"%s\":", i > first ? "," : "", f[i].name);
        if (f[i].text)
            vn_text_json(out, f[i].text);
        else
            put_number(&f[i], out);
    }
}

/* A text with its quotes doubled. */
static void put_quoted(const char *s, char quote, vn_text *out)
{
    vn_text_put(out, &quote, 1);
    for (; *s; s++) {
        if (*s == quote) vn_text_put(out, &quote, 1);
        vn_text_put(out, s, 1);
    }
    vn_text_put(out, &quote, 1);
}

static void put_flat(const field *f, int n, const char *rounds, char quote, vn_text *out)
{
    for (int i = 0; i < n; i++) {
        if (f[i].text)
            put_quoted(f[i].text, quote, out);
        else
            put_number(&f[i], out);
        vn_text_put(out, ",", 1);
    }
    put_quoted(rounds, quote, out);
}

static void put_sql_table(const field *f, int n, vn_text *out)
{
    vn_text_printf(out, "CREATE TABLE IF NOT EXISTS vane_bench (\n");
    for (int i = 0; i < n; i++)
        vn_text_printf(out, "  %s %s,\n", f[i].name,
                       f[i].text    ? "TEXT"
                       : f[i].whole ? "INTEGER"
                                    : "REAL");
    vn_text_printf(out, "  %s TEXT\n);\n", samples_column);
}

static void put_csv_header(const field *f, int n, vn_text *out)
{
    for (int i = 0; i < n; i++) vn_text_printf(out, "%s,", f[i].name);
    vn_text_printf(out, "%s\n", samples_column);
}

/* ---- the table for people ---- */

static void put_md_header(const vn_bench_set *set, vn_text *out)
{
    const vn_machine *m = &set->machine;
    vn_text_printf(out, "vane %s %s, %s, %s\n%s, %s, %lld cores, %lld granted\n\n", m->vane,
                   *m->commit ? m->commit : "(commit unknown)", m->compiler, m->date, m->cpu, m->os,
                   (long long)m->cores, (long long)m->granted);
    vn_text_printf(out,
                   "| %-28s | %-11s | %7s | %10s | %10s | %10s | %5s | %10s | %5s | %8s | %6s | "
                   "%5s |\n",
                   "workload", "backend", "threads", "fastest us", "median us", "limit us", "share",
                   "reduced us", "share", "Gflop/s", "GB/s", "ratio");
    vn_text_printf(out,
                   "| %.28s | %.11s | %.6s: | %.9s: | %.9s: | %.9s: | %.4s: | %.9s: | %.4s: | "
                   "%.7s: | %.5s: | %.4s: |\n",
                   "----------------------------", "-----------", "------", "---------",
                   "---------", "---------", "----", "---------", "----", "-------", "-----", "----");
}

/* Three digits and their unit's place: 0.412, 41.2, 41234. */
static const char *figure(double x, char out[32])
{
    snprintf(out, 32, "%.*f", x >= 1000 ? 0 : x >= 100 ? 1 : x >= 10 ? 2 : 3, x);
    return out;
}

/* The first row of the same work on another backend: what this one is compared with. */
static const vn_bench_row *first_like(const vn_bench_set *set, int64_t i)
{
    const vn_bench_key *k = &set->row[i].key;
    for (int64_t j = 0; j < i; j++) {
        const vn_bench_key *o = &set->row[j].key;
        if (!strcmp(o->workload, k->workload) && o->size == k->size && o->threads == k->threads &&
            o->rate == k->rate && strcmp(o->backend, k->backend))
            return &set->row[j];
    }
    return NULL;
}

static vn_status put_md(const vn_bench_set *set, int64_t i, const vn_bench_summary *s, vn_text *out)
{
    char a[32], b[32], c[32], d[32], share[16] = "", of_reduced[16] = "";
    char rate[16] = "", bytes[16] = "", ratio[16] = "";
    const vn_bench_row *row = &set->row[i], *first = first_like(set, i);
    vn_bench_summary other = { 0 };
    if (first) VN_TRY(vn_bench_sum(first, &other));
    if (first) snprintf(ratio, sizeof ratio, "%.2f", other.median_us / s->median_us);
    if (row->limit_us > 0) snprintf(share, sizeof share, "%.2f", row->limit_us / s->fastest_us);
    if (row->reduced_us > 0)
        snprintf(of_reduced, sizeof of_reduced, "%.2f", row->reduced_us / s->fastest_us);
    if (row->flops > 0) snprintf(rate, sizeof rate, "%.1f", 1e-3 * row->flops / s->fastest_us);
    if (row->bytes > 0) snprintf(bytes, sizeof bytes, "%.1f", 1e-3 * row->bytes / s->fastest_us);
    vn_text_printf(out,
                   "| %-28s | %-11s | %7lld | %10s | %10s | %10s | %5s | %10s | %5s | %8s | %6s | "
                   "%5s |\n",
                   row->name, row->key.backend, (long long)row->key.threads,
                   figure(s->fastest_us, a), figure(s->median_us, b),
                   row->limit_us > 0 ? figure(row->limit_us, c) : "", share,
                   row->reduced_us > 0 ? figure(row->reduced_us, d) : "", of_reduced, rate, bytes,
                   ratio);
    return VN_OK;
}

/* ---- all formats ---- */

enum { MD, CSV, JSON, JSONL, SQL, N_FORMATS, OF_MACHINE = 11 };
static const char *const formats[N_FORMATS] = { "md", "csv", "json", "jsonl", "sql" };

static vn_status put_row(const vn_bench_set *set, int64_t i, int format, vn_text *out)
{
    field f[N_FIELDS];
    vn_bench_summary s;
    vn_text rounds = { 0 };
    VN_TRY(vn_bench_sum(&set->row[i], &s));
    if (format == MD) return put_md(set, i, &s, out);
    int n = fields_of(set, &set->row[i], &s, f);
    put_rounds(&set->row[i], &rounds);
    const char *samples = rounds.s ? rounds.s : "";
    if (format == CSV && i == 0) put_csv_header(f, n, out);
    if (format == SQL && i == 0) put_sql_table(f, n, out);
    if (format == SQL) vn_text_printf(out, "INSERT INTO vane_bench VALUES (");
    if (format == SQL || format == CSV) put_flat(f, n, samples, format == SQL ? '\'' : '"', out);
    if (format == JSON && i == 0) {
        vn_text_put(out, "{", 1);
        put_object(f, 0, OF_MACHINE, out);
        vn_text_printf(out, ",\"results\":[\n");
    }
    if (format == JSON || format == JSONL) {
        vn_text_printf(out, "%s{", format == JSON && i ? ",\n" : "");
        put_object(f, format == JSON ? OF_MACHINE : 0, n, out);
        vn_text_printf(out, ",\"%s\":%s}", samples_column, samples);
    }
    vn_text_printf(out, "%s", format == SQL ? ");\n" : format == JSON ? "" : "\n");
    bool failed = rounds.failed;
    vn_text_close(&rounds);
    return failed ? VN_FAIL(VN_E_MEMORY, "no memory for the samples") : VN_OK;
}

vn_status vn_bench_put(const vn_bench_set *set, const char *format, vn_text *out)
{
    int at = 0;
    while (at < N_FORMATS && strcmp(formats[at], format)) at++;
    if (at == N_FORMATS)
        return VN_FAIL(VN_E_ARGUMENT, "no format \"%s\"; expected md, csv, json, jsonl or sql",
                       format);
    if (set->n == 0) return VN_FAIL(VN_E_ARGUMENT, "there are no results to write");
    if (at == MD) put_md_header(set, out);
    for (int64_t i = 0; i < set->n; i++) VN_TRY(put_row(set, i, at, out));
    if (at == JSON) vn_text_printf(out, "\n]}\n");
    return out->failed ? VN_FAIL(VN_E_MEMORY, "no memory for the results") : VN_OK;
}

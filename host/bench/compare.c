/* Two sets of results side by side; see compare.h. */
#include "host/bench/compare.h"

#include <string.h>

#include "base/fault.h"
#include "host/bench/stats.h"

/* Of the Mann-Whitney test. */
static const double significant = 0.01;

/* What happens from one opening to the next (where the memory lies, what else ran) moves all
 * samples of a round together, so a round counts once, by its median. */
static vn_status medians(const vn_bench_row *row, double **out)
{
    *out = NULL;
    double *x = vn_malloc((size_t)row->n * sizeof *x);
    if (!x) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < row->n; i++) {
        const vn_round *r = &row->round[i].samples;
        double *sorted = vn_malloc((size_t)r->n * sizeof *sorted);
        if (!sorted) {
            vn_free(x);
            return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        }
        memcpy(sorted, r->us, (size_t)r->n * sizeof *sorted);
        vn_sort(sorted, r->n);
        x[i] = vn_median_sorted(sorted, r->n);
        vn_free(sorted);
    }
    *out = x;
    return VN_OK;
}

static const vn_bench_row *partner(const vn_bench_set *set, const vn_bench_key *k)
{
    for (int64_t i = 0; i < set->n; i++)
        if (vn_bench_same(&set->row[i].key, k)) return &set->row[i];
    return NULL;
}

static vn_status check(const vn_bench_set *base, const vn_bench_set *now)
{
    const vn_machine *a = &base->machine, *b = &now->machine;
    if (strcmp(a->cpu, b->cpu))
        return VN_FAIL(VN_E_ARGUMENT, "the baseline was measured on %s, this machine is %s", a->cpu,
                       b->cpu);
    if (strcmp(a->build, b->build))
        return VN_FAIL(VN_E_ARGUMENT, "the baseline is of a %s build, this one of a %s build",
                       a->build, b->build);
    return VN_OK;
}

static vn_status compare_row(const vn_bench_row *a, const vn_bench_row *b, double noise,
                             vn_comparison *out, vn_text *text, vn_text *json)
{
    double *x = NULL, *y = NULL, p = 1;
    vn_interval ci = { 0 };
    vn_status st = VN_OK;
    VN_TRY_DONE(medians(a, &x));
    VN_TRY_DONE(medians(b, &y));
    VN_TRY_DONE(vn_mann_whitney(x, a->n, y, b->n, &p));
    VN_TRY_DONE(vn_bootstrap_ratio(x, a->n, y, b->n, &ci));
    vn_sort(x, a->n);
    vn_sort(y, b->n);
    double before = vn_median_sorted(x, a->n), after = vn_median_sorted(y, b->n);
    bool slower = p < significant && ci.lo > 1 + noise;
    bool faster = p < significant && ci.hi < 1 / (1 + noise);
    const char *verdict = slower ? "slower" : faster ? "faster" : "same";
    vn_text_printf(text, "%-28s %-11s %10.2f %10.2f %7.3f  [%.3f, %.3f] %8.4f  %s\n", b->name,
                   b->key.backend, before, after, after / before, ci.lo, ci.hi, p, verdict);
    vn_text_printf(json, "%s\n{\"name\":", out->rows ? "," : "");
    vn_text_json(json, b->name); /* of a file that may hold anything */
    vn_text_printf(json, ",\"backend\":");
    vn_text_json(json, b->key.backend);
    const double numbers[] = {
        (double)b->key.threads, before, after, after / before, ci.lo, ci.hi, p
    };
    static const char *const names[] = { "threads",  "base_us",  "now_us", "ratio",
                                         "ratio_lo", "ratio_hi", "p" };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        vn_text_printf(json, ",\"%s\":", names[i]);
        vn_text_json_f64(json, numbers[i]);
    }
    vn_text_printf(json, ",\"verdict\":\"%s\"}", verdict);
    out->rows++;
    out->slower += slower;
    out->faster += faster;
done:
    vn_free(x);
    vn_free(y);
    return st;
}

vn_status vn_bench_compare(const vn_bench_set *base, const vn_bench_set *now, double noise,
                           vn_comparison *out, vn_text *text, vn_text *json)
{
    *out = (vn_comparison){ 0 };
    VN_TRY(check(base, now));
    vn_text_printf(text, "%-28s %-11s %10s %10s %7s  %-14s %8s\n", "workload", "backend", "base us",
                   "now us", "ratio", "[95 %]", "p");
    vn_text_printf(json, "{\"schema\":%d,\"noise\":", VN_BENCH_SCHEMA);
    vn_text_json_f64(json, noise);
    vn_text_printf(json, ",\"rows\":[");
    for (int64_t i = 0; i < now->n; i++) {
        const vn_bench_row *b = &now->row[i], *a = partner(base, &b->key);
        out->lacking += !a;
        if (!a) continue;
        int64_t least = a->n < b->n ? a->n : b->n;
        if (least < VN_COMPARE_ROUNDS)
            return VN_FAIL(VN_E_ARGUMENT,
                           "%s: a comparison needs at least %d rounds on both sides, here are %lld",
                           b->name, VN_COMPARE_ROUNDS, (long long)least);
        VN_TRY(compare_row(a, b, noise, out, text, json));
    }
    if (out->rows == 0)
        return VN_FAIL(VN_E_ARGUMENT, "the baseline has none of these measurements");
    vn_text_printf(json, "\n],\"slower\":%lld,\"faster\":%lld,\"lacking\":%lld}\n",
                   (long long)out->slower, (long long)out->faster, (long long)out->lacking);
    vn_text_printf(text,
                   "%lld compared: %lld slower, %lld faster beyond %.3g %%; %lld not in the "
                   "baseline\n",
                   (long long)out->rows, (long long)out->slower, (long long)out->faster,
                   100 * noise, (long long)out->lacking);
    return text->failed || json->failed ? VN_FAIL(VN_E_MEMORY, "no memory for the results") : VN_OK;
}

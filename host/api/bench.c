/* Benchmarks through the public interface. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/api/internal.h"
#include "host/bench/compare.h"
#include "host/bench/peak.h"

enum { SAMPLES_MOST = 400, LEVEL = 32, BACKEND = 64 };

vane_status vane_workload_at(int i, vane_workload *workload)
{
    const vn_workload *w = vn_workload_at(i);
    if (!w) return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no workload %d", i));
    vane_workload v = { .name = w->name,
                        .group = w->group,
                        .help = w->help,
                        .axis = w->axis,
                        .sizes = w->sizes,
                        .peer_us = w->peer_us };
    vn_fill(workload, &v, sizeof v);
    return VANE_OK;
}

static vn_status new_set(vane_bench **bench)
{
    *bench = vn_calloc(1, sizeof **bench);
    return *bench ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

vane_status vane_bench_open(vane_bench **bench)
{
    vn_status st = new_set(bench);
    if (!st) st = vn_machine_here(&(*bench)->arena, &(*bench)->machine);
    if (!st) return VANE_OK;
    vane_bench_close(*bench);
    *bench = NULL;
    return vn_public(vn_trail(st, __FILE__, __LINE__));
}

void vane_bench_close(vane_bench *bench)
{
    if (!bench) return;
    for (int64_t i = 0; i < bench->n; i++) {
        for (int64_t k = 0; k < bench->row[i].n; k++) vn_free(bench->row[i].round[k].samples.us);
        vn_free(bench->row[i].round);
    }
    vn_free(bench->row);
    vn_arena_close(&bench->arena);
    vn_free(bench);
}

/* ---- running ---- */

/* A wish with everything settled. */
typedef struct order {
    const vn_workload *w;
    int64_t n;
    vn_bench_site site;
    vn_device_info about;
    char device[BACKEND], level[LEVEL], backend[BACKEND + LEVEL + 8];
} order;

/* "cpu:avx2" -> "cpu", "avx2". The options of the config where the wish says nothing. */
static vn_status split_backend(const vane_config *config, const char *wished, order *o)
{
    const char *name = wished ? wished : config->run.device.s;
    size_t n = strcspn(name, ":");
    const char *level = name[n] ? name + n + 1 : config->run.cpu.s;
    if (n == 0 || n >= BACKEND || strlen(level) >= LEVEL || (name[n] && !*level))
        return VN_FAIL(VN_E_ARGUMENT,
                       "backend \"%s\": expected a device, or a device and an "
                       "instruction set: cpu:avx2",
                       name);
    memcpy(o->device, name, n);
    memcpy(o->level, level, strlen(level));
    memcpy(o->backend, o->device, n);
    if (*level) {
        o->backend[n] = ':';
        memcpy(o->backend + n + 1, level, strlen(level));
    }
    return VN_OK;
}

static vn_status settle(const vane_config *config, const vane_bench_wish *wish, order *o)
{
    *o = (order){ 0 };
    o->w = wish->workload ? vn_workload_find(wish->workload) : NULL;
    o->n = wish->n;
    if (!o->w)
        return VN_FAIL(VN_E_ARGUMENT, "no workload \"%s\"", wish->workload ? wish->workload : "");
    if (wish->n < 1 || wish->n > 1000000000)
        return VN_FAIL(VN_E_ARGUMENT, "%s: size %" PRId64 ", expected 1 to 1000000000", o->w->name,
                       wish->n);
    if (wish->threads < 0 || wish->threads > 4096)
        return VN_FAIL(VN_E_ARGUMENT, "%" PRId64 " threads, expected 0 to 4096", wish->threads);
    VN_TRY(split_backend(config, wish->backend, o));
    int64_t threads = wish->threads ? wish->threads : config->run.threads;
    vn_device_config device = { (int)threads, o->level, config->run.plugins.s,
                                vn_config_products(config) };
    VN_TRY(vn_device_open(o->device, 0, &device, &o->site.dev));
    vn_device_about(o->site.dev, &o->about);
    o->site.folder = wish->folder && *wish->folder ? wish->folder : "/tmp";
    o->site.threads = o->about.lanes;
    VN_TRY(vn_check_precision(config, o->site.dev));
    o->site.precision = o->w->precision ? o->w->precision : vn_config_precision(config, o->site.dev);
    size_t n = strlen(o->backend);
    if (o->site.precision != VN_PRECISION_F32) /* figures of another precision are not compared */
        snprintf(o->backend + n, sizeof o->backend - n, "+%s", vn_precision_name(o->site.precision));
    return VN_OK;
}

/* Fields that a caller of an older header did not have are 0. */
static vane_bench_wish whole_wish(const vane_bench_wish *wish)
{
    vane_bench_wish w = { .size = sizeof w };
    memcpy(&w, wish, wish->size < sizeof w ? wish->size : sizeof w);
    return w;
}

/* The least time of a row so far: rates are measured anew in every round, for another program may
 * take part of one; the best counts. */
static void keep_least(const vn_bench_row *row, double us, double *least)
{
    if (row->n == 0 || us < *least) *least = us;
}

/* What single operations need in registers: products at their rate, held up by quotients, and all at theirs. */
static double vectors_us(const vane_bench *bench, const vn_floor_ops *ops)
{
    if (ops->all <= 0 || bench->peak <= 0 || bench->vectors.any <= 0) return 0;
    double products = ops->products / (bench->peak / 2) + ops->quotients * bench->vectors.quotient_s;
    double all = ops->all / bench->vectors.any;
    return 1e6 * (products > all ? products : all);
}

/* The least time that physics allows: the slowest of what is known about the work; in *reduced that
 * of the model's reduced graph, 0 where it is the same. */
static double limit_us(vane_bench *bench, const order *o, const vn_bench_item *item, double *reduced)
{
    *reduced = 0;
    if (!o->about.host_memory || strcmp(o->device, "cpu")) return 0;
    if (o->site.precision != VN_PRECISION_F32) return 0; /* the peak is that of f32 */
    double peak = vn_peak_flops(o->site.threads);
    if (bench->peak_threads != o->site.threads || peak > bench->peak) bench->peak = peak;
    if (item->vectors.all > 0) {
        vn_peak p = vn_peak_vectors(o->site.threads);
        bool anew = bench->vectors_threads != o->site.threads;
        if (anew || p.any > bench->vectors.any) bench->vectors.any = p.any;
        if (anew || p.quotient_s < bench->vectors.quotient_s) bench->vectors.quotient_s = p.quotient_s;
        bench->vectors_threads = o->site.threads;
    }
    bench->peak_threads = o->site.threads;
    bool model = o->w->axis == 'b';
    vn_floor_run run = { model ? o->n : 1, item->train, o->site.threads, bench->peak };
    double us = bench->peak > 0 ? vn_floor_us(&item->work, &run) : 0;
    run.reduced = true;
    double least = us > 0 ? vn_floor_us(&item->work, &run) : 0;
    if (least < us) *reduced = least;
    double products = item->products && bench->peak > 0 ? 1e6 * item->flops / bench->peak : 0;
    double lies = item->footprint > 0 ? item->footprint : item->bytes;
    double rate = item->touched ? vn_copy_rate(o->site.threads, (size_t)lies) : 0;
    double bytes = rate > 0 ? 1e6 * item->bytes / rate : 0;
    double vectors = vectors_us(bench, &item->vectors);
    if (products > us) us = products;
    if (vectors > us) us = vectors;
    double once = rate > 0 ? 1e6 * item->once / rate : 0;
    if (once > 0 && once < bytes) *reduced = once > us ? once : us;
    return bytes > us ? bytes : us;
}

/* The options of a model's workload: "attention=none encoder_hidden_size=128". */
static const char *options_of(vane_bench *bench, const vn_workload *w)
{
    const vn_bench_model *m = w->open == vn_bench_open_model ? w->what : NULL;
    const char *all = "";
    for (int i = 0; m && all && m->options[i][0]; i++)
        all = vn_arena_printf(&bench->arena, "%s%s%s=%s", all, i ? " " : "", m->options[i][0],
                              m->options[i][1]);
    return all;
}

static vn_status row_of(vane_bench *bench, const order *o, const vn_bench_item *item,
                        const vn_sampling *how, vn_bench_row **row)
{
    char axis[2] = { o->w->axis, 0 };
    vn_bench_key key = { .workload = o->w->name,
                         .group = o->w->group,
                         .axis = axis,
                         .options = options_of(bench, o->w),
                         .backend = o->backend,
                         .level = o->about.level,
                         .clock = how->process_time ? "process" : "wall",
                         .size = o->n,
                         .threads = o->site.threads,
                         .rate = how->rate };
    if (!key.options) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *row = vn_bench_row_of(bench, &key);
    if (!*row) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    double reduced, limit = limit_us(bench, o, item, &reduced);
    (*row)->flops = item->flops;
    (*row)->bytes = item->bytes;
    keep_least(*row, limit, &(*row)->limit_us);
    keep_least(*row, reduced, &(*row)->reduced_us);
    return VN_OK;
}

vane_status vane_bench_run(vane_bench *bench, const vane_config *config,
                           const vane_bench_wish *given)
{
    order o;
    vn_bench_item item = { 0 };
    vn_bench_row *row;
    vn_bench_round round = { 0 };
    const vane_bench_wish wish = whole_wish(given), *w = &wish;
    vn_status st = VN_OK;
    VN_TRY_DONE(settle(config, w, &o));
    vn_sampling how = { w->seconds, w->rate, o.site.threads == 1 && !strcmp(o.device, "cpu"),
                        SAMPLES_MOST };
    double begin = vn_now_s();
    VN_TRY_DONE(o.w->open(o.w, &o.site, o.n, &item));
    round.open_us = (double)(float)(1e6 * (vn_now_s() - begin));
    begin = vn_now_s();
    VN_TRY_DONE(item.run(item.ctx));
    round.first_us = (double)(float)(1e6 * (vn_now_s() - begin));
    VN_TRY_DONE(row_of(bench, &o, &item, &how, &row));
    VN_TRY_DONE(vn_bench_measure(&item, &how, &round.samples));
    VN_TRY_DONE(vn_bench_add(row, &round));
done:
    vn_bench_close(&item);
    if (o.site.dev) vn_device_close(o.site.dev);
    return vn_public(st);
}

/* ---- sets ---- */

vane_status vane_bench_row_at(const vane_bench *bench, int i, vane_bench_row *row)
{
    vn_bench_summary s;
    if (i < 0 || i >= bench->n)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "the results have no row %d", i));
    const vn_bench_row *r = &bench->row[i];
    vn_status st = vn_bench_sum(r, &s);
    if (st) return vn_public(vn_trail(st, __FILE__, __LINE__));
    vane_bench_row v = { .name = r->name,
                         .workload = r->key.workload,
                         .backend = r->key.backend,
                         .level = r->key.level,
                         .n = r->key.size,
                         .threads = r->key.threads,
                         .n_rounds = r->n,
                         .n_samples = s.n,
                         .fastest_us = s.fastest_us,
                         .median_us = s.median_us,
                         .open_us = s.open_us,
                         .first_us = s.first_us,
                         .limit_us = r->limit_us,
                         .flops = r->flops,
                         .bytes = r->bytes,
                         .reduced_us = r->reduced_us };
    vn_fill(row, &v, sizeof v);
    return VANE_OK;
}

vane_status vane_bench_write(const vane_bench *bench, const char *format, vane_report **report)
{
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_status st = vn_bench_put(bench, format, &r->text);
    if (st) {
        vane_report_close(r);
        return vn_public(vn_trail(st, __FILE__, __LINE__));
    }
    return vn_public(vn_report_finish(r, report));
}

vane_status vane_bench_read(const char *path, vane_bench **bench)
{
    char *text;
    size_t n;
    *bench = NULL;
    vn_status st = vn_file_read(path, 0, &text, &n);
    if (st) return vn_public(vn_trail(st, __FILE__, __LINE__));
    st = new_set(bench);
    if (!st) st = vn_bench_parse(path, text, n, *bench);
    vn_free(text);
    if (!st) return VANE_OK;
    vane_bench_close(*bench);
    *bench = NULL;
    return vn_public(vn_trail(st, __FILE__, __LINE__));
}

static vn_status copy_round(vn_bench_row *to, const vn_bench_round *from)
{
    vn_bench_round round = *from;
    size_t bytes = (size_t)from->samples.n * sizeof *from->samples.us;
    round.samples.us = vn_malloc(bytes);
    if (!round.samples.us) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    memcpy(round.samples.us, from->samples.us, bytes);
    return vn_bench_add(to, &round);
}

static vn_status join_row(vane_bench *bench, const vn_bench_row *from)
{
    vn_bench_row *to = vn_bench_row_of(bench, &from->key);
    if (!to) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    to->flops = from->flops;
    to->bytes = from->bytes;
    keep_least(to, from->limit_us, &to->limit_us);
    keep_least(to, from->reduced_us, &to->reduced_us);
    for (int64_t k = 0; k < from->n; k++) VN_TRY(copy_round(to, &from->round[k]));
    return VN_OK;
}

vane_status vane_bench_join(vane_bench *bench, const vane_bench *more)
{
    vn_status st = VN_OK;
    for (int64_t i = 0; !st && i < more->n; i++) st = join_row(bench, &more->row[i]);
    return vn_public(st);
}

vane_status vane_bench_compare(const vane_bench *base, const vane_bench *now, double noise,
                               int *slower, vane_report **report)
{
    vn_comparison found;
    *slower = 0;
    *report = NULL;
    if (!(noise >= 0 && noise < 10))
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "noise is %g, expected 0 to 10", noise));
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_status st = vn_bench_compare(base, now, noise, &found, &r->text, &r->json);
    if (st) {
        vane_report_close(r);
        return vn_public(vn_trail(st, __FILE__, __LINE__));
    }
    *slower = (int)found.slower;
    return vn_public(vn_report_finish(r, report));
}

/* ---- profiles ---- */

static vn_status profile(const vn_bench_item *item, double seconds, vane_report *r)
{
    VN_TRY(vn_plan_profile(item->plan, seconds, &r->text));
    vn_text_printf(&r->json, "{\"schema\":%d,\"phases\":{", VN_BENCH_SCHEMA);
    if (item->train) VN_TRY(vn_phases_time(item->plan, seconds, r->phase_us));
    r->phases = item->train;
    for (int i = 0; item->train && i < VN_PHASE_COUNT; i++) {
        vn_text_printf(&r->json, "%s\"%s\":", i ? "," : "", vn_phase_name(i));
        vn_text_json_f64(&r->json, r->phase_us[i]);
    }
    vn_text_printf(&r->json, "}}\n");
    return VN_OK;
}

vane_status vane_bench_profile(const vane_config *config, const vane_bench_wish *wish,
                               vane_report **report)
{
    order o;
    vn_bench_item item = { 0 };
    const vane_bench_wish w = whole_wish(wish);
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_status st = settle(config, &w, &o);
    if (!st) st = o.w->open(o.w, &o.site, o.n, &item);
    if (!st) st = item.run(item.ctx);
    if (!st && !item.plan)
        st = VN_FAIL(VN_E_UNSUPPORTED, "%s is no compiled graph: it has no steps", o.w->name);
    if (!st) st = profile(&item, w.seconds, r);
    vn_bench_close(&item);
    if (o.site.dev) vn_device_close(o.site.dev);
    if (!st) return vn_public(vn_report_finish(r, report));
    vane_report_close(r);
    return vn_public(vn_trail(st, __FILE__, __LINE__));
}

vane_status vane_report_phase(const vane_report *report, int i, vane_phase *phase)
{
    if (!report->phases || i < 0 || i >= VN_PHASE_COUNT)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "the report has no phase %d", i));
    vane_phase v = { .name = vn_phase_name(i),
                     .help = vn_phase_help(i),
                     .us = report->phase_us[i] };
    vn_fill(phase, &v, sizeof v);
    return VANE_OK;
}

/* Reports on plans, models and the machine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "device/plugin.h"
#include "host/api/internal.h"

/* ---- plan ---- */

static const vn_home blocks[] = { VN_HOME_PARAM, VN_HOME_GRAD, VN_HOME_M, VN_HOME_V, VN_HOME_MEAN,
                                  VN_HOME_STATE };
enum { N_BLOCKS = sizeof blocks / sizeof *blocks };

static size_t block_bytes(const vn_fitted *m, vn_home home)
{
    size_t members = (size_t)m->params->members;
    return home == VN_HOME_STATE ? members * VN_STATE_BLOCK : vn_params_bytes(m->params);
}

static void put_plan(vane_report *r, const vn_fitted *m, const char *mode, int64_t batch,
                     const vn_plan *plan, int nodes, bool why)
{
    vn_plan_info i;
    vn_plan_about(plan, &i);
    vn_text_printf(
        &r->text,
        "%s %s: batch %" PRId64 ", h %" PRId64 ", input_size %" PRId64 ", %" PRId64
        " parameters, products in %s",
        m->def->alias, mode, batch, m->train.h, m->train.input_size, m->params->n_numbers,
        vn_precision_name(m->precision));
    if (m->params->members > 1) vn_text_printf(&r->text, ", for each of %d members", m->params->members);
    vn_text_printf(&r->text, "\n");
    vn_text_printf(&r->text,
                   "%d steps, %d in the prologue; work %zu bytes, %.2f of the values' %zu; "
                   "%.1f MFLOP, %.1f MB of traffic\n",
                   i.n_steps, i.n_prologue, i.work_bytes,
                   i.values_bytes ? (double)i.work_bytes / (double)i.values_bytes : 0,
                   i.values_bytes, i.flops / 1e6, i.bytes / 1e6);
    if (nodes >= 0)
        vn_text_printf(&r->text, "%d nodes in the device's graph: launches and two copies\n", nodes);
    vn_plan_dump(plan, why, &r->text);
    vn_text_printf(&r->json,
                   "{\"schema\":1,\"model\":\"%s\",\"mode\":\"%s\",\"batch\":%" PRId64
                   ",\"parameters\":%" PRId64 ",\"precision\":\"%s\",\"nodes\":%d,\"plan\":",
                   m->def->name, mode, batch, m->params->n_numbers, vn_precision_name(m->precision),
                   nodes);
    vn_plan_dump_json(plan, &r->json);
    vn_text_printf(&r->json, "}\n");
}

static vn_status describe_plan(const vane_config *config, const vn_fitted *m, vn_mode mode,
                               const char *name, int64_t batch, bool why, vane_report *r)
{
    vn_device *dev = NULL;
    vn_plan *plan = NULL;
    vn_model_graph graph = { 0 };
    vn_plan_config c = { .seed = (uint64_t)m->train.seed, .why = why };
    uint64_t version = 1;
    vn_fitted own;
    int nodes;
    vn_status st = VN_OK;
    VN_TRY_DONE(vn_config_device(config, &dev));
    m = vn_fitted_on(config, dev, m, &own);
    VN_TRY_DONE(vn_model_graph_open(m, mode, batch, VN_F32, &graph));
    if (!m->params->closed) VN_TRY_DONE(vn_params_layout(m->params));
    for (int i = 0; i < N_BLOCKS; i++)
        VN_TRY_DONE(
            vn_device_alloc(dev, VN_MEM_DEVICE, block_bytes(m, blocks[i]), &c.home[blocks[i]]));
    c.dev = dev;
    c.members = m->params->members;
    c.version = mode == VN_MODE_TRAIN ? NULL : &version;
    VN_TRY_DONE(vn_plan_make(graph.g, &c, &plan));
    VN_TRY_DONE(vn_plan_nodes(plan, &nodes));
    put_plan(r, m, name, batch, plan, nodes, why);
done:
    vn_plan_close(plan);
    vn_graph_close(graph.g);
    for (int i = 0; i < N_BLOCKS; i++)
        if (c.home[blocks[i]])
            vn_device_free(dev, VN_MEM_DEVICE, c.home[blocks[i]], block_bytes(m, blocks[i]));
    vn_device_close(dev);
    return st;
}

vane_status vane_plan_report(const vane_config *config, const vane_model *model,
                             const vane_dataset *data, const char *mode, int64_t batch, int why,
                             vane_report **report)
{
    static const char *const modes[] = { "train", "valid", "forecast" }; /* of vn_mode */
    vn_fitted *own = NULL;
    vn_status st = VN_OK;
    int at = 0;
    *report = NULL;
    while (at < 3 && strcmp(modes[at], mode)) at++;
    if (at == 3)
        return vn_public(
            VN_FAIL(VN_E_ARGUMENT, "mode is \"%s\", expected train, valid or forecast", mode));
    if (batch < 0 || batch > 1 << 24)
        return vn_public(
            VN_FAIL(VN_E_ARGUMENT, "batch is %" PRId64 ", expected 0 to 16777216", batch));
    if (!model && !data) return vn_public(VN_FAIL(VN_E_ARGUMENT, "a plan needs a model or data"));
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    if (!model) VN_TRY_DONE(vn_config_fitted(config, data->panel, NULL, &own));
    const vn_fitted *m = model ? model->fitted : own;
    if (batch == 0) batch = at == VN_MODE_TRAIN ? m->train.windows_batch_size : 256;
    VN_TRY_DONE(describe_plan(config, m, (vn_mode)at, mode, batch, why != 0, r));
    st = vn_report_finish(r, report);
    r = NULL;
done:
    vn_fitted_close(own);
    vane_report_close(r);
    return vn_public(st);
}

/* ---- model ---- */

/* The options of a table that differ from the defaults (text), or all of them (JSON). `bytes`: of
 * the table's struct. */
static vn_status put_options(vane_report *r, const vn_option *table, const void *target,
                             size_t bytes, const char *group)
{
    vn_text value = { 0 };
    void *usual = vn_calloc(1, bytes);
    vn_status st = usual ? vn_options_preset(table, usual) : VN_E_MEMORY;
    vn_text_printf(&r->json, ",\"%s\":{", group);
    for (const vn_option *o = table; !st && o->name; o++) {
        value.n = 0;
        vn_option_get(o, target, &value);
        const char *s = value.n ? value.s : "";
        if (!vn_option_same(o, target, usual)) vn_text_printf(&r->text, "  %-28s %s\n", o->name, s);
        vn_text_printf(&r->json, "%s\"%s\":", o == table ? "" : ",", o->name);
        vn_option_json(o, target, &r->json);
    }
    vn_text_printf(&r->json, "}");
    vn_text_close(&value);
    vn_free(usual);
    return st;
}

static void put_names(vane_report *r, const char *kind, const char *const *name, int64_t n)
{
    if (n) vn_text_printf(&r->text, "  %-28s", kind);
    vn_text_printf(&r->json, ",\"%s\":[", kind);
    for (int64_t i = 0; i < n; i++) {
        vn_text_printf(&r->text, "%s %s", i ? "," : "", name[i]);
        if (i) vn_text_put(&r->json, ",", 1);
        vn_text_json(&r->json, name[i]);
    }
    if (n) vn_text_put(&r->text, "\n", 1);
    vn_text_put(&r->json, "]", 1);
}

static void put_features(vane_report *r, const vn_fitted *m)
{
    int64_t n_futr = m->n_futr - m->n_calendar - m->n_futr_cat, n_stat = m->n_stat - m->n_stat_cat;
    int64_t n_hist = m->n_hist - m->n_hist_cat;
    const char *calendar[VN_CALENDAR_COUNT];
    for (int i = 0; i < m->n_calendar; i++) calendar[i] = vn_calendar_name(m->calendar[i]);
    put_names(r, "hist_exog_list", m->hist_name, n_hist);
    put_names(r, "hist_cat_list", m->hist_name + n_hist, m->n_hist_cat);
    put_names(r, "futr_exog_list", m->futr_name, n_futr);
    put_names(r, "cat_exog_list", m->futr_name + n_futr, m->n_futr_cat);
    put_names(r, "stat_exog_list", m->stat_name, n_stat);
    put_names(r, "stat_cat_list", m->stat_name + n_stat, m->n_stat_cat);
    put_names(r, "calendar", calendar, m->n_calendar);
}

static void put_tensors(vane_report *r, const vn_params *p)
{
    char shape[VN_SHAPE_TEXT];
    vn_text_printf(&r->text, "tensors: %d, %" PRId64 " parameters", p->n, p->n_numbers);
    if (p->members > 1) vn_text_printf(&r->text, ", in each of %d members", p->members);
    vn_text_printf(&r->text, "\n");
    vn_text_printf(&r->json, ",\"parameters\":%" PRId64 ",\"members\":%d,\"tensors\":[", p->n_numbers,
                   p->members);
    for (int i = 0; i < p->n; i++) {
        const vn_param_entry *e = &p->entry[i];
        double least = 0, most = 0;
        int64_t n = vn_count(&e->t);
        for (int64_t k = 0; k < p->members * n; k++) { /* of all members */
            double x = (double)p->block[k / n * p->n_block + e->offset + k % n];
            if (k == 0 || x < least) least = x;
            if (k == 0 || x > most) most = x;
        }
        vn_shape_text(&e->t, shape);
        vn_text_printf(&r->text, "  %-32s %-16s %10" PRId64 "  %9.4g .. %.4g\n", e->name, shape,
                       vn_count(&e->t), least, most);
        vn_text_printf(&r->json, "%s\n{\"name\":", i ? "," : "");
        vn_text_json(&r->json, e->name);
        vn_text_printf(&r->json, ",\"shape\":%s}", shape);
    }
    vn_text_printf(&r->json, "\n]}\n");
}

/* The same of a solver's numbers. */
static vn_status put_solved(vane_report *r, const vn_solver *solver, const vn_fitted *m)
{
    vn_arena arena = { 0 };
    vn_stored *t = NULL;
    int n = 0;
    vn_status st = solver->tensors(m, &arena, &t, &n);
    vn_text_printf(&r->text, "tensors: %d, %" PRId64 " numbers\n", n, vn_fitted_numbers(m));
    vn_text_printf(&r->json, ",\"parameters\":%" PRId64 ",\"tensors\":[", vn_fitted_numbers(m));
    for (int i = 0; !st && i < n; i++) {
        vn_text_printf(&r->text, "  %-32s [%" PRId64 ", %" PRId64 "]\n", t[i].name, t[i].dim[0],
                       t[i].dim[1]);
        vn_text_printf(&r->json, "%s\n{\"name\":", i ? "," : "");
        vn_text_json(&r->json, t[i].name);
        vn_text_printf(&r->json, ",\"shape\":[%" PRId64 ",%" PRId64 "]}", t[i].dim[0], t[i].dim[1]);
    }
    vn_text_printf(&r->json, "\n]}\n");
    vn_arena_close(&arena);
    return st;
}

vane_status vane_model_report(const vane_model *model, vane_report **report)
{
    const vn_fitted *m = model->fitted;
    char freq[VN_STAMP_TEXT];
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_freq_text(m->freq, freq);
    vn_text_printf(&r->text, "%s: %s\n", m->def->alias, m->def->title);
    vn_text_printf(&r->text, "  %-28s %s\n  %-28s %" PRId64 "\n  %-28s %s\n", "freq", freq,
                   "season", m->season, "local_scaler", vn_scaler_name(m->local_scaler));
    vn_text_printf(
        &r->json,
        "{\"schema\":1,\"model\":\"%s\",\"version\":%d,\"freq\":\"%s\",\"season\":%" PRId64
        ",\"local_scaler\":\"%s\"",
        m->def->name, m->def->version, freq, m->season, vn_scaler_name(m->local_scaler));
    put_features(r, m);
    vn_status st = put_options(r, vn_train_option_table, &m->train, sizeof m->train, "train");
    if (!st) st = put_options(r, m->def->options, m->hparams, m->def->options_bytes, "hparams");
    const vn_solver *solver = vn_solver_of(m->def);
    if (!st && solver) st = put_solved(r, solver, m);
    if (st) {
        vane_report_close(r);
        return vn_public(vn_trail(st, __FILE__, __LINE__));
    }
    if (!solver) put_tensors(r, m->params);
    return vn_public(vn_report_finish(r, report));
}

/* ---- machine ---- */

/* The word in [brackets] of a setting of the kernel, "" if it cannot be read. */
static void bracketed(const char *path, char *out, size_t n)
{
    char *text = NULL;
    size_t size;
    out[0] = 0;
    if (vn_file_read(path, 4096, &text, &size)) return;
    char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (close) snprintf(out, n, "%.*s", (int)(close - open - 1), open + 1);
    vn_free(text);
}

/* The status of opening it. */
static vn_status put_device(vane_report *r, const vane_config *config)
{
    vn_device *dev;
    vn_device_info i = { 0 };
    vn_status st = vn_config_device(config, &dev);
    if (st) {
        vn_text_printf(&r->text, "device      cannot be opened: %s\n", vn_last_message());
        vn_text_printf(&r->json, ",\"device\":null");
        return st;
    }
    vn_device_about(dev, &i);
    vn_device_close(dev);
    vn_text_printf(&r->text, "device      %s: %s\n", config->run.device.s, i.name);
    vn_text_printf(&r->text, "level       %s\n", i.level);
    vn_text_printf(&r->text,
                   "threads     %d in use, %d granted (affinity, cgroup quota, OMP_NUM_THREADS)\n",
                   i.lanes, vn_team_granted());
    if (*i.products) vn_text_printf(&r->text, "products    %s\n", i.products);
    if (i.mem_bytes) vn_text_printf(&r->text, "memory      %.1f GB\n", (double)i.mem_bytes / 1e9);
    vn_text_printf(&r->json, ",\"device\":");
    vn_text_json(&r->json, i.name);
    if (*i.products) vn_text_printf(&r->json, ",\"products\":");
    if (*i.products) vn_text_json(&r->json, i.products);
    vn_text_printf(&r->json,
                   ",\"level\":\"%s\",\"threads\":%d,\"granted\":%d,\"memory_bytes\":%" PRId64,
                   i.level, i.lanes, vn_team_granted(), i.mem_bytes);
    if (!strcmp(i.level, "generic"))
        vn_text_printf(&r->text,
                       "advice      only the generic kernels run: the processor lacks AVX2, or the "
                       "option cpu (VANE_CPU) holds them back\n");
    return VN_OK;
}

/* Backends that are not linked in: how many devices, or what is missing. */
static void put_plugins(vane_report *r, const vane_config *config)
{
    for (const char *const *p = vn_plugin_names(); *p; p++) {
        const vn_backend *b = NULL;
        const char *lack = NULL;
        if (vn_backend_find(*p, config->run.plugins.s, &b)) lack = vn_last_message();
        else if (b->lack) lack = b->lack();
        int n = lack ? 0 : b->count();
        vn_text_printf(&r->text, "%-11s ", *p);
        if (lack) vn_text_printf(&r->text, "%s\n", lack);
        else vn_text_printf(&r->text, "%d device%s\n", n, n == 1 ? "" : "s");
        vn_text_printf(&r->json, ",\"%s\":%d,\"%s_lacks\":", *p, n, *p);
        vn_text_json(&r->json, lack ? lack : "");
    }
}

vane_status vane_doctor(const vane_config *config, vane_report **report)
{
    char pages[32], why[1024]; /* what comes after a device that does not open may fail, too */
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_text_printf(&r->text, "vane        %s (interface %d)\n", vane_version(), vane_abi());
    vn_text_printf(&r->json, "{\"schema\":1,\"version\":\"%s\",\"abi\":%d", vane_version(),
                   vane_abi());
    vn_status device = put_device(r, config);
    snprintf(why, sizeof why, "%s", device ? vn_last_message() : "");
    vn_text_printf(&r->text, "backends   ");
    vn_text_printf(&r->json, ",\"backends\":{");
    for (const vn_backend *const *b = vn_backends(); *b; b++) {
        vn_text_printf(&r->text, " %s (%d)", (*b)->name, (*b)->count());
        vn_text_printf(&r->json, "%s\"%s\":%d", b == vn_backends() ? "" : ",", (*b)->name,
                       (*b)->count());
    }
    vn_text_put(&r->text, "\n", 1);
    put_plugins(r, config);
    bracketed("/sys/kernel/mm/transparent_hugepage/enabled", pages, sizeof pages);
    vn_text_printf(&r->text, "huge pages  %s\n", *pages ? pages : "unknown");
    vn_text_printf(&r->json, "},\"huge_pages\":\"%s\"}\n", pages);
    if (!strcmp(pages, "never"))
        vn_text_printf(&r->text, "advice      huge pages are off; as root: echo madvise > "
                                 "/sys/kernel/mm/transparent_hugepage/enabled\n");
    vn_status st = vn_report_finish(r, report);
    return vn_public(!st && device ? VN_FAIL(device, "%s", why) : st);
}

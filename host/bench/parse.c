/* Results read back from the JSON of put.c: a file is not trusted. */
#include <float.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "host/bench/set.h"

/* An object of the file being read. */
typedef struct place {
    const char *file;
    const vn_json *object;
} place;

static vn_status refuse(const place *p, const vn_json *v, const char *key, const char *wanted)
{
    return VN_FAIL(VN_E_DATA, "%s:%d:%d: \"%s\" is not %s", p->file, v ? v->line : p->object->line,
                   v ? v->col : p->object->col, key, wanted);
}

static vn_status text(const place *p, const char *key, const char **out)
{
    const vn_json *v = vn_json_get(p->object, key);
    if (!v || v->type != VN_JSON_STRING) return refuse(p, v, key, "a text");
    *out = v->s;
    return VN_OK;
}

/* Above that a double, which columns are written from, is not exact. */
static const int64_t whole_most = (int64_t)1 << 53;

static vn_status whole(const place *p, const char *key, int64_t *out)
{
    const vn_json *v = vn_json_get(p->object, key);
    if (!v || v->type != VN_JSON_NUMBER || !v->is_int || v->i < 0 || v->i > whole_most)
        return refuse(p, v, key, "a whole number from 0 to 2^53");
    *out = v->i;
    return VN_OK;
}

static vn_status number(const place *p, const char *key, double *out)
{
    const vn_json *v = vn_json_get(p->object, key);
    if (!v || v->type != VN_JSON_NUMBER || !(v->f >= 0 && v->f <= (double)FLT_MAX))
        return refuse(p, v, key, "a number from 0 that a float holds");
    *out = (double)(float)v->f; /* as it was before it was written */
    return VN_OK;
}

static vn_status array(const place *p, const char *key, const vn_json **out)
{
    const vn_json *v = vn_json_get(p->object, key);
    if (!v || v->type != VN_JSON_ARRAY) return refuse(p, v, key, "a list");
    *out = v;
    return VN_OK;
}

static vn_status read_samples(const place *p, vn_round *out)
{
    const vn_json *list = NULL;
    VN_TRY(whole(p, "calls", &out->calls));
    VN_TRY(array(p, "samples_us", &list));
    if (list->n == 0) return refuse(p, list, "samples_us", "a list with an element");
    double *us = vn_malloc(list->n * sizeof *us);
    if (!us) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (const vn_json *v = list->child; v; v = v->next) {
        if (v->type != VN_JSON_NUMBER || !(v->f >= (double)FLT_MIN && v->f <= (double)FLT_MAX)) {
            vn_free(us);
            return refuse(p, v, "samples_us", "a list of numbers above 0 that a float holds");
        }
        us[out->n++] = (double)(float)v->f;
    }
    out->us = us;
    return VN_OK;
}

static vn_status read_round(const char *file, const vn_json *v, vn_bench_row *row)
{
    place p = { file, v };
    vn_bench_round round = { 0 };
    if (v->type != VN_JSON_OBJECT) return refuse(&p, v, "rounds", "a list of objects");
    VN_TRY(number(&p, "open_us", &round.open_us));
    VN_TRY(number(&p, "first_us", &round.first_us));
    VN_TRY(read_samples(&p, &round.samples));
    return vn_bench_add(row, &round);
}

static vn_status read_row(const char *file, const vn_json *v, vn_bench_set *set)
{
    place p = { file, v };
    vn_bench_key k = { 0 };
    const vn_json *rounds = NULL;
    if (v->type != VN_JSON_OBJECT) return refuse(&p, v, "results", "a list of objects");
    VN_TRY(text(&p, "workload", &k.workload));
    VN_TRY(text(&p, "kind", &k.group));
    VN_TRY(text(&p, "axis", &k.axis));
    VN_TRY(text(&p, "options", &k.options));
    VN_TRY(text(&p, "backend", &k.backend));
    VN_TRY(text(&p, "level", &k.level));
    VN_TRY(text(&p, "clock", &k.clock));
    VN_TRY(whole(&p, "size", &k.size));
    VN_TRY(whole(&p, "threads", &k.threads));
    VN_TRY(number(&p, "rate", &k.rate));
    VN_TRY(array(&p, "rounds", &rounds));
    vn_bench_row *row = vn_bench_row_of(set, &k);
    if (!row) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(number(&p, "flops", &row->flops));
    VN_TRY(number(&p, "bytes", &row->bytes));
    VN_TRY(number(&p, "limit_us", &row->limit_us));
    if (vn_json_get(v, "reduced_us")) VN_TRY(number(&p, "reduced_us", &row->reduced_us));
    for (const vn_json *r = rounds->child; r; r = r->next) VN_TRY(read_round(file, r, row));
    return row->n ? VN_OK : refuse(&p, rounds, "rounds", "a list with an element");
}

static vn_status read_machine(const place *p, vn_machine *m)
{
    VN_TRY(text(p, "vane", &m->vane));
    VN_TRY(text(p, "commit_id", &m->commit));
    VN_TRY(text(p, "compiler", &m->compiler));
    VN_TRY(text(p, "build", &m->build));
    VN_TRY(text(p, "date", &m->date));
    VN_TRY(text(p, "cpu", &m->cpu));
    VN_TRY(text(p, "os", &m->os));
    VN_TRY(whole(p, "cores", &m->cores));
    VN_TRY(whole(p, "granted", &m->granted));
    return whole(p, "memory_bytes", &m->memory_bytes);
}

vn_status vn_bench_parse(const char *name, const char *json, size_t n, vn_bench_set *set)
{
    vn_json *root;
    const vn_json *results = NULL;
    int64_t schema = 0;
    vn_status st = vn_json_parse(&set->arena, json, n, &root);
    if (st) return vn_fail_in(st, "%s", name);
    place p = { name, root };
    if (root->type != VN_JSON_OBJECT)
        return VN_FAIL(VN_E_DATA, "%s: not the results of vane bench", name);
    VN_TRY(whole(&p, "schema", &schema));
    if (schema != VN_BENCH_SCHEMA)
        return VN_FAIL(VN_E_DATA, "%s: results of schema %lld, this version reads %d", name,
                       (long long)schema, VN_BENCH_SCHEMA);
    VN_TRY(read_machine(&p, &set->machine));
    VN_TRY(array(&p, "results", &results));
    for (const vn_json *v = results->child; v; v = v->next) VN_TRY(read_row(name, v, set));
    return set->n ? VN_OK : refuse(&p, results, "results", "a list with an element");
}

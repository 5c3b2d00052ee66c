/* Checkpoints of a fit that is cut short: model files of the series done so far. A series goes on
 * as it was if the rows before it are those it was fitted to; any other is fitted as if there were
 * no checkpoint. Either way the model is, to the bit, that of a run from the start. */
#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "host/prophet/table.h"

vn_status vn_prophet_checkpoint(vn_fitted *m, vn_prophet_table *t, int64_t n, const char *path)
{
    int64_t all = t->ids.n;
    void *before = m->state;
    t->ids.n = n;
    m->state = t;
    vn_status st = vn_fitted_save(m, path);
    m->state = before;
    t->ids.n = all;
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* The file must be one of a model of these options and features. */
static vn_status compare(const vn_meta_list *now, const vn_meta_list *then, const char *path)
{
    for (int i = 0; i < now->n; i++) {
        const char *key = now->v[i].key, *dot = strchr(key, '.');
        const char *value = i < then->n && !strcmp(then->v[i].key, key) ? then->v[i].value : "";
        if (strcmp(value, now->v[i].value))
            return VN_FAIL(
                VN_E_ARGUMENT,
                "checkpoint \"%s\" was made with %s = %.64s, now it is %.64s: a run goes "
                "on only with the options it began with",
                path, dot ? dot + 1 : key, value, now->v[i].value);
    }
    return VN_OK;
}

static vn_status check(const vn_fitted *m, const vn_prophet_table *t, const vn_fitted *from,
                       const char *path)
{
    vn_meta_list now = { 0 }, then = { 0 };
    vn_status st = VN_OK;
    if (from->def != m->def)
        return VN_FAIL(VN_E_ARGUMENT, "checkpoint \"%s\" is of the kind %s, not %s", path,
                       from->def->name, m->def->name);
    VN_TRY_DONE(vn_fitted_describe(m, "", &now));
    VN_TRY_DONE(vn_fitted_describe(from, "", &then));
    if (now.failed || then.failed) VN_TRY_DONE(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    VN_TRY_DONE(compare(&now, &then, path));
    const vn_prophet_table *done = from->state;
    if (done->spec.n_columns != t->spec.n_columns)
        st = VN_FAIL(VN_E_ARGUMENT,
                     "checkpoint \"%s\" has %d columns of seasonalities, holidays and "
                     "regressors, now there are %d: has the file of holidays changed?",
                     path, done->spec.n_columns, t->spec.n_columns);
done:
    vn_meta_close(&now);
    vn_meta_close(&then);
    return st;
}

vn_status vn_prophet_resume(const vn_fitted *m, const vn_prophet_table *t, const char *path,
                            vn_fitted **from)
{
    VN_TRY(vn_fitted_load(path, from));
    vn_status st = check(m, t, *from, path);
    if (!st) return VN_OK;
    vn_fitted_close(*from);
    *from = NULL;
    return vn_trail(st, __FILE__, __LINE__);
}

/* The parts of a forecast, over the whole of one series. */
#include "base/fault.h"
#include "host/api/internal.h"

struct vane_parts {
    vn_columns columns;
    int64_t n_rows;
};

static vn_status explain(const vn_fitted *m, const vn_panel *panel, int64_t i, vane_parts *p)
{
    const vn_solver *solver = vn_solver_of(m->def);
    if (!solver) return VN_FAIL(VN_E_UNSUPPORTED, "%s is no sum of parts", m->def->alias);
    if (i < 0 || i >= panel->n_series)
        return VN_FAIL(VN_E_ARGUMENT, "there is no series %lld of %lld", (long long)i,
                       (long long)panel->n_series);
    vn_scaled dressed = { .use = panel };
    vn_status st = VN_OK;
    VN_TRY(vn_forecast_fits(m, panel, NULL));
    p->n_rows = panel->n_past[i] + m->train.h;
    VN_TRY_DONE(vn_scaled_open(panel, m, (vn_split){ 0, 0, 0 }, m->train.h, NULL, &dressed));
    VN_TRY_DONE(solver->explain(m, dressed.use, i, &p->columns));
done:
    vn_scaled_close(&dressed);
    return st;
}

vane_status vane_parts_make(const vane_model *model, const vane_dataset *data,
                            const vane_dataset *future, int64_t series, vane_parts **parts)
{
    vn_panel *joined = NULL;
    vn_status st = VN_E_MEMORY;
    *parts = NULL;
    vane_parts *p = vn_calloc(1, sizeof *p);
    if (!p) return vn_public(vn_trail(st, __FILE__, __LINE__));
    if (future) VN_TRY_DONE(vn_panel_append(data->panel, future->panel, &joined));
    VN_TRY_DONE(explain(model->fitted, joined ? joined : data->panel, series, p));
    *parts = p;
    p = NULL;
    st = VN_OK;
done:
    vn_panel_close(joined);
    vane_parts_close(p);
    return vn_public(st);
}

void vane_parts_close(vane_parts *parts)
{
    if (!parts) return;
    vn_columns_close(&parts->columns);
    vn_free(parts);
}

int64_t vane_parts_n_rows(const vane_parts *parts)
{
    return parts->n_rows;
}

const char *vane_parts_column(const vane_parts *parts, int i, const float **values)
{
    if (i < 0 || i >= parts->columns.n) return NULL;
    if (values) *values = parts->columns.value[i];
    return parts->columns.name[i];
}

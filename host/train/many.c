/* Several models at once: which of them are members of one plan. */
#include <string.h>

#include "base/fault.h"
#include "host/train/train.h"

/* Graphs of one mode; the batch of a validation plan is for the run to choose. */
static vn_status same_graph(const vn_fitted *a, const vn_fitted *b, vn_mode mode, bool *same)
{
    bool train = mode == VN_MODE_TRAIN;
    vn_model_graph x = { 0 }, y = { 0 };
    vn_status st =
        vn_model_graph_from(a, mode, train ? a->train.windows_batch_size : 1, VN_FROM_PANEL, &x);
    if (!st)
        st = vn_model_graph_from(b, mode, train ? b->train.windows_batch_size : 1, VN_FROM_PANEL,
                                 &y);
    *same = !st && vn_graph_alike(x.g, y.g);
    vn_graph_close(x.g);
    vn_graph_close(y.g);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

vn_status vn_fit_alike(const vn_fitted *a, const vn_fitted *b, bool *alike)
{
    *alike = a->def == b->def && a->precision == b->precision &&
             a->params->n_block == b->params->n_block &&
             a->train.windows_batch_size == b->train.windows_batch_size;
    if (*alike) VN_TRY(same_graph(a, b, VN_MODE_TRAIN, alike));
    if (*alike) VN_TRY(same_graph(a, b, VN_MODE_VALID, alike));
    return VN_OK;
}

/* The jobs not yet taken that are alike the first such, into `group`, as many as a plan can be of.
 */
static vn_status gather_alike(vn_fit_job *job, int n, bool *taken, vn_fit_job **group, int *n_group)
{
    int members = 0;
    *n_group = 0;
    for (int k = 0; k < n; k++) {
        int more = job[k].m->params->members;
        bool alike = *n_group == 0;
        if (taken[k] || members + more > VN_MEMBERS_MOST) continue;
        if (!alike) VN_TRY(vn_fit_alike(group[0]->m, job[k].m, &alike));
        if (!alike) continue;
        taken[k] = true;
        members += more;
        group[(*n_group)++] = &job[k];
    }
    return VN_OK;
}

/* By halves where there is no memory for all at once, which is found before any step. */
static vn_status fit_group(vn_fit_job **group, int n_group, int n, vn_device *dev,
                           const vn_fit_hooks *hooks)
{
    if (hooks && n > 1)
        vn_log_printf(&hooks->log, VN_LOG_INFO, "training %d of %d models side by side", n_group,
                      n);
    vn_status st = vn_fit_together(group, n_group, dev, hooks);
    bool opened = group[0]->report.work_bytes > 0;
    if (st != VN_E_MEMORY || opened || n_group == 1) return st;
    if (hooks)
        vn_log_printf(&hooks->log, VN_LOG_INFO, "these do not fit at once: %s", vn_last_message());
    VN_TRY(fit_group(group, n_group / 2, n, dev, hooks));
    return fit_group(group + n_group / 2, n_group - n_group / 2, n, dev, hooks);
}

vn_status vn_fit_many(vn_fit_job *job, int n, vn_device *dev, const vn_fit_hooks *hooks)
{
    bool *taken = vn_calloc((size_t)n + 1, sizeof *taken);
    vn_fit_job **group = vn_calloc((size_t)n + 1, sizeof *group);
    int n_group = 1;
    vn_status st = taken && group ? VN_OK : VN_E_MEMORY;
    for (int k = 0; !st && k < n; k++) {
        job[k].number = n > 1 ? k + 1 : 0;
        st = vn_fit_resolve(job[k].m, job[k].panel, NULL);
        if (!st) st = vn_fit_prepare(job[k].m);
    }
    while (!st && n_group) {
        st = gather_alike(job, n, taken, group, &n_group);
        if (!st && n_group) st = fit_group(group, n_group, n, dev, hooks);
    }
    vn_free(taken);
    vn_free(group);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

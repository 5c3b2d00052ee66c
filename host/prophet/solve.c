#include "host/prophet/solve.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/fault.h"

/* Series of a slice for each lane of the device: so many that what one waits for the last is
 * little. Rows of a slice take so many bytes, or those of its longest series. */
enum { EACH = 32, ROW_BYTES = 1 << 26 };

vn_status vn_prophet_solver_open(const vn_prophet_spec *spec, const vn_panel *panel, vn_team *team,
                                 vn_device *dev, int64_t items, int64_t longest, int64_t rows,
                                 vn_prophet_solver *s)
{
    vn_device_info info;
    vn_device_about(dev, &info);
    int64_t fit = ROW_BYTES / ((int64_t)sizeof(double) * vn_prophet_width(spec));
    *s = (vn_prophet_solver){ .spec = spec, .panel = panel };
    s->room = (int64_t)info.lanes * EACH;
    if (s->room > items) s->room = items > 0 ? items : 1;
    if (fit < longest) fit = longest;
    if (rows < fit) fit = rows > 0 ? rows : 1;
    if (fit > INT32_MAX)
        return VN_FAIL(VN_E_UNSUPPORTED, "a series has %" PRId64 " rows; Prophet takes %" PRId32,
                       longest, INT32_MAX);
    s->item = vn_calloc((size_t)s->room, sizeof *s->item);
    s->turn = vn_calloc((size_t)s->room, 2 * sizeof *s->turn);
    if (!s->item || !s->turn) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(vn_prophet_crew_open(spec, team, s->room, longest, 0, &s->crew));
    VN_TRY(vn_prophet_slice_open(spec, dev, s->room, fit, &s->slice));
    return VN_OK;
}

void vn_prophet_solver_close(vn_prophet_solver *s)
{
    vn_prophet_slice_close(&s->slice);
    vn_prophet_crew_close(&s->crew);
    vn_free(s->item);
    vn_free(s->turn);
    *s = (vn_prophet_solver){ .spec = NULL };
}

vn_prophet_item *vn_prophet_solver_add(vn_prophet_solver *s, int64_t series, int64_t cut)
{
    if (s->n == s->room || (s->n && s->rows + cut > s->slice.rows)) return NULL;
    vn_prophet_item *item = &s->item[s->n++];
    *item = (vn_prophet_item){ .series = series, .cut = cut, .first = s->rows };
    s->rows += cut;
    return item;
}

void vn_prophet_solver_clear(vn_prophet_solver *s)
{
    s->n = s->rows = 0;
}

static int longer(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return x[0] != y[0] ? (x[0] < y[0]) - (x[0] > y[0]) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* The longest series come first, so that no lane begins with one when the others are done. */
static void hand_out_slots(vn_prophet_solver *s)
{
    for (int64_t k = 0; k < s->n; k++) {
        s->turn[2 * k] = s->item[k].cut;
        s->turn[2 * k + 1] = k;
    }
    qsort(s->turn, (size_t)s->n, 2 * sizeof *s->turn, longer);
    for (int64_t i = 0; i < s->room; i++) {
        if (i >= s->n) {
            vn_prophet_slice_drop(&s->slice, i);
            continue;
        }
        vn_prophet_item *item = &s->item[s->turn[2 * i + 1]];
        item->slot = vn_prophet_slice_slot(&s->slice, i, item->first);
        item->slot.where[VN_PROPHET_FIRST] = (int32_t)item->first;
    }
}

static vn_status pose(void *ctx, vn_prophet_lane *lane, int64_t k)
{
    vn_prophet_solver *s = ctx;
    vn_prophet_item *item = &s->item[k];
    VN_TRY(vn_prophet_pose(lane, s->panel, item->series, item->cut, &item->slot, &item->out,
                           &item->constant));
    if (item->constant)
        item->slot.where[VN_PROPHET_COUNT] = 0; /* nothing to solve */
    else if (item->warm.number)
        vn_prophet_begin(s->spec, &item->slot, &item->warm);
    return VN_OK;
}

/* Which of the items are as they are known already: the same problem and, to the bit, the same
 * objective at the known numbers, which are tried as the start. */
static vn_status judge(vn_prophet_solver *s)
{
    bool any = false;
    for (int64_t k = 0; k < s->n; k++) {
        vn_prophet_item *item = &s->item[k];
        if (!item->known.number || item->constant) continue;
        item->kept = vn_prophet_same(s->spec, &item->known, &item->out);
        if (!item->kept) continue;
        any = true;
        vn_prophet_hold(s->spec, item->slot.start, &item->out);
        vn_prophet_begin(s->spec, &item->slot, &item->known);
    }
    if (!any) return VN_OK;
    VN_TRY(vn_prophet_slice_run(&s->slice, s->rows, true));
    for (int64_t k = 0; k < s->n; k++) {
        vn_prophet_item *item = &s->item[k];
        const double *fit = item->slot.fit, *known = item->known.number;
        if (!item->kept) continue;
        item->kept = fit[VN_PROPHET_SIGMA] == known[VN_FIT_SIGMA] &&
                     fit[VN_PROPHET_OBJECTIVE] == known[VN_FIT_OBJECTIVE];
        if (item->kept)
            item->slot.where[VN_PROPHET_COUNT] = 0;
        else
            vn_prophet_begin(s->spec, &item->slot, &item->out);
    }
    return VN_OK;
}

/* Kept or found, into the items' fits. */
static vn_status take(vn_prophet_solver *s)
{
    for (int64_t k = 0; k < s->n; k++) {
        vn_prophet_item *item = &s->item[k];
        if (item->kept) {
            vn_prophet_copy(s->spec, &item->known, &item->out);
            continue;
        }
        vn_prophet_take(s->spec, &item->slot, &item->out);
        if (item->constant) item->out.number[VN_FIT_SIGMA] = 1e-9; /* Prophet's least */
        if (!isfinite(item->out.number[VN_FIT_OBJECTIVE]))
            return VN_FAIL(VN_E_NUMERIC,
                           "series \"%s\" has no finite fit: are its features finite?",
                           s->panel->id[item->series]);
    }
    return VN_OK;
}

vn_status vn_prophet_solver_run(vn_prophet_solver *s)
{
    hand_out_slots(s);
    VN_TRY(vn_prophet_crew_run(&s->crew, s->n, pose, s));
    VN_TRY(judge(s));
    VN_TRY(vn_prophet_slice_run(&s->slice, s->rows, false));
    return take(s);
}

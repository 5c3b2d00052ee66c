/* Windows as (series, cut) pairs: cut c is the first target row. They are counted, not listed: a
 * used series has cuts first_cut, first_cut + step_size, ... and the counts are summed in `cum`. */
#include "host/data/window.h"

#include <string.h>

#include "base/philox.h"

/* The cuts of a series whose part is rows begin .. end: *lo .. *hi in steps; none if *lo > *hi. */
static void cuts_of(const vn_windows_config *c, int64_t begin, int64_t end, int64_t *lo,
                    int64_t *hi)
{
    enum { AUTO, ALWAYS };
    int64_t last = end - c->h, full = c->n_in > begin ? c->n_in : begin;
    *hi = c->partial_targets ? end - 1 : last;
    *lo = c->n_in;
    if (c->start_padding == ALWAYS)
        *lo = 1;
    else if (c->start_padding == AUTO && last < full)
        *lo = last > 1 ? last : 1;
    if (c->last_cutoffs && *lo < end - c->last_cutoffs * c->h) *lo = end - c->last_cutoffs * c->h;
    if (*lo < begin) *lo = begin;
    if (*lo < 1) *lo = 1;
}

static vn_status check(const vn_windows_config *c)
{
    const int64_t most = INT32_MAX;
    if (c->n_in < 1 || c->h < 1 || c->step_size < 1 || c->last_cutoffs < 0 || c->n_in > most ||
        c->h > most || c->last_cutoffs > most)
        return VN_FAIL(VN_E_ARGUMENT,
                       "windows of input_size %lld, horizon %lld, step_size %lld, "
                       "last_cutoffs %lld",
                       (long long)c->n_in, (long long)c->h, (long long)c->step_size,
                       (long long)c->last_cutoffs);
    return VN_OK;
}

static vn_status refuse(const vn_windows *w, int64_t longest)
{
    static const char *const parts[] = { "training", "validation", "test" };
    const vn_windows_config *c = &w->config;
    const vn_panel *p = w->panel;
    int64_t ends[3];
    VN_TRY(vn_split_of(p, c->split, longest, ends));
    int64_t begin = c->part ? ends[c->part - 1] : 0;
    return VN_FAIL(
        VN_E_DATA,
        "no series has a %s window: the longest, '%s', has %lld rows in this part and "
        "%lld before it; a window needs horizon %lld rows in the part and %s%lld rows before them",
        parts[c->part], p->id[longest], (long long)(ends[c->part] - begin), (long long)begin,
        (long long)c->h, c->start_padding == 2 ? "input_size " : "at least ",
        c->start_padding == 2 ? (long long)c->n_in : 1LL);
}

static vn_status enumerate(vn_windows *w)
{
    const vn_panel *p = w->panel;
    const vn_windows_config *c = &w->config;
    int64_t longest = 0;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t ends[3], lo, hi;
        VN_TRY(vn_split_of(p, c->split, i, ends));
        if (p->n_past[i] > p->n_past[longest]) longest = i;
        cuts_of(c, c->part ? ends[c->part - 1] : 0, ends[c->part], &lo, &hi);
        if (lo > hi) continue;
        w->series[w->n_used] = i;
        w->first_cut[w->n_used++] = lo;
        w->n += (hi - lo) / c->step_size + 1;
        w->cum[w->n_used] = w->n;
    }
    return w->n ? VN_OK : refuse(w, longest);
}

vn_status vn_windows_open(const vn_panel *panel, const vn_windows_config *config, vn_windows *out)
{
    size_t n = (size_t)panel->n_series;
    *out = (vn_windows){ .config = *config, .panel = panel };
    VN_TRY(check(config));
    out->series = vn_arena_array(&out->arena, n, sizeof *out->series);
    out->first_cut = vn_arena_array(&out->arena, n, sizeof *out->first_cut);
    out->cum = vn_arena_array(&out->arena, n + 1, sizeof *out->cum);
    vn_status st = out->series && out->first_cut && out->cum ? enumerate(out) : VN_E_MEMORY;
    if (st) vn_windows_close(out);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

void vn_windows_close(vn_windows *w)
{
    if (!w) return;
    vn_arena_close(&w->arena);
    w->n = w->n_used = 0;
    w->series = w->first_cut = w->cum = NULL;
}

static void set_pair(const vn_windows *w, int64_t used, int64_t nth, int32_t pair[2])
{
    pair[0] = (int32_t)w->series[used];
    pair[1] = (int32_t)(w->first_cut[used] + nth * w->config.step_size);
}

void vn_windows_at(const vn_windows *w, int64_t k, int32_t pair[2])
{
    int64_t lo = 0, hi = w->n_used - 1; /* the series with cum[lo] <= k < cum[lo + 1] */
    while (lo < hi) {
        int64_t mid = (lo + hi + 1) / 2;
        if (w->cum[mid] <= k)
            lo = mid;
        else
            hi = mid - 1;
    }
    set_pair(w, lo, k - w->cum[lo], pair);
}

void vn_windows_draw(const vn_windows *w, uint64_t seed, int64_t step, int64_t slot,
                     int32_t pair[2])
{
    uint64_t index = ((uint64_t)step << 20) + (uint64_t)slot; /* up to 2^20 slots a step */
    vn_philox r = vn_random4(seed, vn_stream_of("windows"), index);
    if (!w->config.by_series) {
        vn_windows_at(w, (int64_t)vn_below(r.v[0], r.v[1], (uint64_t)w->n), pair);
        return;
    }
    int64_t used = (int64_t)vn_below(r.v[0], r.v[1], (uint64_t)w->n_used);
    uint64_t n = (uint64_t)(w->cum[used + 1] - w->cum[used]);
    set_pair(w, used, (int64_t)vn_below(r.v[2], r.v[3], n), pair);
}

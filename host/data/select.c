/* Choosing columns: a copy of each block with fewer, in another order. */
#include "host/data/select.h"

#include <string.h>

/* A block [rows, width] of a panel whose categories are columns [first, first + n_cat). */
typedef struct block {
    const float *x;
    const char *const *name;
    int64_t width, first, n_cat;
    const vn_levels *cat;
} block;

/* Where a column comes from: of which of the blocks, and which of it. */
typedef struct origin {
    const block *from;
    int64_t at;
} origin;

static block hist_of(const vn_panel *p)
{
    return (block){ p->hist, p->hist_name, p->n_hist, p->n_hist - p->n_hist_cat, p->n_hist_cat,
                    p->hist_cat };
}

static block futr_of(const vn_panel *p)
{
    return (block){ p->futr, p->futr_name, p->n_futr, p->n_futr - p->n_calendar - p->n_futr_cat,
                    p->n_futr_cat, p->futr_cat };
}

static block stat_of(const vn_panel *p)
{
    return (block){ p->stat, p->stat_name, p->n_stat, p->n_stat - p->n_stat_cat, p->n_stat_cat,
                    p->stat_cat };
}

static bool holds(const block *b, const char *name, bool coded, int64_t *at)
{
    for (*at = 0; *at < b->width; ++*at)
        if (!strcmp(b->name[*at], name))
            return coded == (*at >= b->first && *at < b->first + b->n_cat);
    return false;
}

/* A block's columns that one of n blocks has, into fresh memory. */
static vn_status take(const vn_choice *c, const block *from, int n_from, int64_t rows, vn_arena *a,
                      block *out)
{
    const char **name = vn_arena_array(a, (size_t)c->n, sizeof *name);
    origin *o = vn_arena_array(a, (size_t)c->n, sizeof *o);
    vn_levels *cat = vn_arena_array(a, (size_t)c->n_cat, sizeof *cat);
    if (!name || !o || !cat) return VN_E_MEMORY;
    *out = (block){ .name = name, .cat = cat };
    for (int64_t i = 0; i < c->n; i++) {
        bool coded = i >= c->n - c->n_cat, found = false;
        origin *now = &o[out->width];
        for (int k = 0; k < n_from && !found; k++) {
            now->from = &from[k];
            found = holds(&from[k], c->name[i], coded, &now->at);
        }
        if (!found) continue;
        if (coded) cat[out->n_cat++] = now->from->cat[now->at - now->from->first];
        name[out->width++] = c->name[i];
    }
    float *x = vn_arena_array(a, (size_t)rows, (size_t)out->width * sizeof *x);
    if (!x) return VN_E_MEMORY;
    for (int64_t t = 0; t < rows; t++)
        for (int64_t i = 0; i < out->width; i++)
            x[t * out->width + i] = o[i].from->x[t * o[i].from->width + o[i].at];
    out->x = x;
    return VN_OK;
}

/* The arrays belong to out's arena: writable, whatever `take` calls them. */
static void put(const block *b, float **x, const char ***name, int64_t *width, int64_t *n_cat,
                vn_levels **cat)
{
    *x = (float *)(uintptr_t)b->x;
    *name = (const char **)(uintptr_t)b->name;
    *width = b->width;
    *n_cat = b->n_cat;
    *cat = (vn_levels *)(uintptr_t)b->cat;
}

static vn_status select_all(const vn_panel *p, const vn_choice c[3], vn_panel *out)
{
    const block past[] = { hist_of(p), futr_of(p) }, stat = stat_of(p);
    block b;
    VN_TRY(take(&c[0], past, 2, p->n_rows, &out->arena, &b));
    put(&b, &out->hist, &out->hist_name, &out->n_hist, &out->n_hist_cat, &out->hist_cat);
    VN_TRY(take(&c[1], &past[1], 1, p->n_rows, &out->arena, &b));
    put(&b, &out->futr, &out->futr_name, &out->n_futr, &out->n_futr_cat, &out->futr_cat);
    out->n_calendar = 0;
    VN_TRY(take(&c[2], &stat, 1, p->n_series, &out->arena, &b));
    put(&b, &out->stat, &out->stat_name, &out->n_stat, &out->n_stat_cat, &out->stat_cat);
    return VN_OK;
}

/* True if these are all the columns there are, as they stand. */
static bool is_all(const vn_choice *c, const block *b)
{
    bool same = c->n == b->width && c->n_cat == b->n_cat;
    for (int64_t i = 0; same && i < c->n; i++) same = !strcmp(c->name[i], b->name[i]);
    return same;
}

vn_status vn_panel_select(const vn_panel *p, vn_choice hist, vn_choice futr, vn_choice stat,
                          vn_panel *out)
{
    const vn_choice choice[] = { hist, futr, stat };
    const block blocks[] = { hist_of(p), futr_of(p), stat_of(p) };
    *out = *p;
    out->arena = (vn_arena){ 0 };
    bool all = !p->n_calendar;
    for (int k = 0; k < 3; k++) all = all && is_all(&choice[k], &blocks[k]);
    vn_status st = all ? VN_OK : select_all(p, choice, out);
    if (st) vn_selected_close(out);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

void vn_selected_close(vn_panel *out)
{
    vn_arena_close(&out->arena);
}

/* Categorical columns: texts to codes, and the codes of one panel to those of another. */
#ifndef VN_HOST_DATA_LEVELS_H
#define VN_HOST_DATA_LEVELS_H

#include "host/data/names.h"
#include "host/data/panel.h"

enum { VN_LEVELS_MAX = 1 << 24 }; /* codes a float holds exactly */

/* The code of s[0..n), which joins the texts if it is new. DATA beyond VN_LEVELS_MAX; `column` is
 * for the message. */
vn_status vn_levels_add(vn_names *names, const char *column, const char *s, size_t n, float *code);

/* The texts of n columns as levels, in the arena of the texts. Empty for n = 0. */
vn_status vn_levels_from(const vn_names *names, int64_t n, vn_arena *arena, vn_levels **out);

/* Copies of n columns' levels. */
vn_status vn_levels_copy(const vn_levels *from, int64_t n, vn_arena *arena, vn_levels **out);

/* For each code of `from`, that is from->n + 1 numbers, the code of the same text in `to`. */
vn_status vn_levels_map(const vn_levels *from, const vn_levels *to, vn_arena *arena, float **map);

/* The levels of `a`, then those of `b` that are new. */
vn_status vn_levels_join(const vn_levels *a, const vn_levels *b, vn_arena *arena, vn_levels *out);

#endif

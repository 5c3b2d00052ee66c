/* The columns of a panel that one model asks for. */
#ifndef VN_HOST_DATA_SELECT_H
#define VN_HOST_DATA_SELECT_H

#include "host/data/panel.h"

/* Columns of one kind by name; the last n_cat are categories. */
typedef struct vn_choice {
    const char *const *name;
    int64_t n, n_cat;
} vn_choice;

/* The panel with these columns in this order, into `out`, which borrows the rest; close it with
 * vn_selected_close. A past column may be taken from those known ahead. What is not there is left
 * out, and what is there as another sort (numbers, texts) too: vn_fitted_match names it. */
vn_status vn_panel_select(const vn_panel *panel, vn_choice hist, vn_choice futr, vn_choice stat,
                          vn_panel *out);
void vn_selected_close(vn_panel *out);

#endif

/* Some of the series of a panel. */
#ifndef VN_HOST_DATA_PICK_H
#define VN_HOST_DATA_PICK_H

#include "host/data/panel.h"

/* The n series numbered `series`, in this order, as a panel of its own: all copied, rows put into
 * gaps counted as missing targets alone. ARGUMENT: no series, or a number that is none. */
vn_status vn_panel_pick(const vn_panel *panel, const int64_t *series, int64_t n, vn_panel **picked);

#endif

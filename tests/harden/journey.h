/* Everything a user does with files, in one small run: read a table, train with checkpoints, go on
 * from the last of them, save, load, forecast, write the forecast. */
#ifndef VN_TESTS_HARDEN_JOURNEY_H
#define VN_TESTS_HARDEN_JOURNEY_H

#include "include/vane.h"

typedef struct vn_journey {
    char folder[64], table[96], checkpoint[96], model[96], forecast[96];
    char *want_model, *want_forecast; /* content of the files after vn_journey_open */
    size_t n_model, n_forecast;
    const char *kind; /* of model: linear, or nhits with 300 KiB of weights */
} vn_journey;

/* A folder of its own with a table, and what the journey leaves when nothing fails. */
void vn_journey_open(vn_journey *j, const char *kind);
void vn_journey_close(vn_journey *j);

/* Put "old" into the files the journey writes, and no checkpoint. */
void vn_journey_reset(const vn_journey *j);

/* The first failure, or VANE_OK. */
vane_status vn_journey_run(const vn_journey *j);

/* Each file must be whole: "old" or what a journey without failures writes; after a journey that
 * succeeded the latter. Nothing else may lie in the folder but `strays` temporaries at most. */
void vn_journey_check(const vn_journey *j, vane_status st, int strays, const char *what);

/* Descriptors open in this process. */
int vn_open_descriptors(void);

#endif

/* Chains: consecutive steps that every lane walks through with rows of its own, meeting nobody
 * between them. A block of rows goes through all steps of a chain before the next one does, so that
 * what a step wrote still lies in the lane's cache when the following one reads it. */
#ifndef VN_KERNELS_CPU_CHAIN_H
#define VN_KERNELS_CPU_CHAIN_H

#include "device/rows.h"

/* A lane's share below which a chain costs more than the meetings it saves: weights are read by
 * every lane, and a product's tiles get lower. */
enum { VN_CHAIN_ROWS = 16 };

/* A step and the chain it belongs to. */
typedef struct vn_link {
    vn_by_rows rows; /* how the step is divided */
    int first, last; /* steps [first, last) are its chain: itself alone if it has none */
    int64_t units;   /* of rows, that all its steps are cut into */
    int64_t blocks;  /* of units, of about one size; 0: none */
    char about[80];  /* for people; "" without a chain */
} vn_link;

/* Find the chains of n steps for a replay on so many lanes. */
void vn_chain_find(const vn_step *steps, int n, int lanes, vn_link *link);

/* The call of a step for one block of its chain. */
void vn_chain_cut(const vn_step *step, const vn_link *link, int64_t block, vn_call *part);

#endif

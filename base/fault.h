/* Memory from the system, counted, and the switch that makes the n-th request fail.
 *
 * Every heap request of the library goes through here: tests count them (a training loop makes
 * none) and fail each in turn. Reads and writes of base/os.c and threads of base/team.c ask
 * vn_fault_hit too. The counters are process-wide atomics, the one exception to "no globals" beside
 * the thread-local error. */
#ifndef VN_BASE_FAULT_H
#define VN_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vn_fault {
    VN_FAULT_ALLOC,
    VN_FAULT_READ,
    VN_FAULT_WRITE,
    VN_FAULT_THREAD,
    VN_FAULT_COUNT
} vn_fault;

/* Make the n-th request from now on of this kind fail (1 = the next); 0 switches off. */
void vn_fault_arm(vn_fault kind, int64_t n);

/* Requests of this kind since the process began. */
int64_t vn_fault_seen(vn_fault kind);

/* Count one request; true if it is the one that must fail. */
bool vn_fault_hit(vn_fault kind);

/* As malloc, calloc, realloc, free. NULL on failure, with a MEMORY failure recorded. */
void *vn_malloc(size_t bytes);
void *vn_calloc(size_t count, size_t size);
void *vn_realloc(void *old, size_t bytes);
void vn_free(void *p);

/* Bytes aligned to `align` (a power of two), zeroed, with huge pages asked for when large. */
void *vn_alloc_aligned(size_t bytes, size_t align);
void vn_free_aligned(void *p, size_t bytes);

/* a * b, false on overflow. */
bool vn_mul_size(size_t a, size_t b, size_t *out);

#endif

/* Which instruction sets this machine has and this process may use. */
#ifndef VN_KERNELS_CPU_FEATURES_H
#define VN_KERNELS_CPU_FEATURES_H

#include <stdint.h>

#include "base/status.h"

/* Names of the VN_CPU_* bits, NULL-ended. */
extern const char *const vn_cpu_cap_names[];

/* The capability bits of this machine, capped at `level` (NULL or "": no cap), and the name of the
 * widest level in use. ARGUMENT if there is no such level, UNSUPPORTED if the machine lacks it. */
vn_status vn_cpu_caps(const char *level, uint64_t *caps, const char **name);

/* The processor's own name ("AMD EPYC 9R14"), "CPU" where it does not tell. */
void vn_cpu_brand(char out[64]);

#endif

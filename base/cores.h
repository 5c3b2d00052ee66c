/* The core a thread runs on. */
#ifndef VN_BASE_CORES_H
#define VN_BASE_CORES_H

int vn_core_here(void); /* -1: not known */

/* Move the calling thread off these cores, if it may use others; it stays free to be moved again.
 */
void vn_core_leave(const int *cores, int n);

#endif

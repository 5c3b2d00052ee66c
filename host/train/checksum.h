/* XXH64 (Yann Collet's xxHash): the checksum of model files and checkpoints. It finds damage, it
 * does not prove origin. About 10 GB/s, so it costs nothing beside the write. */
#ifndef VN_HOST_TRAIN_CHECKSUM_H
#define VN_HOST_TRAIN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t vn_xxh64(const void *data, size_t n, uint64_t seed);

#endif

/* Copies that are made together: the weights of a layer into the order of a library, and their
 * gradients back. 8 bytes moved a number, 4 of them written, which is the least; bound by the
 * launch for layers of common size. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "kernels_cuda/cudnn.h"
}

enum { THREADS = 256, EACH = 4 };

/* Piece y; pointers are no member's own: a layer of several members is not given to a library. */
__global__ void __launch_bounds__(THREADS) vn_pieces_kernel(vn_pieces p)
{
    const float *from = p.piece[blockIdx.y].from;
    float *to = p.piece[blockIdx.y].to;
    int64_t n = p.piece[blockIdx.y].n, at = (int64_t)blockIdx.x * THREADS * EACH + threadIdx.x;
#pragma unroll
    for (int i = 0; i < EACH; i++, at += THREADS)
        if (at < n) to[at] = from ? from[at] : 0;
}

extern "C" void vn_pieces_launch(const vn_pieces *p, vn_stream *s)
{
    int64_t most = 1;
    if (!p->n) return;
    for (int i = 0; i < p->n; i++)
        if (p->piece[i].n > most) most = p->piece[i].n;
    dim3 grid = vn_blocks(most, THREADS * EACH);
    grid.y = (unsigned)p->n;
    VN_LAUNCH(vn_pieces_kernel, grid, dim3(THREADS), 0, s, *p);
}

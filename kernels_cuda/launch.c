/* What VN_LAUNCH of common.cuh starts. */
#include "kernels_cuda/cuda.h"

/* Of one member alone: what is its own lies where it lies. */
static void settle(vn_launch *l)
{
    for (int i = 0; i < l->bytes / (int)sizeof *l->args; i++)
        if (l->args[i] == (uint64_t)VN_EACH) l->args[i] = 0;
}

void vn_launch_on(vn_cuda_stream *s, vn_launch *launch)
{
    settle(launch);
    launch->start(launch, s->handle);
}

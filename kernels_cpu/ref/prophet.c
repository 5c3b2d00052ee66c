/* Prophet's fit, one series after the other. The numerics are device/prophet.h's, in f64 alone: an
 * f32 copy of this file takes no call. */
#include "device/prophet_series.h"
#include "kernels_cpu/ref/real.h"

static vn_scratch scratch(const vn_call *c)
{
    vn_prophet_batch b = vn_prophet_batch_of(c);
    return (vn_scratch){ vn_prophet_room_bytes(&b), 0 };
}

static void prophet(const vn_call *c, vn_stream *s)
{
    vn_prophet_batch b = vn_prophet_batch_of(c);
    if (!vn_ref_lane(s)) return;
    for (int64_t i = 0; i < b.series; i++) vn_prophet_series(&b, i, c->scratch);
}

const vn_kernel VN_REF(prophet) = { VN_REF_NAME(prophet), 0, VN_REF(unfit), scratch, prophet };

/* Prophet's fit, series spread over the lanes. What is vectorised are the inner loops of
 * device/prophet.h, by the compiler, for the wider registers of this unit: no sum is reassociated,
 * so results are those of the reference to the bit. Bound by the Gram matrix, p^2 / 2 products a
 * row in the first cache, where a series' rows (7 to 10 doubles) come from the second. */
#include "device/prophet_series.h"
#include "kernels_cpu/cpu.h"

static vn_scratch scratch(const vn_call *c)
{
    vn_prophet_batch b = vn_prophet_batch_of(c);
    return (vn_scratch){ 0, vn_prophet_room_bytes(&b) };
}

/* Every so many series: neighbours cost about the same, where the caller has sorted them. */
static void prophet(const vn_call *c, vn_stream *s)
{
    vn_prophet_batch b = vn_prophet_batch_of(c);
    const vn_lane *lane = vn_cpu_lane(s);
    for (int64_t i = lane->rank; i < b.series; i += lane->size)
        vn_prophet_series(&b, i, vn_cpu_scratch(s));
}

const vn_kernel VN_SIMD(prophet) = { "prophet_f64_" VN_STRING(VN_ISA), VN_SIMD_NEED, NULL, scratch,
                                     prophet };

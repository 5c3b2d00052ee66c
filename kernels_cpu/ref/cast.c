/* Numbers in another type. */
#include "kernels_cpu/ref/real.h"

static void cast(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    int64_t n = vn_count(y);
    for (int64_t i = 0; i < n; i++) {
        vn_real v = vn_ref_stored(x, i);
        if (vn_is_low(y->dtype))
            ((uint16_t *)y->data)[i] = vn_low_of(y->dtype, (float)v);
        else
            ((vn_real *)y->data)[i] = v;
    }
}

static const char *unfit(const vn_call *c)
{
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    if (vn_is_low(x->dtype) && vn_is_low(y->dtype)) /* real in between: either would do */
        return VN_REAL_DTYPE == VN_F32 ? NULL : "numbers are not " VN_STRING(VN_REAL);
    return VN_REF(unfit_stored)(c);
}

const vn_kernel VN_REF(cast) = { VN_REF_NAME(cast), 0, unfit, NULL, cast };

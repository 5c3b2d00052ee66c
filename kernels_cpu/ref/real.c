/* Which calls a reference kernel takes: all whose numbers are of its type. */
#include "kernels_cpu/ref/real.h"

/* An absent tensor is all zeros, which reads as an f32 scalar: only data or axes count. */
static const vn_tensor *first_real(const vn_tensor *t, int n)
{
    for (int i = 0; i < n; i++)
        if ((t[i].data || t[i].rank) && (t[i].dtype == VN_F32 || t[i].dtype == VN_F64))
            return &t[i];
    return NULL;
}

static bool any_low(const vn_tensor *t, int n)
{
    for (int i = 0; i < n; i++)
        if (vn_is_low(t[i].dtype)) return true;
    return false;
}

const char *VN_REF(unfit)(const vn_call *c)
{
    if (any_low(c->in, c->n_in) || any_low(c->out, c->n_out)) return "numbers of 16 bits";
    return VN_REF(unfit_stored)(c);
}

const char *VN_REF(unfit_stored)(const vn_call *c)
{
    const vn_tensor *t = first_real(c->in, c->n_in);
    if (!t) t = first_real(c->out, c->n_out);
    vn_dtype found = t ? t->dtype : c->out[0].dtype;
    return found == VN_REAL_DTYPE ? NULL : "numbers are not " VN_STRING(VN_REAL);
}

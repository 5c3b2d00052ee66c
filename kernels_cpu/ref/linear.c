/* Matrix products: a layer with bias and activation, and the plain product its gradients need. */
#include "device/scalar.h"
#include "kernels_cpu/ref/real.h"

static void linear(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_linear *a = c->attr;
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    const vn_real *b = c->in[2].data;
    vn_real *y = c->out[0].data;
    int64_t n = c->in[1].dim[0], k = c->in[1].dim[1], m = n ? vn_count(&c->out[0]) / n : 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = b ? (double)b[j] : 0;
            for (int64_t l = 0; l < k; l++)
                sum += vn_ref_factor(x, i * k + l, a->tf32) * vn_ref_factor(w, j * k + l, a->tf32);
            y[i * n + j] = VN_SCALAR(vn_unary_value)(a->act, (vn_real)sum);
        }
}

/* y = op(a) op(b) for one pair of matrices, that begin at these elements. */
static void product(const vn_call *c, int64_t a, int64_t b, vn_real *y, const int64_t size[3])
{
    const vn_attr_matmul *attr = c->attr;
    int64_t m = size[0], n = size[1], k = size[2];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += vn_ref_factor(&c->in[0], a + (attr->ta ? l * m + i : i * k + l), attr->tf32) *
                       vn_ref_factor(&c->in[1], b + (attr->tb ? j * k + l : l * n + j), attr->tf32);
            y[i * n + j] = (vn_real)sum;
        }
}

static void matmul(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_matmul *attr = c->attr;
    const vn_tensor *a = &c->in[0], *y = &c->out[0];
    int64_t k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    int64_t size[3] = { y->dim[y->rank - 2], y->dim[y->rank - 1], k };
    int64_t groups = y->rank == 3 ? y->dim[0] : 1;
    for (int64_t g = 0; g < groups; g++)
        product(c, a->rank == 3 ? g * size[0] * k : 0, c->in[1].rank == 3 ? g * k * size[1] : 0,
                (vn_real *)y->data + g * size[0] * size[1], size);
}

const vn_kernel VN_REF(linear) = { VN_REF_NAME(linear), 0, VN_REF(unfit_stored), NULL, linear };
const vn_kernel VN_REF(matmul) = { VN_REF_NAME(matmul), 0, VN_REF(unfit_stored), NULL, matmul };

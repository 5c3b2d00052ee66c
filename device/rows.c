#include "device/rows.h"

/* Bits of the inputs that have rows of the batch, where all of the op's outputs have; 0: the op
 * reads other rows (sums over the batch, gradients of weights), or knows elements by their place in
 * the whole (dropout), or its result is not worth it. */
static uint32_t inputs_of(const vn_call *c)
{
    switch (c->op) {
    case VN_OP_UNARY:
    case VN_OP_AFFINE:
    case VN_OP_CAST:
    case VN_OP_SOFTMAX:
    case VN_OP_SORT:
    case VN_OP_POOL1D:
    case VN_OP_INTERP1D:
    case VN_OP_INTERP1D_GRAD:
    case VN_OP_LINEAR:
    case VN_OP_CONV1D:
    case VN_OP_LAYERNORM:
    case VN_OP_EMBEDDING:
    case VN_OP_WINDOW:
        return 1;
    case VN_OP_SOFTMAX_GRAD:
    case VN_OP_WINDOW_STATS:
    case VN_OP_SEEN:
        return 3;
    case VN_OP_UNARY_GRAD:
    case VN_OP_POOL1D_GRAD:
    case VN_OP_UNSCALE:
    case VN_OP_DIST:
        return 7;
    case VN_OP_ATTENTION:
    case VN_OP_SCALE:
        return 15;
    case VN_OP_ATTENTION_GRAD:
        return 127;
    case VN_OP_CONCAT:
        return ((const vn_attr_axis *)c->attr)->axis ? 255 : 0;
    case VN_OP_FLIP:
        return ((const vn_attr_axis *)c->attr)->axis ? 1 : 0;
    case VN_OP_SLICE:
    case VN_OP_PAD:
        return ((const vn_attr_range *)c->attr)->axis ? 1 : 0;
    case VN_OP_PERMUTE:
        return ((const vn_attr_perm *)c->attr)->axis[0] ? 0 : 1;
    default:
        return 0;
    }
}

/* Of inputs aligned at the last axis: divided is what has as many rows, all others repeat. */
static uint32_t aligned(const vn_call *c)
{
    uint32_t bits = 0;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].rank == c->out[0].rank && c->in[i].dim[0] == c->out[0].dim[0])
            bits |= (uint32_t)1 << i;
    return bits;
}

/* Rows are those of a, and of b where there is one product for each; b may be one matrix for all.
 */
static uint32_t of_matmul(const vn_call *c)
{
    if (c->out[0].rank == 3) return aligned(c);
    return ((const vn_attr_matmul *)c->attr)->ta ? 0 : 1;
}

enum { PRODUCT_ROWS = 16, CONV_ROWS = 256 };

/* Of layers, so many of theirs; products of a row's own matrix are packed where there are two. */
static int64_t least_of(const vn_call *c)
{
    bool conv = c->op == VN_OP_CONV1D;
    if (c->op == VN_OP_MATMUL && c->out[0].rank == 3) return 2;
    if (c->op != VN_OP_LINEAR && c->op != VN_OP_MATMUL && !conv) return 1;
    int64_t each = 1, rows = conv ? CONV_ROWS : PRODUCT_ROWS;
    for (int i = 1; i < c->out[0].rank - 1; i++) each *= c->out[0].dim[i];
    return each ? (rows + each - 1) / each : 1;
}

vn_by_rows vn_rows_of(const vn_call *c)
{
    vn_by_rows none = { 0, 0, 0 }, rows = { c->out[0].dim[0], 0, least_of(c) };
    if (c->out[0].rank < 2 || rows.n < 2) return none;
    switch (c->op) {
    case VN_OP_BINARY:
    case VN_OP_BROADCAST:
        rows.divided = aligned(c);
        break;
    case VN_OP_MATMUL:
        rows.divided = of_matmul(c);
        break;
    default:
        rows.divided = inputs_of(c);
    }
    if (!rows.divided) return none;
    for (int i = 0; i < c->n_in; i++)
        if (rows.divided >> i & 1 && c->in[i].rank > 0 && c->in[i].dim[0] != rows.n) return none;
    for (int i = 0; i < c->n_out; i++)
        if (c->out[i].rank > 0 && c->out[i].dim[0] != rows.n) return none;
    return rows;
}

static void cut(vn_tensor *t, int64_t units, int64_t lo, int64_t hi)
{
    if (t->rank < 1) return;
    int64_t each = t->dim[0] / units;
    if (t->data)
        t->data = (char *)t->data + (size_t)(vn_count(t) / units * lo) * vn_dtype_bytes(t->dtype);
    t->dim[0] = each * (hi - lo);
}

void vn_rows_cut(const vn_call *c, vn_by_rows rows, int64_t units, int64_t lo, int64_t hi,
                 vn_call *part)
{
    *part = *c;
    for (int i = 0; i < c->n_in; i++)
        if (rows.divided >> i & 1) cut(&part->in[i], units, lo, hi);
    for (int i = 0; i < c->n_out; i++) cut(&part->out[i], units, lo, hi);
}

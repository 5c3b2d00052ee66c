/* Blocks and the doubly residual chain; see residual.h. */
#include "models/residual.h"

#include <math.h>
#include <stdio.h>

static const vn_unary activations[] = { VN_UNARY_RELU, VN_UNARY_SOFTPLUS, VN_UNARY_TANH,
                                        VN_UNARY_SELU, VN_UNARY_LRELU,    VN_UNARY_SIGMOID };

/* "<name>.weight" [n_out, n_in] and "<name>.bias" [n_out], drawn as PyTorch's Linear. */
static void declare(vn_graph *g, const char *name, int64_t n_in, int64_t n_out, vn_val *w,
                    vn_val *b)
{
    vn_init init = { VN_INIT_UNIFORM, 1.0 / sqrt((double)n_in) };
    char path[64];
    snprintf(path, sizeof path, "%s.weight", name);
    *w = vn_param(g, path, VN_DIMS(n_out, n_in), init);
    snprintf(path, sizeof path, "%s.bias", name);
    *b = vn_param(g, path, VN_DIMS(n_out), init);
}

vn_mlp vn_mlp_declare(vn_graph *g, const vn_mlp_spec *spec, int64_t n_in, int64_t n_theta)
{
    vn_mlp block = { .spec = *spec };
    for (int i = spec->nixtla ? 0 : 1; i <= spec->units->n; i++) {
        int64_t width = spec->units->v[i ? i - 1 : 0];
        char name[16];
        snprintf(name, sizeof name, "fc%d", i);
        declare(g, name, n_in, width, &block.w[i], &block.b[i]);
        n_in = width;
    }
    declare(g, "theta", n_in, n_theta, &block.theta_w, &block.theta_b);
    return block;
}

vn_val vn_mlp_layers(vn_graph *g, const vn_mlp *block, vn_val x)
{
    const vn_mlp_spec *spec = &block->spec;
    for (int i = spec->nixtla ? 0 : 1; i <= spec->units->n; i++) {
        vn_push(g, "fc%d", i);
        x = vn_linear(g, x, block->w[i], block->b[i],
                      i ? activations[spec->activation] : VN_UNARY_NONE);
        if (i) x = vn_dropout(g, x, spec->dropout);
        vn_pop(g);
    }
    return x;
}

vn_val vn_mlp_theta(vn_graph *g, const char *name, const vn_mlp *block, vn_val layers,
                    int64_t start, int64_t len)
{
    vn_push(g, "%s", name);
    vn_val theta = vn_linear(g, layers, vn_rows(g, block->theta_w, start, len),
                             vn_rows(g, block->theta_b, start, len), VN_UNARY_NONE);
    vn_pop(g);
    return theta;
}

/* The last value of y as one step, [B, 1, P]. */
static vn_val last_step(vn_graph *g, const vn_task *t)
{
    vn_val last = vn_slice(g, t->y, 1, t->L - 1, 1);
    if (t->P_free > 0) last = vn_broadcast(g, last, VN_DIMS(t->B, 1, t->P - t->P_free));
    if (t->P_free > 0) last = vn_pad(g, last, 2, 0, t->P);
    return last;
}

vn_val vn_level(vn_graph *g, const vn_task *t)
{
    return vn_broadcast(g, last_step(g, t), VN_DIMS(t->B, t->H, t->P));
}

vn_residual vn_residual_open(vn_graph *g, const vn_task *t)
{
    vn_val y = vn_reshape(g, t->y, VN_DIMS(t->B, t->L));
    vn_val mask = vn_reshape(g, t->mask, VN_DIMS(t->B, t->L));
    return (vn_residual){ .rest = vn_flip(g, y, 1),
                          .mask = vn_flip(g, mask, 1),
                          .forecast = last_step(g, t) }; /* the first part repeats it */
}

void vn_residual_step(vn_graph *g, vn_residual *r, vn_val backcast, vn_val part)
{
    r->rest = vn_mul(g, vn_sub(g, r->rest, backcast), r->mask);
    r->forecast = vn_add(g, r->forecast, part);
}

vn_status vn_check_per_stack(const char *model, const char *name, int64_t n, const char *per,
                             int64_t stacks)
{
    if (n == stacks) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT,
                   "%s: %s has %lld entries and %s has %lld; each needs one per stack", model, name,
                   (long long)n, per, (long long)stacks);
}

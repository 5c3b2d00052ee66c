/* Mixed precision: which products read 16 bits, what stays f32, and what comes out. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "device/low.h"
#include "graph/build.h"
#include "graph/plan/precision.h"
#include "tests/graph/kit.h"

Suite *vn_suite_precision(void);

enum { ROWS = 3, DEPTH = 32, UNITS = 24 };

static int count(const vn_graph *g, vn_op op)
{
    int n = 0;
    for (int k = 0; k < g->n_nodes; k++) n += g->nodes[k].op == op;
    return n;
}

static vn_dtype type_of(const vn_graph *g, vn_val v)
{
    return vn_value_of(g, v)->t.dtype;
}

static void lower(kit *k, vn_precision precision)
{
    ck_assert_msg(vn_graph_lower(k->g, precision) == VN_OK, "%s", vn_last_message());
}

/* Two layers, the first with an activation, and the step that trains them. */
static vn_val build_training(kit *k)
{
    vn_val x = vn_input(k->g, "x", VN_F32, VN_DIMS(ROWS, DEPTH));
    vn_val h = vn_dense(k->g, "first", x, UNITS, VN_UNARY_TANH);
    vn_val y = vn_dense(k->g, "second", h, DEPTH, VN_UNARY_NONE);
    vn_val loss = vn_reshape(k->g, vn_sumto(k->g, vn_mul(k->g, y, y), VN_DIMS(1)), VN_DIMS(1));
    vn_attr_adam adam = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    vn_gradients(k->g, loss, NULL, 0, NULL);
    ck_assert_int_eq(vn_params_layout(k->params), VN_OK);
    vn_params_draw(k->params, 1);
    vn_optimize(k->g, &adam, 0, loss, vn_state(k->g, "bad", VN_I64, VN_DIMS(1)));
    return x;
}

START_TEST(f32_changes_nothing)
{
    kit k;
    kit_open(&k, VN_F32);
    build_training(&k);
    int nodes = k.g->n_nodes, values = k.g->n_values;
    lower(&k, VN_PRECISION_F32);
    ck_assert_int_eq(k.g->n_nodes, nodes);
    ck_assert_int_eq(k.g->n_values, values);
    kit_close(&k);
}
END_TEST

/* The products whose depth is ROWS, those of the weights' gradients, stay as they are. */
START_TEST(deep_products_read_16_bits_and_nothing_else_does)
{
    kit k;
    kit_open(&k, VN_F32);
    build_training(&k);
    lower(&k, VN_PRECISION_BF16);
    int low = 0;
    for (int i = 0; i < k.g->n_nodes; i++) {
        const vn_node *n = &k.g->nodes[i];
        bool product = n->op == VN_OP_LINEAR || n->op == VN_OP_MATMUL;
        for (int j = 0; j < n->n_in; j++) {
            if (!n->in[j] || !vn_is_low(type_of(k.g, n->in[j]))) continue;
            low++;
            ck_assert_msg(product && j < 2, "%s reads 16 bits", n->path);
            ck_assert_int_eq(type_of(k.g, n->out[0]), VN_F32);
        }
    }
    ck_assert_int_eq(low, 2 * 3); /* both layers, and the gradient of the second one's input */
    kit_close(&k);
}
END_TEST

/* No node more, and the shallow products stay strict. */
START_TEST(tf32_is_a_property_of_deep_products)
{
    kit k;
    kit_open(&k, VN_F32);
    build_training(&k);
    int before = k.g->n_nodes, rounded = 0, strict = 0;
    lower(&k, VN_PRECISION_TF32);
    ck_assert_int_eq(k.g->n_nodes, before);
    for (int i = 0; i < k.g->n_nodes; i++) {
        const vn_node *n = &k.g->nodes[i];
        bool linear = n->op == VN_OP_LINEAR;
        if (!linear && n->op != VN_OP_MATMUL) continue;
        int64_t tf32 = linear ? ((const vn_attr_linear *)n->attr)->tf32
                              : ((const vn_attr_matmul *)n->attr)->tf32;
        tf32 ? rounded++ : strict++;
    }
    ck_assert_int_eq(rounded, 3); /* both layers, and the gradient of the second one's input */
    ck_assert_int_eq(strict, 2);
    kit_close(&k);
}
END_TEST

/* Attention of two heads, and its gradient. */
static void build_attention(kit *k, int64_t width)
{
    vn_init init = { VN_INIT_UNIFORM, 0.3 };
    vn_val q = vn_param(k->g, "q", VN_DIMS(2, 5, 2 * width), init);
    vn_val key = vn_param(k->g, "k", VN_DIMS(2, 7, 2 * width), init);
    vn_val v = vn_param(k->g, "v", VN_DIMS(2, 7, 2 * width), init);
    vn_val y = vn_attention(k->g, q, key, v, 0, 2, false);
    vn_val sum = vn_sumto(k->g, vn_mul(k->g, y, y), VN_DIMS(1, 1, 1));
    vn_gradients(k->g, vn_reshape(k->g, sum, VN_DIMS(1)), NULL, 0, NULL);
    lower(k, VN_PRECISION_BF16);
}

/* q, k, v and dy are cast once each; y, log sums and all results stay f32. */
START_TEST(attention_reads_16_bits_where_heads_have_16_to_128_columns)
{
    static const int64_t widths[] = { 15, 16, 38, 128, 129 };
    bool low = widths[_i] >= VN_LOW_DEPTH && widths[_i] <= VN_LOW_WIDEST;
    kit k;
    kit_open(&k, VN_F32);
    build_attention(&k, widths[_i]);
    int nodes = 0;
    for (int i = 0; i < k.g->n_nodes; i++) {
        const vn_node *n = &k.g->nodes[i];
        bool back = n->op == VN_OP_ATTENTION_GRAD;
        if (!back && n->op != VN_OP_ATTENTION) continue;
        nodes++;
        for (int j = 0; j < n->n_in; j++)
            if (n->in[j])
                ck_assert_int_eq(type_of(k.g, n->in[j]), low && j < (back ? 4 : 3) ? VN_BF16 : VN_F32);
        for (int j = 0; j < n->n_out; j++) ck_assert_int_eq(type_of(k.g, n->out[j]), VN_F32);
    }
    ck_assert_int_eq(nodes, 2);
    ck_assert_int_eq(count(k.g, VN_OP_CAST), low ? 4 : 0);
    kit_plan(&k);
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    kit_close(&k);
}
END_TEST

/* Forward, back to x and to the weights; x, w and dy are cast once each. */
START_TEST(convolutions_are_products_too)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_init init = { VN_INIT_UNIFORM, 0.3 };
    vn_attr_conv attr = { .dilation = 2, .pad = 4, .act = VN_UNARY_RELU };
    vn_val x = vn_param(k.g, "x", VN_DIMS(2, 17, 8), init);
    vn_val w = vn_param(k.g, "w", VN_DIMS(6, 8, 3), init);
    vn_val y = vn_emit1(k.g, VN_OP_CONV1D, (vn_val[]){ x, w, 0 }, 3, &attr);
    vn_val sum = vn_sumto(k.g, vn_mul(k.g, y, y), VN_DIMS(1, 1, 1));
    vn_gradients(k.g, vn_reshape(k.g, sum, VN_DIMS(1)), NULL, 0, NULL);
    lower(&k, VN_PRECISION_BF16);
    int low = 0;
    for (int i = 0; i < k.g->n_nodes; i++) {
        const vn_node *n = &k.g->nodes[i];
        if (n->op != VN_OP_CONV1D && n->op != VN_OP_CONV1D_GRAD) continue;
        for (int j = 0; j < 2; j++) low += vn_is_low(type_of(k.g, n->in[j]));
        ck_assert_int_eq(type_of(k.g, n->out[0]), VN_F32);
    }
    ck_assert_int_eq(low, 3 * 2);
    ck_assert_int_eq(count(k.g, VN_OP_CAST), 3);
    kit_plan(&k);
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    kit_close(&k);
}
END_TEST

/* Forward and back read one cast of the second weight; x, its weight, h and dy have one each. */
START_TEST(a_value_is_cast_once)
{
    kit k;
    kit_open(&k, VN_F32);
    build_training(&k);
    lower(&k, VN_PRECISION_FP16);
    ck_assert_int_eq(count(k.g, VN_OP_CAST), 5);
    kit_close(&k);
}
END_TEST

START_TEST(parameters_and_gradients_stay_f32)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = build_training(&k);
    lower(&k, VN_PRECISION_BF16);
    for (vn_val v = 1; v < k.g->n_values; v++) {
        const vn_value *value = vn_value_of(k.g, v);
        if (value->home != VN_HOME_WORK && value->home != VN_HOME_STATE)
            ck_assert_msg(value->t.dtype == VN_F32, "%s", value->path);
    }
    kit_plan(&k);
    for (int i = 0; i < ROWS * DEPTH; i++) ((float *)vn_plan_feed(k.plan, x))[i] = 0.1f * (float)i;
    vn_plan_set(k.plan, VN_LR, 1e-6f); /* far below the last place of a bf16 */
    memset(k.home[VN_HOME_STATE], 0xff, VN_STATE_BYTES);
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    int moved = 0;
    for (int64_t i = 0; i < k.params->n_block; i++)
        moved += ((float *)k.home[VN_HOME_PARAM])[i] != k.params->block[i];
    ck_assert_int_gt(moved, DEPTH * UNITS);
    kit_close(&k);
}
END_TEST

/* y is the product of rounded factors, to the last places of f32. */
START_TEST(factors_are_rounded_sums_are_not)
{
    static const vn_precision precisions[] = { VN_PRECISION_BF16, VN_PRECISION_FP16 };
    static const vn_dtype types[] = { VN_BF16, VN_F16 };
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(ROWS, DEPTH));
    vn_val y = vn_output(k.g, vn_dense(k.g, "fc", x, UNITS, VN_UNARY_NONE));
    lower(&k, precisions[_i]);
    kit_plan(&k);
    float *in = vn_plan_feed(k.plan, x);
    for (int i = 0; i < ROWS * DEPTH; i++) in[i] = sinf((float)i);
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    const float *w =
        k.params->block + k.params->entry[vn_params_find(k.params, "fc.weight")].offset;
    const float *b = k.params->block + k.params->entry[vn_params_find(k.params, "fc.bias")].offset;
    double exact = 0, off = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < UNITS; j++) {
            double sum = (double)b[j], whole = (double)b[j];
            for (int d = 0; d < DEPTH; d++) {
                float u = in[i * DEPTH + d], v = w[j * DEPTH + d];
                sum += (double)vn_low_value(types[_i], vn_low_of(types[_i], u)) *
                       (double)vn_low_value(types[_i], vn_low_of(types[_i], v));
                whole += (double)u * (double)v;
            }
            double got = (double)((const float *)vn_plan_read(k.plan, y))[i * UNITS + j];
            exact = fmax(exact, fabs(got - sum));
            off = fmax(off, fabs(got - whole));
        }
    ck_assert_double_lt(exact, 1e-6);
    ck_assert_double_gt(off, 1e-5); /* or nothing was rounded */
    ck_assert_double_lt(off, 0.02);
    kit_close(&k);
}
END_TEST

/* Two halves of one weight, as N-HiTS has them: the whole is cast, in the prologue, and viewed. */
START_TEST(views_of_a_parameter_share_its_cast)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(ROWS, 2, DEPTH / 2));
    vn_val flat = vn_reshape(k.g, x, VN_DIMS(ROWS, DEPTH));
    vn_val w = vn_param(k.g, "w", VN_DIMS(UNITS, DEPTH), (vn_init){ VN_INIT_UNIFORM, 1 });
    vn_val first = vn_linear(k.g, flat, vn_rows(k.g, w, 0, 5), 0, VN_UNARY_NONE);
    vn_val rest = vn_linear(k.g, flat, vn_rows(k.g, w, 5, UNITS - 5), 0, VN_UNARY_NONE);
    vn_val y = vn_output(k.g, vn_concat(k.g, 1, (vn_val[]){ first, rest }, 2));
    lower(&k, VN_PRECISION_BF16);
    ck_assert_int_eq(count(k.g, VN_OP_CAST), 2);
    kit_plan(&k);
    vn_plan_info info;
    vn_plan_about(k.plan, &info);
    ck_assert_int_eq(info.n_prologue, 1);
    float *in = vn_plan_feed(k.plan, x);
    for (int i = 0; i < ROWS * DEPTH; i++) in[i] = i / DEPTH == i % DEPTH; /* rows of w */
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    const float *got = vn_plan_read(k.plan, y), *from = k.params->block;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < UNITS; j++)
            ck_assert_float_eq(got[i * UNITS + j], vn_bf16_value(vn_bf16_of(from[j * DEPTH + i])));
    kit_close(&k);
}
END_TEST

START_TEST(the_dump_shows_the_types)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(ROWS, DEPTH));
    vn_output(k.g, vn_dense(k.g, "fc", x, UNITS, VN_UNARY_NONE));
    lower(&k, VN_PRECISION_BF16);
    kit_plan(&k);
    vn_text text = { 0 };
    vn_plan_dump(k.plan, false, &text);
    ck_assert_ptr_nonnull(strstr(text.s, "bf16[3, 32] bf16[24, 32] [24] -> [3, 24]"));
    ck_assert_ptr_nonnull(strstr(text.s, "[24, 32] -> bf16[24, 32]"));
    vn_text_close(&text);
    kit_close(&k);
}
END_TEST

/* An f16 has no number above 65504: the cast is where a run leaves the finite ones. */
START_TEST(the_hunt_finds_a_cast_that_overflows)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(ROWS, DEPTH));
    vn_push(k.g, "head");
    vn_output(k.g, vn_dense(k.g, "fc", x, UNITS, VN_UNARY_NONE));
    vn_pop(k.g);
    lower(&k, VN_PRECISION_FP16);
    kit_plan(&k);
    char where[128];
    ck_assert_int_eq(vn_plan_hunt(k.plan, 0, 1, where, sizeof where), VN_OK);
    ck_assert_str_eq(where, "");
    ((float *)vn_plan_feed(k.plan, x))[7] = 7e4f;
    ck_assert_int_eq(vn_plan_hunt(k.plan, 0, 1, where, sizeof where), VN_OK);
    ck_assert_msg(!strncmp(where, "head/cast.", 10), "%s", where);
    kit_close(&k);
}
END_TEST

START_TEST(every_allocation_of_the_pass_may_fail)
{
    vn_status st = VN_E_MEMORY;
    int n = 1;
    for (; st && n < 1000; n++) {
        kit k;
        kit_open(&k, VN_F32);
        build_training(&k);
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vn_graph_lower(k.g, VN_PRECISION_BF16);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
        kit_close(&k);
    }
    ck_assert_int_eq(st, VN_OK);
    ck_assert_int_gt(n, 3);
}
END_TEST

START_TEST(a_graph_that_failed_is_not_lowered)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_refuse(k.g, VN_E_SHAPE, "no");
    ck_assert_int_eq(vn_graph_lower(k.g, VN_PRECISION_BF16), VN_E_SHAPE);
    kit_close(&k);
    kit_open(&k, VN_F64);
    ck_assert_int_eq(vn_graph_lower(k.g, VN_PRECISION_BF16), VN_E_BUG);
    kit_close(&k);
}
END_TEST

/* Two layers without bias that learn t = x A in fp16. The loss is `factor` times the mean squared
 * error; the states are the bad step, the scale and its counts, in this order. */
enum { BATCH = 32, WIDE = 16 };

typedef struct net {
    kit k;
    vn_val x, t, loss;
    int step;
} net;

static float *scale_of(net *n)
{
    return (void *)((char *)n->k.home[VN_HOME_STATE] + VN_STATE_BYTES);
}

static void build_net(net *n, double factor, int64_t growth)
{
    vn_graph *g = n->k.g;
    vn_attr_adam adam = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-16 };
    vn_init init = { VN_INIT_UNIFORM, 0.3 };
    n->x = vn_input(g, "x", VN_F32, VN_DIMS(BATCH, WIDE));
    n->t = vn_input(g, "t", VN_F32, VN_DIMS(BATCH, WIDE));
    vn_val w = vn_param(g, "w", VN_DIMS(WIDE, WIDE), init);
    vn_val u = vn_param(g, "u", VN_DIMS(WIDE, WIDE), init);
    vn_val h = vn_linear(g, n->x, w, 0, VN_UNARY_TANH);
    vn_val error = vn_sub(g, vn_linear(g, h, u, 0, VN_UNARY_NONE), n->t);
    vn_val sum = vn_reshape(g, vn_sumto(g, vn_mul(g, error, error), VN_DIMS(1)), VN_DIMS(1));
    vn_val loss = vn_affine(g, sum, factor / (BATCH * WIDE), 0);
    vn_val bad = vn_state(g, "bad", VN_I64, VN_DIMS(1));
    vn_scaling by = { vn_state(g, "scale", VN_F32, VN_DIMS(1)),
                      vn_state(g, "counts", VN_I64, VN_DIMS(2)), growth };
    vn_gradients(g, vn_mul(g, loss, by.scale), NULL, 0, NULL);
    ck_assert_int_eq(vn_params_layout(n->k.params), VN_OK);
    vn_params_draw(n->k.params, 1);
    vn_optimize_scaled(g, &adam, 0.5, loss, bad, &by);
    n->loss = vn_output(g, loss);
}

static void net_open(net *n, double factor, float scale, int64_t growth)
{
    n->step = 0;
    kit_open(&n->k, VN_F32);
    build_net(n, factor, growth);
    lower(&n->k, VN_PRECISION_FP16);
    kit_plan(&n->k);
    memset(n->k.home[VN_HOME_STATE], 0xff, VN_STATE_BYTES);
    *scale_of(n) = scale;
    float *x = vn_plan_feed(n->k.plan, n->x), *t = vn_plan_feed(n->k.plan, n->t);
    for (int i = 0; i < BATCH; i++)
        for (int j = 0; j < WIDE; j++) {
            x[i * WIDE + j] = sinf((float)(7 * i + 3 * j));
            t[i * WIDE + j] = 0.5f * sinf((float)(7 * i + 3 * ((j + 5) % WIDE)));
        }
    vn_plan_set(n->k.plan, VN_LR, 0.01f);
}

static double train_net(net *n, int steps)
{
    for (int i = 0; i < steps; i++) {
        vn_plan_set_step(n->k.plan, n->step++);
        ck_assert_int_eq(vn_plan_run(n->k.plan), VN_OK);
        n->k.params->version++; /* the casts of the weights are in the prologue */
    }
    return (double)*(const float *)vn_plan_read(n->k.plan, n->loss);
}

/* d loss / dy is about 1e-10, an f16 has nothing between 0 and 6e-8. */
START_TEST(what_stalls_in_unscaled_fp16_converges_scaled)
{
    net n;
    net_open(&n, 1e-7, 1, 0);
    double first = train_net(&n, 1), last = train_net(&n, 300);
    ck_assert_double_eq(last, first);
    kit_close(&n.k);
    net_open(&n, 1e-7, VN_SCALE_FIRST, 2000);
    last = train_net(&n, 300);
    ck_assert_msg(last < 0.1 * first, "the loss is %g, at first it was %g", last, first);
    ck_assert_float_eq(*scale_of(&n), VN_SCALE_FIRST);
    kit_close(&n.k);
}
END_TEST

/* Gradients of a large loss overflow until the scale has fallen; what is left out changes nothing.
 */
START_TEST(an_overflow_skips_the_step_and_halves_the_scale)
{
    net n;
    net_open(&n, 1e4, VN_SCALE_FIRST, 2000);
    size_t bytes = (size_t)n.k.params->n_block * sizeof(float);
    float *mean = n.k.home[VN_HOME_MEAN], *weights = n.k.home[VN_HOME_PARAM];
    mean[0] = 7;
    double first = train_net(&n, 1);
    ck_assert(!memcmp(weights, n.k.params->block, bytes));
    ck_assert_float_eq(mean[0], 7);
    ck_assert_float_eq(*scale_of(&n), VN_SCALE_FIRST / 2);
    while (!memcmp(weights, n.k.params->block, bytes)) train_net(&n, 1);
    ck_assert(!memcmp(mean + 1, weights + 1, bytes - sizeof *mean)); /* the first step's own mean */
    float moved = fabsf(weights[0] - n.k.params->block[0]);
    ck_assert_msg(fabsf(moved - 0.01f) < 1e-4f, "the first step taken moves by %g", (double)moved);
    double last = train_net(&n, 400);
    ck_assert_float_lt(*scale_of(&n), VN_SCALE_FIRST / 2);
    ck_assert_float_gt(*scale_of(&n), 1);
    ck_assert_int_eq(*(int64_t *)n.k.home[VN_HOME_STATE], -1);
    ck_assert_msg(last < 0.1 * first, "the loss is %g, at first it was %g", last, first);
    kit_close(&n.k);
}
END_TEST

START_TEST(good_steps_double_the_scale)
{
    net n;
    net_open(&n, 1e-3, 4, 10);
    train_net(&n, 29);
    ck_assert_float_eq(*scale_of(&n), 16);
    train_net(&n, 1);
    ck_assert_float_eq(*scale_of(&n), 32);
    kit_close(&n.k);
}
END_TEST

Suite *vn_suite_precision(void)
{
    Suite *s = suite_create("precision");
    TCase *tc = tcase_create("pass");
    tcase_add_test(tc, f32_changes_nothing);
    tcase_add_test(tc, deep_products_read_16_bits_and_nothing_else_does);
    tcase_add_test(tc, tf32_is_a_property_of_deep_products);
    tcase_add_loop_test(tc, attention_reads_16_bits_where_heads_have_16_to_128_columns, 0, 5);
    tcase_add_test(tc, convolutions_are_products_too);
    tcase_add_test(tc, a_value_is_cast_once);
    tcase_add_test(tc, parameters_and_gradients_stay_f32);
    tcase_add_loop_test(tc, factors_are_rounded_sums_are_not, 0, 2);
    tcase_add_test(tc, views_of_a_parameter_share_its_cast);
    tcase_add_test(tc, the_dump_shows_the_types);
    tcase_add_test(tc, the_hunt_finds_a_cast_that_overflows);
    tcase_add_test(tc, every_allocation_of_the_pass_may_fail);
    tcase_add_test(tc, a_graph_that_failed_is_not_lowered);
    tcase_add_test(tc, what_stalls_in_unscaled_fp16_converges_scaled);
    tcase_add_test(tc, an_overflow_skips_the_step_and_halves_the_scale);
    tcase_add_test(tc, good_steps_double_the_scale);
    suite_add_tcase(s, tc);
    return s;
}

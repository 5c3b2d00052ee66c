/* Products on every instruction set against a loop in double, on shapes that fit no tile, and with
 * any number of lanes to the bit. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "device/device.h"
#include "device/scalar.h"

static const char *const levels[] = { "generic", "avx2", "avx512", "neon" };
static const int lane_counts[] = { 1, 2, 3, 5 };
enum { N_LEVELS = 4, N_LANES = 4, CANARY = 16 };

/* One product: C [groups, m, n] = op(a) op(b); a linear when `act` is not negative. */
typedef struct product {
    int64_t groups, m, n, k, ta, tb, act;
    bool bias;
} product;

typedef struct data {
    float *a, *b, *bias;
    double *c;    /* the result in double, before the activation */
    double *size; /* sum of |a b|: the scale of rounding errors */
} data;

static float *draw(int64_t n, uint64_t stream)
{
    float *x = malloc((size_t)(n ? n : 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = 2 * vn_uniform24(vn_random4(1, stream, (uint64_t)i).v[0]) - 1;
    return x;
}

static data make_data(const product *p)
{
    data d = { draw(p->groups * p->m * p->k, 1), draw(p->groups * p->k * p->n, 2), draw(p->n, 3),
               NULL, NULL };
    int64_t total = p->groups * p->m * p->n;
    d.c = calloc((size_t)total, sizeof *d.c);
    d.size = calloc((size_t)total, sizeof *d.size);
    for (int64_t i = 0; i < total; i++) {
        int64_t g = i / (p->m * p->n), row = i / p->n % p->m, col = i % p->n;
        const float *a = d.a + g * p->m * p->k, *b = d.b + g * p->k * p->n;
        d.c[i] = p->bias ? d.bias[col] : 0;
        for (int64_t k = 0; k < p->k; k++) {
            double term = (double)a[p->ta ? k * p->m + row : row * p->k + k] *
                          (double)b[p->tb ? col * p->k + k : k * p->n + col];
            d.c[i] += term;
            d.size[i] += fabs(term);
        }
    }
    return d;
}

static void free_data(data *d)
{
    free(d->a), free(d->b), free(d->bias), free(d->c), free(d->size);
}

static vn_tensor tensor(const product *p, float *x, int64_t rows, int64_t cols)
{
    if (p->groups > 1) return (vn_tensor){ x, VN_F32, 3, { p->groups, rows, cols } };
    return (vn_tensor){ x, VN_F32, 2, { rows, cols } };
}

/* The product on a device of `lanes` lanes at `level`, into c; NULL if the machine lacks the level.
 */
static const char *run(const product *p, const data *d, const char *level, int lanes, float *c)
{
    vn_attr_linear linear = { p->act };
    vn_attr_matmul matmul = { p->ta, p->tb };
    vn_step step = { NULL, { .op = p->act < 0 ? VN_OP_MATMUL : VN_OP_LINEAR, .n_out = 1 } };
    vn_call *call = &step.call;
    call->n_in = p->act < 0 ? 2 : 3;
    call->attr = p->act < 0 ? (const void *)&matmul : (const void *)&linear;
    call->in[0] = p->ta ? tensor(p, d->a, p->k, p->m) : tensor(p, d->a, p->m, p->k);
    call->in[1] = p->tb ? tensor(p, d->b, p->n, p->k) : tensor(p, d->b, p->k, p->n);
    if (p->bias) call->in[2] = (vn_tensor){ d->bias, VN_F32, 1, { p->n } };
    call->out[0] = tensor(p, c, p->m, p->n);
    vn_device *dev;
    vn_stream *s;
    vn_exec *exec;
    vn_device_config config = { lanes, level };
    if (vn_device_open("cpu", 0, &config, &dev)) return NULL;
    ck_assert_int_eq(vn_stream_open(dev, &s), VN_OK);
    step.kernel = vn_select(dev, call, NULL);
    ck_assert_ptr_nonnull(step.kernel);
    ck_assert_int_eq(vn_record(s, &step, 1, 1e9, &exec), VN_OK);
    ck_assert_int_eq(vn_replay(s, exec, 0, 1), VN_OK);
    vn_exec_drop(s, exec);
    vn_stream_close(s);
    vn_device_close(dev);
    return step.kernel->name;
}

/* c[i] against the double loop: every partial sum may round by eps / 2 of at most `size`. */
static void compare(const product *p, const data *d, const float *c, const char *kernel)
{
    for (int64_t i = 0; i < p->groups * p->m * p->n; i++) {
        double want = p->act < 0 ? d->c[i] : vn_unary_value_f64(p->act, d->c[i]);
        double limit = 1e-7 * (2 + sqrt((double)p->k)) * (1 + d->size[i]) * (1 + fabs(want));
        ck_assert_msg(fabs((double)c[i] - want) <= limit,
                      "%s %lld x %lld x %lld (ta %d tb %d, act %s): element %lld is %g, not %g",
                      kernel, (long long)p->m, (long long)p->n, (long long)p->k, (int)p->ta,
                      (int)p->tb, p->act < 0 ? "-" : vn_unary_name(p->act), (long long)i,
                      (double)c[i], want);
    }
}

/* One product on every level and number of lanes: right, the same bits, nothing written beside. */
static void check(product p)
{
    data d = make_data(&p);
    size_t count = (size_t)(p.groups * p.m * p.n);
    float *c = malloc((count + CANARY) * sizeof *c), *first = malloc(count * sizeof *c);
    for (int i = 0; i < N_LEVELS; i++) {
        for (int j = 0; j < N_LANES; j++) {
            memset(c, 0xff, (count + CANARY) * sizeof *c); /* NaN */
            const char *kernel = run(&p, &d, levels[i], lane_counts[j], c);
            if (!kernel) break;
            ck_assert_ptr_nonnull(strstr(kernel, levels[i]));
            if (j == 0) {
                compare(&p, &d, c, kernel);
                memcpy(first, c, count * sizeof *c);
            }
            ck_assert_msg(!memcmp(first, c, count * sizeof *c), "%s: %d lanes differ from one",
                          kernel, lane_counts[j]);
            for (int k = 0; k < CANARY * (int)sizeof *c; k++)
                ck_assert_int_eq(((unsigned char *)(c + count))[k], 0xff);
        }
    }
    free(c), free(first);
    free_data(&d);
}

/* Around the tiles of all levels (4 x 8, 6 x 16, 14 x 32) and the cut of depth at 512. */
static const int64_t shapes[][3] = {
    { 1, 1, 1 },      { 1, 33, 5 },    { 2, 16, 17 },  { 4, 100, 96 },  { 5, 1, 31 },
    { 6, 16, 4 },     { 7, 15, 3 },    { 13, 8, 130 }, { 14, 32, 64 },  { 15, 31, 65 },
    { 29, 65, 37 },   { 32, 24, 168 }, { 33, 7, 513 }, { 100, 97, 12 }, { 57, 301, 77 },
    { 17, 40, 1100 }, { 3, 5, 600 },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(every_level_is_there_or_skipped_by_name)
{
    for (int i = 0; i < N_LEVELS; i++) {
        vn_device *dev;
        vn_device_config config = { 1, levels[i] };
        vn_status st = vn_device_open("cpu", 0, &config, &dev);
        ck_assert(st == VN_OK || st == VN_E_UNSUPPORTED);
        if (st) printf("skipped: products on %s, which this machine lacks\n", levels[i]);
        vn_device_close(dev);
    }
}
END_TEST

START_TEST(products_agree_with_a_loop_in_double)
{
    const int64_t *s = shapes[_i];
    for (int t = 0; t < 4; t++) check((product){ 1, s[0], s[1], s[2], t & 1, t >> 1, -1, false });
}
END_TEST

START_TEST(batched_products_agree_with_a_loop_in_double)
{
    for (int t = 0; t < 4; t++) {
        check((product){ 2, 15, 33, 9, t & 1, t >> 1, -1, false });
        check((product){ 7, 5, 17, 30, t & 1, t >> 1, -1, false });
    }
}
END_TEST

START_TEST(layers_agree_with_a_loop_in_double)
{
    const int64_t *s = shapes[_i];
    check((product){ 1, s[0], s[1], s[2], 0, 1, VN_UNARY_RELU, true });
    check((product){ 1, s[0], s[1], s[2], 0, 1, VN_UNARY_NONE, false });
}
END_TEST

START_TEST(layers_fuse_every_function_that_may_be)
{
    for (int64_t act = 0; act < VN_UNARY_COUNT; act++) {
        if (!vn_unary_from_y(act) || act == VN_UNARY_SQRT) continue;
        check((product){ 1, 19, 35, 6, 0, 1, act, true });
        check((product){ 1, 3, 35, 6, 0, 1, act, true });
    }
}
END_TEST

/* A bad number reaches its own row and column and no other element, whatever the tiles pad. */
static void check_spread(product p, float bad)
{
    data d = make_data(&p);
    int64_t row = p.m - 1, col = p.n - 1, k = p.k - 1;
    d.a[p.ta ? k * p.m + row : row * p.k + k] = bad;
    d.b[p.tb ? col * p.k + k : k * p.n + col] = 0; /* 0 * infinity is a NaN too */
    float *c = malloc((size_t)(p.m * p.n) * sizeof *c);
    for (int i = 0; i < N_LEVELS; i++) {
        if (!run(&p, &d, levels[i], 2, c)) continue;
        for (int64_t j = 0; j < p.m * p.n; j++) {
            bool hit = j / p.n == row;
            ck_assert_msg(hit != (bool)isfinite(c[j]), "%s: element %lld is %g", levels[i],
                          (long long)j, (double)c[j]);
        }
        ck_assert(isnan(c[row * p.n + col]));
    }
    free(c);
    free_data(&d);
}

START_TEST(bad_numbers_spread_along_their_row_only)
{
    const float bad[] = { NAN, INFINITY };
    for (int i = 0; i < 2; i++) {
        for (int t = 0; t < 4; t++)
            check_spread((product){ 1, 17, 37, 21, t & 1, t >> 1, -1, false }, bad[i]);
        check_spread((product){ 1, 17, 37, 21, 0, 1, VN_UNARY_NONE, true }, bad[i]);
        check_spread((product){ 1, 3, 37, 21, 0, 1, VN_UNARY_NONE, true }, bad[i]);
    }
    check_spread((product){ 1, 17, 37, 21, 0, 1, VN_UNARY_RELU, true }, NAN);
}
END_TEST

Suite *vn_suite_gemm(void);

Suite *vn_suite_gemm(void)
{
    Suite *suite = suite_create("gemm");
    TCase *c = tcase_create("gemm");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, every_level_is_there_or_skipped_by_name);
    tcase_add_loop_test(c, products_agree_with_a_loop_in_double, 0, N_SHAPES);
    tcase_add_test(c, batched_products_agree_with_a_loop_in_double);
    tcase_add_loop_test(c, layers_agree_with_a_loop_in_double, 0, N_SHAPES);
    tcase_add_test(c, layers_fuse_every_function_that_may_be);
    tcase_add_test(c, bad_numbers_spread_along_their_row_only);
    suite_add_tcase(suite, c);
    return suite;
}

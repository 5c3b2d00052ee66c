/* Plans and streams on the device that computes nothing: every node reads what the graph says it
 * reads, the host waits before it looks, and all memory is given back. */
#include "device/null.h"

#include <check.h>
#include <string.h>

#include "base/fault.h"
#include "tests/model_kit.h"
#include "tests/ops/ops.h"

typedef struct rig {
    vn_device *dev;
    vn_stream *stream;
} rig;

static rig open_rig(void)
{
    rig r;
    ck_assert_int_eq(vn_null_open(&r.dev), VN_OK);
    ck_assert_int_eq(vn_stream_open(r.dev, &r.stream), VN_OK);
    return r;
}

static void close_rig(rig *r)
{
    vn_null_log log;
    vn_stream_close(r->stream);
    vn_null_log_of(r->dev, &log);
    ck_assert_msg(log.blocks == 0 && log.bytes == 0, "%lld blocks of %lld bytes were not freed",
                  (long long)log.blocks, (long long)log.bytes);
    vn_device_close(r->dev);
}

START_TEST(nothing_happens_before_somebody_waits)
{
    rig r = open_rig();
    void *block;
    char host[4] = "abc";
    ck_assert_int_eq(vn_device_alloc(r.dev, VN_MEM_DEVICE, 4, &block), VN_OK);
    ck_assert_int_eq(vn_stream_fill(r.stream, block, 'z', 4), VN_OK);
    ck_assert_int_eq(vn_stream_copy(r.stream, host, block, 3, VN_TO_HOST), VN_OK);
    ck_assert_str_eq(host, "abc");
    ck_assert_int_eq(vn_stream_wait(r.stream), VN_OK);
    ck_assert_str_eq(host, "zzz");
    vn_device_free(r.dev, VN_MEM_DEVICE, block, 4);
    close_rig(&r);
}
END_TEST

START_TEST(it_has_every_precision)
{
    rig r = open_rig();
    ck_assert(vn_device_has(r.dev, "bf16"));
    ck_assert(vn_device_has(r.dev, "tf32"));
    ck_assert(!vn_device_has(r.dev, "int3"));
    close_rig(&r);
}
END_TEST

START_TEST(a_stream_that_waits_for_another_sees_what_it_did)
{
    rig r = open_rig();
    vn_stream *other;
    char from[4] = "one", middle[4] = "", to[4] = "";
    ck_assert_int_eq(vn_stream_open(r.dev, &other), VN_OK);
    ck_assert_int_eq(vn_stream_copy(other, middle, from, 4, VN_TO_DEVICE), VN_OK);
    ck_assert_int_eq(vn_stream_copy(r.stream, to, middle, 4, VN_TO_HOST), VN_OK);
    ck_assert_int_eq(vn_stream_wait(r.stream), VN_OK);
    ck_assert_str_eq(to, ""); /* nobody asked for the order */
    ck_assert_int_eq(vn_stream_after(r.stream, other), VN_OK);
    ck_assert_int_eq(vn_stream_copy(r.stream, to, middle, 4, VN_TO_HOST), VN_OK);
    ck_assert_int_eq(vn_stream_wait(r.stream), VN_OK);
    ck_assert_str_eq(to, "one");
    vn_stream_close(other);
    close_rig(&r);
}
END_TEST

/* ---- plans of whole models ---- */

enum { FEED_WORD = 0x11111111, BLOCK_BYTE = 0x22 };
static const uint32_t block_word = 0x22222222;

/* The word a value must be full of when it is read. 0: not known (constants, whole blocks of
 * gradients, which are made piece by piece). */
static uint32_t expected(const vn_graph *g, vn_val v)
{
    const vn_value *value = vn_value_of(g, v);
    if (value->node >= 0 && !vn_op_about(g->nodes[value->node].op)->view)
        return vn_null_tag((uint32_t)value->node, value->slot);
    if (value->base) return expected(g, value->base);
    if (value->home == VN_HOME_FEED) return FEED_WORD;
    if (value->home == VN_HOME_CONST || value->home == VN_HOME_GRAD) return 0;
    return block_word;
}

static void feed_words(vn_kit *kit)
{
    for (vn_val v = 1; v < kit->g->n_values; v++) {
        const vn_value *value = vn_value_of(kit->g, v);
        void *feed = vn_plan_feed(kit->plan, v);
        if (value->node < 0 && !value->base && feed)
            memset(feed, 0x11, (size_t)vn_count(&value->t) * vn_dtype_bytes(value->t.dtype));
    }
}

/* Every parameter, moment and state holds the same word. */
static void fill_blocks(vn_kit *kit)
{
    for (int home = VN_HOME_PARAM; home <= VN_HOME_STATE; home++)
        if (kit->home[home])
            ck_assert_int_eq(vn_stream_fill(kit->stream, kit->home[home], BLOCK_BYTE,
                                            (size_t)kit->params->n_block * sizeof(float)),
                             VN_OK);
    ck_assert_int_eq(vn_stream_wait(kit->stream), VN_OK);
}

static void check_launch(const vn_kit *kit, const vn_null_launch *l)
{
    const vn_node *n = &kit->g->nodes[l->node];
    uint32_t in_place = 0;
    for (int o = 0; o < n->n_out; o++)
        if (vn_op_inplace(n->op, o) >= 0) in_place |= 1u << vn_op_inplace(n->op, o);
    ck_assert_msg(!(l->under & ~in_place), "%s: %s (%s): outputs lie on inputs %x, only %x may",
                  kit->c.model->name, n->path, vn_op_about(n->op)->name, l->under, in_place);
    for (int i = 0; i < n->n_in; i++) {
        uint32_t want = n->in[i] ? expected(kit->g, n->in[i]) : 0;
        if (!want) continue;
        ck_assert_msg(l->in[i] == want, "%s: %s (%s) reads %08x as input %d, expected %08x of %s",
                      kit->c.model->name, n->path, vn_op_about(n->op)->name, l->in[i], i, want,
                      vn_value_of(kit->g, n->in[i])->path);
    }
}

START_TEST(every_node_of_a_training_step_reads_what_the_graph_says)
{
    const vn_model_def *def = vn_models()[_i];
    if (!def->build || def->context) return; /* no graph; or one that needs a distribution */
    rig r = open_rig();
    vn_kit kit;
    vn_null_log log;
    void *hparams = vn_calloc(1, def->options_bytes);
    ck_assert_int_eq(vn_options_preset(def->options, hparams), VN_OK);
    vn_kit_config config = { .model = def,
                             .hparams = hparams,
                             .B = 3,
                             .L = 24,
                             .H = 6,
                             .X = 2,
                             .F = 1,
                             .S = 3,
                             .real = VN_F32,
                             .loss = VN_LOSS_MAE,
                             .mode = VN_KIT_TRAIN,
                             .dropout = true,
                             .dev = r.dev };
    ck_assert_msg(vn_kit_open(&config, &kit) == VN_OK, "%s: %s", def->name, vn_last_message());
    feed_words(&kit);
    fill_blocks(&kit);
    ck_assert_int_eq(vn_kit_run(&kit), VN_OK);
    vn_null_log_of(r.dev, &log);
    ck_assert_int_gt(log.n_launches, 10);
    for (int i = 0; i < log.n_launches; i++) check_launch(&kit, &log.launch[i]);
    uint32_t loss;
    memcpy(&loss, vn_plan_read(kit.plan, kit.loss), sizeof loss);
    ck_assert_uint_eq(loss, expected(kit.g, kit.loss)); /* the host saw it after it was made */
    vn_kit_close(&kit);
    vn_free(hparams);
    close_rig(&r);
}
END_TEST

Suite *vn_suite_null(void);

Suite *vn_suite_null(void)
{
    Suite *s = suite_create("null");
    TCase *c = tcase_create("null");
    int n = 0;
    while (vn_models()[n]) n++;
    tcase_add_test(c, nothing_happens_before_somebody_waits);
    tcase_add_test(c, it_has_every_precision);
    tcase_add_test(c, a_stream_that_waits_for_another_sees_what_it_did);
    tcase_add_loop_test(c, every_node_of_a_training_step_reads_what_the_graph_says, 0, n);
    suite_add_tcase(s, c);
    return s;
}

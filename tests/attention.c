/* What attention is bought for: on a copy task it looks at the step that is copied. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/philox.h"
#include "tests/model_kit.h"

enum { B = 64, L = 16, H = 2, STEPS = 600 };

/* Windows of noise with a flag at one step; the target is the value there, at every step of the
 * horizon. `planted` receives the steps. */
static void feed(vn_kit *kit, uint64_t seed, int64_t planted[B])
{
    float y[B * L], flag[B * L], target[B * H];
    for (int64_t b = 0; b < B; b++) {
        planted[b] = vn_random4(seed, 0, (uint64_t)b).v[0] % L;
        for (int64_t t = 0; t < L; t++) {
            y[b * L + t] = 2 * vn_uniform24(vn_random4(seed, 1, (uint64_t)(b * L + t)).v[0]) - 1;
            flag[b * L + t] = t == planted[b];
        }
        for (int64_t k = 0; k < H; k++) target[b * H + k] = y[b * L + planted[b]];
    }
    vn_kit_feed(kit, kit->y, y);
    vn_kit_feed(kit, kit->hist, flag);
    vn_kit_feed(kit, kit->target, target);
}

static const char *const settings[][2][2] = {
    { { "attention", "luong" }, { "score", "general" } },
    { { "attention", "luong" }, { "score", "additive" } },
    { { "attention", "interpretable" }, { "n_heads", "2" } },
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static void *hparams_of(const vn_model_def *def, const char *const (*setting)[2])
{
    static const char *const size[][2] = { { "encoder_hidden_size", "16" },
                                           { "encoder_n_layers", "1" } };
    void *hp = vn_calloc(1, def->options_bytes);
    ck_assert_int_eq(vn_options_preset(def->options, hp), VN_OK);
    for (int i = 0; i < 4; i++) {
        const char *const *pair = i < 2 ? size[i] : setting[i - 2];
        ck_assert_int_eq(vn_option_set(vn_option_find(def->options, pair[0]), hp, pair[1]), VN_OK);
    }
    return hp;
}

/* Mean weight on the planted step. */
static double looked_at(const vn_kit *kit, const int64_t planted[B])
{
    double sum = 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t k = 0; k < H; k++)
            sum += vn_kit_read(kit, kit->attention, (b * H + k) * L + planted[b]);
    return sum / (B * H);
}

START_TEST(attention_looks_at_the_step_that_is_copied)
{
    const vn_model_def *def = vn_model_find("lstm-attention");
    void *hp = hparams_of(def, settings[_i]);
    vn_kit kit;
    int64_t planted[B];
    ck_assert_int_eq(vn_kit_open(&(vn_kit_config){ .model = def, .hparams = hp, .B = B, .L = L,
                                                   .H = H, .X = 1, .real = VN_F32,
                                                   .loss = VN_LOSS_MSE, .mode = VN_KIT_TRAIN },
                                 &kit),
                     VN_OK);
    vn_plan_set(kit.plan, VN_LR, 0.01f);
    for (int step = 0; step <= STEPS; step++) {
        feed(&kit, (uint64_t)step + 1, planted);
        vn_plan_set_step(kit.plan, step);
        ck_assert_int_eq(vn_kit_run(&kit), VN_OK);
        if (getenv("VANE_TEST_FIGURES") && step % 100 == 0)
            printf("%d %s %s: step %d loss %.4f weight %.3f\n", _i, settings[_i][0][1],
                   settings[_i][1][1], step, vn_kit_read(&kit, kit.loss, 0),
                   looked_at(&kit, planted));
    }
    ck_assert_double_ge(looked_at(&kit, planted), 0.9);
    vn_kit_close(&kit);
    vn_free(hp);
}
END_TEST

Suite *vn_suite_attention(void);

Suite *vn_suite_attention(void)
{
    Suite *s = suite_create("attention");
    TCase *tc = tcase_create("copy");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, attention_looks_at_the_step_that_is_copied, 0, N_SETTINGS);
    suite_add_tcase(s, tc);
    return s;
}

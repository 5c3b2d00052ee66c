#include "tests/graph/kit.h"

#include <check.h>

void kit_open(kit *k, vn_dtype real)
{
    *k = (kit){ 0 };
    ck_assert_int_eq(vn_params_open(&k->params), VN_OK);
    ck_assert_int_eq(vn_graph_open(real, k->params, &k->g), VN_OK);
    vn_device_config config = { .threads = 2 };
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &k->dev), VN_OK);
}

/* The parameter block in the graph's real type, on the device. */
static void fill_params(kit *k)
{
    for (int64_t i = 0; i < k->params->n_block; i++) {
        if (k->g->real == VN_F64) ((double *)k->home[VN_HOME_PARAM])[i] = k->params->block[i];
        else ((float *)k->home[VN_HOME_PARAM])[i] = k->params->block[i];
    }
}

void kit_plan(kit *k)
{
    ck_assert_msg(vn_graph_finish(k->g) == VN_OK, "%s", vn_last_message());
    if (!k->params->closed) {
        ck_assert_int_eq(vn_params_layout(k->params), VN_OK);
        vn_params_draw(k->params, 1);
    }
    k->block_bytes = (size_t)k->params->n_block * vn_dtype_bytes(k->g->real);
    for (vn_home h = VN_HOME_PARAM; h <= VN_HOME_STATE; h++)
        ck_assert_int_eq(vn_device_alloc(k->dev, VN_MEM_DEVICE, k->block_bytes + 256, &k->home[h]),
                         VN_OK);
    fill_params(k);
    vn_plan_config config = { .dev = k->dev, .seed = 1, .version = &k->params->version, .why = true };
    for (int h = 0; h < VN_HOME_COUNT; h++) config.home[h] = k->home[h];
    ck_assert_msg(vn_plan_make(k->g, &config, &k->plan) == VN_OK, "%s", vn_last_message());
}

void kit_close(kit *k)
{
    vn_plan_close(k->plan);
    for (int h = 0; h < VN_HOME_COUNT; h++)
        if (k->home[h]) vn_device_free(k->dev, VN_MEM_DEVICE, k->home[h], k->block_bytes + 256);
    vn_device_close(k->dev);
    vn_graph_close(k->g);
    vn_params_close(k->params);
}

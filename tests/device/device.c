/* Tables of the device layer, opening devices, and how both fail. */
#include <check.h>
#include <string.h>

#include "base/fault.h"
#include "device/device.h"

START_TEST(every_op_has_a_name_inputs_and_attributes)
{
    for (int op = VN_OP_NONE + 1; op < VN_OP_COUNT; op++) {
        const vn_op_info *about = vn_op_about((vn_op)op);
        ck_assert_uint_gt(strlen(about->name), 0);
        ck_assert_uint_gt(strlen(about->doc), 0);
        ck_assert_int_ge(about->n_in, 1);
        ck_assert_int_le(about->n_in, VN_MAX_IN);
        ck_assert_int_ge(about->n_out, 1);
        ck_assert_int_le(about->n_out, VN_MAX_OUT);
        ck_assert_ptr_nonnull(about->attr);
        for (int other = 0; other < op; other++)
            ck_assert_str_ne(about->name, vn_op_about((vn_op)other)->name);
    }
    ck_assert_str_eq(vn_op_about(VN_OP_LINEAR)->name, "linear");
    ck_assert(vn_op_about(VN_OP_RESHAPE)->view && !vn_op_about(VN_OP_LINEAR)->view);
    ck_assert_str_eq(vn_op_about(VN_OP_COUNT)->name, "none");
}
END_TEST

START_TEST(functions_have_names_and_strangers_a_question_mark)
{
    ck_assert_str_eq(vn_unary_name(VN_UNARY_RELU), "relu");
    ck_assert_str_eq(vn_binary_name(VN_BINARY_DIV), "div");
    ck_assert_str_eq(vn_loss_name(VN_LOSS_HUBER), "huber");
    ck_assert_str_eq(vn_scaler_name(VN_SCALER_REVIN), "revin");
    ck_assert(vn_unary_from_y(VN_UNARY_TANH) && !vn_unary_from_y(VN_UNARY_GELU));
    const int64_t strangers[] = { -1, 1000 };
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(vn_unary_name(strangers[i]), "?");
        ck_assert_str_eq(vn_binary_name(strangers[i]), "?");
        ck_assert_str_eq(vn_loss_name(strangers[i]), "?");
        ck_assert_str_eq(vn_scaler_name(strangers[i]), "?");
        ck_assert(!vn_unary_from_y(strangers[i]));
    }
}
END_TEST

START_TEST(attributes_print_by_their_table)
{
    vn_text text = { 0 };
    vn_attr_pool pool = { .kernel = 4, .mode = VN_POOL_AVG };
    vn_attr_binary binary = { .fn = VN_BINARY_DIV };
    vn_attr_loss loss = { .kind = VN_LOSS_COUNT };
    vn_attr_affine affine = { .a = 0.5, .b = -3 };
    vn_attr_dims dims = { .rank = 2, .dim = { 32, 96 } };
    vn_attr_print(&vn_attr_type_pool, &pool, &text);
    vn_text_put(&text, "; ", 2);
    vn_attr_print(&vn_attr_type_binary, &binary, &text);
    vn_text_put(&text, "; ", 2);
    vn_attr_print(&vn_attr_type_loss, &loss, &text);
    vn_text_put(&text, "; ", 2);
    vn_attr_print(&vn_attr_type_affine, &affine, &text);
    vn_text_put(&text, "; ", 2);
    vn_attr_print(&vn_attr_type_dims, &dims, &text);
    vn_attr_print(&vn_attr_type_none, NULL, &text);
    ck_assert_str_eq(text.s, "kernel=4 mode=avg; fn=div; kind=? delta=0; a=0.5 b=-3; rank=2 dim=[32, 96, 0, 0, 0]");
    vn_text_close(&text);
}
END_TEST

START_TEST(attribute_fields_lie_inside_their_struct)
{
    for (int op = 0; op < VN_OP_COUNT; op++) {
        const vn_attr_type *type = vn_op_about((vn_op)op)->attr;
        size_t end = 0;
        for (const vn_attr_field *f = type->fields; f->name; f++) {
            ck_assert_uint_eq(f->offset, end);
            end = f->offset + (size_t)f->count * 8;
        }
        ck_assert_uint_eq(end, type->size);
    }
}
END_TEST

START_TEST(shapes_print_in_brackets)
{
    char text[VN_SHAPE_TEXT];
    vn_tensor t = { NULL, VN_F32, 2, { 32, 96 } };
    ck_assert_str_eq(vn_shape_text(&t, text), "[32, 96]");
    t = (vn_tensor){ NULL, VN_F32, 0, { 0 } };
    ck_assert_str_eq(vn_shape_text(&t, text), "[]");
    t = (vn_tensor){ NULL, VN_F32, 5, { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN } };
    ck_assert_uint_lt(strlen(vn_shape_text(&t, text)), VN_SHAPE_TEXT);
    ck_assert_str_eq(vn_dtype_name(VN_I64), "i64");
    ck_assert_uint_eq(vn_dtype_bytes(VN_F64), 8);
}
END_TEST

START_TEST(an_unknown_device_is_answered_with_the_known_ones)
{
    vn_device *dev;
    ck_assert_int_eq(vn_device_open("tpu", 0, NULL, &dev), VN_E_UNSUPPORTED);
    ck_assert_ptr_null(dev);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "\"tpu\""));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "cpu"));
    ck_assert_int_eq(vn_device_open("cpu", 7, NULL, &dev), VN_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "cpu:7"));
}
END_TEST

START_TEST(a_plug_in_that_is_not_there_is_told_with_what_to_do)
{
    vn_device *dev;
    vn_device_config config = { .plugins = "/nowhere" };
    vn_device_info info;
    ck_assert_int_eq(vn_device_open("cuda", 0, &config, &dev), VN_E_UNSUPPORTED);
    ck_assert_ptr_null(dev);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "/nowhere/libvane_cuda.so"));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "VANE_CUDA=ON"));
    ck_assert_int_eq(vn_device_open("auto", 0, &config, &dev), VN_OK);
    vn_device_about(dev, &info);
    ck_assert(info.host_memory);
    vn_device_close(dev);
}
END_TEST

START_TEST(an_unknown_level_is_answered_with_the_known_ones)
{
    vn_device *dev;
    vn_device_config config = { 1, "sse9" };
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &dev), VN_E_ARGUMENT);
    ck_assert_ptr_null(dev);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "\"sse9\""));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "generic, avx2, avx512"));
}
END_TEST

START_TEST(a_level_caps_what_the_device_reports)
{
    vn_device *dev;
    vn_device_config config = { 1, "ref" };
    vn_device_info info;
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &dev), VN_OK);
    vn_device_about(dev, &info);
    ck_assert_str_eq(info.level, "ref");
    ck_assert_uint_eq(info.caps, 0);
    vn_device_close(dev);
    config.level = "generic";
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &dev), VN_OK);
    vn_device_about(dev, &info);
    ck_assert_str_eq(info.level, "generic");
    ck_assert_int_eq(info.lanes, 1);
    ck_assert(info.host_memory);
    ck_assert_ptr_nonnull(strstr(info.name, "(generic)"));
    vn_device_close(dev);
}
END_TEST

START_TEST(memory_is_aligned_and_zero)
{
    vn_device *dev;
    vn_stream *s;
    void *block, *none;
    ck_assert_int_eq(vn_device_open("cpu", 0, NULL, &dev), VN_OK);
    ck_assert_int_eq(vn_stream_open(dev, &s), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, 1000, &block), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_PINNED, 0, &none), VN_OK);
    ck_assert_ptr_nonnull(none);
    ck_assert_uint_eq((uintptr_t)block % 256, 0);
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(((char *)block)[i], 0);
    char back[4] = "abc";
    ck_assert_int_eq(vn_stream_fill(s, block, 7, 4), VN_OK);
    ck_assert_int_eq(vn_stream_copy(s, back, block, 4, VN_TO_HOST), VN_OK);
    ck_assert_int_eq(vn_stream_wait(s), VN_OK);
    ck_assert_mem_eq(back, "\7\7\7\7", 4);
    vn_device_free(dev, VN_MEM_DEVICE, block, 1000);
    vn_device_free(dev, VN_MEM_PINNED, none, 0);
    vn_stream_close(s);
    vn_device_close(dev);
}
END_TEST

/* Open a device and a stream; on failure everything is given back and the code returned. */
static vn_status try_open(void)
{
    vn_device *dev;
    vn_stream *s;
    vn_status st = vn_device_open("cpu", 0, NULL, &dev);
    if (st) return st;
    st = vn_stream_open(dev, &s);
    if (!st) vn_stream_close(s);
    vn_device_close(dev);
    return st;
}

START_TEST(opening_survives_every_failed_allocation)
{
    int n = 1;
    for (vn_status st = VN_E_MEMORY; st; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = try_open();
        ck_assert(st == VN_OK || st == VN_E_MEMORY);
        ck_assert_int_lt(n, 100);
    }
    vn_fault_arm(VN_FAULT_ALLOC, 0);
    ck_assert_int_gt(n, 3); /* device, team and stream ask at least once each */
}
END_TEST

Suite *vn_suite_device(void);

Suite *vn_suite_device(void)
{
    Suite *suite = suite_create("device");
    TCase *c = tcase_create("device");
    tcase_add_test(c, every_op_has_a_name_inputs_and_attributes);
    tcase_add_test(c, functions_have_names_and_strangers_a_question_mark);
    tcase_add_test(c, attributes_print_by_their_table);
    tcase_add_test(c, attribute_fields_lie_inside_their_struct);
    tcase_add_test(c, shapes_print_in_brackets);
    tcase_add_test(c, an_unknown_device_is_answered_with_the_known_ones);
    tcase_add_test(c, a_plug_in_that_is_not_there_is_told_with_what_to_do);
    tcase_add_test(c, an_unknown_level_is_answered_with_the_known_ones);
    tcase_add_test(c, a_level_caps_what_the_device_reports);
    tcase_add_test(c, memory_is_aligned_and_zero);
    tcase_add_test(c, opening_survives_every_failed_allocation);
    suite_add_tcase(suite, c);
    return suite;
}

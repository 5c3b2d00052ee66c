/* The arena: alignment, zeros, growth, and every chunk refused once. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/fault.h"

START_TEST(bytes_are_zeroed_aligned_and_apart)
{
    vn_arena arena = { 0 };
    unsigned char *last = NULL;
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = vn_arena_alloc(&arena, n);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) ck_assert_uint_eq(p[i], 0);
        memset(p, 0xAA, n ? n : 1);
        if (last) ck_assert_uint_eq(*last, 0xAA);
        last = p;
    }
    vn_arena_close(&arena);
    ck_assert_ptr_null(arena.last);
    ck_assert_ptr_nonnull(vn_arena_alloc(&arena, 5));
    vn_arena_close(&arena);
}
END_TEST

START_TEST(a_large_request_gets_a_chunk_of_its_size)
{
    vn_arena arena = { 0 };
    char *p = vn_arena_alloc(&arena, 5 << 20);
    ck_assert_ptr_nonnull(p);
    p[(5 << 20) - 1] = 1;
    vn_arena_close(&arena);
}
END_TEST

START_TEST(texts_are_copied_with_their_zero)
{
    vn_arena arena = { 0 };
    ck_assert_str_eq(vn_arena_text(&arena, "abcdef", 3), "abc");
    ck_assert_str_eq(vn_arena_text(&arena, NULL, 0), "");
    ck_assert_str_eq(vn_arena_printf(&arena, "%s-%d", "x", 12), "x-12");
    vn_arena_close(&arena);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    vn_arena arena = { 0 };
    ck_assert_ptr_null(vn_arena_array(&arena, SIZE_MAX / 2, 3));
    ck_assert_int_eq(vn_last_status(), VN_E_MEMORY);
    ck_assert_ptr_null(vn_arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(vn_arena_text(&arena, "x", SIZE_MAX));
    vn_arena_close(&arena);
}
END_TEST

START_TEST(a_refused_chunk_leaves_the_arena_usable)
{
    vn_arena arena = { 0 };
    for (int round = 0; round < 50; round++) {
        vn_fault_arm(VN_FAULT_ALLOC, 1);
        while (vn_arena_alloc(&arena, 1000)) {
        }
        ck_assert_int_eq(vn_last_status(), VN_E_MEMORY);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_ptr_nonnull(vn_arena_alloc(&arena, 1000));
        if (round % 5 == 4) vn_arena_close(&arena);
    }
    vn_arena_close(&arena);
}
END_TEST

Suite *vn_suite_arena(void);

Suite *vn_suite_arena(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");
    tcase_add_test(tests, bytes_are_zeroed_aligned_and_apart);
    tcase_add_test(tests, a_large_request_gets_a_chunk_of_its_size);
    tcase_add_test(tests, texts_are_copied_with_their_zero);
    tcase_add_test(tests, sizes_that_overflow_are_refused);
    tcase_add_test(tests, a_refused_chunk_leaves_the_arena_usable);
    suite_add_tcase(suite, tests);
    return suite;
}

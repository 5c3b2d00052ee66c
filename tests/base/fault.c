/* Counted memory and the switch that makes the n-th request fail. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "base/status.h"

START_TEST(exactly_the_armed_request_fails)
{
    for (int n = 1; n <= 5; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        for (int i = 1; i <= 8; i++) {
            void *p = vn_malloc(10);
            ck_assert_int_eq(p == NULL, i == n);
            vn_free(p);
        }
    }
    vn_fault_arm(VN_FAULT_ALLOC, 1);
    vn_fault_arm(VN_FAULT_ALLOC, 0);
    void *p = vn_malloc(10);
    ck_assert_ptr_nonnull(p);
    vn_free(p);
}
END_TEST

START_TEST(every_kind_of_request_is_counted_and_can_fail)
{
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    void *p = vn_malloc(1), *q = vn_calloc(3, 5), *r = vn_alloc_aligned(100, 64);
    void *s = vn_alloc_aligned(3 << 20, 64);
    p = vn_realloc(p, 50);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before + 5);
    vn_free(p), vn_free(q), vn_free_aligned(r, 100), vn_free_aligned(s, 3 << 20);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before + 5);
    p = vn_malloc(1);
    for (int i = 0; i < 4; i++) {
        vn_fault_arm(VN_FAULT_ALLOC, 1);
        VN_FAIL(VN_E_BUG, "older");
        void *got = i == 0   ? vn_calloc(1, 1)
                    : i == 1 ? vn_realloc(p, 99)
                    : i == 2 ? vn_alloc_aligned(64, 64)
                             : vn_alloc_aligned(2 << 20, 64);
        ck_assert_ptr_null(got);
        ck_assert_int_eq(vn_last_status(), VN_E_MEMORY);
    }
    vn_free(p);
}
END_TEST

START_TEST(aligned_blocks_are_aligned_and_zeroed_at_every_size)
{
    static const size_t sizes[] = { 0,
                                    1,
                                    63,
                                    64,
                                    4097,
                                    (1 << 20) - 1,
                                    1 << 20,
                                    (1 << 20) + 1,
                                    (2 << 20) - 1,
                                    2 << 20,
                                    (5 << 20) + 123 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t align = 1; align <= 8192; align *= 2) {
            unsigned char *p = vn_alloc_aligned(sizes[i], align);
            ck_assert_ptr_nonnull(p);
            ck_assert_uint_eq((uintptr_t)p % align, 0);
            for (size_t k = 0; k < sizes[i]; k += 509) ck_assert_uint_eq(p[k], 0);
            if (sizes[i]) memset(p, 1, sizes[i]);
            vn_free_aligned(p, sizes[i]);
        }
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    size_t out = 0;
    ck_assert(vn_mul_size(1u << 16, 3, &out) && out == 3u << 16);
    ck_assert(vn_mul_size(0, SIZE_MAX, &out) && out == 0);
    ck_assert(!vn_mul_size(SIZE_MAX, 2, &out));
    ck_assert_ptr_null(vn_calloc(SIZE_MAX, 2));
    ck_assert_ptr_null(vn_alloc_aligned(SIZE_MAX, 64));
    ck_assert_ptr_null(vn_alloc_aligned(SIZE_MAX / 2, 64));
    vn_free(NULL), vn_free_aligned(NULL, 5);
}
END_TEST

Suite *vn_suite_fault(void);

Suite *vn_suite_fault(void)
{
    Suite *suite = suite_create("fault");
    TCase *tests = tcase_create("fault");
    tcase_add_test(tests, exactly_the_armed_request_fails);
    tcase_add_test(tests, every_kind_of_request_is_counted_and_can_fail);
    tcase_add_test(tests, aligned_blocks_are_aligned_and_zeroed_at_every_size);
    tcase_add_test(tests, impossible_sizes_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

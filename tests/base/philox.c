/* Philox against the published vectors of Random123 (kat_vectors, philox4x32 with 10 rounds). */
#include <check.h>

#include "base/philox.h"

static void check_vector(vn_philox counter, uint32_t k0, uint32_t k1, vn_philox expected)
{
    vn_philox got = vn_philox4x32(counter, k0, k1);
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(got.v[i], expected.v[i]);
}

START_TEST(philox_gives_the_published_numbers)
{
    uint32_t f = 0xffffffff;
    check_vector((vn_philox){ { 0 } }, 0, 0,
                 (vn_philox){ { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } });
    check_vector((vn_philox){ { f, f, f, f } }, f, f,
                 (vn_philox){ { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } });
    check_vector((vn_philox){ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 } }, 0xa4093822,
                 0x299f31d0, (vn_philox){ { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } });
}
END_TEST

START_TEST(seed_stream_and_index_each_change_the_numbers)
{
    vn_philox base = vn_random4(1, 2, 3),
              other[] = { vn_random4(2, 2, 3), vn_random4(1, 3, 3), vn_random4(1, 2, 4),
                          vn_random4(1, 2, 3ull << 32), vn_random4(1, 2ull << 32, 3) };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_uint_ne(base.v[0], other[i].v[0]);
}
END_TEST

START_TEST(uniform_numbers_stay_in_their_range)
{
    ck_assert(vn_uniform24(0) == 0.0f && vn_uniform24(0xffffffff) < 1.0f);
    ck_assert_uint_eq(vn_below(0xffffffff, 0xffffffff, UINT64_MAX), UINT64_MAX - 1);
    ck_assert_uint_eq(vn_below(0, 0, 17), 0);
    ck_assert_uint_eq(vn_below(0x80000000, 0, 10), 5);
    ck_assert_uint_eq(vn_below(0xffffffff, 0xffffffff, 1), 0);
    int64_t seen[7] = { 0 };
    for (uint64_t i = 0; i < 7000; i++) {
        vn_philox r = vn_random4(42, 0, i);
        seen[vn_below(r.v[0], r.v[1], 7)]++;
    }
    for (int i = 0; i < 7; i++) ck_assert(seen[i] > 880 && seen[i] < 1120);
}
END_TEST

START_TEST(the_stream_of_a_path_is_fnv_1a)
{
    ck_assert(vn_stream_of("a") == (1469598103934665603ull ^ 'a') * 1099511628211ull);
    ck_assert(vn_stream_of("ab") != vn_stream_of("ba"));
}
END_TEST

Suite *vn_suite_philox(void);

Suite *vn_suite_philox(void)
{
    Suite *suite = suite_create("philox");
    TCase *tests = tcase_create("philox");
    tcase_add_test(tests, philox_gives_the_published_numbers);
    tcase_add_test(tests, seed_stream_and_index_each_change_the_numbers);
    tcase_add_test(tests, uniform_numbers_stay_in_their_range);
    tcase_add_test(tests, the_stream_of_a_path_is_fnv_1a);
    suite_add_tcase(suite, tests);
    return suite;
}

/* Every allocation and every file operation of a whole journey failed once: an honest status, no
 * descriptor lost, every file old or new. The leak check of the address sanitizer sees the rest. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "tests/harden/disk.h"
#include "tests/harden/journey.h"

static vn_journey j;
static const vn_disk passing = { .room = -1 };

static void enter(void)
{
    vn_journey_open(&j, "linear");
}

static void leave(void)
{
    vn_journey_close(&j);
}

START_TEST(every_allocation_fails_once)
{
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    vn_journey_reset(&j);
    ck_assert(!vn_journey_run(&j));
    int64_t n = vn_fault_seen(VN_FAULT_ALLOC) - before;
    int descriptors = vn_open_descriptors(), survived = 0;
    ck_assert_int_gt(n, 300);
    for (int64_t k = 1; k <= n; k++) {
        char what[64];
        snprintf(what, sizeof what, "allocation %d of %d", (int)k, (int)n);
        vn_journey_reset(&j);
        vn_fault_arm(VN_FAULT_ALLOC, k);
        vane_status st = vn_journey_run(&j);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(st == VANE_E_MEMORY || !st, "%s: %d, %s", what, st, vane_last_error());
        vn_journey_check(&j, st, 0, what);
        ck_assert_msg(vn_open_descriptors() == descriptors, "%s: a descriptor is lost", what);
        survived += !st;
    }
    /* What is not needed: why a kernel of a higher instruction set was passed over. */
    ck_assert_int_lt(survived, n / 3);
}
END_TEST

static int error_for(int64_t k)
{
    static const int errors[] = { EIO, ENOSPC, EDQUOT, EACCES };
    return errors[k % 4];
}

START_TEST(every_file_operation_fails_once)
{
    vn_disk_on(passing);
    ck_assert(!vn_journey_run(&j));
    int64_t n = vn_disk_off(NULL);
    int descriptors = vn_open_descriptors();
    int seen[VN_DISK_STAT + 1] = { 0 }, failed[VN_DISK_STAT + 1] = { 0 };
    ck_assert_int_gt(n, 40);
    for (int64_t k = 1; k <= 4 * n; k++) {
        char what[64];
        vn_disk how = passing;
        vn_disk_kind kind;
        how.fail_at = (k + 3) / 4;
        how.error = error_for(k);
        vn_journey_reset(&j);
        vn_disk_on(how);
        vane_status st = vn_journey_run(&j);
        vn_disk_off(&kind);
        snprintf(what, sizeof what, "file operation %d of %d (kind %d)", (int)how.fail_at, (int)n,
                 (int)kind);
        ck_assert_msg(st == VANE_E_IO || !st, "%s: %d, %s", what, st, vane_last_error());
        vn_journey_check(&j, st, kind == VN_DISK_UNLINK, what);
        ck_assert_msg(vn_open_descriptors() == descriptors, "%s: a descriptor is lost", what);
        seen[kind]++;
        failed[kind] += st != 0;
    }
    /* Whatever moves or guards content must be heard. A close after reading, the folder that cannot
     * be opened to be synced, and a temporary that cannot be removed, need not. */
    static const vn_disk_kind heard[] = { VN_DISK_READ,   VN_DISK_WRITE, VN_DISK_FSYNC,
                                          VN_DISK_RENAME, VN_DISK_CHMOD, VN_DISK_STAT };
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++) {
        ck_assert_msg(seen[heard[i]] > 0, "no operation of kind %d", (int)heard[i]);
        ck_assert_msg(failed[heard[i]] == seen[heard[i]], "kind %d: %d of %d were heard",
                      (int)heard[i], failed[heard[i]], seen[heard[i]]);
    }
    ck_assert_int_eq(failed[VN_DISK_CLOSE], 4 * 3); /* of checkpoint, model and forecast */
}
END_TEST

START_TEST(short_and_interrupted_transfers_change_nothing)
{
    static const size_t most[] = { 1, 7, 4096 };
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        vn_disk how = passing;
        how.most = most[i];
        how.interrupts = true;
        vn_journey_reset(&j);
        vn_disk_on(how);
        vane_status st = vn_journey_run(&j);
        vn_disk_off(NULL);
        ck_assert_msg(!st, "%s", vane_last_error());
        vn_journey_check(&j, st, 0, "short transfers");
    }
}
END_TEST

START_TEST(a_disk_may_be_full_after_every_4_kib)
{
    vn_journey big;
    vane_status st = VANE_E_IO;
    int rounds = 0;
    vn_journey_open(&big, "nhits");
    for (int64_t room = 0; st && room < 64 << 20; room += 4096, rounds++) {
        char what[64];
        vn_disk how = passing;
        how.room = room;
        vn_journey_reset(&big);
        vn_disk_on(how);
        st = vn_journey_run(&big);
        vn_disk_off(NULL);
        snprintf(what, sizeof what, "a disk of %d KiB", (int)(room / 1024));
        ck_assert_msg(st == VANE_E_IO || !st, "%s: %d, %s", what, st, vane_last_error());
        vn_journey_check(&big, st, 0, what);
        if (st)
            ck_assert_msg(strstr(vane_last_error(), "No space") != NULL, "%s", vane_last_error());
    }
    ck_assert_int_eq(st, VANE_OK);
    ck_assert_int_gt(rounds, 50);
    vn_journey_close(&big);
}
END_TEST

Suite *vn_suite_faults(void);

Suite *vn_suite_faults(void)
{
    Suite *s = suite_create("faults");
    TCase *t = tcase_create("faults");
    tcase_add_checked_fixture(t, enter, leave);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, every_allocation_fails_once);
    tcase_add_test(t, every_file_operation_fails_once);
    tcase_add_test(t, short_and_interrupted_transfers_change_nothing);
    tcase_add_test(t, a_disk_may_be_full_after_every_4_kib);
    suite_add_tcase(s, t);
    return s;
}

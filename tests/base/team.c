/* The team: every lane once, meetings that hold, more lanes than cores, and fork. */
#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/team.h"

enum { LANES = 4, ROUNDS = 3000 };

typedef struct board {
    int64_t value[LANES][16]; /* a cache line a lane */
    int64_t wrong[LANES];
    int size[LANES];
    int rounds;
} board;

/* Plain writes that only the barrier orders: a hole in it shows as a wrong value (or to tsan). */
static void write_and_read(void *arg, vn_lane *lane)
{
    board *b = arg;
    b->size[lane->rank] = lane->size;
    for (int round = 1; round <= b->rounds; round++) {
        b->value[lane->rank][0] = round;
        vn_team_meet(lane);
        for (int i = 0; i < lane->size; i++) b->wrong[lane->rank] += b->value[i][0] != round;
        vn_team_meet(lane);
    }
}

static int64_t play(vn_team *team, int lanes, int rounds, int *size)
{
    board b = { .rounds = rounds };
    vn_team_run(team, lanes, write_and_read, &b);
    int64_t wrong = 0;
    *size = b.size[0];
    for (int i = 0; i < LANES; i++) {
        wrong += b.wrong[i];
        ck_assert_int_eq(b.size[i], i < *size ? *size : 0);
        ck_assert_int_eq(b.value[i][0], i < *size ? rounds : 0);
    }
    return wrong;
}

START_TEST(lanes_see_what_others_wrote_before_the_meeting)
{
    for (int n = 1; n <= LANES; n++) {
        vn_team *team;
        int size;
        ck_assert_int_eq(vn_team_open(n, &team), VN_OK);
        ck_assert_int_le(vn_team_size(team), n);
        ck_assert_int_eq(play(team, 0, ROUNDS, &size), 0);
        ck_assert_int_eq(size, vn_team_size(team));
        vn_team_close(team);
    }
}
END_TEST

START_TEST(a_run_may_use_fewer_lanes_than_the_team_has)
{
    vn_team *team;
    ck_assert_int_eq(vn_team_open(LANES, &team), VN_OK);
    for (int repeat = 0; repeat < 200; repeat++) {
        int lanes = repeat % (LANES + 2), all = vn_team_size(team), size;
        ck_assert_int_eq(play(team, lanes, 3, &size), 0);
        ck_assert_int_eq(size, lanes == 0 || lanes > all ? all : lanes);
    }
    vn_team_close(team);
}
END_TEST

static void arrive_late(void *arg, vn_lane *lane)
{
    board *b = arg;
    for (int round = 1; round <= b->rounds; round++) {
        if (lane->rank == round % lane->size)
            usleep(1000); /* 20 times what the others stay awake */
        b->value[lane->rank][0] = round;
        vn_team_meet(lane);
        for (int i = 0; i < lane->size; i++) b->wrong[lane->rank] += b->value[i][0] != round;
        vn_team_meet(lane);
    }
}

START_TEST(a_late_lane_wakes_those_that_fell_asleep)
{
    vn_team *team;
    board b = { .rounds = 50 };
    ck_assert_int_eq(vn_team_open(3, &team), VN_OK);
    vn_team_run(team, 0, arrive_late, &b);
    for (int i = 0; i < LANES; i++) ck_assert_int_eq(b.wrong[i], 0);
    ck_assert_int_eq(b.value[0][0], 50);
    vn_team_close(team);
}
END_TEST

START_TEST(the_child_of_a_fork_runs_with_one_lane)
{
    vn_team *team, *young;
    int size, status;
    ck_assert_int_eq(vn_team_open(2, &team), VN_OK);
    play(team, 0, 10, &size);
    int several = size > 1;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        board b = { .rounds = 10 };
        vn_team_run(team, 0, write_and_read, &b);
        int ok = b.size[0] == 1 && b.wrong[0] == 0 && b.value[0][0] == 10;
        ok = ok && !vn_team_open(3, &young) && vn_team_size(young) == 1;
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (several) ck_assert_int_eq(status, 0);
    ck_assert_int_eq(play(team, 0, 10, &size), 0);
    vn_team_close(team);
}
END_TEST

START_TEST(an_impossible_number_of_lanes_is_refused)
{
    vn_team *team;
    ck_assert_int_eq(vn_team_open(-1, &team), VN_E_ARGUMENT);
    ck_assert_int_eq(vn_team_open(1000000, &team), VN_E_ARGUMENT);
    ck_assert_ptr_null(team);
    ck_assert_int_ge(vn_team_granted(), 1);
    vn_team_close(NULL);
}
END_TEST

START_TEST(shares_are_whole_tiles_that_cover_everything_once)
{
    for (int64_t n = 0; n < 70; n++)
        for (int64_t tile = 1; tile < 20; tile += 3)
            for (int size = 1; size <= 5; size++) {
                int64_t at = 0;
                for (int rank = 0; rank < size; rank++) {
                    vn_lane lane = { rank, size, NULL };
                    int64_t lo, hi;
                    vn_lane_share(&lane, n, tile, &lo, &hi);
                    ck_assert_int_eq(lo, at);
                    ck_assert(lo <= hi && (lo % tile == 0 || lo == n));
                    at = hi;
                }
                ck_assert_int_eq(at, n);
            }
}
END_TEST

Suite *vn_suite_team(void);

Suite *vn_suite_team(void)
{
    Suite *suite = suite_create("team");
    TCase *tests = tcase_create("team");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, lanes_see_what_others_wrote_before_the_meeting);
    tcase_add_test(tests, a_run_may_use_fewer_lanes_than_the_team_has);
    tcase_add_test(tests, a_late_lane_wakes_those_that_fell_asleep);
    tcase_add_test(tests, the_child_of_a_fork_runs_with_one_lane);
    tcase_add_test(tests, an_impossible_number_of_lanes_is_refused);
    tcase_add_test(tests, shares_are_whole_tiles_that_cover_everything_once);
    suite_add_tcase(suite, tests);
    return suite;
}

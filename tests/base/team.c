/* The team: every lane once, meetings and phases that hold, more lanes than cores, lanes that come late
 * or not at all, hosts with threads of their own, and fork. */
#include <check.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
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

/* The thread sanitizer takes a child's threads for those of its parent. */
#if defined(__SANITIZE_THREAD__)
static const bool children_may_start = false;
#else
static const bool children_may_start = true;
#endif

START_TEST(the_child_of_a_fork_has_lanes_of_its_own)
{
    vn_team *team, *young = NULL;
    int size, status;
    ck_assert_int_eq(vn_team_open(3, &team), VN_OK);
    play(team, 0, 10, &size);
    ck_assert_int_eq(size, 3);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        board b = { .rounds = 10 };
        vn_team_run(team, 0, write_and_read, &b);
        int ok = b.size[2] == 3 && b.wrong[0] == 0 && b.value[2][0] == 10;
        ok = ok && !vn_team_open(3, &young) && vn_team_size(young) == 3;
        vn_team_close(young);
        vn_team_close(team);
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(play(team, 0, 10, &size), 0);
    ck_assert_int_eq(size, 3);
    vn_team_close(team);
}
END_TEST

/* Forks while the team is at work: the child finds it as if nothing had been going on. */
static void fork_inside(void *arg, vn_lane *lane)
{
    int *ok = arg, size = 0, status = 1;
    board b = { .rounds = 5 };
    if (lane->rank) return;
    pid_t child = fork();
    if (child == 0) {
        vn_team_run(lane->team, 0, write_and_read, &b);
        for (int i = 0; i < LANES; i++) size += b.size[i] == 2;
        _exit(size == 2 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    *ok = !status;
}

START_TEST(a_fork_in_the_middle_of_a_run_leaves_both_whole)
{
    vn_team *team;
    int size, ok = 0;
    ck_assert_int_eq(vn_team_open(2, &team), VN_OK);
    vn_team_run(team, 0, fork_inside, &ok);
    ck_assert_int_eq(ok, 1);
    ck_assert_int_eq(play(team, 0, 10, &size), 0);
    ck_assert_int_eq(size, 2);
    vn_team_close(team);
}
END_TEST

START_TEST(where_threads_cannot_be_made_there_are_fewer_lanes)
{
    for (int n = 1; n < LANES; n++) {
        vn_team *team;
        int size;
        vn_fault_arm(VN_FAULT_THREAD, n);
        ck_assert_int_eq(vn_team_open(LANES, &team), VN_OK);
        vn_fault_arm(VN_FAULT_THREAD, 0);
        ck_assert_int_eq(vn_team_size(team), n);
        ck_assert_int_eq(play(team, 0, 10, &size), 0);
        ck_assert_int_eq(size, n);
        vn_team_close(team);
    }
}
END_TEST

static int threads_of_process(void)
{
    DIR *dir = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));) n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* The count once it has stood at n, or at anything for 100 ms: a thread that was joined may stay in /proc for
 * a moment yet, because the kernel wakes its joiner before it takes the thread's entry away. */
static int threads_settled(int n)
{
    int now = threads_of_process();
    for (int still = 0; now != n && still < 100; still++) {
        usleep(1000);
        int next = threads_of_process();
        if (next != now) still = 0;
        now = next;
    }
    return now;
}

START_TEST(a_closed_team_leaves_no_thread)
{
    vn_team *team;
    ck_assert_int_eq(vn_team_open(2, &team), VN_OK); /* a sanitizer's own thread comes with the first */
    vn_team_close(team);
    int before = threads_settled(0);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(vn_team_open(3, &team), VN_OK);
        if (i % 3 == 0) ck_assert_int_eq(threads_settled(before + 2), before + 2);
        int size;
        if (i % 2) play(team, 0, 2, &size);
        vn_team_close(team);
    }
    ck_assert_int_eq(threads_settled(before), before);
}
END_TEST

/* ---- phases ---- */

enum { PHASES = 40, CELLS = 12 };

/* A cell of each phase, on a line of its own: filled by one part from all cells of the phase before.
 * Plain reads and writes, that only the order of phases keeps apart. */
typedef struct relay {
    int64_t cell[PHASES][CELLS][8], sum[PHASES];
    int late_us, every; /* one part is late by this; every so many phases lanes meet; 0: never */
} relay;

static bool does_meet(void *arg, int phase)
{
    const relay *r = arg;
    return r->every && phase % r->every == 0;
}

static void run_part(void *arg, int phase, vn_lane *part, int lane)
{
    relay *r = arg;
    int64_t sum = 1;
    (void)lane;
    if (r->late_us && part->rank == phase % part->size) usleep((useconds_t)r->late_us);
    for (int i = 0; i < CELLS && phase; i++) sum += r->cell[phase - 1][i][0];
    if (phase) sum += r->sum[phase - 1];
    if (does_meet(r, phase)) vn_team_meet(part);
    for (int i = part->rank; i < CELLS; i += part->size) r->cell[phase][i][0] += sum % 1000;
}

static void run_after(void *arg, int phase, int lane)
{
    relay *r = arg;
    (void)lane;
    for (int i = 0; i < CELLS; i++) r->sum[phase] += r->cell[phase][i][0];
}

/* What the last phase leaves, if each part was run once and saw all that was before. */
static int64_t run_relay(vn_team *team, int lanes, relay *r)
{
    static const vn_phases work = { PHASES, does_meet, run_part, run_after };
    memset(r->cell, 0, sizeof r->cell);
    memset(r->sum, 0, sizeof r->sum);
    vn_team_walk(team, lanes, &work, r);
    return r->sum[PHASES - 1];
}

START_TEST(phases_follow_each_other_for_any_number_of_lanes)
{
    vn_team *team;
    relay r = { .every = 5 };
    ck_assert_int_eq(vn_team_open(LANES, &team), VN_OK);
    int64_t expect = run_relay(team, 1, &r);
    for (int repeat = 0; repeat < 3000; repeat++)
        ck_assert_int_eq(run_relay(team, repeat % (LANES + 1), &r), expect);
    vn_team_close(team);
}
END_TEST

START_TEST(parts_of_a_late_lane_are_done_once)
{
    vn_team *team;
    relay r = { .every = 3 }, slow = { .every = 3, .late_us = 300 };
    ck_assert_int_eq(vn_team_open(3, &team), VN_OK);
    int64_t expect = run_relay(team, 1, &r);
    for (int repeat = 0; repeat < 10; repeat++) {
        ck_assert_int_eq(run_relay(team, 0, &slow), expect);
        usleep(repeat % 2 ? 200 : 0); /* lanes asleep when the next run begins */
        ck_assert_int_eq(run_relay(team, 0, &r), expect);
    }
    vn_team_close(team);
}
END_TEST

/* Holds one core for as long as it is told to. */
static void *hold_core(void *arg)
{
    atomic_bool *go = arg;
    while (atomic_load(go)) {}
    return NULL;
}

START_TEST(a_core_that_another_holds_changes_no_result)
{
    atomic_bool go = true;
    pthread_t thread[2];
    vn_team *team;
    relay r = { 0 };
    ck_assert_int_eq(vn_team_open(2, &team), VN_OK);
    int64_t expect = run_relay(team, 1, &r);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&thread[i], NULL, hold_core, &go), 0);
    for (int repeat = 0; repeat < 2000; repeat++) ck_assert_int_eq(run_relay(team, 0, &r), expect);
    atomic_store(&go, false);
    for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    vn_team_close(team);
}
END_TEST

/* A host's thread with a team of its own, or all with one. */
typedef struct host {
    vn_team *team;
    int64_t expect;
    int wrong;
} host;

static void *use_team(void *arg)
{
    host *h = arg;
    relay *r = calloc(1, sizeof *r);
    for (int repeat = 0; repeat < 500; repeat++) h->wrong += run_relay(h->team, 0, r) != h->expect;
    free(r);
    return NULL;
}

static void run_hosts(vn_team *shared)
{
    host hosts[3];
    pthread_t thread[3];
    relay r = { 0 };
    for (int i = 0; i < 3; i++) {
        hosts[i] = (host){ .team = shared };
        if (!shared) ck_assert_int_eq(vn_team_open(2, &hosts[i].team), VN_OK);
        hosts[i].expect = run_relay(hosts[i].team, 1, &r);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, use_team, &hosts[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        ck_assert_int_eq(hosts[i].wrong, 0);
        if (!shared) vn_team_close(hosts[i].team);
    }
}

START_TEST(threads_of_a_host_run_at_the_same_time)
{
    vn_team *team;
    run_hosts(NULL);
    ck_assert_int_eq(vn_team_open(2, &team), VN_OK);
    run_hosts(team);
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

START_TEST(openmps_variables_limit_what_is_granted)
{
    vn_team *team;
    setenv("OMP_NUM_THREADS", "1", 1);
    ck_assert_int_eq(vn_team_granted(), 1);
    ck_assert_int_eq(vn_team_open(0, &team), VN_OK);
    ck_assert_int_eq(vn_team_size(team), 1);
    vn_team_close(team);
    ck_assert_int_eq(vn_team_open(2, &team), VN_OK); /* what was asked for counts */
    ck_assert_int_eq(vn_team_size(team), 2);
    vn_team_close(team);
    setenv("OMP_NUM_THREADS", "1,4", 1); /* of nested regions */
    ck_assert_int_eq(vn_team_granted(), 1);
    unsetenv("OMP_NUM_THREADS");
    int all = vn_team_granted();
    setenv("OMP_NUM_THREADS", "many", 1);
    ck_assert_int_eq(vn_team_granted(), all);
    setenv("OMP_THREAD_LIMIT", "1", 1);
    ck_assert_int_eq(vn_team_granted(), 1);
    unsetenv("OMP_NUM_THREADS");
    unsetenv("OMP_THREAD_LIMIT");
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
    if (children_may_start) {
        tcase_add_test(tests, the_child_of_a_fork_has_lanes_of_its_own);
        tcase_add_test(tests, a_fork_in_the_middle_of_a_run_leaves_both_whole);
    }
    tcase_add_test(tests, where_threads_cannot_be_made_there_are_fewer_lanes);
    tcase_add_test(tests, a_closed_team_leaves_no_thread);
    tcase_add_test(tests, phases_follow_each_other_for_any_number_of_lanes);
    tcase_add_test(tests, parts_of_a_late_lane_are_done_once);
    tcase_add_test(tests, a_core_that_another_holds_changes_no_result);
    tcase_add_test(tests, threads_of_a_host_run_at_the_same_time);
    tcase_add_test(tests, an_impossible_number_of_lanes_is_refused);
    tcase_add_test(tests, openmps_variables_limit_what_is_granted);
    tcase_add_test(tests, shares_are_whole_tiles_that_cover_everything_once);
    suite_add_tcase(suite, tests);
    return suite;
}

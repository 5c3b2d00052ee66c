/* The surroundings of a host program: locale, fork, signals, environment, folders it may not write
 * to, and files that change under the reader. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"
#include "tests/harden/disk.h"
#include "tests/harden/journey.h"
#include "tests/train/lab.h"

static vn_journey j;

static void enter(void)
{
    vn_journey_open(&j, "linear");
}

static void leave(void)
{
    vn_journey_close(&j);
}

static void same_journey(const char *what)
{
    vn_journey_reset(&j);
    vane_status st = vn_journey_run(&j);
    ck_assert_msg(!st, "%s: %s", what, vane_last_error());
    vn_journey_check(&j, st, 0, what);
}

/* Wait for a child that reports by its exit status; one that hangs is killed after a minute. */
static void expect_zero(pid_t child, const char *what)
{
    int status = 0;
    for (int i = 0; i < 6000 && waitpid(child, &status, WNOHANG) == 0; i++) usleep(10000);
    if (kill(child, 0) == 0) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", what,
                  (unsigned)status);
}

/* ---- locale ---- */

/* A locale with a comma for the decimal point: installed, or compiled into the folder. */
static bool german(void)
{
    char command[256];
    if (setlocale(LC_ALL, "de_DE.UTF-8")) return true;
    snprintf(command, sizeof command,
             "localedef -i de_DE -f UTF-8 --no-archive %s/de_DE.UTF-8 >/dev/null 2>&1", j.folder);
    if (system(command)) return false;
    setenv("LOCPATH", j.folder, 1);
    bool is_set = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s/de_DE.UTF-8", j.folder);
    return !system(command) && is_set;
}

START_TEST(a_decimal_comma_of_the_host_changes_nothing)
{
    if (!german()) {
        printf("skipped: a_decimal_comma_of_the_host_changes_nothing (no such locale here)\n");
        return;
    }
    ck_assert_str_eq(localeconv()->decimal_point, ",");
    ck_assert_double_eq(strtod("1.5", NULL), 1); /* what the library must not use */
    same_journey("de_DE");
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- fork ---- */

/* Train with two lanes and compare with the weights of `want` (NULL: nothing to compare). */
static int train_like(const vn_fitted *want)
{
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 2, NULL);
    int bad = vn_lab_fit(&lab, NULL) || (want && !vn_lab_same_weights(lab.m, want));
    vn_lab_close(&lab);
    return bad;
}

/* The thread sanitizer takes a child's threads for those of its parent. */
#if defined(__SANITIZE_THREAD__)
static const bool children_may_start = false;
#else
static const bool children_may_start = true;
#endif

START_TEST(children_of_a_host_that_trained_train_the_same)
{
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 2, NULL);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    pid_t child = fork();
    if (child == 0) {
        int bad = train_like(lab.m); /* with threads of its own */
        pid_t grandchild = fork();
        if (grandchild == 0) _exit(train_like(lab.m));
        int status = 1;
        waitpid(grandchild, &status, 0);
        _exit(bad || status);
    }
    ck_assert_int_eq(train_like(lab.m), 0); /* the parent goes on at the same time */
    expect_zero(child, "child");
    vn_lab_close(&lab);
}
END_TEST

/* ---- signals ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms = alarms + 1;
}

START_TEST(a_storm_of_signals_changes_nothing)
{
    struct sigaction handler = { .sa_handler = on_alarm }; /* no SA_RESTART: calls see EINTR */
    struct itimerval fast = { { 0, 500 }, { 0, 500 } }, none = { { 0, 0 }, { 0, 0 } };
    sigemptyset(&handler.sa_mask);
    ck_assert(!sigaction(SIGALRM, &handler, NULL));
    setitimer(ITIMER_REAL, &fast, NULL);
    for (int i = 0; i < 100 && alarms < 100; i++) same_journey("signals");
    setitimer(ITIMER_REAL, &none, NULL);
    ck_assert_int_ge(alarms, 100);
    signal(SIGALRM, SIG_DFL);
}
END_TEST

START_TEST(no_handler_and_no_mask_of_the_host_is_touched)
{
    struct sigaction before[NSIG], after;
    sigset_t mask[2];
    memset(before, 0, sizeof before);
    for (int i = 1; i < NSIG; i++) sigaction(i, NULL, &before[i]);
    sigprocmask(SIG_BLOCK, NULL, &mask[0]);
    same_journey("handlers");
    sigprocmask(SIG_BLOCK, NULL, &mask[1]);
    for (int i = 1; i < NSIG; i++) {
        if (sigaction(i, NULL, &after)) continue;
        ck_assert_msg(before[i].sa_handler == after.sa_handler, "signal %d", i);
        ck_assert_int_eq(sigismember(&mask[0], i), sigismember(&mask[1], i));
    }
}
END_TEST

START_TEST(a_reader_that_goes_away_is_a_failed_write)
{
    static const char text[100] = "x";
    char pipe_path[128];
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", j.folder);
    ck_assert(!mkfifo(pipe_path, 0600));
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    vn_out *out;
    ck_assert_msg(!vn_out_open(pipe_path, &out), "%s", vn_last_message());
    close(reader);
    signal(SIGPIPE, SIG_IGN); /* as a server has it; the command lets the signal end it */
    ck_assert_int_eq(vn_out_write(out, text, sizeof text), VN_OK); /* buffered */
    ck_assert_int_eq(vn_out_commit(out), VN_E_IO);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "Broken pipe"));
    vn_out_close(out);
    signal(SIGPIPE, SIG_DFL);
}
END_TEST

/* ---- environment and folders ---- */

START_TEST(an_empty_environment_is_enough)
{
    pid_t child = fork();
    if (child == 0) {
        clearenv();
        _exit(chdir("/") || vn_journey_run(&j));
    }
    expect_zero(child, "empty environment");
    vn_journey_check(&j, VANE_OK, 0, "empty environment");
}
END_TEST

/* As a user who may not write to the working folder: relative names fail, others work. */
static int in_read_only_folder(const char *model)
{
    vane_model *m;
    if (geteuid() == 0 && (setgid(65534) || setuid(65534))) return 2;
    if (chdir(j.folder) || !access(".", W_OK)) return 3;
    if (vane_model_load(model, &m)) return 4;
    if (vane_model_save(m, "here.vane") != VANE_E_IO) return 5;
    if (!strstr(vane_last_error(), "here.vane\": Permission denied")) return 6;
    if (vane_model_save(m, "/tmp/vane_world.vane")) return 7;
    vane_model_close(m);
    return unlink("/tmp/vane_world.vane") ? 8 : 0;
}

START_TEST(a_working_folder_may_be_read_only)
{
    char before[4096], after[4096];
    unlink("/tmp/vane_world.vane");
    ck_assert(!chmod(j.folder, 0555) && getcwd(before, sizeof before));
    pid_t child = fork();
    if (child == 0) _exit(in_read_only_folder(j.model));
    expect_zero(child, "read-only folder");
    ck_assert(!chmod(j.folder, 0755) && getcwd(after, sizeof after));
    ck_assert_str_eq(before, after);
    vn_journey_check(&j, VANE_OK, 0, "read-only folder");
}
END_TEST

/* ---- files that change ---- */

static const char *to_cut;

static void cut_at_the_first_read(vn_disk_kind kind, int64_t n)
{
    (void)n;
    if (kind == VN_DISK_READ && to_cut) ck_assert(!truncate(to_cut, 700));
    if (kind == VN_DISK_READ) to_cut = NULL;
}

START_TEST(a_file_cut_while_it_is_read_is_noticed)
{
    vane_config *c;
    vane_dataset *d;
    vane_model *m;
    const vn_disk how = { .room = -1, .before = cut_at_the_first_read };
    ck_assert(!vane_config_open(&c));
    to_cut = j.table;
    vn_disk_on(how);
    vane_status st = vane_dataset_read(c, j.table, NULL, &d);
    vn_disk_off(NULL);
    ck_assert_int_eq(st, VANE_E_IO);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "became shorter while it was read: 700 of"));
    to_cut = j.model;
    vn_disk_on(how);
    st = vane_model_load(j.model, &m);
    vn_disk_off(NULL);
    ck_assert_int_eq(st, VANE_E_IO);
    ck_assert(d == NULL && m == NULL);
    vane_config_close(c);
}
END_TEST

/* True if any file of the journey is mapped into memory: then cutting it would end the process. */
static bool is_mapped(void)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) found |= strstr(line, j.folder) != NULL;
    fclose(f);
    return found;
}

START_TEST(a_file_cut_after_it_was_read_changes_nothing)
{
    vane_config *c;
    vane_dataset *d;
    vane_model *m;
    vane_forecast *f;
    ck_assert(!vane_config_open(&c) && !vane_config_set(c, VANE_FLAG, NULL, "threads", "1"));
    ck_assert(!vane_dataset_read(c, j.table, NULL, &d) && !vane_model_load(j.model, &m));
    ck_assert(!is_mapped());
    ck_assert(!truncate(j.table, 0) && !truncate(j.model, 0));
    ck_assert_msg(!vane_forecast_make(c, m, d, NULL, NULL, &f), "%s", vane_last_error());
    ck_assert(!vane_forecast_csv(f, j.forecast) && !vane_model_save(m, j.model));
    vn_journey_check(&j, VANE_OK, 0, "cut files");
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

Suite *vn_suite_world(void);

Suite *vn_suite_world(void)
{
    Suite *s = suite_create("world");
    TCase *t = tcase_create("world");
    tcase_add_checked_fixture(t, enter, leave);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_decimal_comma_of_the_host_changes_nothing);
    if (children_may_start) tcase_add_test(t, children_of_a_host_that_trained_train_the_same);
    tcase_add_test(t, a_storm_of_signals_changes_nothing);
    tcase_add_test(t, no_handler_and_no_mask_of_the_host_is_touched);
    tcase_add_test(t, a_reader_that_goes_away_is_a_failed_write);
    tcase_add_test(t, an_empty_environment_is_enough);
    tcase_add_test(t, a_working_folder_may_be_read_only);
    tcase_add_test(t, a_file_cut_while_it_is_read_is_noticed);
    tcase_add_test(t, a_file_cut_after_it_was_read_changes_nothing);
    suite_add_tcase(s, t);
    return s;
}

/* Files: whole or not at all, whatever write, sync or rename fails. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"

static char folder[64], path[96];

static void enter(void)
{
    strcpy(folder, "/tmp/vane_os_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file.txt", folder);
}

/* Entries of the folder; the sum of their bytes is not of interest. */
static int entries(void)
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(dir);
    return n;
}

static void leave(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir));) unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(folder);
}

static vn_status save(const char *where, const char *text, size_t n)
{
    vn_out *out;
    vn_status st = vn_out_open(where, &out);
    for (size_t at = 0; !st && at < n; at += 1000)
        st = vn_out_write(out, text + at, n - at < 1000 ? n - at : 1000);
    if (!st) st = vn_out_commit(out);
    vn_out_close(out);
    return st;
}

static void expect_content(const char *text)
{
    char *data;
    size_t n;
    ck_assert_int_eq(vn_file_read(path, 0, &data, &n), VN_OK);
    ck_assert_uint_eq(n, strlen(text));
    ck_assert_str_eq(data, text);
    vn_free(data);
}

START_TEST(what_is_written_is_read_back_and_nothing_else_is_left)
{
    static char large[300001];
    memset(large, 'x', sizeof large - 1);
    ck_assert_int_eq(save(path, large, sizeof large - 1), VN_OK);
    expect_content(large);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(save(path, "", 0), VN_OK);
    expect_content("");
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    ck_assert_int_eq(entries(), 1);
}
END_TEST

START_TEST(every_failing_write_leaves_the_old_file)
{
    static char new_text[200001];
    memset(new_text, 'n', sizeof new_text - 1);
    ck_assert_int_eq(save(path, "old", 3), VN_OK);
    vn_status st = VN_E_IO;
    int n = 0;
    while (st && n < 100) {
        vn_fault_arm(VN_FAULT_WRITE, ++n);
        st = save(path, new_text, sizeof new_text - 1);
        vn_fault_arm(VN_FAULT_WRITE, 0);
        ck_assert_int_eq(entries(), 1);
        if (!st) break;
        ck_assert_int_eq(st, VN_E_IO);
        ck_assert_ptr_nonnull(strstr(vn_last_message(), path));
        /* The last failure is the folder's sync: the new file is there, its durability is not. */
        if (!strstr(vn_last_message(), "folder")) expect_content("old");
    }
    ck_assert_int_gt(n, 8);
    expect_content(new_text);
}
END_TEST

START_TEST(every_failing_allocation_leaves_the_old_file)
{
    ck_assert_int_eq(save(path, "old", 3), VN_OK);
    int n = 0;
    for (vn_status st = VN_E_MEMORY; st; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n + 1);
        st = save(path, "new", 3);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert(st == VN_OK || st == VN_E_MEMORY);
        expect_content(st ? "old" : "new");
        ck_assert_int_eq(entries(), 1);
    }
    ck_assert_int_ge(n, 4);
}
END_TEST

START_TEST(without_a_commit_nothing_changes)
{
    vn_out *out;
    ck_assert_int_eq(save(path, "old", 3), VN_OK);
    ck_assert_int_eq(vn_out_open(path, &out), VN_OK);
    ck_assert_int_eq(vn_out_write(out, "new", 3), VN_OK);
    ck_assert_int_eq(entries(), 2);
    vn_out_close(out);
    expect_content("old");
    ck_assert_int_eq(entries(), 1);
    vn_out_close(NULL);
}
END_TEST

START_TEST(a_full_disk_is_reported_with_path_and_reason)
{
    static char text[100000];
    if (access("/dev/full", W_OK)) {
        printf("skipped: a_full_disk_is_reported_with_path_and_reason (no /dev/full here)\n");
        return;
    }
    ck_assert_int_eq(save("/dev/full", text, sizeof text), VN_E_IO);
    ck_assert_str_eq(vn_last_message(), "cannot write \"/dev/full\": No space left on device");
    ck_assert_int_eq(save("/dev/full", text, 10), VN_E_IO);
    struct stat st;
    ck_assert(!stat("/dev/full", &st) && S_ISCHR(st.st_mode));
}
END_TEST

START_TEST(a_link_is_written_through)
{
    char link_path[128];
    struct stat st;
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    ck_assert_int_eq(save(path, "old", 3), VN_OK);
    ck_assert_int_eq(symlink(path, link_path), 0);
    ck_assert_int_eq(save(link_path, "new", 3), VN_OK);
    expect_content("new");
    ck_assert(!lstat(link_path, &st) && S_ISLNK(st.st_mode));
}
END_TEST

START_TEST(paths_that_cannot_work_say_why)
{
    char *data;
    size_t n;
    char inner[128];
    snprintf(inner, sizeof inner, "%s/none/file", folder);
    ck_assert_int_eq(vn_file_read(path, 0, &data, &n), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "there is no file"));
    ck_assert_int_eq(vn_file_read(folder, 0, &data, &n), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "is a folder"));
    ck_assert_int_eq(save(inner, "x", 1), VN_E_ARGUMENT);
    ck_assert_int_eq(save(folder, "x", 1), VN_E_ARGUMENT);
    ck_assert_int_eq(save("", "x", 1), VN_E_ARGUMENT);
    ck_assert_ptr_null(data);
}
END_TEST

START_TEST(reading_keeps_its_limit_and_reports_a_failing_read)
{
    char *data;
    size_t n;
    ck_assert_int_eq(save(path, "12345", 5), VN_OK);
    ck_assert_int_eq(vn_file_read(path, 4, &data, &n), VN_E_DATA);
    ck_assert_int_eq(vn_file_read("/dev/zero", 100000, &data, &n), VN_E_DATA);
    ck_assert_int_eq(vn_file_read(path, 5, &data, &n), VN_OK);
    ck_assert_uint_eq(n, 5);
    vn_free(data);
    for (int k = 1; k <= 2; k++) { /* the content, then the end */
        vn_fault_arm(VN_FAULT_READ, k);
        ck_assert_int_eq(vn_file_read(path, 0, &data, &n), VN_E_IO);
    }
    vn_fault_arm(VN_FAULT_ALLOC, 1);
    ck_assert_int_eq(vn_file_read(path, 0, &data, &n), VN_E_MEMORY);
}
END_TEST

START_TEST(a_file_that_states_a_size_it_does_not_have_is_read)
{
    const char *setting = "/sys/kernel/mm/transparent_hugepage/enabled"; /* 4096 by fstat */
    char *data;
    size_t n;
    if (access(setting, R_OK)) return;
    ck_assert_msg(!vn_file_read(setting, 4096, &data, &n), "%s", vn_last_message());
    ck_assert(n > 0 && n < 4096 && strchr(data, '['));
    vn_free(data);
}
END_TEST

START_TEST(standard_input_and_output_work_through_pipes)
{
    static char text[200000];
    int in[2], out[2];
    memset(text, 'p', sizeof text);
    ck_assert(!pipe(in) && !pipe(out));
    pid_t writer = fork();
    if (writer == 0) _exit(write(in[1], text, sizeof text) != (ssize_t)sizeof text);
    pid_t copier = fork();
    if (copier == 0) {
        char *data;
        size_t n;
        dup2(in[0], STDIN_FILENO), dup2(out[1], STDOUT_FILENO);
        close(in[1]), close(out[0]);
        int bad = vn_file_read("-", 0, &data, &n) || save("-", data, n);
        vn_free(data);
        _exit(bad);
    }
    close(in[0]), close(in[1]), close(out[1]);
    size_t got = 0;
    char buffer[4096];
    for (ssize_t k; (k = read(out[0], buffer, sizeof buffer)) > 0;) got += (size_t)k;
    ck_assert_uint_eq(got, sizeof text);
    int status;
    ck_assert(waitpid(copier, &status, 0) == copier && status == 0);
    ck_assert(waitpid(writer, &status, 0) == writer && status == 0);
    close(out[0]);
}
END_TEST

START_TEST(a_sweep_removes_what_dead_processes_left_and_only_that)
{
    pid_t child = fork();
    if (child == 0) {
        vn_out *out;
        _exit(vn_out_open(path, &out) != VN_OK); /* dies with its temporary on the disk */
    }
    waitpid(child, NULL, 0);
    ck_assert_int_eq(entries(), 1);
    vn_out *mine;
    ck_assert_int_eq(vn_out_open(path, &mine), VN_OK);
    char other[160];
    snprintf(other, sizeof other, "%s/.file.txt.notes.tmp", folder);
    close(open(other, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(entries(), 3);
    vn_out_sweep(path);
    ck_assert_int_eq(entries(), 3); /* young: a process elsewhere may be writing it */
    char left[160];
    snprintf(left, sizeof left, "%s/.file.txt.%ld.0.tmp", folder, (long)child);
    const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    ck_assert_int_eq(utimensat(AT_FDCWD, left, old, 0), 0);
    vn_out_sweep(path);
    ck_assert_int_eq(access(left, F_OK), -1);
    ck_assert_int_eq(entries(), 2);
    ck_assert_int_eq(vn_out_commit(mine), VN_OK);
    vn_out_close(mine);
    ck_assert_int_eq(access(other, F_OK), 0);
}
END_TEST

START_TEST(the_clock_moves_forward)
{
    double a = vn_now_s();
    usleep(2000);
    double b = vn_now_s();
    ck_assert(b - a >= 0.002 && b - a < 10);
}
END_TEST

Suite *vn_suite_os(void);

Suite *vn_suite_os(void)
{
    Suite *suite = suite_create("os");
    TCase *tests = tcase_create("os");
    tcase_add_checked_fixture(tests, enter, leave);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, what_is_written_is_read_back_and_nothing_else_is_left);
    tcase_add_test(tests, every_failing_write_leaves_the_old_file);
    tcase_add_test(tests, every_failing_allocation_leaves_the_old_file);
    tcase_add_test(tests, without_a_commit_nothing_changes);
    tcase_add_test(tests, a_full_disk_is_reported_with_path_and_reason);
    tcase_add_test(tests, a_link_is_written_through);
    tcase_add_test(tests, paths_that_cannot_work_say_why);
    tcase_add_test(tests, reading_keeps_its_limit_and_reports_a_failing_read);
    tcase_add_test(tests, a_file_that_states_a_size_it_does_not_have_is_read);
    tcase_add_test(tests, standard_input_and_output_work_through_pipes);
    tcase_add_test(tests, a_sweep_removes_what_dead_processes_left_and_only_that);
    tcase_add_test(tests, the_clock_moves_forward);
    suite_add_tcase(suite, tests);
    return suite;
}

/* Crashes: of the machine at every step of a save, of the process at any moment of training. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"
#include "base/philox.h"
#include "tests/harden/disk.h"
#include "tests/train/lab.h"

static char folder[64], path[96];

static void enter(void)
{
    strcpy(folder, "/tmp/vane_crash_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.vane", folder);
}

static void empty_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
}

static void leave(void)
{
    empty_folder();
    rmdir(folder);
}

/* ---- the machine stops ----
 *
 * The recorded operations of a save are cut off at every point, and a disk is made that may be
 * found afterwards: of a file's bytes those before its last fsync, and of the later ones all, none,
 * half or zeros; of the changes of the folder those before its last fsync and any number of the
 * later ones, in order. */

enum { FILES_MAX = 8, CHANGES_MAX = 16 };

typedef enum tail { ALL, NONE, HALF, ZEROS, N_TAILS } tail;

typedef struct sim_file {
    int fd; /* -1 once closed */
    char *bytes;
    size_t n, synced;
} sim_file;

typedef struct change {
    char from[256], to[256]; /* created: from is empty; removed: to is empty */
    int file;                /* created */
} change;

typedef struct sim {
    sim_file file[FILES_MAX];
    int n_files, folder_fd;
    change change[CHANGES_MAX];
    int n_changes, n_durable;
} sim;

static int open_file(const sim *s, int fd)
{
    for (int i = 0; i < s->n_files; i++)
        if (s->file[i].fd == fd) return i;
    return -1;
}

static void add_change(sim *s, int file, const char *from, const char *to)
{
    ck_assert_int_lt(s->n_changes, CHANGES_MAX);
    change *c = &s->change[s->n_changes++];
    c->file = file;
    snprintf(c->from, sizeof c->from, "%s", from);
    snprintf(c->to, sizeof c->to, "%s", to);
}

static void step(sim *s, const vn_disk_op *op)
{
    int i = open_file(s, op->fd);
    switch (op->kind) {
    case VN_DISK_OPEN:
        if (op->folder) s->folder_fd = op->fd;
        if (!op->creates) break;
        ck_assert_int_lt(s->n_files, FILES_MAX);
        s->file[s->n_files] = (sim_file){ .fd = op->fd };
        add_change(s, s->n_files++, "", op->path);
        break;
    case VN_DISK_WRITE:
        ck_assert_int_ge(i, 0);
        s->file[i].bytes = realloc(s->file[i].bytes, s->file[i].n + op->n);
        memcpy(s->file[i].bytes + s->file[i].n, op->data, op->n);
        s->file[i].n += op->n;
        break;
    case VN_DISK_FSYNC:
        if (i >= 0) s->file[i].synced = s->file[i].n;
        if (op->fd == s->folder_fd) s->n_durable = s->n_changes;
        break;
    case VN_DISK_CLOSE:
        if (i >= 0) s->file[i].fd = -1;
        if (op->fd == s->folder_fd) s->folder_fd = -1;
        break;
    case VN_DISK_RENAME:
        add_change(s, -1, op->path, op->to);
        break;
    case VN_DISK_UNLINK:
        add_change(s, -1, op->path, "");
        break;
    default:
        break;
    }
}

/* The file that has a name after the first n changes; -2: the old file, -1: none. */
static int file_called(const sim *s, int n, const char *name)
{
    int at = strcmp(name, path) ? -1 : -2;
    for (int i = 0; i < n; i++) {
        const change *c = &s->change[i];
        if (!strcmp(c->to, name)) at = c->from[0] ? file_called(s, i, c->from) : c->file;
        if (!strcmp(c->from, name)) at = -1;
    }
    return at;
}

/* What the disk holds under the name of the model. NULL: the old file. */
static char *found_after(const sim *s, int changes, tail rest, size_t *n)
{
    int i = file_called(s, changes, path);
    ck_assert_msg(i != -1, "there is no model at all");
    if (i == -2) return NULL;
    const sim_file *f = &s->file[i];
    size_t late = f->n - f->synced;
    *n = rest == NONE ? f->synced : rest == HALF ? f->synced + late / 2 : f->n;
    char *bytes = calloc(f->n + 1, 1);
    if (f->n) memcpy(bytes, f->bytes, rest == ZEROS ? f->synced : *n);
    return bytes;
}

typedef struct verdict {
    int states, old, new, damaged;
} verdict;

static void judge(const sim *s, const char *want, size_t n_want, verdict *v)
{
    for (int changes = s->n_durable; changes <= s->n_changes; changes++)
        for (tail rest = ALL; rest < N_TAILS; rest++) {
            size_t n = 0;
            char *bytes = found_after(s, changes, rest, &n);
            v->states++;
            if (!bytes)
                v->old++;
            else if (n == n_want && !memcmp(bytes, want, n))
                v->new ++;
            else
                v->damaged++;
            free(bytes);
        }
}

/* Cut the operations off after each of them; `without`: a kind that never happened, -1: none. */
static verdict crash_everywhere(const vn_disk_op *op, int n, int without, const char *want,
                                size_t n_want, verdict *last)
{
    sim s = { .folder_fd = -1 };
    verdict v = { 0 };
    judge(&s, want, n_want, &v);
    for (int i = 0; i < n; i++) {
        if ((int)op[i].kind == without) continue;
        step(&s, &op[i]);
        judge(&s, want, n_want, &v);
    }
    *last = (verdict){ 0 };
    judge(&s, want, n_want, last);
    for (int i = 0; i < s.n_files; i++) free(s.file[i].bytes);
    return v;
}

START_TEST(every_crash_prefix_of_a_save_leaves_the_old_file_or_the_new)
{
    vn_lab lab;
    size_t n_want;
    char *want;
    int n;
    vn_lab_open(&lab, "nhits", 1, NULL);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    ck_assert(!vn_fitted_save(lab.m, path)); /* the old file; any content would do */
    vn_disk_on((vn_disk){ .room = -1, .record = true, .most = 1000 });
    ck_assert_msg(!vn_fitted_save(lab.m, path), "%s", vn_last_message());
    vn_disk_off(NULL);
    const vn_disk_op *op = vn_disk_ops(&n);
    ck_assert(!vn_file_read(path, 0, &want, &n_want));
    verdict last, v = crash_everywhere(op, n, -1, want, n_want, &last);
    ck_assert_int_gt(v.states, 100);
    ck_assert_int_eq(v.damaged, 0);
    ck_assert(v.old > 0 && v.new > 0);
    ck_assert_int_eq(last.new, last.states); /* after success it is durable */

    /* The same judge finds a save that syncs nothing. */
    v = crash_everywhere(op, n, VN_DISK_FSYNC, want, n_want, &last);
    ck_assert(v.damaged > 0 && last.new < last.states);
    vn_free(want);
    vn_lab_close(&lab);
}
END_TEST

/* ---- the process is killed ---- */

static const vn_setting long_run[] = { { "max_steps", "60" }, { NULL, NULL } };

static void child_path(char out[128], const char *file)
{
    snprintf(out, 128, "%s/%s", folder, file);
}

/* In a child: train with a checkpoint after every step, going on from the last; save. `kill_at`:
 * the file operation before which it dies, 0: none. */
static void train_in_child(const char *state, const char *model, int64_t kill_at)
{
    vn_lab lab;
    vn_fit_hooks hooks = { .checkpoint = state, .checkpoint_steps = 1 };
    if (!access(state, F_OK)) hooks.resume = state;
    vn_lab_open(&lab, "linear", 2, long_run);
    vn_disk_on((vn_disk){ .room = -1, .kill_at = kill_at });
    vn_status st = vn_lab_fit(&lab, &hooks);
    if (!st) st = vn_fitted_save(lab.m, model);
    if (st) fprintf(stderr, "%s\n", vn_last_message());
    _exit(st ? 1 : 0);
}

static pid_t start(const char *state, const char *model, int64_t kill_at)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) train_in_child(state, model, kill_at);
    return child;
}

/* Temporaries in the folder; `age`: make them look two hours old. */
static int temporaries(bool age)
{
    const struct timespec old[2] = { { .tv_sec = time(NULL) - 7200 },
                                     { .tv_sec = time(NULL) - 7200 } };
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strstr(e->d_name, ".tmp")) continue;
        n++;
        if (age) ck_assert(!utimensat(dirfd(dir), e->d_name, old, 0));
    }
    closedir(dir);
    return n;
}

/* One of a few hundred; 20 by default, tools/harden.sh asks for 200. */
static int kills_wanted(void)
{
    const char *text = getenv("VANE_TEST_KILLS");
    return text ? atoi(text) : 20;
}

START_TEST(a_run_killed_at_random_moments_ends_with_the_same_bits)
{
    char state[128], model[128], want_path[128];
    int want_kills = kills_wanted(), kills = 0, complete = 0, status;
    char *want, *got;
    size_t n_want, n_got;
    child_path(state, "run.state");
    child_path(model, "run.vane");
    child_path(want_path, "want.vane");
    double begun = vn_now_s();
    ck_assert_int_eq(waitpid(start(state, want_path, 0), &status, 0) > 0 ? status : -1, 0);
    double whole_s = vn_now_s() - begun;
    ck_assert(!vn_file_read(want_path, 0, &want, &n_want));
    unlink(state);
    for (int round = 0; kills < want_kills || !complete; round++) {
        vn_philox r = vn_random4(11, 5, (uint64_t)round);
        bool by_operation = round % 2; /* half of them inside a save */
        pid_t child = start(state, model, by_operation ? r.v[0] % 400 + 1 : 0);
        if (!by_operation) {
            usleep((useconds_t)(1e6 * whole_s * (r.v[1] % 1000) / 2000));
            kill(child, SIGKILL);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFSIGNALED(status) || !status, "a resumed run failed");
        kills += WIFSIGNALED(status);
        if (status) continue;
        ck_assert(!vn_file_read(model, 0, &got, &n_got));
        ck_assert_msg(n_got == n_want && !memcmp(got, want, n_want), "after %d kills", kills);
        vn_free(got);
        unlink(state);
        complete++;
    }
    int left = temporaries(true);
    unlink(state); /* a run from the start: it writes both files */
    ck_assert_int_eq(waitpid(start(state, model, 0), &status, 0) > 0 ? status : -1, 0);
    ck_assert_int_eq(temporaries(false), 0);
    printf("%d kills, %d runs complete, %d temporaries swept\n", kills, complete, left);
    vn_free(want);
}
END_TEST

Suite *vn_suite_crash(void);

Suite *vn_suite_crash(void)
{
    Suite *s = suite_create("crash");
    TCase *t = tcase_create("crash");
    tcase_add_checked_fixture(t, enter, leave);
    tcase_set_timeout(t, 600);
    tcase_add_test(t, every_crash_prefix_of_a_save_leaves_the_old_file_or_the_new);
    tcase_add_test(t, a_run_killed_at_random_moments_ends_with_the_same_bits);
    suite_add_tcase(s, t);
    return s;
}

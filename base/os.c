/* Whole files in, whole files out, and the clock.
 *
 * A file is written beside its target under ".<name>.<pid>.<n>.tmp", made durable and renamed, so a
 * crash, a kill or a full disk leaves either the old file or the new one. Devices and pipes cannot
 * be replaced and are written directly. A failed fsync is final: the kernel may have dropped the
 * pages, and a second fsync would report success for lost data. */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"

enum { BUFFER = 1 << 16, NAME_KEPT = 200, TEMPORARIES_MAX = 10000, SWEEP_AFTER_S = 3600 };

struct vn_out {
    int fd;        /* -1 when closed */
    bool replaces; /* a temporary that commit renames; else standard output or a device */
    bool broken;   /* a write failed: nothing can be committed any more */
    bool committed;
    char *path;      /* as the caller named it, for messages */
    char *target;    /* after symbolic links */
    char *temporary; /* exists on disk while `replaces` and not committed */
    mode_t mode;     /* of the file to be replaced, 0 if there is none */
    vn_text all;     /* standard output: everything until commit */
    size_t n;
    char buffer[BUFFER];
};

static vn_status io_fail(const char *what, const char *path)
{
    char why[128];
    if (strerror_r(errno, why, sizeof why)) snprintf(why, sizeof why, "error %d", errno);
    return VN_FAIL(VN_E_IO, "cannot %s \"%s\": %s", what, path, why);
}

/* True if an injected fault strikes; errno says what a real one would. */
static bool struck(vn_fault kind)
{
    if (!vn_fault_hit(kind)) return false;
    errno = kind == VN_FAULT_READ ? EIO : ENOSPC;
    return true;
}

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;
    do fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* At a place of the file, or with at < 0 where the last read ended. */
static ssize_t read_retry(int fd, void *data, size_t n, off_t at)
{
    ssize_t got;
    if (struck(VN_FAULT_READ)) return -1;
    do got = at < 0 ? read(fd, data, n) : pread(fd, data, n, at);
    while (got < 0 && errno == EINTR);
    return got;
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n) {
        if (struck(VN_FAULT_WRITE)) return -1;
        ssize_t put = write(fd, data, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -1;
        data += put;
        n -= (size_t)put;
    }
    return 0;
}

/* Everything from fd; `guess` is how much is expected. */
static vn_status read_all(int fd, const char *path, size_t max, size_t guess, char **data,
                          size_t *n)
{
    size_t cap = guess + 2, used = 0; /* one byte to see the end, one for the zero */
    char *s = vn_malloc(cap);
    if (!s) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (;;) {
        if (cap - used < 2) {
            char *more = cap <= SIZE_MAX / 2 ? vn_realloc(s, cap * 2) : NULL;
            if (!more) {
                vn_free(s);
                return vn_fail_in(vn_trail(VN_E_MEMORY, __FILE__, __LINE__), "\"%s\"", path);
            }
            s = more;
            cap *= 2;
        }
        ssize_t got = read_retry(fd, s + used, cap - used - 1, -1);
        if (got == 0) break;
        if (got > 0) used += (size_t)got;
        if (got < 0 || (max && used > max)) {
            vn_status st = got < 0
                               ? io_fail("read", path)
                               : VN_FAIL(VN_E_DATA, "\"%s\" has more than %zu bytes", path, max);
            vn_free(s);
            return st;
        }
    }
    s[used] = 0;
    *data = s;
    *n = used;
    return VN_OK;
}

/* Fewer bytes than there were, and the file says so now. Files of /sys say 4096 whatever they hold:
 * their size is the same before and after. */
static bool was_cut(int fd, const struct stat *before, size_t n)
{
    struct stat after;
    if (!S_ISREG(before->st_mode) || (int64_t)n >= (int64_t)before->st_size) return false;
    return fstat(fd, &after) || after.st_size != before->st_size;
}

/* For reading, "-" is standard input; a folder is refused. */
static vn_status open_in(const char *path, int *fd, struct stat *st)
{
    bool is_stdin = !strcmp(path, "-");
    vn_status status = VN_OK;
    *fd = is_stdin ? STDIN_FILENO : open_retry(path, O_RDONLY, 0);
    if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return VN_FAIL(VN_E_ARGUMENT, "there is no file \"%s\"", path);
    if (*fd < 0) return io_fail("open", path);
    if (fstat(*fd, st))
        status = io_fail("read", path);
    else if (S_ISDIR(st->st_mode))
        status = VN_FAIL(VN_E_ARGUMENT, "\"%s\" is a folder, expected a file", path);
    if (status && !is_stdin) close(*fd);
    return status;
}

vn_status vn_in_open(const char *path, vn_in *in)
{
    struct stat st;
    *in = (vn_in){ .path = path, .fd = -1 };
    if (!strcmp(path, "-")) return VN_OK;
    VN_TRY(open_in(path, &in->fd, &st));
    if (S_ISREG(st.st_mode) && st.st_size > 0) in->n = (size_t)st.st_size;
    return VN_OK;
}

vn_status vn_in_read(const vn_in *in, size_t at, void *data, size_t n)
{
    for (size_t used = 0; used < n;) {
        ssize_t got = read_retry(in->fd, (char *)data + used, n - used, (off_t)(at + used));
        if (got < 0) return io_fail("read", in->path);
        if (got == 0)
            return VN_FAIL(VN_E_IO, "\"%s\" became shorter while it was read: %zu of %zu bytes",
                           in->path, at + used, in->n);
        used += (size_t)got;
    }
    return VN_OK;
}

void vn_in_close(vn_in *in)
{
    if (in && in->fd >= 0) close(in->fd);
    if (in) in->fd = -1;
}

vn_status vn_file_read(const char *path, size_t max, char **data, size_t *n)
{
    bool is_stdin = !strcmp(path, "-");
    *data = NULL;
    *n = 0;
    int fd;
    struct stat st;
    VN_TRY(open_in(path, &fd, &st));
    vn_status status = VN_OK;
    size_t guess = S_ISREG(st.st_mode) && st.st_size >= 0 ? (size_t)st.st_size : BUFFER;
    if (!status && max && S_ISREG(st.st_mode) && guess > max)
        status = VN_FAIL(VN_E_DATA, "\"%s\" has %zu bytes, more than %zu", path, guess, max);
    if (!status) status = read_all(fd, is_stdin ? "standard input" : path, max, guess, data, n);
    if (!status && !is_stdin && was_cut(fd, &st, *n)) {
        status = VN_FAIL(VN_E_IO, "\"%s\" became shorter while it was read: %zu of %lld bytes",
                         path, *n, (long long)st.st_size);
        vn_free(*data);
        *data = NULL;
        *n = 0;
    }
    if (!is_stdin) close(fd);
    return status ? vn_trail(status, __FILE__, __LINE__) : VN_OK;
}

static char *copy_text(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = vn_malloc(n);
    return copy ? memcpy(copy, s, n) : NULL;
}

/* Splits "a/b" into the length of "a/" and the name "b". */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Creates the temporary: the first free number of this process. */
static vn_status make_temporary(vn_out *out)
{
    size_t folder = folder_length(out->target), size = strlen(out->target) + 64;
    out->temporary = vn_malloc(size);
    if (!out->temporary) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int i = 0; i < TEMPORARIES_MAX && out->fd < 0; i++) {
        snprintf(out->temporary, size, "%.*s.%.*s.%ld.%d.tmp", (int)folder, out->target, NAME_KEPT,
                 out->target + folder, (long)getpid(), i);
        if (struck(VN_FAULT_WRITE)) break;
        out->fd = open_retry(out->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (out->fd < 0 && errno != EEXIST) break;
    }
    if (out->fd >= 0) return VN_OK;
    vn_status st = errno == ENOENT || errno == ENOTDIR
                       ? VN_FAIL(VN_E_ARGUMENT, "there is no folder for \"%s\"", out->path)
                       : io_fail("create a file beside", out->path);
    vn_free(out->temporary);
    out->temporary = NULL;
    return st;
}

static vn_status open_target(vn_out *out)
{
    struct stat st;
    bool exists = !stat(out->path, &st);
    if (exists && S_ISDIR(st.st_mode))
        return VN_FAIL(VN_E_ARGUMENT, "\"%s\" is a folder, expected a file", out->path);
    if (exists && !S_ISREG(st.st_mode)) {
        out->fd = open_retry(out->path, O_WRONLY, 0);
        return out->fd < 0 ? io_fail("open", out->path) : VN_OK;
    }
    if (exists && access(out->path, W_OK)) return io_fail("replace", out->path);
    char resolved[PATH_MAX];
    out->target = copy_text(exists && realpath(out->path, resolved) ? resolved : out->path);
    if (!out->target) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    out->mode = exists ? st.st_mode & 0777 : 0;
    out->replaces = true;
    return make_temporary(out);
}

vn_status vn_out_open(const char *path, vn_out **out)
{
    *out = NULL;
    if (!*path) return VN_FAIL(VN_E_ARGUMENT, "the name of the file to write is empty");
    vn_out *o = vn_calloc(1, sizeof *o);
    if (!o) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    bool is_stdout = !strcmp(path, "-");
    o->fd = is_stdout ? STDOUT_FILENO : -1;
    o->path = copy_text(is_stdout ? "standard output" : path);
    vn_status st = o->path ? VN_OK : VN_E_MEMORY;
    if (!st && !is_stdout) st = open_target(o);
    if (st) {
        vn_out_close(o);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = o;
    return VN_OK;
}

static vn_status break_off(vn_out *out, const char *what)
{
    out->broken = true;
    return io_fail(what, out->path);
}

static vn_status flush(vn_out *out)
{
    if (write_all(out->fd, out->buffer, out->n)) return break_off(out, "write");
    out->n = 0;
    return VN_OK;
}

vn_status vn_out_write(vn_out *out, const void *data, size_t n)
{
    if (out->broken) return VN_FAIL(VN_E_IO, "an earlier write to \"%s\" failed", out->path);
    if (out->fd == STDOUT_FILENO && !out->replaces) {
        vn_text_put(&out->all, data, n);
        out->broken = out->all.failed;
        return out->broken ? vn_trail(VN_E_MEMORY, __FILE__, __LINE__) : VN_OK;
    }
    if (n > BUFFER - out->n) VN_TRY(flush(out));
    if (n >= BUFFER) return write_all(out->fd, data, n) ? break_off(out, "write") : VN_OK;
    if (n) memcpy(out->buffer + out->n, data, n);
    out->n += n;
    return VN_OK;
}

/* The rename itself must reach the disk. Some file systems cannot sync a folder (EINVAL). */
static vn_status sync_folder(vn_out *out)
{
    size_t length = folder_length(out->target);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)length, length ? out->target : "");
    int fd = open_retry(length ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return VN_OK; /* a folder that may be written but not read */
    int failed = (struck(VN_FAULT_WRITE) || fsync(fd)) && errno != EINVAL;
    vn_status st = failed ? io_fail("make durable the folder of", out->path) : VN_OK;
    close(fd);
    return st;
}

static vn_status replace(vn_out *out)
{
    if (out->mode && fchmod(out->fd, out->mode)) return break_off(out, "set the mode of");
    if (struck(VN_FAULT_WRITE) || fsync(out->fd)) return break_off(out, "make durable");
    int failed = struck(VN_FAULT_WRITE), why = errno;
    if (close(out->fd) && !failed) failed = 1, why = errno;
    out->fd = -1;
    errno = why;
    if (failed) return break_off(out, "close");
    if (struck(VN_FAULT_WRITE) || rename(out->temporary, out->target))
        return break_off(out, "replace");
    out->committed = true;
    return sync_folder(out);
}

vn_status vn_out_commit(vn_out *out)
{
    if (out->broken || out->committed)
        return VN_FAIL(VN_E_IO, "\"%s\" %s", out->path,
                       out->broken ? "is incomplete: an earlier write failed"
                                   : "is already written");
    if (out->replaces) {
        VN_TRY(flush(out));
        VN_TRY(replace(out));
        return VN_OK;
    }
    VN_TRY(flush(out));
    if (write_all(out->fd, out->all.s, out->all.n)) return break_off(out, "write");
    out->committed = true;
    return VN_OK;
}

void vn_out_close(vn_out *out)
{
    if (!out) return;
    if (out->fd > STDERR_FILENO || (out->fd >= 0 && out->replaces)) close(out->fd);
    if (out->temporary && !out->committed) unlink(out->temporary);
    vn_text_close(&out->all);
    vn_free(out->temporary);
    vn_free(out->target);
    vn_free(out->path);
    vn_free(out);
}

/* The process number of ".<name>.<pid>.<n>.tmp"; 0 if the entry is something else. */
static long owner_of(const char *entry, const char *name)
{
    size_t n = strlen(name) < NAME_KEPT ? strlen(name) : NAME_KEPT;
    if (entry[0] != '.' || strncmp(entry + 1, name, n) || entry[n + 1] != '.') return 0;
    const char *pid = entry + n + 2, *dot = strchr(pid, '.'), *end = dot ? strchr(dot + 1, '.') : 0;
    int64_t owner, number;
    size_t at;
    if (!end || strcmp(end, ".tmp") || !vn_parse_i64(pid, (size_t)(dot - pid), &owner, &at) ||
        !vn_parse_i64(dot + 1, (size_t)(end - dot - 1), &number, &at))
        return 0;
    return owner > 0 && owner <= INT32_MAX && number >= 0 ? (long)owner : 0;
}

void vn_out_sweep(const char *path)
{
    char resolved[PATH_MAX], folder[PATH_MAX];
    if (realpath(path, resolved)) path = resolved;
    size_t length = folder_length(path);
    if (length >= sizeof folder) return;
    snprintf(folder, sizeof folder, "%.*s", (int)length, path);
    DIR *dir = opendir(length ? folder : ".");
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        long pid = owner_of(entry->d_name, path + length);
        struct stat st;
        if (!pid || !kill((pid_t)pid, 0) || errno != ESRCH) continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) continue;
        if (time(NULL) - st.st_mtime > SWEEP_AFTER_S) unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}

double vn_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

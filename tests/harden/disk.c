/* Wrapped system calls, see disk.h. */
#include "tests/harden/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPS_MAX = 4096 };

/* Only the test's own thread does file operations, so this needs no locks. */
static struct {
    bool on;
    vn_disk how;
    int64_t n;
    bool just_interrupted;
    vn_disk_kind failed;
    vn_disk_op op[OPS_MAX];
    int n_ops;
} disk;

void vn_disk_on(vn_disk how)
{
    for (int i = 0; i < disk.n_ops; i++) free(disk.op[i].data);
    disk.n_ops = 0;
    disk.n = 0;
    disk.just_interrupted = false;
    disk.how = how;
    disk.on = true;
}

int64_t vn_disk_off(vn_disk_kind *failed)
{
    disk.on = false;
    if (failed) *failed = disk.failed;
    return disk.n;
}

const vn_disk_op *vn_disk_ops(int *n)
{
    *n = disk.n_ops;
    return disk.op;
}

/* Count an operation; true if it must fail, errno is set then. */
static bool strikes(vn_disk_kind kind)
{
    if (!disk.on) return false;
    disk.n++;
    if (disk.how.before) disk.how.before(kind, disk.n);
    if (disk.n == disk.how.kill_at) raise(SIGKILL);
    if (disk.n == disk.how.fail_at) {
        disk.failed = kind;
        errno = disk.how.error;
        return true;
    }
    bool may = kind == VN_DISK_OPEN || kind == VN_DISK_READ || kind == VN_DISK_WRITE;
    disk.just_interrupted = disk.how.interrupts && may && !disk.just_interrupted;
    if (disk.just_interrupted) errno = EINTR;
    return disk.just_interrupted;
}

static vn_disk_op *note(vn_disk_kind kind, int fd)
{
    static vn_disk_op unused;
    if (!disk.on || !disk.how.record || disk.n_ops == OPS_MAX) return &unused;
    vn_disk_op *op = &disk.op[disk.n_ops++];
    *op = (vn_disk_op){ .kind = kind, .fd = fd };
    return op;
}

static void put_path(char to[256], const char *path)
{
    snprintf(to, 256, "%s", path);
}

int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *data, size_t n);
ssize_t __real_pread(int fd, void *data, size_t n, off_t at);
ssize_t __real_write(int fd, const void *data, size_t n);
int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char *from, const char *to);
int __real_fchmod(int fd, mode_t mode);
int __real_unlink(const char *path);
int __real_fstat(int fd, struct stat *st);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *data, size_t n);
ssize_t __wrap_pread(int fd, void *data, size_t n, off_t at);
ssize_t __wrap_write(int fd, const void *data, size_t n);
int __wrap_fsync(int fd);
int __wrap_close(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_unlink(const char *path);
int __wrap_fstat(int fd, struct stat *st);

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (strikes(VN_DISK_OPEN)) return -1;
    int fd = __real_open(path, flags, mode);
    if (fd >= 0) {
        vn_disk_op *op = note(VN_DISK_OPEN, fd);
        op->folder = flags & O_DIRECTORY;
        op->creates = flags & O_CREAT;
        put_path(op->path, path);
    }
    return fd;
}

ssize_t __wrap_read(int fd, void *data, size_t n)
{
    if (strikes(VN_DISK_READ)) return -1;
    if (disk.on && disk.how.most && n > disk.how.most) n = disk.how.most;
    return __real_read(fd, data, n);
}

ssize_t __wrap_pread(int fd, void *data, size_t n, off_t at)
{
    if (strikes(VN_DISK_READ)) return -1;
    if (disk.on && disk.how.most && n > disk.how.most) n = disk.how.most;
    return __real_pread(fd, data, n, at);
}

ssize_t __wrap_write(int fd, const void *data, size_t n)
{
    if (strikes(VN_DISK_WRITE)) return -1;
    if (disk.on && disk.how.most && n > disk.how.most) n = disk.how.most;
    if (disk.on && disk.how.room >= 0) {
        if (n && !disk.how.room) return errno = ENOSPC, -1;
        if ((int64_t)n > disk.how.room) n = (size_t)disk.how.room;
        disk.how.room -= (int64_t)n;
    }
    ssize_t put = __real_write(fd, data, n);
    vn_disk_op *op = put > 0 ? note(VN_DISK_WRITE, fd) : NULL;
    if (op && op->kind == VN_DISK_WRITE) {
        op->n = (size_t)put;
        op->data = malloc((size_t)put);
        if (op->data) memcpy(op->data, data, (size_t)put);
    }
    return put;
}

int __wrap_fsync(int fd)
{
    if (strikes(VN_DISK_FSYNC)) return -1;
    note(VN_DISK_FSYNC, fd);
    return __real_fsync(fd);
}

int __wrap_close(int fd)
{
    bool fails = strikes(VN_DISK_CLOSE); /* a close that fails has closed */
    int why = errno, got = __real_close(fd);
    note(VN_DISK_CLOSE, fd);
    if (fails) errno = why;
    return fails ? -1 : got;
}

int __wrap_rename(const char *from, const char *to)
{
    if (strikes(VN_DISK_RENAME)) return -1;
    vn_disk_op *op = note(VN_DISK_RENAME, -1);
    put_path(op->path, from);
    put_path(op->to, to);
    return __real_rename(from, to);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    if (strikes(VN_DISK_CHMOD)) return -1;
    note(VN_DISK_CHMOD, fd);
    return __real_fchmod(fd, mode);
}

int __wrap_unlink(const char *path)
{
    if (strikes(VN_DISK_UNLINK)) return -1;
    put_path(note(VN_DISK_UNLINK, -1)->path, path);
    return __real_unlink(path);
}

int __wrap_fstat(int fd, struct stat *st)
{
    if (strikes(VN_DISK_STAT)) return -1;
    return __real_fstat(fd, st);
}

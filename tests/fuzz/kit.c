/* What the fuzz targets share. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void vn_fuzz_check(bool ok, const char *file, int line, const char *what)
{
    if (ok) return;
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

const char *vn_fuzz_file(const void *data, size_t n)
{
    static int fd = -1;
    static pid_t owner; /* a child of fork gets a file of its own: they share contents otherwise */
    static char path[64];
    if (fd < 0 || owner != getpid()) fd = memfd_create("fuzz", MFD_CLOEXEC);
    owner = getpid();
    VN_FUZZ_CHECK(fd >= 0 && !ftruncate(fd, 0));
    VN_FUZZ_CHECK(pwrite(fd, data, n, 0) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* The file operations of the library under the tests' control: the linker sends open, read, write,
 * fsync, close, rename, fchmod, unlink and fstat of everything linked into the tests' program here
 * first (-Wl,--wrap). Off, they pass. */
#ifndef VN_TESTS_HARDEN_DISK_H
#define VN_TESTS_HARDEN_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vn_disk_kind {
    VN_DISK_OPEN,
    VN_DISK_READ,
    VN_DISK_WRITE,
    VN_DISK_FSYNC,
    VN_DISK_CLOSE,
    VN_DISK_RENAME,
    VN_DISK_CHMOD,
    VN_DISK_UNLINK,
    VN_DISK_STAT,
} vn_disk_kind;

/* One operation that was done, as recorded. */
typedef struct vn_disk_op {
    vn_disk_kind kind;
    int fd;
    bool folder, creates; /* OPEN */
    char path[256], to[256];
    char *data; /* WRITE */
    size_t n;
} vn_disk_op;

typedef struct vn_disk {
    int64_t fail_at; /* the operation, counted from 1, that fails; 0: none */
    int error;       /* its errno */
    int64_t kill_at; /* the operation before which the process gets SIGKILL; 0: none */
    int64_t room;    /* bytes that may still be written, then ENOSPC; -1: any number */
    size_t most;     /* bytes one read or write moves at most; 0: any number */
    bool interrupts; /* every other open, read or write fails with EINTR first */
    void (*before)(vn_disk_kind kind, int64_t n); /* called before operation n */
    bool record;
} vn_disk;

/* Control what follows, from operation 1 on. */
void vn_disk_on(vn_disk how);

/* Let everything pass again; the operations since vn_disk_on, and what kind the failed one was. */
int64_t vn_disk_off(vn_disk_kind *failed);

/* What was recorded, valid until the next vn_disk_on. */
const vn_disk_op *vn_disk_ops(int *n);

#endif

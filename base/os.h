/* Files and time, with fault injection and errors that name the path. */
#ifndef VN_BASE_OS_H
#define VN_BASE_OS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* The whole content of a file ("-" is standard input). `*data` is zero-terminated (not counted);
 * free with vn_free. ARGUMENT if the path does not exist or is a folder, IO if reading fails or the
 * file becomes shorter meanwhile, DATA
 * if it has more than `max` bytes (0: no limit). */
vn_status vn_file_read(const char *path, size_t max, char **data, size_t *n);

/* A file to be read in parts, from any thread. The error statuses are those of vn_file_read. */
typedef struct vn_in {
    const char *path; /* borrowed */
    int fd;           /* -1 when closed */
    size_t n;         /* bytes when it was opened; 0: standard input, a pipe or a device, which
                         vn_file_read reads */
} vn_in;
vn_status vn_in_open(const char *path, vn_in *in);
vn_status vn_in_read(const vn_in *in, size_t at, void *data, size_t n);
void vn_in_close(vn_in *in);

/* Writing a file that appears whole or not at all: a temporary beside the target, fsync, rename,
 * fsync of the folder. "-" is standard output (written at commit). */
typedef struct vn_out vn_out;
vn_status vn_out_open(const char *path, vn_out **out);
vn_status vn_out_write(vn_out *out, const void *data, size_t n); /* buffered */
vn_status vn_out_commit(vn_out *out);
void vn_out_close(vn_out *out); /* NULL is fine; without a commit the temporary is removed */

/* Remove temporaries that killed runs left beside `path`: not those of living processes, nor any of
 * the last hour, for another machine may write to the same folder. */
void vn_out_sweep(const char *path);

double vn_now_s(void); /* monotonic seconds */

#endif

/* The bytes of a table: whole in memory, or block by block from a file that stays where it is. */
#ifndef VN_HOST_DATA_SOURCE_H
#define VN_HOST_DATA_SOURCE_H

#include <stdbool.h>

#include "base/os.h"
#include "base/team.h"

typedef struct vn_source {
    const char *path;
    size_t block; /* bytes a block; files of no more are kept in memory */
    int lanes;    /* that read blocks at a time; 0: as many as the process may use */
    bool whole;   /* the blocks do not stand alone: all is one */
    vn_in in;
    char *text; /* all of it; NULL: it is read from the file */
    size_t n;
} vn_source;

/* Blocks that fit the second cache: what is found in one is parsed before it leaves. */
#define VN_SOURCE_BLOCK ((size_t)1 << 20)

/* path, block and lanes are set. */
vn_status vn_source_open(vn_source *source);

/* Into memory with it, as one block. */
vn_status vn_source_whole(vn_source *source);
void vn_source_close(vn_source *source);

/* Bytes [at, at + n): a place in the text, or read into `buffer`. */
vn_status vn_source_get(const vn_source *source, size_t at, size_t n, char *buffer,
                        const char **text);

/* A stretch of whole lines, of more bytes than a block by less than a line. */
typedef struct vn_stretch {
    size_t at, n;
    int64_t line;   /* number of its first line */
    int64_t breaks; /* line breaks in it: as many records, or one more at the end of the file */
} vn_stretch;

/* Cut what lies behind byte `at`, on line `line`, into stretches (vn_free); *zero: there is a zero
 * byte in it. `team`: NULL for one lane. */
vn_status vn_source_cut(const vn_source *source, size_t at, int64_t line, vn_team *team,
                        vn_stretch **stretch, int64_t *n, bool *zero);

/* A failure on its way from the lane where it was recorded to the thread that tells it. */
typedef struct vn_failure {
    vn_status st;
    char message[600];
} vn_failure;
void vn_failure_keep(vn_failure *failure, vn_status st);
vn_status vn_failure_tell(const vn_failure *failure);

/* Run fn(arg, lane) on the lanes of the team, or here on the only one. */
void vn_source_run(vn_team *team, void (*fn)(void *arg, vn_lane *lane), void *arg);

#endif

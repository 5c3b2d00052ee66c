/* A set of results: rows of raw samples, and the machine and build they are of. */
#ifndef VN_HOST_BENCH_SET_H
#define VN_HOST_BENCH_SET_H

#include "base/arena.h"
#include "base/text.h"
#include "host/bench/bench.h"
#include "host/bench/peak.h"

/* Of the flat and the nested formats alike; raised when a field changes its meaning or goes. */
enum { VN_BENCH_SCHEMA = 1 };

typedef struct vn_machine {
    const char *vane, *commit, *compiler, *build, *date; /* commit: "" if it was not known */
    const char *cpu, *os;
    int64_t cores, granted, memory_bytes;
} vn_machine;

/* What was measured; rows with equal keys are the same measurement. */
typedef struct vn_bench_key {
    const char *workload, *group, *axis, *options;
    const char *backend; /* as asked for: "cpu:avx2" */
    const char *level;   /* what that was: "avx2"; "" of a device without levels */
    const char *clock;   /* "wall", "process" */
    int64_t size, threads;
    double rate; /* calls a second, 0: back to back */
} vn_bench_key;

/* One opening of the workload. */
typedef struct vn_bench_round {
    double open_us, first_us; /* making it ready; its first run */
    vn_round samples;
} vn_bench_round;

typedef struct vn_bench_row {
    const char *name; /* "nhits_train_b32" */
    vn_bench_key key;
    double flops, bytes, limit_us; /* 0: not known */
    double reduced_us;             /* limit of the reduced graph (floor.h); 0: not known, or the same */
    vn_bench_round *round;
    int64_t n, cap; /* rounds */
} vn_bench_row;

struct vane_bench {
    vn_arena arena; /* texts of machine and rows */
    vn_machine machine;
    vn_bench_row *row;
    int64_t n, cap;
    int64_t peak_threads; /* of `peak`, flop/s; 0: not measured */
    double peak;
    int64_t vectors_threads; /* of `vectors`, the same */
    vn_peak vectors;
};
typedef struct vane_bench vn_bench_set;

/* The machine and the build that run; texts in the arena. */
vn_status vn_machine_here(vn_arena *arena, vn_machine *out);

bool vn_bench_same(const vn_bench_key *a, const vn_bench_key *b);

/* The row of this key, made if there is none; texts are copied. NULL: MEMORY. */
vn_bench_row *vn_bench_row_of(vn_bench_set *set, const vn_bench_key *key);
/* Takes the samples: frees them where there is no memory. */
vn_status vn_bench_add(vn_bench_row *row, const vn_bench_round *round);

typedef struct vn_bench_summary {
    double fastest_us, median_us; /* of all samples */
    double low_us, high_us;       /* quartiles */
    double open_us, first_us;     /* medians over the rounds */
    int64_t n;                    /* samples */
} vn_bench_summary;
vn_status vn_bench_sum(const vn_bench_row *row, vn_bench_summary *out);

/* "md", "csv", "json", "jsonl" or "sql" (ARGUMENT: another). */
vn_status vn_bench_put(const vn_bench_set *set, const char *format, vn_text *out);

/* What vn_bench_put wrote as JSON. DATA, with the name of the file, if it is anything else. */
vn_status vn_bench_parse(const char *name, const char *text, size_t n, vn_bench_set *set);

#endif

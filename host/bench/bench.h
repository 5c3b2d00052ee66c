/* Benchmarks: workloads made ready to run, timed, and kept as rows of raw samples. */
#ifndef VN_HOST_BENCH_BENCH_H
#define VN_HOST_BENCH_BENCH_H

#include "graph/plan/plan.h"
#include "graph/plan/precision.h"
#include "host/bench/floor.h"

/* Where a workload runs. */
typedef struct vn_bench_site {
    vn_device *dev;
    const char *folder; /* for files */
    int threads;        /* lanes of the CPU */
    vn_precision precision; /* of models */
} vn_bench_site;

/* A workload of one size, ready to run. A zeroed one can be closed. */
typedef struct vn_bench_item {
    void *ctx;
    vn_status (*run)(void *ctx);
    void (*close)(void *ctx);
    vn_plan *plan;       /* what runs, where that is one plan; borrowed */
    double flops, bytes; /* of a run: a multiply-add is 2; read and written once. 0: not known */
    double footprint;    /* bytes that `bytes` move through; 0: as many */
    double once;         /* bytes if all steps were one, for the reduced limit; 0: they are one */
    vn_floor_work work;  /* of a window of a model, for its floor */
    vn_floor_ops vectors; /* of a run of single operations */
    bool train;
    bool touched, products; /* limited by `bytes` at the rate of a copy of the footprint; by `flops` at
                               the peak */
} vn_bench_item;

typedef struct vn_workload vn_workload;
struct vn_workload {
    const char *name, *group, *help;
    char axis;            /* 'b': windows a batch; 'n': numbers; 'r': rows */
    const int64_t *sizes; /* ended by 0 */
    vn_status (*open)(const vn_workload *w, const vn_bench_site *site, int64_t size,
                      vn_bench_item *item);
    const void *what;  /* of open */
    double peer_us[3]; /* PyTorch 1.13's fastest variant on two cores of a Zen 4 at its first sizes;
                          0: none */
    vn_precision precision; /* that it is about; F32: as the caller says */
};

/* Workload i of the table; NULL past the end. */
const vn_workload *vn_workload_at(int i);
const vn_workload *vn_workload_find(const char *name);

/* A model at work: `what` of its workloads. */
typedef struct vn_bench_model {
    const char *model;
    const char *options[8][2]; /* name, value; ended by NULL */
    int64_t L, H;
    bool train;
    vn_floor_work work;
} vn_bench_model;
vn_status vn_bench_open_model(const vn_workload *w, const vn_bench_site *site, int64_t size,
                              vn_bench_item *item);

/* A graph of one op or a few: `what` is a vn_bench_op. */
typedef struct vn_bench_op {
    /* Build the graph from inputs of its own for `size` numbers. */
    void (*build)(vn_graph *g, int64_t size, const struct vn_bench_op *op);
    int64_t fn;           /* of build: a line of a .def */
    int64_t width, n_out; /* numbers of the last axis; of a product's result */
    bool low;             /* factors are bf16 where they come in */
} vn_bench_op;
vn_status vn_bench_open_op(const vn_workload *w, const vn_bench_site *site, int64_t size,
                           vn_bench_item *item);
extern const vn_workload vn_op_workloads[];

/* Tables from files, scores of forecasts. */
vn_status vn_bench_open_csv(const vn_workload *w, const vn_bench_site *site, int64_t size,
                            vn_bench_item *item);
vn_status vn_bench_open_scores(const vn_workload *w, const vn_bench_site *site, int64_t size,
                               vn_bench_item *item);

void vn_bench_close(vn_bench_item *item);

/* How samples are taken. */
typedef struct vn_sampling {
    double seconds;    /* at most, without the warm-up */
    double rate;       /* calls a second, sleeping between; 0: back to back */
    bool process_time; /* of all threads of this process; else wall clock */
    int64_t most;      /* samples at most */
} vn_sampling;

/* Microseconds of single calls, or means of so many that a sample lasts 20 us. */
typedef struct vn_round {
    double *us;
    int64_t n;
    int64_t calls; /* a sample */
} vn_round;
/* vn_free(round->us) when done. At least 5 samples. */
vn_status vn_bench_measure(const vn_bench_item *item, const vn_sampling *how, vn_round *round);

#endif

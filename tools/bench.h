/* What the files of `vane bench` share. */
#ifndef VANE_TOOLS_BENCH_H
#define VANE_TOOLS_BENCH_H

#include "tools/command.h"

enum { SWEEP_MOST = 64 };

/* Numbers of a flag: "32,1024", "64..4096" (doubling), "1..9+4", "100..1000000*10". */
typedef struct sweep {
    int64_t value[SWEEP_MOST];
    int n;
} sweep;

/* False unless the whole text is such a list of numbers from 1 to `most`. */
bool sweep_read(const char *text, int64_t most, sweep *s);

/* One measurement asked for. */
typedef struct bench_task {
    const vane_workload *workload;
    vane_bench_wish wish;
} bench_task;

enum { WORKLOADS_MOST = 128 };

/* Everything the flags ask for, in the order it is measured. */
typedef struct bench_job {
    vane_workload workload[WORKLOADS_MOST];
    int n_workloads;
    bench_task *task;
    int n, cap;
    int rounds;
    double seconds, rate, noise;
    sweep batch, numbers, threads;
    char *backends[MANY]; /* of `names`; n_backends 0: the option device */
    char names[512];
    int n_backends;
} bench_job;

/* Run every task once, a round; progress to stderr where it is a terminal. */
vane_status bench_round(const args *a, const talk *t, const bench_job *job, int round,
                        vane_bench *bench);

/* The rounds of another vane at `path` and of this one in turn, A B B A A B ...; the other's go to
 * `base`. Both are started as processes of their own, with the flags of `a`. An exit code; -1: go
 * on. */
int bench_in_turn(const args *a, const talk *t, const bench_job *job, const char *path,
                  vane_bench *base, vane_bench *now);

/* vane bench report. */
int bench_report(const args *a, const talk *t, const bench_job *job);

#endif

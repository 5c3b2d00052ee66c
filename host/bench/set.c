/* Rows of samples, and whose they are. */
#include "host/bench/set.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/team.h"
#include "host/bench/commit.h"
#include "host/bench/stats.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* The processor's name without the level in use: "AMD EPYC 9R14". */
static vn_status name_cpu(vn_arena *arena, const char **out)
{
    vn_device *dev;
    vn_device_info info;
    VN_TRY(vn_device_open("cpu", 0, &(const vn_device_config){ .threads = 1 }, &dev));
    vn_device_about(dev, &info);
    vn_device_close(dev);
    char *level = strrchr(info.name, '(');
    size_t n = level && level > info.name ? (size_t)(level - info.name) - 1 : strlen(info.name);
    *out = vn_arena_text(arena, info.name, n);
    return *out ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

vn_status vn_machine_here(vn_arena *arena, vn_machine *out)
{
    struct utsname os = { 0 };
    struct tm utc;
    char date[32];
    time_t now = time(NULL);
    uname(&os);
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    *out = (vn_machine){ .vane = VANE_VERSION,
                         .commit = VN_COMMIT,
                         .compiler = COMPILER,
                         .build = VANE_BUILD_TYPE,
                         .granted = vn_team_granted() };
    out->date = vn_arena_text(arena, date, strlen(date));
    out->os = vn_arena_printf(arena, "%s %s %s", os.sysname, os.release, os.machine);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    out->memory_bytes = pages > 0 && page > 0 ? (int64_t)pages * page : 0;
    out->cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!out->date || !out->os) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    return name_cpu(arena, &out->cpu);
}

bool vn_bench_same(const vn_bench_key *a, const vn_bench_key *b)
{
    return !strcmp(a->workload, b->workload) && !strcmp(a->options, b->options) &&
           !strcmp(a->backend, b->backend) && !strcmp(a->level, b->level) &&
           !strcmp(a->clock, b->clock) && a->size == b->size && a->threads == b->threads &&
           a->rate == b->rate;
}

static vn_status grow(void *array, int64_t n, int64_t *cap, size_t size)
{
    void **at = array;
    if (n < *cap) return VN_OK;
    int64_t more = *cap ? 2 * *cap : 8;
    void *grown = vn_realloc(*at, (size_t)more * size);
    if (!grown) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *at = grown;
    *cap = more;
    return VN_OK;
}

vn_bench_row *vn_bench_row_of(vn_bench_set *set, const vn_bench_key *key)
{
    for (int64_t i = 0; i < set->n; i++)
        if (vn_bench_same(&set->row[i].key, key)) return &set->row[i];
    if (grow(&set->row, set->n, &set->cap, sizeof *set->row)) return NULL;
    vn_bench_row row = { .key = *key };
    const char **texts[] = { &row.key.workload, &row.key.group, &row.key.axis, &row.key.options,
                             &row.key.backend,  &row.key.level, &row.key.clock };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*texts[i] = vn_arena_text(&set->arena, *texts[i], strlen(*texts[i])))) return NULL;
    row.name =
        vn_arena_printf(&set->arena, "%s_%.1s%lld", key->workload, key->axis, (long long)key->size);
    if (!row.name) return NULL;
    set->row[set->n] = row;
    return &set->row[set->n++];
}

vn_status vn_bench_add(vn_bench_row *row, const vn_bench_round *round)
{
    if (grow(&row->round, row->n, &row->cap, sizeof *row->round)) {
        vn_free(round->samples.us);
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    row->round[row->n++] = *round;
    return VN_OK;
}

/* The median over the rounds of the double at `at` of each; sorts `room`. */
static double median_of(const vn_bench_row *row, size_t at, double *room)
{
    for (int64_t i = 0; i < row->n; i++)
        memcpy(&room[i], (const char *)&row->round[i] + at, sizeof *room);
    vn_sort(room, row->n);
    return vn_median_sorted(room, row->n);
}

vn_status vn_bench_sum(const vn_bench_row *row, vn_bench_summary *out)
{
    int64_t n = 0, at = 0;
    *out = (vn_bench_summary){ 0 };
    for (int64_t i = 0; i < row->n; i++) n += row->round[i].samples.n;
    if (n == 0) return VN_OK;
    double *all = vn_malloc((size_t)(n + row->n) * sizeof *all);
    if (!all) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    out->open_us = median_of(row, offsetof(vn_bench_round, open_us), all);
    out->first_us = median_of(row, offsetof(vn_bench_round, first_us), all);
    for (int64_t i = 0; i < row->n; at += row->round[i++].samples.n)
        memcpy(all + at, row->round[i].samples.us, (size_t)row->round[i].samples.n * sizeof *all);
    vn_sort(all, n);
    out->n = n;
    out->fastest_us = all[0];
    out->median_us = vn_median_sorted(all, n);
    out->low_us = all[n / 4];
    out->high_us = all[n - 1 - n / 4];
    vn_free(all);
    return VN_OK;
}

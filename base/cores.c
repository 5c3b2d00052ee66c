/* How many threads this process may use (affinity mask, cgroup quota, OpenMP's variables), and
 * where one runs. */
#define _GNU_SOURCE /* sched_getaffinity */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cores.h"
#include "base/team.h"

static int affinity_count(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 processors */
    return n > 0 && n <= VN_MAX_LANES ? (int)n : VN_MAX_LANES;
}

/* Whole processors in "quota period" of one cpu.max file; VN_MAX_LANES if it sets no limit. */
static int quota_of(const char *path)
{
    long long quota = 0, period = 0;
    FILE *f = fopen(path, "re");
    if (!f) return VN_MAX_LANES;
    int fields = fscanf(f, "%lld %lld", &quota, &period);
    fclose(f);
    if (fields != 2 || quota <= 0 || period <= 0 || quota / period >= VN_MAX_LANES)
        return VN_MAX_LANES;
    return quota / period > 0 ? (int)(quota / period) : 1;
}

/* The tightest quota on the way from this process's cgroup (version 2) up to the root. Rounded
 * down: a lane beyond the quota makes all lanes wait for the next period, up to 0.1 s. */
static int quota_count(void)
{
    static const char root[] = "/sys/fs/cgroup";
    char line[2048], path[2048 + sizeof root + 16];
    int best = VN_MAX_LANES;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return best;
    line[0] = 0;
    while (fgets(line, sizeof line, f) && strncmp(line, "0::/", 4)) line[0] = 0;
    fclose(f);
    if (!line[0]) return best;
    line[strcspn(line, "\n")] = 0;
    for (char *group = line + 3, *cut;; *cut = 0) {
        snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
        int n = quota_of(path);
        if (n < best) best = n;
        cut = strrchr(group, '/');
        if (!cut) return best;
    }
}

/* A positive number at the start of the variable ("4", and "4,2" of nested regions), else no limit.
 */
static int variable(const char *name)
{
    const char *text = getenv(name);
    long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 && n < VN_MAX_LANES ? (int)n : VN_MAX_LANES;
}

int vn_team_granted(void)
{
    int limits[] = { affinity_count(), quota_count(), variable("OMP_NUM_THREADS"),
                     variable("OMP_THREAD_LIMIT") };
    int n = VN_MAX_LANES;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i] < n) n = limits[i];
    return n > 1 ? n : 1;
}

int vn_core_here(void)
{
    return sched_getcpu();
}

void vn_core_leave(const int *cores, int n)
{
    cpu_set_t all, left;
    if (sched_getaffinity(0, sizeof all, &all)) return;
    left = all;
    for (int i = 0; i < n; i++)
        if (cores[i] >= 0 && cores[i] < CPU_SETSIZE) CPU_CLR(cores[i], &left);
    if (!CPU_COUNT(&left) || sched_setaffinity(0, sizeof left, &left)) return;
    sched_setaffinity(0, sizeof all, &all);
}

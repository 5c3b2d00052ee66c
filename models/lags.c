/* Which past values an autoregressive model looks at; see lags.h. */
#include "models/lags.h"

#include <stdlib.h>

enum { NEWEST = 7, DAY = 86400, WEEK = 7 * DAY, AROUND_MAX = 64 };

/* Lags k span / step +- around, k = 1 .. cycles. */
typedef struct cycle {
    int64_t span, around, cycles;
} cycle;

/* Of clock steps, from short to long: minutes, hours, days, weeks, a month, years, weeks of a
 * quarter. A step of some length looks at the cycles from its own unit's parent on. */
static const cycle clock_cycles[] = {
    { 60, 2, 3 },       { 3600, 2, 3 },      { DAY, 1, 7 },      { WEEK, 1, 4 },
    { 30 * DAY, 1, 1 }, { 52 * WEEK, 1, 3 }, { 4 * WEEK, 0, 3 },
};
enum { OF_SECONDS, OF_MINUTES, OF_HOURS, OF_DAYS, OF_WEEKS = 5, SECONDS_END = 3, CLOCK_END = 7 };
static const cycle business_cycles[] = { { 5, 1, 4 }, { 22, 1, 1 }, { 260, 1, 3 }, { 20, 0, 3 } };
static const cycle month_cycles[] = { { 12, 1, 3 } };

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t add(const cycle *c, int n, int64_t step, int64_t most, int64_t *out)
{
    int64_t found = 0;
    for (int i = 0; i < n; i++)
        for (int64_t k = 1; k <= c[i].cycles; k++)
            for (int64_t d = -c[i].around; d <= c[i].around; d++) {
                int64_t lag = k * c[i].span / step + d;
                if (lag > NEWEST && lag <= most) out[found++] = lag;
            }
    return found;
}

static int64_t of_clock(int64_t seconds, int64_t most, int64_t *out)
{
    int first = seconds % WEEK == 0   ? OF_WEEKS
                : seconds % DAY == 0  ? OF_DAYS
                : seconds % 3600 == 0 ? OF_HOURS
                : seconds % 60 == 0   ? OF_MINUTES
                                      : OF_SECONDS;
    int end = first == OF_SECONDS ? SECONDS_END : CLOCK_END;
    return add(clock_cycles + first, end - first, seconds, most, out);
}

int64_t vn_lags_of(const vn_pace *pace, int64_t most, int64_t out[VN_LAGS_MAX])
{
    int64_t far[AROUND_MAX] = { 0 }, n = 0, n_far = 0;
    const cycle season = { pace->season, 1, 7 };
    if (pace->seconds) n_far = of_clock(pace->seconds, most, far);
    else if (pace->business) n_far = add(business_cycles, 4, pace->business, most, far);
    else if (pace->months) n_far = pace->months % 12 ? add(month_cycles, 1, pace->months, most, far) : 0;
    else if (pace->season > 1) n_far = add(&season, 1, 1, most, far);
    qsort(far, (size_t)n_far, sizeof *far, ascending);
    for (int64_t lag = 1; lag <= NEWEST && lag <= most; lag++) out[n++] = lag;
    for (int64_t i = 0; i < n_far; i++)
        if (i == 0 || far[i] != far[i - 1]) out[n++] = far[i];
    return n;
}

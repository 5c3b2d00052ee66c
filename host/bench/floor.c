/* Floors; see floor.h. */
#include "host/bench/floor.h"

/* Rates of two threads of a Zen 4 at a peak of 216 Gflop/s: seconds an element, bytes a second. */
static const double peak = 216e9, function_s = 0.165e-9, exp_s = 0.12e-9, gelu_s = 0.26e-9;
static const double second_cache = 190e9, third_cache = 175e9, moving = 64e9;

double vn_floor_us(const vn_floor_work *work, const vn_floor_run *run)
{
    double B = (double)run->B, slower = peak / run->peak, lanes = run->threads / 2.0;
    double products = 2 * B * work->macs / run->peak;
    double bytes = work->again / (second_cache * lanes) + work->weights / (third_cache * lanes);
    double gates = B * work->functions * function_s * slower;
    double others = B * (work->exps * exp_s + work->gelus * gelu_s) * slower;
    if (bytes > products) products = bytes;
    double forecast = products + gates + others;
    if (!run->train) return 1e6 * forecast;
    double spared = 2 * B * work->spared / run->peak + gates;
    return 1e6 * (3 * forecast - spared + work->state / (moving * lanes));
}

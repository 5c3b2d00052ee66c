/* Floors; see floor.h. */
#include "host/bench/floor.h"

/* Rates of two threads of a Zen 4 at a peak of 216 Gflop/s: seconds an element, bytes a second. */
static const double peak = 216e9, function_s = 0.165e-9, exp_s = 0.12e-9, gelu_s = 0.26e-9;
static const double second_cache = 190e9, third_cache = 175e9, moving = 64e9;

/* Multiply-adds of B windows that folding a pair spares; a forecast folds once for many runs. */
static double spared_by(const vn_floor_pair *p, const vn_floor_run *run)
{
    double B = (double)run->B, apart = p->mid * (p->in + p->out), folded = p->in * p->out;
    if (!run->train) return apart > folded ? B * (apart - folded) : 0;
    double step = B * (3 * apart - (p->first ? p->in * p->mid : 0));
    double less = step - B * (p->first ? 2 : 3) * folded - 3 * p->in * p->mid * p->out;
    return less > 0 ? less : 0;
}

double vn_floor_us(const vn_floor_work *work, const vn_floor_run *run)
{
    double B = (double)run->B, slower = peak / run->peak, lanes = run->threads / 2.0;
    double passes = run->train ? 3 : 1, dead = run->reduced ? work->dead : 0, folded = 0;
    for (int i = 0; i < 3 && run->reduced; i++) folded += spared_by(&work->pair[i], run);
    double products = 2 * (passes * B * (work->macs - dead) - folded) / run->peak;
    double weights =
        work->weights - (work->weights > 0 && !run->train ? 4 * (dead + folded / B) : 0);
    double bytes = work->again / (second_cache * lanes) + weights / (third_cache * lanes);
    double gates = B * work->functions * function_s * slower;
    double others = B * (work->exps * exp_s + work->gelus * gelu_s) * slower;
    if (passes * bytes > products) products = passes * bytes;
    double us = 1e6 * (products + passes * (gates + others));
    if (!run->train) return us;
    double spared = 2 * B * work->spared / run->peak + gates;
    return us + 1e6 * (work->state / (moving * lanes) - spared);
}

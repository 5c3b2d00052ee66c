/* Newton's method with the Laplace prior kept exact.
 *
 * Why not L-BFGS on the subgradient, as Stan runs it: |delta| has its minima at its kinks, where
 * the subgradient never vanishes, so such a run stops somewhere near, 0.5 (Peyton Manning) to 2.5
 * (retail sales) above the minimum, whatever its tolerance. Nor OWL-QN, which knows the kinks: the
 * hinges are so nearly parallel that after 10,000 iterations on Peyton Manning it stood 0.008 above
 * what this finds in 2, on series with logistic growth 37. Problems are small, so second order
 * costs little: a step minimises the quadratic model of the squared errors *plus the exact absolute
 * values*: the coefficients with normal priors (k, m, beta) are eliminated, what remains is a lasso
 * in delta (prophet_lasso.h). Where yhat is linear in theta the model is the objective itself, a
 * series costs one pass for the Gram matrix and a second to correct its rounding, and the noise
 * level is found by a secant on sigma, one small elimination each. Otherwise (multiplicative
 * components, logistic growth) these are Gauss-Newton steps with a backtracking line search, each
 * of which lowers the objective. Short series need no other method: the priors make every
 * elimination definite. */
#ifndef VN_DEVICE_PROPHET_NEWTON_H
#define VN_DEVICE_PROPHET_NEWTON_H

#include "device/prophet_lasso.h"
#include "device/prophet_pass.h"

#define VN_PROPHET_TOLERANCE 1e-11 /* of the objective, relative */
enum { VN_PROPHET_SIGMA_STEPS = 60, VN_PROPHET_HALVINGS = 30 };

/* r->h = the Jacobian times the residuals + gram best: the right side for theta, not for the step.
 */
VN_TOGETHER void vn_prophet_right_side(const vn_prophet_problem *q, vn_prophet_room *r)
{
    const double *last = vn_prophet_lower(r->gram, q->p);
    for (int i = VN_LANE; i < q->p; i += VN_LANES) {
        const double *row = vn_prophet_lower(r->gram, i);
        double s = last[i];
        for (int j = 0; j <= i; j++) s += row[j] * r->best[j];
        for (int j = i + 1; j < q->p; j++) s += vn_prophet_lower(r->gram, j)[i] * r->best[j];
        r->h[i] = s;
    }
    VN_MEET();
}

/* Sum of squares of the quadratic model around r->best, at r->theta. */
VN_TOGETHER double vn_prophet_model(const vn_prophet_problem *q, vn_prophet_room *r, double rss)
{
    const double *last = vn_prophet_lower(r->gram, q->p);
    for (int i = VN_LANE; i < q->p; i += VN_LANES) r->step[i] = r->theta[i] - r->best[i];
    VN_MEET();
    for (int i = VN_LANE; i < q->p; i += VN_LANES) {
        const double *row = vn_prophet_lower(r->gram, i);
        double s = 0;
        for (int j = 0; j < i; j++) s += row[j] * r->step[j];
        r->term[i] = r->step[i] * (2 * s + row[i] * r->step[i] - 2 * last[i]);
    }
    VN_MEET();
    for (int i = 0; i < q->p; i++) rss += r->term[i];
    return rss > 0 ? rss : 0;
}

/* The coefficients with normal priors eliminated for this sigma: the quadratic in delta that is
 * left is r->schur and r->g. */
VN_TOGETHER void vn_prophet_reduce(const vn_prophet_problem *q, vn_prophet_room *r, double sigma)
{
    int p = q->p, u = p - q->S;
    VN_MEET();
    for (int i = VN_LANE / VN_ACROSS; i < p; i += VN_LANES / VN_ACROSS) {
        double *to = vn_prophet_upper(r->work, p, i);
        for (int j = i + VN_LANE % VN_ACROSS; j <= p; j += VN_ACROSS) {
            double v = j < p ? vn_prophet_lower(r->gram, j)[i] : r->h[i];
            to[j] = i == j && i < u ? v + sigma * sigma * r->ridge[i] : v;
        }
    }
    VN_MEET();
    vn_prophet_eliminate(p, u, r->work, r->whole, r->inverse);
    for (int i = u + VN_LANE / VN_ACROSS; i < p; i += VN_LANES / VN_ACROSS) {
        const double *from = vn_prophet_upper(r->work, p, i);
        for (int j = i + VN_LANE % VN_ACROSS; j <= p; j += VN_ACROSS) {
            if (j == p)
                r->g[i - u] = from[j];
            else
                r->schur[(i - u) * q->S + j - u] = r->schur[(j - u) * q->S + i - u] = from[j];
        }
    }
    VN_MEET();
}

/* The exact minimum of the model for this sigma into r->theta, which is also the start of delta. */
VN_TOGETHER void vn_prophet_minimise(const vn_prophet_problem *q, vn_prophet_room *r, double sigma)
{
    int p = q->p, u = p - q->S;
    vn_prophet_reduce(q, r, sigma);
    for (int j = VN_LANE; j < q->S; j += VN_LANES) r->x[j] = r->theta[u + j];
    VN_MEET();
    vn_prophet_lasso(r, q->S, sigma * sigma / q->tau);
    VN_MEET();
    for (int j = VN_LANE; j < q->S; j += VN_LANES) r->theta[u + j] = r->x[j];
    VN_MEET();
    vn_prophet_backward(p, u, r->work, r->inverse, r->term, r->theta);
}

/* r->theta and sigma together, of a quadratic model. sigma -> best theta -> best sigma lowers its
 * objective at every turn; a secant on the logarithm of that map makes some 40 turns into 5. The
 * start is the largest sigma, so that of several stationary points the one with the most noise is
 * found, as from Prophet's start at sigma = 1. One turn leaves sigma as it is. */
VN_TOGETHER void vn_prophet_settle(const vn_prophet_problem *q, vn_prophet_room *r, double rss,
                                   double sigma, int turns)
{
    double s0 = 0, f0 = 0, s = log(sigma);
    for (int n = 0; n < turns; n++) {
        vn_prophet_minimise(q, r, exp(s));
        double f = log(vn_prophet_sigma(q, vn_prophet_model(q, r, rss))) - s, step = f;
        if (fabs(f) < 1e-10) return;
        if (n > 0 && (f - f0) / (s - s0) < 0) {
            step = -f * (s - s0) / (f - f0);
            if (step * f <= 0 || fabs(step) > 8 * fabs(f)) step = f;
        }
        s0 = s;
        f0 = f;
        s += step;
        if (s < log(1e-9)) s = log(1e-9);
        if (s == s0) return;
    }
}

/* r->trial: the part of the way from r->best to r->theta. The logistic trend sees k and m through
 * the product k m; moving the product in a straight line instead of m is the same direction with a
 * path along which the trend is nearly linear. */
VN_TOGETHER void vn_prophet_try(const vn_prophet_problem *q, vn_prophet_room *r, double part)
{
    const double *from = r->best, *to = r->theta;
    VN_MEET();
    for (int i = VN_LANE; i < q->p; i += VN_LANES) {
        double v = part == 1 ? to[i] : from[i] + part * (to[i] - from[i]);
        if (i == 1 && q->growth == VN_GROWTH_LOGISTIC) {
            double dk = to[0] - from[0], dm = to[1] - from[1];
            double k = part == 1 ? to[0] : from[0] + part * dk;
            if (k != 0) v = (from[0] * from[1] + part * (from[0] * dm + from[1] * dk)) / k;
        }
        r->trial[i] = v;
    }
}

/* Move r->best towards r->theta until the objective falls; the new objective, its sum of squares
 * and the Gram matrix at it, or the old one if nothing helps. A trial computes the derivatives at
 * once: it is nearly always the one that stays, and the rows of the design cost more than their
 * products. */
VN_TOGETHER double vn_prophet_search(const vn_prophet_problem *q, vn_prophet_room *r, double before,
                                     double *rss)
{
    double part = 1;
    for (int n = 0; n < VN_PROPHET_HALVINGS; n++, part /= 2) {
        vn_prophet_try(q, r, part);
        double found = vn_prophet_pass(q, r, r->trial, !q->linear);
        double f = vn_prophet_value(q, r, r->trial, found, vn_prophet_sigma(q, found));
        if (!(f < before)) continue;
        for (int i = VN_LANE; i < q->p; i += VN_LANES) r->best[i] = r->trial[i];
        VN_MEET();
        *rss = found;
        return f;
    }
    return before;
}

/* One step with the noise level free, as the model has it; if the objective does not fall along it,
 * one with the noise level as it is, along which it must. *promise: the model's objective. */
VN_TOGETHER double vn_prophet_advance(const vn_prophet_problem *q, vn_prophet_room *r,
                                      double before, double *rss, double *promise)
{
    double sigma = vn_prophet_sigma(q, *rss);
    for (int again = 0; again < 2; again++) {
        if (again) *rss = vn_prophet_pass(q, r, r->best, true);
        vn_prophet_right_side(q, r);
        for (int i = VN_LANE; i < q->p; i += VN_LANES) r->theta[i] = r->best[i];
        vn_prophet_settle(q, r, *rss, sigma, again ? 1 : VN_PROPHET_SIGMA_STEPS);
        if (!again) {
            double model = vn_prophet_model(q, r, *rss);
            *promise = vn_prophet_value(q, r, r->theta, model, vn_prophet_sigma(q, model));
            if (!q->linear && before - *promise <= VN_PROPHET_TOLERANCE * (1 + fabs(before)))
                return before;
        }
        double f = vn_prophet_search(q, r, before, rss);
        if (q->linear || f < before) return f;
    }
    return before;
}

/* Minimise from r->best, which leaves as the minimum, in `most` steps at most; none: what is at the
 * start. */
VN_TOGETHER vn_prophet_result vn_prophet_newton(const vn_prophet_problem *q, vn_prophet_room *r,
                                                int most)
{
    double rss = vn_prophet_pass(q, r, r->best, most > 0);
    double f = vn_prophet_value(q, r, r->best, rss, vn_prophet_sigma(q, rss));
    double before = f, promise = f;
    int n = 0;
    bool held = false;
    do {
        if (n == most) break;
        n++;
        before = f;
        f = vn_prophet_advance(q, r, before, &rss, &promise);
        /* A linear model that kept its promise had no rounding to correct. */
        held = q->linear && fabs(promise - f) <= VN_PROPHET_TOLERANCE * (1 + fabs(f));
    } while (!held && before - f > VN_PROPHET_TOLERANCE * (1 + fabs(f)));
    vn_prophet_result result = { vn_prophet_sigma(q, rss), f, n };
    return result;
}

#endif

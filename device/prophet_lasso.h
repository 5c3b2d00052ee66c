/* Symmetric systems, and quadratics with a sum of absolute values: an active-set method.
 *
 * Coefficients that are not zero keep their signs while their unconstrained minimum is sought; one
 * that would change its sign on the way stops at zero and leaves the set. When none moves, the zero
 * coefficient whose slope exceeds lambda most enters. Every step lowers the objective and there are
 * finitely many sets, so the end is the exact minimum, zeros included. Coordinate descent, the
 * usual choice, needs thousands of sweeps here: hinges at neighbouring changepoints are all but
 * parallel. */
#ifndef VN_DEVICE_PROPHET_LASSO_H
#define VN_DEVICE_PROPHET_LASSO_H

#include "device/prophet.h"

/* Eliminate the first m unknowns of n (Gauss on the triangle, no square roots): what is left of A
 * below them is the system of the others. inverse [m]: of the pivots. One below 1e-13 of its
 * diagonal holds its unknown at (nearly) nothing: the data do not determine it. */
VN_TOGETHER void vn_prophet_eliminate(int n, int m, double *A, double *whole, double *inverse)
{
    for (int i = VN_LANE; i < m; i += VN_LANES) whole[i] = vn_prophet_upper(A, n, i)[i];
    for (int k = 0; k < m; k++) {
        VN_MEET();
        const double *from = vn_prophet_upper(A, n, k);
        double pivot = from[k], one = pivot > 1e-13 * whole[k] ? 1 / pivot : 1e-200;
        if (VN_LANE == 0) inverse[k] = one;
        for (int i = k + 1 + VN_LANE / VN_ACROSS; i < n; i += VN_LANES / VN_ACROSS) {
            double part = from[i] * one, *to = vn_prophet_upper(A, n, i);
            for (int j = i + VN_LANE % VN_ACROSS; j <= n; j += VN_ACROSS) to[j] -= part * from[j];
        }
    }
    VN_MEET();
}

/* The first m unknowns of an eliminated system into x, whose others are known already. */
VN_TOGETHER void vn_prophet_backward(int n, int m, double *A, const double *inverse, double *term,
                                     double *x)
{
    for (int i = VN_LANE; i < m; i += VN_LANES) {
        const double *row = vn_prophet_upper(A, n, i);
        double s = row[n];
        for (int j = m; j < n; j++) s -= row[j] * x[j];
        term[i] = s;
    }
    for (int k = m - 1; k >= 0; k--) {
        VN_MEET();
        double v = term[k] * inverse[k];
        if (VN_LANE == 0) x[k] = v;
        for (int i = VN_LANE; i < k; i += VN_LANES) term[i] -= vn_prophet_upper(A, n, i)[k] * v;
    }
    VN_MEET();
}

/* The minimum of the set of m, with its signs, into r->aim. */
VN_TOGETHER void vn_prophet_aim(const vn_prophet_room *r, int n, double lambda, int m)
{
    for (int i = VN_LANE / VN_ACROSS; i < m; i += VN_LANES / VN_ACROSS) {
        const double *from = r->schur + (int64_t)r->at[i] * n;
        double *to = vn_prophet_upper(r->small, m, i);
        for (int j = i + VN_LANE % VN_ACROSS; j <= m; j += VN_ACROSS)
            to[j] = j < m ? from[r->at[j]] : r->g[r->at[i]] - lambda * r->sign[r->at[i]];
    }
    VN_MEET();
    vn_prophet_eliminate(m, m, r->small, r->whole, r->pivot);
    vn_prophet_backward(m, m, r->small, r->pivot, r->term, r->aim);
}

/* Go towards r->aim as far as no sign changes. Which of the set stopped at zero; -1: none. */
VN_TOGETHER int vn_prophet_go(const vn_prophet_room *r, int m)
{
    const double *aim = r->aim;
    double far = 1;
    int stop = -1;
    for (int i = 0; i < m; i++) {
        double x = r->x[r->at[i]];
        if (aim[i] * r->sign[r->at[i]] > 0) continue;
        double way = x - aim[i], part = way != 0 ? x / way : 0;
        if (part < far || stop < 0) far = part < 0 ? 0 : part, stop = i;
    }
    VN_MEET();
    for (int i = VN_LANE; i < m; i += VN_LANES) {
        double x = r->x[r->at[i]];
        r->x[r->at[i]] = i == stop ? 0 : x + far * (aim[i] - x);
        if (i == stop) r->sign[r->at[i]] = 0;
    }
    VN_MEET();
    return stop;
}

/* The coefficient at zero whose slope exceeds lambda most; -1: none. Its slope's sign in *s. */
VN_TOGETHER int vn_prophet_enter(const vn_prophet_room *r, int n, double lambda, double *s)
{
    for (int i = VN_LANE; i < n; i += VN_LANES) {
        r->slope[i] = r->g[i];
        r->noise[i] = fabs(r->g[i]);
    }
    for (int j = 0; j < n; j++) {
        const double *row = r->schur + (int64_t)j * n;
        double x = r->x[j];
        if (x == 0) continue;
        for (int i = VN_LANE; i < n; i += VN_LANES) {
            r->slope[i] -= row[i] * x;
            r->noise[i] += fabs(row[i] * x);
        }
    }
    VN_MEET();
    int best = -1;
    double most = lambda * (1 + 1e-9);
    for (int i = 0; i < n; i++) {
        double size = fabs(r->slope[i]) - 1e-14 * r->noise[i];
        if (r->sign[i] != 0 || !(size > most)) continue;
        most = size;
        best = i;
        *s = r->slope[i] > 0 ? 1 : -1;
    }
    return best;
}

/* The least of x'Ax/2 - g'x + lambda sum |x_i| from the start r->x [n]: A is r->schur [n, n],
 * positive definite and whole, g is r->g. */
VN_TOGETHER void vn_prophet_lasso(const vn_prophet_room *r, int n, double lambda)
{
    int entered = -1;
    for (int i = VN_LANE; i < n; i += VN_LANES) r->sign[i] = (r->x[i] > 0) - (r->x[i] < 0);
    for (int step = 0; step < 100 + 50 * n; step++) {
        int m = 0;
        double s = 0;
        VN_MEET();
        for (int i = 0; i < n; i++)
            if (r->sign[i] != 0) {
                if (m % VN_LANES == VN_LANE) r->at[m] = i;
                m++;
            }
        VN_MEET();
        vn_prophet_aim(r, n, lambda, m);
        int stop = vn_prophet_go(r, m);
        if (entered >= 0 && stop >= 0 && r->at[stop] == entered)
            return; /* thrown out at once:
                       rounding decides */
        entered = -1;
        if (stop >= 0) continue;
        entered = vn_prophet_enter(r, n, lambda, &s);
        if (entered < 0) return;
        VN_MEET();
        if (VN_LANE == 0) r->sign[entered] = s;
    }
}

#endif

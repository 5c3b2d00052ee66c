/* Quadratics with a sum of absolute values: an active-set method.
 *
 * Coefficients that are not zero keep their signs while their unconstrained minimum is sought; one
 * that would change its sign on the way stops at zero and leaves the set. When none moves, the zero
 * coefficient whose slope exceeds lambda most enters. Every step lowers the objective and there are
 * finitely many sets, so the end is the exact minimum, zeros included. Coordinate descent, the
 * usual choice, needs thousands of sweeps here: hinges at neighbouring changepoints are all but
 * parallel. */
#include <math.h>
#include <string.h>

#include "host/prophet/problem.h"

void vn_prophet_cholesky(int n, double *A)
{
    for (int j = 0; j < n; j++) {
        double *rj = A + (size_t)j * (size_t)n, whole = rj[j], sum = whole;
        for (int k = 0; k < j; k++) sum -= rj[k] * rj[k];
        bool fixed = !(sum > 1e-13 * whole);
        double pivot = fixed ? 1e100 : sqrt(sum);
        rj[j] = pivot;
        for (int i = j + 1; i < n; i++) {
            double *ri = A + (size_t)i * (size_t)n, x = ri[j];
            for (int k = 0; k < j; k++) x -= ri[k] * rj[k];
            ri[j] = x / pivot;
        }
    }
}

void vn_prophet_forward(int n, const double *L, double *x)
{
    for (int i = 0; i < n; i++) {
        const double *row = L + (size_t)i * (size_t)n;
        double s = x[i];
        for (int k = 0; k < i; k++) s -= row[k] * x[k];
        x[i] = s / row[i];
    }
}

void vn_prophet_backward(int n, const double *L, double *x)
{
    for (int i = n - 1; i >= 0; i--) {
        const double *row = L + (size_t)i * (size_t)n;
        x[i] /= row[i];
        for (int k = 0; k < i; k++) x[k] -= row[k] * x[i];
    }
}

/* The set's minimum with its signs: v [m]. */
static void aim(int n, const double *A, const double *g, double lambda, const double *sign,
                const int *at, int m, double *small, double *v)
{
    for (int i = 0; i < m; i++) {
        const double *row = A + (size_t)at[i] * (size_t)n;
        for (int j = 0; j <= i; j++) small[i * m + j] = row[at[j]];
        v[i] = g[at[i]] - lambda * sign[at[i]];
    }
    vn_prophet_cholesky(m, small);
    vn_prophet_forward(m, small, v);
    vn_prophet_backward(m, small, v);
}

/* Go towards v as far as no sign changes. False if a coefficient stopped at zero. */
static bool go(double *x, double *sign, const int *at, int m, const double *v)
{
    double far = 1;
    int stop = -1;
    for (int i = 0; i < m; i++) {
        if (v[i] * sign[at[i]] > 0) continue;
        double way = x[at[i]] - v[i], part = way != 0 ? x[at[i]] / way : 0;
        if (part < far || stop < 0) far = part < 0 ? 0 : part, stop = i;
    }
    for (int i = 0; i < m; i++) x[at[i]] += far * (v[i] - x[at[i]]);
    if (stop < 0) return true;
    x[at[stop]] = 0;
    sign[at[stop]] = 0;
    return false;
}

/* The coefficient at zero whose slope exceeds lambda most; -1: none. Its slope's sign in *s. */
static int enter(int n, const double *A, const double *g, double lambda, const double *x,
                 const double *sign, double *s)
{
    int best = -1;
    double most = lambda * (1 + 1e-9);
    for (int i = 0; i < n; i++) {
        const double *row = A + (size_t)i * (size_t)n;
        if (sign[i] != 0) continue;
        double slope = g[i], noise = fabs(g[i]);
        for (int j = 0; j < n; j++) {
            slope -= row[j] * x[j];
            noise += fabs(row[j] * x[j]);
        }
        if (fabs(slope) - 1e-14 * noise <= most) continue;
        most = fabs(slope) - 1e-14 * noise;
        best = i;
        *s = slope > 0 ? 1 : -1;
    }
    return best;
}

void vn_prophet_lasso(int n, const double *A, const double *g, double lambda, double *x,
                      double *small, double *sign, int *at, double *v)
{
    for (int i = 0; i < n; i++) sign[i] = (x[i] > 0) - (x[i] < 0);
    int entered = -1;
    for (int step = 0; step < 100 + 50 * n; step++) {
        int m = 0;
        double s = 0;
        for (int i = 0; i < n; i++)
            if (sign[i] != 0) at[m++] = i;
        aim(n, A, g, lambda, sign, at, m, small, v);
        bool there = go(x, sign, at, m, v);
        if (entered >= 0 && sign[entered] == 0) return; /* thrown out at once: rounding decides */
        entered = -1;
        if (!there) continue;
        entered = enter(n, A, g, lambda, x, sign, &s);
        if (entered < 0) return;
        sign[entered] = s;
    }
}

/* The objective and one pass over the rows of a series: everything the solver needs of the data. */
#ifndef VN_DEVICE_PROPHET_PASS_H
#define VN_DEVICE_PROPHET_PASS_H

#include "device/prophet.h"

/* The sigma that is best for this sum of squares; at least 1e-9, as Prophet's for a constant
 * series. */
VN_TOGETHER double vn_prophet_sigma(const vn_prophet_problem *q, double rss)
{
    /* The derivative T / s - rss / s^3 + 4 s vanishes where 4 s^4 + T s^2 = rss. */
    double T = (double)q->T, s = sqrt(2 * rss / (T + sqrt(T * T + 16 * rss)));
    return s > 1e-9 ? s : 1e-9;
}

/* The objective, sigma given. */
VN_TOGETHER double vn_prophet_value(const vn_prophet_problem *q, const vn_prophet_room *r,
                                    const double *theta, double rss, double sigma)
{
    double f = (double)q->T * log(sigma) + rss / (2 * sigma * sigma) + 2 * sigma * sigma, size = 0;
    for (int j = 0; j < 2 + q->K; j++) f += r->ridge[j] * theta[j] * theta[j] / 2;
    for (int j = 2 + q->K; j < q->p; j++) size += fabs(theta[j]);
    return f + size / q->tau;
}

/* z = rate[n] t + shift[n] between changepoints n - 1 and n. */
VN_TOGETHER void vn_prophet_segments(const vn_prophet_problem *q, const double *theta,
                                     vn_prophet_room *r)
{
    const double *delta = theta + 2 + q->K;
    double rate = theta[0], shift = 0;
    if (VN_LANE) return;
    for (int n = 0;; n++) {
        r->rate[n] = rate;
        r->shift[n] = shift;
        if (n == q->S) break;
        rate += delta[n];
        shift -= delta[n] * q->change[n];
    }
}

/* The trend at a row, z given, and its slope dg/dz (1 where the growth is linear). */
VN_TOGETHER double vn_prophet_trend(const vn_prophet_problem *q, const double *theta,
                                    const double *row, double z, double *slope)
{
    *slope = 1;
    if (q->growth == VN_GROWTH_FLAT) return theta[1];
    if (q->growth == VN_GROWTH_LINEAR) return z + theta[1];
    double part = 1 / (1 + exp(-(z - theta[0] * theta[1])));
    *slope = row[VN_PROPHET_CAP] * part * (1 - part);
    return row[VN_PROPHET_CAP] * part;
}

/* A row of the Jacobian d yhat / d theta, and the residual behind it. *n: changepoints passed, on
 * entry those of a row before. */
VN_TOGETHER void vn_prophet_derive(const vn_prophet_problem *q, const vn_prophet_room *r,
                                   const double *theta, const double *row, int *n, double *to)
{
    double t = row[VN_PROPHET_T], up = 1, add = 0, slope, *x = to + 2, *delta = x + q->K;
    while (*n < q->S && q->change[*n] <= t) ++*n;
    vn_prophet_columns(q, row, x);
    for (int k = 0; k < q->K; k++) {
        double part = x[k] * theta[2 + k];
        if (r->scales[k])
            up += part;
        else
            add += part;
    }
    double g = vn_prophet_trend(q, theta, row, r->rate[*n] * t + r->shift[*n], &slope);
    to[q->p] = row[VN_PROPHET_Y] - (g * up + add);
    slope *= up;
    to[0] = q->growth == VN_GROWTH_FLAT     ? 0
            : q->growth == VN_GROWTH_LINEAR ? t * slope
                                            : (t - theta[1]) * slope;
    to[1] = q->growth == VN_GROWTH_LOGISTIC ? -theta[0] * slope : up;
    for (int k = 0; k < q->K && !q->linear; k++)
        if (r->scales[k]) x[k] *= g;
    for (int j = 0; j < q->S; j++) delta[j] = j < *n ? (t - q->change[j]) * slope : 0;
}

/* Add the rows of the tile to row i of the Gram matrix, four at a time: one sweep serves them. */
VN_TOGETHER void vn_prophet_add(const vn_prophet_room *r, int p, int i, double *to)
{
    for (int n = 0; n < VN_ROWS; n += 4) {
        const double *a = r->tile + n * (p + 1), *b = a + p + 1, *c = b + p + 1, *d = c + p + 1;
        double ai = a[i], bi = b[i], ci = c[i], di = d[i];
        if (ai == 0 && bi == 0 && ci == 0 && di == 0) continue;
        for (int j = VN_LANE % VN_ACROSS; j <= i; j += VN_ACROSS)
            to[j] += (ai * a[j] + bi * b[j]) + (ci * c[j] + di * d[j]);
    }
}

/* The last row of the Gram matrix at theta, the rows above it too where `whole`; the sum of squared
 * residuals. */
VN_TOGETHER double vn_prophet_pass(const vn_prophet_problem *q, vn_prophet_room *r,
                                   const double *theta, bool whole)
{
    int p = q->p, first = whole ? 0 : p, n = 0;
    double *gram = vn_prophet_lower(r->gram, first);
    VN_MEET();
    vn_prophet_segments(q, theta, r);
    for (int i = VN_LANE; i < vn_prophet_triangle(p + 1, 0) - vn_prophet_triangle(first, 0);
         i += VN_LANES)
        gram[i] = 0;
    VN_MEET();
    for (int64_t at = 0; at < q->T; at += VN_ROWS) {
        for (int i = VN_LANE; i < VN_ROWS; i += VN_LANES) {
            double *to = r->tile + i * (p + 1);
            if (at + i < q->T)
                vn_prophet_derive(q, r, theta, q->row + (at + i) * q->width, &n, to);
            else
                for (int j = 0; j <= p; j++) to[j] = 0;
        }
        VN_MEET();
        for (int i = first + VN_LANE / VN_ACROSS; i <= p; i += VN_LANES / VN_ACROSS)
            vn_prophet_add(r, p, i, vn_prophet_lower(r->gram, i));
        VN_MEET();
    }
    return vn_prophet_lower(r->gram, p)[p];
}

#endif

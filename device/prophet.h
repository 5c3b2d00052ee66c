/* Prophet's numerics, written once: a series as an optimisation problem, its objective, and how it
 * is solved, by all lanes of a team together. On the CPU the team is one lane, a constant, so that
 * loops over lanes are plain loops and their meetings nothing; on a GPU it is a block of threads
 * (kernels_cuda/prophet.cu defines the words below before it includes this). Every sum is made by
 * one lane in one order, so the number of lanes changes no bit; nor do vectors, since none is
 * reassociated. Numbers that all lanes have are computed by each of them.
 *
 * Coefficients theta [2 + K + S]: rate k, offset m, beta [K], rate changes delta [S]. With
 * z = k t + sum of delta_j max(0, t - s_j) the trend is
 *
 *     linear g = z + m    logistic g = cap / (1 + exp(-(z - k m)))    flat g = m
 *
 * (Prophet's own form of the logistic trend with its offsets gamma is this continuous function.)
 * The forecast is yhat = g (1 + Xm beta) + Xa beta, and the objective, Prophet's log posterior
 * without its constants,
 *
 *     T ln sigma + sum (y - yhat)^2 / (2 sigma^2) + 2 sigma^2
 *       + k^2 / 50 + m^2 / 50 + sum beta_j^2 / (2 prior_j^2) + sum |delta_j| / tau.
 *
 * Given theta, its least over sigma has a closed form, so the solver moves theta alone. */
#ifndef VN_DEVICE_PROPHET_H
#define VN_DEVICE_PROPHET_H

#include <math.h>

#include "device/kernel.h"

#ifndef VN_SHARED /* CUDA units define it as __host__ __device__ static inline */
#define VN_SHARED static inline
#endif
#ifndef VN_LANES
#define VN_TOGETHER static inline /* functions that all lanes call together */
#define VN_LANES 1
#define VN_LANE 0
#define VN_MEET() ((void)0)
#define VN_ACROSS 1 /* lanes along a row, where they share a matrix: VN_LANES / VN_ACROSS rows */
#define VN_ROWS 4   /* rows of the Jacobian held at a time: a multiple of 4 */
#define VN_ONE(T, name) T name[1] /* one T for all lanes */
#endif

/* What a row of a series begins with: time 0 .. 1, scaled target, scaled capacity. Then sine and
 * cosine of every seasonality's first harmonic (both 0 where its condition is not met), then the
 * other columns: the harmonics are made where they are needed. */
enum { VN_PROPHET_T, VN_PROPHET_Y, VN_PROPHET_CAP, VN_PROPHET_BASE };
/* What the op knows of a series (its input 1): first row, rows, changepoints; then, for each
 * seasonality, whether it acts. */
enum { VN_PROPHET_FIRST, VN_PROPHET_COUNT, VN_PROPHET_CHANGES, VN_PROPHET_ACTIVE };
/* What it tells of one (its output 1). */
enum { VN_PROPHET_SIGMA, VN_PROPHET_OBJECTIVE, VN_PROPHET_STEPS, VN_PROPHET_FIT };

/* One series. Coefficients of columns that do not act are none of the problem's. */
typedef struct vn_prophet_problem {
    const double *row; /* [T, width] */
    int64_t T;
    int width, growth, seasons, columns; /* columns: of all seasonalities and of the others */
    double tau;
    const int32_t *active, *order; /* [seasons] */
    const double *prior;           /* [columns] deviation of the coefficient */
    const int32_t *multiplicative; /* [columns] */
    const double *change;          /* [S] times, ascending */
    int K, S, p;                   /* columns that act, changepoints, coefficients */
    bool linear;                   /* yhat is linear in theta */
} vn_prophet_problem;

/* What a team works in. */
typedef struct vn_prophet_room {
    double *gram;  /* [p + 1] rows of a triangle up to the diagonal: the Jacobian's Gram matrix; the
                      last row is the Jacobian times the residuals, and the sum of their squares */
    double *work;  /* [p] rows of a triangle from the diagonal on, and the right side behind it */
    double *tile;  /* [VN_ROWS, p + 1] rows of the Jacobian, the residual last; in the place of
                      `work`, which is not used while there are any */
    double *schur; /* [S, S] */
    double *small; /* a triangle as `work`, of at most S rows */
    double *best, *theta, *trial, *h, *step, *term, *inverse, *whole; /* [p] */
    double *ridge;                                                    /* [2 + K] */
    double *x, *g, *sign, *slope, *noise, *pivot, *aim;               /* [S] */
    double *rate, *shift;                                             /* [S + 1] of the segments */
    int *column, *scales; /* [K] which column it is; whether it is multiplicative */
    int *at;              /* [S] */
} vn_prophet_room;

typedef struct vn_prophet_result {
    double sigma, objective;
    int steps;
} vn_prophet_result;

/* ---- rooms ---- */

/* Numbers of a triangle of n rows with `more` beside each. */
VN_SHARED int64_t vn_prophet_triangle(int n, int more)
{
    return (int64_t)n * (n + 1) / 2 + (int64_t)n * more;
}

/* Row i of `work` and `small`, n rows: element j >= i is at [j], n is the right side's column. */
VN_SHARED double *vn_prophet_upper(double *A, int n, int i)
{
    return A + (int64_t)i * n - (int64_t)i * (i - 1) / 2;
}

/* Row i of the Gram matrix: element j <= i is at [j]. */
VN_SHARED double *vn_prophet_lower(double *A, int i)
{
    return A + (int64_t)i * (i + 1) / 2;
}

/* Hand out the parts of `block` for p coefficients of which S are changes; the doubles taken.
 * block NULL: only count. */
VN_SHARED int64_t vn_prophet_furnish(int p, int S, double *block, vn_prophet_room *r)
{
    int64_t n = 0, work = vn_prophet_triangle(p, 1), tile = (int64_t)VN_ROWS * (p + 1);
#define VN_TAKE(name, size) (r->name = block + n, n += (size))
    VN_TAKE(gram, vn_prophet_triangle(p + 1, 0));
    r->work = r->tile = block + n;
    n += work > tile ? work : tile;
    VN_TAKE(schur, (int64_t)S * S);
    VN_TAKE(small, vn_prophet_triangle(S, 1));
    VN_TAKE(best, p);
    VN_TAKE(theta, p);
    VN_TAKE(trial, p);
    VN_TAKE(h, p);
    VN_TAKE(step, p);
    VN_TAKE(term, p);
    VN_TAKE(inverse, p);
    VN_TAKE(whole, p);
    VN_TAKE(ridge, p - S);
    VN_TAKE(x, S);
    VN_TAKE(g, S);
    VN_TAKE(sign, S);
    VN_TAKE(slope, S);
    VN_TAKE(noise, S);
    VN_TAKE(pivot, S);
    VN_TAKE(aim, S);
    VN_TAKE(rate, S + 1);
    VN_TAKE(shift, S + 1);
#undef VN_TAKE
    int64_t ints = 2 * (int64_t)(p - S) + S;
    r->column = (int *)(void *)(block + n); /* whole numbers behind the doubles */
    r->scales = r->column + (p - S);
    r->at = r->scales + (p - S);
    return n + (ints + 1) / 2;
}

/* ---- columns ---- */

/* sin and cos of 1 .. order times an angle whose own are s1 and c1, by angle addition: the error
 * grows by about 1e-16 a step. The numbers written. */
VN_SHARED int vn_prophet_harmonics(int order, double s1, double c1, double *x)
{
    double si = s1, co = c1;
    for (int i = 0; i < order; i++) {
        x[2 * i] = si;
        x[2 * i + 1] = co;
        double up = si * c1 + co * s1;
        co = co * c1 - si * s1;
        si = up;
    }
    return 2 * order;
}

/* The columns that act, of a row. */
VN_TOGETHER void vn_prophet_columns(const vn_prophet_problem *q, const double *row, double *x)
{
    const double *base = row + VN_PROPHET_BASE;
    int n = 0;
    for (int s = 0; s < q->seasons; s++, base += 2)
        if (q->active[s]) n += vn_prophet_harmonics(q->order[s], base[0], base[1], x + n);
    for (; n < q->K; n++) x[n] = *base++;
}

/* Which columns act, and what their priors make of the coefficients; K, p and `linear`. The room is
 * furnished for all columns. */
VN_TOGETHER void vn_prophet_take_columns(vn_prophet_problem *q, vn_prophet_room *r)
{
    int c = 0, K = 0;
    bool linear = q->growth != VN_GROWTH_LOGISTIC;
    for (int i = VN_LANE; i < 2; i += VN_LANES) r->ridge[i] = 1.0 / 25;
    for (int s = 0; c < q->columns; s++) { /* behind the seasonalities come the others, together */
        int end = s < q->seasons ? c + 2 * q->order[s] : q->columns;
        bool acts = s >= q->seasons || q->active[s];
        for (; c < end; c++) {
            if (!acts) continue;
            linear = linear && !q->multiplicative[c];
            if (K % VN_LANES == VN_LANE) {
                r->column[K] = c;
                r->scales[K] = q->multiplicative[c];
                r->ridge[2 + K] = 1 / (q->prior[c] * q->prior[c]);
            }
            K++;
        }
    }
    if (VN_LANE == 0) {
        q->K = K;
        q->p = 2 + K + q->S;
        q->linear = linear;
    }
    VN_MEET();
}

#endif

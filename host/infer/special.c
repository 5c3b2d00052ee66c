/* Series and continued fractions (DLMF 8.11.4, 8.9.2, 8.17.22), each where it converges fast; they
 * take about sqrt(a) terms, so a is kept below a limit by the callers. */
#include "host/infer/special.h"

#include <float.h>
#include <math.h>

#include "device/dist.h"

enum { TERMS = 100000 };

/* x^a e^-x / Gamma(a + 1) */
static double gamma_front(double a, double x)
{
    if (x == 0) return 0;
    /* Stirling's large terms taken together: a ln(x / a) + a - x. */
    if (a >= 8) {
        double u = (x - a) / a, far = fabs(u) < 0.5 ? log1p(u) : log(x / a);
        return exp(a * (far - u) - 0.5 * log(a) - VN_HALF_LOG_2PI - vn_stirling_rest_f64(a));
    }
    return exp(a * log(x) - x - vn_lgamma_f64(a + 1));
}

/* Lentz's evaluation keeps away from 0. */
static double away(double v)
{
    return fabs(v) < 1e-300 ? 1e-300 : v;
}

double vn_gamma_upper(double a, double x)
{
    if (x < a + 1) {
        double sum = 1, term = 1;
        for (int k = 1; k < TERMS && term > sum * 1e-17; k++) sum += term *= x / (a + k);
        return 1 - gamma_front(a, x) * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / away(b), f = d;
    for (int k = 1; k < TERMS; k++) {
        double an = -k * (k - a);
        b += 2;
        d = 1 / away(an * d + b);
        c = away(b + an / c);
        f *= d * c;
        if (fabs(d * c - 1) < 1e-15) break;
    }
    return gamma_front(a, x) * a * f;
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), f = d;
    for (int m = 1; m < TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / away(1 + even * d);
        c = away(1 + even / c);
        f *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away(1 + odd * d);
        c = away(1 + odd / c);
        f *= d * c;
        if (fabs(d * c - 1) < 1e-15) break;
    }
    return f;
}

double vn_beta_share(double a, double b, double x, double rest)
{
    if (x <= 0 || rest <= 0) return x <= 0 ? 0 : 1;
    double more = a > b ? a : b, less = a > b ? b : a;
    double choose = vn_lgamma_step_f64(more, less) - vn_lgamma_f64(less);
    double front = exp(choose + a * log(x) + b * log(rest));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, rest) / b;
}

double vn_normal_quantile(double p)
{
    double tail = p < 0.5 ? p : 1 - p, t = sqrt(-2 * log(tail));
    /* Abramowitz and Stegun 26.2.23, within 4.5e-4; Halley's steps treble the digits. */
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 3; i++) {
        double miss = 0.5 * erfc(z * M_SQRT1_2) - tail;
        double step = miss / (0.39894228040143267794 * exp(-0.5 * z * z));
        z += step / (1 + 0.5 * z * step);
    }
    return p < 0.5 ? -z : z;
}

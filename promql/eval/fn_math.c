#include "promql/eval/call.h"

#include <math.h>

#define PLAIN(name, formula)                                                                                 \
    static bool fn_##name(double x, const double *p, size_t n, double *result) {                             \
        (void)p;                                                                                             \
        (void)n;                                                                                             \
        *result = (formula);                                                                                 \
        return true;                                                                                         \
    }

PLAIN(abs, fabs(x))
PLAIN(acos, acos(x))
PLAIN(acosh, acosh(x))
PLAIN(asin, asin(x))
PLAIN(asinh, asinh(x))
PLAIN(atan, atan(x))
PLAIN(atanh, atanh(x))
PLAIN(ceil, ceil(x))
PLAIN(cos, cos(x))
PLAIN(cosh, cosh(x))
PLAIN(deg, x * 180 / M_PI)
PLAIN(exp, exp(x))
PLAIN(floor, floor(x))
PLAIN(ln, log(x))
PLAIN(log10, log10(x))
PLAIN(log2, log2(x))
PLAIN(rad, x *M_PI / 180)
PLAIN(sgn, x<0 ? -1 : x> 0 ? 1 : x)
PLAIN(sin, sin(x))
PLAIN(sinh, sinh(x))
PLAIN(sqrt, sqrt(x))
PLAIN(tan, tan(x))
PLAIN(tanh, tanh(x))

/* the larger and the smaller: NaN when either is, but nothing is beyond the Inf on its side */
static double larger(double a, double b) {
    if (a == INFINITY || b == INFINITY) return INFINITY;
    return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
}

static double smaller(double a, double b) {
    if (a == -INFINITY || b == -INFINITY) return -INFINITY;
    return isnan(a) || isnan(b) ? (double)NAN : fmin(a, b);
}

static bool fn_clamp(double x, const double *p, size_t n, double *result) {
    (void)n;
    if (p[0] > p[1]) return false;
    *result = larger(p[0], smaller(p[1], x));
    return true;
}

static bool fn_clamp_max(double x, const double *p, size_t n, double *result) {
    (void)n;
    *result = smaller(p[0], x);
    return true;
}

static bool fn_clamp_min(double x, const double *p, size_t n, double *result) {
    (void)n;
    *result = larger(p[0], x);
    return true;
}

/* halves go up; the multiple is turned into a divisor first, which is exact for 0.1 and its like */
static bool fn_round(double x, const double *p, size_t n, double *result) {
    double inverse = 1 / (n ? p[0] : 1);
    *result = floor(x * inverse + 0.5) / inverse;
    return true;
}

element_function *math_function_of(enum function_id id) {
    switch (id) {
    case FN_abs: return fn_abs;
    case FN_acos: return fn_acos;
    case FN_acosh: return fn_acosh;
    case FN_asin: return fn_asin;
    case FN_asinh: return fn_asinh;
    case FN_atan: return fn_atan;
    case FN_atanh: return fn_atanh;
    case FN_ceil: return fn_ceil;
    case FN_clamp: return fn_clamp;
    case FN_clamp_max: return fn_clamp_max;
    case FN_clamp_min: return fn_clamp_min;
    case FN_cos: return fn_cos;
    case FN_cosh: return fn_cosh;
    case FN_deg: return fn_deg;
    case FN_exp: return fn_exp;
    case FN_floor: return fn_floor;
    case FN_ln: return fn_ln;
    case FN_log10: return fn_log10;
    case FN_log2: return fn_log2;
    case FN_rad: return fn_rad;
    case FN_round: return fn_round;
    case FN_sgn: return fn_sgn;
    case FN_sin: return fn_sin;
    case FN_sinh: return fn_sinh;
    case FN_sqrt: return fn_sqrt;
    case FN_tan: return fn_tan;
    case FN_tanh: return fn_tanh;
    default: return NULL;
    }
}

/* The body of scalar.h, included once for float and once for double; not for anybody else. */

/* fn(x), fn a line of unary.def. A NaN stays a NaN. */
VN_SHARED VN_T VN_S(vn_unary_value)(int64_t fn, VN_T x)
{
    switch (fn) {
    case VN_UNARY_RELU: return x < 0 ? 0 : x;
    case VN_UNARY_TANH: return VN_M(tanh)(x);
    case VN_UNARY_SIGMOID: return 1 / (1 + VN_M(exp)(-x));
    case VN_UNARY_SOFTPLUS: /* exp of a positive x would overflow */
        return x > 0 ? x + VN_M(log1p)(VN_M(exp)(-x)) : VN_M(log1p)(VN_M(exp)(x));
    case VN_UNARY_SELU:
        return x > 0 ? (VN_T)VN_SELU_SCALE * x
                     : (VN_T)(VN_SELU_SCALE * VN_SELU_ALPHA) * VN_M(expm1)(x);
    case VN_UNARY_LRELU: return x > 0 ? x : (VN_T)0.01 * x;
    case VN_UNARY_GELU: /* erfc keeps the digits that 1 + erf would cancel for negative x */
        return (VN_T)0.5 * x * VN_M(erfc)(-x * (VN_T)VN_SQRT_HALF);
    case VN_UNARY_EXP: return VN_M(exp)(x);
    case VN_UNARY_LOG: return VN_M(log)(x);
    case VN_UNARY_SQRT: return VN_M(sqrt)(x);
    case VN_UNARY_SQUARE: return x * x;
    case VN_UNARY_ABS: return VN_M(fabs)(x);
    case VN_UNARY_NEG: return -x;
    case VN_UNARY_ASINH: return VN_M(asinh)(x);
    case VN_UNARY_SINH: return VN_M(sinh)(x);
    default: return x;
    }
}

/* fn'(x) where y = fn(x). Functions with from_y set in unary.def use y alone. */
VN_SHARED VN_T VN_S(vn_unary_slope)(int64_t fn, VN_T x, VN_T y)
{
    switch (fn) {
    case VN_UNARY_RELU: return y > 0 ? 1 : 0;
    case VN_UNARY_TANH: return (1 - y) * (1 + y);
    case VN_UNARY_SIGMOID: return y * (1 - y);
    case VN_UNARY_SOFTPLUS: return -VN_M(expm1)(-y);
    case VN_UNARY_SELU:
        return y > 0 ? (VN_T)VN_SELU_SCALE : y + (VN_T)(VN_SELU_SCALE * VN_SELU_ALPHA);
    case VN_UNARY_LRELU: return y > 0 ? 1 : (VN_T)0.01;
    case VN_UNARY_GELU:
        return (VN_T)0.5 * VN_M(erfc)(-x * (VN_T)VN_SQRT_HALF) +
               x * (VN_T)VN_INV_SQRT_2PI * VN_M(exp)((VN_T)-0.5 * x * x);
    case VN_UNARY_EXP: return y;
    case VN_UNARY_LOG: return 1 / x;
    case VN_UNARY_SQRT: return (VN_T)0.5 / y;
    case VN_UNARY_SQUARE: return 2 * x;
    case VN_UNARY_ABS: return x > 0 ? (VN_T)1 : x < 0 ? (VN_T)-1 : x; /* 0 or NaN at the end */
    case VN_UNARY_NEG: return -1;
    case VN_UNARY_ASINH: return 1 / VN_M(sqrt)(x * x + 1);
    case VN_UNARY_SINH: return VN_M(cosh)(x);
    default: return 1;
    }
}

/* fn(a, b), fn a line of binary.def. */
VN_SHARED VN_T VN_S(vn_binary_value)(int64_t fn, VN_T a, VN_T b)
{
    switch (fn) {
    case VN_BINARY_SUB: return a - b;
    case VN_BINARY_MUL: return a * b;
    case VN_BINARY_DIV: return a / b;
    case VN_BINARY_MEAN: return a / (b + (VN_T)VN_NO_WEIGHT);
    default: return a + b;
    }
}

/* l(yhat, y), kind a line of losses.def; MASE without its scale, which the op divides by. */
VN_SHARED VN_T VN_S(vn_loss_value)(int64_t kind, VN_T delta, VN_T yhat, VN_T y)
{
    VN_T e = yhat - y, size = VN_M(fabs)(e);
    switch (kind) {
    case VN_LOSS_MSE: return e * e;
    case VN_LOSS_HUBER:
        return size <= delta ? (VN_T)0.5 * e * e : delta * (size - (VN_T)0.5 * delta);
    case VN_LOSS_SMAPE: {
        VN_T sum = VN_M(fabs)(y) + VN_M(fabs)(yhat);
        return sum == 0 ? 0 : 2 * size / sum;
    }
    case VN_LOSS_MAPE: return y == 0 ? 0 : size / VN_M(fabs)(y);
    default: return size;
    }
}

/* d l / d yhat. */
VN_SHARED VN_T VN_S(vn_loss_slope)(int64_t kind, VN_T delta, VN_T yhat, VN_T y)
{
    VN_T e = yhat - y, size = VN_M(fabs)(e);
    VN_T sign = e > 0 ? (VN_T)1 : e < 0 ? (VN_T)-1 : e; /* e is 0 or NaN in the last case */
    switch (kind) {
    case VN_LOSS_MSE: return 2 * e;
    case VN_LOSS_HUBER: return size <= delta ? e : delta * sign;
    case VN_LOSS_SMAPE: {
        VN_T sum = VN_M(fabs)(y) + VN_M(fabs)(yhat);
        VN_T factor = yhat == 0 ? 2 : 4; /* |yhat| has no slope at 0 */
        bool apart = (y < 0 && yhat > 0) || (y > 0 && yhat < 0); /* there l is 2 */
        return sum == 0 || apart ? 0 : factor * sign * (VN_M(fabs)(y) / sum) / sum;
    }
    case VN_LOSS_MAPE: return y == 0 ? 0 : sign / VN_M(fabs)(y);
    default: return sign;
    }
}

/* The formulas of the file VN_FORMULAS in f32 and f64: VN_T is the number, VN_S(name) the function's name,
 * VN_M(name) the name in math.h. Included once for each such file, so it has no guard. */
#define VN_T float
#define VN_S(name) name##_f32
#define VN_M(name) name##f
#include VN_FORMULAS
#undef VN_T
#undef VN_S
#undef VN_M

#define VN_T double
#define VN_S(name) name##_f64
#define VN_M(name) name
#include VN_FORMULAS
#undef VN_T
#undef VN_S
#undef VN_M
#undef VN_FORMULAS

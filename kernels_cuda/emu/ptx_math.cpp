/* What PTX computes from registers to registers, as its manual defines it. The approximate
 * functions are off by up to the error stated there, at random (EMU_ULP=1). */
#include <cfenv>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "kernels_cuda/emu/ptx.h"

extern "C" {
#include "device/low.h"
}

namespace emu
{
namespace ptx
{

namespace
{

using Rows = std::unordered_map<std::string, Entry>;

template <class T> constexpr uint8_t width()
{
    return std::is_same<T, bool>::value ? 1 : sizeof(T) == 8 ? 8 : 4;
}

/* ---- one function for all lanes: F is a lambda without captures ---- */

template <class F> const F &function()
{
    static_assert(std::is_empty<F>::value, "nothing is kept with an instruction");
    static const char nothing = 0;
    return reinterpret_cast<const F &>(nothing);
}

template <class F, class R, class... P, size_t... K>
void over_lanes(Machine &m, const Instruction &i, std::index_sequence<K...>)
{
    const uint8_t *in[] = { m.from(i.a[K])... };
    R out[N_LANES];
    for (int l = 0; l < N_LANES; l++) out[l] = function<F>()(lane<P>(in[K], l)...);
    keep(m.to(i.d[0]), m.mask, out);
}

template <class F, class R, class... P> void run(Machine &m, const Instruction &i)
{
    over_lanes<F, R, P...>(m, i, std::index_sequence_for<P...>());
}

template <class F, class R, class... P>
void add_row(Rows &t, const std::string &name, R (F::*)(P...) const)
{
    Entry e = { run<F, R, P...>, width<R>(), { width<P>()... }, (uint8_t)sizeof...(P) };
    t[name] = e;
}

template <class F> void row(Rows &t, const std::string &name, const F &)
{
    add_row(t, name, &F::operator());
}

/* ---- integers ---- */

template <class T> void add_whole(Rows &t, const std::string &type)
{
    using U = typename std::make_unsigned<T>::type;
    constexpr uint32_t BITS = sizeof(T) * 8;
    row(t, "add." + type, [](T a, T b) { return (T)((U)a + (U)b); });
    row(t, "sub." + type, [](T a, T b) { return (T)((U)a - (U)b); });
    row(t, "mul.lo." + type, [](T a, T b) { return (T)((U)a * (U)b); });
    row(t, "mad.lo." + type, [](T a, T b, T c) { return (T)((U)a * (U)b + (U)c); });
    row(t, "min." + type, [](T a, T b) { return a < b ? a : b; });
    row(t, "max." + type, [](T a, T b) { return a > b ? a : b; });
    row(t, "neg." + type, [](T a) { return (T)(0 - (U)a); });
    /* division by zero is not defined there; a lane that does not count may ask for it */
    row(t, "div." + type, [](T a, T b) {
        constexpr bool is_signed = std::is_signed<T>::value;
        if (b == 0) return (T)-1;
        return is_signed && b == (T)-1 ? (T)(0 - (U)a) : (T)(a / b);
    });
    row(t, "rem." + type, [](T a, T b) {
        constexpr bool is_signed = std::is_signed<T>::value;
        return b == 0 || (is_signed && b == (T)-1) ? (T)0 : (T)(a % b);
    });
    row(t, "shr." + type,
        [](T a, uint32_t by) { return (T)(a >> (by < BITS ? by : BITS - 1) >> (by >= BITS)); });
    row(t, "setp.eq." + type, [](T a, T b) { return a == b; });
    row(t, "setp.ne." + type, [](T a, T b) { return a != b; });
    row(t, "setp.lt." + type, [](T a, T b) { return a < b; });
    row(t, "setp.le." + type, [](T a, T b) { return a <= b; });
    row(t, "setp.gt." + type, [](T a, T b) { return a > b; });
    row(t, "setp.ge." + type, [](T a, T b) { return a >= b; });
}

template <class T, class W> void add_wide(Rows &t, const std::string &type)
{
    using U = typename std::make_unsigned<W>::type;
    row(t, "mul.wide." + type, [](T a, T b) { return (W)((W)a * (W)b); });
    row(t, "mad.wide." + type, [](T a, T b, W c) { return (W)((U)((W)a * (W)b) + (U)c); });
    row(t, "mul.hi." + type, [](T a, T b) { return (T)(((W)a * (W)b) >> 32); });
}

template <class T> void add_bits(Rows &t, const std::string &type)
{
    constexpr uint32_t BITS = sizeof(T) * 8;
    row(t, "and." + type, [](T a, T b) { return (T)(a & b); });
    row(t, "or." + type, [](T a, T b) { return (T)(a | b); });
    row(t, "xor." + type, [](T a, T b) { return (T)(a ^ b); });
    row(t, "not." + type, [](T a) { return (T)~a; });
    row(t, "shl." + type, [](T a, uint32_t by) { return by < BITS ? (T)(a << by) : (T)0; });
    row(t, "shr." + type, [](T a, uint32_t by) { return by < BITS ? (T)(a >> by) : (T)0; });
    row(t, "setp.eq." + type, [](T a, T b) { return a == b; });
    row(t, "setp.ne." + type, [](T a, T b) { return a != b; });
    row(t, "bfi." + type,
        [](T a, T b, uint32_t at,
           uint32_t n) { /* n bits of a into b */
                         at &= 255;
                         n &= 255;
                         T field = n < BITS ? (T)(((T)1 << n) - 1) : (T) ~(T)0;
                         T mask = at < BITS ? (T)(field << at) : (T)0;
                         return (T)((b & ~mask) | (at < BITS ? (T)(a << at) & mask : (T)0));
        });
}

template <class T> void add_select(Rows &t, const std::string &type)
{
    row(t, "selp." + type, [](T a, T b, bool p) { return p ? a : b; });
    row(t, "mov." + type, [](T a) { return a; });
}

/* Four of the eight bytes of a and b, each named by four bits of c; the highest: its sign alone. */
uint32_t permuted(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t bytes = (uint64_t)b << 32 | a;
    uint32_t out = 0;
    for (int k = 0; k < 4; k++) {
        uint32_t which = c >> (4 * k), byte = bytes >> (8 * (which & 7)) & 255;
        if (which & 8) byte = byte & 128 ? 255 : 0;
        out |= byte << (8 * k);
    }
    return out;
}

void add_integers(Rows &t)
{
    add_whole<int16_t>(t, "s16");
    add_whole<uint16_t>(t, "u16");
    add_whole<int32_t>(t, "s32");
    add_whole<uint32_t>(t, "u32");
    add_whole<int64_t>(t, "s64");
    add_whole<uint64_t>(t, "u64");
    add_wide<int32_t, int64_t>(t, "s32");
    add_wide<uint32_t, uint64_t>(t, "u32");
    add_bits<uint16_t>(t, "b16");
    add_bits<uint32_t>(t, "b32");
    add_bits<uint64_t>(t, "b64");
    for (const char *type : { "b16", "s16", "u16" }) add_select<uint16_t>(t, type);
    for (const char *type : { "b32", "s32", "u32", "f32" }) add_select<uint32_t>(t, type);
    for (const char *type : { "b64", "s64", "u64", "f64" }) add_select<uint64_t>(t, type);
    row(t, "and.pred", [](bool a, bool b) { return a && b; });
    row(t, "or.pred", [](bool a, bool b) { return a || b; });
    row(t, "xor.pred", [](bool a, bool b) { return a != b; });
    row(t, "not.pred", [](bool a) { return !a; });
    row(t, "mov.pred", [](bool a) { return a; });
    row(t, "popc.b32", [](uint32_t a) { return (uint32_t)__builtin_popcount(a); });
    row(t, "prmt.b32", [](uint32_t a, uint32_t b, uint32_t c) { return permuted(a, b, c); });
    row(t, "clz.b32", [](uint32_t a) { return a ? (uint32_t)__builtin_clz(a) : 32u; });
}

/* ---- real numbers ---- */

template <class T> bool unordered(T a, T b)
{
    return a != a || b != b;
}

/* A NaN loses, and -0 is less than 0. */
template <class T> T less(T a, T b)
{
    return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b;
}

template <class T> T more(T a, T b)
{
    return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
}

template <class T> void add_compare(Rows &t, const std::string &type)
{
    row(t, "setp.eq." + type, [](T a, T b) { return a == b; });
    row(t, "setp.ne." + type, [](T a, T b) { return a < b || a > b; });
    row(t, "setp.lt." + type, [](T a, T b) { return a < b; });
    row(t, "setp.le." + type, [](T a, T b) { return a <= b; });
    row(t, "setp.gt." + type, [](T a, T b) { return a > b; });
    row(t, "setp.ge." + type, [](T a, T b) { return a >= b; });
    row(t, "setp.equ." + type, [](T a, T b) { return a == b || unordered(a, b); });
    row(t, "setp.neu." + type, [](T a, T b) { return a != b; });
    row(t, "setp.ltu." + type, [](T a, T b) { return !(a >= b); });
    row(t, "setp.leu." + type, [](T a, T b) { return !(a > b); });
    row(t, "setp.gtu." + type, [](T a, T b) { return !(a <= b); });
    row(t, "setp.geu." + type, [](T a, T b) { return !(a < b); });
    row(t, "setp.num." + type, [](T a, T b) { return !unordered(a, b); });
    row(t, "setp.nan." + type, [](T a, T b) { return unordered(a, b); });
}

template <class T> void add_real(Rows &t, const std::string &type)
{
    for (const char *round : { ".", ".rn." }) {
        row(t, "add" + (round + type), [](T a, T b) { return a + b; });
        row(t, "sub" + (round + type), [](T a, T b) { return a - b; });
        row(t, "mul" + (round + type), [](T a, T b) { return a * b; });
    }
    row(t, "fma.rn." + type, [](T a, T b, T c) { return std::fma(a, b, c); });
    row(t, "div.rn." + type, [](T a, T b) { return a / b; });
    row(t, "rcp.rn." + type, [](T a) { return 1 / a; });
    row(t, "sqrt.rn." + type, [](T a) { return std::sqrt(a); });
    row(t, "neg." + type, [](T a) { return -a; });
    row(t, "abs." + type, [](T a) { return std::fabs(a); });
    row(t, "min." + type, [](T a, T b) { return less(a, b); });
    row(t, "max." + type, [](T a, T b) { return more(a, b); });
    row(t, "copysign." + type, [](T sign, T size) { return std::copysign(size, sign); });
    row(t, "cvt.rni." + type + "." + type, [](T a) { return std::nearbyint(a); });
    row(t, "cvt.rzi." + type + "." + type, [](T a) { return std::trunc(a); });
    row(t, "cvt.rmi." + type + "." + type, [](T a) { return std::floor(a); });
    row(t, "cvt.rpi." + type + "." + type, [](T a) { return std::ceil(a); });
    row(t, "cvt.sat." + type + "." + type, [](T a) { return less(more(a, (T)0), (T)1); });
    add_compare<T>(t, type);
}

/* Numbers too small to be normal become 0. */
float flush(float x)
{
    return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x;
}

/* The 32 bits that hold the sign, the exponent and the first of the digits. */
double upper(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= ~(uint64_t)UINT32_MAX;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void add_approximate(Rows &t)
{
    row(t, "ex2.approx.f32", [](float a) { return jitter(exp2f(a), 2); });
    row(t, "ex2.approx.ftz.f32", [](float a) { return flush(jitter(exp2f(flush(a)), 2)); });
    row(t, "lg2.approx.f32", [](float a) { return jitter(log2f(a), 2); });
    row(t, "lg2.approx.ftz.f32", [](float a) { return flush(jitter(log2f(flush(a)), 2)); });
    row(t, "rcp.approx.ftz.f32", [](float a) { return flush(jitter(1 / flush(a), 1)); });
    row(t, "rcp.approx.ftz.f64", [](double a) { return upper(1 / upper(a)); });
    row(t, "rsqrt.approx.ftz.f32",
        [](float a) { return flush(jitter((float)(1 / std::sqrt((double)flush(a))), 2)); });
    row(t, "div.approx.f32", [](float a, float b) { return jitter(a / b, 2); });
    row(t, "div.approx.ftz.f32",
        [](float a, float b) { return flush(jitter(flush(a) / flush(b), 2)); });
}

/* fma.rm and add.rz, of the exponential function: the host rounds like that for a moment. Lanes
 * are read and written between the two calls, which the compiler cannot move them past. */
template <class F> void rounded(Machine &m, const Instruction &i, int way, F f)
{
    auto *d = (float *)m.to(i.d[0]);
    fesetround(way);
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        d[l] = f(l);
    }
    fesetround(FE_TONEAREST);
}

__attribute__((noinline)) void fma_down(Machine &m, const Instruction &i)
{
    const uint8_t *a = m.from(i.a[0]), *b = m.from(i.a[1]), *c = m.from(i.a[2]);
    rounded(m, i, FE_DOWNWARD,
            [&](int l) { return fmaf(lane<float>(a, l), lane<float>(b, l), lane<float>(c, l)); });
}

__attribute__((noinline)) void add_to_zero(Machine &m, const Instruction &i)
{
    const uint8_t *a = m.from(i.a[0]), *b = m.from(i.a[1]);
    rounded(m, i, FE_TOWARDZERO, [&](int l) { return lane<float>(a, l) + lane<float>(b, l); });
}

/* ---- conversions ---- */

/* What does not fit becomes the nearest that does. A NaN becomes 0, or the highest bit alone where
 * either side has 64 bits. */
template <class T, class R> T whole(R x)
{
    constexpr bool large = sizeof(T) == 8 || sizeof(R) == 8;
    if (x != x) return large ? (T)((uint64_t)1 << (sizeof(T) * 8 - 1)) : (T)0;
    if (x <= (R)std::numeric_limits<T>::min()) return std::numeric_limits<T>::min();
    if (x >= (R)std::numeric_limits<T>::max()) return std::numeric_limits<T>::max();
    return (T)x;
}

template <class T, class R> void add_to_whole(Rows &t, const std::string &to_from)
{
    row(t, "cvt.rzi." + to_from, [](R a) { return whole<T>(std::trunc(a)); });
    row(t, "cvt.rni." + to_from, [](R a) { return whole<T>(std::nearbyint(a)); });
    row(t, "cvt.rmi." + to_from, [](R a) { return whole<T>(std::floor(a)); });
}

template <class T> void add_from_whole(Rows &t, const std::string &type)
{
    row(t, "cvt.rn.f32." + type, [](T a) { return (float)a; });
    row(t, "cvt.rn.f64." + type, [](T a) { return (double)a; });
    row(t, "cvt.u16." + type, [](T a) { return (uint16_t)a; });
    row(t, "cvt.s16." + type, [](T a) { return (int16_t)a; });
    row(t, "cvt.u32." + type, [](T a) { return (uint32_t)a; });
    row(t, "cvt.s32." + type, [](T a) { return (int32_t)a; });
    row(t, "cvt.u64." + type, [](T a) { return (uint64_t)a; });
    row(t, "cvt.s64." + type, [](T a) { return (int64_t)a; });
    add_to_whole<T, float>(t, type + ".f32");
    add_to_whole<T, double>(t, type + ".f64");
}

void add_conversions(Rows &t)
{
    add_from_whole<int16_t>(t, "s16");
    add_from_whole<uint16_t>(t, "u16");
    add_from_whole<int32_t>(t, "s32");
    add_from_whole<uint32_t>(t, "u32");
    add_from_whole<int64_t>(t, "s64");
    add_from_whole<uint64_t>(t, "u64");
    row(t, "cvt.f64.f32", [](float a) { return (double)a; });
    row(t, "cvt.rn.f32.f64", [](double a) { return (float)a; });
}

Rows make_rows()
{
    Rows t;
    add_integers(t);
    add_real<float>(t, "f32");
    add_real<double>(t, "f64");
    add_approximate(t);
    add_conversions(t);
    row(t, "cvt.rna.tf32.f32", [](float a) { return vn_bits_of(vn_tf32_of(a)); });
    row(t, "cvt.rn.bf16x2.f32", [](float upper, float lower) {
        return (uint32_t)vn_bf16_of(upper) << 16 | vn_bf16_of(lower);
    });
    row(t, "cvt.rn.f16x2.f32", [](float upper, float lower) {
        return (uint32_t)vn_f16_of(upper) << 16 | vn_f16_of(lower);
    });
    /* functions of nvcc's library that it calls instead of writing them out */
    row(t, "call __internal_accurate_pow", [](double a, double b) { return std::pow(a, b); });
    t["fma.rm.f32"] = { fma_down, 4, { 4, 4, 4 }, 3 };
    t["add.rz.f32"] = { add_to_zero, 4, { 4, 4 }, 2 };
    return t;
}

} // namespace

const Entry *entry(const std::string &name)
{
    static const Rows &rows = *new Rows(make_rows());
    auto found = rows.find(name);
    return found == rows.end() ? nullptr : &found->second;
}

} // namespace ptx
} // namespace emu

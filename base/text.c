/* Numbers to and from text without the locale, growable text, and spelling suggestions.
 *
 * Data files are millions of short decimals, so numbers of up to 15 digits take an exact fast path:
 * integer mantissa times or over a power of ten, both exact in f64, hence one correct rounding. All
 * others are rewritten as "digits e exponent", which has no decimal point for a locale to change,
 * and given to the C library. */
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

/* Beyond 767 significant digits only "is the rest zero" can matter for rounding an f64. */
enum { DIGITS_MAX = 770, EXP_MAX = 100000 };

static const double power10[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

/* A decimal split by the grammar: the value is 0.d1 d2 d3 ... times 10^exp. */
typedef struct decimal {
    bool negative, cut_rest; /* cut_rest: nonzero digits follow those kept */
    int n;                   /* significant digits kept */
    int64_t exp;
    char digit[DIGITS_MAX + 16]; /* room for the rest marker and an exponent */
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take_digit(decimal *d, char c)
{
    if (d->n == 0 && c == '0') return;
    if (d->n < DIGITS_MAX)
        d->digit[d->n++] = c;
    else if (c != '0')
        d->cut_rest = true;
}

/* The digits around the point; false if there is none. */
static bool scan_mantissa(const char *s, size_t n, size_t *i, decimal *d)
{
    size_t digits = 0;
    for (; *i < n && is_digit(s[*i]); ++*i, digits++) {
        take_digit(d, s[*i]);
        if (d->n) d->exp++;
    }
    if (*i == n || s[*i] != '.') return digits > 0;
    size_t point = (*i)++;
    for (; *i < n && is_digit(s[*i]); ++*i, digits++) {
        take_digit(d, s[*i]);
        if (!d->n) d->exp--;
    }
    if (!digits) *i = point;
    return digits > 0;
}

static bool scan_exponent(const char *s, size_t n, size_t *i, decimal *d)
{
    if (*i == n || (s[*i] != 'e' && s[*i] != 'E')) return true;
    ++*i;
    bool negative = *i < n && s[*i] == '-';
    if (*i < n && (s[*i] == '-' || s[*i] == '+')) ++*i;
    if (*i == n || !is_digit(s[*i])) return false;
    int64_t exp = 0;
    for (; *i < n && is_digit(s[*i]); ++*i)
        if (exp < INT32_MAX) exp = exp * 10 + (s[*i] - '0');
    d->exp += negative ? -exp : exp;
    return true;
}

static bool scan_word(const char *s, size_t n, size_t at, const char *word)
{
    size_t length = strlen(word);
    if (n - at != length) return false;
    for (size_t i = 0; i < length; i++)
        if ((s[at + i] | 0x20) != word[i]) return false;
    return true;
}

static double convert(decimal *d)
{
    if (d->n == 0) return 0.0;
    int64_t exp = d->exp - d->n; /* of the digits read as an integer */
    if (d->n <= 15 && !d->cut_rest && exp >= -22 && exp <= 22) {
        int64_t mantissa = 0;
        for (int i = 0; i < d->n; i++) mantissa = mantissa * 10 + (d->digit[i] - '0');
        return exp < 0 ? (double)mantissa / power10[-exp] : (double)mantissa * power10[exp];
    }
    if (exp > EXP_MAX) return INFINITY;
    if (exp < -EXP_MAX) return 0.0;
    int at = d->n;
    if (d->cut_rest) {
        d->digit[at++] = '1';
        exp--;
    }
    snprintf(d->digit + at, sizeof d->digit - (size_t)at, "e%d", (int)exp);
    return strtod(d->digit, NULL);
}

static bool fail_at(size_t *at, size_t i)
{
    if (at) *at = i;
    return false;
}

bool vn_parse_f64(const char *s, size_t n, double *out, size_t *at)
{
    decimal d;
    d.negative = n > 0 && s[0] == '-';
    d.cut_rest = false;
    d.n = 0;
    d.exp = 0;
    size_t i = n > 0 && (s[0] == '-' || s[0] == '+');
    if (scan_word(s, n, i, "nan")) {
        *out = NAN;
        return true;
    }
    if (scan_word(s, n, i, "inf") || scan_word(s, n, i, "infinity")) {
        *out = d.negative ? -INFINITY : INFINITY;
        return true;
    }
    if (!scan_mantissa(s, n, &i, &d) || !scan_exponent(s, n, &i, &d) || i < n)
        return fail_at(at, i);
    double x = convert(&d);
    if (isinf(x)) return fail_at(at, 0); /* digits that no f64 can hold */
    *out = d.negative ? -x : x;
    return true;
}

bool vn_parse_i64(const char *s, size_t n, int64_t *out, size_t *at)
{
    bool negative = n > 0 && s[0] == '-';
    size_t i = n > 0 && (s[0] == '-' || s[0] == '+');
    if (i == n) return fail_at(at, i);
    int64_t x = 0; /* counted downwards: the negative side holds one more */
    for (; i < n; i++) {
        if (!is_digit(s[i])) return fail_at(at, i);
        int digit = s[i] - '0';
        if (x < (INT64_MIN + digit) / 10) return fail_at(at, i);
        x = x * 10 - digit;
    }
    if (!negative && x == INT64_MIN) return fail_at(at, n - 1);
    *out = negative ? x : -x;
    return true;
}

/* The `precision` significant digits of x > 0, without trailing zeros, as an integer text followed
 * by its exponent; *n digits, the first worth 10^*exp. */
static void digits_of(double x, int precision, char digits[48], int *n, int *exp)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, x);
    *n = 0;
    const char *p = text;
    for (; *p != 'e'; p++) /* what is no digit is the locale's decimal point */
        if (is_digit(*p)) digits[(*n)++] = *p;
    *exp = (int)strtol(p + 1, NULL, 10);
    while (*n > 1 && digits[*n - 1] == '0') --*n;
    snprintf(digits + *n, 48 - (size_t)*n, "e%d", *exp - (*n - 1));
}

/* As C's %g: an exponent below 1e-4 and from 1e<limit>. */
static void layout(const char *digits, int n, int exp, int limit, char *out)
{
    if (exp < -4 || exp >= limit) {
        *out++ = digits[0];
        if (n > 1) *out++ = '.';
        memcpy(out, digits + 1, (size_t)n - 1);
        snprintf(out + n - 1, 8, "e%c%02d", exp < 0 ? '-' : '+', abs(exp) % 1000);
        return;
    }
    if (exp < 0) {
        memcpy(out, "0.0000", 6);
        out += 1 - exp;
        memcpy(out, digits, (size_t)n);
        out[n] = 0;
        return;
    }
    for (int i = 0; i < n || i <= exp; i++) {
        if (i == exp + 1) *out++ = '.';
        *out++ = i < n ? digits[i] : '0';
    }
    *out = 0;
}

static char *format(double x, bool is_f32, char *out)
{
    if (isnan(x)) return memcpy(out, "nan", 4);
    char *p = out;
    if (signbit(x)) *p++ = '-';
    x = fabs(x);
    if (isinf(x))
        memcpy(p, "inf", 4);
    else if (x == 0)
        memcpy(p, "0", 2);
    if (isinf(x) || x == 0) return out;
    /* The fewest digits every normal number keeps, the most any needs. Subnormals keep fewer. */
    int low = is_f32 ? 6 : 15, high = is_f32 ? 9 : 17, n = 0, exp = 0;
    if (x < (is_f32 ? 1.17549435e-38 : 2.2250738585072014e-308)) low = 1;
    char digits[48];
    for (int precision = low; precision <= high; precision++) {
        digits_of(x, precision, digits, &n, &exp);
        if (is_f32 ? strtof(digits, NULL) == (float)x : strtod(digits, NULL) == x) break;
    }
    layout(digits, n, exp, is_f32 ? 9 : 16, p);
    return out;
}

char *vn_format_f64(double x, char out[VN_NUMBER_MAX])
{
    return format(x, false, out);
}

char *vn_format_f32(float x, char out[VN_NUMBER_MAX])
{
    return format((double)x, true, out);
}

/* Room for n more bytes and a zero. */
static bool reserve(vn_text *t, size_t n)
{
    if (t->failed) return false;
    if (n < t->cap - t->n) return true;
    size_t cap = t->cap ? t->cap : 64;
    while (cap - t->n <= n && cap <= SIZE_MAX / 4) cap *= 2;
    char *s = cap - t->n > n ? vn_realloc(t->s, cap) : NULL;
    if (!s) {
        t->failed = true;
        return false;
    }
    t->s = s;
    t->cap = cap;
    return true;
}

void vn_text_put(vn_text *t, const char *s, size_t n)
{
    if (!reserve(t, n)) return;
    if (n) memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

void vn_text_printf(vn_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) t->failed = true;
    if (n < 0 || !reserve(t, (size_t)n)) return;
    va_start(args, fmt);
    vsnprintf(t->s + t->n, (size_t)n + 1, fmt, args);
    va_end(args);
    t->n += (size_t)n;
}

bool vn_same_word(const char *s, size_t n, const char *word)
{
    size_t i = 0;
    while (i < n && word[i] && (s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 0x20 : s[i]) == word[i]) i++;
    return i == n && !word[i];
}

bool vn_same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b)) return false;
    return *a == *b;
}

size_t vn_utf8_size(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    if (n == 0) return 0;
    if (u[0] < 0x80) return 1;
    size_t size = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
    if (u[0] < 0xC2 || u[0] > 0xF4 || size > n) return 0;
    for (size_t i = 1; i < size; i++)
        if ((u[i] & 0xC0) != 0x80) return 0;
    if (u[0] == 0xE0 && u[1] < 0xA0) return 0; /* overlong */
    if (u[0] == 0xED && u[1] > 0x9F) return 0; /* a surrogate */
    if (u[0] == 0xF0 && u[1] < 0x90) return 0; /* overlong */
    if (u[0] == 0xF4 && u[1] > 0x8F) return 0; /* beyond U+10FFFF */
    return size;
}

size_t vn_utf8_put(uint32_t code, char out[4])
{
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    if ((code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return 0;
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(size == 1 ? code : lead[size] | code);
    return size;
}

const char *vn_show_char(const char *s, size_t n, char out[VN_SHOWN_MAX])
{
    size_t size = vn_utf8_size(s, n);
    if (n == 0) return "the end";
    if (*s == '\n' || (*s == '\r' && n > 1 && s[1] == '\n')) return "the end of the line";
    if (size == 0 || (unsigned char)*s < 0x20 || *s == 0x7F)
        snprintf(out, VN_SHOWN_MAX, "byte 0x%02x", (unsigned)(unsigned char)*s);
    else
        snprintf(out, VN_SHOWN_MAX, "'%.*s'", (int)size, s);
    return out;
}

static void put_escaped(vn_text *t, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *at = strchr(plain, c);
    if (at)
        vn_text_printf(t, "\\%c", letter[at - plain]);
    else
        vn_text_printf(t, "\\u%04x", (unsigned)(unsigned char)c);
}

void vn_text_json(vn_text *t, const char *s)
{
    size_t left = strlen(s);
    vn_text_put(t, "\"", 1);
    while (left) {
        size_t size = vn_utf8_size(s, left);
        if (size == 0)
            vn_text_put(t, "\xEF\xBF\xBD", 3); /* JSON is UTF-8: U+FFFD for the rest */
        else if (size == 1 && ((unsigned char)*s < 0x20 || *s == '"' || *s == '\\'))
            put_escaped(t, *s);
        else
            vn_text_put(t, s, size);
        s += size ? size : 1;
        left -= size ? size : 1;
    }
    vn_text_put(t, "\"", 1);
}

void vn_text_json_f64(vn_text *t, double x)
{
    char number[VN_NUMBER_MAX];
    if (isfinite(x)) vn_format_f64(x, number);
    vn_text_printf(t, "%s", isfinite(x) ? number : "null");
}

void vn_text_close(vn_text *t)
{
    if (!t) return;
    vn_free(t->s);
    *t = (vn_text){ 0 };
}

enum { WORD_MAX = 64 };

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Edits (insert, delete, replace, swap neighbours) from a[0..n) to b[0..m), both below WORD_MAX. */
static int distance(const char *a, int n, const char *b, int m)
{
    int row[3][WORD_MAX + 1]; /* of i, i - 1 and i - 2 */
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            bool same = fold(a[i - 1]) == fold(b[j - 1]);
            int best = up[j - 1] + !same;
            if (up[j] + 1 < best) best = up[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]) && up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *vn_nearest(const char *word, const char *(*get)(int i, const void *ctx),
                       const void *ctx)
{
    size_t n = strlen(word);
    if (n == 0 || n > WORD_MAX) return NULL;
    int best =
        n / 3 > 1 ? (int)(n / 3) + 1 : 2; /* a third of the word may be wrong, one letter always */
    const char *nearest = NULL, *candidate;
    for (int i = 0; (candidate = get(i, ctx)); i++) {
        size_t m = strlen(candidate);
        if (m > WORD_MAX) continue;
        int d = distance(word, (int)n, candidate, (int)m);
        if (d >= best) continue;
        best = d;
        nearest = candidate;
    }
    return nearest;
}

/* Option text to fields and back, as the tables say.
 *
 * Everything is strict: no blanks inside numbers, no nan or inf, nothing behind the value. A
 * refused text leaves the field as it was. */
#include "base/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHOICES_MAX = 640, SHOWN = 64 };

/* The text of one value or list element: s[0..n), not terminated. */
typedef struct piece {
    const char *s;
    size_t n;
} piece;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static piece trim(const char *text)
{
    piece p = { text, strlen(text) };
    while (p.n && is_blank(*p.s)) p.s++, p.n--;
    while (p.n && is_blank(p.s[p.n - 1])) p.n--;
    return p;
}

const vn_option *vn_option_find(const vn_option *table, const char *name)
{
    for (const vn_option *o = table; o->name; o++)
        if (vn_same_name(o->name, name)) return o;
    return NULL;
}

/* The i-th of "a|b|c"; empty at the end. */
static piece choice(const char *choices, int64_t i)
{
    piece p = { choices, strcspn(choices, "|") };
    while (i-- > 0 && p.s[p.n]) {
        p.s += p.n + 1;
        p.n = strcspn(p.s, "|");
    }
    return i >= 0 ? (piece){ "", 0 } : p;
}

static bool bounded(const vn_option *o)
{
    return o->lo != 0 || o->hi != 0;
}

static bool inside(const vn_option *o, double x)
{
    return !bounded(o) || (x >= o->lo && x <= o->hi);
}

static bool is_whole(const vn_option *o)
{
    return o->type == VN_OPT_INT || o->type == VN_OPT_INTS;
}

/* A bound as the user would type it: those of integers without an exponent. The bound of the largest
 * 64-bit integers is not a double; what stands for it is. */
static char *bound_text(const vn_option *o, double x, char out[VN_NUMBER_MAX])
{
    if (!is_whole(o) || isinf(x)) return vn_format_f64(x, out);
    int64_t whole = x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : (int64_t)x;
    snprintf(out, VN_NUMBER_MAX, "%lld", (long long)whole);
    return out;
}

/* "an integer from 1 to 10", "a number of at least 0". */
static void expected(const vn_option *o, const char *what, char *out, size_t size)
{
    char lo[VN_NUMBER_MAX], hi[VN_NUMBER_MAX];
    bound_text(o, o->lo, lo);
    bound_text(o, o->hi, hi);
    if (!bounded(o) || (isinf(o->lo) && isinf(o->hi)))
        snprintf(out, size, "%s", what);
    else if (isinf(o->hi))
        snprintf(out, size, "%s of at least %s", what, lo);
    else if (isinf(o->lo))
        snprintf(out, size, "%s of at most %s", what, hi);
    else
        snprintf(out, size, "%s from %s to %s", what, lo, hi);
}

/* `name: expected WANTED, got "text"HINT`; element: 1, 2, ... in a list, 0 outside. */
static vn_status refuse(const vn_option *o, int64_t element, const char *wanted, piece got,
                        const char *hint)
{
    char place[40] = "";
    if (element) snprintf(place, sizeof place, "element %lld: ", (long long)element);
    bool cut = got.n > SHOWN;
    return VN_FAIL(VN_E_ARGUMENT, "%s: %sexpected %s, got \"%.*s%s\"%s", o->name, place, wanted,
                   (int)(cut ? SHOWN : got.n), got.s, cut ? "..." : "", hint);
}

static vn_status set_int(const vn_option *o, int64_t element, piece p, int64_t *out)
{
    char wanted[128];
    int64_t x;
    if (vn_parse_i64(p.s, p.n, &x, NULL) && inside(o, (double)x)) {
        *out = x;
        return VN_OK;
    }
    expected(o, "an integer", wanted, sizeof wanted);
    return refuse(o, element, wanted, p, "");
}

static vn_status set_float(const vn_option *o, int64_t element, piece p, double *out)
{
    char wanted[128];
    double x;
    if (vn_parse_f64(p.s, p.n, &x, NULL) && isfinite(x) && inside(o, x)) {
        *out = x;
        return VN_OK;
    }
    expected(o, "a number", wanted, sizeof wanted);
    return refuse(o, element, wanted, p, "");
}

static vn_status set_bool(const vn_option *o, piece p, bool *out)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (vn_same_word(p.s, p.n, words[i])) {
            *out = i % 2;
            return VN_OK;
        }
    return refuse(o, 0, "true or false", p, "");
}

/* The i-th text of several, each with its zero, ended by an empty one. */
static const char *nth_text(int i, const void *ctx)
{
    const char *s = ctx;
    while (i-- > 0 && *s) s += strlen(s) + 1;
    return *s ? s : NULL;
}

/* `; did you mean "robust"?` if a choice is near, else nothing. */
static void suggest(const char *list, piece p, char *out, size_t size)
{
    char texts[CHOICES_MAX], got[CHOICES_MAX];
    size_t n = strlen(list);
    out[0] = 0;
    if (p.n >= sizeof got || n + 2 > sizeof texts) return;
    memcpy(got, p.s, p.n);
    got[p.n] = 0;
    for (size_t i = 0; i < n; i++) texts[i] = list[i] == '|' ? 0 : list[i];
    texts[n] = texts[n + 1] = 0;
    const char *near = vn_nearest(got, nth_text, texts);
    if (near) snprintf(out, size, "; did you mean \"%s\"?", near);
}

static vn_status set_enum(const vn_option *o, int64_t element, piece p, int64_t *out)
{
    piece c;
    for (int64_t i = 0; (c = choice(o->choices, i)).n; i++)
        if (c.n == p.n && !memcmp(c.s, p.s, p.n)) {
            *out = i;
            return VN_OK;
        }
    char wanted[CHOICES_MAX], hint[CHOICES_MAX];
    int at = snprintf(wanted, sizeof wanted, "one of ");
    for (int64_t i = 0; (c = choice(o->choices, i)).n && at < (int)sizeof wanted; i++)
        at += snprintf(wanted + at, sizeof wanted - (size_t)at, "%s%.*s", i ? ", " : "", (int)c.n,
                       c.s);
    suggest(o->choices, p, hint, sizeof hint);
    return refuse(o, element, wanted, p, hint);
}

static vn_status set_text(const vn_option *o, const char *text, vn_opt_TEXT *out)
{
    size_t n = strlen(text);
    if (n >= VN_TEXT_MAX)
        return VN_FAIL(VN_E_ARGUMENT, "%s: expected at most %d bytes, got %zu", o->name,
                       VN_TEXT_MAX - 1, n);
    memset(out, 0, sizeof *out);
    memcpy(out->s, text, n);
    return VN_OK;
}

static bool is_comma(char c) { return c == ',' || c == ':'; }

/* Cuts "[2, 2 1]" or "8640:2880:2880" into its elements. False if the brackets or commas are wrong. */
static bool cut_list(piece p, piece *element, int64_t max, int64_t *n)
{
    *n = 0;
    if (p.n && *p.s == '[') {
        if (p.n < 2 || p.s[p.n - 1] != ']') return false;
        p.s++, p.n -= 2;
    }
    bool comma = false; /* one has been read and its element has not */
    for (size_t i = 0; i < p.n;) {
        if (is_blank(p.s[i]) || is_comma(p.s[i])) {
            if (is_comma(p.s[i]) && (comma || *n == 0)) return false;
            comma |= is_comma(p.s[i++]);
            continue;
        }
        size_t first = i;
        while (i < p.n && !is_blank(p.s[i]) && !is_comma(p.s[i])) i++;
        if (*n < max) element[*n] = (piece){ p.s + first, i - first };
        ++*n;
        comma = false;
    }
    return !comma;
}

static vn_status set_list(const vn_option *o, void *field, piece p)
{
    piece element[VN_LIST_MAX];
    int64_t n;
    if (!cut_list(p, element, VN_LIST_MAX, &n))
        return refuse(o, 0, "a list such as [2, 2, 1]", p, "");
    if (n > VN_LIST_MAX)
        return VN_FAIL(VN_E_ARGUMENT, "%s: expected at most %d elements, got %lld", o->name,
                       VN_LIST_MAX, (long long)n);
    vn_opt_INTS ints = { .n = n };
    vn_opt_FLOATS floats = { .n = n };
    for (int64_t i = 0; i < n; i++) {
        if (o->type == VN_OPT_INTS)
            VN_TRY(set_int(o, i + 1, element[i], &ints.v[i]));
        else if (o->type == VN_OPT_ENUMS)
            VN_TRY(set_enum(o, i + 1, element[i], &ints.v[i]));
        else
            VN_TRY(set_float(o, i + 1, element[i], &floats.v[i]));
    }
    if (o->type == VN_OPT_FLOATS)
        *(vn_opt_FLOATS *)field = floats;
    else
        *(vn_opt_INTS *)field = ints;
    return VN_OK;
}

vn_status vn_option_set(const vn_option *o, void *target, const char *text)
{
    void *field = (char *)target + o->offset;
    piece p = trim(text);
    switch (o->type) {
    case VN_OPT_INT:
        return set_int(o, 0, p, field);
    case VN_OPT_FLOAT:
        return set_float(o, 0, p, field);
    case VN_OPT_BOOL:
        return set_bool(o, p, field);
    case VN_OPT_TEXT:
        return set_text(o, text, field);
    case VN_OPT_ENUM:
        return set_enum(o, 0, p, field);
    case VN_OPT_INTS:
    case VN_OPT_FLOATS:
    case VN_OPT_ENUMS:
        return set_list(o, field, p);
    }
    return VN_FAIL(VN_E_BUG, "option %s has the unknown type %d", o->name, (int)o->type);
}

vn_status vn_options_preset(const vn_option *table, void *target)
{
    for (const vn_option *o = table; o->name; o++)
        if (!o->preset || vn_option_set(o, target, o->preset)) {
            if (o->preset) return vn_fail_in(VN_FAIL(VN_E_BUG, "%s", vn_last_message()), "default");
            return VN_FAIL(VN_E_BUG, "option %s has no default", o->name);
        }
    return VN_OK;
}

static void put_number(vn_text *out, double x)
{
    char number[VN_NUMBER_MAX];
    vn_text_printf(out, "%s", vn_format_f64(x, number));
}

static void put_choice(vn_text *out, const vn_option *o, int64_t i)
{
    piece c = choice(o->choices, i);
    vn_text_put(out, c.s, c.n);
}

void vn_option_get(const vn_option *o, const void *target, vn_text *out)
{
    const void *field = (const char *)target + o->offset;
    const vn_opt_INTS *ints = field;
    const vn_opt_FLOATS *floats = field;
    bool is_list = false;
    int64_t n = 0;
    switch (o->type) {
    case VN_OPT_INT:
        vn_text_printf(out, "%lld", (long long)*(const vn_opt_INT *)field);
        break;
    case VN_OPT_FLOAT:
        put_number(out, *(const vn_opt_FLOAT *)field);
        break;
    case VN_OPT_BOOL:
        vn_text_printf(out, *(const vn_opt_BOOL *)field ? "true" : "false");
        break;
    case VN_OPT_TEXT:
        vn_text_printf(out, "%s", ((const vn_opt_TEXT *)field)->s);
        break;
    case VN_OPT_ENUM:
        put_choice(out, o, *(const vn_opt_ENUM *)field);
        break;
    case VN_OPT_INTS:
    case VN_OPT_ENUMS:
        is_list = true, n = ints->n;
        break;
    case VN_OPT_FLOATS:
        is_list = true, n = floats->n;
        break;
    }
    if (!is_list) return;
    vn_text_put(out, "[", 1);
    for (int64_t i = 0; i < n; i++) {
        if (i) vn_text_put(out, ", ", 2);
        if (o->type == VN_OPT_INTS)
            vn_text_printf(out, "%lld", (long long)ints->v[i]);
        else if (o->type == VN_OPT_ENUMS)
            put_choice(out, o, ints->v[i]);
        else
            put_number(out, floats->v[i]);
    }
    vn_text_put(out, "]", 1);
}

/* An element as JSON: enums and texts are strings. */
static void put_json_choice(vn_text *out, const vn_option *o, int64_t i)
{
    vn_text word = { 0 };
    put_choice(&word, o, i);
    vn_text_json(out, word.s ? word.s : "");
    out->failed |= word.failed;
    vn_text_close(&word);
}

void vn_option_json(const vn_option *o, const void *target, vn_text *out)
{
    const void *field = (const char *)target + o->offset;
    const vn_opt_INTS *list = field;
    if (o->type == VN_OPT_TEXT) {
        vn_text_json(out, ((const vn_opt_TEXT *)field)->s);
    } else if (o->type == VN_OPT_ENUM) {
        put_json_choice(out, o, *(const vn_opt_ENUM *)field);
    } else if (o->type == VN_OPT_ENUMS) {
        vn_text_put(out, "[", 1);
        for (int64_t i = 0; i < list->n; i++) {
            if (i) vn_text_put(out, ", ", 2);
            put_json_choice(out, o, list->v[i]);
        }
        vn_text_put(out, "]", 1);
    } else { /* numbers, booleans and lists of numbers are written as JSON has them */
        vn_option_get(o, target, out);
    }
}

static bool same_ints(const vn_opt_INTS *a, const vn_opt_INTS *b)
{
    return a->n == b->n && !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v);
}

static bool same_floats(const vn_opt_FLOATS *a, const vn_opt_FLOATS *b)
{
    int64_t i = 0;
    while (a->n == b->n && i < a->n && a->v[i] == b->v[i]) i++;
    return a->n == b->n && i == a->n;
}

bool vn_option_same(const vn_option *o, const void *a, const void *b)
{
    const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;
    switch (o->type) {
    case VN_OPT_INT:
    case VN_OPT_ENUM:
        return *(const int64_t *)x == *(const int64_t *)y;
    case VN_OPT_FLOAT:
        return *(const double *)x == *(const double *)y;
    case VN_OPT_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case VN_OPT_TEXT:
        return !strcmp(((const vn_opt_TEXT *)x)->s, ((const vn_opt_TEXT *)y)->s);
    case VN_OPT_INTS:
    case VN_OPT_ENUMS:
        return same_ints(x, y);
    case VN_OPT_FLOATS:
        return same_floats(x, y);
    }
    return false;
}

void vn_option_accepts(const vn_option *o, vn_text *out)
{
    static const char *const words[] = { "int", "float",       "true | false",  "text",
                                         "",    "list of int", "list of float", "list of " };
    vn_text_printf(out, "%s", words[o->type]);
    if (o->type == VN_OPT_ENUM || o->type == VN_OPT_ENUMS) {
        for (const char *s = o->choices; *s; s++)
            vn_text_put(out, *s == '|' ? " | " : s, *s == '|' ? 3 : 1);
        return;
    }
    if (o->type == VN_OPT_BOOL || o->type == VN_OPT_TEXT || !bounded(o)) return;
    char lo[VN_NUMBER_MAX], hi[VN_NUMBER_MAX];
    vn_text_printf(out, " %s .. %s", bound_text(o, o->lo, lo), bound_text(o, o->hi, hi));
}

/* JSON for headers that strangers wrote (safetensors): strict, exact, bounded.
 *
 * An open container costs one entry of a fixed stack, so depth is bounded and input cannot exhaust
 * the C stack. Duplicate keys are found by sorting, n log n for any keys an attacker chooses. */
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

enum { DEPTH_MAX = 32 };

typedef struct parser {
    vn_arena *arena;
    const char *s;
    size_t n, at, line_start;
    int line, depth;
    vn_json *open[DEPTH_MAX];  /* containers around the current place, outermost first */
    vn_json **tail[DEPTH_MAX]; /* where the next child of each is linked */
} parser;

static vn_status fail(const parser *p, size_t at, const char *fmt, ...) VN_PRINTF(3, 4);

static vn_status fail(const parser *p, size_t at, const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return VN_FAIL(VN_E_DATA, "%d:%zu: %s", p->line, at - p->line_start + 1, what);
}

static vn_status fail_expected(const parser *p, const char *wanted)
{
    char shown[VN_SHOWN_MAX];
    return fail(p, p->at, "expected %s, found %s", wanted,
                vn_show_char(p->s + p->at, p->n - p->at, shown));
}

/* The current byte; 0 at the end (a zero byte in the text fits nowhere either). */
static char peek(const parser *p)
{
    return p->at < p->n ? p->s[p->at] : 0;
}

static void skip_blanks(parser *p)
{
    for (; p->at < p->n; p->at++) {
        char c = p->s[p->at];
        if (c == '\n') {
            p->line++;
            p->line_start = p->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Four hex digits at the current place. */
static vn_status take_hex4(parser *p, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        char c = peek(p), low = (char)(c | 0x20);
        if (!is_digit(c) && !(low >= 'a' && low <= 'f')) return fail_expected(p, "a hex digit");
        *out = *out * 16 + (uint32_t)(is_digit(c) ? c - '0' : low - 'a' + 10);
    }
    return VN_OK;
}

/* Behind "\u": one code point, of two escapes if it is a surrogate pair. */
static vn_status take_unicode(parser *p, char **out)
{
    uint32_t code, low;
    size_t at = p->at - 2;
    VN_TRY(take_hex4(p, &code));
    if (code >= 0xD800 && code < 0xDC00) {
        if (p->n - p->at < 2 || p->s[p->at] != '\\' || p->s[p->at + 1] != 'u')
            return fail(p, at, "half a surrogate pair");
        p->at += 2;
        VN_TRY(take_hex4(p, &low));
        if (low < 0xDC00 || low > 0xDFFF) return fail(p, at, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    size_t size = vn_utf8_put(code, *out);
    if (!size) return fail(p, at, "half a surrogate pair");
    *out += size;
    return VN_OK;
}

static vn_status take_escape(parser *p, char **out)
{
    static const char letter[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    char c = peek(p);
    const char *found = c ? strchr(letter, c) : NULL;
    p->at++;
    if (found)
        *(*out)++ = plain[found - letter];
    else if (c == 'u')
        return take_unicode(p, out);
    else
        return fail(p, p->at - 2, "unknown escape in a string");
    return VN_OK;
}

/* The offset of the quote that closes the string opened before `at`; n if there is none. */
static size_t closing_quote(const parser *p)
{
    size_t i = p->at;
    while (i < p->n && p->s[i] != '"') i += p->s[i] == '\\' ? 2 : 1;
    return i < p->n ? i : p->n;
}

static vn_status take_string(parser *p, const char **text, size_t *n)
{
    size_t open = p->at++, close = closing_quote(p);
    if (close == p->n) return fail(p, open, "the string has no closing quote");
    char *s = vn_arena_alloc(p->arena, close - p->at + 1), *out = s; /* escapes only shrink */
    if (!s) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    while (p->at < close) {
        unsigned char c = (unsigned char)p->s[p->at];
        if (c == '\\') {
            p->at++;
            VN_TRY(take_escape(p, &out));
            continue;
        }
        size_t size = vn_utf8_size(p->s + p->at, close - p->at);
        if (size == 0) return fail(p, p->at, "byte 0x%02x is not UTF-8", c);
        if (c < 0x20) return fail(p, p->at, "control character 0x%02x in a string", c);
        memcpy(out, p->s + p->at, size);
        out += size;
        p->at += size;
    }
    p->at = close + 1;
    *text = s;
    *n = (size_t)(out - s);
    return VN_OK;
}

static vn_status take_digits(parser *p)
{
    if (!is_digit(peek(p))) return fail_expected(p, "a digit");
    while (is_digit(peek(p))) p->at++;
    return VN_OK;
}

static vn_status take_number(parser *p, vn_json *v)
{
    size_t first = p->at;
    bool plain = true; /* without point and exponent */
    if (peek(p) == '-') p->at++;
    if (peek(p) == '0')
        p->at++;
    else
        VN_TRY(take_digits(p));
    if (is_digit(peek(p))) return fail(p, first, "a number may not start with 0");
    if (peek(p) == '.') {
        plain = false;
        p->at++;
        VN_TRY(take_digits(p));
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        plain = false;
        p->at++;
        if (peek(p) == '+' || peek(p) == '-') p->at++;
        VN_TRY(take_digits(p));
    }
    v->type = VN_JSON_NUMBER;
    v->is_int = plain && vn_parse_i64(p->s + first, p->at - first, &v->i, NULL);
    if (!vn_parse_f64(p->s + first, p->at - first, &v->f, NULL))
        return fail(p, first, "the number is out of range");
    return VN_OK;
}

static vn_status take_word(parser *p, vn_json *v)
{
    static const struct {
        const char *word;
        vn_json_type type;
        int64_t i;
    } words[] = { { "null", VN_JSON_NULL, 0 },
                  { "true", VN_JSON_BOOL, 1 },
                  { "false", VN_JSON_BOOL, 0 } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].word);
        if (p->n - p->at < n || memcmp(p->s + p->at, words[i].word, n)) continue;
        p->at += n;
        v->type = words[i].type;
        v->i = words[i].i;
        return VN_OK;
    }
    return fail_expected(p, "a value");
}

/* A scalar whole, or the opening bracket of a container, which goes on the stack. */
static vn_status take_value(parser *p, vn_json *v)
{
    char c = peek(p);
    if (c == '"') {
        v->type = VN_JSON_STRING;
        return take_string(p, &v->s, &v->n);
    }
    if (c == '-' || is_digit(c)) return take_number(p, v);
    if (c != '[' && c != '{') return take_word(p, v);
    if (p->depth == DEPTH_MAX) return fail(p, p->at, "nested deeper than %d", DEPTH_MAX);
    v->type = c == '[' ? VN_JSON_ARRAY : VN_JSON_OBJECT;
    p->open[p->depth] = v;
    p->tail[p->depth++] = &v->child;
    p->at++;
    return VN_OK;
}

static vn_status take_key(parser *p, vn_json *v)
{
    size_t at = p->at, n = 0;
    if (peek(p) != '"') return fail_expected(p, "a key in quotes");
    VN_TRY(take_string(p, &v->key, &n));
    if (strlen(v->key) != n) return fail(p, at, "a key may not hold a zero byte");
    skip_blanks(p);
    if (peek(p) != ':') return fail_expected(p, "':'");
    p->at++;
    skip_blanks(p);
    return VN_OK;
}

/* The next child of the innermost container, or the root. */
static vn_status take_node(parser *p, vn_json **root)
{
    vn_json *v = vn_arena_alloc(p->arena, sizeof *v);
    if (!v) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    skip_blanks(p);
    v->line = p->line;
    v->col = (int)(p->at - p->line_start + 1);
    int parent = p->depth - 1;
    if (parent >= 0 && p->open[parent]->type == VN_JSON_OBJECT) VN_TRY(take_key(p, v));
    VN_TRY(take_value(p, v));
    if (parent < 0) {
        *root = v;
        return VN_OK;
    }
    p->open[parent]->n++;
    *p->tail[parent] = v;
    p->tail[parent] = &v->next;
    return VN_OK;
}

/* By key, then by place, so that the second of two equal keys is reported. */
static int compare(const vn_json *a, const vn_json *b)
{
    int order = strcmp(a->key, b->key);
    if (order) return order;
    return a->line != b->line ? (a->line < b->line ? -1 : 1)
                              : (a->col > b->col) - (a->col < b->col);
}

static void sift(const vn_json **v, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && compare(v[child], v[child + 1]) < 0) child++;
        if (compare(v[at], v[child]) >= 0) return;
        const vn_json *t = v[at];
        v[at] = v[child];
        v[child] = t;
    }
}

static void heap_sort(const vn_json **v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) sift(v, i, n);
    for (size_t i = n; i-- > 1;) {
        const vn_json *t = v[0];
        v[0] = v[i];
        v[i] = t;
        sift(v, 0, i);
    }
}

static vn_status check_keys(const vn_json *object)
{
    if (object->n < 2) return VN_OK;
    const vn_json **sorted = vn_calloc(object->n, sizeof *sorted);
    if (!sorted) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    size_t n = 0;
    for (const vn_json *v = object->child; v; v = v->next) sorted[n++] = v;
    heap_sort(sorted, n);
    vn_status st = VN_OK;
    for (size_t i = 1; i < n && !st; i++)
        if (!strcmp(sorted[i - 1]->key, sorted[i]->key))
            st = VN_FAIL(VN_E_DATA, "%d:%d: the key \"%.64s\" is already in line %d, column %d",
                         sorted[i]->line, sorted[i]->col, sorted[i]->key, sorted[i - 1]->line,
                         sorted[i - 1]->col);
    vn_free(sorted);
    return st;
}

/* Closing brackets and the comma behind a value; `opened`: a container has just begun. */
static vn_status after_value(parser *p, bool opened)
{
    while (p->depth > 0) {
        const vn_json *top = p->open[p->depth - 1];
        bool is_array = top->type == VN_JSON_ARRAY;
        skip_blanks(p);
        if (peek(p) == (is_array ? ']' : '}')) {
            p->at++;
            if (!is_array) VN_TRY(check_keys(top));
            p->depth--;
            opened = false;
            continue;
        }
        if (opened) return VN_OK;
        if (peek(p) != ',') return fail_expected(p, is_array ? "',' or ']'" : "',' or '}'");
        p->at++;
        return VN_OK;
    }
    return VN_OK;
}

vn_status vn_json_parse(vn_arena *arena, const char *text, size_t n, vn_json **root)
{
    parser p = { .arena = arena, .s = text, .n = n, .line = 1 };
    *root = NULL;
    vn_json *first = NULL;
    do {
        int depth = p.depth;
        VN_TRY(take_node(&p, &first));
        VN_TRY(after_value(&p, p.depth > depth));
    } while (p.depth > 0);
    skip_blanks(&p);
    if (p.at < p.n) return vn_trail(fail_expected(&p, "the end"), __FILE__, __LINE__);
    *root = first;
    return VN_OK;
}

const vn_json *vn_json_get(const vn_json *object, const char *key)
{
    if (!object || object->type != VN_JSON_OBJECT) return NULL;
    for (const vn_json *v = object->child; v; v = v->next)
        if (!strcmp(v->key, key)) return v;
    return NULL;
}

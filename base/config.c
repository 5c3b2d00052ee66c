/* Config files: a strict subset of TOML, one `key = value` a line.
 *
 * Left out, with an error that says so: dotted and quoted keys, tables within tables, values over
 * several lines, dates, and numbers that are not decimal. Values leave here as option text. */
#include "base/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

/* Keys and section headers seen, to refuse a second one. Linear: a config has tens of keys. */
typedef struct seen {
    const char *section, *key; /* key NULL: the header itself */
    int line;
    struct seen *older;
} seen;

typedef struct parser {
    const char *name, *s; /* the file's name; the whole text */
    size_t n, at, line_start;
    int line;
    const char *section;
    seen *seen;
    vn_arena arena;
    vn_text value, where;
} parser;

static vn_status fail(const parser *p, size_t at, const char *fmt, ...) VN_PRINTF(3, 4);

static vn_status fail(const parser *p, size_t at, const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return VN_FAIL(VN_E_ARGUMENT, "%s:%d:%zu: %s", p->name, p->line, at - p->line_start + 1, what);
}

static vn_status fail_expected(const parser *p, const char *wanted)
{
    char shown[VN_SHOWN_MAX];
    return fail(p, p->at, "expected %s, found %s", wanted,
                vn_show_char(p->s + p->at, p->n - p->at, shown));
}

static char peek(const parser *p)
{
    return p->at < p->n ? p->s[p->at] : '\n';
}

static bool at_line_end(const parser *p)
{
    return peek(p) == '\n' || (peek(p) == '\r' && p->at + 1 < p->n && p->s[p->at + 1] == '\n');
}

static void skip_blanks(parser *p)
{
    while (p->at < p->n && (p->s[p->at] == ' ' || p->s[p->at] == '\t')) p->at++;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
}

/* One character of a string or comment: UTF-8, no control character but the tab. */
static vn_status take_char(parser *p)
{
    size_t size = vn_utf8_size(p->s + p->at, p->n - p->at);
    unsigned char c = (unsigned char)p->s[p->at];
    if (size == 0) return fail(p, p->at, "byte 0x%02x is not UTF-8", c);
    if ((c < 0x20 && c != '\t') || c == 0x7F) return fail(p, p->at, "control character 0x%02x", c);
    p->at += size;
    return VN_OK;
}

/* Blanks, a comment, and the end of the line. */
static vn_status finish_line(parser *p)
{
    skip_blanks(p);
    if (peek(p) == '#')
        while (!at_line_end(p)) VN_TRY(take_char(p));
    if (!at_line_end(p)) return fail_expected(p, "the end of the line");
    if (peek(p) == '\r') p->at++;
    if (p->at < p->n) p->at++;
    p->line++;
    p->line_start = p->at;
    return VN_OK;
}

static vn_status take_bare(parser *p, const char *what, const char **out)
{
    size_t first = p->at;
    while (p->at < p->n && is_bare(p->s[p->at])) p->at++;
    if (p->at == first) return fail_expected(p, what);
    *out = vn_arena_text(&p->arena, p->s + first, p->at - first);
    return *out ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static vn_status remember(parser *p, size_t at, const char *section, const char *key)
{
    for (const seen *old = p->seen; old; old = old->older) {
        if (!old->key != !key || !vn_same_name(old->section, section)) continue;
        if (key && !vn_same_name(old->key, key)) continue;
        return fail(p, at, "%s \"%s\" is already %s in line %d", key ? "key" : "section",
                    key ? key : section, key ? "set" : "opened", old->line);
    }
    seen *new = vn_arena_alloc(&p->arena, sizeof *new);
    if (!new) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *new = (seen){ section, key, p->line, p->seen };
    p->seen = new;
    return VN_OK;
}

static bool hex_value(const char *s, size_t n, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        int c = s[i] | 0x20;
        if (!is_digit(s[i]) && !(c >= 'a' && c <= 'f')) return false;
        *out = *out * 16 + (uint32_t)(is_digit(s[i]) ? s[i] - '0' : c - 'a' + 10);
    }
    return true;
}

/* Behind a backslash. */
static vn_status take_escape(parser *p)
{
    static const char letter[] = "btnfr\"\\", plain[] = "\b\t\n\f\r\"\\";
    char c = peek(p);
    const char *found = c ? strchr(letter, c) : NULL;
    if (found) {
        vn_text_put(&p->value, plain + (found - letter), 1);
        p->at++;
        return VN_OK;
    }
    size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t code;
    char utf8[4];
    if (!digits) return fail(p, p->at - 1, "unknown escape; in 'single quotes' \\ is plain");
    if (p->n - p->at <= digits || !hex_value(p->s + p->at + 1, digits, &code) || code == 0 ||
        !vn_utf8_put(code, utf8))
        return fail(p, p->at - 1, "\\%c needs %zu hex digits of a character", c, digits);
    vn_text_put(&p->value, utf8, vn_utf8_put(code, utf8));
    p->at += 1 + digits;
    return VN_OK;
}

static vn_status take_string(parser *p)
{
    size_t open = p->at;
    char quote = p->s[p->at++];
    if (p->n - p->at >= 2 && p->s[p->at] == quote && p->s[p->at + 1] == quote)
        return fail(p, open, "strings over several lines are not supported");
    while (peek(p) != quote) {
        if (at_line_end(p)) return fail(p, open, "the string has no closing %c", quote);
        if (quote == '"' && peek(p) == '\\') {
            p->at++;
            VN_TRY(take_escape(p));
            continue;
        }
        size_t first = p->at;
        VN_TRY(take_char(p));
        vn_text_put(&p->value, p->s + first, p->at - first);
    }
    p->at++;
    return VN_OK;
}

/* TOML's decimal grammar: no leading zeros, digits on both sides of a point. */
static bool is_number(const char *s, size_t n)
{
    size_t i = n && (*s == '-' || *s == '+'), first = i;
    while (i < n && is_digit(s[i])) i++;
    if (i == first || (s[first] == '0' && i - first > 1)) return false;
    if (i < n && s[i] == '.') {
        first = ++i;
        while (i < n && is_digit(s[i])) i++;
        if (i == first) return false;
    }
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i += i + 1 < n && (s[i + 1] == '-' || s[i + 1] == '+') ? 2 : 1;
        first = i;
        while (i < n && is_digit(s[i])) i++;
        if (i == first) return false;
    }
    return i == n;
}

/* A word without quotes: a number (with _ between digits) or a truth value. */
static vn_status take_word(parser *p)
{
    char word[64];
    size_t first = p->at, n = 0, length = 0;
    for (; p->at < p->n; p->at++, length++) {
        char c = p->s[p->at];
        if (!is_bare(c) && c != '.' && c != '+' && c != ':') break;
        bool between = c == '_' && length && is_digit(p->s[p->at - 1]) && p->at + 1 < p->n &&
                       is_digit(p->s[p->at + 1]);
        if (!between && n < sizeof word) word[n++] = c;
    }
    if (!length) return fail_expected(p, "a value");
    bool known = (n == 4 && !memcmp(word, "true", 4)) || (n == 5 && !memcmp(word, "false", 5));
    if (n == sizeof word || (!known && !is_number(word, n)))
        return fail(p, first, "expected a number, true, false or a text in quotes, found \"%.*s\"",
                    (int)(length < sizeof word ? length : sizeof word), p->s + first);
    vn_text_put(&p->value, word, n);
    return VN_OK;
}

static vn_status take_scalar(parser *p)
{
    char c = peek(p);
    if (c == '"' || c == '\'') return take_string(p);
    if (c == '{') return fail(p, p->at, "inline tables are not supported");
    return take_word(p);
}

static vn_status take_element(parser *p)
{
    size_t at = p->at, first = p->value.n;
    if (peek(p) == '[') return fail(p, at, "lists of lists are not supported");
    VN_TRY(take_scalar(p));
    if (p->value.failed || p->where.failed) return VN_OK;
    if (p->value.n == first || strcspn(p->value.s + first, " \t,[]\n") < p->value.n - first)
        return fail(p, at, "a text in a list may not be empty or hold blanks, commas or brackets");
    return VN_OK;
}

static vn_status take_list(parser *p)
{
    size_t open = p->at++;
    vn_text_put(&p->value, "[", 1);
    for (bool first = true;; first = false) {
        skip_blanks(p);
        if (peek(p) == ']') break;
        if (at_line_end(p) || peek(p) == '#') return fail(p, open, "the list has no ] on its line");
        if (!first) vn_text_put(&p->value, ", ", 2);
        VN_TRY(take_element(p));
        skip_blanks(p);
        if (peek(p) == ',')
            p->at++;
        else if (peek(p) != ']' && !at_line_end(p))
            return fail_expected(p, "',' or ']'");
    }
    p->at++;
    vn_text_put(&p->value, "]", 1);
    return VN_OK;
}

static vn_status take_entry(parser *p, vn_config_entry entry, void *ctx)
{
    const char *key = NULL;
    size_t key_at = p->at;
    VN_TRY(take_bare(p, "a key", &key));
    skip_blanks(p);
    if (peek(p) == '.') return fail(p, p->at, "dotted keys are not supported; use a [section]");
    if (peek(p) != '=') return fail_expected(p, "'='");
    p->at++;
    skip_blanks(p);
    VN_TRY(remember(p, key_at, p->section, key));
    p->where.n = 0;
    vn_text_printf(&p->where, "%s:%d:%zu", p->name, p->line, p->at - p->line_start + 1);
    p->value.n = 0;
    vn_text_put(&p->value, "", 0);
    VN_TRY(peek(p) == '[' ? take_list(p) : take_scalar(p));
    if (p->value.failed || p->where.failed) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(finish_line(p));
    vn_status st = entry(ctx, p->section, key, p->value.s, p->where.s);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

static vn_status take_header(parser *p)
{
    const char *section = NULL;
    size_t at = p->at++;
    if (peek(p) == '[') return fail(p, at, "lists of tables are not supported");
    skip_blanks(p);
    VN_TRY(take_bare(p, "the name of a section", &section));
    skip_blanks(p);
    if (peek(p) == '.') return fail(p, p->at, "sections within sections are not supported");
    if (peek(p) != ']') return fail_expected(p, "']'");
    p->at++;
    VN_TRY(remember(p, at, section, NULL));
    p->section = section;
    return finish_line(p);
}

static vn_status take_line(parser *p, vn_config_entry entry, void *ctx)
{
    skip_blanks(p);
    if (peek(p) == '[') return take_header(p);
    if (peek(p) == '"' || peek(p) == '\'') return fail(p, p->at, "quoted keys are not supported");
    if (peek(p) == '#' || at_line_end(p)) return finish_line(p);
    return take_entry(p, entry, ctx);
}

vn_status vn_config_parse(const char *name, const char *text, size_t n, vn_config_entry entry,
                          void *ctx)
{
    parser p = { .name = name, .s = text, .n = n, .line = 1, .section = "" };
    if (n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) p.at = p.line_start = 3;
    vn_status st = VN_OK;
    while (!st && p.at < p.n) st = take_line(&p, entry, ctx);
    vn_text_close(&p.value);
    vn_text_close(&p.where);
    vn_arena_close(&p.arena);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

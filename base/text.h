/* Strict text to number and back, in the C locale whatever the host program has set. */
#ifndef VN_BASE_TEXT_H
#define VN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Parse the whole of s[0..n): no blanks around, no hex, no trailing text. On failure `*at` is the
 * offset of the first byte that does not belong. Decimal, exponent, "nan", "inf" (any case, signed). */
bool vn_parse_f64(const char *s, size_t n, double *out, size_t *at);
bool vn_parse_i64(const char *s, size_t n, int64_t *out, size_t *at);

/* Shortest decimal that reads back as the same value ("0.1", "1e-08", "nan"); returns out. */
#define VN_NUMBER_MAX 32
char *vn_format_f64(double x, char out[VN_NUMBER_MAX]);
char *vn_format_f32(float x, char out[VN_NUMBER_MAX]);

/* A growable text; a zeroed one is empty. A failed append is sticky and shows in `failed`. */
typedef struct vn_text {
    char *s; /* zero-terminated; NULL while empty */
    size_t n, cap;
    bool failed;
} vn_text;

void vn_text_put(vn_text *t, const char *s, size_t n);
void vn_text_printf(vn_text *t, const char *fmt, ...) VN_PRINTF(2, 3);
void vn_text_json(vn_text *t, const char *s); /* a JSON string with its quotes */
void vn_text_json_f64(vn_text *t, double x);  /* a JSON number; null when not finite */
void vn_text_close(vn_text *t);

/* s[0..n) is `word`, which is in small letters, whatever the case of its ASCII letters? */
bool vn_same_word(const char *s, size_t n, const char *word);

/* The same name of an option? '-' and '_' are one. */
bool vn_same_name(const char *a, const char *b);

/* Bytes of the UTF-8 character at s[0..n); 0 if there is none or it is malformed. */
size_t vn_utf8_size(const char *s, size_t n);

/* Write the code point as UTF-8; its size, 0 for a surrogate or beyond U+10FFFF. */
size_t vn_utf8_put(uint32_t code, char out[4]);

/* What stands at s[0..n), for messages: 'x', "byte 0x07", "the end of the line", "the end". */
#define VN_SHOWN_MAX 24
const char *vn_show_char(const char *s, size_t n, char out[VN_SHOWN_MAX]);

/* The candidate nearest to `word` by edit distance, NULL if none is close (a third of its length).
 * `get(i, ctx)` returns the i-th candidate, NULL at the end. */
const char *vn_nearest(const char *word, const char *(*get)(int i, const void *ctx),
                       const void *ctx);

#endif

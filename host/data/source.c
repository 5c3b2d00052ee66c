/* Files are read by position: a mapped file that another process cuts short would kill this one. */
#include "host/data/source.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

static vn_status load(vn_source *s)
{
    if (s->text) return VN_OK;
    vn_in_close(&s->in);
    return vn_file_read(s->path, 0, &s->text, &s->n);
}

vn_status vn_source_open(vn_source *s)
{
    s->text = NULL;
    s->whole = false;
    VN_TRY(vn_in_open(s->path, &s->in));
    s->n = s->in.n;
    return s->n > s->block ? VN_OK : load(s);
}

vn_status vn_source_whole(vn_source *s)
{
    s->whole = true;
    return load(s);
}

void vn_source_close(vn_source *s)
{
    if (!s) return;
    vn_in_close(&s->in);
    vn_free(s->text);
    s->text = NULL;
}

vn_status vn_source_get(const vn_source *s, size_t at, size_t n, char *buffer, const char **text)
{
    *text = s->text ? s->text + at : buffer;
    if (!*text) return VN_FAIL(VN_E_BUG, "a file is read to nowhere");
    return s->text ? VN_OK : vn_in_read(&s->in, at, buffer, n);
}

/* What there is in one block. */
typedef struct survey {
    size_t first;          /* just behind its first line feed; 0: there is none */
    int64_t before, after; /* line breaks up to there, and behind */
    bool zero;
} survey;

/* Line breaks among s[0..n), whose byte s[n] tells whether a CR at the end stands alone. */
static int64_t count_breaks(const char *s, size_t n, bool *zero)
{
    int64_t breaks = 0;
    unsigned any = 0;
    for (size_t i = 0; i < n;) { /* in sums of bytes, which the compiler makes vectors of */
        size_t end = i + 252 < n ? i + 252 : n;
        uint8_t lf = 0, zeros = 0;
        for (; i < end; i++) {
            lf = (uint8_t)(lf + (s[i] == '\n') + ((s[i] == '\r') & (s[i + 1] != '\n')));
            zeros |= s[i] == 0;
        }
        breaks += lf;
        any |= zeros;
    }
    *zero |= any != 0;
    return breaks;
}

typedef struct surveyor {
    const vn_source *source;
    size_t at, block;
    survey *found; /* [n] of each block */
    int64_t n;
    _Atomic int64_t next;
    char *buffer;        /* [lanes, block + 1], unless the text is in memory */
    vn_failure *failure; /* [lanes] */
} surveyor;

static vn_status survey_block(const surveyor *s, int64_t i, char *buffer)
{
    size_t at = s->at + (size_t)i * s->block, left = s->source->n - at;
    size_t n = left < s->block ? left : s->block, more = left > n;
    const char *text;
    survey *b = &s->found[i];
    VN_TRY(vn_source_get(s->source, at, n + more, buffer, &text));
    const char *lf = memchr(text, '\n', n);
    b->first = lf ? (size_t)(lf - text) + 1 : 0;
    size_t inner = more ? n : n - 1; /* nothing is behind the last byte of the file */
    size_t before = b->first < inner ? b->first : inner;
    b->before = count_breaks(text, before, &b->zero);
    b->after = count_breaks(text + before, inner - before, &b->zero);
    const char last[2] = { text[n - 1], 0 };
    if (!more) *(b->first == n ? &b->before : &b->after) += count_breaks(last, 1, &b->zero);
    return VN_OK;
}

static void survey_lane(void *arg, vn_lane *lane)
{
    surveyor *s = arg;
    char *buffer = s->buffer ? s->buffer + (size_t)lane->rank * (s->block + 1) : NULL;
    vn_failure *failure = &s->failure[lane->rank];
    for (int64_t i; !failure->st && (i = atomic_fetch_add(&s->next, 1)) < s->n;)
        vn_failure_keep(failure, survey_block(s, i, buffer));
}

/* Stretches begin behind the first line feed of each block that has one. */
static int64_t cut(const surveyor *s, int64_t line, vn_stretch *stretch)
{
    int64_t n = 1;
    stretch[0] = (vn_stretch){ .at = s->at, .line = line };
    for (int64_t i = 0; i < s->n; i++) {
        const survey *b = &s->found[i];
        size_t at = s->at + (size_t)i * s->block + b->first;
        stretch[n - 1].breaks += b->before;
        if (i && b->first && at < s->source->n) {
            stretch[n - 1].n = at - stretch[n - 1].at;
            stretch[n] =
                (vn_stretch){ .at = at, .line = stretch[n - 1].line + stretch[n - 1].breaks };
            n++;
        }
        stretch[n - 1].breaks += b->after;
    }
    stretch[n - 1].n = s->source->n - stretch[n - 1].at;
    return n;
}

void vn_failure_keep(vn_failure *failure, vn_status st)
{
    failure->st = st;
    if (st) snprintf(failure->message, sizeof failure->message, "%s", vn_last_message());
}

vn_status vn_failure_tell(const vn_failure *failure)
{
    return failure->st ? VN_FAIL(failure->st, "%s", failure->message) : VN_OK;
}

void vn_source_run(vn_team *team, void (*fn)(void *arg, vn_lane *lane), void *arg)
{
    vn_lane alone = { .size = 1 };
    if (team)
        vn_team_run(team, 0, fn, arg);
    else
        fn(arg, &alone);
}

vn_status vn_source_cut(const vn_source *source, size_t at, int64_t line, vn_team *team,
                        vn_stretch **stretch, int64_t *n, bool *zero)
{
    size_t left = source->n - at, lanes = team ? (size_t)vn_team_size(team) : 1;
    vn_status st = VN_E_MEMORY;
    surveyor s = { .source = source, .at = at, .block = source->whole ? left : source->block };
    *stretch = NULL;
    *zero = false;
    s.n = s.block ? (int64_t)((left + s.block - 1) / s.block) : 0;
    s.found = vn_calloc((size_t)s.n + 1, sizeof *s.found);
    s.failure = vn_calloc(lanes, sizeof *s.failure);
    if (!source->text) s.buffer = vn_malloc(lanes * (s.block + 1));
    *stretch = vn_calloc((size_t)s.n + 1, sizeof **stretch);
    if (!s.found || !s.failure || !*stretch || (!source->text && !s.buffer)) goto done;
    vn_source_run(s.n > 1 ? team : NULL, survey_lane, &s);
    st = VN_OK;
    for (size_t i = 0; i < lanes && !st; i++) st = vn_failure_tell(&s.failure[i]);
    for (int64_t i = 0; i < s.n; i++) *zero |= s.found[i].zero;
    *n = cut(&s, line, *stretch);
done:
    if (st) vn_free(*stretch);
    if (st) *stretch = NULL;
    vn_free(s.found);
    vn_free(s.failure);
    vn_free(s.buffer);
    return st;
}

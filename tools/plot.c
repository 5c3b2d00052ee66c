/* A forecast as a picture: SVG written by hand, small multiples of up to six series, with the last
 * four horizons of history, the forecast, and the actuals where they are known. Light theme; no
 * scripts, no fonts to load. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"

enum { SERIES_MAX = 6, STAMP = 40, TICKS_MAX = 8, BANDS = 8, TOP = 64, GAP = 16, RIGHT = 20 };

#define INK "#1f2937"
#define MUTED "#6b7280"
#define GRID "#e5e7eb"
#define PAST "#334155"
#define AHEAD "#e8590c"
#define TRUTH "#0b7285"
#define SHADE "#fff4e6"

typedef struct svg {
    char *s;
    size_t n, cap;
    bool failed;
} svg;

static void put(svg *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(svg *v, const char *fmt, ...)
{
    char piece[1024];
    va_list list;
    va_start(list, fmt);
    int n = vsnprintf(piece, sizeof piece, fmt, list);
    va_end(list);
    if (n < 0 || (size_t)n >= sizeof piece) n = 0, v->failed = true;
    if (v->n + (size_t)n + 1 > v->cap) {
        size_t cap = 2 * v->cap + 8192;
        char *grown = v->failed ? NULL : realloc(v->s, cap);
        if (!grown) {
            v->failed = true;
            return;
        }
        v->s = grown;
        v->cap = cap;
    }
    memcpy(v->s + v->n, piece, (size_t)n + 1);
    v->n += (size_t)n;
}

static void put_text(svg *v, const char *s)
{
    for (; *s; s++) {
        const char *name = *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '&' ? "&amp;" : NULL;
        if (name)
            put(v, "%s", name);
        else /* XML has no control characters */
            put(v, "%c", (unsigned char)*s < 0x20 ? ' ' : *s);
    }
}

/* Width of a character in ems: digits and most letters of the fonts named are narrower than this,
 * other scripts up to a whole em. */
static double em_of(char first)
{
    return (unsigned char)first < 0x80 ? 0.58 : 1;
}

/* `text`, cut between characters so that it fits into `room` pixels at `size` pixels an em. */
static void put_fitting(svg *v, const char *text, double room, double size)
{
    char out[256];
    size_t n = 0, fits = 0; /* fits: bytes that leave room for the dots */
    double width = 0;
    for (; n < sizeof out - 8 && text[n]; n++) {
        if (((unsigned char)text[n] & 0xc0) == 0x80) continue; /* inside a character */
        if (width + size <= room) fits = n;
        width += size * em_of(text[n]);
        if (width > room) break;
    }
    bool whole = !text[n] && width <= room;
    memcpy(out, text, whole ? n : fits);
    out[whole ? n : fits] = 0;
    put_text(v, out);
    if (!whole) put(v, "\xe2\x80\xa6");
}

/* One series as it will be drawn: point x = 0 .. n_past - 1 is history, the h after it are ahead.
 */
typedef struct panel {
    const char *id;
    int64_t n_past, h, first; /* first: row of x = 0 */
    const float *past, *mask, *ahead;
    float *truth;                                 /* [h], NaN where unknown */
    const float *lo_band[BANDS], *hi_band[BANDS]; /* [h] intervals */
    const char *level[BANDS];                     /* "80" */
    int n_bands;
    const vane_dataset *data;
    int64_t series;
    double lo, hi;          /* of the y axis */
    double x, y, w, height; /* of the plot area */
} panel;

/* The actuals of the forecast steps, matched by stamp; a table of h rows without common stamps
 * counts as those rows. */
static void find_truth(panel *p, const vane_dataset *actuals)
{
    char want[STAMP], have[STAMP];
    vane_series s = { .size = sizeof s };
    int64_t i = actuals ? vane_dataset_find(actuals, p->id) : -1, at = -1;
    for (int64_t k = 0; k < p->h; k++) p->truth[k] = NAN;
    if (i < 0 || vane_dataset_series(actuals, i, &s)) return;
    vane_dataset_stamp(p->data, p->series, p->first + p->n_past, want, sizeof want);
    for (int64_t t = 0; at < 0 && t < s.n; t++) {
        vane_dataset_stamp(actuals, i, t, have, sizeof have);
        if (!strcmp(want, have)) at = t;
    }
    if (at < 0 && s.n == p->h) at = 0;
    for (int64_t k = 0; at >= 0 && k < p->h && at + k < s.n; k++)
        if (s.mask[at + k] != 0) p->truth[k] = s.y[at + k];
}

static void widen(double x, double *lo, double *hi)
{
    if (!isfinite(x)) return;
    *lo = fmin(*lo, x);
    *hi = fmax(*hi, x);
}

static void range(panel *p)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int64_t t = 0; t < p->n_past; t++) /* rows of the series, as the library gave them */
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        if (p->mask[t] != 0) widen((double)p->past[t], &lo, &hi);
    for (int64_t k = 0; k < p->h; k++) {
        widen((double)p->ahead[k], &lo, &hi);
        widen((double)p->truth[k], &lo, &hi);
        for (int i = 0; i < p->n_bands; i++) {
            widen((double)p->lo_band[i][k], &lo, &hi);
            widen((double)p->hi_band[i][k], &lo, &hi);
        }
    }
    if (!(lo <= hi)) lo = 0, hi = 1;
    if (lo == hi) lo -= 0.5 + fabs(lo) * 0.1, hi += 0.5 + fabs(hi) * 0.1;
    bool from_zero = lo >= 0 && lo < 0.25 * hi;
    double pad = 0.06 * (hi - lo);
    p->lo = from_zero ? 0 : lo - pad;
    p->hi = hi + pad;
}

static double px(const panel *p, double t)
{
    double last = (double)(p->n_past + p->h - 1);
    return p->x + p->w * t / (last > 0 ? last : 1);
}

static double py(const panel *p, double y)
{
    return p->y + p->height * (1 - (y - p->lo) / (p->hi - p->lo));
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, so that about n of them fill the span. */
static double nice_step(double span, double n)
{
    double raw = span / n, power = pow(10, floor(log10(raw))), part = raw / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* What the labels of an axis share: the unit of its largest number, and the digits that tell its
 * ticks apart. Beyond the prefixes people read, the unit is a power of ten. */
typedef struct scale {
    double step, unit;
    int digits;
    char suffix[8]; /* "k", "e-07" */
} scale;

static scale y_scale(const panel *p, int ticks)
{
    static const struct {
        double from, unit;
        const char *suffix;
    } units[] = { { 1e15, 0, "" },   { 1e12, 1e12, "T" }, { 1e9, 1e9, "G" }, { 1e6, 1e6, "M" },
                  { 1e4, 1e3, "k" }, { 1e-3, 1, "" },     { 0, 0, "" } };
    double size = fmax(fabs(p->lo), fabs(p->hi));
    scale k = { .step = nice_step(p->hi - p->lo, ticks) };
    int i = 0;
    while (size < units[i].from) i++;
    k.unit = units[i].unit;
    snprintf(k.suffix, sizeof k.suffix, "%s", units[i].suffix);
    if (k.unit == 0) {
        int power = (int)floor(log10(size));
        k.unit = pow(10, power);
        snprintf(k.suffix, sizeof k.suffix, "e%d", power);
    }
    int digits = (int)ceil(-log10(k.step / k.unit) - 1e-9);
    k.digits = digits < 0 ? 0 : digits > 9 ? 9 : digits;
    return k;
}

static void number_text(double y, const scale *k, char out[48])
{
    if (fabs(y) < k->step * 1e-9)
        snprintf(out, 48, "0");
    else
        snprintf(out, 48, "%.*f%s", k->digits, y / k->unit, k->suffix);
}

/* The i-th tick from the bottom; false above the axis. */
static bool y_tick(const panel *p, const scale *k, int i, double *y)
{
    *y = (ceil(p->lo / k->step) + i) * k->step;
    return *y <= p->hi + k->step * 1e-9;
}

enum { TICKS_ALONE = 6, TICKS_SMALL = 4 }; /* of a lone plot, of small multiples */

/* Room for the labels of an axis. */
static double y_margin(const panel *p, int ticks)
{
    scale k = y_scale(p, ticks);
    char text[48];
    double y, widest = 0;
    for (int i = 0; y_tick(p, &k, i, &y); i++) {
        number_text(y, &k, text);
        widest = fmax(widest, 11.5 * 0.58 * (double)strlen(text));
    }
    return fmax(52, 12 + widest);
}

static void y_axis(svg *v, const panel *p)
{
    scale k = y_scale(p, p->height > 200 ? TICKS_ALONE : TICKS_SMALL);
    char text[48];
    double y;
    for (int i = 0; y_tick(p, &k, i, &y); i++) {
        number_text(y, &k, text);
        put(v, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='" GRID "'/>", p->x,
            p->x + p->w, py(p, y), py(p, y));
        put(v, "<text x='%.1f' y='%.1f' text-anchor='end' class='tick'>%s</text>\n", p->x - 8,
            py(p, y) + 4, text);
    }
}

/* A stamp taken apart; parts that are not there are 0. */
typedef struct stamp {
    bool date;
    long year, month, day, hour, minute, second, number;
} stamp;

static stamp take_apart(const panel *p, int64_t x)
{
    char text[STAMP];
    stamp s = { 0 };
    vane_dataset_stamp(p->data, p->series, p->first + x, text, sizeof text);
    s.date = text[0] && strchr(text + 1, '-');
    if (s.date)
        sscanf(text, "%ld-%ld-%ld%*1[ T]%ld:%ld:%ld", &s.year, &s.month, &s.day, &s.hour, &s.minute,
               &s.second);
    else
        s.number = strtol(text, NULL, 10);
    return s;
}

/* What begins at s, being after `before`: 4 a year, 3 a month, 2 a day, 1 an hour, 0 none. */
static int begins(const stamp *before, const stamp *s)
{
    return before->year != s->year     ? 4
           : before->month != s->month ? 3
           : before->day != s->day     ? 2
           : before->hour != s->hour   ? 1
                                       : 0;
}

/* Whether a tick of this level stands on a multiple of `every`: even years, quarters, six o'clock.
 */
static bool on_grid(const stamp *s, int level, long every, int64_t count)
{
    return level == 4   ? s->year % every == 0
           : level == 3 ? (s->month - 1) % every == 0
           : level == 1 ? s->hour % every == 0
                        : count % every == 0;
}

typedef struct ticks {
    int level; /* -1: numbers */
    long every;
} ticks;

static int64_t count_ticks(const panel *p, ticks k)
{
    int64_t n = 0, seen = 0;
    stamp before = take_apart(p, -1);
    for (int64_t x = 0; x < p->n_past + p->h; x++) {
        stamp s = take_apart(p, x);
        bool candidate = k.level < 0 || begins(&before, &s) >= k.level;
        if (candidate)
            n += k.level < 0 ? s.number % k.every == 0 : on_grid(&s, k.level, k.every, seen++);
        before = s;
    }
    return n;
}

/* The coarsest ticks of which at least three fit, thinned to at most `most`. */
static ticks choose_ticks(const panel *p, int most)
{
    static const long year[] = { 1, 2, 5, 10, 20, 50, 100, 0 }, month[] = { 1, 2, 3, 6, 0 };
    static const long hour[] = { 1, 2, 3, 6, 12, 0 }, plain[] = { 1, 2, 5, 7, 14, 28, 56, 0 };
    static const long *const lists[] = { plain, hour, plain, month, year };
    ticks k = { -1, 1 };
    if (!take_apart(p, 0).date) {
        k.every = (long)fmax(1, nice_step((double)(p->n_past + p->h), most - 1));
        return k;
    }
    for (k.level = 4; k.level > 0; k.level--)
        if (count_ticks(p, (ticks){ k.level, 1 }) >= 3) break;
    for (const long *every = lists[k.level]; *every; every++) {
        k.every = *every;
        if (count_ticks(p, k) <= most) return k;
    }
    k.every =
        (long)((p->n_past + p->h) / most + 1); /* nothing is round enough: every so many steps */
    k.level = 0;
    return k;
}

static void tick_text(const stamp *s, int level, bool first, char out[48])
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const char *month = months[s->month >= 1 && s->month <= 12 ? s->month - 1 : 0];
    if (!s->date)
        snprintf(out, 48, "%ld", s->number);
    else if (level == 4)
        snprintf(out, 48, "%ld", s->year);
    else if (level == 3 && (first || s->month == 1))
        snprintf(out, 48, "%s %ld", month, s->year);
    else if (level == 3)
        snprintf(out, 48, "%s", month);
    else if (level == 2 && first)
        snprintf(out, 48, "%ld %s %ld", s->day, month, s->year);
    else if (level == 2 || s->hour == 0)
        snprintf(out, 48, "%ld %s", s->day, month);
    else
        snprintf(out, 48, "%02ld:%02ld", s->hour, s->minute);
}

static void x_axis(svg *v, const panel *p)
{
    ticks k = choose_ticks(p, p->w > 600 ? TICKS_MAX : 5);
    stamp before = take_apart(p, -1);
    char text[48];
    bool first = true;
    double y = p->y + p->height, clear = -INFINITY;
    int64_t seen = 0;
    for (int64_t x = 0; x < p->n_past + p->h; x++) {
        stamp s = take_apart(p, x), prior = before;
        before = s;
        if (k.level >= 0 && begins(&prior, &s) < k.level) continue;
        if (k.level < 0 ? s.number % k.every != 0 : !on_grid(&s, k.level, k.every, seen++))
            continue;
        tick_text(&s, k.level, first, text);
        double half = 3.2 * (double)strlen(text); /* of the label's width */
        double at = fmin(px(p, (double)x), p->x + p->w + RIGHT - 2 - half); /* inside its cell */
        if (at - half < clear) continue;
        first = false;
        put(v, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='" MUTED "'/>",
            px(p, (double)x), px(p, (double)x), y, y + 5);
        put(v, "<text x='%.1f' y='%.1f' text-anchor='middle' class='tick'>%s</text>\n", at, y + 19,
            text);
        clear = at + half + 8;
    }
    put(v, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='" MUTED "'/>\n", p->x,
        p->x + p->w, y, y);
}

/* ---- lines ---- */

/* A path through n values from x = `from`, broken where there is none; a lonely value becomes a
 * dot. */
static void line(svg *v, const panel *p, int64_t from, const float *y, const float *mask, int64_t n,
                 const char *style)
{
    bool pen = false;
    put(v, "<path class='%s' d='", style);
    for (int64_t i = 0; i < n; i++) {
        bool there = isfinite(y[i]) && (!mask || mask[i] != 0);
        if (there)
            put(v, "%s%.1f %.1f", pen ? "L" : "M", px(p, (double)(from + i)), py(p, (double)y[i]));
        if (there && !pen) put(v, "h0");
        pen = there;
    }
    put(v, "'/>\n");
}

/* A faint stroke that joins the last observation to the first step ahead. */
static void bridge(svg *v, const panel *p, float first, const char *style)
{
    int64_t t = p->n_past - 1;
    if (t < 0 || p->mask[t] == 0 || !isfinite(first)) return;
    put(v, "<path class='%s' d='M%.1f %.1fL%.1f %.1f'/>\n", style, px(p, (double)t),
        py(p, (double)p->past[t]), px(p, (double)t + 1), py(p, (double)first));
}

/* An interval as a pale band behind the forecast; those inside others come out darker. */
static void band(svg *v, const panel *p, const float *lo, const float *hi)
{
    put(v, "<path class='band' d='M");
    for (int64_t k = 0; k < p->h; k++)
        put(v, "%s%.1f %.1f", k ? "L" : "", px(p, (double)(p->n_past + k)), py(p, (double)hi[k]));
    for (int64_t k = p->h - 1; k >= 0; k--)
        put(v, "L%.1f %.1f", px(p, (double)(p->n_past + k)), py(p, (double)lo[k]));
    put(v, "Z'/>\n");
}

static void draw(svg *v, const panel *p, bool titled)
{
    double cut = px(p, (double)p->n_past - 0.5);
    put(v, "<g>");
    if (titled) {
        put(v, "<text x='%.1f' y='%.1f' class='id'>", p->x, p->y - 8);
        put_fitting(v, p->id, p->w + RIGHT, 13);
        put(v, "</text>\n");
    }
    put(v, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='" SHADE "'/>\n", cut, p->y,
        p->x + p->w - cut, p->height);
    y_axis(v, p);
    x_axis(v, p);
    put(v,
        "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='" MUTED
        "' stroke-dasharray='3 3'/>\n",
        cut, cut, p->y, p->y + p->height);
    for (int i = 0; i < p->n_bands; i++) band(v, p, p->lo_band[i], p->hi_band[i]);
    line(v, p, 0, p->past, p->mask, p->n_past, "past");
    bridge(v, p, p->truth[0], "truth");
    line(v, p, p->n_past, p->truth, NULL, p->h, "truth");
    bridge(v, p, p->ahead[0], "ahead");
    line(v, p, p->n_past, p->ahead, NULL, p->h, "ahead");
    put(v, "</g>\n");
}

/* An entry that ends at `right`; where the next one to its left ends. `style` is the class of a
 * line, or "band". */
static double legend_entry(svg *v, double right, const char *style, const char *text)
{
    double left = right - 7.2 * (double)strlen(text) - 34;
    if (!strcmp(style, "band"))
        put(v, "<path class='band' d='M%.1f 20h24v12h-24Z'/>", left);
    else
        put(v, "<line x1='%.1f' x2='%.1f' y1='26' y2='26' class='%s'/>", left, left + 24, style);
    put(v, "<text x='%.1f' y='30' class='legend'>", left + 30);
    put_text(v, text);
    put(v, "</text>\n");
    return left - 16;
}

/* "80, 90 % interval" */
static double legend_bands(svg *v, double right, const panel *p)
{
    char text[64] = "";
    for (int i = 0; i < p->n_bands; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%.8s", i ? ", " : "", p->level[i]);
    }
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, " %% interval%s", p->n_bands > 1 ? "s" : "");
    return p->n_bands ? legend_entry(v, right, "band", text) : right;
}

/* `p`: a panel that shows what the others show. */
static void head(svg *v, double width, double height, const char *title, const char *note,
                 const char *alias, bool truth, const panel *p)
{
    put(v,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' viewBox='0 0 %.0f "
        "%.0f' "
        "font-family='Inter, Helvetica, Arial, DejaVu Sans, sans-serif' role='img'>\n<title>",
        width, height, width, height);
    put_text(v, title);
    put(v, "</title>\n<style>path{fill:none;stroke-linejoin:round;stroke-linecap:round}"
           ".past{stroke:" PAST ";stroke-width:1.6}.ahead{stroke:" AHEAD ";stroke-width:2.4}"
           ".band{fill:" AHEAD ";fill-opacity:.28;stroke:none}"
           ".truth{stroke:" TRUTH
           ";stroke-width:1.8;stroke-dasharray:5 3}.tick{font-size:11.5px;fill:" MUTED
           "}.id{font-size:13px;font-weight:600;fill:" INK "}.legend{font-size:13px;fill:" INK
           "}</style>\n");
    put(v, "<rect width='100%%' height='100%%' fill='#ffffff'/>\n");
    double right = legend_entry(v, width - RIGHT, "ahead", alias);
    right = legend_bands(v, right, p);
    if (truth) right = legend_entry(v, right, "truth", "actual");
    right = legend_entry(v, right, "past", "history");
    put(v, "<text x='24' y='31' font-size='17' font-weight='600' fill='" INK "'>");
    put_fitting(v, title, right - 24, 17);
    put(v, "</text>\n<text x='24' y='49' font-size='12' fill='" MUTED "'>");
    put_text(v, note);
    put(v, "</text>\n");
}

/* ---- the whole ---- */

/* True if the h numbers can be drawn. */
static bool drawable(const float *y, int64_t h)
{
    for (int64_t k = 0; k < h; k++)
        if (!isfinite(y[k])) return false;
    return true;
}

/* Every interval among the columns: "lo-80" with "hi-80". */
static void find_bands(panel *p, const vane_forecast *f, int64_t i)
{
    const float *lo, *hi;
    const char *low, *high;
    for (int a = 0; (low = vane_forecast_column(f, a, &lo)); a++)
        for (int b = 0; (high = vane_forecast_column(f, b, &hi)); b++) {
            if (strncmp(low, "lo-", 3) || strncmp(high, "hi-", 3) || strcmp(low + 3, high + 3))
                continue;
            lo += i * p->h;
            hi += i * p->h;
            if (p->n_bands == BANDS || !drawable(lo, p->h) || !drawable(hi, p->h)) break;
            p->level[p->n_bands] = low + 3;
            p->lo_band[p->n_bands] = lo;
            p->hi_band[p->n_bands++] = hi;
            break;
        }
}

static vane_status open_panel(panel *p, const vane_dataset *data, const vane_forecast *f, int64_t i,
                              const vane_dataset *actuals)
{
    vane_series s = { .size = sizeof s };
    vane_status st = vane_dataset_series(data, i, &s);
    if (st) return st;
    int64_t h = vane_forecast_h(f), n = 4 * h > 48 ? 4 * h : 48;
    if (n > s.n) n = s.n;
    *p = (panel){ .id = s.id,
                  .n_past = n,
                  .h = h,
                  .first = s.n - n,
                  .past = s.y + s.n - n,
                  .mask = s.mask + s.n - n,
                  .ahead = vane_forecast_values(f) + i * h,
                  .data = data,
                  .series = i };
    find_bands(p, f, i);
    p->truth = malloc((size_t)h * sizeof *p->truth);
    if (!p->truth) return VANE_E_MEMORY;
    find_truth(p, actuals);
    range(p);
    return VANE_OK;
}

/* `margin`: room for the labels of the y axes, one for all so that the panels stand in columns. */
static void place(panel *p, int at, int n, double width, double margin, double *height)
{
    int columns = n > 1 ? 2 : 1;
    double cell_w = (width - 2 * GAP) / columns, cell_h = n > 1 ? 232 : 350;
    p->x = GAP + cell_w * (at % columns) + margin;
    p->y = TOP + cell_h * (at / columns) + (n > 1 ? 22 : 6);
    p->w = cell_w - margin - RIGHT;
    p->height = cell_h - 34 - (n > 1 ? 22 : 6);
    *height = TOP + cell_h * ((n + columns - 1) / columns) + GAP;
}

static void place_all(panel *p, int n, double width, double *height)
{
    double margin = 0;
    for (int i = 0; i < n; i++)
        margin = fmax(margin, y_margin(&p[i], n > 1 ? TICKS_SMALL : TICKS_ALONE));
    for (int i = 0; i < n; i++) place(&p[i], i, n, width, margin, height);
}

static void compose(svg *v, panel *p, int n, int64_t of, const char *alias)
{
    double width = 960, height = 0;
    char title[192], note[160] = "", from[STAMP], to[STAMP];
    bool truth = false;
    place_all(p, n, width, &height);
    const panel *typical = p;
    for (int i = 0; i < n; i++) {
        if (p[i].n_bands > typical->n_bands) typical = &p[i];
        for (int64_t k = 0; k < p[i].h; k++) truth |= isfinite(p[i].truth[k]);
    }
    if (n == 1)
        snprintf(title, sizeof title, "%.120s", p->id);
    else if (n == of)
        snprintf(title, sizeof title, "%d series", n);
    else
        snprintf(title, sizeof title, "%d of %lld series", n, (long long)of);
    vane_dataset_stamp(p->data, p->series, p->first + p->n_past, from, sizeof from);
    vane_dataset_stamp(p->data, p->series, p->first + p->n_past + p->h - 1, to, sizeof to);
    snprintf(note, sizeof note, "%lld steps ahead%s%s%s%s", (long long)p->h, n == 1 ? ", " : "",
             n == 1 ? from : "", n == 1 ? " to " : "", n == 1 ? to : "");
    head(v, width, height, title, note, alias, truth, typical);
    for (int i = 0; i < n; i++) draw(v, &p[i], n > 1);
    put(v, "</svg>\n");
}

vane_status plot_forecast(const char *path, const vane_dataset *data, const vane_forecast *f,
                          const vane_dataset *actuals)
{
    panel p[SERIES_MAX] = { { 0 } };
    svg v = { 0 };
    int64_t of = vane_forecast_n_series(f);
    int n = of < SERIES_MAX ? (int)of : SERIES_MAX;
    vane_status st = VANE_OK;
    for (int i = 0; !st && i < n; i++) st = open_panel(&p[i], data, f, of * i / n, actuals);
    if (!st && n) {
        compose(&v, p, n, of, vane_forecast_alias(f));
        st = v.failed ? VANE_E_MEMORY : vane_write_file(path, v.s, v.n);
    }
    for (int i = 0; i < n; i++) free(p[i].truth);
    free(v.s);
    return st;
}

/* ---- parts ---- */

/* Rows to show of a part: all, or, of one that swings more than 24 times, about its last four. */
static int64_t rows_shown(const float *y, int64_t n)
{
    double mean = 0;
    int64_t swings = 0;
    for (int64_t t = 0; t < n; t++) mean += (double)y[t] / (double)n;
    for (int64_t t = 1; t < n; t++) swings += (double)y[t - 1] < mean && (double)y[t] >= mean;
    return swings > 24 ? 4 * n / swings + 1 : n;
}

/* A part as a panel: its history and its horizon as those of a series. */
static vane_status open_part(panel *p, const char *name, const float *y, int64_t n_past, int64_t h,
                             const vane_dataset *data, int64_t series)
{
    int64_t shown = rows_shown(y, n_past), room = shown + h;
    if (shown < n_past && h > shown) h = shown;
    float *work =
        malloc((size_t)(room + h) * sizeof *work); /* what is not there, and a mask of 1 */
    if (!work) return VANE_E_MEMORY;
    for (int64_t k = 0; k < h; k++) work[k] = NAN;
    for (int64_t k = 0; k < room; k++) work[h + k] = 1;
    *p = (panel){ .id = name,
                  .n_past = shown,
                  .h = h,
                  .first = n_past - shown,
                  .past = y + n_past - shown,
                  .mask = work + h,
                  .ahead = y + n_past,
                  .truth = work,
                  .data = data,
                  .series = series };
    range(p);
    return VANE_OK;
}

vane_status plot_parts(const char *path, const vane_dataset *data, int64_t series,
                       const vane_parts *parts, const char *alias)
{
    enum { PARTS_MAX = 24 };
    panel p[PARTS_MAX] = { { 0 } };
    svg v = { 0 };
    vane_series s = { .size = sizeof s };
    const float *y;
    const char *name;
    int n = 0;
    double width = 960, height = 0;
    char title[192];
    vane_status st = vane_dataset_series(data, series, &s);
    for (; !st && n < PARTS_MAX && (name = vane_parts_column(parts, n, &y)); n++)
        st = open_part(&p[n], name, y, s.n, vane_parts_n_rows(parts) - s.n, data, series);
    place_all(p, n, width, &height);
    if (!st) {
        snprintf(title, sizeof title, "Parts of %.120s", s.id);
        head(&v, width, height, title, "fast parts: their last swings alone", alias, false, p);
        for (int i = 0; i < n; i++) draw(&v, &p[i], true);
        put(&v, "</svg>\n");
        st = v.failed ? VANE_E_MEMORY : vane_write_file(path, v.s, v.n);
    }
    for (int i = 0; i < n; i++) free(p[i].truth);
    free(v.s);
    return st;
}

/* Checkpoints: a safetensors file of the whole parameter, moment and best-weights blocks, padding
 * included, so that a block is one read; with the description of the model beside them. */
#include "host/train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "host/train/checksum.h"
#include "host/train/fitted.h"

static const char format[] = "vane.checkpoint", data_key[] = "data", precision_key[] = "run.precision";

enum { N_TENSORS = 6, N_MORE = 2 };

/* The numbers of a state: those of all members, then each further member's best. */
enum { N_NUMBERS = 3, N_SCALING = 3 };
typedef struct numbers {
    int64_t counts[N_NUMBERS - 1 + VN_MEMBERS_MOST];  /* step, best step, wait, best steps */
    double losses[N_NUMBERS - 1 + VN_MEMBERS_MOST];   /* loss, valid, best, bests */
    double scaling[N_SCALING * VN_MEMBERS_MOST];      /* scale and counts of each member */
} numbers;

static numbers numbers_of(const vn_fit_state *s, int members)
{
    numbers n = { { s->step, 0, s->wait }, { s->loss, s->valid }, { 0 } };
    for (int i = 0; i < members; i++) {
        const vn_fit_member *at = &s->member[i];
        double scaling[N_SCALING] = { (double)at->scale, (double)at->counts[0], (double)at->counts[1] };
        n.counts[i ? i + 2 : 1] = at->best_step;
        n.losses[i + 2] = at->best;
        memcpy(n.scaling + i * N_SCALING, scaling, sizeof scaling);
    }
    return n;
}

/* Whether the factor of an fp16 loss and its counts are some a run can have after `step` steps. */
static bool plausible(const double scaling[N_SCALING], int64_t step)
{
    double good = scaling[1], left_out = scaling[2];
    return isfinite(scaling[0]) && scaling[0] > 0 && good >= 0 && left_out >= 0 &&
           good <= (double)step && left_out <= (double)step && good == floor(good) &&
           left_out == floor(left_out);
}

static vn_fit_state state_of(const numbers *n, int members)
{
    vn_fit_state s = { n->counts[0], n->counts[2], n->losses[0], n->losses[1], { { 0 } } };
    for (int i = 0; i < members; i++) {
        const double *scaling = n->scaling + i * N_SCALING;
        s.member[i] = (vn_fit_member){ n->counts[i ? i + 2 : 1], n->losses[i + 2], (float)scaling[0],
                                       { (int64_t)scaling[1], (int64_t)scaling[2] } };
    }
    return s;
}

uint64_t vn_panel_fingerprint(const vn_panel *p)
{
    size_t rows = (size_t)p->n_rows, n = (size_t)p->n_series, real = sizeof(float);
    uint64_t h = vn_xxh64(p->indptr, (n + 1) * sizeof *p->indptr, 0);
    h = vn_xxh64(p->y, rows * real, h);
    h = vn_xxh64(p->mask, rows * real, h);
    if (p->n_hist) h = vn_xxh64(p->hist, rows * (size_t)p->n_hist * real, h);
    if (p->n_futr) h = vn_xxh64(p->futr, rows * (size_t)p->n_futr * real, h);
    if (p->n_stat) h = vn_xxh64(p->stat, n * (size_t)p->n_stat * real, h);
    return h;
}

/* Only fp16 has a loss scale. */
static bool scales(const vn_fitted *m) { return m->precision == VN_PRECISION_FP16; }

/* Those that a run may lack come last: mean, then scaling. */
static int tensors_of(const vn_fitted *m, const vn_fit_blocks *b)
{
    return N_TENSORS + (b->mean != NULL) + scales(m);
}

static vn_stored vector(const char *name, vn_dtype dtype, int64_t n, const void *data)
{
    return (vn_stored){ .name = name,
                        .dtype = dtype,
                        .rank = 1,
                        .dim = { n },
                        .data = data,
                        .bytes = (size_t)n * vn_dtype_bytes(dtype) };
}

vn_status vn_checkpoint_save(const char *path, const vn_fitted *m, uint64_t data,
                             const vn_fit_state *s, const vn_fit_blocks *b)
{
    int members = m->params->members, n_tensors = N_TENSORS;
    int64_t n = members * m->params->n_block, n_numbers = N_NUMBERS - 1 + members;
    numbers num = numbers_of(s, members);
    vn_stored tensor[N_TENSORS + N_MORE] = {
        vector("run.counts", VN_I64, n_numbers, num.counts),
        vector("run.losses", VN_F64, n_numbers, num.losses),
        vector("block.param", VN_F32, n, b->param),
        vector("block.m", VN_F32, n, b->m),
        vector("block.v", VN_F32, n, b->v),
        vector("block.best", VN_F32, n, m->params->block),
    };
    vn_meta_list meta = { 0 };
    vn_status st = VN_OK;
    if (b->mean) tensor[n_tensors++] = vector("block.mean", VN_F32, n, b->mean);
    if (scales(m)) tensor[n_tensors++] = vector("run.scaling", VN_F64, members * N_SCALING, num.scaling);
    vn_meta_put(&meta, data_key, "%016" PRIx64, data);
    vn_meta_put(&meta, precision_key, "%s", vn_precision_name(m->precision));
    VN_TRY_DONE(vn_fitted_describe(m, format, &meta));
    VN_TRY_DONE(vn_safetensors_write(path, meta.v, meta.n, tensor, n_tensors));
done:
    vn_meta_close(&meta);
    return st;
}

/* What an option the file lacks had when it was written: such a one is younger than the file, and its
 * default does what was done before there was the option. NULL of what every file has. */
static const char *value_then(const vn_safetensors *file, const vn_meta_list *usual,
                              const char *key)
{
    const char *then = vn_safetensors_meta(file, key);
    if (then || !strchr(key, '.')) return then;
    for (int i = 0; i < usual->n; i++)
        if (!strcmp(usual->v[i].key, key)) return usual->v[i].value;
    return NULL;
}

/* The file must describe this very run. `usual`: the same model with every option at its default. */
static vn_status compare(const vn_safetensors *file, const vn_meta_list *want,
                         const vn_meta_list *usual)
{
    int n_found = 0;
    for (int i = 0; i < want->n; i++) {
        const char *key = want->v[i].key, *now = want->v[i].value;
        const char *then = value_then(file, usual, key);
        if (!then)
            return VN_FAIL(VN_E_MODEL, "\"%s\": there is no \"%s\" in its metadata", file->path,
                           key);
        n_found += vn_safetensors_meta(file, key) != NULL;
        if (!strcmp(then, now)) continue;
        if (!strcmp(key, data_key))
            return VN_FAIL(VN_E_DATA, "checkpoint \"%s\" was made with other data", file->path);
        if (!strcmp(key, "format") || !strcmp(key, "format_version"))
            return VN_FAIL(VN_E_MODEL, "\"%s\": \"%s\" is \"%.64s\", expected \"%s\"", file->path,
                           key, then, now);
        const char *dot = strchr(key, '.');
        return VN_FAIL(VN_E_ARGUMENT,
                       "checkpoint \"%s\" was made with %s = %.64s, now it is %.64s: a "
                       "run goes on only with the options it began with",
                       file->path, dot ? dot + 1 : key, then, now);
    }
    if (file->n_meta != n_found + 1) /* and the checksum */
        return VN_FAIL(VN_E_MODEL, "\"%s\" has metadata unknown to this version", file->path);
    return VN_OK;
}

static vn_status take(const vn_safetensors *file, const char *name, vn_dtype dtype, int64_t n,
                      void *out)
{
    vn_tensor shape = { .dtype = dtype, .rank = 1, .dim = { n } };
    const void *data = NULL;
    VN_TRY(vn_safetensors_need(file, name, &shape, &data));
    memcpy(out, data, (size_t)n * vn_dtype_bytes(dtype));
    return VN_OK;
}

static vn_status take_all(const vn_safetensors *file, const vn_fitted *m, vn_fit_state *s,
                          const vn_fit_blocks *b)
{
    int members = m->params->members;
    int64_t n = members * m->params->n_block, n_numbers = N_NUMBERS - 1 + members;
    numbers num = { 0 };
    VN_TRY(take(file, "run.counts", VN_I64, n_numbers, num.counts));
    VN_TRY(take(file, "run.losses", VN_F64, n_numbers, num.losses));
    VN_TRY(take(file, "block.param", VN_F32, n, b->param));
    VN_TRY(take(file, "block.m", VN_F32, n, b->m));
    VN_TRY(take(file, "block.v", VN_F32, n, b->v));
    VN_TRY(take(file, "block.best", VN_F32, n, m->params->block));
    if (b->mean) VN_TRY(take(file, "block.mean", VN_F32, n, b->mean));
    if (scales(m)) VN_TRY(take(file, "run.scaling", VN_F64, members * N_SCALING, num.scaling));
    for (int i = 0; scales(m) && i < members; i++)
        if (!plausible(num.scaling + i * N_SCALING, num.counts[0]))
            return VN_FAIL(VN_E_MODEL, "\"%s\": run.scaling holds %g, %g, %g: not a state a run can have",
                           file->path, num.scaling[i * N_SCALING], num.scaling[i * N_SCALING + 1],
                           num.scaling[i * N_SCALING + 2]);
    *s = state_of(&num, members);
    for (int i = 0; i < members; i++)
        if (file->n_tensors != tensors_of(m, b) || s->step < 0 || s->step > m->train.max_steps ||
            s->member[i].best_step < -1 || s->member[i].best_step > s->step || s->wait < 0)
            return VN_FAIL(VN_E_MODEL,
                           "\"%s\": step %" PRId64 ", best step %" PRId64 ", %d tensors: not a "
                           "state a run can have",
                           file->path, s->step, s->member[i].best_step, file->n_tensors);
    return VN_OK;
}

vn_status vn_checkpoint_load(const char *path, const vn_fitted *m, uint64_t data,
                             vn_fit_state *state, const vn_fit_blocks *blocks)
{
    vn_safetensors *file = NULL;
    vn_meta_list want = { 0 }, usual = { 0 };
    vn_fitted *fresh = NULL;
    vn_status st = VN_OK;
    VN_TRY_DONE(vn_safetensors_read(path, &file));
    VN_TRY_DONE(vn_safetensors_verify(file));
    VN_TRY_DONE(vn_fitted_describe(m, format, &want)); /* its format comes first */
    vn_meta_put(&want, data_key, "%016" PRIx64, data);
    vn_meta_put(&want, precision_key, "%s", vn_precision_name(m->precision));
    VN_TRY_DONE(vn_fitted_open(m->def, &fresh));
    VN_TRY_DONE(vn_fitted_describe(fresh, format, &usual));
    vn_meta_put(&usual, precision_key, "%s", vn_precision_name(fresh->precision));
    if (want.failed || usual.failed) VN_TRY_DONE(VN_E_MEMORY);
    VN_TRY_DONE(compare(file, &want, &usual));
    VN_TRY_DONE(take_all(file, m, state, blocks));
done:
    vn_fitted_close(fresh);
    vn_meta_close(&usual);
    vn_meta_close(&want);
    vn_safetensors_close(file);
    return st;
}

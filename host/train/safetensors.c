/* Reading and writing safetensors.
 *
 * The reader trusts nothing: sizes are checked before they are used, nothing is allocated that the
 * file's own size does not justify, and the tensors must cover the data exactly, each byte once (a
 * hole could hide a second file). The checksum is a sum over entries of XXH64, so a tool that
 * writes the same content in another order keeps it valid. */
#include "host/train/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/os.h"
#include "base/text.h"
#include "host/train/checksum.h"

enum { PREFIX = 8, HEADER_MAX = 16 << 20, NAME_MAX_BYTES = 256 };

static const char checksum_key[] = "checksum";

static const struct {
    const char *name;
    vn_dtype dtype;
} stored_types[] = { { "F32", VN_F32 }, { "F64", VN_F64 }, { "I32", VN_I32 }, { "I64", VN_I64 } };

enum { N_TYPES = sizeof stored_types / sizeof *stored_types };

/* ---- reading ---- */

static vn_status tensor_dtype(const vn_json *entry, vn_stored *t)
{
    const vn_json *type = vn_json_get(entry, "dtype");
    if (!type || type->type != VN_JSON_STRING)
        return VN_FAIL(VN_E_MODEL, "tensor \"%s\" has no dtype", t->name);
    for (int i = 0; i < N_TYPES; i++) {
        if (strcmp(type->s, stored_types[i].name)) continue;
        t->dtype = stored_types[i].dtype;
        return VN_OK;
    }
    return VN_FAIL(VN_E_MODEL, "tensor \"%s\" has dtype \"%.32s\", expected F32, F64, I32 or I64",
                   t->name, type->s);
}

/* Rank, dims and the bytes they imply. */
static vn_status tensor_shape(const vn_json *entry, vn_stored *t)
{
    const vn_json *shape = vn_json_get(entry, "shape");
    if (!shape || shape->type != VN_JSON_ARRAY)
        return VN_FAIL(VN_E_MODEL, "tensor \"%s\" has no shape", t->name);
    if (shape->n > VN_STORED_RANK)
        return VN_FAIL(VN_E_MODEL, "tensor \"%s\" has %zu dimensions, at most %d are read", t->name,
                       shape->n, VN_STORED_RANK);
    t->bytes = vn_dtype_bytes(t->dtype);
    for (const vn_json *d = shape->child; d; d = d->next) {
        if (d->type != VN_JSON_NUMBER || !d->is_int || d->i < 1)
            return VN_FAIL(VN_E_MODEL, "dimension %d of tensor \"%s\" is no positive integer",
                           t->rank, t->name);
        t->dim[t->rank++] = d->i;
        if (!vn_mul_size(t->bytes, (size_t)d->i, &t->bytes))
            return VN_FAIL(VN_E_MODEL, "tensor \"%s\" has more elements than memory can hold",
                           t->name);
    }
    return VN_OK;
}

/* Where its bytes lie within the data section of `n` bytes. */
static vn_status tensor_place(const vn_json *entry, const char *data, size_t n, vn_stored *t)
{
    const vn_json *at = vn_json_get(entry, "data_offsets");
    if (!at || at->type != VN_JSON_ARRAY || at->n != 2)
        return VN_FAIL(VN_E_MODEL, "tensor \"%s\" has no pair of data_offsets", t->name);
    const vn_json *from = at->child, *to = from->next;
    if (from->type != VN_JSON_NUMBER || !from->is_int || to->type != VN_JSON_NUMBER ||
        !to->is_int || from->i < 0 || to->i < from->i || (uint64_t)to->i > n)
        return VN_FAIL(VN_E_MODEL,
                       "tensor \"%s\" has offsets outside the %zu bytes of data: truncated, or "
                       "altered",
                       t->name, n);
    if ((uint64_t)(to->i - from->i) != t->bytes)
        return VN_FAIL(VN_E_MODEL,
                       "tensor \"%s\" has %" PRId64 " bytes of data, its shape needs %zu", t->name,
                       to->i - from->i, t->bytes);
    t->data = data + from->i;
    return VN_OK;
}

static vn_status take_tensor(const vn_json *entry, const char *data, size_t n, vn_stored *t)
{
    t->name = entry->key;
    if (strlen(t->name) > NAME_MAX_BYTES)
        return VN_FAIL(VN_E_MODEL, "a tensor's name has %zu bytes, at most %d are read",
                       strlen(t->name), NAME_MAX_BYTES);
    if (entry->type != VN_JSON_OBJECT || entry->n != 3)
        return VN_FAIL(VN_E_MODEL, "tensor \"%s\" must have dtype, shape and data_offsets, no more",
                       t->name);
    VN_TRY(tensor_dtype(entry, t));
    VN_TRY(tensor_shape(entry, t));
    VN_TRY(tensor_place(entry, data, n, t));
    return VN_OK;
}

static vn_status take_meta(vn_safetensors *f, const vn_json *object)
{
    if (object->type != VN_JSON_OBJECT)
        return VN_FAIL(VN_E_MODEL, "__metadata__ is no object of texts");
    f->meta = vn_arena_array(&f->arena, object->n ? object->n : 1, sizeof *f->meta);
    if (!f->meta) return VN_E_MEMORY;
    for (const vn_json *entry = object->child; entry; entry = entry->next) {
        if (entry->type != VN_JSON_STRING || strlen(entry->s) != entry->n)
            return VN_FAIL(VN_E_MODEL, "metadata \"%s\" is no plain text", entry->key);
        f->meta[f->n_meta++] = (vn_meta){ entry->key, entry->s };
    }
    return VN_OK;
}

static int by_data(const void *a, const void *b)
{
    const char *x = ((const vn_stored *)a)->data, *y = ((const vn_stored *)b)->data;
    return x < y ? -1 : x > y;
}

/* The tensors must fill the data section from its first byte to its last, each byte once. */
static vn_status check_cover(const vn_safetensors *f, const char *data, size_t n)
{
    const char *at = data;
    for (int i = 0; i < f->n_tensors; i++) {
        const vn_stored *t = &f->tensor[i];
        if ((const char *)t->data != at)
            return VN_FAIL(VN_E_MODEL, "tensor \"%s\" begins at byte %td of the data, expected %td",
                           t->name, (const char *)t->data - data, at - data);
        at += t->bytes;
    }
    if (at != data + n)
        return VN_FAIL(VN_E_MODEL, "%td bytes of data belong to no tensor", data + n - at);
    return VN_OK;
}

static vn_status take_header(vn_safetensors *f, const vn_json *root, const char *data, size_t n)
{
    f->tensor = vn_arena_array(&f->arena, root->n ? root->n : 1, sizeof *f->tensor);
    if (!f->tensor) return VN_E_MEMORY;
    for (const vn_json *entry = root->child; entry; entry = entry->next) {
        if (!strcmp(entry->key, "__metadata__"))
            VN_TRY(take_meta(f, entry));
        else
            VN_TRY(take_tensor(entry, data, n, &f->tensor[f->n_tensors++]));
    }
    qsort(f->tensor, (size_t)f->n_tensors, sizeof *f->tensor, by_data);
    VN_TRY(check_cover(f, data, n));
    return VN_OK;
}

static vn_status parse(vn_safetensors *f)
{
    if (f->file_bytes < PREFIX + 2)
        return VN_FAIL(VN_E_MODEL, "%zu bytes are too few for a safetensors file", f->file_bytes);
    uint64_t header = 0;
    for (int i = PREFIX - 1; i >= 0; i--) header = header << 8 | (uint8_t)f->file[i];
    if (header > HEADER_MAX || header > f->file_bytes - PREFIX)
        return VN_FAIL(VN_E_MODEL,
                       "the header claims %" PRIu64 " bytes of a file of %zu: truncated, or no "
                       "safetensors file",
                       header, f->file_bytes);
    const char *text = f->file + PREFIX;
    if (header < 2 || text[0] != '{')
        return VN_FAIL(VN_E_MODEL, "the header does not begin with '{': no safetensors file");
    vn_json *root;
    vn_status st = vn_json_parse(&f->arena, text, (size_t)header, &root);
    if (st == VN_E_DATA) st = VN_FAIL(VN_E_MODEL, "header:%s", vn_last_message());
    if (st) return st;
    if (root->type != VN_JSON_OBJECT) return VN_FAIL(VN_E_MODEL, "the header is no object");
    VN_TRY(take_header(f, root, text + header, f->file_bytes - PREFIX - (size_t)header));
    return VN_OK;
}

vn_status vn_safetensors_read(const char *path, vn_safetensors **file)
{
    *file = NULL;
    vn_safetensors *f = vn_calloc(1, sizeof *f);
    if (!f) return VN_E_MEMORY;
    vn_status st = vn_file_read(path, 0, &f->file, &f->file_bytes);
    if (!st && !(f->path = vn_arena_text(&f->arena, path, strlen(path)))) st = VN_E_MEMORY;
    if (!st) {
        st = parse(f);
        if (st) vn_fail_in(st, "\"%s\"", path);
    }
    if (st) {
        vn_safetensors_close(f);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *file = f;
    return VN_OK;
}

void vn_safetensors_close(vn_safetensors *file)
{
    if (!file) return;
    vn_free(file->file);
    vn_arena_close(&file->arena);
    vn_free(file);
}

const vn_stored *vn_safetensors_find(const vn_safetensors *file, const char *name)
{
    for (int i = 0; i < file->n_tensors; i++)
        if (!strcmp(file->tensor[i].name, name)) return &file->tensor[i];
    return NULL;
}

const char *vn_safetensors_meta(const vn_safetensors *file, const char *key)
{
    for (int i = 0; i < file->n_meta; i++)
        if (!strcmp(file->meta[i].key, key)) return file->meta[i].value;
    return NULL;
}

vn_status vn_safetensors_need(const vn_safetensors *file, const char *name, const vn_tensor *shape,
                              const void **data)
{
    const vn_stored *t = vn_safetensors_find(file, name);
    if (!t) return VN_FAIL(VN_E_MODEL, "\"%s\": there is no tensor \"%s\"", file->path, name);
    bool same = t->dtype == shape->dtype && t->rank == shape->rank;
    for (int i = 0; same && i < shape->rank; i++) same = t->dim[i] == shape->dim[i];
    if (!same) {
        vn_tensor have = { .dtype = t->dtype,
                           .rank = t->rank < VN_MAX_RANK ? t->rank : VN_MAX_RANK };
        for (int i = 0; i < have.rank; i++) have.dim[i] = t->dim[i];
        char a[VN_SHAPE_TEXT], b[VN_SHAPE_TEXT];
        return VN_FAIL(VN_E_MODEL, "\"%s\": tensor \"%s\" is %s %s, the model needs %s %s",
                       file->path, name, vn_dtype_name(have.dtype), vn_shape_text(&have, a),
                       vn_dtype_name(shape->dtype), vn_shape_text(shape, b));
    }
    *data = t->data;
    return VN_OK;
}

/* ---- checksum ---- */

static uint64_t sum_of(const vn_meta *meta, int n_meta, const vn_stored *tensor, int n_tensors)
{
    uint64_t sum = 0;
    for (int i = 0; i < n_meta; i++) {
        if (!strcmp(meta[i].key, checksum_key)) continue;
        uint64_t key = vn_xxh64(meta[i].key, strlen(meta[i].key), 0);
        sum += vn_xxh64(meta[i].value, strlen(meta[i].value), key);
    }
    for (int i = 0; i < n_tensors; i++) {
        const vn_stored *t = &tensor[i];
        uint64_t h = vn_xxh64(t->name, strlen(t->name), (uint64_t)t->dtype + 1);
        for (int d = 0; d < t->rank; d++) h = h * 31 + (uint64_t)t->dim[d];
        sum += vn_xxh64(t->data, t->bytes, h);
    }
    return sum;
}

vn_status vn_safetensors_verify(const vn_safetensors *file)
{
    const char *given = vn_safetensors_meta(file, checksum_key);
    if (!given) return VN_FAIL(VN_E_MODEL, "\"%s\": there is no checksum", file->path);
    char want[17];
    snprintf(want, sizeof want, "%016" PRIx64,
             sum_of(file->meta, file->n_meta, file->tensor, file->n_tensors));
    if (strcmp(given, want))
        return VN_FAIL(VN_E_MODEL,
                       "\"%s\": the checksum is %s, the file says %.32s: it was altered or "
                       "damaged",
                       file->path, want, given);
    return VN_OK;
}

/* ---- writing ---- */

static const char *type_name(vn_dtype dtype)
{
    for (int i = 0; i < N_TYPES; i++)
        if (stored_types[i].dtype == dtype) return stored_types[i].name;
    return "";
}

static void put_header(const vn_meta *meta, int n_meta, const vn_stored *tensor, int n_tensors,
                       vn_text *out)
{
    vn_text_printf(out, "{\"__metadata__\":{\"%s\":\"%016" PRIx64 "\"", checksum_key,
                   sum_of(meta, n_meta, tensor, n_tensors));
    for (int i = 0; i < n_meta; i++) {
        vn_text_put(out, ",", 1);
        vn_text_json(out, meta[i].key);
        vn_text_put(out, ":", 1);
        vn_text_json(out, meta[i].value);
    }
    vn_text_put(out, "}", 1);
    size_t at = 0;
    for (int i = 0; i < n_tensors; at += tensor[i++].bytes) {
        const vn_stored *t = &tensor[i];
        vn_text_put(out, ",", 1);
        vn_text_json(out, t->name);
        vn_text_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", type_name(t->dtype));
        for (int d = 0; d < t->rank; d++)
            vn_text_printf(out, "%s%" PRId64, d ? "," : "", t->dim[d]);
        vn_text_printf(out, "],\"data_offsets\":[%zu,%zu]}", at, at + t->bytes);
    }
    vn_text_put(out, "}", 1);
    while (out->n % 8 && !out->failed) vn_text_put(out, " ", 1); /* the data begins aligned */
}

vn_status vn_safetensors_write(const char *path, const vn_meta *meta, int n_meta,
                               const vn_stored *tensor, int n_tensors)
{
    vn_text header = { 0 };
    vn_out *out = NULL;
    vn_status st = VN_OK;
    put_header(meta, n_meta, tensor, n_tensors, &header);
    if (header.failed) {
        st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        goto done;
    }
    unsigned char prefix[PREFIX];
    for (int i = 0; i < PREFIX; i++) prefix[i] = (unsigned char)(header.n >> 8 * i);
    VN_TRY_DONE(vn_out_open(path, &out));
    VN_TRY_DONE(vn_out_write(out, prefix, sizeof prefix));
    VN_TRY_DONE(vn_out_write(out, header.s, header.n));
    for (int i = 0; i < n_tensors; i++)
        VN_TRY_DONE(vn_out_write(out, tensor[i].data, tensor[i].bytes));
    VN_TRY_DONE(vn_out_commit(out));
    vn_out_sweep(path);
done:
    vn_out_close(out);
    vn_text_close(&header);
    return st;
}

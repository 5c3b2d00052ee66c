/* Reading golden vectors; see golden.h. */
#include "tests/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"

vn_status vn_golden_open(const char *name, vn_golden *out)
{
    *out = (vn_golden){ 0 };
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s.safetensors", VANE_SOURCE_DIR, name);
    size_t n;
    VN_TRY(vn_file_read(path, 0, &out->bytes, &n));
    uint64_t header = 0;
    if (n >= 8) memcpy(&header, out->bytes, 8);
    if (n < 8 || header > n - 8) return VN_FAIL(VN_E_DATA, "%s: no header", path);
    out->data = out->bytes + 8 + header;
    vn_json *root;
    VN_TRY(vn_json_parse(&out->arena, out->bytes + 8, header, &root));
    out->header = root;
    return VN_OK;
}

void vn_golden_close(vn_golden *golden)
{
    vn_arena_close(&golden->arena);
    vn_free(golden->bytes);
}

const float *vn_golden_find(const vn_golden *golden, const char *name, int64_t *n)
{
    const vn_json *entry = vn_json_get(golden->header, name);
    if (!entry) return NULL;
    const vn_json *from = vn_json_get(entry, "data_offsets")->child;
    if (n) *n = (from->next->i - from->i) / (int64_t)sizeof(float);
    return (const float *)(const void *)(golden->data + from->i);
}

const char *vn_golden_text(const vn_golden *golden, const char *key)
{
    const vn_json *value = vn_json_get(vn_json_get(golden->header, "__metadata__"), key);
    return value ? value->s : "";
}

int64_t vn_golden_int(const vn_golden *golden, const char *key)
{
    return atoll(vn_golden_text(golden, key));
}

int vn_golden_count(const vn_golden *golden, const char *prefix)
{
    int n = 0;
    for (const vn_json *entry = golden->header->child; entry; entry = entry->next)
        n += !strncmp(entry->key, prefix, strlen(prefix));
    return n;
}

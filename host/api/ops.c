/* Which kernels there are: ops by backends. */
#include <string.h>

#include "base/fault.h"
#include "device/plugin.h"
#include "host/api/internal.h"

enum { BACKENDS_MAX = 8 };

/* Linked-in backends, then the plug-ins that open. */
static int find_backends(const vane_config *config, const vn_backend *found[BACKENDS_MAX])
{
    int n = 0;
    for (const vn_backend *const *b = vn_backends(); *b && n < BACKENDS_MAX; b++) found[n++] = *b;
    for (const char *const *p = vn_plugin_names(); *p && n < BACKENDS_MAX; p++)
        if (!vn_backend_find(*p, config->run.plugins.s, &found[n])) n++;
    return n;
}

/* "f32_avx2 f32_ref": the names of a list without the op's. */
static void put_kernels(vane_report *r, const vn_backend *b, vn_op op)
{
    const char *name = vn_op_about(op)->name;
    vn_text line = { 0 };
    vn_text_printf(&r->json, ",\"%s\":[", b->name);
    for (const vn_kernel *const *k = b->kernels[op]; k && *k; k++) {
        size_t skip = !strncmp((*k)->name, name, strlen(name)) ? strlen(name) + 1 : 0;
        bool first = k == b->kernels[op];
        vn_text_printf(&line, "%s%s", first ? "" : " ", (*k)->name + skip);
        vn_text_printf(&r->json, "%s\"%s\"", first ? "" : ",", (*k)->name);
    }
    vn_text_printf(&r->json, "]");
    vn_text_printf(&r->text, "  %-52s", line.n ? line.s : "-");
    vn_text_close(&line);
}

static void put_lacking(vane_report *r, const vn_backend *b)
{
    int all = 0, lacking = 0;
    vn_text names = { 0 };
    for (int op = VN_OP_NONE + 1; op < VN_OP_COUNT; op++) {
        if (vn_op_about((vn_op)op)->view) continue;
        all++;
        if (b->kernels[op] && *b->kernels[op]) continue;
        vn_text_printf(&names, "%s%s", lacking++ ? ", " : "", vn_op_about((vn_op)op)->name);
    }
    vn_text_printf(&r->text, "%s: kernels for %d of %d ops", b->name, all - lacking, all);
    if (lacking) vn_text_printf(&r->text, "; none for %s", names.s ? names.s : "?");
    vn_text_put(&r->text, "\n", 1);
    vn_text_close(&names);
}

vane_status vane_ops_report(const vane_config *config, vane_report **report)
{
    const vn_backend *found[BACKENDS_MAX];
    int n = find_backends(config, found);
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_text_printf(&r->text, "%-15s", "op");
    for (int i = 0; i < n; i++) vn_text_printf(&r->text, "  %-52s", found[i]->name);
    vn_text_printf(&r->json, "{\"schema\":1,\"ops\":[");
    const char *comma = "";
    for (int op = VN_OP_NONE + 1; op < VN_OP_COUNT; op++) {
        if (vn_op_about((vn_op)op)->view) continue;
        vn_text_printf(&r->text, "\n%-15s", vn_op_about((vn_op)op)->name);
        vn_text_printf(&r->json, "%s\n{\"op\":\"%s\"", comma, vn_op_about((vn_op)op)->name);
        for (int i = 0; i < n; i++) put_kernels(r, found[i], (vn_op)op);
        vn_text_printf(&r->json, "}");
        comma = ",";
    }
    vn_text_printf(&r->text, "\n");
    vn_text_printf(&r->json, "\n]}\n");
    for (int i = 0; i < n; i++) put_lacking(r, found[i]);
    return vn_public(vn_report_finish(r, report));
}

/* A plan as text and as JSON: one line a step. */
#include <inttypes.h>

#include "graph/plan/internal.h"

static const char *const home_names[VN_HOME_COUNT] = {
    [VN_HOME_WORK] = "work",   [VN_HOME_READ] = "read",   [VN_HOME_FEED] = "feed",
    [VN_HOME_CONST] = "const", [VN_HOME_PARAM] = "param", [VN_HOME_GRAD] = "grad",
    [VN_HOME_M] = "m",         [VN_HOME_V] = "v",         [VN_HOME_MEAN] = "mean",
    [VN_HOME_STATE] = "state",
};

/* "[32, 96]", with the type in front where it is one of 16 bits. */
static void put_tensor(const vn_tensor *t, vn_text *out)
{
    char text[VN_SHAPE_TEXT];
    vn_text_printf(out, "%s%s", vn_is_low(t->dtype) ? vn_dtype_name(t->dtype) : "",
                   vn_shape_text(t, text));
}

void vn_plan_put_shapes(const vn_step *s, vn_text *out)
{
    for (int i = 0; i < s->call.n_in; i++) {
        if (!s->call.in[i].data) continue;
        put_tensor(&s->call.in[i], out);
        vn_text_put(out, " ", 1);
    }
    vn_text_printf(out, "->");
    for (int i = 0; i < s->call.n_out; i++) {
        if (!s->call.out[i].data) continue;
        vn_text_put(out, " ", 1);
        put_tensor(&s->call.out[i], out);
    }
}

/* "work+4096" for every output that has a place. */
static void put_places(const vn_plan *plan, int k, vn_text *out)
{
    for (int i = 0; i < plan->steps[k].call.n_out; i++) {
        vn_val v = plan->step_out[k][i];
        const vn_place *p = &plan->place[v];
        const char *data = plan->steps[k].call.out[i].data;
        if (!v || !data) continue;
        size_t at = (size_t)(data - (const char *)plan->block[p->home]);
        vn_text_printf(out, " %s+%zu", home_names[p->home], at);
    }
}

/* Bytes that the kernel keeps of weights between runs. */
static size_t keeps(const vn_step *s)
{
    return s->call.fixed && s->kernel->keep ? s->kernel->keep(&s->call) : 0;
}

/* The kernels passed over, each on a line of its own with a margin. */
static void put_why(const char *why, vn_text *out)
{
    for (const char *line = why; line && *line;) {
        size_t n = 0;
        while (line[n] && line[n] != '\n') n++;
        vn_text_printf(out, "         not %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

void vn_plan_dump(const vn_plan *plan, bool why, vn_text *out)
{
    for (int k = 0; k < plan->n_steps; k++) {
        const vn_step *s = &plan->steps[k];
        vn_text_printf(out, "%4d%c %-40s %-22s ", k, k < plan->n_prologue ? 'p' : ' ',
                       plan->step_path[k], s->kernel->name);
        vn_plan_put_shapes(s, out);
        vn_text_printf(out, "  {");
        vn_attr_print(vn_op_about(s->call.op)->attr, s->call.attr, out);
        vn_text_printf(out, "} ");
        put_places(plan, k, out);
        vn_text_printf(out, "  %.3g flop %.3g bytes", plan->step_cost[k].flops,
                       plan->step_cost[k].bytes);
        if (keeps(s)) vn_text_printf(out, ", keeps %zu", keeps(s));
        vn_text_printf(out, "\n");
        if (why && plan->step_note[k]) vn_text_printf(out, "         %s\n", plan->step_note[k]);
        const char *chosen = vn_exec_chosen(plan->stream, plan->exec, k);
        if (why && chosen) vn_text_printf(out, "         by %s\n", chosen);
        if (why) put_why(plan->step_why[k], out);
    }
}

static void put_json_step(const vn_plan *plan, int k, vn_text *out)
{
    const vn_step *s = &plan->steps[k];
    vn_text shapes = { 0 };
    vn_plan_put_shapes(s, &shapes);
    vn_text_printf(out, "{\"step\": %d, \"prologue\": %s, \"path\": ", k,
                   k < plan->n_prologue ? "true" : "false");
    vn_text_json(out, plan->step_path[k]);
    vn_text_printf(out, ", \"op\": \"%s\", \"kernel\": \"%s\", \"shapes\": ",
                   vn_op_about(s->call.op)->name, s->kernel->name);
    vn_text_json(out, shapes.s ? shapes.s : "");
    vn_text_printf(out, ", \"flops\": %.0f, \"bytes\": %.0f, \"keeps\": %zu, \"why\": ",
                   plan->step_cost[k].flops, plan->step_cost[k].bytes, keeps(s));
    vn_text_json(out, plan->step_why[k] ? plan->step_why[k] : "");
    vn_text_printf(out, ", \"note\": ");
    vn_text_json(out, plan->step_note[k] ? plan->step_note[k] : "");
    const char *chosen = vn_exec_chosen(plan->stream, plan->exec, k);
    if (chosen) vn_text_printf(out, ", \"by\": ");
    if (chosen) vn_text_json(out, chosen);
    vn_text_printf(out, "}");
    out->failed |= shapes.failed;
    vn_text_close(&shapes);
}

void vn_plan_dump_json(const vn_plan *plan, vn_text *out)
{
    const vn_plan_info *i = &plan->info;
    vn_text_printf(out,
                   "{\"schema\": 1, \"steps\": %d, \"prologue\": %d, \"work_bytes\": %zu, "
                   "\"values_bytes\": %zu, \"flops\": %.0f, \"bytes\": %.0f, \"plan\": [\n",
                   i->n_steps, i->n_prologue, i->work_bytes, i->values_bytes, i->flops, i->bytes);
    for (int k = 0; k < plan->n_steps; k++) {
        if (k) vn_text_printf(out, ",\n");
        put_json_step(plan, k, out);
    }
    vn_text_printf(out, "\n]}\n");
}

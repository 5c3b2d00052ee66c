/* Reports: text and JSON that a call found. */
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/api/internal.h"

vn_status vn_report_finish(vane_report *report, vane_report **out)
{
    *out = NULL;
    if (report->text.failed || report->json.failed) {
        vane_report_close(report);
        return VN_FAIL(VN_E_MEMORY, "no memory for a report");
    }
    *out = report;
    return VN_OK;
}

void vane_report_close(vane_report *report)
{
    if (!report) return;
    vn_text_close(&report->text);
    vn_text_close(&report->json);
    vn_evaluation_close(&report->evaluation);
    vn_free(report);
}

const char *vane_report_text(const vane_report *report)
{
    return report->text.s ? report->text.s : "";
}
const char *vane_report_json(const vane_report *report)
{
    return report->json.s ? report->json.s : "";
}

const char *vane_report_row(const vane_report *report, int i)
{
    return i >= 0 && i < report->evaluation.n_rows ? report->evaluation.row[i].name : NULL;
}

int vane_report_is_baseline(const vane_report *report, int i)
{
    return i >= 0 && i < report->evaluation.n_baselines;
}

vane_status vane_report_value(const vane_report *report, int row, const char *metric, double *value)
{
    int k = vn_metric_find(metric);
    *value = NAN;
    if (!vane_report_row(report, row))
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "the report has no row %d", row));
    if (k < 0) return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no metric \"%s\"", metric));
    *value = report->evaluation.row[row].score.value[k];
    return VANE_OK;
}

vane_status vane_write_file(const char *path, const void *data, size_t n)
{
    vn_out *out;
    vn_status st = vn_out_open(path, &out);
    if (!st) st = vn_out_write(out, data, n);
    if (!st) st = vn_out_commit(out);
    vn_out_close(out);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

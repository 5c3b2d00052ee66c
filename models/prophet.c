/* Prophet (Taylor and Letham, "Forecasting at Scale", The American Statistician 2018): a regression
 * on trend, seasonalities and holidays, fitted to every series by itself. It has no graph: host/
 * prophet fits it, this file gives it its name and its options. */
#include "models/prophet.h"

#include "models/model.h"

#define VN_OPTION_OF vn_prophet_options
static const vn_option options[] = { VN_PROPHET_OPTIONS(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

/* Prophet's own interval_width; no intervals: level=[]. */
static const char *const presets[][2] = { { "level", "[80]" }, { NULL, NULL } };

const vn_model_def vn_model_prophet = {
    .name = "prophet",
    .alias = "Prophet",
    .title = "Trend with changepoints, Fourier seasonalities, holidays (Taylor and Letham, 2018)",
    .papers = "Taylor, Letham: \"Forecasting at Scale\", The American Statistician 72(1), 2018, "
              "doi:10.1080/00031305.2017.1380080",
    .options = options,
    .options_bytes = sizeof(vn_prophet_options),
    .version = 1,
    .presets = presets,
};

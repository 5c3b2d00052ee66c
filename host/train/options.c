/* The option table of training. */
#include "base/text.h"
#include "host/train/train.h"

#define VN_OPTION_OF vn_train_options
const vn_option vn_train_option_table[] = { VN_TRAIN_OPTIONS(VN_OPTION_LINE){ 0 } };
static const vn_option learn_table[] = { VN_LEARN_OPTIONS(VN_OPTION_LINE){ 0 } };

bool vn_option_learns(const char *name)
{
    return vn_option_find(learn_table, name) != NULL;
}

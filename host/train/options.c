/* The option table of training. */
#include "host/train/train.h"

#define VN_OPTION_OF vn_train_options
const vn_option vn_train_option_table[] = { VN_TRAIN_OPTIONS(VN_OPTION_LINE){ 0 } };

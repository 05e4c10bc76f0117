/* Everything: include this one. */
#ifndef CUPEL_H
#define CUPEL_H

#include "cupel/bench.h"
#include "cupel/check.h"
#include "cupel/data.h"
#include "cupel/gan.h"
#include "cupel/graph.h"
#include "cupel/image.h"
#include "cupel/model.h"
#include "cupel/ops.h"
#include "cupel/plan.h"
#include "cupel/report.h"
#include "cupel/status.h"
#include "cupel/tensor.h"
#include "cupel/train.h"
#include "cupel/version.h"
#include "cupel/weights.h"

#endif

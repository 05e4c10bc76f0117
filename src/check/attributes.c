/* Attributes of nodes as text: one table of what each op's are called and may be. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "check/repro.h"

enum field_type {
    FIELD_REAL,
    FIELD_INT,
    FIELD_LONG,
    FIELD_UNSIGNED,
    FIELD_BOOL,
    FIELD_SHAPE,
    FIELD_OP, /* of a chain's step, by name */
};

/* One attribute, or `count` of them `stride` bytes apart. */
struct field {
    const char *name; /* NULL ends a list */
    enum field_type type;
    int count; /* negative: of f32 numbers */
    size_t offset, stride;
    int64_t low, high; /* of whole numbers */
};

#define AT(member) offsetof(union attr, member)
#define MOST INT32_MAX
#define REAL(name, member) \
    { name, FIELD_REAL, 1, AT(member) }
#define INT(name, member, low, high) \
    { name, FIELD_INT, 1, AT(member), 0, low, high }
#define PAIR(name, member, low, high) \
    { name, FIELD_INT, 2, AT(member), sizeof(int), low, high }
#define LONGS(name, member, count, low) \
    { name, FIELD_LONG, count, AT(member), sizeof(int64_t), low, INT64_C(1) << 48 }
#define BOOL(name, member) \
    { name, FIELD_BOOL, 1, AT(member) }
#define STEPS(name, type, member, low, high) \
    { name, type, CHAIN_STEPS, AT(chain.step[0].member), sizeof(struct chain_step), low, high }
#define MOVES(name, type, member, low, high) \
    { name, type, BATCH_MOVES, AT(batch.move[0].member), sizeof(struct image_move), low, high }

static const struct field number[] = {
    REAL("a", number.a), REAL("b", number.b), LONGS("n", number.n, 1, -(INT64_C(1) << 48)), {0}};
static const struct field drawn[] = {REAL("a", random.a),
                                     REAL("b", random.b),
                                     {"shape", FIELD_SHAPE, 1, AT(random.shape)},
                                     INT("size", random.size, 0, INT16_MAX),
                                     {"stream", FIELD_UNSIGNED, 1, AT(random.stream), 0, 0, UINT32_MAX},
                                     BOOL("back", random.back),
                                     {0}};
static const struct field affine[] = {{"rotate", FIELD_REAL, 2, AT(affine.how.rotate), sizeof(double)},
                                      {"translate", FIELD_REAL, 2, AT(affine.how.translate), sizeof(double)},
                                      {"scale", FIELD_REAL, 2, AT(affine.how.scale), sizeof(double)},
                                      {"stream", FIELD_UNSIGNED, 1, AT(affine.stream), 0, 0, UINT32_MAX},
                                      {0}};
static const struct field jitter[] = {
    {"brightness", FIELD_REAL, 2, AT(jitter.how.brightness), sizeof(double)},
    {"contrast", FIELD_REAL, 2, AT(jitter.how.contrast), sizeof(double)},
    {"saturation", FIELD_REAL, 2, AT(jitter.how.saturation), sizeof(double)},
    {"hue", FIELD_REAL, 2, AT(jitter.how.hue), sizeof(double)},
    {"stream", FIELD_UNSIGNED, 1, AT(jitter.stream), 0, 0, UINT32_MAX},
    {0}};
static const struct field conv[] = {PAIR("stride", conv.conv.stride, 0, MOST),
                                    PAIR("pad", conv.conv.pad, 0, MOST),
                                    PAIR("dilation", conv.conv.dilation, 0, MOST),
                                    INT("groups", conv.conv.groups, 0, MOST),
                                    PAIR("output_pad", conv.conv.output_pad, 0, MOST),
                                    LONGS("image", conv.image, 2, 0),
                                    LONGS("kernel", conv.kernel, 2, 0),
                                    INT("activation", conv.activation, ACTIVATION_NONE, ACTIVATION_TANH),
                                    REAL("slope", conv.slope),
                                    {0}};
static const struct field norm[] = {
    REAL("momentum", norm.momentum),
    REAL("eps", norm.eps),
    INT("activation", norm.activation, ACTIVATION_NONE, ACTIVATION_LEAKY_RELU),
    REAL("slope", norm.slope),
    {0}};
static const struct field pool[] = {PAIR("kernel", pool.pool.kernel, 0, MOST),
                                    PAIR("stride", pool.pool.stride, 0, MOST),
                                    PAIR("pad", pool.pool.pad, 0, MOST),
                                    BOOL("ceil_mode", pool.pool.ceil_mode),
                                    BOOL("exclude_pad", pool.pool.exclude_pad),
                                    INT("divisor", pool.pool.divisor, 0, MOST),
                                    LONGS("image", pool.image, 2, 0),
                                    LONGS("parts", pool.parts, 2, 0),
                                    {0}};
static const struct field shape[] = {
    {"shape", FIELD_SHAPE, 1, AT(shape.shape)},
    LONGS("start", shape.start, CUPEL_MAX_RANK, 0),
    {"axis", FIELD_INT, CUPEL_MAX_RANK, AT(shape.axis), sizeof(int), -CUPEL_MAX_RANK, CUPEL_MAX_RANK - 1},
    {"axes", FIELD_UNSIGNED, 1, AT(shape.axes), 0, 0, UINT32_MAX},
    REAL("factor", shape.factor),
    BOOL("keep", shape.keep),
    BOOL("transpose_a", shape.transpose_a),
    BOOL("transpose_b", shape.transpose_b),
    {0}};
static const struct field lrn[] = {
    LONGS("size", lrn.size, 1, 1), REAL("alpha", lrn.alpha), REAL("beta", lrn.beta), REAL("k", lrn.k), {0}};
static const struct field upsample[] = {
    {"factor", FIELD_LONG, 2, AT(upsample.factor), sizeof(int64_t), 1, 1 << 20}, {0}};
static const struct field chain[] = {INT("count", chain.count, 1, CHAIN_STEPS),
                                     STEPS("op", FIELD_OP, op, 0, OP_COUNT - 1),
                                     STEPS("left", FIELD_INT, a, CHAIN_VALUE, CHAIN_INPUTS - 1),
                                     STEPS("right", FIELD_INT, b, CHAIN_VALUE, CHAIN_INPUTS - 1),
                                     STEPS("a", FIELD_REAL, p, 0, 0),
                                     STEPS("b", FIELD_REAL, q, 0, 0),
                                     {0}};
static const struct field batch[] = {
    BOOL("gathers", batch.gathers),
    LONGS("count", batch.count, 1, 0),
    INT("moves", batch.moves, 0, BATCH_MOVES),
    MOVES("stream", FIELD_UNSIGNED, stream, 0, UINT32_MAX),
    MOVES("kind", FIELD_INT, kind, MOVE_MIRROR, MOVE_CUT),
    {"flip", FIELD_REAL, -BATCH_MOVES, AT(batch.move[0].flip), sizeof(struct image_move)},
    MOVES("size", FIELD_INT, size, 0, INT16_MAX),
    MOVES("sign", FIELD_INT, sign, -1, 1),
    {0}};
static const struct field sgd[] = {REAL("momentum", sgd.momentum),
                                   REAL("weight_decay", sgd.weight_decay),
                                   BOOL("nesterov", sgd.nesterov),
                                   {0}};
static const struct field adam[] = {REAL("beta1", adam.beta1),
                                    REAL("beta2", adam.beta2),
                                    REAL("eps", adam.eps),
                                    REAL("weight_decay", adam.weight_decay),
                                    BOOL("decoupled", adam.decoupled),
                                    {0}};
static const struct field rmsprop[] = {
    REAL("alpha", rmsprop.alpha), REAL("eps", rmsprop.eps), REAL("weight_decay", rmsprop.weight_decay), {0}};
static const struct field adagrad[] = {
    REAL("eps", adagrad.eps), REAL("weight_decay", adagrad.weight_decay), {0}};

/* Ops whose attributes are not `number`. */
static const struct field *const fields[OP_COUNT] = {
    [OP_uniform] = drawn,
    [OP_normal] = drawn,
    [OP_beta] = drawn,
    [OP_dropout] = drawn,
    [OP_random_flip] = drawn,
    [OP_random_crop] = drawn,
    [OP_cutout] = drawn,
    [OP_random_affine] = affine,
    [OP_color_jitter] = jitter,
    [OP_conv2d] = conv,
    [OP_conv2d_image] = conv,
    [OP_conv2d_weight] = conv,
    [OP_linear] = conv,
    [OP_batchnorm] = norm,
    [OP_batchnorm_grad] = norm,
    [OP_batchnorm_eval] = norm,
    [OP_layernorm] = norm,
    [OP_layernorm_grad] = norm,
    [OP_maxpool] = pool,
    [OP_maxpool_grad] = pool,
    [OP_maxpool_pick] = pool,
    [OP_avgpool] = pool,
    [OP_avgpool_grad] = pool,
    [OP_slice] = shape,
    [OP_pad] = shape,
    [OP_concat] = shape,
    [OP_transpose] = shape,
    [OP_broadcast] = shape,
    [OP_sum] = shape,
    [OP_max] = shape,
    [OP_matmul] = shape,
    [OP_softmax] = shape,
    [OP_softmax_grad] = shape,
    [OP_log_softmax] = shape,
    [OP_log_softmax_grad] = shape,
    [OP_bilinear] = upsample,
    [OP_bilinear_grad] = upsample,
    [OP_lrn] = lrn,
    [OP_lrn_grad] = lrn,
    [OP_chain] = chain,
    [OP_batch] = batch,
    [OP_sgd] = sgd,
    [OP_sgd_momentum] = sgd,
    [OP_adam] = adam,
    [OP_rmsprop] = rmsprop,
    [OP_adagrad] = adagrad,
};

static const struct field *fields_of(enum op_id op) {
    return fields[op] ? fields[op] : number;
}

/* ---- writing ---- */

/* As many digits as a double has; infinities, which JSON has not, as strings. */
static void write_real(double value, struct buffer *text) {
    char digits[40];
    snprintf(digits, sizeof digits, isfinite(value) ? "%.17g" : "\"%g\"", value);
    for (char *comma = digits; *comma; comma++)
        if (*comma == ',') *comma = '.'; /* of the locale */
    buffer_text(text, digits);
}

static void write_shape(const struct cupel_shape *written, struct buffer *text) {
    buffer_text(text, "[");
    for (int i = 0; i < written->rank; i++)
        buffer_format(text, "%s%lld", i ? "," : "", (long long)written->dim[i]);
    buffer_text(text, "]");
}

static void write_one(const struct field *field, const char *at, struct buffer *text) {
    switch (field->type) {
    case FIELD_REAL:
        write_real(field->count < 0 ? *(const float *)at : *(const double *)at, text);
        break;
    case FIELD_INT:
        buffer_format(text, "%d", *(const int *)at);
        break;
    case FIELD_LONG:
        buffer_format(text, "%lld", (long long)*(const int64_t *)at);
        break;
    case FIELD_UNSIGNED:
        buffer_format(text, "%u", *(const uint32_t *)at);
        break;
    case FIELD_BOOL:
        buffer_text(text, *(const bool *)at ? "true" : "false");
        break;
    case FIELD_SHAPE:
        write_shape((const struct cupel_shape *)at, text);
        break;
    case FIELD_OP:
        buffer_json_string(text, ops[*(const enum op_id *)at].name);
        break;
    }
}

void attributes_write(enum op_id op, const union attr *attr, struct buffer *text) {
    buffer_text(text, "{");
    for (const struct field *field = fields_of(op); field->name; field++) {
        const int count = abs(field->count);
        buffer_text(text, field == fields_of(op) ? "" : ",");
        buffer_json_string(text, field->name);
        buffer_text(text, count > 1 ? ":[" : ":");
        for (int i = 0; i < count; i++) {
            buffer_text(text, i ? "," : "");
            write_one(field, (const char *)attr + field->offset + (size_t)i * field->stride, text);
        }
        buffer_text(text, count > 1 ? "]" : "");
    }
    buffer_text(text, "}");
}

/* ---- reading ---- */

static bool read_real(const cJSON *json, double *value) {
    static const struct {
        const char *text;
        double value;
    } others[] = {{"inf", INFINITY}, {"-inf", -INFINITY}, {"nan", NAN}, {"-nan", NAN}};
    *value = cJSON_IsNumber(json) ? json->valuedouble : 0;
    for (int i = 0; cJSON_IsString(json) && i < 4; i++) {
        if (strcmp(json->valuestring, others[i].text) != 0) continue;
        *value = others[i].value;
        return true;
    }
    return cJSON_IsNumber(json);
}

static bool read_whole(const cJSON *json, int64_t low, int64_t high, int64_t *value) {
    const double read = cJSON_IsNumber(json) ? json->valuedouble : NAN;
    if (!(read >= (double)low && read <= (double)high) || read != floor(read)) return false;
    *value = (int64_t)read;
    return true;
}

static bool read_shape(const cJSON *json, struct cupel_shape *read) {
    *read = (struct cupel_shape){.rank = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : -1};
    if (read->rank < 0 || read->rank > CUPEL_MAX_RANK) return false;
    for (int i = 0; i < read->rank; i++)
        if (!read_whole(cJSON_GetArrayItem(json, i), 0, INT64_C(1) << 48, &read->dim[i])) return false;
    return true;
}

static bool read_op(const cJSON *json, enum op_id *op) {
    for (int i = 0; cJSON_IsString(json) && i < OP_COUNT; i++) {
        if (strcmp(ops[i].name, json->valuestring) != 0) continue;
        *op = (enum op_id)i;
        return true;
    }
    return false;
}

static bool read_one(const struct field *field, const cJSON *json, char *at) {
    int64_t whole = 0;
    double value = 0;
    switch (field->type) {
    case FIELD_REAL:
        if (!read_real(json, &value)) return false;
        if (field->count < 0)
            *(float *)at = (float)value;
        else
            *(double *)at = value;
        return true;
    case FIELD_BOOL:
        *(bool *)at = cJSON_IsTrue(json);
        return cJSON_IsBool(json);
    case FIELD_SHAPE:
        return read_shape(json, (struct cupel_shape *)at);
    case FIELD_OP:
        return read_op(json, (enum op_id *)at);
    default:
        break;
    }
    if (!read_whole(json, field->low, field->high, &whole)) return false;
    if (field->type == FIELD_INT)
        *(int *)at = (int)whole;
    else if (field->type == FIELD_UNSIGNED)
        *(uint32_t *)at = (uint32_t)whole;
    else
        *(int64_t *)at = whole;
    return true;
}

static bool read_field(const struct field *field, const cJSON *json, union attr *attr) {
    const int count = abs(field->count);
    char *at = (char *)attr + field->offset;
    if (count == 1) return read_one(field, json, at);
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != count) return false;
    for (int i = 0; i < count; i++)
        if (!read_one(field, cJSON_GetArrayItem(json, i), at + (size_t)i * field->stride)) return false;
    return true;
}

enum cupel_status attributes_read(const char *file, enum op_id op, const cJSON *object, union attr *attr,
                                  struct cupel_error *error) {
    int known = 0;
    memset(attr, 0, sizeof *attr);
    for (const struct field *field = fields_of(op); field->name; field++, known++) {
        const cJSON *json = cJSON_GetObjectItemCaseSensitive(object, field->name);
        if (!json || !read_field(field, json, attr))
            return cupel_fail(error, CUPEL_INVALID, "%s: attribute '%s' of %s is %s", file, field->name,
                              ops[op].name, json ? "no possible value" : "missing");
    }
    if (cJSON_GetArraySize(object) != known)
        return cupel_fail(error, CUPEL_INVALID, "%s: %s has %d attributes, not %d", file, ops[op].name, known,
                          cJSON_GetArraySize(object));
    return CUPEL_OK;
}

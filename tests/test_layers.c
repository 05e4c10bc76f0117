/* Layers that GANs are made of, against PyTorch and by hand; what they refuse. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "evaluate.h"
#include "golden.h"

/* ---- PyTorch ---- */

enum kind {
    EMBEDDING,
    NEAREST,
    BILINEAR,
    PIXEL_SHUFFLE,
    INSTANCENORM,
    MINIBATCH_STD,
    SPECTRAL_NORM,
    ADAPTIVE_MAXPOOL,
    ADAPTIVE_AVGPOOL,
    LRN,
    PAD,
    UNPOOL
};

/* arg, as golden/make_layers.py writes it: the kind, then factors, the group, axis and mode, the size, margins and mode,
 * or a pool's kernel, stride and pad */
static void build_golden(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const int64_t *arg = one->arg + 1;
    switch ((enum kind)one->arg[0]) {
    case EMBEDDING:
        out[0] = cupel_embedding(in[0], in[1]);
        break;
    case NEAREST:
        out[0] = cupel_upsample(in[0], arg, CUPEL_UPSAMPLE_NEAREST);
        break;
    case BILINEAR:
        out[0] = cupel_upsample(in[0], arg, CUPEL_UPSAMPLE_BILINEAR);
        break;
    case PIXEL_SHUFFLE:
        out[0] = cupel_pixel_shuffle(in[0], arg[0]);
        break;
    case INSTANCENORM:
        out[0] = cupel_instancenorm(in[0], in[1], in[2], 1e-5);
        break;
    case MINIBATCH_STD:
        out[0] = cupel_minibatch_std(in[0], arg[0]);
        break;
    case SPECTRAL_NORM:
        out[0] = cupel_spectral_norm(in[0], in[1], in[2], (int)arg[0], 1e-12, arg[1]);
        break;
    case ADAPTIVE_MAXPOOL:
        out[0] = cupel_adaptive_maxpool(in[0], arg);
        break;
    case ADAPTIVE_AVGPOOL:
        out[0] = cupel_adaptive_avgpool(in[0], arg);
        break;
    case PAD:
        out[0] = cupel_pad_image(in[0], arg, (enum cupel_padding)arg[4], 0);
        break;
    case UNPOOL:
        out[0] = cupel_unpool(in[0], cupel_maxpool(in[1], &(struct cupel_pool){{(int)arg[0], (int)arg[1]},
                                                                               {(int)arg[2], (int)arg[3]},
                                                                               {(int)arg[4], (int)arg[5]}}));
        break;
    case LRN:
        out[0] = cupel_lrn(in[0], &(struct cupel_lrn){arg[0], 3, 0.75, 2});
        break;
    }
}

static void judge_golden(const struct cupel_weights *file, const struct op_case *one, const char *device,
                         enum cupel_dtype real, double tolerance) {
    struct trial trial;
    golden_judge(&trial, file, one, device, real, tolerance);
    if (golden_find(file, one->name, "u")) {
        cr_assert(trial_run(&trial), "%s: %s", one->name, trial.error.message);
        golden_expect_state(file, &trial, trial.in[1], "u", tolerance);
        golden_expect_state(file, &trial, trial.in[2], "v", tolerance);
    }
    trial_free(&trial);
}

Test(layers, values_gradients_and_vectors_are_those_of_pytorch) {
    golden_each("ops_layers.safetensors", build_golden, judge_golden, (double[]){1e-12, 2e-6, 1e-5}, 45);
}

/* ---- labels ---- */

Test(layers, a_label_that_is_no_class_fails_the_run) {
    static const int32_t wrong[] = {3, -1};
    for (int i = 0; i < 4; i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
        struct cupel_error error = {0};
        double y[6];
        const int32_t labels[] = {0, wrong[i % 2]};
        struct cupel_tensor *where = cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(2), labels);
        struct cupel_tensor *weight = cupel_fill(graph, &CUPEL_SHAPE(3, 2), 0), *made;
        made = cupel_embedding(weight, where);
        if (i >= 2) cupel_grad(made, NULL, &weight, 1, &made);
        cr_expect_eq(run_once(made, y, sizeof(double) * (i < 2 ? 4 : 6), &error), CUPEL_INVALID);
        cr_expect(strstr(error.message, "which is none of the 3 classes"), "%s", error.message);
        cr_expect(strstr(error.message, "label 1 is"), "%s", error.message);
        cupel_graph_free(graph);
    }
}

/* ---- by hand ---- */

/* Group 0 is images 0 and 2, with deviations 1 and 2; group 1 is images 1 and 3, with 0 and 4. */
Test(layers, minibatch_deviation_is_of_every_other_image) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, 2, 5, 1, 3, 6, 5, 9), &CUPEL_SHAPE(4, 2));
    struct cupel_tensor *y = cupel_minibatch_std(x, 2);
    const double a = (sqrt(1 + 1e-8) + sqrt(4 + 1e-8)) / 2, b = (sqrt(1e-8) + sqrt(16 + 1e-8)) / 2;
    expect_list(y, 1, 2, a, 5, 1, b, 3, 6, a, 5, 9, b);
    cupel_graph_free(graph);
}

/* A matrix of rank one is its own largest singular value's: 3 times the outer product of two unit vectors. */
Test(layers, spectral_norm_of_a_matrix_of_rank_one_is_exact_after_one_step) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    const struct cupel_init unit = {CUPEL_INIT_DIRECTION, 0, 0};
    struct cupel_tensor *u = cupel_state(graph, "u", CUPEL_F64, &CUPEL_SHAPE(2), &unit);
    struct cupel_tensor *v = cupel_state(graph, "v", CUPEL_F64, &CUPEL_SHAPE(2), &unit);
    struct cupel_tensor *w =
        cupel_reshape(list(graph, 1.8 * 0.8, 1.8 * 0.6, 2.4 * 0.8, 2.4 * 0.6), &CUPEL_SHAPE(2, 2));
    expect_list(cupel_spectral_norm(w, u, v, 0, 1e-12, true), 0.48, 0.36, 0.64, 0.48);
    cupel_graph_free(graph);
}

/* ---- what is refused ---- */

enum maker {
    MAKE_EMBEDDING,
    MAKE_EMBEDDING_GRAD,
    MAKE_UPSAMPLE,
    MAKE_BILINEAR_GRAD,
    MAKE_SHUFFLE,
    MAKE_INSTANCENORM,
    MAKE_AFFINE,
    MAKE_MINIBATCH,
    MAKE_SPECTRAL,
    MAKE_POOL,
    MAKE_ADAPTIVE,
    MAKE_PARTS,
    MAKE_LRN,
    MAKE_LRN_GRAD
};
static const struct refused {
    enum maker maker;
    struct cupel_shape x, other;
    int64_t a, b; /* factors, group, divisor, axis, size */
    const char *says;
} refusals[] = {
    {MAKE_EMBEDDING, {1, {4}}, {1, {3}}, 0, 0, "input 0 must have 2 dimensions"},
    {MAKE_EMBEDDING, {2, {4, 3}}, {2, {3, 1}}, 0, 0, "the labels must be i32 [N]"},
    {MAKE_EMBEDDING_GRAD, {2, {4, 3}}, {1, {3}}, 5, 0, "4 rows do not fit 3 labels"},
    {MAKE_UPSAMPLE, {2, {4, 3}}, {0}, 2, 2, "images [N, C, H, W]"},
    {MAKE_UPSAMPLE, {4, {1, 1, 2, 2}}, {0}, 0, 2, "a factor of 0 is not possible"},
    {MAKE_UPSAMPLE, {4, {1, 1, 2, 2}}, {0}, 2, INT64_MAX / 2, "is not possible"},
    {MAKE_BILINEAR_GRAD, {4, {1, 1, 4, 5}}, {0}, 2, 2, "4 x 5 is no multiple of 2 x 2"},
    {MAKE_SHUFFLE, {4, {1, 6, 2, 2}}, {0}, 2, 0, "a factor of 2 needs images of a multiple of 4 channels"},
    {MAKE_SHUFFLE, {4, {1, 6, 2, 2}}, {0}, 0, 0, "a factor of 0"},
    {MAKE_SHUFFLE, {4, {1, 6, 2, 2}}, {0}, INT64_MAX, 0, "a factor of 9223372036854775807"},
    {MAKE_SHUFFLE, {3, {4, 2, 2}}, {0}, 2, 0, "a factor of 2 needs images"},
    {MAKE_INSTANCENORM, {4, {2, 3, 1, 1}}, {0}, 0, 0, "more than one pixel"},
    {MAKE_INSTANCENORM, {2, {4, 3}}, {0}, 0, 0, "must be [N, C, ...]"},
    {MAKE_AFFINE, {4, {2, 3, 2, 2}}, {1, {3}}, 0, 0, "both or neither"},
    {MAKE_MINIBATCH, {4, {6, 3, 2, 2}}, {0}, 4, 0, "a batch of 6 cannot be cut into groups of 4"},
    {MAKE_MINIBATCH, {4, {6, 3, 2, 2}}, {0}, 0, 0, "at least one image, not 0"},
    {MAKE_MINIBATCH, {1, {6}}, {0}, 2, 0, "must be [N, C, ...]"},
    {MAKE_SPECTRAL, {2, {4, 3}}, {1, {3}}, 0, 0, "u must be [4] and v [3]"},
    {MAKE_SPECTRAL, {2, {3, 4}}, {1, {3}}, 0, 0, "u must be [3] and v [4]"},
    {MAKE_SPECTRAL, {2, {3, 3}}, {1, {3}}, 2, 0, "axis 2"},
    {MAKE_POOL, {4, {1, 1, 2, 2}}, {0}, -1, 0, "divisor -1 must be at least 0"},
    {MAKE_ADAPTIVE, {4, {1, 1, 2, 2}}, {0}, 0, 3, "0 x 3 cannot be made"},
    {MAKE_ADAPTIVE, {4, {1, 1, 2, 2}}, {0}, 3, 0, "3 x 0 cannot be made"},
    {MAKE_ADAPTIVE, {3, {1, 2, 2}}, {0}, 2, 2, "takes images"},
    {MAKE_ADAPTIVE, {4, {1, 1, 2, 2}}, {0}, 2, INT64_C(1) << 31, "2 elements cannot be pooled to 2147483648"},
    {MAKE_PARTS, {4, {1, 1, 2, 2}}, {0}, 2, 0, "2 elements cannot be pooled to 0"},
    {MAKE_PARTS, {4, {1, 1, 2, 2}}, {0}, -1, 1, "2 elements cannot be pooled to -1"},
    {MAKE_LRN, {4, {1, 3, 2, 2}}, {0}, 0, 0, "0 of 3 channels cannot be taken together"},
    {MAKE_LRN, {4, {1, 3, 2, 2}}, {0}, INT64_C(1) << 31, 0, "2147483648 of 3 channels"},
    {MAKE_LRN, {2, {4, 3}}, {0}, 5, 0, "input 0 must have 4 dimensions"},
    {MAKE_LRN_GRAD, {4, {1, 3, 2, 2}}, {4, {1, 3, 2, 1}}, 5, 0, "inputs must have one shape"},
};

static struct cupel_tensor *make(struct cupel_graph *graph, const struct refused *row) {
    const bool labels = row->maker == MAKE_EMBEDDING || row->maker == MAKE_EMBEDDING_GRAD;
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &row->x, NULL);
    struct cupel_tensor *other =
        cupel_state(graph, "other", labels ? CUPEL_I32 : CUPEL_F32, &row->other, NULL);
    const int64_t factor[] = {row->a, row->b};
    switch (row->maker) {
    case MAKE_EMBEDDING:
        return cupel_embedding(x, other);
    case MAKE_EMBEDDING_GRAD:
        return NODE_ADD(embedding_grad, ATTR(number, .n = row->a), x, other);
    case MAKE_UPSAMPLE:
        return cupel_upsample(x, factor, CUPEL_UPSAMPLE_NEAREST);
    case MAKE_BILINEAR_GRAD:
        return NODE_ADD(bilinear_grad, ATTR(upsample, .factor = {row->a, row->b}), x);
    case MAKE_SHUFFLE:
        return cupel_pixel_shuffle(x, row->a);
    case MAKE_INSTANCENORM:
        return cupel_instancenorm(x, NULL, NULL, 1e-5);
    case MAKE_AFFINE:
        return cupel_instancenorm(x, other, NULL, 1e-5);
    case MAKE_MINIBATCH:
        return cupel_minibatch_std(x, row->a);
    case MAKE_SPECTRAL:
        return cupel_spectral_norm(x, other, other, (int)row->a, 1e-12, false);
    case MAKE_POOL:
        return cupel_avgpool(x, &(struct cupel_pool){.kernel = {1, 1}, .divisor = (int)row->a});
    case MAKE_ADAPTIVE:
        return cupel_adaptive_maxpool(x, factor);
    case MAKE_LRN:
        return cupel_lrn(x, &(struct cupel_lrn){row->a, 1e-4, 0.75, 1});
    case MAKE_LRN_GRAD:
        return NODE_ADD(lrn_grad, ATTR(lrn, row->a, 1e-4, 0.75, 1), x, other, x);
    case MAKE_PARTS:
        return NODE_ADD(avgpool, ATTR(pool, .parts = {row->a, row->b}), x);
    }
    return NULL;
}

Test(layers, what_does_not_fit_is_refused) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        expect_refusal(graph, make(graph, &refusals[i]), i, refusals[i].says);
        cupel_graph_free(graph);
    }
}

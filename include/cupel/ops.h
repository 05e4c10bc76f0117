/* Ops: constructors that append nodes to a graph and return the tensor they make.
 *
 * Every constructor returns NULL when an input is NULL or does not fit; the graph then holds the message.
 * Shapes are logical (images N, C, H, W). "real" is the graph's floating-point type; inputs and results
 * are real unless something else is said. Formulas are PyTorch's op of the
 * same name unless another source is given. Axes may be negative, counted from the end. */
#ifndef CUPEL_OPS_H
#define CUPEL_OPS_H

#include "cupel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- shape: any dtype, but for cupel_pack ---- */

/* Same elements, row-major order, another shape; one dimension may be -1. Costs nothing unless the layout
 * must change. */
struct cupel_tensor *cupel_reshape(struct cupel_tensor *x, const struct cupel_shape *shape);
/* [N, ...] to [N, rest]. */
struct cupel_tensor *cupel_flatten(struct cupel_tensor *x);
/* Axis i of the result is axis order[i] of x; `order` has x's rank entries. (torch.permute) */
struct cupel_tensor *cupel_transpose(struct cupel_tensor *x, const int *order);
/* Joins tensors that agree in all but dimension `axis`. (torch.cat) */
struct cupel_tensor *cupel_concat(struct cupel_tensor *const *x, int count, int axis);
/* The block of `shape` whose first element is at `start[0..rank)`. */
struct cupel_tensor *cupel_slice(struct cupel_tensor *x, const int64_t *start,
                                 const struct cupel_shape *shape);
/* The inverse: zeros of `shape` with x at `start`. */
struct cupel_tensor *cupel_pad(struct cupel_tensor *x, const int64_t *start, const struct cupel_shape *shape);
/* Repeats x along dimensions of size 1 (and missing leading ones) to `shape`. (torch.broadcast_to) */
struct cupel_tensor *cupel_broadcast(struct cupel_tensor *x, const struct cupel_shape *shape);
/* Flat [total] range of the real type with each tensor at the offset that cupel_part would use, in order;
 * gaps are zeros. */
struct cupel_tensor *cupel_pack(struct cupel_tensor *const *x, int count);

/* ---- elementwise: the result has the shape of the input, or of the inputs broadcast as in NumPy ---- */

/* a + b and so on */
struct cupel_tensor *cupel_add(struct cupel_tensor *a, struct cupel_tensor *b);
struct cupel_tensor *cupel_sub(struct cupel_tensor *a, struct cupel_tensor *b);
struct cupel_tensor *cupel_mul(struct cupel_tensor *a, struct cupel_tensor *b);
struct cupel_tensor *cupel_div(struct cupel_tensor *a, struct cupel_tensor *b);
/* factor * x + shift */
struct cupel_tensor *cupel_scale(struct cupel_tensor *x, double factor, double shift);
/* Of each element; logarithm and root of a negative number are NaN. */
struct cupel_tensor *cupel_exp(struct cupel_tensor *x);
struct cupel_tensor *cupel_log(struct cupel_tensor *x);
struct cupel_tensor *cupel_sqrt(struct cupel_tensor *x);
/* x to the power `exponent`; negative x only with a whole exponent. */
struct cupel_tensor *cupel_power(struct cupel_tensor *x, double exponent);
struct cupel_tensor *cupel_abs(struct cupel_tensor *x);
/* -1, 0 or 1; its gradient is zero. */
struct cupel_tensor *cupel_sign(struct cupel_tensor *x);
/* min(max(x, low), high) with low <= high; the gradient is 1 inside and on the bounds. (torch.clamp) */
struct cupel_tensor *cupel_clamp(struct cupel_tensor *x, double low, double high);
/* 1 where x > 0, else 0 (the perceptron's threshold); its gradient is zero. */
struct cupel_tensor *cupel_step(struct cupel_tensor *x);
/* max(x, 0), whose gradient at 0 is 0 */
struct cupel_tensor *cupel_relu(struct cupel_tensor *x);
/* x where x > 0, else slope * x; slope must be positive (PyTorch's default is 0.01) */
struct cupel_tensor *cupel_leaky_relu(struct cupel_tensor *x, double slope);
/* x where x > 0, else alpha * (exp(x) - 1); alpha must be positive (PyTorch's default is 1) */
struct cupel_tensor *cupel_elu(struct cupel_tensor *x, double alpha);
/* 1.0507 * elu with alpha 1.6733 (Klambauer et al. 2017) */
struct cupel_tensor *cupel_selu(struct cupel_tensor *x);
struct cupel_tensor *cupel_sigmoid(struct cupel_tensor *x);
struct cupel_tensor *cupel_tanh(struct cupel_tensor *x);
/* log(1 + exp(x)), without overflow */
struct cupel_tensor *cupel_softplus(struct cupel_tensor *x);
/* x * Phi(x) with the exact normal distribution function */
struct cupel_tensor *cupel_gelu(struct cupel_tensor *x);
/* x + b[c] along axis 1; b is [C]. */
struct cupel_tensor *cupel_bias_add(struct cupel_tensor *x, struct cupel_tensor *bias);

/* ---- reductions ---- */

/* Over the axes whose bit is set in `axes` (bit i: axis i; CUPEL_ALL_AXES: all; CUPEL_ALL_AXES & ~2u: all but
 * 1). `keep` leaves them as size 1. The gradient of max is shared evenly between equal elements. (torch.sum,
 * mean, amax) */
#define CUPEL_ALL_AXES (~0u)
struct cupel_tensor *cupel_sum(struct cupel_tensor *x, unsigned axes, bool keep);
struct cupel_tensor *cupel_mean(struct cupel_tensor *x, unsigned axes, bool keep);
struct cupel_tensor *cupel_max(struct cupel_tensor *x, unsigned axes, bool keep);

/* ---- matrices and convolutions ---- */

/* [..., M, K] x [..., K, N] -> [..., M, N]; the flags say that an operand is stored transposed ([..., K, M],
 * [..., N, K]). Leading dimensions are equal, or b has none. */
struct cupel_tensor *cupel_matmul(struct cupel_tensor *a, struct cupel_tensor *b, bool transpose_a,
                                  bool transpose_b);
/* x [N, I] times weight [O, I] transposed, plus bias [O] (NULL: none) -> [N, O]. */
struct cupel_tensor *cupel_linear(struct cupel_tensor *x, struct cupel_tensor *weight,
                                  struct cupel_tensor *bias);

/* Row labels[i] of weight [classes, out] for each of the labels, I32 [N] -> [N, out]. A run fails on a label that is none of
 * 0..classes-1. (torch embedding) */
struct cupel_tensor *cupel_embedding(struct cupel_tensor *weight, struct cupel_tensor *labels);

/* Real [N, C], [N, C, L] or [N, C, H, W]: 1 at the class of each label, I32 [N], [N, L] or [N, H, W], otherwise 0, as everywhere
 * for the label `ignore`. A run fails on another one that is no class. (torch one_hot, with C in second place) */
struct cupel_tensor *cupel_one_hot(struct cupel_tensor *labels, int64_t classes, int ignore);
/* Masks as they lie on devices, U8 [N, 1, H, W] with 1 + the class of each pixel and 0 where there is none, as zeros come in where
 * images are shifted -> labels I32 [N, H, W], the classes and -1. */
struct cupel_tensor *cupel_mask_labels(struct cupel_tensor *masks);

/* Vertical value first. Zero means the default: stride 1, dilation 1, groups 1. output_pad is for deconv2d
 * alone. */
struct cupel_conv {
    int stride[2], pad[2], dilation[2], groups, output_pad[2];
};
/* x [N, C, H, W], weight [O, C / groups, kh, kw], bias [O] or NULL -> [N, O, H', W'] with
 * H' = (H + 2 pad - dilation (kh - 1) - 1) / stride + 1. A cross-correlation, as in PyTorch. */
struct cupel_tensor *cupel_conv2d(struct cupel_tensor *x, struct cupel_tensor *weight,
                                  struct cupel_tensor *bias, const struct cupel_conv *conv);
/* Transposed convolution: x [N, C, H, W], weight [C, O / groups, kh, kw], bias [O] or NULL -> [N, O, H', W']
 * with H' = (H - 1) stride - 2 pad + dilation (kh - 1) + output_pad + 1. (torch.conv_transpose2d) */
struct cupel_tensor *cupel_deconv2d(struct cupel_tensor *x, struct cupel_tensor *weight,
                                    struct cupel_tensor *bias, const struct cupel_conv *conv);

/* Vertical value first. stride 0 means the kernel's size; pad is at most half the kernel. Windows never start
 * in the padding beyond the image. */
struct cupel_pool {
    int kernel[2], stride[2], pad[2];
    bool ceil_mode;   /* round the output size up */
    bool exclude_pad; /* average over the image's elements alone (count_include_pad = False) */
    int divisor; /* of avgpool: what sums are divided by instead of their elements (divisor_override); 0: not given */
};
/* [N, C, H, W] -> [N, C, H', W'] with H' = (H + 2 pad - kernel) / stride + 1, rounded as ceil_mode says. The
 * first of equal elements gets maxpool's gradient. */
struct cupel_tensor *cupel_maxpool(struct cupel_tensor *x, const struct cupel_pool *pool);
struct cupel_tensor *cupel_avgpool(struct cupel_tensor *x, const struct cupel_pool *pool);
/* [N, C, H, W] -> [N, C, size[0], size[1]], each at least 1, with windows that follow from the sizes: row i is made of rows
 * floor(i H / size[0]) to ceil((i + 1) H / size[0]) - 1, columns likewise. (torch.nn.AdaptiveMaxPool2d, AdaptiveAvgPool2d) */
struct cupel_tensor *cupel_adaptive_maxpool(struct cupel_tensor *x, const int64_t *size);
struct cupel_tensor *cupel_adaptive_avgpool(struct cupel_tensor *x, const int64_t *size);
/* Puts each element of x where the maximum of its window was when `pooled`, of x's shape, was made by cupel_maxpool; zeros
 * elsewhere. The result has the shape of what was pooled. The windows must not overlap. (torch.nn.MaxUnpool2d) */
struct cupel_tensor *cupel_unpool(struct cupel_tensor *x, struct cupel_tensor *pooled);
/* The middle size[0] rows and size[1] columns of x [N, C, H, W]; where as many cannot go on both sides, one more goes below and to
 * the right. */
struct cupel_tensor *cupel_crop(struct cupel_tensor *x, const int64_t *size);
/* x [N, C, H, W] with margins of pad[0] rows above and pad[1] below, pad[2] columns to the left and pad[3] to the right, which hold
 * `value`, or the image mirrored at its outermost lines (which are not repeated: margins are smaller than the image), or those lines
 * repeated. (torch.nn.functional.pad, "constant", "reflect" and "replicate") */
enum cupel_padding { CUPEL_PAD_CONSTANT, CUPEL_PAD_REFLECT, CUPEL_PAD_REPLICATE };
struct cupel_tensor *cupel_pad_image(struct cupel_tensor *x, const int64_t *pad, enum cupel_padding mode,
                                     double value);
/* [N, C, H, W] -> [N, C, factor[0] H, factor[1] W], for whole factors. Bilinear: between the centres of pixels, as with
 * align_corners = False. (torch.nn.Upsample) */
enum cupel_upsampling { CUPEL_UPSAMPLE_NEAREST, CUPEL_UPSAMPLE_BILINEAR };
struct cupel_tensor *cupel_upsample(struct cupel_tensor *x, const int64_t *factor, enum cupel_upsampling how);
/* [N, C factor^2, H, W] -> [N, C, factor H, factor W]: channel c factor^2 + i factor + j becomes pixel i, j of each block of
 * channel c. (Shi et al. 2016; torch.nn.PixelShuffle) */
struct cupel_tensor *cupel_pixel_shuffle(struct cupel_tensor *x, int64_t factor);
/* [N, C, H, W] -> [N, C, 1, 1] */
struct cupel_tensor *cupel_global_avgpool(struct cupel_tensor *x);

/* ---- normalisation ---- */

/* Training mode: normalises each channel (axis 1) over all other axes with this batch's mean and biased
 * variance (Ioffe and Szegedy 2015), and moves the running statistics, states [C], by `momentum` towards the
 * mean and the unbiased variance, as torch.nn.BatchNorm does (defaults: momentum 0.1, eps 1e-5). Their new
 * versions: cupel_state_latest. x is [N, C], [N, C, L] or [N, C, H, W], with more than one value per channel.
 */
struct cupel_tensor *cupel_batchnorm(struct cupel_tensor *x, struct cupel_tensor *weight,
                                     struct cupel_tensor *bias, struct cupel_tensor *running_mean,
                                     struct cupel_tensor *running_var, double momentum, double eps);
/* Evaluation mode: normalises with the running statistics. */
struct cupel_tensor *cupel_batchnorm_eval(struct cupel_tensor *x, struct cupel_tensor *weight,
                                          struct cupel_tensor *bias, struct cupel_tensor *running_mean,
                                          struct cupel_tensor *running_var, double eps);
/* Normalises over the last axes, those of weight's and bias's shape (Ba et al. 2016). PyTorch's eps is
 * 1e-5. */
struct cupel_tensor *cupel_layernorm(struct cupel_tensor *x, struct cupel_tensor *weight,
                                     struct cupel_tensor *bias, double eps);
/* Normalises each channel of each image of x [N, C, ...] over its pixels, of which there must be several, with the biased
 * variance (Ulyanov et al. 2016); then scales and shifts by weight and bias [C], both NULL for neither. PyTorch's eps is 1e-5.
 * (torch.nn.InstanceNorm without running statistics) */
struct cupel_tensor *cupel_instancenorm(struct cupel_tensor *x, struct cupel_tensor *weight,
                                        struct cupel_tensor *bias, double eps);
/* x [N, C, H, W] / (k + alpha / size * sum of x^2)^beta, the sum over the same pixel's channels from size / 2 (rounded down)
 * before x's to (size - 1) / 2 behind it, as far as there are any (Krizhevsky et al. 2012; torch.nn.LocalResponseNorm, whose
 * defaults are alpha 1e-4, beta 0.75, k 1). Its gradient has no gradient. */
struct cupel_lrn {
    int64_t size;
    double alpha, beta, k;
};
struct cupel_tensor *cupel_lrn(struct cupel_tensor *x, const struct cupel_lrn *lrn);
/* weight / sigma, with sigma = u' M v, an estimate of the largest singular value of M: the weight as a matrix [R, K] whose rows
 * go along `axis` (Miyato et al. 2018; torch.nn.utils.spectral_norm). u [R] and v [K] are states of unit length. In training
 * mode v := M' u and u := M v, each divided by its length or eps if that is larger, give them new versions first:
 * cupel_state_latest. Gradients take u and v for constants. PyTorch's eps is 1e-12. */
struct cupel_tensor *cupel_spectral_norm(struct cupel_tensor *weight, struct cupel_tensor *u,
                                         struct cupel_tensor *v, int axis, double eps, bool training);
/* x [N, C, ...] with one more channel that tells how much images differ: the standard deviation, the root of the biased
 * variance + 1e-8, of each element over a group of images, averaged over all elements; the same for all of the
 * group's pixels. Groups have G = min(group, N) images, every N/G-th of the batch, which must be divisible by G. (Karras et
 * al. 2018) */
struct cupel_tensor *cupel_minibatch_std(struct cupel_tensor *x, int64_t group);
/* Along `axis`: exp(x) / sum exp(x), and its logarithm. Same shape. */
struct cupel_tensor *cupel_softmax(struct cupel_tensor *x, int axis);
struct cupel_tensor *cupel_log_softmax(struct cupel_tensor *x, int axis);

/* ---- losses: real scalars ---- */

/* Mean over the labels other than `ignore` of -sum_c target_c log softmax(logits)_c, with
 * target = (1 - smoothing) onehot + smoothing / C. (torch cross_entropy) logits [N, C], [N, C, L] or [N, C,
 * H, W], labels I32 [N], [N, L] or [N, H, W] in 0..C-1; another label fails the run on the processor's
 * devices. Without any counted label the loss is NaN, as in PyTorch. */
struct cupel_tensor *cupel_cross_entropy(struct cupel_tensor *logits, struct cupel_tensor *labels,
                                         double smoothing, int ignore);
/* Means over all elements. Target shapes equal the prediction's. */
struct cupel_tensor *cupel_mse(struct cupel_tensor *x, struct cupel_tensor *target);
struct cupel_tensor *cupel_l1(struct cupel_tensor *x, struct cupel_tensor *target);
/* max(x, 0) - x t + log(1 + exp(-|x|)) */
struct cupel_tensor *cupel_bce_with_logits(struct cupel_tensor *x, struct cupel_tensor *target);
/* Mean over the batch of -1/2 sum (1 + log_var - mean^2 - exp(log_var)): the divergence of N(mean, var) from
 * N(0, 1) (Kingma and Welling 2014). Both [N, ...]. */
struct cupel_tensor *cupel_kl_gaussian(struct cupel_tensor *mean, struct cupel_tensor *log_var);

/* Soft Dice loss (Milletari et al. 2016, V-Net, with the softmax of C classes instead of two):
 * 1 - mean over the classes c of (2 sum p_c t_c + eps) / (sum p_c^2 + sum t_c^2 + eps), with p the softmax of the logits and t
 * 1 at the label's class, otherwise 0; sums are over all labels but `ignore`. Shapes as for cupel_cross_entropy. A class that
 * the batch does not have costs less the larger eps is: 1 forgives what amounts to less than a pixel. */
struct cupel_tensor *cupel_dice(struct cupel_tensor *logits, struct cupel_tensor *labels, int ignore,
                                double eps);

/* ---- metrics ---- */

/* Number of labels, I32 [N], [N, L] or [N, H, W], that are among the k largest of their logits, [N, C], [N, C, L] or [N, C, H,
 * W]; a real scalar. Equal logits: the lower class first. Labels that are no class count nowhere, here and in cupel_confusion. */
struct cupel_tensor *cupel_correct(struct cupel_tensor *logits, struct cupel_tensor *labels, int k);
/* I32 [C, C]: entry [label][class of the largest logit] counts the labels, of shapes as for cupel_correct. */
struct cupel_tensor *cupel_confusion(struct cupel_tensor *logits, struct cupel_tensor *labels);

/* ---- random numbers ----
 * Philox4x32-10 (Salmon et al. 2011) keyed by seed, stream of the node, step and element. */

/* The I64 [2] state "rng" holding the seed and the step, which cupel_advance moves on. Its first value is
 * written by the caller. */
struct cupel_tensor *cupel_rng(struct cupel_graph *graph);
/* Real `shape`, from low to high; drawn in f32, whatever the graph's type. (torch.rand) */
struct cupel_tensor *cupel_uniform(struct cupel_tensor *rng, const struct cupel_shape *shape, double low,
                                   double high);
/* Real `shape`; drawn in f32 by Box and Muller's transform. (torch.randn) */
struct cupel_tensor *cupel_normal(struct cupel_tensor *rng, const struct cupel_shape *shape, double mean,
                                  double deviation);
/* Real `shape` of the symmetric Beta(alpha, alpha), alpha above 0; drawn in f32. (torch.distributions.Beta) */
struct cupel_tensor *cupel_beta(struct cupel_tensor *rng, const struct cupel_shape *shape, double alpha);
/* Zeroes each element of real x with probability p and divides the others by 1 - p. 0 <= p < 1. Its gradient
 * draws the same mask. */
struct cupel_tensor *cupel_dropout(struct cupel_tensor *x, struct cupel_tensor *rng, double p);

/* ---- data ---- */

/* Rows order[(cursor + i) mod M] of data [N, ...] (any dtype) for i = 0..batch-1 -> [batch, ...]. order I32
 * [M], cursor I64 [1]. A run fails on a row that the data does not have. No gradient. */
struct cupel_tensor *cupel_gather(struct cupel_tensor *data, struct cupel_tensor *order,
                                  struct cupel_tensor *cursor, int64_t batch);
/* U8 [N, C, ...] -> real (x / 255 - mean[c]) / deviation[c]; mean and deviation are real [C].
 * No gradient. */
struct cupel_tensor *cupel_convert(struct cupel_tensor *x, struct cupel_tensor *mean,
                                   struct cupel_tensor *deviation);
/* Mirrors each image of x [N, C, H, W], of any dtype, left to right with probability p, 0 <= p <= 1. */
struct cupel_tensor *cupel_random_flip(struct cupel_tensor *x, struct cupel_tensor *rng, double p);
/* Shifts each image of x [N, C, H, W], of any dtype, by up to `pad` pixels each way, zeros coming in: a crop
 * of the zero-padded image. */
struct cupel_tensor *cupel_random_crop(struct cupel_tensor *x, struct cupel_tensor *rng, int pad);
/* Zeroes a square of `size` pixels a side in each image of x [N, C, H, W], of any dtype. Its middle may be any pixel, so that it
 * may hang over the edge (DeVries and Taylor 2017). */
struct cupel_tensor *cupel_cutout(struct cupel_tensor *x, struct cupel_tensor *rng, int size);

/* What each image draws its own from, evenly: [least, largest]. */
struct cupel_affine {
    double rotate[2]; /* degrees, clockwise; from -360 to 360 and at most 360 apart */
    double translate
        [2]; /* the largest shift across and down, of width and height, rounded to whole pixels; 0 to 1 */
    double scale[2]; /* above 0; above 1 enlarges */
};
/* Rotates each image of real x [N, C, H, W] about its middle, scales and shifts it, in one resampling between the four nearest
 * pixels (torchvision's RandomAffine with bilinear interpolation). Pixels beyond the image are fill, real [C]. No gradient. */
struct cupel_tensor *cupel_random_affine(struct cupel_tensor *x, struct cupel_tensor *fill,
                                         struct cupel_tensor *rng, const struct cupel_affine *affine);

/* Ranges of factors, at least 0, [1, 1] for none; of hue, in turns, from -0.5 to 0.5, [0, 0] for none. */
struct cupel_jitter {
    double brightness[2], contrast[2], saturation[2], hue[2];
};
/* Changes the colours of each image of real x [N, C, H, W], C 1 or 3, which is normalised as cupel_convert does with mean and
 * deviation, real [C]: torchvision's ColorJitter in the order brightness, contrast, saturation, hue; the last two leave
 * images of one channel alone. Colours are first cut off to [0, 1]. No gradient. */
struct cupel_tensor *cupel_color_jitter(struct cupel_tensor *x, struct cupel_tensor *mean,
                                        struct cupel_tensor *deviation, struct cupel_tensor *rng,
                                        const struct cupel_jitter *jitter);
/* Does to x, images of any dtype and channels, what cupel_random_flip, cupel_random_crop and cupel_cutout did to become `moved`, one
 * behind the other and with the same draws; changes of colour in between are passed over. x as it is, where they did nothing. */
struct cupel_tensor *cupel_move_alike(struct cupel_tensor *x, const struct cupel_tensor *moved);

/* ---- state ---- */

/* state := value (same shape and dtype); returns the new version. */
struct cupel_tensor *cupel_assign(struct cupel_tensor *state, struct cupel_tensor *value);
/* state := state + value; real, I32 or I64 */
struct cupel_tensor *cupel_assign_add(struct cupel_tensor *state, struct cupel_tensor *value);
/* Adds `amount` to the last element of an I64 state: a counter or a cursor. */
struct cupel_tensor *cupel_advance(struct cupel_tensor *state, int64_t amount);
/* average := decay average + (1 - decay) value: exponential moving average of weights. Real; decay from 0
 * to 1. */
struct cupel_tensor *cupel_ema(struct cupel_tensor *average, struct cupel_tensor *value, double decay);

/* ---- optimizers: each returns the parameters' new version ----
 * parameter, moments: states of the real type; gradient: same shape; rate: real scalar or [1];
 * step: I64 [1] counting finished steps; go: NULL, or a real scalar or [1] which, where it is 0, leaves all states as they
 * are. Formulas are those of torch.optim. */
struct cupel_sgd {
    double momentum, weight_decay;
    bool nesterov;
};
/* `velocity` may be NULL when momentum is 0. */
struct cupel_tensor *cupel_sgd(struct cupel_tensor *parameter, struct cupel_tensor *velocity,
                               struct cupel_tensor *gradient, struct cupel_tensor *rate,
                               struct cupel_tensor *go, const struct cupel_sgd *sgd);
struct cupel_adam {
    double beta1, beta2, eps, weight_decay;
    bool decoupled; /* AdamW (Loshchilov and Hutter 2019) */
};
struct cupel_tensor *cupel_adam(struct cupel_tensor *parameter, struct cupel_tensor *moment1,
                                struct cupel_tensor *moment2, struct cupel_tensor *gradient,
                                struct cupel_tensor *rate, struct cupel_tensor *step, struct cupel_tensor *go,
                                const struct cupel_adam *adam);
struct cupel_rmsprop {
    double alpha, eps, weight_decay;
};
struct cupel_tensor *cupel_rmsprop(struct cupel_tensor *parameter, struct cupel_tensor *square,
                                   struct cupel_tensor *gradient, struct cupel_tensor *rate,
                                   struct cupel_tensor *go, const struct cupel_rmsprop *rmsprop);
struct cupel_adagrad {
    double eps, weight_decay;
};
struct cupel_tensor *cupel_adagrad(struct cupel_tensor *parameter, struct cupel_tensor *square,
                                   struct cupel_tensor *gradient, struct cupel_tensor *rate,
                                   struct cupel_tensor *go, const struct cupel_adagrad *adagrad);
/* What 16-bit gradients need that would be too small: the loss is multiplied by `scale`, a state of one real number, before
 * its gradient is taken. cupel_unscale divides a gradient by it again; *finite becomes 1, or 0 when the result has an
 * infinity or NaN, and can be an optimizer's `go`. (Micikevicius et al. 2018; torch.amp.GradScaler) */
struct cupel_tensor *cupel_unscale(struct cupel_tensor *gradient, struct cupel_tensor *scale,
                                   struct cupel_tensor **finite);
/* Counts in counts, an I64 [2] state, the finite steps since the scale last changed and all of them. The scale is multiplied
 * by `backoff` when a step is not finite, by `growth` after `interval` finite ones, unless it became infinite. PyTorch's
 * defaults: growth 2, backoff 0.5, interval 2000, and a scale that starts at 65536. Returns the scale's new version. */
struct cupel_scaling {
    double growth, backoff;
    int64_t interval;
};
struct cupel_tensor *cupel_adapt_scale(struct cupel_tensor *scale, struct cupel_tensor *counts,
                                       struct cupel_tensor *finite, const struct cupel_scaling *scaling);
/* gradient * min(1, limit / (norm + 1e-6)) with the Euclidean norm of the whole range (torch
 * clip_grad_norm_). By value: cupel_clamp(gradient, -limit, limit). */
struct cupel_tensor *cupel_clip_norm(struct cupel_tensor *gradient, double limit);

#ifdef __cplusplus
}
#endif
#endif

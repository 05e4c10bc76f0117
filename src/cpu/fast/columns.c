/* conv2d_image into images of few channels (the picture side of a GAN's networks), channels innermost.
 *
 * A matrix product of input and weight makes a row of numbers, a *column*, for each pixel of the input: what it adds to the
 * elements of the image under its window, by row, column and channel. A few rows of pixels are worked on at a time, so that
 * their columns stay in the cache. Threads share out the images. */
#include "cpu/fast/columns.h"

#include <dnnl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/fast/activation.h"

struct columns {
    struct cupel_conv conv;
    int64_t images, channels, outputs;     /* outputs: of the convolution, the input's channels */
    int64_t image[2], kernel[2], input[2]; /* H, W */
    int64_t size;                          /* elements of a column */
    int64_t rows;                          /* of the input, worked on at a time */
    int64_t own; /* floats of workspace for each thread, behind those for the weight */
};

/* Adds the columns of `count` rows of pixels from row p on to their windows. */
static void add_columns(const struct columns *columns, const float *column, int64_t p, int64_t count,
                        float *image) {
    const struct cupel_conv *conv = &columns->conv;
    const int64_t height = columns->image[0], width = columns->image[1], channels = columns->channels;
    for (int64_t row = p; row < p + count; row++)
        for (int64_t q = 0; q < columns->input[1]; q++)
            for (int64_t kh = 0; kh < columns->kernel[0]; kh++, column += columns->kernel[1] * channels) {
                const int64_t h = row * conv->stride[0] - conv->pad[0] + kh * conv->dilation[0],
                              w = q * conv->stride[1] - conv->pad[1];
                const int64_t first = w < 0 ? -w * channels : 0,
                              last = (width - w < columns->kernel[1] ? width - w : columns->kernel[1]) *
                                     channels;
                const int64_t at = (h * width + w) * channels;
                if (h < 0 || h >= height) continue;
                for (int64_t i = first; i < last; i++) image[at + i] += column[i];
            }
}

/* Where element (c, kh, kw) of the weight, counted row-major, lies in a column. */
static int64_t place_in_column(const struct columns *columns, int64_t i) {
    const int64_t area = columns->kernel[0] * columns->kernel[1];
    return i % area * columns->channels + i / area;
}

static void check(struct call *call, dnnl_status_t status) {
#pragma omp critical(cupel_columns)
    if (status != dnnl_success) cupel_fail(&call->error, CUPEL_DEVICE, "oneDNN status %d", (int)status);
}

static void make_image(struct call *call, int64_t n, const float *weight, float *column) {
    const struct columns *columns = call->prepared;
    const int64_t pixels = columns->image[0] * columns->image[1], size = columns->size,
                  outputs = columns->outputs;
    const float *gradient =
        (const float *)call->in[0].data + n * columns->input[0] * columns->input[1] * outputs;
    const float *bias = call->n_in > 2 ? call->in[2].data : NULL;
    float *image = (float *)call->out[0].data + n * pixels * columns->channels;
    for (int64_t i = 0; i < pixels * columns->channels; i++)
        image[i] = bias ? bias[i % columns->channels] : 0;
    for (int64_t p = 0; p < columns->input[0]; p += columns->rows) {
        const int64_t left = columns->input[0] - p, count = left < columns->rows ? left : columns->rows;
        const int64_t m = count * columns->input[1];
        check(call, dnnl_sgemm('N', 'N', m, size, outputs, 1, gradient + p * columns->input[1] * outputs,
                               outputs, weight, size, 0, column, size));
        add_columns(columns, column, p, count, image);
    }
    if (call->node->attr.conv.activation != ACTIVATION_NONE)
        activate_row(image, 1, image, 1, pixels * columns->channels, 0, call->node->attr.conv.activation,
                     (float)call->node->attr.conv.slope);
}

static void make_images(struct call *call) {
    const struct columns *columns = call->prepared;
    const int64_t size = columns->size;
    float *weight = call->workspace, *own = weight + columns->outputs * size;
    for (int64_t o = 0; o < columns->outputs; o++)
        for (int64_t i = 0; i < size; i++)
            weight[o * size + place_in_column(columns, i)] = ((const float *)call->in[1].data)[o * size + i];
#pragma omp parallel for schedule(static) num_threads(call->device->threads)
    for (int64_t n = 0; n < columns->images; n++)
        make_image(call, n, weight, own + omp_get_thread_num() * columns->own);
}

/* ---- preparing ---- */

static bool channels_innermost(const struct view *view) {
    const int64_t *dim = view->shape.dim, *stride = view->stride;
    return (dim[1] == 1 || stride[1] == 1) && stride[3] == dim[1] && stride[2] == dim[1] * dim[3] &&
           stride[0] == dim[1] * dim[3] * dim[2];
}

bool columns_pay(const struct call *call) {
    const struct view *image = &call->out[0], *input = &call->in[0];
    const struct cupel_conv *conv = &call->node->attr.conv.conv;
    return input->dtype == CUPEL_F32 && conv->groups == 1 && conv->dilation[1] == 1 &&
           image->shape.dim[1] <= 4 && input->shape.dim[1] >= 16 && channels_innermost(image) &&
           channels_innermost(input);
}

enum cupel_status columns_prepare(struct call *call, struct cupel_error *error) {
    const int64_t *image = call->out[0].shape.dim, *input = call->in[0].shape.dim,
                  *kernel = call->in[1].shape.dim + 2;
    struct columns *columns = malloc(sizeof *columns);
    if (!columns) return cupel_fail(error, CUPEL_NOMEM, "no memory for a convolution");
    *columns = (struct columns){
        .conv = call->node->attr.conv.conv,
        .images = image[0],
        .channels = image[1],
        .outputs = input[1],
        .image = {image[2], image[3]},
        .kernel = {kernel[0], kernel[1]},
        .input = {input[2], input[3]},
        .size = image[1] * kernel[0] * kernel[1],
    };
    const int64_t row = input[3] * columns->size, cached = 32768;
    columns->rows = row < cached ? cached / row : 1;
    if (columns->rows > input[2]) columns->rows = input[2];
    columns->own = columns->rows * row;
    call->workspace_bytes =
        (size_t)(call->device->threads * columns->own + columns->size * columns->outputs) * sizeof(float);
    call->prepared = columns;
    call->release = free;
    call->kernel = make_images;
    call->engine = "columns";
    return CUPEL_OK;
}

/* Convolutions as products of matrices: the sources and sinks by which gemm.cuh's main loops read images in place.
 *
 *     places, image: rows are result positions (n, h, w), columns result channels, k = (element of the window, channel)
 *     weight:        rows are outputs, columns (element of the window, channel), k = places (n, h', w')
 *
 * each for every group and, for the image, every phase (conv.cuh), which are the product's batches. The channels of a group
 * are innermost everywhere, so that where they lie side by side in memory chunks are 16 bytes of one pixel. Elements of a
 * tensor are counted in 32 bits: larger ones are left to direct summation. */
#ifndef CUPEL_CONV_GEMM_CUH
#define CUPEL_CONV_GEMM_CUH

#include "conv.cuh"
#include "gemm.cuh"

/* Which group and phases a batch is. */
struct conv_batch {
    int group, phase_h, phase_w;
};
template <bool image> __device__ __forceinline__ conv_batch conv_batch_of(int batch, int groups, int phases) {
    if (!image) return {batch, 0, 0};
    const int phase = batch / groups;
    return {batch % groups, phase / phases, phase % phases};
}

/* Source rows or columns from one element of the window that a phase uses to the next. */
template <bool image> __host__ __device__ __forceinline__ int conv_step(const kernel_conv_axis &axis) {
    return image ? -axis.step * axis.dilation / axis.stride : axis.dilation;
}

/* Elements of the window along an axis that a phase uses at most. */
template <bool image> __host__ __device__ __forceinline__ int conv_most_taps(const kernel_conv_axis &axis) {
    return image ? (axis.window + axis.step - 1) / axis.step : axis.window;
}

/* Quotients by what is the same for a whole product. */
struct conv_divisors {
    divisor rows, columns; /* of the result: of a phase */
    divisor channels;      /* of k */
    divisor width;         /* elements of the window in a row of it */
};
__device__ __forceinline__ int conv_quotient(int x, const divisor &by) {
    return by.multiplier == 0
               ? x
               : static_cast<int>(__umulhi(static_cast<unsigned>(x), by.multiplier) >> by.shift);
}

struct conv_pixel {
    int n, h, w;
};
__device__ __forceinline__ conv_pixel conv_pixel_of(int index, const divisor &rows, const divisor &columns) {
    const int row = conv_quotient(index, columns), n = conv_quotient(row, rows);
    return {n, row - n * static_cast<int>(rows.value), index - row * static_cast<int>(columns.value)};
}

/* k as channel and element of the window (of those that a phase uses). */
struct conv_term {
    int i, j, channel;
};
__device__ __forceinline__ conv_term conv_term_of(int k, const divisor &channels, const divisor &width) {
    const int element = conv_quotient(k, channels), i = conv_quotient(element, width);
    return {i, element - i * static_cast<int>(width.value), k - element * static_cast<int>(channels.value)};
}

/* Strides of N, C, H, W. */
struct conv_strides {
    int n, c, h, w;
};
__host__ __device__ __forceinline__ conv_strides conv_strides_of(const int64_t *stride) {
    return {static_cast<int>(stride[0]), static_cast<int>(stride[1]), static_cast<int>(stride[2]),
            static_cast<int>(stride[3])};
}

__device__ __forceinline__ bool conv_inside(int h, int w, int rows, int columns) {
    return static_cast<unsigned>(h) < static_cast<unsigned>(rows) &&
           static_cast<unsigned>(w) < static_cast<unsigned>(columns);
}

/* What sources have in common: find() gives the index of an element, below 0 where there is none; a chunk is there or not as
 * a whole, since channels are a multiple of it. */
template <class Source, class T> struct conv_source {
    using element = T;
    const T *data;

    template <class Line>
    __device__ __forceinline__ const T *chunk(const Line &from, int k, int &valid) const {
        const int at = static_cast<const Source *>(this)->find(from, k);
        valid = at >= 0 ? gemm_chunk<T> : 0;
        return data + (at >= 0 ? at : 0);
    }
    template <class Line> __device__ __forceinline__ T at(const Line &from, int k, int i) const {
        const int at = static_cast<const Source *>(this)->find_one(from, k, i);
        return at >= 0 ? data[at] : from_float<T>(0);
    }
};

/* A of places and image: what the windows of result positions hold. */
template <class T, bool image> struct conv_windows : conv_source<conv_windows<T, image>, T> {
    gemm_along_k along_k;
    bool whole; /* channels lie side by side, a group's and a pixel's at multiples of 16 bytes */
    int m, groups, group_size, phases, rows, columns, down, right, taps;
    conv_strides stride;
    conv_divisors by;
    kernel_conv_axis axis[2];

    static conv_windows make(const kernel_conv &conv, const conv_divisors &by, int m, bool whole) {
        const conv_sides<image> sides{conv};
        conv_windows made;
        made.data = nullptr;
        made.whole = whole;
        made.m = m;
        made.groups = conv.groups;
        made.phases = sides.phases(1);
        made.rows = sides.source_size(0);
        made.columns = sides.source_size(1);
        made.down = conv_step<image>(conv.axis[0]);
        made.right = conv_step<image>(conv.axis[1]);
        made.stride = conv_strides_of(sides.source_stride());
        made.group_size = sides.sources() * made.stride.c;
        made.taps = conv_most_taps<image>(conv.axis[0]);
        made.by = by;
        made.axis[0] = conv.axis[0];
        made.axis[1] = conv.axis[1];
        return made;
    }

    struct line {
        int start, h, w;  /* of the first element's pixel, which may lie outside */
        int taps, across; /* of the window that the phase uses */
    };
    __device__ __forceinline__ line at_row(int batch, int row) const {
        const conv_batch of = conv_batch_of<image>(batch, groups, phases);
        const conv_taps vertical = taps_of<image>(axis[0], of.phase_h),
                        horizontal = taps_of<image>(axis[1], of.phase_w);
        const conv_pixel at = conv_pixel_of(row, by.rows, by.columns);
        const int h = at.h * vertical.scale + vertical.from, w = at.w * horizontal.scale + horizontal.from;
        return {at.n * stride.n + of.group * group_size + h * stride.h + w * stride.w,
                row < m ? h : INT32_MIN / 2, w, vertical.count, horizontal.count};
    }
    __device__ __forceinline__ int find(const line &from, int k) const {
        const conv_term term = conv_term_of(k, by.channels, by.width);
        const int h = term.i * down, w = term.j * right;
        const bool used = image ? term.i < from.taps && term.j < from.across : term.i < taps;
        return used && conv_inside(from.h + h, from.w + w, rows, columns)
                   ? from.start + h * stride.h + w * stride.w + term.channel * stride.c
                   : -1;
    }
    __device__ __forceinline__ int find_one(const line &from, int k, int i) const {
        return find(from, k + i);
    }
};

/* B of places and image: the weight in the order [group][result channel][element of the window][source channel]. */
template <class T, bool image> struct conv_factors : conv_source<conv_factors<T, image>, T> {
    gemm_along_k along_k;
    bool whole; /* source channels are a multiple of a chunk, data is aligned */
    int results, sources, k, groups, phases;
    conv_divisors by;
    kernel_conv_axis axis[2];

    static conv_factors make(const kernel_conv &conv, const conv_divisors &by, int k, bool whole) {
        const conv_sides<image> sides{conv};
        conv_factors made;
        made.data = nullptr;
        made.whole = whole;
        made.results = sides.results();
        made.sources = sides.sources();
        made.k = k;
        made.groups = conv.groups;
        made.phases = sides.phases(1);
        made.by = by;
        made.axis[0] = conv.axis[0];
        made.axis[1] = conv.axis[1];
        return made;
    }

    struct line {
        int start;        /* of the first element that the phase uses; below 0 beyond the last row */
        int taps, across; /* of the window that the phase uses */
    };
    __device__ __forceinline__ line at_row(int batch, int row) const {
        const conv_batch of = conv_batch_of<image>(batch, groups, phases);
        const conv_taps vertical = taps_of<image>(axis[0], of.phase_h),
                        horizontal = taps_of<image>(axis[1], of.phase_w);
        const int first = (of.group * results + row) * axis[0].window * axis[1].window +
                          vertical.first * axis[1].window + horizontal.first;
        return {row < results ? first * sources : -1, vertical.count, horizontal.count};
    }
    __device__ __forceinline__ int find(const line &from, int at) const {
        if (!image) return from.start >= 0 && at < k ? from.start + at : -1;
        const conv_term term = conv_term_of(at, by.channels, by.width);
        const bool used = from.start >= 0 && term.i < from.taps && term.j < from.across;
        return used
                   ? from.start + (term.i * axis[0].step * axis[1].window + term.j * axis[1].step) * sources +
                         term.channel
                   : -1;
    }
    __device__ __forceinline__ int find_one(const line &from, int at, int i) const {
        return find(from, at + i);
    }
};

/* Results of places and image. The last phases' last rows and columns may lie outside of the image. */
template <bool image> struct conv_result {
    bool whole;
    int results, groups, phases;
    conv_strides stride;
    conv_divisors by;
    kernel_conv_axis axis[2];

    __device__ __forceinline__ int64_t offset(int batch, int row, int column) const {
        const conv_batch of = conv_batch_of<image>(batch, groups, phases);
        const conv_pixel at = conv_pixel_of(row, by.rows, by.columns);
        const int h = image ? at.h * axis[0].stride + of.phase_h : at.h,
                  w = image ? at.w * axis[1].stride + of.phase_w : at.w;
        if (image && (h >= axis[0].image || w >= axis[1].image)) return -1;
        return at.n * stride.n + (of.group * results + column) * stride.c + h * stride.h + w * stride.w;
    }
    __device__ __forceinline__ int bias_at(int batch, int, int column) const {
        return conv_batch_of<image>(batch, groups, phases).group * results + column;
    }
};

/* A of the weight: outputs of all places. */
template <class T> struct conv_outputs : conv_source<conv_outputs<T>, T> {
    gemm_along_rows along_k;
    bool whole; /* as in conv_windows */
    int outputs, k;
    conv_strides stride;
    conv_divisors by;

    static conv_outputs make(const kernel_conv &conv, const conv_divisors &by, int k, bool whole) {
        conv_outputs made;
        made.data = nullptr;
        made.whole = whole;
        made.outputs = conv.outputs;
        made.k = k;
        made.stride = conv_strides_of(conv.y_stride);
        made.by = by;
        return made;
    }

    struct line {
        int start, row;
    };
    __device__ __forceinline__ line at_row(int group, int row) const {
        return {(group * outputs + row) * stride.c, row};
    }
    __device__ __forceinline__ int find(const line &from, int at) const {
        return find_one(from, at, 0);
    }
    __device__ __forceinline__ int find_one(const line &from, int at, int i) const {
        const conv_pixel place = conv_pixel_of(at, by.rows, by.columns);
        return from.row + i < outputs && at < k
                   ? from.start + i * stride.c + place.n * stride.n + place.h * stride.h + place.w * stride.w
                   : -1;
    }
};

/* B of the weight: what lies under each element of the window in all places. */
template <class T> struct conv_inputs : conv_source<conv_inputs<T>, T> {
    gemm_along_rows along_k;
    bool whole; /* as in conv_windows */
    int n, k, group_size;
    conv_strides stride;
    conv_divisors by;
    kernel_conv_axis axis[2];

    static conv_inputs make(const kernel_conv &conv, const conv_divisors &by, int n, int k, bool whole) {
        conv_inputs made;
        made.data = nullptr;
        made.whole = whole;
        made.n = n;
        made.k = k;
        made.stride = conv_strides_of(conv.x_stride);
        made.group_size = conv.channels * made.stride.c;
        made.by = by;
        made.axis[0] = conv.axis[0];
        made.axis[1] = conv.axis[1];
        return made;
    }

    struct line {
        int group, row, h, w, offset; /* pixel of the element at place 0, 0, from the group's first on */
    };
    __device__ __forceinline__ line line_of(int group, int row) const {
        const conv_term term = conv_term_of(row, by.channels, by.width);
        const int h = term.i * axis[0].dilation - axis[0].pad, w = term.j * axis[1].dilation - axis[1].pad;
        return {group, row, h, w, h * stride.h + w * stride.w + term.channel * stride.c};
    }
    __device__ __forceinline__ line at_row(int group, int row) const {
        return line_of(group * group_size, row);
    }
    __device__ __forceinline__ int find(const line &from, int at) const {
        const conv_pixel place = conv_pixel_of(at, by.rows, by.columns);
        const int h = place.h * axis[0].stride, w = place.w * axis[1].stride;
        return from.row < n && at < k && conv_inside(from.h + h, from.w + w, axis[0].image, axis[1].image)
                   ? from.group + from.offset + place.n * stride.n + h * stride.h + w * stride.w
                   : -1;
    }
    __device__ __forceinline__ int find_one(const line &from, int at, int i) const {
        return find(i == 0 ? from : line_of(from.group, from.row + i), at);
    }
};

/* Results of the weight, which is row-major. */
struct conv_weight_result {
    bool whole; /* the window is one element, and channels a multiple of 4 */
    int outputs, channels, window;
    divisor by_channels;

    __device__ __forceinline__ int64_t offset(int group, int row, int column) const {
        const int element = conv_quotient(column, by_channels), channel = column - element * channels;
        return ((group * outputs + row) * channels + channel) * window + element;
    }
    __device__ __forceinline__ int bias_at(int, int, int) const {
        return 0;
    }
};

#endif

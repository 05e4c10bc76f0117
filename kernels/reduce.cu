/* y[k] = factor * the sum, or the largest, over j of x[k, j], where k counts the kept elements and j the reduced ones, each
 * in the order of x's memory.
 *
 * A block of threads makes `across` results, or vectors of results, by `along` threads each, both powers of two. Where
 * x's innermost dimension is reduced, threads that follow one another go along j, and a vector holds numbers of
 * one sum; where it is kept, they go along k, and a vector holds numbers of as many sums. Each thread goes over its share
 * in f32, reading a few vectors ahead, and the shares are put together in shared memory as a tree. When there are too few
 * results to fill the device, or too many numbers in each for one chain of additions, blocks take parts of j
 * and write to the workspace, and a second launch reduces that. Nothing depends on the order of blocks. */
#include "reduce.h"
#include "walk.cuh"

constexpr int threads = 256, ahead = 4;

struct total {
    static __device__ float start() {
        return 0;
    }
    static __device__ float join(float a, float b) {
        return a + b;
    }
};
struct largest {
    static __device__ float start() {
        return -INFINITY;
    }
    static __device__ float join(float a, float b) {
        return b > a || isnan(b) ? b : a;
    }
};

/* How a launch goes over x; the strides a are x's and the strides b are y's. With vectors along j, `reduced` counts
 * vectors. */
struct mapping {
    walk kept, reduced;
    int64_t share;     /* of j in each part; the last may have less, or nothing */
    int along, across; /* threads: their product is `threads` */
    enum kernel_type y_type;
    float factor;
};

__device__ __forceinline__ void store(void *y, enum kernel_type type, int64_t at, float value) {
    if (type == KERNEL_F32)
        static_cast<float *>(y)[at] = value;
    else if (type == KERNEL_BF16)
        static_cast<__nv_bfloat16 *>(y)[at] = from_float<__nv_bfloat16>(value);
    else
        static_cast<__half *>(y)[at] = from_float<__half>(value);
}

/* One thread's share: the vectors j = first, first + step, ... below last. */
template <class Kind, class T, int width>
__device__ __forceinline__ void gather(const T *x, const walk &reduced, int64_t first, int64_t last, int step,
                                       float (&sum)[width]) {
    for (int64_t j = first; j < last; j += ahead * step) {
        pack<T, width> part[ahead];
        UNROLL
        for (int i = 0; i < ahead; i++) {
            if (j + i * step >= last) break;
            part[i] = load_vector<pack<T, width>>(x + place_of(reduced, j + i * step).a);
        }
        UNROLL
        for (int i = 0; i < ahead; i++) {
            if (j + i * step >= last) break;
            UNROLL
            for (int v = 0; v < width; v++) sum[v] = Kind::join(sum[v], to_float(part[i].number[v]));
        }
    }
}

/* blockIdx.x counts groups of `across` results or vectors of results, blockIdx.y parts of j; part p's results lie behind
 * those of part p - 1. */
template <class Kind, class T, int width, bool inner_reduced>
__global__ void reduce(const T *x, void *y, mapping of) {
    constexpr int results = inner_reduced ? 1 : width; /* of a thread */
    SHARED(float, held, [results][threads]);
    const int thread = static_cast<int>(threadIdx.x);
    const int row = inner_reduced ? thread % of.along : thread / of.across,
              column = inner_reduced ? thread / of.along : thread % of.across;
    const int64_t first = int64_t{blockIdx.x} * of.across * results;
    float sum[width];
    UNROLL
    for (int v = 0; v < width; v++) sum[v] = Kind::start();
    if (first + column * results < of.kept.count) {
        const int64_t begin = blockIdx.y * of.share, end = min(begin + of.share, of.reduced.count);
        gather<Kind>(x + place_of(of.kept, first + column * results).a, of.reduced, begin + row, end,
                     of.along, sum);
    }
    if (inner_reduced) {
        UNROLL
        for (int v = 1; v < width; v++) sum[0] = Kind::join(sum[0], sum[v]);
    }
    const int slot = row * of.across + column;
    UNROLL
    for (int v = 0; v < results; v++) held[v][slot] = sum[v];
    __syncthreads();
    for (int rest = of.along / 2; rest > 0; rest /= 2) {
        if (row < rest) {
            UNROLL
            for (int v = 0; v < results; v++)
                held[v][slot] = Kind::join(held[v][slot], held[v][slot + rest * of.across]);
        }
        __syncthreads();
    }
    for (int i = thread; i < of.across * results; i += threads)
        if (first + i < of.kept.count)
            store(y, of.y_type, of.kept.count * blockIdx.y + place_of(of.kept, first + i).b,
                  of.factor * held[i % results][i / results]);
}

/* ---- choosing a mapping ---- */

/* x's dimensions in the order of its memory. */
struct problem {
    walk kept, reduced;
    bool inner_reduced; /* the innermost dimension is */
};

/* From x, or from results of parts that lie side by side, to y or to such results. */
static walk kept_of(const kernel_reduction *of, const int (&order)[KERNEL_RANK], bool from_parts,
                    bool to_parts) {
    walk kept = walk_start();
    for (int i = 0; i < of->x.rank; i++) {
        const int d = order[i];
        if (!(of->axes >> d & 1))
            walk_add(&kept, of->x.dim[d], from_parts ? kept.count : of->x.stride[d],
                     to_parts ? kept.count : of->y_stride[d]);
    }
    return kept;
}

static problem problem_of(const kernel_reduction *of, bool to_parts) {
    int order[KERNEL_RANK], inner = 0;
    innermost_first(&of->x, order);
    problem made = {kept_of(of, order, false, to_parts), walk_start(), true};
    for (int i = 0; i < of->x.rank; i++) {
        const int d = order[i];
        if (of->axes >> d & 1) walk_add(&made.reduced, of->x.dim[d], of->x.stride[d], 0);
        if (of->x.dim[d] > 1 && inner++ == 0) made.inner_reduced = of->axes >> d & 1;
    }
    return made;
}

/* What is left to do with the results of parts. */
static problem problem_of_parts(const kernel_reduction *of, int64_t parts) {
    int order[KERNEL_RANK];
    innermost_first(&of->x, order);
    problem made = {kept_of(of, order, true, false), walk_start(), false};
    made.inner_reduced = made.kept.count == 1;
    walk_add(&made.reduced, parts, made.kept.count, 0);
    return made;
}

static bool strides_allow(const walk &outer, int from, int width) {
    for (int d = from; d < outer.rank; d++)
        if (outer.a[d] % width != 0) return false;
    return true;
}

static bool allows_vectors(const problem &of, int width) {
    const walk &inner = of.inner_reduced ? of.reduced : of.kept,
               &other = of.inner_reduced ? of.kept : of.reduced;
    return inner.a[0] == 1 && inner.dim[0].value % width == 0 && strides_allow(inner, 1, width) &&
           strides_allow(other, 0, width);
}

/* The smallest power of two from `least` on, or `most`. */
static int power_of_two(int64_t least, int most) {
    int power = 1;
    while (power < most && power < least) power *= 2;
    return power;
}

/* As many threads along j as have a few vectors each; where x's innermost dimension is kept, enough across that a warp
 * reads whole sectors. */
static mapping mapping_of(const problem &of, int width) {
    mapping map = {of.kept, of.reduced, 0, 1, 1, KERNEL_F32, 1};
    int across = 1;
    if (of.inner_reduced) {
        map.reduced = walk_start();
        walk_add(&map.reduced, of.reduced.dim[0].value / width, of.reduced.a[0] * width, 0);
        for (int d = 1; d < of.reduced.rank; d++)
            walk_add(&map.reduced, of.reduced.dim[d].value, of.reduced.a[d], 0);
    } else {
        across = power_of_two(of.kept.count / width, width > 1 ? 8 : 32);
    }
    map.along = power_of_two((map.reduced.count + ahead - 1) / ahead, threads / across);
    map.across = threads / map.along;
    return map;
}

static int64_t groups_of(const problem &of, const mapping &map, int width) {
    const int64_t results = map.across * (of.inner_reduced ? 1 : width);
    return (of.kept.count + results - 1) / results;
}

static int widest(enum kernel_type type) {
    return type == KERNEL_F32 ? vector_of<float> : vector_of<__half>;
}

/* How many parts to cut j into: until the device is full, as long as a thread has enough to do, and until no thread adds
 * up more than 128 vectors. */
static int64_t parts_of(const kernel_reduction *of) {
    const problem whole = problem_of(of, false);
    const int width = allows_vectors(whole, widest(of->x_type)) ? widest(of->x_type) : 1;
    const mapping map = mapping_of(whole, width);
    const int64_t groups = groups_of(whole, map, width), least = map.reduced.count / (map.along * 64);
    int64_t parts = 1;
    if (groups < 2 * of->multiprocessors) {
        const int64_t wanted = 4 * of->multiprocessors / groups, worth = map.reduced.count / (map.along * 16);
        parts = wanted < worth ? wanted : worth;
    }
    parts = parts < least ? least : parts;
    return parts < 1 ? 1 : parts > 65535 ? 65535 : parts;
}

/* ---- launching ---- */

template <class Kind, class T, int width>
static void launch(const problem &of, const mapping &map, const T *x, void *y, int64_t parts, void *stream) {
    const dim3 grid(static_cast<unsigned>(groups_of(of, map, width)), static_cast<unsigned>(parts));
    if (of.inner_reduced)
        LAUNCH((reduce<Kind, T, width, true>), grid, threads, 0, stream, x, y, map);
    else
        LAUNCH((reduce<Kind, T, width, false>), grid, threads, 0, stream, x, y, map);
}

template <class T>
static void solve(const kernel_reduction *of, const problem &problem, const T *x, void *y,
                  enum kernel_type y_type, float factor, int64_t parts, void *stream) {
    constexpr int width = vector_of<T>;
    const bool vectors = allows_vectors(problem, width) && reinterpret_cast<uintptr_t>(x) % 16 == 0;
    mapping map = mapping_of(problem, vectors ? width : 1);
    map.share = (map.reduced.count + parts - 1) / parts;
    map.y_type = y_type;
    map.factor = factor;
    if (of->kind == KERNEL_SUM)
        vectors ? launch<total, T, width>(problem, map, x, y, parts, stream)
                : launch<total, T, 1>(problem, map, x, y, parts, stream);
    else
        vectors ? launch<largest, T, width>(problem, map, x, y, parts, stream)
                : launch<largest, T, 1>(problem, map, x, y, parts, stream);
}

extern "C" size_t kernel_reduce_workspace(const struct kernel_reduction *of) {
    const int64_t parts = parts_of(of);
    return parts > 1 ? static_cast<size_t>(parts * problem_of(of, true).kept.count) * sizeof(float) : 0;
}

extern "C" kernel_status kernel_reduce(const struct kernel_reduction *of, const void *x, void *y,
                                       void *workspace, void *stream) {
    const int64_t parts = parts_of(of);
    const bool direct = parts == 1;
    void *made = direct ? y : workspace;
    WITH_TYPE(of->x_type, T,
              solve(of, problem_of(of, !direct), static_cast<const T *>(x), made,
                    direct ? of->y_type : KERNEL_F32, direct ? of->factor : 1, parts, stream));
    if (!direct)
        solve(of, problem_of_parts(of, parts), static_cast<const float *>(workspace), y, of->y_type,
              of->factor, 1, stream);
    return cudaGetLastError();
}

/* CUDA's vector types with CUDA's alignments; stands in for the toolkit's header of the same name. */
#ifndef EMU_VECTOR_TYPES_H
#define EMU_VECTOR_TYPES_H

#ifdef __cplusplus
/* NAME1..NAME4 of `type`. Of a type of eight bytes there is no vector of three or four: CUDA 13 has renamed
 * those. */
#define EMU_VECTORS_OF_TWO(type, name)                          \
    struct name##1 {                                            \
        type x;                                                 \
    };                                                          \
    struct __attribute__((aligned(2 * sizeof(type)))) name##2 { \
        type x, y;                                              \
    };

#define EMU_VECTORS(type, name)                                 \
    EMU_VECTORS_OF_TWO(type, name)                              \
    struct name##3 {                                            \
        type x, y, z;                                           \
    };                                                          \
    struct __attribute__((aligned(4 * sizeof(type)))) name##4 { \
        type x, y, z, w;                                        \
    };

EMU_VECTORS(signed char, char)
EMU_VECTORS(unsigned char, uchar)
EMU_VECTORS(short, short)
EMU_VECTORS(unsigned short, ushort)
EMU_VECTORS(int, int)
EMU_VECTORS(unsigned, uint)
EMU_VECTORS(float, float)
EMU_VECTORS_OF_TWO(long long, longlong)
EMU_VECTORS_OF_TWO(unsigned long long, ulonglong)
EMU_VECTORS_OF_TWO(double, double)

#undef EMU_VECTORS
#undef EMU_VECTORS_OF_TWO

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1)
        : x(width), y(height), z(depth) {
    }
    constexpr dim3(uint3 size) : x(size.x), y(size.y), z(size.z) {
    }
    operator uint3() const {
        return {x, y, z};
    }
};

#define EMU_MAKE_TWO(type, name)                    \
    inline name##1 make_##name##1(type x) {         \
        return {x};                                 \
    }                                               \
    inline name##2 make_##name##2(type x, type y) { \
        return {x, y};                              \
    }

#define EMU_MAKE(type, name)                                        \
    EMU_MAKE_TWO(type, name)                                        \
    inline name##3 make_##name##3(type x, type y, type z) {         \
        return {x, y, z};                                           \
    }                                                               \
    inline name##4 make_##name##4(type x, type y, type z, type w) { \
        return {x, y, z, w};                                        \
    }

EMU_MAKE(signed char, char)
EMU_MAKE(unsigned char, uchar)
EMU_MAKE(short, short)
EMU_MAKE(unsigned short, ushort)
EMU_MAKE(int, int)
EMU_MAKE(unsigned, uint)
EMU_MAKE(float, float)
EMU_MAKE_TWO(long long, longlong)
EMU_MAKE_TWO(unsigned long long, ulonglong)
EMU_MAKE_TWO(double, double)

#undef EMU_MAKE
#undef EMU_MAKE_TWO
#else
typedef struct dim3 {
    unsigned x, y, z;
} dim3;
#endif

#endif

/* Suggesting a known word for one that is unknown. */
#include <string.h>

#include "cupel/version.h"

enum { LONGEST_WORD = 48 };

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance with adjacent swaps (optimal string alignment): edits that turn a into b. */
static int edit_distance(const char *a, const char *b) {
    int rows = (int)strnlen(a, LONGEST_WORD + 1), columns = (int)strnlen(b, LONGEST_WORD + 1);
    if (rows > LONGEST_WORD || columns > LONGEST_WORD) return LONGEST_WORD;
    int d[LONGEST_WORD + 1][LONGEST_WORD + 1];
    for (int i = 0; i <= rows; i++) d[i][0] = i;
    for (int j = 0; j <= columns; j++) d[0][j] = j;
    for (int i = 1; i <= rows; i++) {
        for (int j = 1; j <= columns; j++) {
            int swap_or_same = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(swap_or_same, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[rows][columns];
}

const char *cupel_nearest(const char *text, const void *words, size_t count, size_t stride) {
    const char *best = NULL;
    int best_distance = LONGEST_WORD;
    for (size_t i = 0; i < count; i++) {
        const char *word = *(const char *const *)((const char *)words + i * stride);
        int distance = edit_distance(text, word);
        int letters = least((int)strnlen(text, LONGEST_WORD), (int)strlen(word));
        if (distance < best_distance && distance <= (letters + 2) / 3) {
            best = word;
            best_distance = distance;
        }
    }
    return best;
}

"""Writes arrays.npz and arrays-stored.npz: a small set as numpy.savez_compressed and numpy.savez write it, whose labels are
of two kinds of numbers. Run it in this folder.
"""

import numpy as np

images = np.arange(6 * 3 * 2 * 4, dtype=np.uint8).reshape(6, 3, 2, 4)
arrays = {
    "images": images,
    "labels": np.array([0, 1, 2, 0, 1, 2], dtype=">i2"),
    "test_images": images[:2] + 100,
    "test_labels": np.array([2, 1], dtype=np.int64),
}
np.savez_compressed("arrays.npz", **arrays)
np.savez("arrays-stored.npz", **arrays)

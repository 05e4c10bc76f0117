"""Writes images.safetensors: images as Pillow decodes and scales them.

Of each case it holds the file's bytes (`file`), the pixels [C, H, W] (`pixels`), and where it is scaled what torchvision's
Resize and CenterCrop make of them (`scaled`), for a target that is no square by the same rule: scale until both sides are
covered, then cut the middle. Run it in this folder; the pictures are drawn from PyTorch's generator.
"""

import io

import torch
from PIL import Image
from safetensors.torch import save_file

torch.manual_seed(5)
tensors = {}


def draw(width, height, mode):
    """Smooth patches under some noise, so that JPEG has something to do."""
    channels = len(mode)
    coarse = torch.rand(1, channels, 3, 3) * 255
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)[0]
    pixels = (smooth + torch.randn(channels, height, width) * 12).clamp(0, 255).byte()
    array = pixels.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array[:, :, 0] if channels == 1 else array, mode)


def planes(image):
    pixels = torch.tensor(list(image.tobytes()), dtype=torch.uint8)
    return pixels.view(image.height, image.width, -1).permute(2, 0, 1).contiguous()


def cover(image, height, width):
    wide, tall = width, height
    if image.height * width <= image.width * height:
        wide = int(height * image.width / image.height)
    else:
        tall = int(width * image.height / image.width)
    image = image.resize((wide, tall), Image.BILINEAR)
    top, left = int(round((tall - height) / 2)), int(round((wide - width) / 2))
    return image.crop((left, top, left + width, top + height))


def record(name, image, kind, target=None, convert=None, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    tensors[f"{name}/file"] = torch.tensor(list(data.getvalue()), dtype=torch.uint8)
    with Image.open(data) as found:
        found = found.convert(convert) if convert else found.copy()
    tensors[f"{name}/pixels"] = planes(found)
    if target:
        tensors[f"{name}/scaled"] = planes(cover(found, *target))


record("jpeg-rgb", draw(19, 13, "RGB"), "JPEG", quality=90, subsampling=0, optimize=True)
record("jpeg-subsampled", draw(33, 18, "RGB"), "JPEG", quality=80, subsampling=2, optimize=True)
record("jpeg-progressive", draw(17, 17, "RGB"), "JPEG", quality=85, subsampling=0, progressive=True)
record("jpeg-gray", draw(11, 9, "L"), "JPEG", quality=90, optimize=True)
record("jpeg-rgb-as-gray", draw(11, 9, "RGB"), "JPEG", convert="L", quality=90, subsampling=0, optimize=True)
record("jpeg-gray-as-rgb", draw(11, 9, "L"), "JPEG", convert="RGB", quality=90, optimize=True)
for width, height, target in (
    (16, 16, (8, 8)),
    (37, 21, (8, 8)),
    (21, 38, (8, 8)),
    (50, 50, (7, 7)),
    (5, 9, (8, 8)),
    (6, 4, (9, 13)),
    (24, 10, (6, 11)),
    (31, 40, (12, 5)),
    (3, 3, (3, 3)),
    (1, 1, (4, 2)),
    (61, 2, (3, 3)),
):
    record(f"scaled-{width}x{height}", draw(width, height, "RGB" if width % 2 else "L"), "PNG", target)

save_file(tensors, "images.safetensors")

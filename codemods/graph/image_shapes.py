"""Static shapes of what is read and decoded: images, raw bytes, stacked columns."""

from __future__ import annotations

from . import host
from .values import Sequence, Shape, Tensor, Value

DECODED = frozenset({"image.decode_jpeg", "image.decode_png", "image.decode_bmp"})
SAME = frozenset(
    "image.random_flip_left_right image.random_flip_up_down image.flip_left_right image.flip_up_down image.random_brightness "
    "image.random_contrast image.random_hue image.random_saturation image.adjust_brightness image.adjust_contrast "
    "image.per_image_standardization image.per_image_whitening image.convert_image_dtype string_to_number".split()
)
RESIZED = frozenset(
    "image.resize_images image.resize_bilinear image.resize_nearest_neighbor image.resize_bicubic image.resize_area".split()
)
CROPPED = frozenset({"image.resize_image_with_crop_or_pad", "image.resize_with_crop_or_pad"})


def infer(name: str, arguments: list[Value], keywords: dict[str, Value]) -> Shape:
    """The shape that a call gives, None where it is not known."""
    first = arguments[0] if arguments else next(iter(keywords.values()), None)
    shape = first.shape if isinstance(first, Tensor) else None

    def given(place: int, *names: str) -> object:
        named = next((keywords[one] for one in names if one in keywords), None)
        value = named if named is not None else arguments[place] if len(arguments) > place else None
        return host.plain(value) if value is not None else None

    if name in DECODED:
        channels = given(1, "channels")
        return (None, None, channels if isinstance(channels, int) and channels else None)
    if name in SAME:
        return shape
    if name == "decode_raw":
        return (*shape, None) if shape is not None else None
    if name == "random_crop":
        return _sizes(given(1, "size"))
    if name in RESIZED:
        return _resized(shape, _sizes(given(1, "size")))
    if name in CROPPED:
        height, width = given(1, "target_height"), given(2, "target_width")
        return _resized(shape, _sizes([height, width]))
    if name in {"stack", "pack"} and isinstance(first, Sequence) and not keywords and len(arguments) == 1:
        shapes = {item.shape if isinstance(item, Tensor) else None for item in first.items}
        inner = shapes.pop() if len(shapes) == 1 else None
        return (len(first.items), *inner) if inner is not None else None
    return None


def _sizes(value: object) -> Shape:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, int) for one in value):
        return None
    return tuple(value)


def _resized(shape: Shape, size: Shape) -> Shape:
    if shape is None or size is None or len(size) != 2 or len(shape) not in (3, 4):
        return None
    return (*shape[:-3], *size, shape[-1])

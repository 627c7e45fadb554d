"""tf.image: resizing in TF1 takes no account of half pixels, which tf.image.resize always does: the ops of then, named."""

from __future__ import annotations

import ast

from .sites import Arguments, Rule, Site, is_constant

_NAMES = ("images", "size", "align_corners", "name", "half_pixel_centers")


def _resize(op: str) -> Rule:
    """tf.image.resize_bilinear(x, size) -> tf.raw_ops.ResizeBilinear(images=x, size=size, ...)."""

    def rule(site: Site) -> str | None:
        bound = site.bind(_NAMES) if site.call is not None else None
        if bound is None or not {"images", "size"} <= set(bound):
            return f"tf.{site.name} is gone, and its arguments are not seen here"
        arguments = Arguments(site)
        for index, item in enumerate(arguments.items):
            if item.keyword is None:
                arguments.keyword(index, _NAMES[index])
        arguments.done()
        site.rename(f"raw_ops.{op}")
        return None

    return rule


_METHODS = {
    "BILINEAR": "ResizeBilinear", 0: "ResizeBilinear",
    "NEAREST_NEIGHBOR": "ResizeNearestNeighbor", 1: "ResizeNearestNeighbor",
    "BICUBIC": "ResizeBicubic", 2: "ResizeBicubic",
    "AREA": "ResizeArea", 3: "ResizeArea",
}  # fmt: skip


def _resize_images(site: Site) -> str | None:
    """tf.image.resize_images by a method that is spelt out: of a batch, or of one image as a batch of one."""
    names = ("images", "size", "method", "align_corners", "preserve_aspect_ratio", "name")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or not {"images", "size"} <= set(bound):
        return "tf.image.resize_images is gone, and its arguments are not seen here"
    if "preserve_aspect_ratio" in bound and not is_constant(bound["preserve_aspect_ratio"], False):
        return "tf.image.resize_images that keeps the aspect ratio is not rewritten"
    shape = site.hooks.shape_of(bound["images"])
    if shape is None or len(shape) not in (3, 4):
        return "tf.image.resize takes account of half pixels, which resize_images did not; the rank of the images is not known"
    if site.dtype_of(bound["images"]) != "float32" and _has_size(bound["size"], [*shape][-3:-1]):
        return "tf.image.resize_images of images that have the size already kept their dtype"
    method = bound.get("method")
    op = "ResizeBilinear"
    if method is not None:
        named = (site.names.name_of(method) or "").rpartition(".")[2]
        found = _METHODS.get(method.value if isinstance(method, ast.Constant) else named)
        if found is None:
            return "the method of tf.image.resize_images has no op of its own, or is not seen here"
        op = found
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name in ("method", "preserve_aspect_ratio"):
            arguments.drop(index)
            continue
        if item.keyword is None:
            arguments.keyword(index, name)
        if name == "images" and len(shape) == 3:
            arguments.wrap(index, f"{site.tf('expand_dims')}(", ", 0)")
    arguments.done()
    if len(shape) == 3:
        site.replace_call(site.call, "[0]")  # type: ignore[arg-type]
    site.rename(f"raw_ops.{op}")
    return None


def _has_size(size: ast.expr, known: list[int | None]) -> bool:
    """Whether images may have the size that is asked for, as far as static shapes tell."""
    given = [one.value if isinstance(one, ast.Constant) else None for one in getattr(size, "elts", [])]
    return None not in known and (None in given or len(given) != 2 or given == known)


RULES: dict[str, Rule] = {
    "image.resize_bilinear": _resize("ResizeBilinear"),
    "image.resize_nearest_neighbor": _resize("ResizeNearestNeighbor"),
    "image.resize_bicubic": _resize("ResizeBicubic"),
    "image.resize_images": _resize_images,
    "image.resize": _resize_images,
}

"""tf.image: resizing in TF1 takes no account of half pixels, which tf.image.resize always does: the ops of then, named."""

from __future__ import annotations

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


def _resize_images(site: Site) -> str | None:
    """tf.image.resize_images of a batch, by a method that is spelt out."""
    names = ("images", "size", "method", "align_corners", "preserve_aspect_ratio", "name")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or not {"images", "size"} <= set(bound):
        return "tf.image.resize_images is gone, and its arguments are not seen here"
    shape = site.hooks.shape_of(bound["images"])
    if shape is None or len(shape) != 4:
        return "tf.image.resize takes account of half pixels, which resize_images did not; the rank of the images is not known"
    op = "ResizeBilinear"
    if "method" in bound:
        method = site.names.name_of(bound["method"]) or ""
        known = {"BILINEAR": "ResizeBilinear", "NEAREST_NEIGHBOR": "ResizeNearestNeighbor", "BICUBIC": "ResizeBicubic"}
        known["AREA"] = "ResizeArea"
        literal = {0: "ResizeBilinear", 1: "ResizeNearestNeighbor", 2: "ResizeBicubic", 3: "ResizeArea"}
        found = known.get(method.rpartition(".")[2])
        for value, name in literal.items():
            found = found or (name if is_constant(bound["method"], value) else None)
        if found is None:
            return "the method of tf.image.resize_images has no op of its own, or is not seen here"
        op = found
    if "preserve_aspect_ratio" in bound:
        return "tf.image.resize_images that keeps the aspect ratio is not rewritten"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "method":
            arguments.drop(index)
        elif item.keyword is None:
            arguments.keyword(index, name)
    arguments.done()
    site.rename(f"raw_ops.{op}")
    return None


RULES: dict[str, Rule] = {
    "image.resize_bilinear": _resize("ResizeBilinear"),
    "image.resize_nearest_neighbor": _resize("ResizeNearestNeighbor"),
    "image.resize_bicubic": _resize("ResizeBicubic"),
    "image.resize_images": _resize_images,
    "image.resize": _resize_images,
}

"""Rewrites that may not mean the same: tried where no other rule could take a call, and only where they are wanted.

Each belongs to a diagnostic that says what is different, and is told wherever it is made.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, replace

from ..diagnostics import Diagnostic, find
from ..edits import Edits
from .conforming import conform
from .sites import Arguments, Needs, Rule, Site, is_constant


@dataclass(frozen=True)
class Fix:
    """`rule` writes what `told` is said of, under the code of `symbol`; a sentence from it says why it can't."""

    symbol: str
    told: str
    rule: Rule

    @property
    def code(self) -> str:
        rule = find(self.symbol)
        assert rule is not None
        return rule.code


def rewritten(site: Site, why: str, wanted: Collection[str]) -> Diagnostic | str:
    """What is told of a call that was written otherwise; or why it is left, and what could be wanted."""
    fix = _fix(site)
    if fix is None or fix.rule(replace(site, edits=Edits(site.module), needs=Needs())) is not None:
        return why
    if fix.code not in wanted:
        return f"{why} (--unsafe-fixes: {fix.symbol})"
    fix.rule(site)
    node = site.use.node
    end_line, end_column = node.end_lineno or 0, node.end_col_offset or 0
    message = f"unsafe: {fix.told.format(name=site.name)}"
    return Diagnostic(
        fix.symbol, fix.code, message, site.module.path, node.lineno, node.col_offset, end_line, end_column
    )


def _fix(site: Site) -> Fix | None:
    if site.call is None or site.rest:
        return None
    fix = FIXES.get(site.name)
    if fix is None and site.fact is not None and site.fact.behaviour == "unchecked" and site.fact.target:
        return _UNCHECKED
    return fix


# --- images -----------------------------------------------------------------------------------------------------------

_METHODS = {
    0: "bilinear",
    1: "nearest",
    2: "bicubic",
    "BILINEAR": "bilinear",
    "NEAREST_NEIGHBOR": "nearest",
    "BICUBIC": "bicubic",
}


def _resized(target: str, *names: str) -> Rule:
    """tf.image.resize_images(x, size, method=2) -> tf.image.resize(x, size, method="bicubic"). By area nothing changed."""

    def rule(site: Site) -> str | None:
        bound = site.bind(names)
        if bound is None or not is_constant(bound.get("align_corners", ast.Constant(False)), False):
            return "align_corners"
        method = _method(site, bound.get("method"))
        if method is None:
            return "method"
        arguments = Arguments(site)
        for index, item in enumerate(arguments.items):
            name = item.keyword or names[index]
            if name in ("method", "align_corners"):
                arguments.drop(index)
            elif item.keyword is None and index > names.index("method"):
                arguments.keyword(index, name)
        if method != "bilinear":
            arguments.append(f'method="{method}"')
        arguments.done()
        site.rename(target)
        return None

    return rule


def _method(site: Site, node: ast.expr | None) -> str | None:
    """The method as TensorFlow 2 spells it."""
    if node is None:
        return "bilinear"
    if isinstance(node, ast.Constant):
        return _METHODS.get(node.value) if type(node.value) is int else None
    return _METHODS.get((site.names.name_of(node) or "").rpartition(".")[2])


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _divided(site: Site) -> str | None:
    """tf.div(x, y) -> tf.divide(x, y)."""
    if site.bind(("x", "y", "name")) is None:
        return "arguments"
    return site.respell("divide")


# --- initializers -----------------------------------------------------------------------------------------------------


def _unit_scaling(site: Site) -> str | None:
    """tf.uniform_unit_scaling_initializer() -> tf.keras.initializers.VarianceScaling(distribution="uniform")."""
    names = ("factor", "seed", "dtype")
    bound = site.bind(names)
    if bound is None or not _is_float32(site, bound) or not is_constant(bound.get("factor", ast.Constant(1)), 1, 1.0):
        return "arguments"
    _keep_seed(site, names, 'distribution="uniform"')
    site.rename("keras.initializers.VarianceScaling")
    return None


def _is_float32(site: Site, bound: dict[str, ast.expr]) -> bool:
    return "dtype" not in bound or site.names.name_of(bound["dtype"]) == "float32"


def _keep_seed(site: Site, names: tuple[str, ...], *more: str) -> None:
    """Leaves the seed alone of a call's arguments, and adds others."""
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if (item.keyword or names[index]) == "seed":
            arguments.keyword(index, "seed")
        else:
            arguments.drop(index)
    for text in more:
        arguments.append(text)
    arguments.done()


def _as_is(site: Site) -> str | None:
    """The name that TensorFlow 2 has, with the same arguments."""
    assert site.fact is not None
    return conform(site, site.fact)


_RESIZE = "tf.{name} sampled pixels at their corners, and what stands here now does at their centres"
_UNIT = "what stands here now draws as tf.{name} did only for weights of two dimensions or more"
_UNCHECKED = Fix("unchecked-meaning", "nothing says that tf.{name} means the same in TensorFlow 2", _as_is)
_RESIZE_IMAGES = ("images", "size", "method", "align_corners", "preserve_aspect_ratio", "name")
_WITH_PAD = ("image", "target_height", "target_width", "method", "align_corners")

FIXES: dict[str, Fix] = {
    "div": Fix("assumed-floats", "tf.{name} floored integers, and what stands here now divides them, too", _divided),
    "image.resize": Fix("resize-half-pixels", _RESIZE, _resized("image.resize", *_RESIZE_IMAGES)),
    "image.resize_images": Fix("resize-half-pixels", _RESIZE, _resized("image.resize", *_RESIZE_IMAGES)),
    "image.resize_image_with_pad": Fix("resize-half-pixels", _RESIZE, _resized("image.resize_with_pad", *_WITH_PAD)),
    **dict.fromkeys(
        ("uniform_unit_scaling_initializer", "initializers.uniform_unit_scaling"),
        Fix("initializer-scale", _UNIT, _unit_scaling),
    ),
}

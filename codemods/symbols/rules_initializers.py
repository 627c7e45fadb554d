"""Initializers and regularizers: Keras has them under the same distributions, with other defaults, so TF1's are written out."""

from __future__ import annotations

import ast
from decimal import Decimal, InvalidOperation

from .sites import NEXT, Arguments, Rule, Site, is_atom, is_constant


def _initializer(target: str, parameters: str, **defaults: str) -> Rule:
    """tf.random_normal_initializer(...) -> tf.keras.initializers.RandomNormal(..., stddev=1.0)."""
    names = tuple(parameters.split())

    def rule(site: Site) -> str | None:
        if site.call is None:
            if defaults:
                return f"tf.{site.name} has other defaults in Keras, and how it is called is not seen here"
            site.rename(target)
            return None
        bound = site.bind((*names, "dtype"))
        if bound is None:
            return f"tf.{site.name} has other arguments in TensorFlow 2, and these are not seen here"
        dtype = bound.get("dtype")
        if dtype is not None and site.names.name_of(dtype) != "float32":
            return f"tf.{site.name} with a dtype: TensorFlow 2 gives it where the initializer is called"
        arguments = Arguments(site)
        for index, item in enumerate(arguments.items):
            name = item.keyword or (*names, "dtype")[index]
            if name == "dtype":
                arguments.drop(index)
        for name, default in defaults.items():
            if name not in bound:
                arguments.append(f"{name}={default}")
        arguments.done()
        site.rename(target)
        return None

    return rule


def _constant(site: Site) -> str | None:
    """tf.constant_initializer keeps its name; its dtype is given where it is called."""
    if site.call is None:
        return NEXT
    bound = site.bind(("value", "dtype", "verify_shape"))
    if bound is None or "verify_shape" in bound:
        return "tf.constant_initializer has other arguments in TensorFlow 2"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "dtype" or (item.keyword is None and index == 1):
            if site.names.name_of(item.value) != "float32":
                return "tf.constant_initializer with a dtype: TensorFlow 2 gives it where the initializer is called"
            arguments.drop(index)
    arguments.done()
    return site.respell("constant_initializer")


def _fixed(target: str) -> Rule:
    """tf.zeros_initializer and tf.ones_initializer lost their dtype."""

    def rule(site: Site) -> str | None:
        if site.call is not None and (site.call.args or site.call.keywords):
            bound = site.bind(("dtype",))
            if bound is None or site.names.name_of(bound["dtype"]) != "float32":
                return f"tf.{site.name} with a dtype: TensorFlow 2 gives it where the initializer is called"
            arguments = Arguments(site)
            arguments.drop(0)
            arguments.done()
        return site.respell(target)

    return rule


def _variance_scaling(site: Site) -> str | None:
    """Keras' VarianceScaling has the same scale, mode and distribution; "normal" is the truncated one there too."""
    names = ("scale", "mode", "distribution", "seed", "dtype")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or ("dtype" in bound and site.names.name_of(bound["dtype"]) != "float32"):
        return "tf.variance_scaling_initializer has other arguments in Keras, and these are not seen here"
    distribution = bound.get("distribution")
    if distribution is not None and not is_constant(
        distribution, "normal", "truncated_normal", "untruncated_normal", "uniform"
    ):
        return "the distribution of tf.variance_scaling_initializer is not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "dtype":
            arguments.drop(index)
        elif name == "distribution" and is_constant(item.value, "normal"):
            site.edits.replace(item.value, '"truncated_normal"')
    arguments.done()
    site.rename("keras.initializers.VarianceScaling")
    return None


# contrib draws from a truncated normal of the deviation sqrt(1.3 * factor / n), Keras of sqrt(scale / n) / 0.87962566103423978.
NORMAL = 1.3 * 0.87962566103423978**2
MODES = ("FAN_IN", "FAN_OUT", "FAN_AVG")


def _xavier(site: Site) -> str | None:
    """contrib's xavier_initializer() draws as GlorotUniform; with uniform=False its scale is not GlorotNormal's."""
    bound = site.bind(("uniform", "seed", "dtype")) if site.call is not None else None
    if bound is None:
        return "contrib's xavier_initializer is not called here"
    if "uniform" in bound and not is_constant(bound["uniform"], True, False):
        return "the distribution of contrib's xavier_initializer is not seen here"
    if "dtype" in bound and site.names.name_of(bound["dtype"]) != "float32":
        return "contrib's xavier_initializer with a dtype: TensorFlow 2 gives it where the initializer is called"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or ("uniform", "seed", "dtype")[index]
        if name != "seed":
            arguments.drop(index)
        elif item.keyword is None:
            arguments.keyword(index, "seed")
    normal = "uniform" in bound and is_constant(bound["uniform"], False)
    if normal:
        arguments.append(f"scale={NORMAL:.8g}")
        arguments.append('mode="fan_avg"')
        arguments.append('distribution="truncated_normal"')
    arguments.done()
    site.rename("keras.initializers.VarianceScaling" if normal else "keras.initializers.GlorotUniform")
    return None


def _contrib_variance_scaling(site: Site) -> str | None:
    """contrib's variance_scaling_initializer: Keras' with the scale that gives the same deviation."""
    names = ("factor", "mode", "uniform", "seed", "dtype")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or ("dtype" in bound and site.names.name_of(bound["dtype"]) != "float32"):
        return "contrib's variance_scaling_initializer has other arguments in Keras, and these are not seen here"
    mode, uniform, factor = bound.get("mode"), bound.get("uniform"), bound.get("factor")
    if mode is not None and not is_constant(mode, *MODES):
        return "the mode of contrib's variance_scaling_initializer is not seen here"
    if uniform is not None and not is_constant(uniform, True, False):
        return "the distribution of contrib's variance_scaling_initializer is not seen here"
    normal = uniform is None or is_constant(uniform, False)
    number = factor.value if isinstance(factor, ast.Constant) and isinstance(factor.value, (int, float)) else None
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name in {"dtype", "uniform"}:
            arguments.drop(index)
        else:
            arguments.keyword(index, {"factor": "scale"}.get(name, name))
        if name == "mode" and isinstance(item.value, ast.Constant):
            site.edits.replace(item.value, f'"{str(item.value.value).lower()}"')
        elif name == "factor" and normal and number is not None:
            site.edits.replace(item.value, f"{number * NORMAL:.8g}")
        elif name == "factor" and normal:
            arguments.wrap(
                index, "" if is_atom(item.value) else "(", f"{'' if is_atom(item.value) else ')'} * {NORMAL:.8g}"
            )
    if factor is None:
        arguments.append(f"scale={2 * NORMAL:.8g}" if normal else "scale=2.0")
    arguments.append('distribution="truncated_normal"' if normal else 'distribution="uniform"')
    arguments.done()
    site.rename("keras.initializers.VarianceScaling")
    return None


def _l2(site: Site) -> str | None:
    """contrib's l2_regularizer(s) is s times half the sum of squares; Keras' L2 has no half."""
    bound = site.bind(("scale", "scope")) if site.call is not None else None
    if bound is None or "scale" not in bound:
        return "contrib's l2_regularizer is not called here"
    if is_constant(bound["scale"], 0, 0.0, None):
        return "contrib's l2_regularizer(0) is no regularizer"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "scope" or (item.keyword is None and index == 1):
            arguments.drop(index)
            continue
        _halve(site, arguments, index, item.value)
        if item.keyword:
            arguments.keyword(index, "l2")
    arguments.done()
    site.rename("keras.regularizers.L2")
    return None


def _half(node: ast.expr) -> str:
    """Half of a literal, as short as the literal itself."""
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return ""
    try:
        half = Decimal(repr(node.value)) / 2
    except InvalidOperation:
        return ""
    text = repr(float(half))
    return text if Decimal(text) == half else ""


def _l1(site: Site) -> str | None:
    """contrib's l1_regularizer is Keras' L1."""
    bound = site.bind(("scale", "scope")) if site.call is not None else None
    if bound is None or "scale" not in bound:
        return "contrib's l1_regularizer is not called here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "scope" or (item.keyword is None and index == 1):
            arguments.drop(index)
        elif item.keyword:
            arguments.keyword(index, "l1")
    arguments.done()
    site.rename("keras.regularizers.L1")
    return None


def _l1_l2(site: Site) -> str | None:
    """contrib's l1_l2_regularizer(a, b) is Keras' L1L2(a, b / 2)."""
    names = ("scale_l1", "scale_l2", "scope")
    bound = site.bind(names) if site.call is not None else None
    if bound is None:
        return "contrib's l1_l2_regularizer is not called here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "scope":
            arguments.drop(index)
            continue
        arguments.keyword(index, {"scale_l1": "l1", "scale_l2": "l2"}[name])
        if name == "scale_l2":
            _halve(site, arguments, index, item.value)
    arguments.appended.extend([(f"{name}={default}",) for name, default in _MISSING if f"scale_{name}" not in bound])
    arguments.done()
    site.rename("keras.regularizers.L1L2")
    return None


_MISSING = (("l1", "1.0"), ("l2", "0.5"))


def _halve(site: Site, arguments: Arguments, index: int, value: ast.expr) -> None:
    """Half of an argument."""
    literal = _half(value)
    if literal:
        site.edits.replace(value, literal)
    elif is_atom(value) or arguments.is_bracketed(index):
        arguments.wrap(index, "", " / 2")
    else:
        arguments.wrap(index, "(", ") / 2")


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("random_normal_initializer", "initializers.random_normal"),
        _initializer("keras.initializers.RandomNormal", "mean stddev seed", stddev="1.0"),
    ),
    **dict.fromkeys(
        ("truncated_normal_initializer", "initializers.truncated_normal"),
        _initializer("keras.initializers.TruncatedNormal", "mean stddev seed", stddev="1.0"),
    ),
    **dict.fromkeys(
        ("random_uniform_initializer", "initializers.random_uniform"),
        _initializer("keras.initializers.RandomUniform", "minval maxval seed", minval="0.0", maxval="1.0"),
    ),
    **dict.fromkeys(
        ("glorot_uniform_initializer", "initializers.glorot_uniform"),
        _initializer("keras.initializers.GlorotUniform", "seed"),
    ),
    **dict.fromkeys(
        ("glorot_normal_initializer", "initializers.glorot_normal"),
        _initializer("keras.initializers.GlorotNormal", "seed"),
    ),
    **dict.fromkeys(
        ("orthogonal_initializer", "initializers.orthogonal"),
        _initializer("keras.initializers.Orthogonal", "gain seed"),
    ),
    "initializers.he_normal": _initializer("keras.initializers.HeNormal", "seed"),
    "initializers.he_uniform": _initializer("keras.initializers.HeUniform", "seed"),
    "initializers.lecun_normal": _initializer("keras.initializers.LecunNormal", "seed"),
    "initializers.lecun_uniform": _initializer("keras.initializers.LecunUniform", "seed"),
    **dict.fromkeys(("variance_scaling_initializer", "initializers.variance_scaling"), _variance_scaling),
    **dict.fromkeys(("constant_initializer", "initializers.constant"), _constant),
    **dict.fromkeys(("zeros_initializer", "initializers.zeros"), _fixed("zeros_initializer")),
    **dict.fromkeys(("ones_initializer", "initializers.ones"), _fixed("ones_initializer")),
    **dict.fromkeys(
        (
            "contrib.layers.xavier_initializer",
            "contrib.layers.xavier_initializer_conv2d",
            "contrib.slim.xavier_initializer",
            "contrib.slim.xavier_initializer_conv2d",
        ),
        _xavier,
    ),
    **dict.fromkeys(
        ("contrib.layers.variance_scaling_initializer", "contrib.slim.variance_scaling_initializer"),
        _contrib_variance_scaling,
    ),
    **dict.fromkeys(("contrib.layers.l2_regularizer", "contrib.slim.l2_regularizer"), _l2),
    **dict.fromkeys(("contrib.layers.l1_l2_regularizer", "contrib.slim.l1_l2_regularizer"), _l1_l2),
    **dict.fromkeys(("contrib.layers.l1_regularizer", "contrib.slim.l1_regularizer"), _l1),
}

"""Arrays, arithmetic and randomness: names whose meaning TensorFlow 2 gives to another call."""

from __future__ import annotations

from .sites import NEXT, Arguments, Rule, Site, is_constant, simple


def _cast(dtype: str) -> Rule:
    """tf.to_float(x) -> tf.cast(x, tf.float32)."""

    def rule(site: Site) -> str | None:
        bound = site.bind(("x", "name")) if site.call is not None else None
        if bound is None or "x" not in bound:
            return f"tf.{site.name} is gone; where it is not called by itself, write tf.cast"
        arguments = Arguments(site)
        for index, item in enumerate(arguments.items):
            if item.keyword is None and index == 1:
                arguments.keyword(index, "name")
                arguments.before[index] = f"{site.tf(dtype)}, " + arguments.before[index]
                break
        else:
            if "name" in bound or arguments.items[0].keyword:
                arguments.append(f"dtype={site.tf(dtype)}")
            else:
                arguments.append(site.tf(dtype))
        arguments.done()
        site.rename("cast")
        return None

    return rule


def _set_random_seed(site: Site) -> str | None:
    site.rename("random.set_seed")
    return None


def _where(site: Site) -> str | None:
    """With a condition alone nothing changed; with x and y, a condition of one dimension picked whole rows in TF1."""
    bound = site.bind(("condition", "x", "y", "name")) if site.call is not None else None
    if bound is None:
        return "tf.where has another meaning in TensorFlow 2, and its arguments are not seen here"
    if "x" not in bound and "y" not in bound:
        return site.respell("where")
    shapes = [site.hooks.shape_of(bound[name]) for name in ("condition", "x", "y") if name in bound]
    if len(shapes) == 3 and shapes[0] is not None and shapes[1] is not None and len(shapes[0]) == len(shapes[1]):
        return site.respell("where")
    if not {"condition", "x", "y"} <= set(bound):
        return "tf.where takes a condition of one dimension otherwise in TensorFlow 2"
    # The op that TF1's where is: a condition of one dimension picks whole rows.
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        arguments.keyword(index, item.keyword or ("condition", "x", "y", "name")[index])
    arguments.done()
    site.rename("raw_ops.Select")
    return None


def _select(site: Site) -> str | None:
    """tf.select(c, a, b), older than TensorFlow 1.0, is the op that TF1's where is."""
    names = ("condition", "t", "e", "name")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or not {"condition", "t", "e"} <= set(bound):
        return "tf.select is gone, and its arguments are not seen here"
    shapes = [site.hooks.shape_of(bound[name]) for name in names if name in bound]
    alike = len(shapes) == 3 and shapes[0] is not None and shapes[1] is not None and len(shapes[0]) == len(shapes[1])
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if item.keyword or not alike:
            arguments.keyword(index, {"t": "x", "e": "y"}.get(name, name))
    arguments.done()
    site.rename("where" if alike else "raw_ops.Select")
    return None


def _batch_gather(site: Site) -> str | None:
    """tf.batch_gather(params, indices) -> tf.gather(params, indices, batch_dims=-1): all axes of the indices but the last."""
    bound = site.bind(("params", "indices", "name")) if site.call is not None else None
    if bound is None or not {"params", "indices"} <= set(bound):
        return "tf.batch_gather is gone, and its arguments are not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword is None and index == 2:
            arguments.keyword(index, "name")
    arguments.append("batch_dims=-1")
    arguments.done()
    site.rename("gather")
    return None


def _strings_split(site: Site) -> str | None:
    """tf.strings.split gave a sparse tensor, unless it was told to give a ragged one, which is all that it gives now."""
    names = ("input", "sep", "maxsplit", "result_type", "source")
    bound = site.bind(names) if site.call is not None else None
    kind = bound.get("result_type") if bound else None
    known = kind is None or is_constant(kind, "SparseTensor", "RaggedTensor")
    if bound is None or "name" in bound or not known or ("source" in bound) == ("input" in bound):
        return "tf.strings.split gave a sparse tensor, and its arguments are not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "result_type":
            arguments.drop(index)
        elif name == "source":
            arguments.keyword(index, "input")
        elif item.keyword is None and index > 2:
            arguments.keyword(index, name)
    arguments.done()
    if not is_constant(kind, "RaggedTensor"):
        site.replace_call(site.call, ".to_sparse()")  # type: ignore[arg-type]
    return site.respell("strings.split")


def _div(site: Site) -> str | None:
    """tf.div floors integers and divides floats: which, the dtype of its operands says."""
    bound = site.bind(("x", "y", "name")) if site.call is not None else None
    if bound is None or not {"x", "y"} <= set(bound):
        return "tf.div is gone, and its arguments are not seen here"
    dtypes = {site.dtype_of(bound["x"]), site.dtype_of(bound["y"])} - {None}
    if any(dtype.startswith(("float", "bfloat", "complex")) for dtype in dtypes if dtype):
        return site.respell("divide")
    if len(dtypes) == 1 and all(dtype.startswith(("int", "uint")) for dtype in dtypes if dtype):
        return site.respell("math.floordiv")
    return "tf.div floors integers and divides floats, and the dtype of its operands is not known: write // or /"


def _multinomial(site: Site) -> str | None:
    """tf.multinomial(logits, n, seed, name, output_dtype) -> tf.random.categorical, the rest by keyword."""
    names = ("logits", "num_samples", "seed", "name", "output_dtype")
    if site.call is None or site.bind(names) is None:
        return "tf.multinomial is gone, and its arguments are not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "output_dtype":
            arguments.keyword(index, "dtype")
        elif item.keyword is None and index >= 2:
            arguments.keyword(index, name)
    arguments.done()
    site.rename("random.categorical")
    return None


def _py_func(site: Site) -> str | None:
    """tf.py_func -> tf.numpy_function, which has no `stateful` before its name."""
    names = ("func", "inp", "Tout", "stateful", "name")
    if site.call is None or site.bind(names) is None:
        return "tf.py_func is gone, and its arguments are not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword is None and index >= 3:
            arguments.keyword(index, names[index])
    arguments.done()
    site.rename("numpy_function")
    return None


def _xw_plus_b(site: Site) -> str | None:
    """tf.nn.xw_plus_b(x, w, b) -> tf.nn.bias_add(tf.matmul(x, w), b)."""
    bound = site.bind(("x", "weights", "biases", "name")) if site.call is not None else None
    if bound is None or not {"x", "weights", "biases"} <= set(bound) or site.has_comment():
        return "tf.nn.xw_plus_b is gone: write tf.nn.bias_add(tf.matmul(x, weights), biases)"
    name = (", name=", bound["name"]) if "name" in bound else ()
    site.replace_call(
        f"{site.tf('nn.bias_add')}({site.tf('matmul')}(",
        bound["x"],
        ", ",
        bound["weights"],
        "), ",
        bound["biases"],
        *name,
        ")",
    )
    return None


def _relu_layer(site: Site) -> str | None:
    """tf.nn.relu_layer(x, w, b) -> tf.nn.relu(tf.nn.bias_add(tf.matmul(x, w), b))."""
    bound = site.bind(("x", "weights", "biases", "name")) if site.call is not None else None
    if bound is None or set(bound) != {"x", "weights", "biases"} or site.has_comment():
        return "tf.nn.relu_layer is gone: write tf.nn.relu(tf.nn.bias_add(tf.matmul(x, weights), biases))"
    before = f"{site.tf('nn.relu')}({site.tf('nn.bias_add')}({site.tf('matmul')}("
    site.replace_call(before, bound["x"], ", ", bound["weights"], "), ", bound["biases"], "))")
    return None


def _string_split(site: Site) -> str | None:
    """tf.string_split(x, " ,") -> tf.SparseTensor(*tf.raw_ops.StringSplit(input=x, delimiter=" ,")): the op that it is.

    Each character delimits there; tf.strings.split takes one delimiter, and gives a ragged tensor.
    """
    names = ("source", "sep", "skip_empty", "delimiter")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or "source" not in bound or {"sep", "delimiter"} <= set(bound):
        return "tf.string_split is gone, and its arguments are not seen here"
    if site.has_comment():
        return "tf.string_split is gone; it is not written anew where a comment stands inside"
    delimiter = bound.get("sep", bound.get("delimiter"))
    skip = (", skip_empty=", bound["skip_empty"]) if "skip_empty" in bound else ()
    given = ('" "',) if delimiter is None or is_constant(delimiter, None) else (delimiter,)
    before = f"{site.tf('SparseTensor')}(*{site.tf('raw_ops.StringSplit')}(input="
    site.replace_call(before, bound["source"], ", delimiter=", *given, *skip, "))")
    return None


def _block(site: Site) -> str | None:
    """tf.space_to_batch(x, paddings, 2) -> tf.space_to_batch(x, [2, 2], paddings): a block size for each dimension."""
    to_batch = site.name.endswith("space_to_batch")
    edges = "paddings" if to_batch else "crops"
    names = ("input", edges, "block_size", "name", "block_shape")
    bound = site.bind(names) if site.call is not None else None
    size = bound.get("block_size") if bound else None
    if bound is None or size is None or "block_shape" in bound or "name" in bound:
        return NEXT
    if not simple(size) or site.has_comment():
        return NEXT
    target = site.tf("space_to_batch" if to_batch else "batch_to_space")
    site.replace_call(f"{target}(", bound["input"], ", [", size, ", ", size, "], ", bound[edges], ")")
    return None


RULES: dict[str, Rule] = {
    "nn.relu_layer": _relu_layer,
    "string_split": _string_split,
    "strings.split": _strings_split,
    "select": _select,
    "batch_gather": _batch_gather,
    "space_to_batch": _block,
    "nn.space_to_batch": _block,
    "batch_to_space": _block,
    "to_float": _cast("float32"),
    "to_double": _cast("float64"),
    "to_int32": _cast("int32"),
    "to_int64": _cast("int64"),
    "to_bfloat16": _cast("bfloat16"),
    "to_complex64": _cast("complex64"),
    "to_complex128": _cast("complex128"),
    "set_random_seed": _set_random_seed,
    "random.set_random_seed": _set_random_seed,
    "where": _where,
    "div": _div,
    "multinomial": _multinomial,
    "random.multinomial": _multinomial,
    "py_func": _py_func,
    "nn.xw_plus_b": _xw_plus_b,
}

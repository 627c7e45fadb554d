"""Programs that call each public function and class of TensorFlow 1.15 once, made from the facts' signatures.

A call is written in several forms: `plain` passes what is required, by position; `whole` passes everything else by keyword, with
its default; `placed` passes all by position; `second` passes what has two names in TensorFlow 1 by the later one (`keep_dims`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tf_modernize.codemods import api
from tf_modernize.codemods.api import Fact, Parameter

FORMS = ("plain", "whole", "placed", "second")
HEAD = "import tensorflow as tf\n\n"
TENSOR = "tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])"

# What a parameter's name says of its argument; the first pattern that fits the whole name decides.
_VALUES = (
    (
        r".*(_fn|_func|func|fn|function|callback|parser|body|fn1|fn2|computation|closure)|cond|f|func\w*",
        "lambda *args: args[0]",
    ),
    (
        r"name|.*_name|scope|.*_scope|tag|key|op_type|msg|message|help|docstring|date|instructions|identifier|device",
        "'name'",
    ),
    (r".*(path|dir|dirname|file|filename|fname|prefix|pattern|logdir|dir_base|directory|folder)", "'folder'"),
    (r".*(filenames|files|names|keys|tags|vocabulary_list)", "['one', 'two']"),
    (r"text|contents|serialized|sequence|bytes_or_text|delimiter|.*_str|regex|list_sep|window_fn|mode", "'text'"),
    (r"padding", "'SAME'"),
    (r"data_format", "'NHWC'"),
    (r"dtypes|.*_types|Tout|types", "[tf.float32]"),
    (r"dtype|.*_dtype|type|T|out_type|Targmax", "tf.float32"),
    (r"ksize|strides|rates|dilations", "[1, 1, 1, 1]"),
    (r"kernel_size|pool_size|size|block_shape|hidden_units|filter_sizes|.*_size", "2"),
    (r"axis|dim|axes|.*_dim|.*_axis|dimension|reduction_indices|squeeze_dims|.*_axes", "0"),
    (
        r"num_.*|n|k|n_.*|.*_classes|units|filters|depth|capacity|.*_steps|min_after_dequeue|total_count|seed|batch_size",
        "3",
    ),
    (r"range_max|level|rank|.*_dim|ndims|stride|start|limit|max_.*|min_.*|enum_value|count|port", "3"),
    (
        r".*(rate|scale|momentum|epsilon|prob|rho|delta|decay|threshold|stddev|factor|beta1|beta2|alpha|clip_norm|lr)",
        "0.5",
    ),
    (r"shape|.*_shape|dims|multiples|crops|paddings", "[2, 3]"),
    (r"shapes|.*_shapes", "[[2, 3]]"),
    (r"thresholds|boundaries|values|tensors|arrays|variables|inputs_list|.*_list|datasets|updates|ops", "[x, x]"),
    (r"reuse|training|is_training|use_.*|keep_dims|keepdims|.*_first|allow_.*|validate_.*|trainable|default", "True"),
)

# What signatures do not say: functions behind wrappers, and what is asked for in the function's body.
EXTRA = {
    "app.flags.FLAGS": "['program']",
    "flags.FLAGS": "['program']",
    "contrib.layers.scale_gradient": "x, 0.5",
    **{f"contrib.layers.{name}": "x, 3" for name in ("relu", "relu6", "elu", "linear")},
    "contrib.layers.recompute_grad": "lambda *args: args[0]",
    "contrib.slim.recompute_grad": "lambda *args: args[0]",
    "nn.dropout": "x, 0.5",
    "no_regularizer": "x",
    "contrib.keras.optimizers.Optimizer": "'name'",
    "contrib.keras.api.keras.optimizers.Optimizer": "'name'",
    "contrib.slim.queues.QueueRunners": "tf.Session()",
    "nn.ctc_loss": "labels=tf.SparseTensor([[0, 0]], [1], [1, 2]), inputs=tf.zeros([2, 1, 3]), sequence_length=[2]",
    "errors.error_code_from_exception_type": "tf.errors.OutOfRangeError",
}
_PATTERNS = tuple((re.compile(pattern), value) for pattern, value in _VALUES)


def argument(name: str) -> str:
    """A plausible argument for a parameter: a tensor where its name says nothing."""
    for pattern, value in _PATTERNS:
        if pattern.fullmatch(name):
            return value
    return "x"


def names() -> list[str]:
    """Every public function and class."""
    return [name for name in api.names() if (fact := api.lookup(name)) and fact.kind in ("function", "class")]


def call(fact: Fact, form: str) -> str | None:
    """The call in one of the forms, or None where it would be the same as a form before."""
    if fact.name in EXTRA:
        return f"tf.{fact.name}({EXTRA[fact.name]})" if form == "plain" else None
    if fact.signature is None or [one.kind for one in fact.signature] == ["*", "**"]:
        # An enumeration or an exception, or a function behind a wrapper.
        given = "" if fact.signature and fact.kind == "class" else "3" if fact.kind == "class" else "x"
        return f"tf.{fact.name}({given})" if form == "plain" else None
    parameters = [one for one in fact.signature if one.name != "self" and not one.name.startswith("_")]
    known = {one.name for one in parameters}
    pairs = {old: new for old, new in fact.renamed.items() if {old, new} <= known and new != "name"}
    second = {_second(parameters, old, new) for old, new in pairs.items()}
    by_keyword = fact.name.startswith("raw_ops.") or len(parameters) < len(fact.signature) - _has_self(fact)
    needed = [one for one in parameters if _is_needed(fact, one) and one.name not in second]
    required = [_written(one, argument(one.name), by_keyword) for one in needed]
    optional = [one for one in parameters if one.default is not None and one not in needed and one.name not in second]
    if form == "plain":
        return f"tf.{fact.name}({', '.join(required)})"
    if form == "whole":
        rest = [f"{one.name}={value}" for one in optional if (value := _default(one)) is not None]
    elif form == "placed":
        rest = []
        for one in () if by_keyword else parameters[len(required) :]:
            value = _default(one)
            if value is None or one.kind != "positional":
                break
            rest.append(value)
    else:
        first = {old for old, new in pairs.items() if new in second} | {
            new for old, new in pairs.items() if old in second
        }
        by_keyword = by_keyword or any(one.name in first for one in needed)
        required = [_written(one, argument(one.name), by_keyword) for one in needed if one.name not in first]
        rest = [f"{name}={argument(name)}" for name in sorted(second)]
    return f"tf.{fact.name}({', '.join([*required, *rest])})" if rest else None


def _has_self(fact: Fact) -> int:
    return sum(one.name == "self" for one in fact.signature or ())


def _second(parameters: Sequence[Parameter], one: str, other: str) -> str:
    """Which of two names of one argument comes later."""
    order = [parameter.name for parameter in parameters]
    return max(one, other, key=order.index)


def _is_needed(fact: Fact, parameter: Parameter) -> bool:
    """Whether a call must pass an argument: TensorFlow 1 asked for some that have a default, which came to have two names."""
    if parameter.required:
        return True
    if parameter.default != "None" or fact.target_signature is None:
        return False
    new = fact.renamed.get(parameter.name, parameter.name)
    if any(one.required and fact.renamed.get(one.name) == new for one in fact.signature or ()):
        return False
    return any(one.name == new and one.required for one in fact.target_signature)


def _written(parameter: Parameter, value: str, by_keyword: bool) -> str:
    return f"{parameter.name}={value}" if by_keyword or parameter.kind == "keyword" else value


def _default(parameter: Parameter) -> str | None:
    """A parameter's default as source, or None where it is an object without a name."""
    text = parameter.default or ""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text if re.fullmatch(r"tf(\.\w+)+", text) else None
    return text


def program(written: str) -> str:
    """A program of one call, with a tensor where it takes one."""
    tensor = f"x = {TENSOR}\n" if re.search(r"\bx\b", written.partition("(")[2]) else ""
    return f"{HEAD}{tensor}result = {written}\n"


def programs() -> Iterator[tuple[str, str, str]]:
    """The name, the form and the source of every program."""
    for name in names():
        fact = api.lookup(name)
        assert fact is not None
        for form in FORMS:
            if (written := call(fact, form)) is not None:
                yield name, form, program(written)


def modules() -> dict[str, str]:
    """All plain calls, as one file for each module of TensorFlow."""
    found: dict[str, list[str]] = {}
    for name in names():
        fact = api.lookup(name)
        assert fact is not None
        written = call(fact, "plain")
        top = name.split(".")[: 2 if name.startswith("contrib.") else 1]
        found.setdefault("_".join(top) if "." in name else "tensorflow_itself", []).append(f"result = {written}\n")
    return {f"{module}.py": f"{HEAD}x = {TENSOR}\n{''.join(lines)}" for module, lines in found.items()}

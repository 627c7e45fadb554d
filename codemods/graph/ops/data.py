"""tf.data: datasets are host objects in both versions, their iterators are what changes."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..interpreter import Interpreter
from ..values import (
    Array,
    DataIterator,
    Dataset,
    Dict,
    GraphValue,
    IteratorInit,
    Known,
    Placeholder,
    Sequence,
    StringHandle,
    Tensor,
    Value,
    graph_values,
)
from .arguments import Arguments


def _evaluate_all(run: Interpreter, node: ast.Call) -> list[Value]:
    return [run.evaluate(argument) for argument in (*node.args, *[keyword.value for keyword in node.keywords])]


def _dataset(run: Interpreter, name: str, node: ast.Call) -> Value:
    values = _evaluate_all(run, node)
    made = run.add(Dataset(node, run.chain, _fed(run, node, values)))
    if name.endswith("from_tensor_slices") and values:
        made.components = _structure(values[0])
    elif not name.endswith(("from_tensors", "zip", "from_generator")):
        made.components = Array()  # numbers, lines, records, names of files
    return made


def _fed(run: Interpreter, node: ast.Call, values: list[Value]) -> tuple[GraphValue, ...]:
    """What a dataset is made of that is only known when its iterator is initialized: placeholders, and what depends on them."""
    inputs = tuple(value for given in values for value in graph_values(given) if not value.constant)
    if any(not isinstance(root, Placeholder) for value in inputs for root in value.roots):
        run.problem(node, "a dataset that depends on variables or random numbers")
    return inputs


def _structure(value: Value) -> Value | None:
    """The nesting of a dataset's elements, where the source shows it; an Array is surely one tensor."""
    if isinstance(value, Array):
        return value
    if isinstance(value, Sequence) and value.kind == "tuple":
        return Sequence([_structure(item) or Value() for item in value.items], "tuple")
    if isinstance(value, Dict):
        return Dict([*value.keys], [_structure(item) or Value() for item in value.values], [None] * len(value.keys))
    return Value()


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of datasets and iterators."""
    if isinstance(owner, Dataset):
        values = _evaluate_all(run, node)
        if name in {"make_one_shot_iterator", "make_initializable_iterator"}:
            return _iterator(run, node, owner, name == "make_one_shot_iterator")
        made = run.add(Dataset(node, run.chain, _fed(run, node, [owner, *values])))
        keep = name not in {"map", "flat_map", "interleave", "apply", "zip", "padded_batch", "from_generator"}
        made.components = owner.components if keep else None
        made.shuffles = (*owner.shuffles, made) if name == "shuffle" and _is_seeded(run, node) else owner.shuffles
        made.mixed = owner.mixed or (name == "repeat" and bool(owner.shuffles))
        made.endless = _repeats(values) if name == "repeat" else owner.endless and name not in SHORTENING
        return made
    if isinstance(owner, DataIterator):
        if name == "get_next":
            _evaluate_all(run, node)
            return _element(run, node, owner)
        if name == "make_initializer":
            return _initializer(run, node, owner)
        if name == "string_handle" and owner.handle is None:
            return run.add(StringHandle(node, run.chain, (), owner))
        return run.problem(node, f"a method .{name}() of an iterator")
    return None


def _is_seeded(run: Interpreter, node: ast.Call) -> bool:
    """Whether a shuffle has a seed of its own, and shuffles anew each time."""
    given = dict(zip(("buffer_size", "seed", "reshuffle_each_iteration"), node.args, strict=False))
    given.update({keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None})
    seed = given.get("seed")
    nothing = isinstance(seed, ast.Constant) and seed.value is None
    return seed is not None and not nothing and "reshuffle_each_iteration" not in given


SHORTENING = frozenset({"take", "zip", "apply", "reduce"})


def _repeats(values: list[Value]) -> bool:
    """Whether `repeat` has no end: called without a count, with None or -1."""
    return not values or all(isinstance(value, Known) and value.value in {None, -1} for value in values)


def _iterator(run: Interpreter, node: ast.Call, dataset: Dataset, one_shot: bool) -> Value:
    made = run.add(DataIterator(node, run.chain, (), dataset, one_shot))
    made.initializer = run.add(IteratorInit(node, run.chain, (), made))
    return made


def _from_structure(run: Interpreter, name: str, node: ast.Call) -> Value:
    """An iterator of elements of one structure, which its initializers give a dataset."""
    Arguments(run, node, ("output_types", "output_shapes", "shared_name", "output_classes"))
    return run.add(DataIterator(node, run.chain))


def _from_string_handle(run: Interpreter, name: str, node: ast.Call) -> Value:
    """An iterator that stands for the one whose handle a run is fed."""
    arguments = Arguments(run, node, ("string_handle", "output_types", "output_shapes", "output_classes"))
    handle = arguments.value("string_handle")
    if not isinstance(handle, Placeholder):
        return run.problem(node, "an iterator whose handle is no placeholder")
    handle.handle = True
    return run.add(DataIterator(node, run.chain, (handle,), handle=handle))


def _initializer(run: Interpreter, node: ast.Call, owner: DataIterator) -> Value:
    """`iterator.make_initializer(dataset)`."""
    arguments = Arguments(run, node, ("dataset", "name"))
    dataset, source = arguments.value("dataset"), arguments.nodes.get("dataset")
    if not isinstance(dataset, Dataset) or owner.dataset is not None or owner.one_shot or owner.handle:
        return run.problem(node, "an initializer of an iterator over a dataset that is not known")
    return run.add(IteratorInit(node, run.chain, (), owner, source, dataset))


def _element(run: Interpreter, node: ast.Call, owner: DataIterator) -> Value:
    made = run.tensor(node, "iterator.get_next", (owner,))
    owner.draws.append(made)
    structure = owner.dataset.components if owner.dataset is not None else None
    if isinstance(structure, Sequence):
        return made
    if isinstance(structure, Dict):
        return _dict_of(run, node, made, structure)
    return made


def _dict_of(run: Interpreter, node: ast.Call, element: Tensor, structure: Dict) -> Value:
    result = Dict(made=run.chain)
    for key in structure.keys:
        result.store(key, run.tensor(node, "element", (element,)), None)
    return result


def _make_iterator(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = Arguments(run, node, ("dataset",))
    dataset = arguments.value("dataset")
    if not isinstance(dataset, Dataset):
        return run.problem(node, "an iterator over a dataset that is not known")
    return _iterator(run, node, dataset, "one_shot" in name)


DATASETS = (
    "from_tensor_slices", "from_tensors", "range", "zip", "from_generator", "list_files",
)  # fmt: skip
FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"data.Dataset.{name}": _dataset for name in DATASETS},
    "data.TextLineDataset": _dataset,
    "data.TFRecordDataset": _dataset,
    "data.FixedLengthRecordDataset": _dataset,
    "data.Iterator.from_structure": _from_structure,
    "data.Iterator.from_string_handle": _from_string_handle,
    "data.make_one_shot_iterator": _make_iterator,
    "data.make_initializable_iterator": _make_iterator,
}

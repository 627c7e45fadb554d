"""The manifest and the accounts of native programs, held against the old and the new source by `ast`."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tf_modernize.codemods.engine import upgrade
from tf_modernize.codemods.manifest import Execution, Program
from tf_modernize.codemods.names import resolve
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.report import ProgramResult

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
FOLDERS = {
    path.parent.name: path.parent
    for path in sorted((FIXTURES / "programs").glob("*/expected.json"))
    if json.loads(path.read_text())["level"] == "native"
} | {"demo": FIXTURES / "demo"}


@cache
def upgraded(folder: str) -> ProgramResult | None:
    results = upgrade(
        {
            path.relative_to(FOLDERS[folder]).as_posix(): path.read_bytes()
            for path in sorted(FOLDERS[folder].rglob("*.py"))
        }
    )
    return results[0] if results else None


def native(folder: str) -> tuple[ProgramResult, Program]:
    """The result of a program that went native; what does not yet is another test's business."""
    result = upgraded(folder)
    if result is None or result.level != "native":
        pytest.skip("not native yet")
    assert result.manifest is not None
    return result, result.manifest


def old_tree(result: ProgramResult, path: str) -> ast.Module:
    return parse(result.files[path].before, path).tree


def new_tree(result: ProgramResult, path: str) -> ast.Module:
    return parse(result.files[path].after or result.files[path].before, path).tree


def definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function by its qualified name."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef):
            yield prefix + child.name, child
            yield from definitions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from definitions(child, f"{prefix}{child.name}.")
        else:
            yield from definitions(child, prefix)


def function_of(result: ProgramResult, execution: Execution) -> ast.FunctionDef:
    assert execution.new is not None
    found = [node for name, node in definitions(new_tree(result, execution.new.file)) if name == execution.new.qualname]
    assert len(found) == 1, f"{execution.new.qualname} is there {len(found)} times"
    return found[0]


def executions_in(result: ProgramResult, path: str) -> Iterator[tuple[int, int]]:
    """The places of `.run(…)`, `.eval(…)` and an Estimator's methods in the old source, but of TensorFlow's functions and of the
    program's classes."""
    module = parse(result.files[path].before, path)
    names = resolve(module)
    estimates = b"estimator.Estimator(" in result.files[path].before
    methods = {"train", "evaluate", "predict"} if estimates else {"run", "eval"}
    classes = {node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
            owner = node.func.value
            own = isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id in classes
            if names.name_of(node.func) is None and not own:
                yield node.lineno, node.col_offset
        elif isinstance(node, ast.Call) and names.name_of(node.func) == "train.global_step":
            yield node.lineno, node.col_offset


def leaves(node: ast.expr, lists: Mapping[str, int]) -> int:
    """How many values a function's return hands back; `lists` says how many a name stands for that is fetched whole."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return sum(leaves(part, lists) for part in node.elts)
    if isinstance(node, ast.Dict):
        return sum(leaves(part, lists) for part in node.values)
    return lists.get(node.id, 1) if isinstance(node, ast.Name) else 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_execution_is_there_once(folder: str) -> None:
    result, program = native(folder)
    told = Counter((one.old.file, one.old.line, one.old.column) for one in program.executions)
    held = Counter((path, *place) for path in result.files for place in executions_in(result, path))
    assert told == held


@pytest.mark.parametrize("folder", FOLDERS)
def test_new_places(folder: str) -> None:
    result, program = native(folder)
    for one in program.executions:
        assert (one.new is None) == (one.kind == "dropped")
        if one.kind == "function":
            assert one.new is not None
            assert one.new.line == function_of(result, one).lineno
        else:
            assert not one.parameters
            assert not one.values


@pytest.mark.parametrize("folder", FOLDERS)
def test_parameters_are_the_functions(folder: str) -> None:
    result, program = native(folder)
    for one in program.executions:
        if one.kind != "function":
            continue
        function = function_of(result, one)
        taken = [given.arg for given in function.args.args]
        if one.new is not None and "." in one.new.qualname and "<locals>" not in one.new.qualname:
            taken = taken[1:]  # a method's own object
        assert [given.name for given in one.parameters if given.name] == taken
        assert all(given.static and given.default for given in one.parameters if not given.name)
        assert all(given.source for given in one.parameters if given.placeholder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_outputs_are_what_is_handed_back(folder: str) -> None:
    result, program = native(folder)
    for one in program.executions:
        counted = sorted(output.index for output in one.outputs if output.index is not None)
        assert counted == list(range(len(counted)))
        text = result.files[one.old.file].before.decode("latin-1")
        for output in one.outputs:  # `step[0]` of a list that is fetched by its name
            fetch = re.sub(r"(\[[^]]*\])+$", "", output.fetch)
            assert fetch, "an output without its expression"
            assert "".join(fetch.split()) in "".join(text.split())
        if one.kind == "function":
            handed = [node for node in function_of(result, one).body if isinstance(node, ast.Return)]
            parts = [output.fetch for output in one.outputs if output.index is not None and "[" in output.fetch]
            lists = Counter(fetch.partition("[")[0] for fetch in parts)
            returned = sum(leaves(node.value, lists) for node in handed if node.value is not None)
            # What a session's hooks watch comes behind what the program fetched; an Estimator's evaluation gives its loss to a
            # metric, and its predictions may be a dict that has a name.
            watched = "TensorHook(" in text or "EstimatorSpec(" in text
            assert len(counted) == returned or watched


@pytest.mark.parametrize("folder", FOLDERS)
def test_values_in_between(folder: str) -> None:
    result, program = native(folder)
    for one in program.executions:
        for value in one.values:
            assert value.name in bound_at(old_tree(result, value.old.file), value.old.line)
            (function,) = (
                node for name, node in definitions(new_tree(result, value.new.file)) if name == value.new.qualname
            )
            assert function.lineno <= value.new.line <= (function.end_lineno or 0)
            if value.new.line > function.lineno:
                assert value.name in bound_at(new_tree(result, value.new.file), value.new.line)


def test_values_within_a_model() -> None:
    """The statements that became a model's `call` are found on both sides, each with its line."""
    program = manifest(
        HEAD
        + """
def net(x):
    h = tf.layers.dense(x, 3)
    h = tf.layers.dense(h, 2)
    return h


x = tf.placeholder(tf.float32, [None, 4], name="x")
y = net(x)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(y, {x: [[1.0, 2.0, 3.0, 4.0]]}))
"""
    )
    _, one = program.executions
    inside = [value for value in one.values if value.new.qualname == "Net.call"]
    assert [(value.name, value.old.line) for value in inside] == [("h", 4), ("h", 5)]
    assert inside[1].new.line == inside[0].new.line + 1


def bound_at(tree: ast.Module, line: int) -> set[str]:
    """The names that statements which begin at a line bind, the blocks within them included."""
    return {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno == line
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_checkpoint(folder: str) -> None:
    """All that TF 1.15 keeps in a checkpoint has its place."""
    _, program = native(folder)
    record = FOLDERS[folder] / "expected.json"
    graphs = json.loads(record.read_text()).get("variables") if record.exists() else None
    names = [one.tf1_name for one in program.variables]
    slots = [one.tf1_name for one in program.slots]
    if graphs is not None and folder.startswith("estimator_"):
        graphs = [max(graphs, key=len)]  # each mode built a graph of the same variables, training one with slots
    if graphs is not None:
        assert names == [name for graph in graphs for name, _, _, _, slot in graph if not slot]
        assert slots == [name for graph in graphs for name, _, _, _, slot in graph if slot]
    assert all(one.path and one.owner for one in program.variables)
    assert {one.variable for one in program.slots if one.variable} <= set(names)
    assert all(one.path or one.details for one in program.slots)


@pytest.mark.parametrize("folder", FOLDERS)
def test_accounts(folder: str) -> None:
    result, _ = native(folder)
    written = [(path, file.after or file.before) for path, file in result.files.items()]
    now = Counter(use.name for path, text in written for use in resolve(parse(text, path)).uses)
    for path, file in result.files.items():
        places = Counter((one.line, one.column, one.name) for one in file.accounts)
        assert max(places.values(), default=1) == 1
        assert all(one.reason for one in file.accounts if one.state != "rewritten")
        kept = Counter(one.name for one in file.accounts if one.state == "kept")
        assert not kept - now, "names that are called kept and are gone"
        uses = Counter(use.name for use in resolve(parse(file.before, path)).uses)
        assert not uses - Counter(one.name for one in file.accounts), "names that nothing is said of"


def manifest(source: str) -> Program:
    (result,) = upgrade({"main.py": source.encode()})
    told = [one.message for one in result.files["main.py"].diagnostics]
    assert result.level == "native", told
    assert result.manifest is not None
    return result.manifest


HEAD = "import tensorflow as tf\n"


def test_names_within_scopes() -> None:
    """TF 1.15 gives these names."""
    program = manifest(
        HEAD
        + """
with tf.variable_scope("train"):
    w = tf.get_variable("w", [2])
    x = tf.placeholder(tf.float32, [2], name="in")
    y = tf.placeholder(tf.float32, [2])
    cost = tf.reduce_sum((w * x - y) ** 2, name="cost")
    first = tf.train.AdamOptimizer(name="My").minimize(cost)
second = tf.train.AdamOptimizer().minimize(cost)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(first, {x: [1., 2.], y: [0., 1.]})
    _, c = sess.run([second, cost], {x: [1., 2.], y: [0., 1.]})
    print(c)
"""
    )
    one, two = (found for found in program.executions if found.kind == "function")
    assert [given.placeholder for given in one.parameters] == ["train/in:0", "train/Placeholder:0"]
    assert [output.tensor for output in one.outputs] == ["train/My"]
    assert [(output.tensor, output.index) for output in two.outputs] == [("Adam", None), ("train/cost:0", 0)]
    assert [slot.tf1_name for slot in program.slots] == [
        "train/beta1_power", "train/beta2_power", "train/train/w/My", "train/train/w/My_1",
        "beta1_power", "beta2_power", "train/w/Adam", "train/w/Adam_1",
    ]  # fmt: skip
    assert [slot.path for slot in program.slots if slot.slot == "velocity"] == [
        "My/train_w_0_velocity",
        "adam/train_w_0_velocity",
    ]


def test_a_name_that_tensorflow_may_have_made_up_is_not_certain() -> None:
    program = manifest(
        HEAD
        + """
x = tf.placeholder(tf.float32, [2])
v = tf.Variable([1., 2.])
a = tf.reduce_mean(x * v)
b = tf.reduce_mean(x + v, name="Mean")
c = tf.reduce_mean(x - v, name="part")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run([a, b, c], {x: [1., 2.]}))
"""
    )
    assert [output.tensor for output in program.executions[1].outputs] == ["", "", "part:0"]


def test_what_is_read_evaluated_and_dropped() -> None:
    program = manifest(
        HEAD
        + """
v = tf.Variable(3.0)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(v))
    print(sess.run(tf.constant(2.0) * 3.0))
    print(v.eval())
"""
    )
    assert [one.kind for one in program.executions] == ["dropped", "variable-read", "evaluated", "variable-read"]
    assert [one.outputs[0].tensor for one in program.executions] == ["", "Variable:0", "", "Variable:0"]
    (variable,) = program.variables
    assert (variable.tf1_name, variable.path, variable.owner) == ("Variable", "Variable", "v")


def test_momentum_changes_its_sign() -> None:
    program = manifest(
        HEAD
        + """
def main():
    x = tf.placeholder(tf.float32, [2])
    w = tf.Variable([1., 2.], name="w")
    step = tf.Variable(0, trainable=False, name="step")
    loss = tf.reduce_sum(w * x)
    train = tf.train.MomentumOptimizer(0.5, 0.9).minimize(loss, global_step=step)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(train, {x: [1., 2.]})
        print(sess.run(w), sess.run(step))


main()
"""
    )
    (slot,) = program.slots
    assert (slot.tf1_name, slot.path) == ("w/Momentum", "sgd/w_0_momentum")
    assert (slot.transformation, dict(slot.details)) == ("negative-lr", {"learning_rate": 0.5})
    step = program.variables[1]
    assert (step.path, step.owner, step.details["function"]) == ("sgd/iteration", "optimizer.iterations", "main")
    (run,) = (one for one in program.executions if one.kind == "function")
    assert run.new is not None
    assert run.new.qualname == "main.<locals>.train_step"


def test_a_module_that_two_programs_share_is_told_once() -> None:
    shared = (
        HEAD
        + """
k = tf.Variable(1.0, name="k")
with tf.Session() as sess:
    FACTOR = sess.run(tf.constant(2.0) * 3.0)
"""
    )
    first = (
        HEAD
        + """
from shared import FACTOR
v = tf.Variable(3.0, name="v")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(FACTOR * sess.run(v))
"""
    )
    files = {"shared.py": shared, "first.py": first, "second.py": first.replace("3.0", "4.0")}
    (result,) = upgrade({path: text.encode() for path, text in files.items()})
    assert result.level == "native"
    assert result.manifest is not None
    places = [(one.old.file, one.old.line) for one in result.manifest.executions]
    assert sorted(places) == [("first.py", 6), ("first.py", 7), ("second.py", 6), ("second.py", 7), ("shared.py", 5)]
    assert [one.tf1_name for one in result.manifest.variables] == ["k", "v"]


def test_one_function_for_several_places() -> None:
    """Each place tells its own feeds; a default that is not fed is told as it is written."""
    program = manifest(
        HEAD
        + """
x = tf.placeholder(tf.float32, [None], name="x")
rate = tf.placeholder_with_default(0.25, shape=[], name="rate")
v = tf.Variable(2.0)
y = x * v * rate
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(y, {x: [1.0]}))
    print(sess.run(y, {x: [1.0], rate: 0.5}))
"""
    )
    _, one, two = program.executions
    assert one.new == two.new
    assert [(given.source, given.default) for given in one.parameters] == [("x", None), ("rate", "0.25")]
    assert [(given.source, given.default) for given in two.parameters] == [("x", None), ("rate", None)]
    assert [given.placeholder for given in one.parameters] == ["x:0", "rate:0"]

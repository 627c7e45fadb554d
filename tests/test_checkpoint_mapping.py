"""Which variable takes which value: by names, cells, slots, rules and manifests; and what is not mapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tf_modernize.codemods.manifest import Program, SlotMap, VariableMap
from tf_modernize.harness.checkpoints import Checkpoint, CheckpointError, VariableMapping, map_variables
from tf_modernize.harness.checkpoints.roles import Tensor
from tf_modernize.harness.checkpoints.rules import check
from tf_modernize.harness.checkpoints.targets import CellKind, KerasCell, Target, TargetOptimizer, Targets

Shapes = Mapping[str, Sequence[int]]


def checkpoint(shapes: Shapes, **dtypes: str) -> Checkpoint:
    tensors = {
        name: Tensor(name, tuple(shape), dtypes.get(name, "float32"), int(np.prod(shape)))
        for name, shape in sorted(shapes.items())
    }
    return Checkpoint("old.ckpt", "V2", tensors, 1, None)


def variables(shapes: Shapes, prefix: str = "") -> list[Target]:
    return [
        Target(f"model/{number}", path, tuple(shape), "float32", prefix)
        for number, (path, shape) in enumerate(shapes.items())
    ]


def mapped(
    old: Shapes | Checkpoint, new: Shapes | Sequence[Target], prefix: str = "", **options: Any
) -> VariableMapping:
    if not isinstance(old, Checkpoint):
        old = checkpoint(old)
    targets = new if isinstance(new, list) else variables(new, prefix)  # type: ignore[arg-type]
    optimizers = options.pop("optimizers", ())
    return map_variables(old, Targets(tuple(targets), tuple(optimizers)), **options)


def pairs(mapping: VariableMapping) -> dict[str, str]:
    return {one.source: one.path for one in mapping.mapped}


def lstm(layer: str, inputs: int, units: int, kind: CellKind = "lstm", index: int | None = None) -> list[Target]:
    shapes = {"kernel": (inputs, 4 * units), "recurrent_kernel": (units, 4 * units), "bias": (4 * units,)}
    return [
        Target(
            f"{layer}/{part}", f"{layer}/lstm_cell/{part}", shape, "float32", "",
            KerasCell(layer, kind, part, inputs, units, "", index),
        )
        for part, shape in shapes.items()
    ]  # fmt: skip


def slots_of(target: Target, optimizer: str, *names: str) -> list[Target]:
    return [
        Target(f"{optimizer}/{target.key}/{name}", f"{optimizer}/{target.path}_{name}", target.shape, "float32",
               optimizer=optimizer, slot=name, of=target.key)
        for name in names
    ]  # fmt: skip


def iteration(optimizer: str) -> Target:
    return Target(
        f"{optimizer}/iteration", f"{optimizer}/iteration", (), "int64", optimizer=optimizer, slot="iteration"
    )


# -- names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "old, new, prefix",
    [
        ("dense/kernel", "dense/kernel", ""),
        ("net/dense/kernel", "net/dense/kernel", "net"),
        ("dense/kernel", "net/dense/kernel", "net"),
        ("fully_connected/weights", "sequential/fully_connected/kernel", "sequential"),
        ("Conv/biases", "Conv/bias", ""),
        ("weights", "weights", ""),
        ("words", "words/embeddings", ""),
        ("words/embeddings", "net/words/embeddings", "net"),
        ("BatchNorm/moving_variance", "BatchNorm/moving_variance", ""),
        ("tower/dense/kernel", "dense/kernel", ""),
        ("dense/kernel", "net/block/dense/kernel", "net"),
    ],
)
def test_names_that_mean_the_same(old: str, new: str, prefix: str) -> None:
    mapping = mapped({old: [3, 4]}, {new: [3, 4]}, prefix)
    assert mapping.complete and pairs(mapping) == {old: new}


@pytest.mark.parametrize(
    "old, new",
    [
        ({"a": [3]}, {"b": [3]}),  # a shape alone tells nothing
        ({"w": [3]}, {"net/w": [3]}),  # one part of a name tells too little
        ({"x/dense/kernel": [3], "y/dense/kernel": [3]}, {"dense/kernel": [3]}),
        ({"dense/kernel": [3]}, {"x/dense/kernel": [3], "y/dense/kernel": [3]}),
        ({"dense/kernel": [3, 4]}, {"dense/kernel": [4, 3]}),
        ({"dense/kernel": [3]}, {}),
        ({}, {"dense/kernel": [3]}),
        # Keras counts over the whole process: names that are shifted by one leave something over.
        ({"dense/kernel": [3], "dense_1/kernel": [3]}, {"dense_1/kernel": [3], "dense_2/kernel": [3]}),
    ],
)
def test_what_is_not_sure_is_not_mapped(old: Shapes, new: Shapes) -> None:
    assert not mapped({**old, "sure": [1]}, {**new, "sure": [1]}).complete


def test_an_exact_name_goes_before_a_like_one() -> None:
    old = {"dense/kernel": [3], "net/dense/kernel": [3]}
    mapping = mapped(old, variables({"net/dense/kernel": [3]}, "net"))
    assert pairs(mapping) == {"net/dense/kernel": "net/dense/kernel"}
    assert [one.name for one in mapping.unmapped] == ["dense/kernel"]


def test_two_variables_of_one_path_are_told_apart_by_their_shapes_or_not_at_all() -> None:
    both = [Target("a", "dense/kernel", (3, 4), "float32"), Target("b", "dense/kernel", (5, 6), "float32")]
    mapping = mapped({"dense/kernel": [5, 6]}, both)
    assert [one.key for one in mapping.mapped] == ["b"]
    alike = [Target("a", "dense/kernel", (3, 4), "float32"), Target("b", "dense/kernel", (3, 4), "float32")]
    mapping = mapped({"dense/kernel": [3, 4]}, alike)
    assert not mapping.mapped and "2 new variables have its name" in mapping.unmapped[0].reason


def test_a_wrong_shape_or_dtype_is_said_and_the_nearest_are_named() -> None:
    mapping = mapped({"dense/kernel": [3, 4], "odd": [7]}, {"dense/kernel": [3, 5], "other": [3, 4]})
    found = {one.name: one for one in mapping.unmapped if one.side == "tf1"}
    assert found["dense/kernel"].reason == "dense/kernel would take it, but has the shape [3, 5], not [3, 4]"
    assert found["dense/kernel"].candidates[0] == "other [3, 4]"
    old = checkpoint({"dense/kernel": [3]}, **{"dense/kernel": "float64"})
    assert "is float32, not float64" in mapped(old, {"dense/kernel": [3]}).unmapped[0].reason


def test_what_keras_alone_has_is_no_problem() -> None:
    alone = {"adam/learning_rate": [], "seed_generator/seed_generator_state": [2], "save_counter": []}
    mapping = mapped({"w": [2]}, {"w": [2], **alone})
    assert mapping.complete and set(mapping.kept) == set(alone)


# -- cells --------------------------------------------------------------------------------------------------------------


def test_a_cell_is_never_taken_by_its_name_alone() -> None:
    """Name and shape of the bias are equal, its gates are not."""
    old = {"rnn/lstm_cell/kernel": [5, 8], "rnn/lstm_cell/bias": [8]}
    mapping = mapped(old, lstm("rnn", 3, 2))
    assert mapping.complete
    bias = next(one for one in mapping.mapped if one.path == "rnn/lstm_cell/bias")
    assert (bias.by, bias.transformation, bias.details["forget_bias"]) == ("cell", "forget-bias", 1.0)
    assert "forget_bias" in mapping.notes[0]


def test_the_forget_bias_comes_from_a_rule_or_the_kind_of_cell() -> None:
    old = {"rnn/lstm_cell/kernel": [5, 8], "rnn/lstm_cell/bias": [8]}
    rules = check([{"match": "rnn/.*", "forget_bias": 0.0}])
    mapping = mapped(old, lstm("rnn", 3, 2), rules=rules)
    assert mapping.complete and not mapping.notes
    assert all("forget_bias" not in one.details for one in mapping.mapped)
    old = {"rnn/cudnn_compatible_lstm_cell/kernel": [5, 8], "rnn/cudnn_compatible_lstm_cell/bias": [8]}
    assert not mapped(old, lstm("rnn", 3, 2)).notes


def stack(*scopes: str) -> Shapes:
    return {
        f"{one}/basic_lstm_cell/{leaf}": shape for one in scopes for leaf, shape in (("kernel", [4, 8]), ("bias", [8]))
    }


@pytest.mark.parametrize(
    "layers, complete",
    [
        (["cell_0", "cell_1"], True),
        (["lstm_0", "lstm_1"], True),
        (["lstm_1", "lstm_2"], False),  # counted otherwise: a guess would swap them
        (["lstm", "lstm_1"], False),
        (["one", "two"], False),
    ],
)
def test_cells_of_one_shape_are_told_apart_by_numbers_that_both_sides_count_alike(
    layers: list[str], complete: bool
) -> None:
    old = stack("rnn/multi_rnn_cell/cell_0", "rnn/multi_rnn_cell/cell_1")
    mapping = mapped(old, [one for layer in layers for one in lstm(layer, 2, 2)])
    assert mapping.complete == complete
    if complete:
        went = {one.source.split("/")[2]: one.path.split("/")[0][-1] for one in mapping.mapped}
        assert went == {"cell_0": "0", "cell_1": "1"}
    else:
        assert "no name tells which" in mapping.unmapped[0].reason


def test_cells_of_a_keras_stack_are_told_apart_by_their_places() -> None:
    old = stack("rnn/multi_rnn_cell/cell_0", "rnn/multi_rnn_cell/cell_1")
    mapping = mapped(old, [*lstm("b", 2, 2, index=0), *lstm("a", 2, 2, index=1)])
    assert mapping.complete and pairs(mapping)["rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias"] == "b/lstm_cell/bias"


def test_cells_of_one_shape_are_told_apart_by_their_scopes() -> None:
    mapping = mapped(stack("decoder/rnn", "encoder/rnn"), [*lstm("encoder", 2, 2), *lstm("decoder", 2, 2)])
    assert mapping.complete
    assert all(one.source.split("/")[0] == one.path.split("/")[0] for one in mapping.mapped)


def test_a_rule_tells_a_cells_layer_and_that_a_scope_is_a_cell() -> None:
    old = stack("rnn/multi_rnn_cell/cell_0", "rnn/multi_rnn_cell/cell_1")
    new = [*lstm("one", 2, 2), *lstm("two", 2, 2)]
    rules = [{"match": ".*/cell_0/basic_lstm_cell", "cell": "lstm", "path": "two"}]
    rules += [{"match": ".*/cell_1/basic_lstm_cell", "cell": "lstm", "path": "one"}]
    mapping = mapped(old, new, rules=check(rules))
    assert mapping.complete and pairs(mapping)["rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias"].startswith("two/")
    own = {"rnn/mine/kernel": [4, 8], "rnn/mine/bias": [8]}
    assert not mapped(own, lstm("one", 2, 2)).complete
    assert mapped(own, lstm("one", 2, 2), rules=check([{"match": "rnn/mine", "cell": "lstm"}])).complete


def test_peepholes_have_no_counterpart() -> None:
    old = {"rnn/lstm_cell/kernel": [5, 8], "rnn/lstm_cell/bias": [8], "rnn/lstm_cell/w_f_diag": [2]}
    assert not mapped(old, lstm("rnn", 3, 2)).mapped


def test_cells_of_tf1s_own_keras_layers_stay_as_they_are() -> None:
    old = {"lstm/kernel": [3, 8], "lstm/recurrent_kernel": [2, 8], "lstm/bias": [8]}
    mapping = mapped(old, lstm("lstm", 3, 2))
    assert mapping.complete and all(one.transformation == "none" for one in mapping.mapped)


# -- optimizers ---------------------------------------------------------------------------------------------------------


def adam(key: str = "adam", rate: float | None = 0.1) -> TargetOptimizer:
    return TargetOptimizer(key, key, "Adam", rate, {"beta1_power": 0.9, "beta2_power": 0.999})


def test_slots_follow_their_variable_through_its_transformation() -> None:
    old = {"rnn/basic_lstm_cell/kernel": [5, 8], "rnn/basic_lstm_cell/bias": [8]}
    old |= {f"{name}/Momentum": shape for name, shape in old.items()}
    new = lstm("rnn", 3, 2)
    new += [slot for one in list(new) for slot in slots_of(one, "sgd", "momentum")]
    sgd = TargetOptimizer("sgd", "sgd", "SGD", 0.5)
    mapping = mapped(old, new, optimizers=[sgd])
    assert mapping.complete
    kernel = [one for one in mapping.mapped if one.source == "rnn/basic_lstm_cell/kernel/Momentum"]
    assert [one.details["rows"] for one in kernel] == [[0, 3], [3, 5]]
    bias = next(one for one in mapping.mapped if one.source == "rnn/basic_lstm_cell/bias/Momentum")
    assert bias.details == {"order": [0, 2, 1, 3], "scale": -0.5}


def test_momentum_under_a_schedule_needs_a_rule() -> None:
    new = variables({"w": [3]})
    new += slots_of(new[0], "sgd", "momentum")
    mapping = mapped({"w": [3], "w/Momentum": [3]}, new, optimizers=[TargetOptimizer("sgd", "sgd", "SGD", None)])
    assert "changes by a schedule" in mapping.unmapped[0].reason
    own = mapped({"w": [3], "w/Momentum": [3]}, new, optimizers=[TargetOptimizer("sgd", "sgd", "", 0.1)])
    assert "a rule is needed" in own.unmapped[0].reason


def test_slots_of_another_optimizer_are_not_taken() -> None:
    new = variables({"w": [3]})
    new += slots_of(new[0], "adam", "momentum", "velocity")
    mapping = mapped({"w": [3], "w/RMSProp": [3], "w/RMSProp_1": [3]}, new, optimizers=[adam()])
    assert {one.name for one in mapping.unmapped} >= {"w/RMSProp", "w/RMSProp_1"}


def test_without_an_optimizer_its_state_is_left() -> None:
    old = checkpoint(
        {"w": [3], "w/Adam": [3], "w/Adam_1": [3], "beta1_power": [], "global_step": []}, global_step="int64"
    )
    mapping = mapped(old, {"w": [3]})
    assert mapping.complete and len(mapping.left) == 4


def test_names_of_the_users_own_are_told_by_their_number() -> None:
    new = variables({"w": [3]})
    new += slots_of(new[0], "adam", "momentum", "velocity")
    mapping = mapped({"w": [3], "w/Mine": [3], "w/Mine_1": [3]}, new, optimizers=[adam()])
    assert mapping.complete and pairs(mapping)["w/Mine_1"] == "adam/w_velocity"
    assert not mapped({"w": [3], "w/Mine": [3]}, new, optimizers=[adam()]).complete


def test_a_momentum_that_keras_does_not_keep_is_left() -> None:
    new = variables({"w": [3]})
    new += slots_of(new[0], "rms", "velocity")
    optimizer = TargetOptimizer("rms", "rms", "RMSprop", 0.1)
    mapping = mapped({"w": [3], "w/RMSProp": [3], "w/RMSProp_1": [3]}, new, optimizers=[optimizer])
    assert mapping.complete and [one.source for one in mapping.left] == ["w/RMSProp_1"]
    centered = {"w": [3], "w/RMSProp": [3], "w/RMSProp_1": [3], "w/RMSProp_2": [3]}
    assert [one.name for one in mapped(centered, new, optimizers=[optimizer]).unmapped] == ["w/RMSProp_1"]


def test_each_adam_has_the_powers_of_its_scope() -> None:
    shapes: dict[str, list[int]] = {"a": [3], "b": [3], "global_step": []}
    for scope, name in (("first", "a"), ("second", "b")):
        shapes |= {f"{scope}/{name}/Adam": [3], f"{scope}/{name}/Adam_1": [3]}
        shapes |= {f"{scope}/beta1_power": [], f"{scope}/beta2_power": []}
    new = variables({"a": [3], "b": [3]})
    new += [*slots_of(new[0], "x", "momentum", "velocity"), *slots_of(new[1], "y", "momentum", "velocity")]
    new += [iteration("x"), iteration("y")]
    old = checkpoint(shapes, global_step="int64")
    mapping = mapped(old, new, optimizers=[adam("x"), adam("y")])
    assert mapping.complete
    powers = {one.path: {name for name, _ in one.powers} for one in mapping.steps}
    assert powers == {
        "x/iteration": {"first/beta1_power", "first/beta2_power"},
        "y/iteration": {"second/beta1_power", "second/beta2_power"},
    }


def test_averages_go_where_the_new_program_keeps_them() -> None:
    old = {"w": [3], "w/ExponentialMovingAverage": [3]}
    assert not mapped(old, {"w": [3]}).complete
    for path in ("w/ExponentialMovingAverage", "w_ema", "w_average"):
        mapping = mapped(old, {"w": [3], path: [3]})
        assert mapping.complete and pairs(mapping)["w/ExponentialMovingAverage"] == path


def test_what_an_unbiased_average_keeps_is_told_and_has_no_place() -> None:
    state = ["bn/bn/moving_mean/biased", "bn/bn/moving_mean/local_step"]
    old = checkpoint({"bn/moving_mean": [3], state[0]: [3], state[1]: []})
    assert [old.roles[name].kind for name in old.tensors] == ["average-state", "average-state", "variable"]
    assert [one.name for one in mapped(old, {"bn/moving_mean": [3]}).unmapped] == state


# -- rules and manifests ------------------------------------------------------------------------------------------------


def test_rules_go_before_names_and_may_leave_behind_or_keep() -> None:
    rules = check(
        [
            {"match": "swap/(a|b)", "path": "new/\\1", "transformation": "transpose"},
            {"match": "old/.*", "path": None},
            {"keep": "head/.*"},
        ]
    )
    mapping = mapped({"swap/a": [2, 3], "old/x": [5]}, {"new/a": [3, 2], "head/kernel": [7]}, rules=rules)
    assert mapping.complete and mapping.mapped[0].transformation == "transpose"
    assert mapping.left[0].source == "old/x" and mapping.kept == ("head/kernel",)


def test_averages_can_take_the_place_of_variables_by_rules() -> None:
    rules = check([{"match": "(.*)/ExponentialMovingAverage", "path": "\\1"}, {"match": "w", "path": None}])
    mapping = mapped({"w": [3], "w/ExponentialMovingAverage": [3]}, {"w": [3]}, rules=rules)
    assert mapping.complete and pairs(mapping) == {"w/ExponentialMovingAverage": "w"}


def test_a_rule_may_be_a_function() -> None:
    def rule(name: str, shape: tuple[int, ...]) -> Any:
        return {"path": "kernel", "value": np.flip} if name.endswith("_reversed") else None

    mapping = mapped({"w_reversed": [3], "b": [2]}, {"kernel": [3], "b": [2]}, rules=check([rule]))
    assert mapping.complete and mapping.mapped[1].value is np.flip


@pytest.mark.parametrize(
    "rules, sentence",
    [
        ({"match": "a", "path": "b"}, "a list of rules is wanted"),
        ([3], "neither an object nor a function"),
        ([{"match": "(", "path": "b"}], "no regular expression"),
        ([{"match": "a"}], "no `path`"),
        ([{"math": "a", "path": "b"}], "has math"),
        ([{"match": "a", "path": "b", "transformation": "turn"}], "'turn'"),
        ([{"match": "a", "cell": "lstn"}], "'lstn'"),
    ],
)
def test_rules_that_mean_nothing_are_refused(rules: Any, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        check(rules)


def test_a_rule_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no variable of that path"):
        mapped({"w": [3]}, {"w": [3]}, rules=check([{"match": "w", "path": "v"}]))


def test_a_manifest_goes_before_names() -> None:
    program = Program(
        ("net.py",),
        "native",
        variables=(
            VariableMap("Variable", "weights/one"),
            VariableMap("Variable_1", "weights/two"),
            VariableMap("Variable_2", "adam/iteration", details={"dtype": "int64"}),
        ),
        slots=(
            SlotMap("Variable/Adam", "Variable", "optimizer", "momentum", "adam/weights_one_momentum"),
            SlotMap("Variable/Adam_1", "Variable", "optimizer", "velocity", "adam/weights_one_velocity"),
            SlotMap(
                "beta1_power", "", "optimizer", "iteration", "adam/iteration", "other", {"beta": 0.9, "iterations": ""}
            ),
        ),
    )
    old = checkpoint(
        {
            "Variable": [3],
            "Variable_1": [3],
            "Variable_2": [],
            "Variable/Adam": [3],
            "Variable/Adam_1": [3],
            "beta1_power": [],
        },
        Variable_2="int32",
    )
    new = variables({"weights/one": [3], "weights/two": [3]})
    new += [
        Target("adam/m", "adam/weights_one_momentum", (3,), "float32", optimizer="adam", slot="momentum", of="model/0"),
        Target("adam/v", "adam/weights_one_velocity", (3,), "float32", optimizer="adam", slot="velocity", of="model/0"),
        iteration("adam"),
    ]
    mapping = mapped(old, new, manifest=(program,), optimizers=[adam()])
    assert mapping.complete and pairs(mapping)["Variable_1"] == "weights/two"
    assert mapping.steps[0].global_step == "Variable_2" and mapping.steps[0].powers == (("beta1_power", 0.9),)


def test_an_object_checkpoint_is_none_of_tf1s() -> None:
    with pytest.raises(CheckpointError, match="written by objects"):
        mapped({"_CHECKPOINTABLE_OBJECT_GRAPH": [], "w/.ATTRIBUTES/VARIABLE_VALUE": [3]}, {"w": [3]})

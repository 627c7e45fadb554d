"""TF1 optimizers and schedules as Keras 3 ones with TF1's own defaults.

The counterparts are exact, as measured against TensorFlow 1.15 (tests/test_rows.py). What has none (sparse
gradients of an optimizer that TF1 updated by rows) is left with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counterpart:
    """A Keras class: `arguments` maps TF1's parameters to Keras', in Keras' order; `fixed` are TF1's defaults that differ.

    `positional` counts the arguments that read best without a keyword. `dense` says that gradients of embeddings must be
    made dense first, None that they have no exact counterpart.
    """

    cls: str
    arguments: tuple[tuple[str, str], ...]
    fixed: tuple[tuple[str, str], ...] = ()
    dense: bool | None = True
    changing_rate: bool = True


OPTIMIZERS = {
    "GradientDescentOptimizer": Counterpart("SGD", (("learning_rate", "learning_rate"), ("name", "name")), dense=False),
    "MomentumOptimizer": Counterpart(
        "SGD",
        (("learning_rate", "learning_rate"), ("momentum", "momentum"), ("use_nesterov", "nesterov"), ("name", "name")),
        dense=None,
        changing_rate=False,
    ),
    "AdamOptimizer": Counterpart(
        "Adam",
        (
            ("learning_rate", "learning_rate"),
            ("beta1", "beta_1"),
            ("beta2", "beta_2"),
            ("epsilon", "epsilon"),
            ("name", "name"),
        ),
        (("epsilon", "1e-8"),),
    ),
    "AdamWOptimizer": Counterpart(
        "AdamW",
        (
            ("learning_rate", "learning_rate"),
            ("weight_decay", "weight_decay"),
            ("beta1", "beta_1"),
            ("beta2", "beta_2"),
            ("epsilon", "epsilon"),
            ("name", "name"),
        ),
        (("epsilon", "1e-8"),),
        dense=None,
        changing_rate=False,
    ),
    "AdaMaxOptimizer": Counterpart(
        "Adamax",
        (
            ("learning_rate", "learning_rate"),
            ("beta1", "beta_1"),
            ("beta2", "beta_2"),
            ("epsilon", "epsilon"),
            ("name", "name"),
        ),
        (("epsilon", "1e-8"),),
        dense=None,
    ),
    "RMSPropOptimizer": Counterpart(
        "RMSprop",
        (
            ("learning_rate", "learning_rate"),
            ("decay", "rho"),
            ("momentum", "momentum"),
            ("epsilon", "epsilon"),
            ("centered", "centered"),
            ("name", "name"),
        ),
        (("epsilon", "1e-10"),),
        dense=None,
    ),
    "AdagradOptimizer": Counterpart(
        "Adagrad",
        (
            ("learning_rate", "learning_rate"),
            ("initial_accumulator_value", "initial_accumulator_value"),
            ("name", "name"),
        ),
        (("epsilon", "0.0"),),
    ),
    "AdadeltaOptimizer": Counterpart(
        "Adadelta",
        (("learning_rate", "learning_rate"), ("rho", "rho"), ("epsilon", "epsilon"), ("name", "name")),
        (("epsilon", "1e-8"),),
        dense=None,
    ),
    "FtrlOptimizer": Counterpart(
        "Ftrl",
        (
            ("learning_rate", "learning_rate"),
            ("learning_rate_power", "learning_rate_power"),
            ("initial_accumulator_value", "initial_accumulator_value"),
            ("l1_regularization_strength", "l1_regularization_strength"),
            ("l2_regularization_strength", "l2_regularization_strength"),
            ("name", "name"),
            ("l2_shrinkage_regularization_strength", "l2_shrinkage_regularization_strength"),
        ),
        dense=None,
    ),
}
# TF1's default learning rate, where the argument may be left out and Keras has another.
DEFAULT_RATES = {
    "AdamOptimizer": "0.001",
    "AdamWOptimizer": "0.001",
    "AdaMaxOptimizer": "0.001",
    "AdadeltaOptimizer": "0.001",
}
IGNORED = frozenset({"use_locking"})


@dataclass(frozen=True)
class ScheduleCounterpart:
    """A class of tf.keras.optimizers.schedules; arguments as (TF1's parameter, Keras' parameter)."""

    cls: str
    arguments: tuple[tuple[str, str], ...]


_DECAY = (("learning_rate", "initial_learning_rate"), ("decay_steps", "decay_steps"))
SCHEDULES = {
    "exponential_decay": ScheduleCounterpart(
        "ExponentialDecay", (*_DECAY, ("decay_rate", "decay_rate"), ("staircase", "staircase"))
    ),
    "natural_exp_decay": ScheduleCounterpart(
        "ExponentialDecay", (*_DECAY, ("decay_rate", "decay_rate"), ("staircase", "staircase"))
    ),
    "inverse_time_decay": ScheduleCounterpart(
        "InverseTimeDecay", (*_DECAY, ("decay_rate", "decay_rate"), ("staircase", "staircase"))
    ),
    "polynomial_decay": ScheduleCounterpart(
        "PolynomialDecay", (*_DECAY, ("end_learning_rate", "end_learning_rate"), ("power", "power"), ("cycle", "cycle"))
    ),
    "cosine_decay": ScheduleCounterpart("CosineDecay", (*_DECAY, ("alpha", "alpha"))),
    "cosine_decay_restarts": ScheduleCounterpart(
        "CosineDecayRestarts",
        (("learning_rate", "initial_learning_rate"), ("first_decay_steps", "first_decay_steps"), ("t_mul", "t_mul"),
         ("m_mul", "m_mul"), ("alpha", "alpha")),
    ),
    "piecewise_constant": ScheduleCounterpart("PiecewiseConstantDecay", (("boundaries", "boundaries"), ("values", "values"))),
    "piecewise_constant_decay": ScheduleCounterpart(
        "PiecewiseConstantDecay", (("boundaries", "boundaries"), ("values", "values"))
    ),
}  # fmt: skip
POSITIONAL = frozenset(
    {"initial_learning_rate", "decay_steps", "decay_rate", "boundaries", "values", "learning_rate", "first_decay_steps"}
)

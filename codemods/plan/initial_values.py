"""Ops that draw or fill an initial value, with the Keras initializer that stands for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InitialForm:
    """The Keras initializer for an op that gives an initial value, and the op's own defaults where Keras has others."""

    cls: str
    parameters: tuple[str, ...]  # by position in the op; "" where the initializer does not take it
    defaults: tuple[tuple[str, str], ...] = ()


# From the signatures of TF1's ops and Keras' initializers: truncated_normal(shape, mean, stddev, dtype, seed), constant(value,
# dtype, shape), ...
INITIALS = {
    "truncated_normal": InitialForm("TruncatedNormal", ("shape", "mean", "stddev", "", "seed"), (("stddev", "1.0"),)),
    "random_normal": InitialForm("RandomNormal", ("shape", "mean", "stddev", "", "seed"), (("stddev", "1.0"),)),
    "random_uniform": InitialForm(
        "RandomUniform", ("shape", "minval", "maxval", "", "seed"), (("minval", "0.0"), ("maxval", "1.0"))
    ),
    "zeros": InitialForm("Zeros", ("shape",)),
    "ones": InitialForm("Ones", ("shape",)),
    "constant": InitialForm("Constant", ("value", "", "shape")),
}

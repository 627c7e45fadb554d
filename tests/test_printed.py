"""What counts as the same print."""

from __future__ import annotations

import pytest

from tf_modernize.harness.printed import difference


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("loss: 0.12345\n", "loss: 0.12346\n"),
        ("[[1. 2.]\n [3. 4.]]", "[[1.00001 2.]\n [3. 4.]]"),
        ("1.5", "np.float32(1.5)"),
        ("[array([1, 2], dtype=int32), True]", "[array([1, 2]), np.True_]"),
        ("(3.0, -0.)", "(np.float64(3.0), 0.)"),
        ("x\n\n", "x"),
        ("nan", "nan"),
        ('Tensor("add:0", shape=(2,), dtype=float32)\n1', "<tf.Tensor: shape=(2,)>\n1"),
        ("1e-08", "0.00000001"),
    ],
)
def test_same(one: str, two: str) -> None:
    assert difference(one, two) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("loss: 0.12", "loss: 0.13"),
        ("loss: 0.12", "cost: 0.12"),
        ("1", "1\n2"),
        ("1\n2", "1"),
        ("nan", "1.0"),
        ("[1 2 3]", "[1 2]"),
        ("layer1/w", "layer2/w"),
    ],
)
def test_different(one: str, two: str) -> None:
    assert difference(one, two) is not None

"""The layers of tf.contrib.layers, as data: their Keras classes, the names of their weights, their arguments and defaults.

Defaults are those of TF 1.15 where Keras has others. Measured against it: docs and tests/test_contrib_layers.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ContribKind:
    """A layer function of contrib. `weights` are TF1's names and Keras'; `arguments` TF1's parameters and Keras';
    `defaults` are texts by Keras' parameter, with {tf} for TensorFlow."""

    cls: str
    base: str  # the scope of a call that gives none
    weights: tuple[tuple[str, str], ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    normalized: bool = False  # takes normalizer_fn, and activation_fn is relu
    fixed_activation: str | None = None  # of contrib's partials: linear, relu


_WEIGHTS = (("weights", "kernel"), ("biases", "bias"))
_INITIALIZERS = {
    "weights_initializer": "kernel_initializer",
    "biases_initializer": "bias_initializer",
    "weights_regularizer": "kernel_regularizer",
    "biases_regularizer": "bias_regularizer",
}
_CONVOLUTION = {
    "num_outputs": "filters",
    "kernel_size": "kernel_size",
    "stride": "strides",
    "padding": "padding",
}
_DENSE = {"num_outputs": "units", **_INITIALIZERS}
_SAME = {"padding": '"same"'}
_POOL = {"kernel_size": "pool_size", "stride": "strides", "padding": "padding"}
_SEPARABLE = {
    "weights_initializer": "depthwise_initializer",
    "pointwise_initializer": "pointwise_initializer",
    "weights_regularizer": "depthwise_regularizer",
    "biases_initializer": "bias_initializer",
    "biases_regularizer": "bias_regularizer",
}


def _convolution(cls: str) -> ContribKind:
    arguments = {**_CONVOLUTION, "rate": "dilation_rate", **_INITIALIZERS}
    return ContribKind(cls, "Conv", _WEIGHTS, arguments, _SAME, normalized=True)


def _dense(base: str, activation: str | None = None) -> ContribKind:
    return ContribKind("Dense", base, _WEIGHTS, _DENSE, normalized=True, fixed_activation=activation)


KINDS: dict[str, ContribKind] = {
    "contrib.layers.fully_connected": _dense("fully_connected"),
    "contrib.layers.linear": _dense("fully_connected", ""),
    "contrib.layers.relu": _dense("fully_connected", "{tf}.nn.relu"),
    "contrib.layers.relu6": _dense("fully_connected", "{tf}.nn.relu6"),
    "contrib.layers.elu": _dense("fully_connected", "{tf}.nn.elu"),
    "contrib.layers.conv1d": _convolution("Conv1D"),
    "contrib.layers.conv2d": _convolution("Conv2D"),
    "contrib.layers.conv3d": _convolution("Conv3D"),
    "contrib.layers.conv2d_transpose": ContribKind(
        "Conv2DTranspose", "Conv2d_transpose", _WEIGHTS, {**_CONVOLUTION, **_INITIALIZERS}, _SAME, normalized=True
    ),
    "contrib.layers.separable_conv2d": ContribKind(
        "SeparableConv2D",
        "SeparableConv2d",
        (("depthwise_weights", "depthwise_kernel"), ("pointwise_weights", "pointwise_kernel"), ("biases", "bias")),
        {**_CONVOLUTION, "depth_multiplier": "depth_multiplier", "rate": "dilation_rate", **_SEPARABLE},
        _SAME,
        normalized=True,
    ),
    "contrib.layers.max_pool2d": ContribKind("MaxPooling2D", "MaxPool2D", (), _POOL, {"strides": "2"}),
    "contrib.layers.avg_pool2d": ContribKind("AveragePooling2D", "AvgPool2D", (), _POOL, {"strides": "2"}),
    "contrib.layers.dropout": ContribKind("Dropout", "Dropout", (), {"keep_prob": "rate"}, {"rate": "0.5"}),
    "contrib.layers.flatten": ContribKind("Flatten", "Flatten"),
    "contrib.layers.batch_norm": ContribKind(
        "BatchNormalization",
        "BatchNorm",
        tuple((name, name) for name in ("gamma", "beta", "moving_mean", "moving_variance")),
        {"decay": "momentum", "epsilon": "epsilon", "center": "center", "scale": "scale"},
        {"momentum": "0.999", "scale": "False"},
    ),
    "contrib.layers.layer_norm": ContribKind(
        "LayerNormalization",
        "LayerNorm",
        (("beta", "beta"), ("gamma", "gamma")),
        {"center": "center", "scale": "scale"},
        {"epsilon": "1e-12"},
    ),
    "contrib.layers.instance_norm": ContribKind(
        "GroupNormalization",
        "InstanceNorm",
        (("beta", "beta"), ("gamma", "gamma")),
        {"epsilon": "epsilon", "center": "center", "scale": "scale"},
        {"groups": "-1", "epsilon": "1e-6"},
    ),
}
NORMALIZERS = frozenset({"contrib.layers.batch_norm", "contrib.layers.layer_norm", "contrib.layers.instance_norm"})
# Arguments that change nothing at the values given here (None is always one of them).
HARMLESS: Mapping[str, tuple[object, ...]] = {
    "data_format": ("NHWC", "NWC", "NDHWC"),
    "trainable": (True,),
    "variables_collections": (),
    "outputs_collections": (),
    "noise_shape": (),
    "seed": (),
    "batch_weights": (),
    "param_initializers": ({},),
    "param_regularizers": ({},),
    "zero_debias_moving_mean": (False,),
    "renorm": (False,),
    "renorm_clipping": (),
    "renorm_decay": (0.99,),
    "adjustment": (),
    "begin_norm_axis": (1, -1),
    "begin_params_axis": (-1,),
    "fused": (True, False),
}

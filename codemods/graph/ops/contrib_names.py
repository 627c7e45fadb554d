"""The one name of a contrib function that TF1 has under several: slim's, those of contrib.layers, their old spellings."""

from __future__ import annotations

SPELLINGS = {
    "convolution2d": "conv2d", "convolution1d": "conv1d", "convolution3d": "conv3d",
    "convolution2d_transpose": "conv2d_transpose", "separable_convolution2d": "separable_conv2d",
}  # fmt: skip
MODULES = (
    ("contrib.slim.learning.", "contrib.training."),
    ("contrib.slim.losses.", "contrib.losses."),
    ("contrib.slim.", "contrib.layers."),
)
OF_FRAMEWORK = frozenset(
    "arg_scope get_variables get_model_variables get_trainable_variables get_variables_to_restore assign_from_checkpoint "
    "assign_from_checkpoint_fn get_or_create_global_step create_global_step get_global_step".split()
)


def canonical(name: str) -> str:
    """contrib.slim.convolution2d is contrib.layers.conv2d; other names are their own."""
    if not name.startswith("contrib."):
        return name
    if name == "contrib.slim.learning.create_train_op":
        return name  # its arguments are not those of contrib.training's
    for prefix, module in MODULES:
        if name.startswith(prefix):
            last = name[len(prefix) :]
            name = f"contrib.framework.{last}" if last in OF_FRAMEWORK else f"{module}{last}"
            break
    head, _, last = name.rpartition(".")
    return f"{head}.{SPELLINGS.get(last, last)}" if head == "contrib.layers" else name


def own_name(name: str) -> str:
    """The __name__ of a contrib function: conv2d's is convolution2d."""
    last = name.rpartition(".")[2]
    return next((old for old, new in SPELLINGS.items() if new == last), last)

"""TF1 checkpoints: what is in them, where it belongs in a native program, and its conversion (docs/checkpoints.md).

`read` opens a checkpoint, `build` finds the variables of a new program, `map_variables` says which takes which value,
`convert` writes what TensorFlow 2 reads. `transformations.to_new` alone turns an old value into a new one.
"""

from .building import Built, build
from .converting import Converted, MappingError, convert
from .mapping import map_variables
from .reading import Checkpoint, CheckpointError, locate, read
from .rules import Rules
from .transformations import TransformationError, assemble, to_new
from .work import Mapped, Unmapped, VariableMapping

__all__ = [
    "Built",
    "Checkpoint",
    "CheckpointError",
    "Converted",
    "Mapped",
    "MappingError",
    "Rules",
    "TransformationError",
    "Unmapped",
    "VariableMapping",
    "assemble",
    "build",
    "convert",
    "locate",
    "map_variables",
    "read",
    "to_new",
]

"""The names that the source gives to operations: reserved in the graph, and kept where they are certain.

The names that TF1 made up itself are not followed, so a name that it could have made up (`Mean`, `dense_1`) is no certain one.
"""

from __future__ import annotations

from ..interpreter import Interpreter
from ..values import Known, Value

# What makes one operation under the very name that it is given, and hands back its first output.
SINGLE = frozenset(
    "abs add add_n argmax argmin assign assign_add assign_sub clip_by_value constant div divide equal exp "
    "expand_dims greater greater_equal identity less less_equal log logical_and logical_not logical_or matmul "
    "maximum minimum multiply negative nn.bias_add nn.conv2d nn.l2_loss nn.max_pool nn.relu nn.relu6 nn.sigmoid "
    "nn.sigmoid_cross_entropy_with_logits nn.softplus nn.tanh not_equal one_hot pow random_normal random_uniform "
    "reduce_max reduce_mean reduce_min reduce_prod reduce_sum reshape round sigmoid sign sqrt square squeeze "
    "stack subtract tanh transpose truncated_normal".split()
)
# Names, in lower case and without counts, that TF1 gives by itself to what has no name.
MADE_UP = frozenset(
    "abs add addn all any argmax argmin assert assign assignadd assignsub biasadd cast clipbyvalue cond concat "
    "const conv2d div elu equal exp expanddims fill floordiv gather gatherv2 gradients greater greaterequal "
    "groupdeps identity init iteratorgetnext l2loss less lessequal log logicaland logicalnot logicalor "
    "logisticloss logsoftmax matmul max maximum maxpool mean merge min minimum moments mul neg noop notequal "
    "onehot ones oneslike pack placeholder placeholderwithdefault pow print prod pyfunc range rank readvariableop "
    "realdiv relu relu6 report reshape round rsqrt save select shape sigmoid sign size slice softmax softplus "
    "split sqrt square squareddifference squeeze stack stopgradient stridedslice sub sum tanh tensordot tile "
    "topkv2 transpose truediv truncatednormal unstack variable variablev2 where while zeros zeroslike accuracy "
    "dropout randomnormal randomuniform xwplusb batchnorm lrn embeddinglookup exponentialdecay".split()
)


def reserve(run: Interpreter, op: str, given: Value | None) -> str:
    """Takes a name that the source gives within the current name scope; "" where what it becomes is not certain."""
    if not isinstance(given, Known) or not isinstance(given.value, str) or not given.value or given.value.endswith("/"):
        return ""
    full = run.graph.unique(given.value)
    return full if op in SINGLE and is_certain(run, full) else ""


def is_certain(run: Interpreter, full: str) -> bool:
    """Whether nothing that has no name of its own in the source can have taken a name before."""
    last = full.rpartition("/")[2]
    if "?" in full or any(layer.name.rpartition("/")[2] == last for layer in run.graph.layers.values()):
        return False
    return last.lower().rstrip("0123456789").replace("_", "") not in MADE_UP

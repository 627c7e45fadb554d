"""What the layers that one call makes are called: conv1 and its normalizer conv1_bn, conv2_1 and conv2_2 of a slim.repeat."""

from __future__ import annotations

from ...graph.values import Layer
from ...plan.models import Member, Object
from ..context import Context
from ..text import last, snake

SHORT = {"BatchNorm": "bn", "LayerNorm": "ln", "InstanceNorm": "in"}


def name_parts(context: Context, made: Object, member: Member, taken: set[str]) -> None:
    """Names the parts of a layer, as attributes and for Keras."""
    if not isinstance(member, Layer):
        return
    for part in member.parts:
        head, tail = last(member.name), last(part.name)
        leaf = context.leaves.get(member, made.short(member))
        if tail in SHORT:
            wish, context.leaves[part] = f"{context.attributes[member]}_{SHORT[tail]}", f"{leaf}_{tail}"
        elif tail.startswith(f"{head}_"):
            wish = snake(tail)
            context.leaves[part] = leaf.removesuffix(head) + tail
        else:
            wish, context.leaves[part] = snake(f"{head}_{tail}"), f"{leaf}_{tail}"
        name, count = wish, 2
        while name in taken:
            name, count = f"{wish}_{count}", count + 1
        taken.add(name)
        context.attributes[part] = name
        name_parts(context, made, part, taken)

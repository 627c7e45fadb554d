"""How a function is decorated: the signature that its placeholders, fed tensors and elements give it."""

from __future__ import annotations

import ast

from ...graph.values import (
    Known,
    Placeholder,
    Tensor,
)
from ...plan.executions import Parameter, is_scalar
from .. import iterators
from ..classes import handed_on, members
from ..context import quoted
from ..text import WIDTH, trailing_comment
from .writer import Writer


def decorator(writer: Writer) -> list[str]:
    specs = [_spec(writer, parameter) for parameter in writer.function.parameters]
    if not specs or any(spec is None for spec, _ in specs):
        return [f"@{writer.tf}.function"]
    plain = f"@{writer.tf}.function(input_signature=[{', '.join(spec or '' for spec, _ in specs)}])"
    if len(specs) == 1 and len(plain) <= WIDTH and not specs[0][1]:
        return [plain]
    lines = [f"@{writer.tf}.function(input_signature=["]
    lines.extend(f"{writer.tab}{spec},{'  ' + comment if comment else ''}" for spec, comment in specs)
    return [*lines, "])"]


def _spec(writer: Writer, parameter: Parameter) -> tuple[str | None, str]:
    value = parameter.value
    if parameter.kind == "feature":
        return None, ""
    if parameter.kind == "step":
        return f"{writer.tf}.TensorSpec([], {writer.tf}.int64)", ""
    if isinstance(value, Placeholder):
        return _placeholder_spec(writer, value)
    if parameter.kind == "element" and isinstance(value, Tensor):
        return iterators.spec(writer.context, writer.function, value), ""
    if isinstance(value, Tensor):
        if value.dtype is None:
            raise writer.stop("a tensor that is fed and whose dtype is not known", value.node)
        shape = "None" if value.shape is None else f"[{', '.join(map(str, value.shape))}]"
        return f"{writer.tf}.TensorSpec({shape}, {writer.tf}.{value.dtype})", ""
    return None, ""


def _placeholder_spec(writer: Writer, value: Placeholder) -> tuple[str, str]:
    shape, dtype = value.arguments.get("shape"), value.arguments.get("dtype")
    unit = writer.context.units.unit(value)
    local = unit is not None and value.chain[-1].frame is not unit.statement.frame
    local = local or handed_on.is_foreign(writer.function, value)
    if shape is None and value.op == "placeholder_with_default":
        shape_text = "[]" if isinstance(value.default, Known) else "None"
    elif shape is None:
        shape_text = "[]" if is_scalar(writer.context.plan, value) and not value.sparse else "None"
    elif writer.method:
        shape_text = members.shape(writer.context, value, shape)
    elif local:
        if value.shape is None:
            raise writer.stop("a placeholder made in a function, whose shape is not known", value.node)
        shape_text = f"[{', '.join(map(str, value.shape))}]"
    else:
        shape_text = writer.context.edits[value.chain[-1].frame.module.path].render(shape)
    dtype_text = f"{writer.tf}.{value.dtype}"
    if isinstance(dtype, (ast.Attribute, ast.Name)) and not local:
        dtype_text = writer.context.edits[value.chain[-1].frame.module.path].render(dtype)
    name = value.arguments.get("name")
    named = ""
    if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isidentifier():
        named = f", name={quoted(name.value)}"
    comment = ""
    if unit is not None and not local and unit.node not in writer.context.moves_of(unit.statement).trailing:
        comment = trailing_comment(unit.statement.frame.module, unit.node)
        writer.context.moves_of(unit.statement).trailing.update([unit.node] if comment else [])
    if value.sparse:
        return f"{writer.tf}.SparseTensorSpec({shape_text}, {dtype_text})", comment
    return f"{writer.tf}.TensorSpec({shape_text}, {dtype_text}{named})", comment

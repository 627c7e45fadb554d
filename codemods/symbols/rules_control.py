"""Conditions, loops, scopes and devices: calls that mean the same in TensorFlow 2 where their arguments show it."""

from __future__ import annotations

import ast

from .conforming import conform
from .sites import NEXT, Arguments, Rule, Site, is_constant


def _cond(site: Site) -> str | None:
    """tf.cond no longer unpacks a branch that returns a list of one: the branches must show that they don't."""
    names = ("pred", "true_fn", "false_fn", "strict", "name", "fn1", "fn2")
    bound = site.bind(names) if site.call is not None else None
    if bound is None:
        return "tf.cond no longer unpacks a list of one, and its branches are not seen here"
    branches = [bound[name] for name in ("true_fn", "false_fn", "fn1", "fn2") if name in bound]
    if not is_constant(bound.get("strict"), True) and not all(_returns_no_list(site, branch) for branch in branches):
        return "tf.cond no longer unpacks a list of one, which a branch may return here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "strict":
            arguments.drop(index)
        elif name in ("fn1", "fn2"):
            arguments.keyword(index, {"fn1": "true_fn", "fn2": "false_fn"}[name])
        elif name == "name" and item.keyword is None:
            arguments.keyword(index, "name")
    arguments.done()
    return site.respell(site.name)


def _returns_no_list(site: Site, branch: ast.expr) -> bool:
    if isinstance(branch, ast.Lambda):
        return _is_no_list(branch.body)
    if not isinstance(branch, ast.Name):
        return False
    found = [one for one in ast.walk(site.module.tree) if isinstance(one, ast.FunctionDef) and one.name == branch.id]
    returns = [one.value for function in found for one in ast.walk(function) if isinstance(one, ast.Return)]
    return bool(found) and all(value is not None and _is_no_list(value) for value in returns)


def _is_no_list(value: ast.expr) -> bool:
    """Whether an expression is no list or tuple of one: a call may be, but of TensorFlow's own only few are."""
    if isinstance(value, (ast.List, ast.Tuple)):
        return len(value.elts) != 1
    return isinstance(value, (ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Subscript))


def _case(site: Site) -> str | None:
    """tf.case no longer unpacks a list of one either, and takes no dict of cases."""
    names = ("pred_fn_pairs", "default", "exclusive", "strict", "name")
    bound = site.bind(names) if site.call is not None else None
    pairs = bound.get("pred_fn_pairs") if bound else None
    if bound is None or not isinstance(pairs, (ast.List, ast.Tuple)):
        return "tf.case takes a list of cases in TensorFlow 2, and how it is called is not seen here"
    cases = [one.elts[1] if isinstance(one, ast.Tuple) and len(one.elts) == 2 else None for one in pairs.elts]
    default = bound.get("default")
    branches = [*cases, *([default] if default is not None and not is_constant(default, None) else [])]
    strict = is_constant(bound.get("strict"), True)
    if not strict and not all(one is not None and _returns_no_list(site, one) for one in branches):
        return "tf.case no longer unpacks a list of one, which a branch may return here"
    return site.respell(site.name)


def _while_loop(site: Site) -> str | None:
    """With one loop variable TF1 returned the variable; TensorFlow 2 returns the list that it was given."""
    names = (
        "cond",
        "body",
        "loop_vars",
        "shape_invariants",
        "parallel_iterations",
        "back_prop",
        "swap_memory",
        "name",
        "maximum_iterations",
        "return_same_structure",
    )
    bound = site.bind(names) if site.call is not None else None
    loop_vars = bound.get("loop_vars") if bound else None
    if bound is None or loop_vars is None or "return_same_structure" in bound:
        return "tf.while_loop returns the structure of its loop variables, which is not seen here"
    literal = isinstance(loop_vars, (ast.List, ast.Tuple)) and not any(
        isinstance(element, ast.Starred) for element in loop_vars.elts
    )
    count = len(loop_vars.elts) if literal else site.hooks.count_of(loop_vars)  # type: ignore[attr-defined]
    if not count:
        return "tf.while_loop returns the structure of its loop variables, which is not seen here"
    if count == 1 and site.has_comment():
        return "tf.while_loop over one variable returns a list in TensorFlow 2"
    if count == 1:
        others = [part for name in names[3:] if name in bound for part in (f", {name}=", bound[name])]
        loop = (bound["cond"], ", ", bound["body"], ", ", loop_vars)
        site.replace_call(f"{site.tf('while_loop')}(", *loop, *others, ")[0]")
        return None
    return conform(site, site.fact) if site.fact is not None else NEXT


def _name_scope(site: Site) -> str | None:
    """tf.name_scope lost default_name, the name where none is given, and values."""
    bound = site.bind(("name", "default_name", "values")) if site.call is not None else None
    if bound is None:
        return "tf.name_scope has other arguments in TensorFlow 2, and these are not seen here"
    if set(bound) == {"name"}:
        return site.respell(site.name)
    name, default = bound.get("name"), bound.get("default_name")
    if site.has_comment() or (name is None and default is None):
        return "tf.name_scope has other arguments in TensorFlow 2"
    if default is None:
        chosen = (name,)
    elif name is None or is_constant(name, None):
        chosen = (default,)
    else:
        site.replace_call(f"{site.tf('name_scope')}(", name, " or ", default, ")")
        return None
    assert chosen[0] is not None
    site.replace_call(f"{site.tf('name_scope')}(", chosen[0], ")")
    return None


def _device(site: Site) -> str | None:
    """tf.device takes names only: a function chose devices in graph mode."""
    bound = site.bind(("device_name_or_function",)) if site.call is not None else None
    if bound is None or not bound:
        return "tf.device takes no function in TensorFlow 2, and its argument is not seen here"
    device = next(iter(bound.values()))
    is_text = isinstance(device, (ast.Constant, ast.JoinedStr, ast.BinOp))
    if isinstance(device, ast.Call) and isinstance(device.func, ast.Attribute) and device.func.attr == "format":
        is_text = True
    if not is_text and not isinstance(device, (ast.Name, ast.Attribute, ast.Subscript)):
        return "tf.device takes no function in TensorFlow 2"
    return site.respell(site.name)


def _constant(site: Site) -> str | None:
    """tf.constant with a shape filled up a list that was too short."""
    names = ("value", "dtype", "shape", "name", "verify_shape")
    bound = site.bind(names) if site.call is not None else None
    if bound is None:
        return (
            "tf.constant no longer fills up a list that is shorter than its shape, and its arguments are not seen here"
        )
    if "shape" in bound and not _fits(bound["value"], bound["shape"]):
        return "tf.constant no longer fills up a list that is shorter than its shape"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "verify_shape" or (item.keyword is None and index == 4):
            arguments.drop(index)
    arguments.done()
    return site.respell(site.name)


def _fits(value: ast.expr, shape: ast.expr) -> bool:
    """Whether a value fills a shape, or is one number for all of it."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Constant):
        return True
    count = _count(value)
    if count is None or not isinstance(shape, (ast.List, ast.Tuple)):
        return False
    size = 1
    for element in shape.elts:
        if not (isinstance(element, ast.Constant) and isinstance(element.value, int)):
            return False
        size *= element.value
    return count == size


def _count(value: ast.expr) -> int | None:
    """How many numbers a literal list holds."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Constant):
        return 1
    if not isinstance(value, (ast.List, ast.Tuple)):
        return None
    counts = [_count(element) for element in value.elts]
    return None if None in counts else sum(count for count in counts if count is not None)


RULES: dict[str, Rule] = {
    "cond": _cond,
    "case": _case,
    "while_loop": _while_loop,
    "name_scope": _name_scope,
    "device": _device,
    "constant": _constant,
}

"""Calls of NumPy that NumPy 2 takes in another form, or reads otherwise, and methods that its arrays have not any more.

Each rule writes what meant the same in NumPy 1.18; where that hangs on what only the run shows, the call stays, with a reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from ..edits import Edits
from ..parse import Module
from .numpy_names import NumpyNames, Scope, Use
from .numpy_sites import GONE, Site, is_star, spelling, table

Rule = Callable[[Site, ast.Call], "str | None"]
_STACKS = frozenset({"stack", "vstack", "hstack", "dstack", "column_stack", "row_stack"})
_INEXACT = frozenset(
    "float16 float32 float64 float_ float complex64 complex128 complex longdouble double single half".split()
)
# Functions whose result is an array or a scalar of NumPy, whatever they are given.
_MAKERS = frozenset(
    """
    arange array asanyarray asarray ascontiguousarray asfarray clip concatenate copy dstack empty empty_like expand_dims eye
    flip fliplr flipud frombuffer fromfile fromstring full full_like hstack identity linspace maximum mean minimum moveaxis
    ones ones_like packbits pad ravel repeat reshape resize roll rot90 round rollaxis squeeze stack swapaxes tile transpose
    vstack zeros zeros_like float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 random.normal
    random.permutation random.rand random.randint random.randn random.random random.uniform
    """.split()
)
_CLOSED_METHODS = frozenset("clip copy cumsum dot max mean min prod ptp repeat round std sum take var".split())
_ARRAY_METHODS = frozenset({"astype", "flatten", "ravel", "reshape", "squeeze", "transpose", "swapaxes"})


def rewrite(site: Site) -> str | None:
    """Rewrites a call; says why not where it would fail or mean something else."""
    use = site.use
    if use.name == "cast":
        return _cast(site)
    found = table().get(use.name)
    if site.call is None:
        gone = found is not None and found.kind == "call" and use.name in GONE and not use.bound
        return f"{_no(use.name)}: here it is handed on, not called" if gone else None
    if use.bound and use.name in GONE:
        return _no(use.name) if is_star(use) else None  # the import statement was reported
    why = _keywords(site, site.call)
    rule = _RULES.get(use.name)
    return why or (rule(site, site.call) if rule else None)


def _no(name: str) -> str:
    form = table()[name].replacement
    return f"NumPy 2, which TensorFlow 2 brings, has no np.{name} (use {form})"


# --- arguments --------------------------------------------------------------------------------------------------------


def _keywords(site: Site, call: ast.Call) -> str | None:
    """Arguments that have another name, or none."""
    for keyword in call.keywords:
        row = table().get(f"{site.use.name}({keyword.arg})")
        if row is None or row.kind != "keyword":
            continue
        start = site.module.span(keyword)[0]
        if row.replacement == "/" and not call.args and keyword is call.keywords[0]:
            spelt = re.compile(rb"\w+\s*=\s*").match(site.module.utf8, start)
            if spelt is not None:
                site.edits.replace_span(start, spelt.end())
                continue
        if row.replacement in {"/", ""}:
            return f"np.{site.use.name} of NumPy 2 does not take the argument {keyword.arg} by name, or not at all"
        site.edits.replace_span(start, start + len(keyword.arg or ""), row.replacement)
    return None


def _is_plain(call: ast.Call) -> bool:
    """Whether every argument of a call is seen."""
    return not any(isinstance(one, ast.Starred) for one in call.args) and all(one.arg for one in call.keywords)


def _keyword(call: ast.Call, name: str) -> ast.keyword | None:
    return next((one for one in call.keywords if one.arg == name), None)


def _only(call: ast.Call, name: str) -> ast.expr | None:
    """The one argument of a call, by place or by its name."""
    if not _is_plain(call) or len(call.args) + len(call.keywords) != 1:
        return None
    if call.args:
        return call.args[0]
    return call.keywords[0].value if call.keywords[0].arg == name else None


def _rename(site: Site, new: str) -> bool:
    root = site.root
    if root is not None:
        site.edits.replace(site.use.node, f"{root}.{new}")
    return root is not None


def _close(site: Site, call: ast.Call, text: str) -> None:
    """Puts text in the place of a call's closing bracket."""
    end = site.module.span(call)[1]
    site.edits.replace_span(end - 1, end, text)


def _append(site: Site, call: ast.Call, argument: str) -> None:
    """Puts one more argument at the end of a call."""
    last = max(site.module.span(one)[1] for one in (*call.args, *call.keywords))
    behind = re.sub(rb"#[^\r\n]*", b"", site.module.utf8[last : site.module.span(call)[1]])
    _close(site, call, f"{argument})" if b"," in behind else f", {argument})")


# --- functions that are gone ------------------------------------------------------------------------------------------


def _asscalar(site: Site, call: ast.Call) -> str | None:
    value = _only(call, "a")
    if value is None:
        return _no("asscalar")
    utf8 = site.module.utf8
    start, end = site.module.span(value)
    first, last = site.module.span(call)
    ahead = utf8[site.module.span(call.func)[1] : start]
    if b"#" in ahead + utf8[end:last]:
        return _no("asscalar")
    atom = isinstance(value, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)) and b"\n" not in utf8[start:end]
    site.edits.replace_span(first, start, "" if atom else "(")
    site.edits.replace_span(end, last, ".item()" if atom else ").item()")
    return None


def _alen(site: Site, call: ast.Call) -> str | None:
    if _only(call, "a") is None or call.keywords or not site.is_free("len") or site.root is None:
        return _no("alen")
    site.edits.replace(call.func, f"len({site.root}.atleast_1d")
    _close(site, call, "))")
    return None


def _asfarray(site: Site, call: ast.Call) -> str | None:
    dtype = call.args[1] if len(call.args) > 1 else None
    given = _keyword(call, "dtype")
    dtype = given.value if given else dtype
    if not _is_plain(call) or site.root is None or (dtype is not None and not _is_inexact(site, dtype)):
        return _no("asfarray")
    _rename(site, "asarray")
    if dtype is None:
        _append(site, call, f"dtype={site.root}.float64")
    return None


def _is_inexact(site: Site, dtype: ast.expr) -> bool:
    if isinstance(dtype, ast.Constant):
        return dtype.value in _INEXACT
    if isinstance(dtype, ast.Name):
        return dtype.id in {"float", "complex"} and site.is_free(dtype.id)
    return site.names.name_of(dtype) in _INEXACT


def _msort(site: Site, call: ast.Call) -> str | None:
    if _only(call, "a") is None or not _rename(site, "sort"):
        return _no("msort")
    _append(site, call, "axis=0")
    return None


def _in1d(site: Site, call: ast.Call) -> str | None:
    if not _is_plain(call) or not _rename(site, "isin"):
        return _no("in1d")
    for keyword in call.keywords:
        new = {"ar1": "element", "ar2": "test_elements"}.get(keyword.arg or "")
        if new:
            start = site.module.span(keyword)[0]
            site.edits.replace_span(start, start + len("ar1"), new)
    _close(site, call, ").ravel()")
    return None


def _transposed(site: Site, call: ast.Call) -> str | None:
    if _only(call, "") is None or not _rename(site, "transpose"):
        return _no("fastCopyAndTranspose")
    _close(site, call, ").copy()")
    return None


def _ndfromtxt(site: Site, call: ast.Call) -> str | None:
    if not _is_plain(call) or _keyword(call, "usemask") or not _rename(site, "genfromtxt"):
        return _no("ndfromtxt")
    return None


def _cast(site: Site) -> str | None:
    """np.cast["float32"](x)"""
    part = site.names.parents.get(site.use.node)
    call = site.names.parents.get(part) if part else None
    if not isinstance(part, ast.Subscript) or not isinstance(call, ast.Call) or call.func is not part:
        return _no("cast")
    value = _only(call, "x")
    if value is None or site.root is None or site.use.bound or b"#" in site.module.source(call):
        return _no("cast")
    site.edits.replace(call, f"{site.root}.asarray(", value, ").astype(", part.slice, ")")
    return None


# --- functions that read their arguments otherwise --------------------------------------------------------------------


def _fromstring(site: Site, call: ast.Call) -> str | None:
    """The binary mode: NumPy 1 copied the bytes."""
    separator = _keyword(call, "sep")
    binary = separator is None or (isinstance(separator.value, ast.Constant) and separator.value.value == "")
    if not binary or len(call.args) > 3:
        return None
    why = "np.fromstring of NumPy 2 reads no bytes (use np.frombuffer)"
    if not _is_plain(call) or not (call.args or call.keywords) or site.root is None:
        return why
    if separator is not None:
        start, end = site.module.span(separator)
        comma = site.module.utf8.rfind(b",", 0, start)
        if comma < 0 or site.module.utf8[comma + 1 : start].strip():
            return why
        site.edits.replace_span(comma, end)
    for keyword in call.keywords:
        if keyword.arg == "string":
            start = site.module.span(keyword)[0]
            site.edits.replace_span(start, start + len("string"), "buffer")
    _rename(site, "frombuffer")
    parent = site.names.parents.get(call)
    if not (isinstance(parent, ast.Attribute) and parent.attr == "astype"):
        _close(site, call, ").copy()")
    return None


def _sum(site: Site, call: ast.Call) -> str | None:
    """NumPy 1 handed a generator to Python's sum."""
    if len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp):
        if call.keywords or not site.is_free("sum"):
            return "np.sum of NumPy 2 takes no generator (use Python's sum)"
        site.edits.replace(call.func, "sum")
    return None


def _stack(site: Site, call: ast.Call) -> str | None:
    """NumPy 2 stacks sequences alone, no iterators."""
    if not call.args:
        return None
    value = call.args[0]
    start, end = site.module.span(value)
    if isinstance(value, ast.GeneratorExp):
        shared = end == site.module.span(call)[1]  # its brackets are the call's
        site.edits.replace_span(start, start + 1, "([" if shared else "[")
        site.edits.replace_span(end - 1, end, "])" if shared else "]")
    elif _is_iterator(site, value):
        opening, closing = ("list(", ")") if site.is_free("list") else ("[*", "]")
        site.edits.replace(value, opening, value, closing)
    return None


def _is_iterator(site: Site, value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    if isinstance(value.func, ast.Name):
        return value.func.id in {"map", "zip", "filter"} and site.is_free(value.func.id)
    is_view = isinstance(value.func, ast.Attribute) and value.func.attr in {"values", "keys", "items"}
    return is_view and not value.args and not value.keywords


def _array(site: Site, call: ast.Call) -> str | None:
    """copy=False asks NumPy 2 never to copy; NumPy 1 copied where it had to."""
    copy = _keyword(call, "copy")
    if copy is not None and isinstance(copy.value, ast.Constant) and copy.value.value is False:
        site.edits.replace(copy.value, "None")
    return None


def _lstsq(site: Site, call: ast.Call) -> str | None:
    """NumPy 1 cut off no singular value by default."""
    if not _is_plain(call):
        return "the default of rcond in np.linalg.lstsq is -1 in NumPy 1, and None in NumPy 2"
    if len(call.args) < 3 and _keyword(call, "rcond") is None and (call.args or call.keywords):
        _append(site, call, "rcond=-1")
    return None


def _histogram(site: Site, call: ast.Call) -> str | None:
    normed = _keyword(call, "normed")
    if normed is None:
        return None
    given = _keyword(call, "bins")
    bins = given.value if given else call.args[1] if len(call.args) > 1 else None
    even = bins is None or isinstance(bins, ast.Constant)
    if isinstance(bins, ast.Call):
        even = site.names.name_of(bins.func) in {"arange", "linspace"}
    off = isinstance(normed.value, ast.Constant) and not normed.value.value
    if not even and not off:
        return "np.histogram of NumPy 2 has no normed; density means the same only where all bins have one width"
    start = site.module.span(normed)[0]
    site.edits.replace_span(start, start + len("normed"), "density")
    return None


_RULES: dict[str, Rule] = {
    "asscalar": _asscalar,
    "alen": _alen,
    "asfarray": _asfarray,
    "msort": _msort,
    "in1d": _in1d,
    "fastCopyAndTranspose": _transposed,
    "ndfromtxt": _ndfromtxt,
    "fromstring": _fromstring,
    "sum": _sum,
    "array": _array,
    "linalg.lstsq": _lstsq,
    "histogram": _histogram,
    **dict.fromkeys(_STACKS, _stack),
}


# --- methods ----------------------------------------------------------------------------------------------------------


def method(module: Module, edits: Edits, names: NumpyNames, call: ast.Call, scope: Scope) -> str | None:
    """Rewrites a call of a method that arrays have not any more, where it surely is an array's."""
    assert isinstance(call.func, ast.Attribute)
    name = call.func.attr
    value = call.func.value
    if names.name_of(call.func) is not None or _is_module(scope, value):
        return None
    array = _is_array(names, value, scope)
    if name == "tostring":
        if call.args or any(one.arg != "order" for one in call.keywords):
            return None
        if not array and not _goes_to_bytes(names, call, scope):
            return "arrays of NumPy 2 have no tostring: if this is one, use tobytes"
        end = module.span(call.func)[1]
        edits.replace_span(end - len("tostring"), end, "tobytes")
        return None
    if not array and b"numpy" not in module.utf8:
        return None
    root = spelling(Use(value, "", 0, scope))
    if name == "ptp" and array and root and b"#" not in module.source(call):
        arguments: list[str | ast.AST] = []
        for one in (*call.args, *call.keywords):
            arguments += [", ", one]
        edits.replace(call, f"{root}.ptp(", value, *arguments, ")")
        return None
    return f"arrays of NumPy 2 have no {name}: if this is one, use {table()['.' + name].replacement}"


def _is_module(scope: Scope, value: ast.expr) -> bool:
    """Whether a name is bound by imports alone: `ElementTree.tostring()`"""
    while isinstance(value, ast.Attribute):
        value = value.value
    found = scope.meanings(value.id) if isinstance(value, ast.Name) else set()
    return bool(found) and None not in found


def _is_array(names: NumpyNames, value: ast.expr, scope: Scope, known: frozenset[str] = frozenset()) -> bool:
    """Whether an expression surely is an array or a scalar of NumPy, if the names in `known` are."""
    if isinstance(value, ast.Call):
        if isinstance(value.func, ast.Attribute):
            if value.func.attr in _ARRAY_METHODS:
                return True
            if value.func.attr in _CLOSED_METHODS and _is_array(names, value.func.value, scope, known):
                return True
        return names.name_of(value.func) in _MAKERS
    if isinstance(value, ast.Subscript):
        return _is_array(names, value.value, scope, known)
    if isinstance(value, ast.Attribute):
        return value.attr == "T"
    if isinstance(value, ast.BinOp):
        sides = (value.left, value.right)
        arrays = [_is_array(names, one, scope, known) for one in sides]
        return any(arrays) and all(
            found or isinstance(one, ast.Constant) for found, one in zip(arrays, sides, strict=True)
        )
    if isinstance(value, ast.Name):
        if value.id in known:
            return True
        home = scope.find(value.id)
        given = home.values[value.id] if home else []
        known |= {value.id}
        return bool(given) and all(one is not None and _is_array(names, one, scope, known) for one in given)
    return False


def _goes_to_bytes(names: NumpyNames, call: ast.expr, scope: Scope) -> bool:
    """Whether a result must be bytes: it goes, at once or by a name, into a tf.train.BytesList. What an array's tostring and
    tobytes give is bytes, what other things' tostring gives is text."""
    parent = names.parents.get(call)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        name = parent.targets[0].id
        readers = [node for node in names.parents if isinstance(node, ast.Name) and node.id == name]
        return any(_takes_bytes(names, node) for node in readers if isinstance(node.ctx, ast.Load))
    return _takes_bytes(names, call)


def _takes_bytes(names: NumpyNames, node: ast.expr) -> bool:
    parent = names.parents.get(node)
    if isinstance(parent, (ast.List, ast.Tuple)):
        parent = names.parents.get(parent)
    if isinstance(parent, ast.keyword) and parent.arg == "value":
        parent = names.parents.get(parent)
    if not isinstance(parent, ast.Call):
        return False
    name = getattr(parent.func, "attr", None) or getattr(parent.func, "id", None)
    return "bytes" in str(name).lower()

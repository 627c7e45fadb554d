"""Runs inside one TensorFlow and prints, as JSON, every public name with its kind, signature and identity.

`generate_api.py` starts it under both interpreters; it therefore keeps to Python 3.7 and knows nothing of the table.

    collect_api.py ROOT …        a ROOT is `tensorflow`, `tensorflow.compat.v1`, `tf_slim`, `tables` for the rename
    tables, or `private` for other paths to what `tensorflow` has
"""

import enum
import importlib
import inspect
import json
import re
import sys
import types

# Sub-packages that an installed TensorFlow shows although they are no part of its API.
PRIVATE = {
    "python",
    "core",
    "compiler",
    "tools",
    "include",
    "tsl",
    "third_party",
    "ops",
    "kernels",
    "proto",
    "gen_proto",
}
# Modules that API modules happen to hold.
FOREIGN = re.compile(
    r"^(numpy|six|sys|os|re|math|time|collections|functools|google|absl|contextlib|copy|json|abc|types)\b"
)

# contrib modules that don't hide what they import
LEAKY = re.compile(
    r"^contrib\.(slim|quantization|specs|grid_rnn|solvers|testing|tensor_forest|labeled_tensor|reduce_slice_ops)\."
)

# modules that programs import for what others define
WRAPPER = re.compile(
    r"(^|\.)(nn|rnn_cell|layers|summary|training|gfile|tf_logging|app|flags|standard_ops|learn|slim|seq2seq|framework|session)$"
)


def is_module(value):
    return isinstance(value, types.ModuleType)


def kind_of(value):
    if is_module(value):
        return "module"
    if inspect.isclass(value):
        return "class"
    if callable(value) and not isinstance(value, enum.Enum) and type(value).__name__ != "DType":
        return "function"
    return "constant"


def text_of(value):
    """A default value as source text; `tf.` stands for TensorFlow, angle brackets for what has no short text."""
    if type(value).__name__ == "DType":
        return "tf." + value.name
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if isinstance(value, (tuple, list)) and all(
        isinstance(item, (bool, int, float, str, type(None))) for item in value
    ):
        return repr(value)
    if isinstance(value, enum.Enum):
        return str(value)
    return "<" + getattr(value, "__name__", type(value).__name__) + ">"


def signature_of(value, inspector):
    """The parameters as text, or None where Python has no signature for it. A class has that of its constructor."""
    bound = False
    if inspect.isclass(value):
        bound = True
        if issubclass(value, enum.Enum) or (issubclass(value, BaseException) and "__init__" not in vars(value)):
            return None
        if value.__init__ is not object.__init__:
            value = value.__init__
        elif value.__new__ is not object.__new__:
            value = value.__new__
        else:
            return []
    try:
        spec = inspector.getfullargspec(value)
    except (TypeError, ValueError):
        return None
    args = list(spec.args)
    if bound and args:
        args = args[1:]
    elif inspect.ismethod(value) and args and args[0] in ("self", "cls"):
        args = args[1:]
    defaults = [text_of(item) for item in spec.defaults or ()]
    first = len(args) - len(defaults)
    out = [name if at < first else name + "=" + defaults[at - first] for at, name in enumerate(args)]
    if spec.varargs:
        out.append("*" + spec.varargs)
    elif spec.kwonlyargs:
        out.append("*")
    for name in spec.kwonlyargs:
        out.append(name + "=" + text_of(spec.kwonlydefaults[name]) if name in (spec.kwonlydefaults or {}) else name)
    if spec.varkw:
        out.append("**" + spec.varkw)
    return [re.sub(r"[\t\n|]", " ", part) for part in out]


def exports(value, attribute):
    for holder in (value, getattr(value, "_tf_decorator", None), getattr(value, "__wrapped__", None)):
        found = getattr(holder, "__dict__", {}).get(attribute) if holder is not None else None
        if found:
            return list(found)
    return []


def belongs(path, parent, attribute, depth):
    """Whether a module that an API module holds is part of the API, and no helper that it imported."""
    if re.search(r"\._api\.|\.api\.|^keras\b|^tf_keras\b|^tf_slim\b|_tf_keras|^tensorflow\.experimental\b", path):
        return not FOREIGN.match(path)
    if ".contrib." in path and "contrib" in parent:
        own = parent.split(".")[2:3]
        if not own or (own == ["slim"] and attribute in ("losses", "metrics", "nets")):
            return True
        helper = attribute.endswith(("_ops", "_op", "_pb2")) or attribute in (
            "logging",
            "gfile",
            "util",
            "resource_loader",
        )
        return (
            path.rsplit(".", 1)[-1] == attribute
            and own[0] in path.split(".")
            and not helper
            and depth < 4 + (own == ["learn"])
        )
    if "contrib" in parent:
        return parent.endswith(".contrib.framework") and attribute == "nest"
    return ".python." in path and attribute in ("nest", "app", "flags", "gfile", "logging", "resource_loader", "core")


def walk(root, prefix, skip, inspector, found, trail):
    path = getattr(root, "__name__", "")
    for attribute in sorted(set(dir(root)) - set(skip)):
        if attribute.startswith("_") or (attribute in PRIVATE and not prefix.startswith("tpu")):
            continue
        try:
            value = getattr(root, attribute)
        except Exception:  # what its lazy loader refuses isn't there
            continue
        name = prefix + attribute
        if name in ("compat.v1", "compat.v2"):  # a root of its own
            continue
        kind = kind_of(value)
        if kind == "module" and attribute != "contrib":
            if len(trail) > 6 or any(value is seen for seen in trail):
                continue
            if not belongs(getattr(value, "__name__", ""), path, attribute, len(trail)):
                continue
        if type(value).__name__ == "_Feature":  # from __future__ import …
            continue
        defined = str(getattr(value, "__module__", ""))
        if LEAKY.match(prefix) and kind != "module" and ".contrib." not in defined:
            continue
        row = {"kind": kind, "id": id(value)}
        if kind in ("function", "class"):
            row["signature"] = signature_of(value, inspector)
            row["v1"] = exports(value, "_tf_api_names_v1")
            row["v2"] = exports(value, "_tf_api_names")
            row["defined"] = defined + "." + getattr(value, "__name__", "")
        elif kind == "constant":
            row["value"] = text_of(value)
        found[name] = row
        if kind == "module":
            try:
                dir(value)
            except Exception:
                continue
            walk(value, name + ".", (), inspector, found, [*trail, value])


def private(public, second):
    """Paths below tensorflow.python and contrib.*.python under which programs reach public functions and classes."""
    names = {}
    for name, row in public.items():
        if row["kind"] in ("function", "class"):
            names.setdefault(row["id"], []).append(name)
    plain = lambda row: [part.partition("=")[0] for part in row.get("signature") or ["?"]]  # noqa: E731
    # some modules hold under the plain name what became TF 2's function: the same but for arguments that only TF 1 had
    more = {}
    for name, row in second.items():
        own = public.get(name, {})
        if row["kind"] == own.get("kind") == "function" and row["id"] not in names:
            if plain(own)[: len(plain(row))] == plain(row) and row["defined"].endswith("." + name.rpartition(".")[2]):
                more.setdefault(row["id"], []).append(name)
    names.update(more)
    found = {}
    for path, module in sorted(sys.modules.items()):
        place = re.sub("^tensorflow(_core)?[.]", "", path)
        if place == path or module is None or ".python." not in "." + place or "keras" in place:
            continue
        for attribute, value in sorted(vars(module).items()):
            if attribute.startswith("_") or id(value) not in names or kind_of(value) == "module":
                continue
            home = str(getattr(value, "__module__", ""))
            if home.rpartition(".")[2] == path.rpartition(".")[2] or ".gen_" in home or WRAPPER.search(place):
                # the best known of an object's names: that of the same part of contrib, or none of contrib's; the shortest
                part = place.split(".python.")[0] + "."
                best = min(
                    (n.startswith("contrib.") and not n.startswith(part), n.count("."), len(n), n)
                    for n in names[id(value)]
                )
                found[place + "." + attribute] = best[-1]
    return found


def tables():
    """The rename tables that TensorFlow ships with tf_upgrade_v2."""
    from tensorflow.tools.compatibility import tf_upgrade_v2

    spec = tf_upgrade_v2.TFAPIChangeSpec()
    return {"symbols": dict(spec.symbol_renames), "keywords": dict(spec.function_keyword_renames)}


def main():
    out = {}
    for root in sys.argv[1:]:
        if root in ("tables", "private"):
            out[root] = tables() if root == "tables" else private(out["tensorflow"], out["tensorflow.compat.v2"])
            continue
        module = importlib.import_module(root)
        if root == "tensorflow" and hasattr(module, "contrib"):
            dir(module.contrib)
            for name in ("slim", "slim.nets", "eager"):
                importlib.import_module("tensorflow.contrib." + name)
        from tensorflow.python.util import tf_inspect

        found = {}
        walk(module, "", ("examples",), tf_inspect, found, [module])
        out[root] = found
    out["version"] = sys.modules["tensorflow"].__version__
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()

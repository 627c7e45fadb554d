"""Writes codemods/api/facts.tsv and native.tsv from TensorFlow 1.15 and 2.21 themselves.

    python scripts/generate_api.py --tf1-python TF1/bin/python --tf2-python TF2/bin/python

TF1 is an environment with tensorflow 1.15 (CPython 3.7), TF2 one with tensorflow 2.21, tf-keras 2.21 and tf-slim 1.1. Each runs
`collect_api.py`, which lists every public name; TF2 runs it once more with TF_USE_LEGACY_KERAS=1, for what compat.v1 then has.
The two are merged with the rename tables that TensorFlow ships and with what is written by hand: `hand.tsv` (behaviour changes,
successors in contrib, arguments that may be dropped) and `older.tsv` (names that TensorFlow 1.0 removed).

A fact is never guessed: where neither identity of the objects in 2.21 nor a hand-written row says that a target means the same as
the TF 1 name, the fact has the behaviour `unchecked`, and no rule may rewrite from it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
API = HERE.parent / "codemods" / "api"
HEADER = (
    "name kind state since target compat requires slim signature target_signature "
    "renamed compat_renamed compat_places dropped inert defaults behaviour when successor source"
)
Row = dict[str, Any]

# Arguments that never changed a value: a call may lose them.
INERT = {"use_cudnn_on_gpu", "colocate_gradients_with_ops", "validate_indices", "use_locking"}
# Defaults that differ in their text alone.
SAME_DEFAULT = {
    ("None", "False"),
    ("None", "''"),
    ("tf.int32", "None"),  # shape and size
    ("0", "0.0"),
    ("1", "1.0"),
    ("'NHWC'", "None"),  # pooling
    ("[1, 1, 1, 1]", "None"),  # dilations
    ("[1, 1, 1, 1, 1]", "None"),
    ("False", "None"),
    ("'auto'", "'sum_over_batch_size'"),
    ("(1, 1)", "1"),
}


@dataclass
class Hand:
    """One hand-written row; see hand.tsv's head for the notation."""

    behaviour: str | None = None
    target: str | None = None
    successor: str = ""
    renamed: dict[str, str] = field(default_factory=dict)
    inert: list[str] = field(default_factory=list)
    defaults: dict[str, str] = field(default_factory=dict)
    when: str = ""
    source: str = ""


def collect(python: str, roots: Iterable[str], **environment: str) -> Row:
    """Runs the collector in an environment of TensorFlow."""
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    command = [python, "-W", "ignore", str(HERE / "collect_api.py"), *roots]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: Row = json.loads(done.stdout)
    return found


def read_rows(path: Path) -> list[list[str]]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def read_hand(path: Path) -> dict[str, Hand]:
    rows: dict[str, Hand] = {}
    for names, behaviour, fields, source in read_rows(path):
        for name in names.split():
            if name in rows:
                sys.exit(f"{path.name} has {name} twice")
            hand = rows[name] = Hand(behaviour=None if behaviour == "?" else behaviour.strip("-"), source=source)
            for part in fields.split():
                if part.startswith("target="):
                    hand.target = part[7:].replace("*", name.rpartition(".")[2])
                elif part.startswith("successor="):
                    hand.successor = part[10:].replace("*", name.rpartition(".")[2])
                elif part.startswith("when="):
                    hand.when = part[5:].replace(",", " ")
                elif part.startswith("+"):
                    key, _, value = part[1:].partition("=")
                    hand.defaults[key] = value
                elif part.startswith("-"):
                    hand.inert.append(part[1:])
                elif ">" in part:
                    old, _, new = part.partition(">")
                    hand.renamed[old] = new
                else:
                    sys.exit(f"{path.name}: {name} has {part}, which is no known notation")
    return rows


def split(signature: Iterable[str] | None) -> dict[str, str | None]:
    """Parameter names with their defaults (None: required); stars keep theirs."""
    parts = (item.partition("=") for item in signature or () if item != "*")
    return {name: default if sign else None for name, sign, default in parts}


def text(signature: Iterable[str] | None) -> str:
    return "" if signature is None else f"({'|'.join(signature)})"


class Merge:
    """All that was collected, and how a name of the one finds its place in the other."""

    def __init__(self, tf1: Row, tf2: Row, legacy: Row, hand: Mapping[str, Hand]) -> None:
        self.tf1: dict[str, Row] = tf1["tensorflow"]
        self.first: dict[str, Row] = tf1["tensorflow.compat.v2"]
        self.native: dict[str, Row] = tf2["tensorflow"]
        self.before_keras3: dict[str, Row] = legacy["tensorflow"]
        self.v1: dict[str, Row] = tf2["tensorflow.compat.v1"]
        self.legacy: dict[str, Row] = legacy["tensorflow.compat.v1"]
        self.slim: dict[str, Row] = legacy["tf_slim"]
        self.hand = hand
        self.symbols = {old[3:]: new[3:] for old, new in tf2["tables"]["symbols"].items() if old.startswith("tf.")}
        self.keywords = {old[3:]: new for old, new in tf2["tables"]["keywords"].items() if old.startswith("tf.")}
        for name, row in self.native.items():
            # raw_ops take keywords alone, whatever their signature says
            if name.startswith("raw_ops.") and row.get("signature"):
                row["signature"] = ["*", *(part for part in row["signature"] if part != "*")]
        self.by_id: dict[int, list[str]] = {}
        for name, row in self.native.items():
            if row["kind"] in ("function", "class"):
                self.by_id.setdefault(row["id"], []).append(name)

    def compat(self, name: str) -> tuple[str, str]:
        """The spelling under compat.v1 and what it requires, or two empty strings."""
        row = self.tf1[name]
        spellings = [name, *row.get("v1", ())]
        tables = [(self.v1, ""), (self.legacy, "legacy-keras")]
        if "keras." in name or name == "keras":  # Keras 3 is no Keras of graph mode
            tables = tables[1:]
        for found, requires in tables:
            for spelling in spellings:
                own = self.tf1.get(spelling, row)  # a derived class has its base's export names
                if own["kind"] == "class" and own.get("id") != row.get("id"):
                    continue
                if spelling in found and found[spelling]["kind"] == row["kind"]:
                    return spelling, requires
        return "", ""

    def places(self, name: str, compat: str, requires: str) -> tuple[dict[str, str], str]:
        """The parameters that are called otherwise under compat.v1, and how many leading ones kept their places; empty: all."""
        old = self.tf1[name].get("signature")
        new = (self.legacy if requires else self.v1).get(compat, {}).get("signature")
        if old is None or new is None or name.startswith("raw_ops.") or new[:1] == ["*args"]:
            return {}, ""
        before, after = ([part.partition("=")[0] for part in one if part[:1] != "*"] for one in (old, new))
        renamed: dict[str, str] = {}
        for place, a in enumerate(before):
            b = after[place] if place < len(after) else ""
            if a == b:
                continue
            if not b or a in after or b in before or a[:1] == "_" or split(old)[a] != split(new)[b]:
                return renamed, str(place)
            renamed[a] = b
        return renamed, ""

    def in_slim(self, name: str) -> str:
        """The spelling under tf_slim of a name in contrib, by the module that it is known from."""
        for prefix, module in SLIM_MODULES:
            if name.startswith(prefix):
                spelling = module + name[len(prefix) :]
                if spelling in self.slim and self.slim[spelling]["kind"] == self.tf1[name]["kind"]:
                    return spelling
        return ""

    def target(self, name: str, compat: str, hand: Hand | None) -> tuple[str, str]:
        """The native name that replaces a name, and where that is known from."""
        row = self.tf1[name]
        if hand and hand.target is not None:
            return ("" if hand.target == "-" else hand.target), f"hand: {hand.source}"
        if name in self.native:
            same = (
                compat
                and row["kind"] != "constant"
                and self.v1.get(compat, {}).get("id") == self.native[name].get("id")
            )
            return name, "same object in 2.21" if same else "same name in 2.21"
        own = self.v1.get(compat)
        if own and row["kind"] in ("function", "class"):
            aliases = [alias for alias in self.by_id.get(own["id"], ()) if not alias.startswith("raw_ops.")]
            if aliases:
                exported = [alias for alias in own.get("v2", ()) if alias in aliases]
                return (exported or sorted(aliases, key=lambda alias: (alias.count("."), alias)))[0], "export alias"
        if row["kind"] == "constant":
            for alias in row.get("v1", ()):
                if alias in self.native:
                    return alias, "export alias"
        renamed = self.symbols.get(name, "")
        if renamed.startswith("compat.v2."):
            renamed = renamed[10:]
        if renamed in self.native:
            return renamed, "tf_upgrade_v2 rename table"
        for alias in row.get("v1", ()):
            if alias in self.native:
                return alias, "export alias"
        return "", "no such name in 2.21"

    def fact(self, name: str) -> list[str]:
        row, hand = self.tf1[name], self.hand.get(name)
        compat, requires = self.compat(name)
        called, places = self.places(name, compat, requires)
        if row["kind"] == "module":
            return self.module(name, compat, requires)
        target, source = self.target(name, compat, hand)
        old = split(row.get("signature"))
        goal = self.native.get(target, {})
        new = split(goal.get("signature"))
        renamed: dict[str, str] = {}
        dropped: list[str] = []
        defaults: dict[str, str] = {}
        known = row.get("signature") is not None and goal.get("signature") is not None
        if target and known:
            table = {**self.keywords.get(name, {}), **(hand.renamed if hand else {})}
            renamed = {a: b for a, b in table.items() if (a in old or "**kwargs" in old) and b in new and a != b}
            dropped = [a for a in old if a[:1] != "*" and a not in new and a not in renamed and "**kwargs" not in new]
            for a, default in old.items():
                b = renamed.get(a, a)
                other = new.get(b)
                if a in ("name", "*", "**") or b not in new or (b != a and b in old) or b in defaults:
                    continue
                if default not in (None, "None", other) and (default, other) not in SAME_DEFAULT and "<" not in default:
                    defaults[b] = default
            defaults.update(hand.defaults if hand else {})
        inert = [a for a in dropped if a in INERT or (hand and a in hand.inert)]
        behaviour = hand.behaviour if hand and hand.behaviour else ""
        if target and not (hand and hand.behaviour is not None):
            unknown = "keras-3" if name.startswith("keras.") else "unchecked"
            behaviour = "" if self.certain(name, compat, target, old, new) else unknown
        if not target:
            state = "removed"
        elif target != name:
            state = "moved" if target.rpartition(".")[2] == name.rpartition(".")[2] else "renamed"
        elif row.get("signature") is None or self.extends(row["signature"], goal.get("signature") or []):
            state = "same"
        else:
            state = "changed-arguments"
        if hand and not source.startswith("hand"):
            source += f"; hand: {hand.source}"
        successor = hand.successor if hand else ""
        signature, target_signature = text(row.get("signature")), text(goal.get("signature"))
        return [
            name,
            row["kind"],
            state,
            self.since(name, state),
            "=" if target == name else target,
            "=" if compat == name else compat,
            requires,
            self.in_slim(name),
            signature,
            "=" if signature == target_signature else target_signature,
            "|".join(f"{a}={b}" for a, b in renamed.items()),
            "|".join(f"{a}={b}" for a, b in called.items()),
            places,
            " ".join(dropped),
            " ".join(inert),
            "|".join(f"{a}={b}" for a, b in defaults.items()),
            behaviour,
            hand.when if hand else "",
            successor,
            source,
        ]

    def module(self, name: str, compat: str, requires: str) -> list[str]:
        at_home = name in self.native
        state, source = ("same", "same name in 2.21") if at_home else ("removed", "no such name in 2.21")
        slim = self.in_slim(name)
        marks = ["=" if at_home else "", "=" if compat == name else compat, requires, slim]
        return [name, "module", state, self.since(name, state), *marks, *[""] * 11, source]

    def since(self, name: str, state: str) -> str:
        """The version that first had the state: 1.15 holds what became 2.0, and tf_keras what was before Keras 3."""
        if state == "same":
            return ""
        own, first = self.tf1[name], self.first.get(name)
        if first is None or (state == "changed-arguments" and first.get("signature") != own.get("signature")):
            return "2.0"
        if name.startswith("keras."):
            before = self.before_keras3.get(name)
            if before is not None and (state != "changed-arguments" or before.get("signature") == own.get("signature")):
                return "2.16"
        return "2.16" if name.startswith("estimator") else "after 2.0"

    def certain(self, name: str, compat: str, target: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether the target is known to mean the same: compat.v1, which keeps TF 1's meaning, has the very object there."""
        goal, own = self.native.get(target), self.v1.get(compat)
        if goal is None:
            return False
        if goal["kind"] == "constant":
            return own is not None or name.startswith("contrib.")
        if name.startswith("keras."):  # Keras 3 is another implementation: the arguments must agree
            return all(
                new.get(a) is None or old[a] == new[a] or (old[a], new[a]) in SAME_DEFAULT for a in old if a != "name"
            )
        if own is None:
            return False
        alike = all(own.get(key) == goal.get(key) for key in ("defined", "signature"))
        return bool(own["id"] == goal["id"] or alike)

    def extends(self, old: list[str], new: list[str]) -> bool:
        """Whether every call that fits the old signature fits the new one and passes the same."""
        if new[:1] == ["*"] and old[:1] != ["*"]:
            return True  # raw_ops, in both
        if not all(a == b or same_text(a, b) for a, b in zip(old, new, strict=False)):
            return False
        return len(new) >= len(old) and all("=" in part or part[:1] == "*" for part in new[len(old) :])


def same_text(a: str, b: str) -> bool:
    (name, _, default), (other, _, value) = a.partition("="), b.partition("=")
    return name == other and (default == value or (default, value) in SAME_DEFAULT or "<" in (default[:1], value[:1]))


SLIM_MODULES = (
    ("contrib.slim.", ""),
    ("contrib.layers.", "layers."),
    ("contrib.losses.", "losses."),
    ("contrib.metrics.", "metrics."),
    ("contrib.framework.", ""),
    ("contrib.framework.", "ops."),
    ("contrib.layers.", ""),
    ("contrib.training.", "training."),
    ("contrib.slim", ""),
)


def older(merge: Merge, facts: Mapping[str, list[str]]) -> list[list[str]]:
    """Names that TensorFlow removed before 1.15: the facts of the 1.15 name that replaced them, with their own arguments."""
    out: list[list[str]] = []
    columns = HEADER.split()
    for name, kind, signature, replacement, renames, source in read_rows(API / "older.tsv"):
        if name in facts:
            sys.exit(f"older.tsv has {name}, which TF 1.15 still has")
        now = dict(zip(columns, facts.get(replacement, [""] * len(columns)), strict=True))
        target = replacement if now["target"] == "=" else now["target"]
        compat = replacement if now["compat"] == "=" else now["compat"]
        goal = text(merge.native.get(target, {}).get("signature"))
        own = split(signature[1:-1].split("|")) if len(signature) > 2 else {}
        new = split(goal[1:-1].split("|")) if len(goal) > 2 else {}
        renamed = dict(pair.split(">") for pair in renames.split())
        later = dict(pair.split("=") for pair in now["renamed"].split("|")) if now["renamed"] else {}
        mapped = {a: later.get(renamed.get(a, a), renamed.get(a, a)) if target else a for a in own}
        dropped = [a for a in own if target and signature and mapped[a] not in new]
        when = [a for a in own if renamed.get(a, a) in now["when"].split()]
        if now["when"] and signature and not when:  # the arguments that it is about came later
            now["behaviour"] = ""
        now.update(
            name=name,
            kind=kind,
            state="renamed" if target else "removed",
            since=match[0] if (match := re.search(r"\d\.\d+", source)) else "",
            target=target,
            compat=compat,
            signature=signature,
            target_signature=goal,
            renamed="|".join(f"{a}={b}" for a, b in mapped.items() if a != b and a not in dropped),
            compat_renamed="|".join(f"{a}={b}" for a, b in renamed.items()) if compat else "",
            compat_places="0" if compat and renamed else "",
            dropped=" ".join(dropped),
            inert="",
            when=" ".join(when),
            successor=now["successor"],
            source=f"hand: {source}",
        )
        out.append([now[column] for column in columns])
    return out


def write(path: Path, header: str, rows: Iterable[list[str]]) -> None:
    lines = sorted(rows, key=lambda row: row[0].encode() + b"\t")
    body = "".join("\t".join(row) + "\n" for row in lines)
    path.write_text(header.replace(" ", "\t") + "\n" + body, "utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the table of facts about TensorFlow's names.")
    parser.add_argument("--tf1-python", required=True, help="a Python with tensorflow 1.15")
    parser.add_argument("--tf2-python", required=True, help="a Python with tensorflow 2.21, tf-keras and tf-slim")
    parser.add_argument(
        "--collected", type=Path, help="keep what was collected in this folder, and take it from there if it is there"
    )
    options = parser.parse_args()

    def collected(name: str, python: str, roots: list[str], **environment: str) -> Row:
        cache = options.collected / f"{name}.json" if options.collected else None
        if cache and cache.exists():
            found: Row = json.loads(cache.read_text())
            return found
        found = collect(python, roots, **environment)
        if cache:
            cache.write_text(json.dumps(found))
        return found

    tf1 = collected("tf1", options.tf1_python, ["tensorflow", "tensorflow.compat.v2", "private"])
    tf2 = collected("tf2", options.tf2_python, ["tensorflow", "tensorflow.compat.v1", "tables"])
    legacy = collected(
        "legacy", options.tf2_python, ["tensorflow", "tensorflow.compat.v1", "tf_slim"], TF_USE_LEGACY_KERAS="1"
    )
    hand = read_hand(API / "hand.tsv")
    merge = Merge(tf1, tf2, legacy, hand)
    unknown = [name for name in hand if name not in merge.tf1]
    if unknown:
        sys.exit(f"hand.tsv has what TF 1.15 doesn't have: {' '.join(unknown)}")
    facts = {name: merge.fact(name) for name in merge.tf1}
    write(API / "facts.tsv", HEADER, [*facts.values(), *older(merge, facts)])
    native = ([name, row["kind"], text(row.get("signature"))] for name, row in merge.native.items())
    write(API / "native.tsv", "name kind signature", native)
    write(API / "private.tsv", "path name", ([path, name] for path, name in tf1["private"].items()))
    print(f"{len(facts)} names of TensorFlow {tf1['version']} against {tf2['version']}")


if __name__ == "__main__":
    main()

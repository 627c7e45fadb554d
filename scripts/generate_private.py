"""Writes codemods/api/private_gone.tsv: what TF 1.15 has below tensorflow.python that TensorFlow 2.21 has no more.

    python scripts/generate_private.py --tf1-python PYTHON --tf2-python PYTHON

A row is a private path, of a module or of what a module holds, with the public name of the same object (or the private path
that it has now), "-" where it has none.
Names of modules that are gone themselves, and what a module only has from outside of TensorFlow, are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

from tf_modernize.codemods import api

# What 1.15 has publicly as a function that does nothing but call the private one.
SAME = {"python.util.nest.is_sequence": "nest.is_nested"}
# What 2.21 has as 1.15 had it, under another private path.
SAME |= {"python.pywrap_tensorflow.EventsWriter": "python.client._pywrap_events_writer.EventsWriter"}
TABLE = Path(api.__file__).with_name("private_gone.tsv")

# Runs in either TensorFlow (TF 1.15 in Python 3.7): the modules, each with its names and where these are defined.
LOOK = """
import importlib, json, pkgutil, sys, types
import tensorflow
import tensorflow.python as top

wanted = json.load(sys.stdin)
walked = pkgutil.walk_packages(top.__path__, "tensorflow.python.", onerror=lambda name: None)
found = {}
for name in wanted or sorted(one.name for one in walked):
    if name.endswith("_test") or ".testing" in name or ".examples" in name:
        continue
    try:
        module = importlib.import_module(name)
    except BaseException:
        continue
    found[name] = {}
    for key in dir(module):
        value = None if key.startswith("_") else getattr(module, key, None)
        if value is not None and not isinstance(value, types.ModuleType):
            found[name][key] = [str(getattr(value, "__module__", "")), str(getattr(value, "__name__", key))]
print(json.dumps(found))
"""
Found = dict[str, dict[str, list[str]]]


def look(python: str, wanted: list[str]) -> Found:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_USE_LEGACY_KERAS": "1"}
    run = subprocess.run(
        [python, "-c", LOOK],
        input=json.dumps(wanted),
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        check=True,
    )
    found: Found = json.loads(run.stdout.splitlines()[-1])
    return found


def rows(old: Found, new: Found) -> list[tuple[str, str]]:
    found = []
    for module, names in old.items():
        path = module.removeprefix("tensorflow.")
        if module not in new:
            found.append((path, "-"))
            continue
        for name, (home, own) in names.items():
            if name not in new[module] and home.startswith("tensorflow."):
                defined = home.removeprefix("tensorflow.").removeprefix("_core.")
                public = SAME.get(f"{path}.{name}") or api.public(f"{defined}.{own}")
                found.append((f"{path}.{name}", public or "-"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf1-python", required=True, help="a Python with tensorflow 1.15")
    parser.add_argument("--tf2-python", required=True, help="a Python with tensorflow 2.21, tf-keras and tf-slim")
    options = parser.parse_args()
    old = look(options.tf1_python, [])
    new = look(options.tf2_python, sorted(old))
    lines = sorted(rows(old, new), key=lambda row: row[0].encode() + b"\t")
    TABLE.write_text("path\tname\n" + "".join(f"{path}\t{name}\n" for path, name in lines), "utf-8", newline="\n")
    print(f"{len(lines)} private names of TF 1.15 are gone")


if __name__ == "__main__":
    main()

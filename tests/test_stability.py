"""The output depends on nothing but the input: not on hash seeds, addresses, or what was upgraded before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parents[1] / "fixtures" / "programs"
EVERY = 1 if os.environ.get("MUTATIONS") else 4  # the suite takes one program of four

# Prints a digest of everything that comes out, for each program; the order of the programs is the caller's.
DRIVER = """
import hashlib, json, sys
from pathlib import Path
from tf_modernize.codemods.engine import upgrade

found, kept = {}, []
for number, name in enumerate(sys.argv[2:]):
    folder = Path(sys.argv[1]) / name
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}
    kept.append([object() for _ in range(number * 97)])  # moves what follows to other addresses
    results = upgrade(files)
    told = [
        (one.level, one.dialect, one.evidence, one.requirements, one.manifest, sorted(one.files.items())) for one in results
    ]
    found[name] = hashlib.sha256(repr(told).encode()).hexdigest()
print(json.dumps(found))
"""


def test_the_same_input_gives_the_same_output() -> None:
    names = sorted(path.parent.name for path in PROGRAMS.glob("*/before.py"))[::EVERY]
    found = []
    for seed, order in (("1", names), ("2", names[::-1])):
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, str(PROGRAMS), *order],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]

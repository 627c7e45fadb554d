"""The TF1-era packages that the benchmarks read: fetched from PyPI by name and version, once, and never committed."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tf_modernize.cli.cache import default_folder

PACKAGES = {
    "tensor2tensor": "1.15.7",
    "stable-baselines": "2.10.2",
    "tensorpack": "0.11",
    "tflearn": "0.5.0",
    "dm-sonnet": "1.36",
    "tf-slim": "1.1.0",
    "gpflow": "1.5.1",
    "edward": "1.3.5",
    "magenta": "1.1.8",
    "kfac": "0.2.4",
    "trfl": "1.2.0",
    "adanet": "0.8.0",
    "dopamine-rl": "2.0.5",
}


def work_folder(given: Path | None) -> Path:
    """Where the packages are kept: a folder of the user's, beside the tool's own cache."""
    if given is not None:
        return given
    cache = default_folder()
    if cache is None:
        sys.exit("there is no cache folder here: name one with --work")
    return cache.with_name("tf-modernize-benchmark")


def chosen(names: list[str]) -> list[str]:
    """The packages that are asked for, all of them where none is."""
    for name in names:
        if name not in PACKAGES:
            sys.exit(f"{name} is none of {', '.join(PACKAGES)}")
    return names or list(PACKAGES)


def unpacked(name: str, work: Path) -> Path:
    """The folder of a package's source, which is downloaded where it is not there yet."""
    folder = work / "packages" / f"{name}-{PACKAGES[name]}"
    if not folder.exists():
        archive = _archive(name, work / "archives")
        partly = folder.with_name(f"{folder.name}.partly")
        if archive.suffix == ".whl":
            zipfile.ZipFile(archive).extractall(partly)
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(partly, filter="data")
        partly.rename(folder)
    return folder


def _archive(name: str, folder: Path) -> Path:
    stem = re.compile(re.sub(r"[-_.]+", "[-_.]", f"{name}-{PACKAGES[name]}"), re.IGNORECASE)
    if not any(map(stem.match, [path.name for path in folder.glob("*")])):
        print(f"fetching {name} {PACKAGES[name]}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
        subprocess.run([*command, f"{name}=={PACKAGES[name]}"], check=True)
    return next(path for path in sorted(folder.iterdir()) if stem.match(path.name))


def sources(name: str, work: Path) -> dict[str, bytes]:
    """The Python files of a package, by their paths below its folder."""
    folder = unpacked(name, work)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}

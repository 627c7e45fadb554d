"""Says which folders install as which packages; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = ("codemods", "lint_rules", "harness", "cli")

setup(
    packages=[
        f"tf_modernize.{name}" for name in find_packages(include=[one for top in FOLDERS for one in (top, f"{top}.*")])
    ],
    package_dir={f"tf_modernize.{name}": name for name in FOLDERS},
)

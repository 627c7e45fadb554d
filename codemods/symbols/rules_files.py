"""Checkpoint and event files: what a use that builds no graph becomes."""

from __future__ import annotations

import ast

from .sites import NEXT, Rule, Site, atom, is_constant


def _checkpoint_exists(site: Site) -> str | None:
    """tf.train.checkpoint_exists(prefix) looks for the checkpoint's index file."""
    bound = site.bind(("checkpoint_prefix",)) if site.call is not None else None
    if bound is None or len(bound) != 1 or site.call is None:
        return NEXT
    site.edits.replace(site.call, f"{site.root}.io.gfile.exists(", *atom(bound["checkpoint_prefix"]), ' + ".index")')
    return None


def _matching(site: Site) -> str | None:
    """tf.train.match_filenames_once kept its names in a local variable: they are those of the first look."""
    return site.respell("io.matching_files") if site.call is not None else NEXT


WRITER = ("logdir", "graph", "max_queue", "flush_secs", "graph_def", "filename_suffix", "session")


def _writer(site: Site) -> str | None:
    """A FileWriter that no name takes only wrote the graph, of which there is none: in code that the build did not reach."""
    bound = site.bind(WRITER) if site.call is not None else None
    alone = any(isinstance(node, ast.Expr) and node.value is site.call for node in ast.walk(site.module.tree))
    if bound is None or not alone or bound.keys() - {"logdir", "graph"} or site.call is None:
        return NEXT
    site.needs.dropped.update(part for name, value in bound.items() if name != "logdir" for part in ast.walk(value))
    site.edits.replace(site.call, f"{site.root}.summary.create_file_writer(", bound["logdir"], ")")
    return None


def _records(site: Site) -> str | None:
    """tf.python_io.tf_record_iterator(path) -> tf.data.TFRecordDataset(path).as_numpy_iterator(): both give bytes."""
    bound = site.bind(("path", "options")) if site.call is not None else None
    if bound is None or "path" not in bound or (not is_constant(bound.get("options"), None) and "options" in bound):
        return NEXT
    site.replace_call(f"{site.tf('data.TFRecordDataset')}(", bound["path"], ").as_numpy_iterator()")
    return None


RULES: dict[str, Rule] = {
    "python_io.tf_record_iterator": _records,
    "io.tf_record_iterator": _records,
    "train.checkpoint_exists": _checkpoint_exists,
    "train.match_filenames_once": _matching,
    "summary.FileWriter": _writer,
    "train.SummaryWriter": _writer,
}

"""The MNIST reader of TensorFlow 1's tutorials: the same arrays from tf.keras.datasets, in the same split and batches.

Only where it is asked for (`unsafe_fixes`): the data come from another place than the folder that the program names, and
the order of the batches is another one where a graph-level seed was set, since the reader handed that seed to NumPy.

TF1 (tensorflow/contrib/learn/python/learn/datasets/mnist.py): `next_batch` shuffles the arrays at the start of each epoch,
and a batch may begin in one epoch and end in the next.
"""

from __future__ import annotations

import ast

from .sites import Site

READER = "examples.tutorials.mnist.input_data.read_data_sets"
READERS = frozenset({READER, "contrib.learn.datasets.mnist.read_data_sets"})
PARAMETERS = ("train_dir", "fake_data", "one_hot", "dtype", "reshape", "validation_size", "seed", "source_url")
KEPT = ("one_hot", "reshape", "validation_size")
# What a program may reach of a data set besides its public members is not there any more.
PRIVATE = frozenset({"_images", "_labels", "_num_examples", "_epochs_completed", "_index_in_epoch"})

DATA_SET = '''\
class {data_set}:
    """Images with their labels, handed out in batches that are shuffled anew in each epoch."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.num_examples = len(images)
        self.epochs_completed = 0
        self.start = 0

    def next_batch(self, batch_size, shuffle=True):
        if self.start == 0 and self.epochs_completed == 0 and shuffle:
            self.shuffle()
        end = self.start + batch_size
        images, labels = self.images[self.start:end], self.labels[self.start:end]
        if end > self.num_examples:
            self.epochs_completed += 1
            if shuffle:
                self.shuffle()
            end -= self.num_examples
            images = {np}.concatenate([images, self.images[:end]])
            labels = {np}.concatenate([labels, self.labels[:end]])
        self.start = end
        return images, labels

    def shuffle(self):
        order = {np}.random.permutation(self.num_examples)
        self.images, self.labels = self.images[order], self.labels[order]
'''
READ = '''\
def {read}(one_hot=False, reshape=True, validation_size=5000):
    """MNIST, of whose training images the first are for validation."""
    (images, labels), (test_images, test_labels) = {load}()

    def data_set(images, labels):
        images = images.reshape(-1, 784) if reshape else images.reshape(-1, 28, 28, 1)
        images = images.astype({np}.float32) * (1.0 / 255.0)
        return {data_set}(images, {np}.eye(10)[labels] if one_hot else labels)

    Datasets = collections.namedtuple("Datasets", ["train", "validation", "test"])
    return Datasets(
        train=data_set(images[validation_size:], labels[validation_size:]),
        validation=data_set(images[:validation_size], labels[:validation_size]),
        test=data_set(test_images, test_labels),
    )
'''
LEFT = (
    "tensorflow.examples was removed from TensorFlow 2; it is the program's data, which only its author can replace "
    "(--unsafe-fixes reads MNIST from tf.keras.datasets)"
)
MESSAGE = (
    "the data come from tf.keras.datasets now, not from the folder that the program named: the same images, labels and split; "
    "the batches have another random order where tf.set_random_seed set NumPy's through the reader"
)


def rewrite(site: Site) -> bool:
    """Rewrites a call of the reader, if it is one whose arguments are known."""
    call = site.call
    if site.name not in READERS and site.full not in READERS:
        return False
    if call is None or any(
        isinstance(node, ast.Attribute) and node.attr in PRIVATE for node in ast.walk(site.module.tree)
    ):
        return False
    bound = site.bind(PARAMETERS)
    if bound is None or not _is_plain(bound):
        return False
    read = _write(site)
    arguments: list[str | ast.AST] = []
    for name in KEPT:
        if name in bound:
            arguments.extend([", "] if arguments else [])
            arguments.extend([f"{name}=", bound[name]])
    site.edits.replace(call, f"{read}(", *arguments, ")")
    for name, value in bound.items():
        if name not in KEPT:
            site.needs.dropped.update(ast.walk(value))
    return True


def _is_plain(bound: dict[str, ast.expr]) -> bool:
    """Whether the call asks for images between 0 and 1, of the real data."""
    fake, dtype, seed = bound.get("fake_data"), bound.get("dtype"), bound.get("seed")
    if fake is not None and not (isinstance(fake, ast.Constant) and fake.value is False):
        return False
    if seed is not None and not (isinstance(seed, ast.Constant) and seed.value is None):
        return False
    return dtype is None or (isinstance(dtype, ast.Attribute) and dtype.attr == "float32")


def _write(site: Site) -> str:
    """Asks for the reader's functions at the top of the module, once; gives the name of the one that reads."""
    needs, taken = site.needs, site.names.taken
    names = {one: _free(one, taken) for one in ("DataSet", "read_mnist")}
    if not needs.blocks:
        np = _numpy(site)
        load = site.tf("keras.datasets.mnist.load_data")
        needs.legacy_keras = needs.legacy_keras or site.level == "compat"  # as with every tf.keras in graph mode
        data_set, read = names.values()
        needs.imports.add("import collections")
        needs.blocks = [
            DATA_SET.format(data_set=data_set, np=np),
            READ.format(read=read, load=load, np=np, data_set=data_set),
        ]
    return names["read_mnist"]


def _free(name: str, taken: frozenset[str]) -> str:
    candidate, count = name, 2
    while candidate in taken:
        candidate, count = f"{name}_{count}", count + 1
    return candidate


def _numpy(site: Site) -> str:
    """How the module spells NumPy."""
    for node in site.module.tree.body:
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.name == "numpy":
                return alias.asname or "numpy"
    site.needs.imports.add("import numpy as np")
    return "np"

"""What the index of a V2 checkpoint says beside names and shapes: shards, pieces of partitioned variables, sizes on disk.

The index is a sorted string table, as LevelDB writes them: blocks of entries with shared prefixes, a block that points at
these, and a footer. Each entry is a BundleEntryProto; of its fields only a few are wanted here. TensorFlow's reader gives
names, shapes, dtypes and values, and checks the sums; but it finds out that a data file is too short when it reads a value,
and it never tells how a variable was partitioned.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57


class LayoutError(ValueError):
    """An index that is no table, as a sentence without the file's name."""


@dataclass(frozen=True)
class Entry:
    """Where a key's bytes are. `slices` counts the pieces of a partitioned variable, whose bytes are summed here."""

    nbytes: int
    slices: int = 0


@dataclass(frozen=True)
class Layout:
    """The entries of the index by key, and the number of data files."""

    entries: Mapping[str, Entry]
    shards: int
    ends: Mapping[int, int]


def read(prefix: str) -> Layout | None:
    """The layout of a V2 checkpoint; None where the index is not understood, which TensorFlow's reader then has to say."""
    try:
        with open(prefix + ".index", "rb") as file:
            data = file.read()
        return _layout(data)
    except (OSError, LayoutError, IndexError, struct.error):
        return None


def short_shards(prefix: str) -> list[str]:
    """A sentence for each data file that is missing, or shorter than the index says."""
    laid = read(prefix)
    problems = []
    for shard in range(laid.shards if laid else 0):
        assert laid is not None
        name = f"{prefix}.data-{shard:05d}-of-{laid.shards:05d}"
        wanted = laid.ends.get(shard, 0)
        try:
            there = os.path.getsize(name)
        except OSError:
            problems.append(f"{name} is missing")
            continue
        if there < wanted:
            problems.append(f"{name} is cut off: it has {there:,} of {wanted:,} bytes")
    return problems


def _layout(data: bytes) -> Layout:
    if len(data) < _FOOTER or struct.unpack("<Q", data[-8:])[0] != _MAGIC:
        raise LayoutError("no table")
    at = len(data) - _FOOTER
    _, at = _varint(data, at)
    _, at = _varint(data, at)
    start, at = _varint(data, at)
    size, at = _varint(data, at)
    shards = 1
    ends: dict[int, int] = {}
    sizes: dict[bytes, int] = {}
    slices: dict[bytes, int] = {}
    for _, handle in _block(data, start, size):
        place, after = _varint(handle, 0)
        length, _ = _varint(handle, after)
        for key, value in _block(data, place, length):
            fields = list(_fields(value))
            if not key:
                shards = next((one for number, one in fields if number == 1 and isinstance(one, int)), 1)
                continue
            numbers = {number: one for number, one in fields if isinstance(one, int)}
            shard, offset, nbytes = numbers.get(3, 0), numbers.get(4, 0), numbers.get(5, 0)
            ends[shard] = max(ends.get(shard, 0), offset + nbytes)
            sizes[key] = nbytes
            slices[key] = sum(1 for number, _ in fields if number == 7)
    entries = {}
    pieces = {key: size for key, size in sizes.items() if key.startswith(b"\0")}
    for key, size in sizes.items():
        if key in pieces:
            continue
        if slices[key]:
            # The pieces' keys hold the name of the whole between two marks.
            size = sum(one for piece, one in pieces.items() if piece[1:].split(b"\0\1")[0].endswith(key))
        entries[key.decode("utf-8", "replace")] = Entry(size, slices[key])
    return Layout(entries, shards, ends)


def _block(data: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of one block."""
    if start + size + 5 > len(data) or data[start + size] != 0:
        raise LayoutError("a block that lies outside, or is compressed")
    block = data[start : start + size]
    end = size - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer, by number."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind == 2:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise LayoutError("a field of unknown kind")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise LayoutError("a number without end")

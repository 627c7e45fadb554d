"""Programs spread over processes. Each worker is started afresh (spawn): forking a process that has threads is unsafe."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from tf_modernize.codemods import engine
from tf_modernize.codemods.report import ProgramResult

# Below this many bytes of source (some 20,000 lines) starting processes costs more than they save.
WORTH_PROCESSES = 800_000
# What the programs before left behind is collected when they and the next have more bytes of source than this.
WORTH_COLLECTING = 1_200_000
_uncollected = 0
# Machine-written code nests deeper than Python's own limit lets its syntax tree be walked.
RECURSION = 3000

Group = engine.Group


def upgrade_all(
    groups: Sequence[Group], files: Mapping[str, bytes], options: engine.Options, jobs: int | None
) -> Iterator[tuple[int, ProgramResult]]:
    """Each program's index and result, as they are done."""
    sizes = [sum(len(files[path]) for path in group.files) for group in groups]
    if jobs is None:
        jobs = (os.cpu_count() or 1) if sum(sizes) >= WORTH_PROCESSES else 1
    jobs = min(jobs, len(groups))
    if jobs <= 1:
        for index, group in enumerate(groups):
            yield index, _upgrade(*engine.parts(files, group), options)
        return
    yield from _spread(groups, files, options, jobs, sizes)


def _upgrade(files: Mapping[str, bytes], beside: Mapping[str, bytes], options: engine.Options) -> ProgramResult:
    """One program, without the cycle collector: a growing syntax tree makes it search for nothing, in 3/5 of the time."""
    global _uncollected
    size = sum(map(len, files.values()))
    if _uncollected + size > WORTH_COLLECTING:
        gc.collect()
        _uncollected = 0
    _uncollected += size
    gc.disable()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION))
    try:
        return engine.upgrade_program(files, options, beside)
    finally:
        gc.enable()


def _spread(
    groups: Sequence[Group], files: Mapping[str, bytes], options: engine.Options, jobs: int, sizes: Sequence[int]
) -> Iterator[tuple[int, ProgramResult]]:
    largest_first = sorted(range(len(groups)), key=lambda index: -sizes[index])
    broken: list[int] = []
    with _pool(jobs) as pool:
        with _interrupts_held():
            futures = {
                pool.submit(_upgrade, *engine.parts(files, groups[index]), options): index for index in largest_first
            }
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    broken.append(futures[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():  # they only compute
                worker.terminate()
            raise
    # A worker that dies takes the whole pool with it: the programs that it left undone get a process each.
    for index in sorted(broken):
        part, beside = engine.parts(files, groups[index])
        with _pool(1) as pool:
            try:
                with _interrupts_held():
                    future = pool.submit(_upgrade, part, beside, options)
                yield index, future.result()
            except BrokenProcessPool:
                yield index, engine.given_up(part, "the process that worked on it died (out of memory?)")


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _leave_interrupts_to_the_parent)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C goes to every process of a terminal. A worker that is only starting can't ignore it yet, but inherits this."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

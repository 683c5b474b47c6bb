"""A function on many items, in processes of its own that may hang, grow or die.

What an item does to its process costs that item only: it is answered by a `Failure`.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import itertools
import mmap
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

from neuralmusic.files import InputError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MEMORY_BYTES = 2_000_000_000
BATCH = 16  # items of one message: a small file takes less time than a message
AHEAD = 2  # batches given to a process at once, so that it need not wait for the next one
WAITING = 64  # answers a process that may wait for the answer to an item before them


@dataclass(frozen=True)
class Failure:
    """An item without an answer, and why."""

    reason: str


def isolated_map(
    function: Callable[[Item], Answer],
    items: Iterable[Item],
    workers: int,
    seconds: float,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Answer | Failure]:
    """Yields `function` of every item, in the items' order whatever the number of `workers`.

    An item that takes more than `seconds`, or more memory than `memory_bytes` beyond what its
    process began with (where the system can limit it), or that raises or ends its process, is
    answered by a Failure; the message of an InputError is the whole reason. Function, items and
    answers are pickled; items are small, below 1 kB. What is held at once does not grow with the
    number of items. Of a batch that fails, every item is tried again alone.
    Raises InputError where the system itself has too little memory for an item: what is answered
    must not depend on the machine. Raises RuntimeError where a process ends before it was given an
    item.
    """
    pool = _Pool(function, seconds, memory_bytes)
    numbered = enumerate(items)
    answers: dict[int, Answer | Failure] = {}
    given, due = 0, 0  # how many items were given, and how many answered
    has_more = True
    try:
        while has_more or due < given:
            while has_more and given < due + WAITING * workers and pool.has_room(workers):
                batch = list(itertools.islice(numbered, BATCH))
                has_more = len(batch) == BATCH
                if batch:
                    pool.give(batch, workers)
                    given += len(batch)
            answers.update(pool.hear())
            while due in answers:
                yield answers.pop(due)
                due += 1
    finally:
        pool.end()


_Batch = list[tuple[int, Any]]  # items with their index


class _Scarce:
    """The answer where the system did not give an item what it may take."""


@dataclass
class _Worker:
    process: Any  # of multiprocessing, whose contexts have types of their own
    pipe: Connection
    given: deque[_Batch] = field(default_factory=deque)  # not yet answered
    is_ready: bool = False  # its imports, which are no item's time, are done
    since: float = 0.0  # when it began with the first of them, by time.monotonic


class _Pool:
    """Processes that are started when they are needed, and replaced when they end."""

    def __init__(self, function: Callable, seconds: float, memory_bytes: int) -> None:
        # Not "fork": the threads of this process, as of NumPy, would be half there.
        methods = multiprocessing.get_all_start_methods()
        method = "forkserver" if "forkserver" in methods else "spawn"
        self.context: Any = multiprocessing.get_context(method)
        self.function = function
        self.seconds = seconds
        self.memory_bytes = memory_bytes
        self.workers: list[_Worker] = []

    def has_room(self, workers: int) -> bool:
        return len(self.workers) < workers or any(len(w.given) < AHEAD for w in self.workers)

    def give(self, batch: _Batch, workers: int) -> None:
        """Gives a batch to the process with the least to do."""
        worker = min(self.workers, key=lambda w: len(w.given), default=None)
        if worker is None or (worker.given and len(self.workers) < workers):
            worker = self._start()
        self._send(worker, batch)

    def hear(self) -> dict[int, Any]:
        """Waits until something happens to an item; the answers by index that came, if any did."""
        busy = [worker for worker in self.workers if worker.given]
        if not busy:
            return {}
        ready = [worker for worker in busy if worker.is_ready]
        until = min((worker.since for worker in ready), default=time.monotonic()) + self.seconds
        by_pipe = {worker.pipe: worker for worker in busy}
        heard = wait(list(by_pipe), timeout=max(0.0, until - time.monotonic()))
        answers: dict[int, Any] = {}
        for pipe in heard:
            # wait() is typed for sockets and handles too; only pipes were given to it.
            answers.update(self._receive(by_pipe[pipe]))  # type: ignore[index]
        for worker in ready:
            is_late = time.monotonic() - worker.since > self.seconds
            if is_late and worker.given and not worker.pipe.closed and not worker.pipe.poll():
                reason = f"took longer than {self.seconds:g} seconds"
                answers.update(self._replace(worker, reason))
        return answers

    def end(self) -> None:
        for worker in self.workers:
            _kill(worker)

    def _start(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        arguments = (self.function, theirs, self.memory_bytes)
        process = self.context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()  # so that its end is heard here
        worker = _Worker(process, ours)
        self.workers.append(worker)
        return worker

    def _send(self, worker: _Worker, batch: _Batch) -> None:
        if not worker.given:
            worker.since = time.monotonic()
        worker.given.append(batch)
        with contextlib.suppress(OSError):  # it has just ended: that is heard next
            worker.pipe.send([item for _, item in batch])

    def _receive(self, worker: _Worker) -> dict[int, Any]:
        try:
            answers = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            if not worker.is_ready:
                raise RuntimeError(
                    f"a worker process ended at its start, with code {worker.process.exitcode}"
                ) from None
            if worker.process.exitcode == -signal.SIGKILL and len(worker.given[0]) == 1:
                raise self._scarce(
                    worker, "the system ended a process, as it does without memory,"
                ) from None
            reason = f"ended the process that read it (code {worker.process.exitcode})"
            return self._replace(worker, reason)
        worker.since = time.monotonic()
        if not worker.is_ready:
            worker.is_ready = True
            return {}
        if isinstance(answers, _Scarce):
            raise self._scarce(worker, "the system's own limit (see `ulimit -a`) was reached")
        batch = worker.given.popleft()
        if answers is None:
            for item in batch:
                self._send(worker, [item])
            return {}
        return {index: answer for (index, _), answer in zip(batch, answers, strict=True)}

    def _scarce(self, worker: _Worker, what: str) -> InputError:
        ((_, item),) = worker.given[0]
        return InputError(
            f"memory ran out at {item!r}: {what} before the {self.memory_bytes // 10**6} MB that a"
            " file may take, so what is read would depend on this machine; raise the limit, free"
            " memory or use fewer processes (--cores of the workflow), then run again"
        )

    def _replace(self, worker: _Worker, reason: str) -> dict[int, Any]:
        """Ends a process, whose first batch failed; a new one gets all that is to be done."""
        _kill(worker)
        self.workers.remove(worker)
        failed, *others = worker.given
        batches = [*([item] for item in failed if len(failed) > 1), *others]
        if batches:
            another = self._start()
            for batch in batches:
                self._send(another, batch)
        return {failed[0][0]: Failure(reason)} if len(failed) == 1 else {}


def _kill(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _work(function: Callable, pipe: Connection, memory_bytes: int) -> None:
    """A process: answers one batch after the other until there are no more.

    The answer is None where memory was not enough for all items of a batch at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that gives the items ends this one
    is_ample = _limit_memory(memory_bytes)
    gc.freeze()  # what was imported is no garbage, and need not be looked through again and again
    pipe.send(None)
    while True:
        try:
            items = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send([_answer(function, item) for item in items])
        except MemoryError:
            reason = f"needed more than {memory_bytes // 10**6} MB of memory"
            alone = [Failure(reason)] if is_ample else _Scarce()
            pipe.send(alone if len(items) == 1 else None)


def _answer(function: Callable, item: Any) -> Any:
    try:
        return function(item)
    except InputError as error:
        return Failure(str(error))
    except MemoryError:
        raise
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from error
        return Failure(f"failed ({type(error).__name__}: {error})")
    except Exception as error:
        return Failure(f"failed ({type(error).__name__}: {error})")


def _limit_memory(memory_bytes: int) -> bool:
    """Lets this process grow by so many bytes, where the system knows how large it is.

    Returns whether that limit, and not one of the system's, is what an item meets first.
    """
    sizes = Path("/proc/self/statm")
    if not sizes.exists():
        return False
    import resource

    size = int(sizes.read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = size + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        mmap.mmap(-1, memory_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        is_ample = True
    except OSError:  # a lower limit than ours was inherited, or the system promises no more
        is_ample = False
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )
    return is_ample

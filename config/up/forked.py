"""Python programs as forks of a process that has loaded Django once.

Loading Django and all apps takes a core two to three seconds and 100 MB. Five processes that each do it take five times
that at every start; five forks share one: the start is several times quicker, and the memory is mostly shared. A fork
runs `python -m <module> <arguments>` as a new process would, in a session of its own, with its own signals, files and
log.

Forking is safe only from one thread, and not on macOS, whose frameworks do not survive it: there, and should an
import ever start a thread, the same programs are started as new processes.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence

from config.up import child
from config.up.child import Child, Program

_PYTHON_MODULE = (sys.executable, "-m")
_M_ARENA_MAX = -8
_PR_SET_NAME = 15
_OUR_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def load() -> None:
    """Load what the programs have in common; settings must be readable from the environment by now."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).mallopt(
        _M_ARENA_MAX, 2
    )  # glibc gives each thread an arena of its own, and keeps it

    import config.asgi
    import config.celery

    config.celery.app.loader.import_default_modules()
    gc.collect()
    gc.freeze()  # what is here now is never collected, so collections do not touch, and copy, its pages


class Fork:
    """A forked program. Its exit code is polled, never waited for: its own children may hold what a wait looks at."""

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process
        self.pid: int = process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode


def start(program: Program, *, inherit: Sequence[int]) -> Child:
    """As child.start, but by forking where that can be done."""
    can_fork = sys.platform == "linux" and tuple(program.command[:2]) == _PYTHON_MODULE
    if not can_fork or threading.active_count() > 1:
        return child.start(program, inherit=inherit)
    process = multiprocessing.get_context("fork").Process(
        target=_become, args=(program, inherit, os.getpid())
    )
    signal.pthread_sigmask(
        signal.SIG_BLOCK, _OUR_SIGNALS
    )  # until the fork has forgotten what we do with them
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OUR_SIGNALS)
    return Fork(process)


def _become(program: Program, inherit: Sequence[int], parent: int) -> None:
    """In the fork: what exec would have done, then the module."""
    os.setsid()
    child.die_with(parent, program.orphan_signal)
    os.nice(program.niceness)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"tf-{program.name}".encode())  # what `top` shows
    _forget_signals()
    _replace_files(program, inherit)
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.environment)
    _, _, module, *arguments = program.command
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _OUR_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OUR_SIGNALS)


def _replace_files(program: Program, inherit: Sequence[int]) -> None:
    """Nothing of the parent's stays open, its lock least of all, but the descriptors to inherit."""
    log = os.open(program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    keep = sorted({2, *inherit})
    for below, above in zip(keep, [*keep[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(below + 1, above)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]

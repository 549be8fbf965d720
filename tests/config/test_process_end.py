"""A process whose threads are inside a client's code when the interpreter ends may never end itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from config.up.place import REPOSITORY

PROGRAM = """
    import atexit, os, threading

    def tell():  # registered first, so it comes last
        print(*(one.name for one in threading.enumerate()))
        print(counters.read()[("test_ends_total", (), "")] > before)

    atexit.register(tell)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    django.setup()
    from config.lib import counters, wake

    before = counters.read().get(("test_ends_total", (), ""), 0)
    counters.Counter("test_ends_total", "").add()
    wake.dispatcher()
    assert len(threading.enumerate()) == 3, threading.enumerate()
"""


@pytest.mark.timeout(60)
def test_no_thread_of_ours_outlives_the_end_and_what_it_counted_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert done.stdout.split() == ["MainThread", "True"]

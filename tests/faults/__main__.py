"""`python -m tests.faults` lists the scripts; with names, it runs them on servers of their own, exit 1 if one fails.

A name is a script's, the number of a promise (P3), or `all`. Scripts run on the kind of broker that CELERY_BROKER_URL
names, but those that are about one broker; none touches the server at that address.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from functools import partial

from config.lib import registry
from config.up import child
from tests.faults import report, script, versions
from tests.faults.ground import Ground


def main() -> int:
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.serve or given.broker:
        return _run_on(given.broker or script.usual_broker(), given)
    _load()
    return _run_each_on_its_broker(given) if given.names else _list()


def _run_each_on_its_broker(given: argparse.Namespace) -> int:
    """A process for each broker: what a process has read of its settings stays."""
    names = _able(given.names)
    left_out = given.report and len(names) < len(_chosen(given.names))
    options = ["--size", given.size, "--seed", str(given.seed)] + ["--report"] * given.report
    passed = []
    for broker in sorted({script.broker_of(name) for name in names}):
        on_it = [name for name in names if script.broker_of(name) == broker]
        passed.append(_run_elsewhere(*options, "--broker", broker, *on_it))
    return 0 if passed and all(passed) and not left_out else 1


def _run_elsewhere(*words: str) -> bool:
    """It cleans up before it ends, also where we are killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults", *words],
        preexec_fn=partial(child.die_with, os.getpid(), signal.SIGTERM),  # noqa: PLW1509
    )
    try:
        return process.wait() == 0
    finally:
        process.terminate()
        process.wait()


def _run_on(broker: str, given: argparse.Namespace) -> int:
    ground = Ground(broker)
    try:
        ground.open()
        _load()
        _migrate()
        names = (line.strip() for line in sys.stdin) if given.serve else _able(given.names, broker)
        results, on = [], versions.of(ground)
        for name in names:
            run = _run(name, ground, given, on)
            results.append(script.all_hold(run.figures))
            if given.report and _is_for_the_page(run, broker):
                report.write([run])
            if given.serve:
                print("=", "passed" if results[-1] else "failed", flush=True)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # said twice is said once
        ground.close()
    return 0 if results and all(results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="scripts to run, numbers of promises, or `all`")
    parser.add_argument("--size", default="full", help="small, full or a number")
    parser.add_argument("--broker", choices=script.BROKERS, help="run them all on this one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices")
    parser.add_argument(
        "--report", action="store_true", help="write docs/reliability.md, where the size is full"
    )
    parser.add_argument("--serve", action="store_true", help="read names from the standard input")
    return parser


def _list() -> int:
    for name in script.registry:
        one = script.registry.get(name)
        numbers = " ".join(one.promises)
        about = f"small {one.small}, full {one.full}: {one.promise.splitlines()[0]}"
        print(f"{numbers:5}{name:48} {about}")
    return 0


def _able(words: list[str], broker: str = "") -> list[str]:
    """Those of the chosen that this machine can run, and that this broker is for; the others are named."""
    able = []
    for name in _chosen(words):
        one = script.registry.get(name)
        if not one.can_run:
            print(
                f"{name}: left out, this machine has not what it needs (docs/faults.md)", flush=True
            )
        elif broker and one.broker not in ("", broker):
            print(f"{name}: left out, it is about {one.broker}", flush=True)
        else:
            able.append(name)
    return able


def _chosen(names: list[str]) -> list[str]:
    """Raises SystemExit where a name is nobody's."""
    chosen: list[str] = []
    for name in names:
        found = [one for one in script.registry if name == "all" or _is_meant(one, name)]
        if not found:
            raise SystemExit(f"No script proves {name}: `python -m tests.faults` lists them.")
        chosen += [one for one in found if one not in chosen]
    return chosen


def _is_meant(one: str, name: str) -> bool:
    return name == one or name.upper() in script.registry.get(one).promises


def _run(name: str, ground: Ground, given: argparse.Namespace, on: str) -> report.Run:
    one = script.registry.get(name)
    sizes = {"small": one.small, "full": one.full}
    size = sizes[given.size] if given.size in sizes else int(given.size)
    began = time.monotonic()
    figures = script.run(one, ground, size=size, seed=given.seed)
    took = time.monotonic() - began
    return report.Run(name, one.promises, size, given.seed, took, figures, on, one.settings)


def _is_for_the_page(run: report.Run, broker: str) -> bool:
    """At full size, on the broker that the script is for."""
    one = script.registry.get(run.script)
    return run.size == one.full and broker == (one.broker or "redis")


def _load() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.settings")
    django.setup()
    registry.load("tests.faults.scripts")


def _migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: starts a system of its own, measures, prints a table and writes JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import uuid
from pathlib import Path

from config.up import trial


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--events", type=int, default=10_000, help="events of the throughput and backlog measures"
    )
    parser.add_argument(
        "--json", type=Path, default=Path("var/bench.json"), help="where the figures are written"
    )
    parser.add_argument(
        "--only", choices=["runs", "thinking", "webhooks", "folders", "queues"], help="a part of it"
    )
    parser.add_argument(
        "--only-saves", type=int, help=argparse.SUPPRESS
    )  # in a child, see long_queue.py
    given = parser.parse_args()
    if given.only_saves:
        sys.stdout.write(str(_save_p95(given.only_saves)))
        return
    with (
        tempfile.TemporaryDirectory(prefix="tf-files-") as files,
        trial.running(OUTBOUND_ALLOW="127.0.0.1", FILE_WATCH_ROOTS=files) as system,
    ):
        os.environ["VAR_DIR"] = str(system.folder)  # settings find its servers there
        os.environ["FILE_WATCH_ROOTS"] = files
        os.environ["OUTBOUND_ALLOW"] = "127.0.0.1"
        figures = _measure(given.only, events=given.events, supervisor=system.pid)
    _print(figures)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    about = {"python": platform.python_version(), "cpus": os.cpu_count(), "events": given.events}
    given.json.write_text(json.dumps({"about": about, "figures": figures}, indent=2) + "\n")


def _set_up() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.setdefault("LOG_LEVEL", "WARNING")  # the table is what people read here
    django.setup()


Figures = dict[str, dict[str, float]]


def _measure(only: str | None, *, events: int, supervisor: int) -> Figures:
    _set_up()
    parts = {
        "runs": lambda: _measure_runs(events),
        "thinking": lambda: _measure_thinking(supervisor),
        "webhooks": _measure_webhooks,
        "folders": _measure_folders,
        "queues": _measure_queues,
    }
    figures: Figures = {}
    for part in [only] if only else parts:
        figures |= parts[part]()
    return figures


def _measure_runs(events: int) -> Figures:
    from benchmarks import ground, long_queue, measures, schedules

    free = ground.no_op_agent(ground.workspace("free"), limited=False)
    limited = ground.no_op_agent(ground.workspace("limited"), limited=True)
    measures.warm_up(free)
    saves = ground.workspace("saves")
    return {
        "what an event adds to a save (ms)": measures.save_cost(saves, saves=150),
        "at rest (ms)": measures.at_rest(limited, events=300),
        "throughput, no limits": measures.throughput(free, events=events),
        "throughput, every limit asked": measures.throughput(limited, events=events),
        "backlog, every limit asked": measures.backlog(limited, events=events),
        "a save while Redis is away (ms)": long_queue.saves_without_redis(saves=150),
        "a claim (ms)": long_queue.claim_cost(limited),
        "a look at schedules of which none is due": schedules.at_rest(free),
        "10,000 schedules due in one minute, of 100,000": schedules.lateness(free),
        "a save beside a long queue (ms)": long_queue.saves_beside(saves, saves=150),
    }


def _measure_thinking(supervisor: int) -> Figures:
    from benchmarks import ground, measures, thinking

    others = ground.no_op_agent(ground.workspace("others"), limited=False)
    measures.warm_up(others)
    title = f"{thinking.RUNS} runs that each wait {thinking.SECONDS:g} s on a model"
    return {title: thinking.in_flight(others, supervisor=supervisor)}


def _measure_webhooks() -> Figures:
    from benchmarks import webhooks

    with webhooks.nothing_dispatched():
        accepted = webhooks.accepted()
        waits = webhooks.waits()
    return {
        "webhooks accepted, none dispatched": accepted,
        "the answer to a webhook at 200 per second, none dispatched": waits,
        "the answer to a webhook at 200 per second, all dispatched and run": webhooks.waits(),
        "webhooks accepted, while workers run them": webhooks.accepted(sizes=webhooks.SIZES[1:2]),
    }


def _measure_folders() -> Figures:
    from benchmarks import folders, ground

    reader = ground.no_op_agent(ground.workspace("folders"), limited=False)
    root = Path(os.environ["FILE_WATCH_ROOTS"])
    return {f"{folders.FOLDERS:,} watched folders": folders.watched(reader, root=root)}


def _measure_queues() -> Figures:
    from benchmarks import ground, queues

    reader = ground.no_op_agent(ground.workspace("queues"), limited=False)
    rates = queues.rates(reader)
    return {**rates, f"{queues.SOURCES} queue sources at rest": queues.at_rest(reader)}


def _save_p95(saves: int) -> float:
    _set_up()
    from benchmarks import ground, long_queue

    return long_queue.save_p95(ground.workspace(f"alone-{uuid.uuid4()}"), saves=saves)


def _print(figures: Figures) -> None:
    for title, group in figures.items():
        sys.stdout.write(f"\n{title}\n")
        for name, value in group.items():
            sys.stdout.write(f"  {name:<42} {value:>12,.2f}\n")


if __name__ == "__main__":
    main()

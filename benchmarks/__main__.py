"""`make bench`: starts a system of its own, measures, prints a table and writes JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
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
    given = parser.parse_args()
    with trial.running() as system:
        os.environ["VAR_DIR"] = str(system.folder)  # settings find its servers there
        figures = _measure(given.events)
    _print(figures)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    about = {"python": platform.python_version(), "cpus": os.cpu_count(), "events": given.events}
    given.json.write_text(json.dumps({"about": about, "figures": figures}, indent=2) + "\n")


def _measure(events: int) -> dict[str, dict[str, float]]:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from benchmarks import ground, measures

    owner = ground.workspace("bench")
    trigger = ground.no_op_agent(owner, event_type="contact_created")
    measures.warm_up(trigger)
    return {
        "what an event adds to a save (ms)": measures.save_cost(
            ground.workspace("saves"), saves=150
        ),
        "at rest (ms)": measures.at_rest(trigger, events=300),
        "throughput": measures.throughput(trigger, events=events),
        "backlog": measures.backlog(trigger, events=events),
    }


def _print(figures: dict[str, dict[str, float]]) -> None:
    for title, group in figures.items():
        sys.stdout.write(f"\n{title}\n")
        for name, value in group.items():
            sys.stdout.write(f"  {name:<42} {value:>12,.2f}\n")


if __name__ == "__main__":
    main()

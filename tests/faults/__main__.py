"""`python -m tests.faults` lists the scripts; with names, it runs them on servers of their own, exit 1 if one fails."""

from __future__ import annotations

import argparse
import signal
import sys

from config.lib import registry
from tests.faults import script
from tests.faults.ground import Ground


def main() -> int:
    given = _parser().parse_args()
    if not given.names and not given.serve:
        return _list()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ground = Ground()
    try:
        ground.open()
        _set_up()
        names = (line.strip() for line in sys.stdin) if given.serve else _chosen(given.names)
        results = []
        for name in names:
            results.append(_run(name, ground, given))
            if given.serve:
                print("=", "passed" if results[-1] else "failed", flush=True)
    finally:
        ground.close()
    return 0 if all(results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="scripts to run, or `all`")
    parser.add_argument("--size", default="full", help="small, full or a number")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices")
    parser.add_argument("--serve", action="store_true", help="read names from the standard input")
    return parser


def _list() -> int:
    _set_up_registry()
    for name in script.registry:
        one = script.registry.get(name)
        print(f"{name:32} small {one.small}, full {one.full}: {one.promise.splitlines()[0]}")
    return 0


def _chosen(names: list[str]) -> list[str]:
    return script.registry.names() if names == ["all"] else names


def _run(name: str, ground: Ground, given: argparse.Namespace) -> bool:
    one = script.registry.get(name)
    sizes = {"small": one.small, "full": one.full}
    size = sizes[given.size] if given.size in sizes else int(given.size)
    return script.run(one, ground, size=size, seed=given.seed)


def _set_up() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    _set_up_registry()


def _set_up_registry() -> None:
    registry.load("tests.faults.scripts")


if __name__ == "__main__":
    sys.exit(main())

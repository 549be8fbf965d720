"""Whatever the API's description allows or forbids, the real server answers as described.

schemathesis asks every operation with every check on: good and bad values of each parameter and body, other methods,
no token, and what one answer names in the next request.
"""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator

from crm.models import ApiToken, Membership
from tests.corpus import ground as corpus
from tests.faults import script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly
from tests.openapi import asking

# By why (tests/openapi/beyond.py). If-Match is mostly stale, since nobody can guess it.
MOST_DROPPED = {
    "fields": 12,
    "stale": 25,
    "filters": 3,
    "page": 3,
    "no JSON": 3,
    "NUL": 3,
    "blank": 3,
    "digits as text": 3,
    "outage": 3,
}
FEW = 5  # examples with which the long phases are left out


@script.register("P31", small=1, full=50)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: examples of each operation in each phase."""
    folder = ground.place.root / "described"
    folder.mkdir()
    with corpus.running(folder, TRY_PER_MINUTE="0", FORM_PER_MINUTE="0") as server:
        url = f"http://{server.host}"
        schema = folder / "schema.json"
        with urllib.request.urlopen(f"{url}/api/schema/?format=json", timeout=60) as answer:
            schema.write_bytes(answer.read())
        operations = sum(len(one) for one in json.loads(schema.read_bytes())["paths"].values())
        kept = [str(pk) for rows in (ApiToken, Membership) for pk in _ids(rows)]
        told = asking.ask(
            schema,
            url=url,
            token=server.names["owner"],
            kept=kept,
            examples=size,
            phases="fuzzing" if size < FEW else asking.PHASES,
            seed=chance.randrange(10**6),
        )
        yield exactly("operations that were asked", told.operations, operations)
        yield at_least("requests", told.requests, size * operations)
        if told.found:
            print(told.said)
        yield exactly("findings", told.found, 0)
        for why, most in MOST_DROPPED.items():
            share = 100 * told.dropped.pop(why, 0) / max(told.requests, 1)
            yield at_most(
                f"right answers that no schema can tell, {why}, in a hundred", share, most
            )
        yield exactly("such answers for other reasons", dict(told.dropped), {})
        yield exactly("tracebacks in the server's log", server.new_in_log().count("Traceback"), 0)


def _ids(rows: type[ApiToken] | type[Membership]) -> list[object]:
    return list(rows._default_manager.values_list("pk", flat=True))

"""A program that changes contacts in every way that there is, until it has done so many changes or is killed.

`python -m tests.faults.writer SEED CHANGES FILE`, in the environment of a ground. One change in five is rolled back.
Each gives its contacts a title of its own, its mark. What became of each is written to the end of the file:
`began <mark> <contacts>` before the transaction ends, then `committed <mark> <contacts>` or `undone <mark> <contacts>`.
"""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import django

MANY = 5  # contacts of one bulk change
Outcome = Literal["began", "committed", "undone"]


@dataclass(frozen=True)
class Change:
    """`outcome` is `began` where its program was killed before it could say more: it committed, or it did not."""

    mark: str
    outcome: Outcome
    contacts: int

    @property
    def events(self) -> set[int]:
        """How many events it may have."""
        none, all_of_them = {0}, {self.contacts}
        return {"began": none | all_of_them, "committed": all_of_them, "undone": none}[self.outcome]


class _Undone(Exception):
    """A change that its program takes back."""


def read(told: Path) -> list[Change]:
    """What the file says of all changes so far."""
    found: dict[str, Change] = {}
    for line in told.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            outcome, mark, contacts = line.split()
            found[mark] = Change(mark, cast("Outcome", outcome), int(contacts))
    return list(found.values())


def main() -> None:
    django.setup()
    from django.db import transaction

    chance = random.Random(int(sys.argv[1]))
    with Path(sys.argv[3]).open("a", buffering=1) as told:
        for _ in range(int(sys.argv[2])):
            change, mark, outcome = chance.choice(_CHANGES), str(uuid.uuid4()), "committed"
            contacts = 0
            try:
                with transaction.atomic():
                    contacts = change(mark)
                    told.write(f"began {mark} {contacts}\n")
                    if chance.random() < 0.2:
                        raise _Undone
            except _Undone:
                outcome = "undone"
            told.write(f"{outcome} {mark} {contacts}\n")


def _save(mark: str) -> int:
    from crm.models import Contact
    from tests.faults import rows

    email = f"{uuid.uuid4()}@example.org"
    Contact(workspace=rows.workspace(), email=email, title=mark).save()
    return 1


def _create_many(mark: str) -> int:
    from crm.models import Contact
    from tests.faults import rows

    owner = rows.workspace()
    made = Contact.objects.bulk_create(
        Contact(workspace=owner, email=f"{uuid.uuid4()}@example.org", title=mark)
        for _ in range(MANY)
    )
    return len(made)


def _change_one(mark: str) -> int:
    from crm.models import Contact

    contact = Contact.objects.order_by("?").first()
    if contact is None:
        return 0
    contact.title = mark
    contact.save()
    return 1


def _update_many(mark: str) -> int:
    from crm.models import Contact

    ids = list(Contact.objects.order_by("?").values_list("pk", flat=True)[:MANY])
    return Contact.objects.filter(pk__in=ids).update(title=mark)


def _update_each(mark: str) -> int:
    from crm.models import Contact

    contacts = list(Contact.objects.order_by("?")[:MANY])
    for contact in contacts:
        contact.title = mark
    return Contact.objects.bulk_update(contacts, ["title"])


_CHANGES: list[Callable[[str], int]] = [
    _save,
    _create_many,
    _change_one,
    _update_many,
    _update_each,
]


if __name__ == "__main__":
    main()

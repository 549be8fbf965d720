"""What is told of what was seen; without a disk and without waiting."""

from __future__ import annotations

import random

from triggers.sources.file_watch.ledger import Happened, Ledger
from triggers.sources.file_watch.looking import Seen

ALL = frozenset({"created", "modified", "deleted", "moved"})


def seen(inode: int, *, size: int = 1, at: int = 1) -> Seen:
    return Seen(inode, size, at, at)


def ledger(known: dict[str, Seen] | None = None, wanted: frozenset[str] = ALL) -> Ledger:
    return Ledger(dict(known or {}), quiet=5, wanted=wanted)


def tell(book: Ledger, now: float) -> list[Happened]:
    told = book.tell(book.ripe(now=now, most=100), now=now)
    book.settle(told)
    return told


def said(told: list[Happened]) -> list[tuple[str, str, str]]:
    return [(one.event, one.path, one.from_path) for one in told]


def test_each_change_begins_the_quiet_anew() -> None:
    book = ledger()
    book.notice("a", seen(1), now=0, wall=100)
    book.notice("a", seen(1, size=2, at=2), now=4, wall=104)
    assert book.next_due() == 9
    assert tell(book, 8.9) == []
    book.notice("a", seen(1, size=2, at=2), now=8.9, wall=109)  # the same again is no change
    (told,) = tell(book, 9)
    assert (told.event, told.first, told.seen) == ("created", 100, seen(1, size=2, at=2))
    assert book.next_due() is None
    assert book.known == {"a": seen(1, size=2, at=2)}


def test_what_came_and_went_is_not_told() -> None:
    book = ledger({"k": seen(2)})
    book.notice("a", seen(1), now=0, wall=0)
    book.notice("a", None, now=1, wall=1)
    book.notice("k", None, now=1, wall=1)
    book.notice("k", seen(2), now=2, wall=2)
    assert tell(book, 99) == []
    assert book.next_due() is None


def test_a_new_time_of_the_entry_alone_is_no_event() -> None:
    book = ledger({"a": seen(1)})
    book.notice("a", Seen(1, 1, 1, 9), now=0, wall=0)
    assert said(tell(book, 5)) == [("", "a", "")]
    assert book.known["a"].ctime == 9


def test_a_move_waits_for_its_other_end() -> None:
    book = ledger({"a": seen(1)})
    book.notice("a", None, now=0, wall=0)
    book.notice("b", seen(1), now=3, wall=3)
    assert tell(book, 5) == []
    assert book.next_due() == 8
    assert said(tell(book, 8)) == [("moved", "b", "a")]
    assert book.known == {"b": seen(1)}
    assert book.next_due() is None


def test_moves_on_and_over_and_round() -> None:
    book = ledger({"a": seen(1), "b": seen(2), "c": seen(3, size=3), "d": seen(4, size=4)})
    book.notice("a", None, now=0, wall=0)
    book.notice("x", seen(1), now=0, wall=0)
    book.notice("x", None, now=1, wall=0)
    book.notice("b", seen(1), now=1, wall=0)  # over b
    book.notice("c", seen(4, size=4), now=1, wall=0)  # c and d exchanged
    book.notice("d", seen(3, size=3), now=1, wall=0)
    assert sorted(said(tell(book, 9))) == [
        ("modified", "c", ""), ("modified", "d", ""), ("moved", "b", "a"),
    ]  # fmt: skip
    assert book.known == {"b": seen(1), "c": seen(4, size=4), "d": seen(3, size=3)}


def test_an_inode_that_is_used_again_is_no_move() -> None:
    book = ledger({"a": seen(1)})
    book.notice("a", None, now=0, wall=0)
    book.notice("b", seen(1, size=7, at=8), now=0, wall=0)
    assert sorted(said(tell(book, 5))) == [("created", "b", ""), ("deleted", "a", "")]


def test_what_nobody_wants_is_known_all_the_same() -> None:
    book = ledger({"a": seen(1), "m": seen(2)}, wanted=frozenset({"created"}))
    book.notice("a", None, now=0, wall=0)
    book.notice("m", None, now=0, wall=0)
    book.notice("n", seen(2), now=0, wall=0)
    assert sorted(said(tell(book, 5))) == [("", "a", ""), ("", "m", ""), ("created", "n", "")]
    assert book.known == {"n": seen(2)}


def test_a_whole_look_finds_what_is_gone() -> None:
    book = ledger({"a": seen(1), "b": seen(2)})
    book.notice("c", seen(3), now=0, wall=0)
    book.notice_all({"b": seen(2), "d": seen(4)}, now=1, wall=1)
    assert sorted(said(tell(book, 9))) == [("created", "d", ""), ("deleted", "a", "")]


def test_a_part_at_a_time() -> None:
    book = ledger()
    for n in range(10):
        book.notice(str(n), seen(n), now=0, wall=0)
    assert len(book.ripe(now=5, most=4)) == 4
    told = book.tell(book.ripe(now=5, most=4), now=5)
    book.settle(told)
    assert len(tell(book, 5)) == 6


def test_whatever_happens_the_events_lead_to_what_is_there() -> None:
    """Random creations, writes, moves and deletions, told at random moments and played back."""
    chance = random.Random(7)
    for _ in range(200):
        there = {f"k{n}": seen(n, at=n) for n in range(4)}
        book, played, now = ledger(there), dict(there), 0.0
        for turn in range(60):
            now += chance.choice([0.5, 1, 6])
            _act(chance, there, turn)
            book.notice_all(there, now=now, wall=now)
            _play_all(played, tell(book, now))
        for end in (now + 6, now + 12, now + 18):
            _play_all(played, tell(book, end))
        assert played == there == book.known
        assert book.next_due() is None


def _act(chance: random.Random, there: dict[str, Seen], turn: int) -> None:
    name, other = chance.choice("abcd"), chance.choice(["a", "b", "c", "d", "k0", "k1"])
    act = chance.choice(["write", "move", "delete"])
    if act == "write":
        inode = there[name].inode if name in there else 100 + turn // 2  # some are used again
        there[name] = seen(inode, size=chance.randrange(99), at=turn)
    elif act == "move" and other in there and other != name:
        there[name] = there.pop(other)
    elif act == "delete":
        there.pop(name, None)


def _play_all(played: dict[str, Seen], told: list[Happened]) -> None:
    for one in told:
        _play(played, one)


def _play(played: dict[str, Seen], one: Happened) -> None:
    if one.from_path:
        assert played.pop(one.from_path, None) is not None
    if one.event == "created":
        assert one.path not in played
    if one.seen is None:
        assert played.pop(one.path, None) is not None
    else:
        played[one.path] = one.seen

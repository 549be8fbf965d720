"""Where a Kafka cluster leads to: brokers that it names are held to the same rules as the address that was given."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.listeners import listening, wait_until
from tests.peers import Kafka
from tests.queues import MakeQueue
from triggers.models import Event, Trigger, TriggerStatus, Watch
from triggers.sources.message_queue.kafka_brokers import Scram

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


class Inside:
    """A port that nobody may reach; it remembers who did."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])

    def was_reached(self) -> bool:
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def inside() -> Iterator[Inside]:
    one = Inside()
    yield one
    one.close()


@pytest.fixture
def cluster() -> Iterator[Kafka]:
    """Nobody has sent anything: who sends connects to whatever it names, too."""
    found = Kafka(brokers=2)
    yield found
    found.close()


def only(settings: Settings, cluster: Kafka, *more: int) -> None:
    """What the operator opened: the one broker that the address names, and these ports."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}" for port in (cluster.port, *more)]


def is_in_error(trigger: Trigger) -> bool:
    return Trigger.objects.filter(pk=trigger.pk, status=TriggerStatus.ERROR).exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_a_broker_inside_is_refused_before_anybody_connects(
    cluster: Kafka, inside: Inside, make_queue: MakeQueue, settings: Settings, host: str
) -> None:
    trigger = make_queue("kafka", f"kafka://{cluster.address}", "orders", start_at="oldest")
    only(settings, cluster)
    cluster.name(2, host, inside.port)
    with listening():
        wait_until(lambda: is_in_error(trigger))
    said = Watch.objects.get().last_error
    assert f"{host}:{inside.port} as a broker" in said
    assert "not a public address" in said
    assert not inside.was_reached()
    assert not Event.objects.exists()


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1", "0.0.0.0", ""])
def test_addresses_that_are_never_public(
    cluster: Kafka, make_queue: MakeQueue, settings: Settings, host: str
) -> None:
    trigger = make_queue("kafka", f"kafka://{cluster.address}", "orders", start_at="oldest")
    only(settings, cluster)
    for broker in (1, 2):  # the first one too: it was let in under another name
        cluster.name(broker, host, 80)
    with listening():
        wait_until(lambda: is_in_error(trigger))
    assert "as a broker" in Watch.objects.get().last_error


def test_a_cluster_that_changes_its_mind_is_left(
    cluster: Kafka,
    inside: Inside,
    make_queue: MakeQueue,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("triggers.sources.message_queue.kafka._HEARD_EVERY_MS", 500)
    monkeypatch.setattr("triggers.sources.message_queue.kafka._PARTITIONS_EVERY", 1.0)
    trigger = make_queue("kafka", f"kafka://{cluster.address}", "orders", start_at="oldest")
    other = int(cluster.addresses[1].rpartition(":")[2])
    only(settings, cluster, other)
    cluster.send("orders", b"1")
    with listening():
        wait_until(Event.objects.exists)
        cluster.name(2, "127.0.0.1", inside.port)
        wait_until(lambda: is_in_error(trigger))
        assert f"127.0.0.1:{inside.port} as a broker" in Watch.objects.get().last_error
        cluster.name(2, "127.0.0.1", other)
        cluster.send("orders", b"2")
        wait_until(lambda: Event.objects.count() == 2)  # it is tried again, and goes on
    assert not is_in_error(trigger)


@pytest.mark.parametrize("query", ["security_protocol=none", "sasl_mechanism=GSSAPI"])
def test_what_nobody_speaks_is_told(kafka: Kafka, make_queue: MakeQueue, query: str) -> None:
    make_queue("kafka", f"kafka://u:p@{kafka.address}?{query}", "orders")
    with listening():
        wait_until(lambda: Watch.objects.filter(failures__gt=0).exists())
    assert f"`{query.partition('=')[0]}` is one of" in Watch.objects.get().last_error


def test_what_is_no_kafka_is_told(make_queue: MakeQueue, valkey: object) -> None:
    make_queue("kafka", f"kafka://127.0.0.1:{valkey.port}", "orders")  # type: ignore[attr-defined]
    with listening():
        wait_until(lambda: Watch.objects.filter(failures__gt=0).exists())
    assert "cannot be reached" in Watch.objects.get().last_error


def test_a_password_is_proven_as_the_standard_says() -> None:
    """The exchange of RFC 7677, section 3."""
    scram = Scram("sha256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    assert scram.first == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    answer = f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
    proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert scram.second(answer) == f"c=biws,r={nonce},p={proof}".encode()
    assert scram.is_proven_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert not scram.is_proven_by(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    "answer",
    [b"", b"r=other,s=QQ==,i=4096", b"r=mine-more,s=QQ==,i=2000000000", b"r=mine-more,s=?,i=1"],
)
def test_a_server_that_cheats_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"\A"):
        Scram("sha512", "user", "pw", "mine").second(answer)

"""Where queues may be, and what people see of their addresses."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from crm.models import Workspace
from tests.queues import MakeQueue
from triggers import blueprint, sources
from triggers.models import Trigger
from triggers.sources.message_queue import address, kinds
from triggers.watching import SourceBroken

SOURCE = sources.find("message_queue")
NOWHERE = Workspace(name="Nowhere", slug="nowhere")
URL = "redis://reader:s3cr3t-of-ours@queue.example.org:6380/2"


def config(**changes: Any) -> dict[str, Any]:
    return {"queue_type": "redis", "connection_url": URL, "queue_name": "orders", **changes}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "redis://reader:[secret]@queue.example.org:6380/2"),
        ("redis://:pw@q/0", "redis://:[secret]@q/0"),
        ("amqp://a:p%40ss@q/", "amqp://a:[secret]@q/"),
        ("amqp://a:p@ss@q/", "amqp://a:[secret]@q/"),
        ("sqs://KEY:abc+def@eu-central-1", "sqs://KEY:[secret]@eu-central-1"),
        ("kafka://a:9092,b:9092", "kafka://a:9092,b:9092"),
        ("redis://q/0?password=abc", "redis://q/0?password=[secret]"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert address.masked(url) == shown


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"connection_url": "http://q.example.org"}, "connection_url"),
        ({"connection_url": "redis://"}, "connection_url"),
        ({"connection_url": "redis://q:99999/0"}, "connection_url"),
        ({"connection_url": "redis://q/zero"}, "connection_url"),
        ({"connection_url": "unix:///run/valkey.sock"}, "connection_url"),
        ({"connection_url": "redis://10.0.0.1/0"}, "connection_url"),
        ({"connection_url": "redis://[::ffff:10.0.0.1]/0"}, "connection_url"),
        ({"connection_url": "redis://169.254.169.254:80/0"}, "connection_url"),
        ({"connection_url": "redis://u:[secret]@q.example.org/0"}, "connection_url"),
        ({"queue_type": "carrier pigeon"}, "queue_type"),
        ({"queue_name": ""}, "queue_name"),
        ({"queue_name": "a\x00b"}, "queue_name"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1001}, "batch_size"),
        ({"ack_mode": "never"}, "ack_mode"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_told_at_its_path(
    changes: dict[str, Any], path: str, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = []
    assert list(SOURCE.check(config(**changes), workspace=NOWHERE)) == [path]


def test_our_own_broker_is_refused(settings: Settings) -> None:
    settings.REDIS_URL = "redis://own.example.org:6379/0"
    settings.CELERY_BROKER_URL = "amqp://guest:guest@own.example.org"
    for kind, url in (
        ("redis", "redis://OWN.example.org./1"),
        ("rabbitmq", "amqp://other:pw@own.example.org/x"),
    ):
        given = config(queue_type=kind, connection_url=url)
        found = SOURCE.check(given, workspace=NOWHERE)
        assert "own broker" in found["connection_url"][0]


async def test_our_own_broker_is_refused_by_any_other_name(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost", "::1"]
    settings.REDIS_URL = "redis://localhost:7777/0"
    settings.CELERY_BROKER_URL = settings.REDIS_URL
    for host in ("127.0.0.1", "2130706433", "127.1"):
        parsed = address.parse(f"redis://{host}:7777/0", schemes=["redis"], port=6379)
        with pytest.raises(SourceBroken, match="own broker"):
            await address.admitted(parsed)


async def test_an_address_that_is_not_public_is_refused_when_connecting(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    for host in ("localhost", "127.1", "0x7f.1"):
        parsed = address.parse(f"redis://{host}:6390/0", schemes=["redis"], port=6379)
        with pytest.raises(SourceBroken, match="not a public address"):
            await address.admitted(parsed)


@pytest.mark.django_db
def test_the_password_is_stored_encrypted_and_kept_by_its_mask(
    make_queue: MakeQueue, api: Any
) -> None:
    trigger = make_queue("redis", URL, "orders")
    stored = Trigger.objects.get(pk=trigger.pk)
    shown = "redis://reader:[secret]@queue.example.org:6380/2"
    assert stored.config["connection_url"] == shown
    assert SOURCE.opened(stored.config, sealed=stored.sealed)["connection_url"] == URL
    answer = api.get(f"/api/v1/triggers/{trigger.pk}")
    assert "s3cr3t" not in answer.content.decode()
    assert answer.json()["config"]["connection_url"] == shown
    config_ = answer.json()["config"] | {"queue_name": "others"}
    assert api.patch(f"/api/v1/triggers/{trigger.pk}", {"config": config_}).status_code == 200
    stored.refresh_from_db()
    assert SOURCE.opened(stored.config, sealed=stored.sealed)["connection_url"] == URL
    moved = shown.replace("queue.example", "evil.example")
    with pytest.raises(blueprint.InvalidTrigger, match="password itself"):
        blueprint.store(stored, {"config": config_ | {"connection_url": moved}})


def test_a_form_that_leaves_the_kind_alone_means_redis() -> None:
    given = config()
    del given["queue_type"]
    assert SOURCE.prepare(given, sealed="")["queue_type"] == "redis"


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(SourceBroken, match=r"'confluent_kafka'.*requirements-queues\.txt"):
        kinds.client("confluent_kafka")

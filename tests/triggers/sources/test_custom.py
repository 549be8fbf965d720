"""Custom events: what may be emitted, and the filter of those who listen."""

from __future__ import annotations

from typing import Any

import pytest

from config.lib.ids import uuid7
from crm.models import Workspace
from triggers import event_types, sources
from triggers.models import Event
from triggers.sources import custom

SOURCE = sources.find("custom")
NOWHERE = Workspace(name="Nowhere", slug="nowhere")
CLOSED = event_types.register(
    "tests_custom.closed", label="Closed", schema={"type": "object"}, sample={"by": "us"}
)
OPEN = event_types.register(
    "tests_custom.open",
    label="Open",
    schema={"type": "object", "properties": {"door": {"type": "string"}}, "required": ["door"]},
    sample={"door": "north"},
    reserved=False,
)


def emit(workspace: Workspace, endpoint: str = "user_events", **more: Any) -> Event:
    return custom.emit_custom_event(
        endpoint, more.pop("data", {"a": 1}), workspace_id=workspace.pk, **more
    )


def test_an_event_has_its_endpoint_as_type_and_topic(acme: Workspace) -> None:
    event = Event.objects.get(pk=emit(acme).pk)
    assert (event.type, event.topic, event.source) == ("user_events", "user_events", "custom")
    assert event.payload == {"endpoint": "user_events", "data": {"a": 1}}


def test_a_dedupe_key_belongs_to_its_endpoint(acme: Workspace, other: Workspace) -> None:
    first = emit(acme, dedupe_key="k")
    assert emit(acme, dedupe_key="k").pk == first.pk
    assert emit(acme, "other_events", dedupe_key="k").pk != first.pk
    assert emit(other, dedupe_key="k").pk != first.pk
    assert Event.objects.count() == 3


def test_reserved_types_are_refused(acme: Workspace) -> None:
    with pytest.raises(custom.ReservedType):
        emit(acme, CLOSED.name)
    assert not Event.objects.exists()


def test_an_open_registered_type_is_checked_against_its_schema(acme: Workspace) -> None:
    assert emit(acme, OPEN.name, data={"door": "south"}).payload == {"door": "south"}
    with pytest.raises(event_types.InvalidPayload):
        emit(acme, OPEN.name, data={})


@pytest.mark.parametrize(
    "endpoint, data, dedupe_key, path",
    [
        ("", {}, "", "endpoint"),
        ("webhook:abc", {}, "", "endpoint"),
        ("Users", {}, "", "endpoint"),
        ("a" * 101, {}, "", "endpoint"),
        (None, {}, "", "endpoint"),
        ("users", [], "", "data"),
        ("users", None, "", "data"),
        ("users", {"a": "x" * 300_000}, "", "data"),
        ("users", {"a": "\ud800"}, "", "data"),
        ("users", {}, "k" * 151, "dedupe_key"),
        ("users", {}, "a\x00b", "dedupe_key"),
        ("users", {}, 5, "dedupe_key"),
    ],
)
def test_malformed_events_are_told_at_their_field(
    endpoint: Any, data: Any, dedupe_key: Any, path: str
) -> None:
    with pytest.raises(custom.CannotEmit) as caught:
        custom.emit_custom_event(endpoint, data, workspace_id=uuid7(), dedupe_key=dedupe_key)
    assert list(caught.value.problems) == [path]


FACTS = {"user": {"plan": "pro", "age": 30, "tags": ["a", "b"]}, "active": True, "none": None}


@pytest.mark.parametrize(
    "filter_, met",
    [
        ({}, True),
        ({"user.plan": "pro"}, True),
        ({"user": {"plan": "pro", "age": 30}}, True),
        ({"user": {"plan": "pro", "age": 31}}, False),
        ({"user.tags": ["a", "b"]}, True),
        ({"user.tags.1": "b"}, True),
        ({"user.age": "30"}, True),  # forms send text
        ({"active": True}, True),
        ({"active": 1}, False),
        ({"none": None}, True),
        ({"missing": None}, False),
        ({"user": {"plan": {"deeper": 1}}}, False),
    ],
)
def test_a_filter_is_judged_by_equality(filter_: dict[str, Any], met: bool) -> None:
    assert custom.matches_filter(filter_, FACTS)[0] is met


def test_the_trace_keeps_what_was_seen() -> None:
    _, trace = custom.matches_filter({"user": {"plan": "free"}, "x": 1}, FACTS)
    assert [(leaf["field"], leaf["actual"], leaf["met"]) for leaf in trace] == [
        ("user.plan", "pro", False),
        ("x", None, False),
    ]


@pytest.mark.parametrize(
    "config, path",
    [
        ({}, "endpoint"),
        ({"endpoint": "Users!"}, "endpoint"),
        ({"endpoint": "tests_custom.closed"}, "endpoint"),
        ({"endpoint": "*"}, "endpoint"),
        ({"endpoint": "users*"}, "endpoint"),
        ({"endpoint": "users.*.x"}, "endpoint"),
        ({"endpoint": "contact_*"}, "endpoint"),
        ({"endpoint": "tests_custom.*"}, "endpoint"),
        ({"endpoint": "users", "filter": []}, "filter"),
        ({"endpoint": "users", "filter": {"a..b": 1}}, "filter.a..b"),
        ({"endpoint": "users", "filter": {"": 1}}, "filter."),
    ],
)
def test_configuration_is_checked(config: dict[str, Any], path: str) -> None:
    assert list(SOURCE.check(config, workspace=NOWHERE)) == [path]


def test_description_sample_and_topic() -> None:
    config = {"endpoint": "user_events", "filter": {"user.plan": "pro", "data.kind": "new"}}
    assert SOURCE.check(config, workspace=NOWHERE) == {}
    assert SOURCE.describe(config) == "custom: user_events"
    assert SOURCE.topic(config, trigger_id=uuid7()) == SOURCE.sample_type(config) == "user_events"
    assert SOURCE.sample(config)["data"] == {"user": {"plan": "pro"}, "kind": "new"}
    assert SOURCE.sample({"endpoint": OPEN.name}) == OPEN.sample


def test_a_test_may_give_the_data_or_the_whole_payload() -> None:
    config = {"endpoint": "user_events"}
    whole = {"endpoint": "user_events", "data": {"a": 1}}
    assert SOURCE.payload_of(config, {"a": 1}) == SOURCE.payload_of(config, whole) == whole
    assert SOURCE.payload_of({"endpoint": OPEN.name}, {"door": "east"}) == {"door": "east"}


@pytest.mark.parametrize("endpoint", ["orders.*", "orders.eu.*", "orders_*", "new-orders.*"])
def test_an_endpoint_may_be_a_wildcard(endpoint: str) -> None:
    config = {"endpoint": endpoint, "filter": {"a": 1}}
    assert SOURCE.check(config, workspace=NOWHERE) == {}
    assert SOURCE.topic(config, trigger_id=uuid7()) == endpoint
    assert "*" not in SOURCE.sample_type(config)
    assert SOURCE.sample(config)["data"] == {"a": 1}


def test_many_are_recorded_in_their_order(acme: Workspace) -> None:
    given = [{"endpoint": "orders.paid", "data": {"n": n}} for n in range(custom.MAX_BATCH)]
    given[7]["dedupe_key"] = given[9]["dedupe_key"] = "same"
    recorded = custom.emit_custom_events(given, workspace_id=acme.pk)
    assert [event.payload["data"]["n"] for event in recorded[:10]] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 7]
    assert Event.objects.count() == custom.MAX_BATCH - 1


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([], "body"),
        ([{"endpoint": "a", "data": {}}] * (custom.MAX_BATCH + 1), "body"),
        ([{"endpoint": "a", "data": {}}, 5], "[1]"),
        ([{"endpoint": "a", "data": {}}, {"endpoint": "A", "data": {}}], "[1].endpoint"),
        ([{"endpoint": "a", "data": {}}, {"endpoint": "a"}], "[1].data"),
        ([{"endpoint": "a", "data": {}, "x": 1}], "[0].x"),
        ([{"endpoint": "a", "data": {}}, {"endpoint": OPEN.name, "data": {}}], "[1].data"),
    ],
    ids=["none", "too many", "no object", "endpoint", "no data", "unknown field", "schema"],
)
def test_one_that_is_wrong_keeps_out_all(acme: Workspace, given: list[Any], path: str) -> None:
    with pytest.raises(custom.CannotEmit) as caught:
        custom.emit_custom_events(given, workspace_id=acme.pk)
    assert list(caught.value.problems) == [path]
    assert not Event.objects.exists()

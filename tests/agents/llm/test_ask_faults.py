"""Language models that answer amiss, fail, or may not be asked: each ends in time, as what it is."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agents.actions import ActionFailed, HostAway
from agents.addresses import NotAllowed
from agents.llm import Unusable
from agents.models import FailingHost
from crm.models import Workspace
from tests.agents.llm.asking import SCORE, ask
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "reply",
    [
        Say(calls=[("answer", {"score": "seven"})]),
        Say(calls=[("answer", {"score": 70})]),
        Say(calls=[("answer", {})]),
        Say("Seven, I would say."),
        Say("[1, 2]"),
        Say(""),
    ],
    ids=["type", "range", "missing", "prose", "list", "empty"],
)
def test_an_answer_that_does_not_fit_is_none(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, reply: Say
) -> None:
    make_provider()
    brain.say(reply)
    with pytest.raises(Unusable):
        ask(acme, schema=SCORE)


AT_FAULT = {
    Fault.TOO_MANY: "429",
    Fault.SERVER_ERROR: "500",
    Fault.RESET: "broke off",
    Fault.HALF: "broke off",
    Fault.SILENT: "did not answer within 2 s",
    Fault.DRIP: "did not answer within 2 s",
}
ENDLESS = {Fault.SILENT, Fault.DRIP}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", list(AT_FAULT))
@pytest.mark.parametrize("kind", ["openai-compatible", "openai", "anthropic", "google"])
def test_a_fault_of_the_provider_is_worth_another_try_and_ends_in_time(
    acme: Workspace,
    brain: ModelServer,
    make_provider: MakeProvider,
    kind: str,
    fault: Fault,
    streamed: bool,
) -> None:
    make_provider(kind=kind)
    brain.say(fault)
    began = time.monotonic()
    with pytest.raises(ActionFailed, match=AT_FAULT[fault]) as caught:
        ask(
            acme,
            seconds=2 if fault in ENDLESS else 10,
            tell=(lambda _text: None) if streamed else None,
        )
    assert time.monotonic() - began < 15
    assert caught.value.retryable
    assert caught.value.host == brain.host
    assert "sk-canary" not in str(caught.value)
    assert len(brain.asked) == 1, "nobody down there tries again"
    if fault is Fault.TOO_MANY:
        assert caught.value.retry_after == 7


def test_the_breaker_opens_after_failures_in_a_row_and_spares_the_provider(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, settings: Any
) -> None:
    settings.HOST_FAILURES = 2
    make_provider()
    brain.say(Fault.SERVER_ERROR)
    for _ in range(2):
        with pytest.raises(ActionFailed):
            ask(acme)
    assert FailingHost.objects.get().open_until is not None
    with pytest.raises(HostAway):
        ask(acme)
    assert len(brain.asked) == 2


def test_a_private_address_needs_the_operator(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    make_provider()
    with pytest.raises(ActionFailed, match="OUTBOUND_ALLOW"):
        ask(acme)
    assert brain.asked == []


def test_tests_ask_nobody_outside(acme: Workspace, make_provider: MakeProvider) -> None:
    make_provider(base_url="https://93.184.216.34/v1")
    with pytest.raises(NotAllowed):
        ask(acme)

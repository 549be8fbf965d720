"""Deliveries in the admin: one list, each with a page, once more for what is stored, and a signed test."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executions import dispatcher
from executions.models import AuditEntry, Execution
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Event, Trigger, WebhookEndpoint, WebhookRejection

SECRET = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
LIST = reverse("admin:triggers_webhookrejection_changelist")


@pytest.fixture
def hook(make_agent: MakeAgent) -> Trigger:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})
    return make_hook(agent)


def make_hook(agent: Any, **config: Any) -> Trigger:
    trigger = Trigger(workspace=agent.workspace)
    config = {"webhook_config": {"secret": SECRET}, **config}
    given = {"name": "Hook", "agent_id": str(agent.pk), "trigger_type": "webhook", "config": config}
    blueprint.store(trigger, given)
    return trigger


def page_of(name: str, row: Any) -> str:
    return reverse(f"admin:triggers_{name}", args=[row.pk])


def send_test(who: Client, hook: Trigger, **body: Any) -> str:
    given = {"body": json.dumps(body or {"order": 17})}
    answer = who.post(page_of("trigger_send_test", hook), given)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(
    "kind", ["generic", "github", "slack", "telegram", "stripe", "standard", "bounce"]
)
def test_a_test_of_every_type_is_proved_and_stored(
    kind: str, ann: Client, make_agent: MakeAgent
) -> None:
    secret = SECRET.replace("+", "-")
    given = {
        "secret": secret,
        **({"bot_token": f"123456789:{'A' * 35}"} if kind == "telegram" else {}),
    }
    hook = make_hook(make_agent("Hook"), webhook_type=kind, webhook_config=given)
    status = 200 if kind == "telegram" else 202
    for number in (1, 2):
        form = ann.get(page_of("trigger_send_test", hook)).context["form"]
        page = send_test(ann, hook, **form.initial.get("body", form.fields["body"].initial))
        assert f"The answer was {status}: the request was proved and stored" in page, (
            "each test has a delivery id of its own"
        )
        assert secret not in page
        assert Event.objects.filter(type=f"webhook.{kind}").count() == number
    entry = AuditEntry.objects.filter(verb="send_test").latest("id")
    assert (entry.after or {})["status"] == status


def test_a_test_that_is_refused_says_why(ann: Client, make_agent: MakeAgent) -> None:
    rules = {"allowed_ips": ["192.0.2.1"]}
    hook = make_hook(make_agent("Hook"), validation_rules=rules)
    page = send_test(ann, hook)
    assert "It was refused with 403" in page
    assert "peer_not_allowed" in page
    assert WebhookRejection.objects.get().reason == "peer_not_allowed"
    assert not Event.objects.delivered().exists()


def test_what_only_the_sender_can_sign_says_so(ann: Client, make_agent: MakeAgent) -> None:
    key = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    hook = make_hook(make_agent("Hook"), webhook_type="standard", webhook_config={"secret": key})
    answer = ann.post(page_of("trigger_send_test", hook), {"body": "{}"}, follow=True)
    assert "Only the sender can sign" in answer.content.decode()


def test_a_viewer_sends_nothing(viewer: Client, hook: Trigger, ann: Client) -> None:
    send_test(ann, hook)
    event = Event.objects.delivered().get()
    assert viewer.post(page_of("trigger_send_test", hook), {"body": "{}"}).status_code == 403
    assert viewer.post(page_of("event_send_again", event), {"sure": "on"}).status_code == 403
    assert "send_again" not in viewer.get(page_of("event_change", event)).content.decode()
    assert "Accepted" in viewer.get(LIST).content.decode()


def test_the_list_shows_what_came_and_leads_to_it(ann: Client, hook: Trigger) -> None:
    send_test(ann, hook)
    WebhookRejection.objects.create(
        workspace=hook.workspace, trigger=hook, status=401, reason="unverified", service="generic",
        detail="The signature is missing.", method="POST", headers={"x-kind": "<b>order</b>"},
    )  # fmt: skip
    dispatcher.dispatch()
    event = Event.objects.delivered().get()
    shown = ann.get(LIST).content.decode()
    assert shown.count("The signature is missing.") == 1
    assert "Hook: queued." in shown
    assert page_of("event_change", event) in shown
    refused = page_of("webhookrejection_change", WebhookRejection.objects.get())
    assert refused in shown
    page = ann.get(refused).content.decode()
    assert "&lt;b&gt;order" in page
    assert "No event was made" in page
    for asked, number in [
        ("outcome=rejected", 1), ("outcome=accepted", 1), ("outcome=skipped", 0), ("reason=unverified", 1),
        ("time=hour", 2), (f"trigger={hook.pk}", 2), ("service=github", 0), ("q=nothing", 0), ("trigger=x", 2),
        (f"q={event.pk}", 1), (f"before={event.pk}", 0), ("before=x", 2),
    ]:  # fmt: skip
        answer = ann.get(f"{LIST}?{asked}")
        assert (asked, len(answer.context["cl"].result_list)) == (asked, number)


def test_pages_lead_further_back(ann: Client, hook: Trigger) -> None:
    WebhookRejection.objects.bulk_create(
        WebhookRejection(workspace=hook.workspace, trigger=hook, status=401, reason="unverified", method="POST")
        for _ in range(70)
    )  # fmt: skip
    first = ann.get(f"{LIST}?outcome=rejected")
    older = first.context["cl"].paginator.older
    assert "outcome=rejected" in older
    second = ann.get(f"{LIST}{older}")
    rows = [*first.context["cl"].result_list, *second.context["cl"].result_list]
    assert len({row.pk for row in rows}) == 70
    assert second.context["cl"].paginator.older == ""


def test_a_delivery_is_sent_again_as_a_new_event(ann: Client, hook: Trigger) -> None:
    send_test(ann, hook, order=18)
    first = Event.objects.delivered().get()
    dispatcher.dispatch()
    asked = ann.get(page_of("event_send_again", first)).content.decode()
    assert "nothing was done outside" in asked
    ann.post(page_of("event_send_again", first), {"sure": "on"})
    again = Event.objects.delivered().exclude(pk=first.pk).get()
    assert (again.repeat_of, again.payload, again.topic) == (first.pk, first.payload, first.topic)
    assert (again.verified, again.dedupe_key, again.actor[:5]) == (True, "", "user:")
    dispatcher.dispatch()
    assert Execution.objects.filter(event=again).count() == 1
    entry = AuditEntry.objects.get(verb="send_again")
    assert ((entry.after or {})["event_id"], entry.target_id) == (str(again.pk), str(first.pk))
    assert "Sent again" in ann.get(page_of("event_change", again)).content.decode()
    assert "sent again" in ann.get(LIST).content.decode()


def test_it_says_what_it_would_repeat_outside(ann: Client, hook: Trigger) -> None:
    send_test(ann, hook)
    dispatcher.dispatch()
    run = Execution.objects.get()
    run.steps.create(
        number=1, kind="send_email", effect="outside", state="done", idempotency_key="x", started_at=run.created_at
    )  # fmt: skip
    asked = ann.get(page_of("event_send_again", Event.objects.delivered().get())).content.decode()
    assert "Done again outside: Send e-mail, once." in asked


def test_what_was_deleted_cannot_be_sent_again(ann: Client, hook: Trigger) -> None:
    send_test(ann, hook)
    Event.objects.update(bodies_kept_days=7, payload={})
    event = Event.objects.delivered().get()
    assert "send_again" not in ann.get(page_of("event_change", event)).content.decode()
    answer = ann.post(page_of("event_send_again", event), {"sure": "on"}, follow=True)
    assert "deleted after 7 days" in answer.content.decode()
    assert Event.objects.delivered().count() == 1


def test_the_page_tells_how_to_set_the_sender_up(
    ann: Client, editor: Client, make_agent: MakeAgent
) -> None:
    hook = make_hook(make_agent("Hook"), webhook_type="github")
    token = WebhookEndpoint.objects.get().sealed
    page = ann.get(page_of("trigger_change", hook)).content.decode()
    assert "In the repository, Settings, Webhooks" in page
    assert f"…{token[-4:]}" in page
    assert token not in page
    shown = ann.post(page_of("trigger_show_address", hook), headers={"Accept": "application/json"})
    assert shown.json()["address"].endswith(token)
    assert "no-store" in shown["Cache-Control"]
    assert AuditEntry.objects.filter(verb="show_address").count() == 1
    page = editor.get(page_of("trigger_change", hook)).content.decode()
    assert "show_address" not in page
    refused = editor.post(
        page_of("trigger_show_address", hook), headers={"Accept": "application/json"}
    )
    assert refused.status_code == 403


def test_an_unsigned_address_is_marked_wherever_it_shows(
    ann: Client, make_agent: MakeAgent
) -> None:
    hook = make_hook(make_agent("Hook"), webhook_config={"unsigned": True})
    send_test(ann, hook)
    event = Event.objects.delivered().get()
    for page in (
        reverse("admin:triggers_trigger_changelist"),
        LIST,
        page_of("trigger_change", hook),
        page_of("event_change", event),
    ):
        shown = ann.get(page).content.decode()
        assert "tf-mark-danger" in shown or "tf-danger" in shown, page

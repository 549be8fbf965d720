"""REST of webhook types: upload, list, get, change, try and delete."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from crm.models import Role, Workspace
from executions.models import AuditEntry
from tests.conftest import MakeClient, MakeMember
from tests.stories import MakeAgent
from tests.triggers.types import BODY, KEY, SCHEMA, upload
from triggers import sandbox, webhook_types
from triggers.models import Event, OwnWebhookType, Trigger, WebhookRejection

URL = "/api/v1/webhook-types"


def post(api: APIClient, body: Any, url: str = URL) -> Any:
    return api.post(url, body, format="json")


def new_trigger(api: APIClient, agent: Any, **config: Any) -> Any:
    given = {"webhook_type": "Shop", "webhook_config": {"api_key": KEY}, **config}
    body = {"name": "Orders", "agent_id": str(agent.pk), "trigger_type": "webhook", "config": given}
    return api.post("/api/v1/triggers", body, format="json")


def test_an_upload_is_answered_stored_and_told(api: APIClient, acme: Workspace) -> None:
    answer = post(api, upload())
    assert answer.status_code == 201, answer.json()
    told = answer.json()
    assert (told["status"], told["warnings"]) == ("success", [])
    assert told["message"] == "The webhook type shop is stored."
    assert (told["webhook_type"], told["validation_required"], told["version"]) == ("shop", True, 1)
    assert (told["default_methods"], told["response_format"]) == (["POST"], "json")
    row = OwnWebhookType.objects.get(workspace=acme)
    assert row.parsed_sample == {"order_id": 17, "kind": "PAID"}
    read = api.get(f"{URL}/SHOP")
    assert read.json() == {
        key: value for key, value in told.items() if key not in ("status", "message", "warnings")
    }
    assert read.headers["ETag"]
    entry = AuditEntry.objects.get(verb="create", target_type="ownwebhooktype")
    assert entry.target_name == "shop"
    assert entry.after
    assert entry.after["custom_parser_code"] == told["custom_parser_code"]


def test_built_in_types_are_listed_first_and_stay(api: APIClient) -> None:
    post(api, upload())
    listed = api.get(URL).json()
    names = [one["webhook_type"] for one in listed["results"]]
    assert names == [*webhook_types.registry, "shop"]
    assert listed["total_count"] == len(names)
    last = api.get(f"{URL}?page=2&page_size={len(names) - 1}").json()["results"]
    assert [one["webhook_type"] for one in last] == ["shop"]
    generic = api.get(f"{URL}/generic").json()
    assert (generic["is_builtin"], generic["id"], generic["json_schema"]) == (True, None, {})
    for call in (api.delete, api.put, api.patch):
        refused = call(f"{URL}/Generic", {}, format="json")
        assert (refused.status_code, refused.json()["error_code"]) == (409, "builtin_type")


def test_faults_are_named(api: APIClient) -> None:
    refused = post(api, {"webhook_type": "shop", "paser": "json"})
    assert (refused.status_code, refused.json()["error_code"]) == (400, "invalid_webhook_type")
    assert refused.json()["details"] == {
        "parser": ["Missing required field: parser"],
        "json_schema": ["Missing required field: json_schema"],
        "paser": ["Unknown field."],
    }
    refused = post(api, upload(custom_parser_code="def parse(body, headers)\n return 1"))
    assert "Line 1, column 25: SyntaxError" in refused.json()["error_message"]
    post(api, upload())
    taken = post(api, upload())
    assert (taken.status_code, taken.json()["error_code"]) == (409, "name_taken")
    for body in ([], "x", [1], None):
        assert post(api, body).status_code == 400


def test_changes_move_the_version_and_know_of_each_other(api: APIClient) -> None:
    post(api, upload())
    etag = api.get(f"{URL}/shop").headers["ETag"]
    changed = api.patch(f"{URL}/shop", {"parser": "else"}, format="json", headers={"If-Match": etag})  # fmt: skip
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    stale = api.put(f"{URL}/shop", {"parser": "more"}, format="json", headers={"If-Match": etag})
    assert stale.status_code == 412
    renamed = api.put(f"{URL}/shop", {"webhook_type": "store"}, format="json")
    assert (renamed.status_code, renamed.json()["webhook_type"]) == (200, "store")
    assert api.get(f"{URL}/shop").status_code == 404
    assert api.delete(f"{URL}/store").status_code == 204
    verbs = AuditEntry.objects.filter(target_type="ownwebhooktype").order_by("id")
    assert [entry.verb for entry in verbs] == ["create", "update", "update", "delete"]


def test_a_trigger_of_an_own_type(api: APIClient, make_agent: MakeAgent) -> None:
    post(api, upload())
    agent = make_agent("Hook")
    created = new_trigger(api, agent)
    assert created.status_code == 201, created.json()
    told = created.json()
    assert told["config"]["webhook_type"] == "shop"
    assert told["config"]["webhook_config"] == {"api_key": "[secret …cret]"}
    trigger = Trigger.objects.get(pk=told["id"])
    assert (trigger.own_type and trigger.own_type.name) == "shop"
    assert KEY not in str(trigger.config)
    refused = api.delete(f"{URL}/shop")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "in_use")
    assert refused.json()["details"] == {"triggers": [{"id": told["id"], "name": "Orders"}]}
    warned = api.patch(f"{URL}/shop", {"required_config_fields": ["api_key", "id"]}, format="json")
    assert warned.json()["warnings"][-1].endswith("fits this type: Orders.")
    api.delete(f"/api/v1/triggers/{told['id']}")
    assert api.delete(f"{URL}/shop").status_code == 204


@pytest.mark.parametrize(
    "config, path",
    [
        ({"webhook_config": {}}, "config.webhook_config.api_key"),
        ({"webhook_config": {"api_key": KEY, "apikey": "x"}}, "config.webhook_config.apikey"),
        ({"webhook_config": {"api_key": 5}}, "config.webhook_config.api_key"),
        ({"webhook_config": {"api_key": KEY, "filter_events": {"a": 1}}}, "config.webhook_config.filter_events"),
        ({"webhook_config": {"api_key": "[secret …cret]"}}, "config.webhook_config.api_key"),
        ({"webhook_type": "shopp"}, "config.webhook_type"),
    ],
)  # fmt: skip
def test_a_trigger_is_checked_by_its_type(
    config: Any, path: str, api: APIClient, make_agent: MakeAgent
) -> None:
    post(api, upload())
    refused = new_trigger(api, make_agent("Hook"), **config)
    assert (refused.status_code, list(refused.json()["details"])) == (400, [path])


def test_conditions_of_a_trigger_know_its_fields(api: APIClient, make_agent: MakeAgent) -> None:
    post(api, upload())
    conditions = [{"field": "parsed.order_id", "operator": "greater_than", "value": 10}]
    trigger = new_trigger(api, make_agent("Hook")).json()
    changed = api.put(f"/api/v1/triggers/{trigger['id']}", {"conditions": conditions}, format="json")  # fmt: skip
    assert (changed.status_code, changed.json()["warnings"]) == (200, [])
    dry = api.post(f"/api/v1/triggers/{trigger['id']}/dry-run", {}, format="json").json()
    assert (dry["would_run"], dry["trace"][0]["actual"]) == (True, 17)


def test_a_stored_type_is_tried(api: APIClient) -> None:
    post(api, upload())
    config, headers = {"api_key": KEY}, {"X-Api-Key": KEY}
    found = post(api, {"config": config, "headers": headers}, f"{URL}/shop/try").json()
    assert (found["accepted"], found["parsed"]) == (True, {"order_id": 17, "kind": "PAID"})
    found = post(api, {"config": config, "body": BODY}, f"{URL}/shop/try").json()
    assert (found["status"], found["reason"]) == (401, "The validator answered False.")
    found = post(api, {"config": config, "raw": "{", "headers": headers}, f"{URL}/shop/try").json()
    assert found["error_code"] == "invalid_json"
    wrong: list[dict[str, Any]] = [{"hedders": {}}, {"headers": []}, {"config": 5}]
    for body in [*wrong, {"definition": {}}]:
        assert post(api, body, f"{URL}/shop/try").status_code == 400
    assert post(api, {}, f"{URL}/none/try").status_code == 404
    assert post(api, {}, f"{URL}/generic/try").status_code == 409
    assert not Event.objects.exists()
    assert not WebhookRejection.objects.exists()


def test_a_type_is_tried_before_it_is_stored(api: APIClient) -> None:
    config, headers = {"api_key": KEY}, {"x-api-key": KEY}
    body = {"definition": upload(), "config": config, "headers": headers}
    found = post(api, body, f"{URL}/try").json()
    assert (found["accepted"], found["parsed"]["order_id"]) == (True, 17)
    broken = {"definition": upload(validation_code="def validate(:")}
    refused = post(api, broken, f"{URL}/try")
    assert list(refused.json()["details"]) == ["definition.validation_code"]
    assert post(api, {}, f"{URL}/try").json()["details"].keys() == {"definition"}
    assert not OwnWebhookType.objects.exists()
    assert not AuditEntry.objects.filter(target_type="ownwebhooktype").exists()


def test_who_may(member: MakeMember, client_of: MakeClient, api: APIClient) -> None:
    post(api, upload())
    viewer = client_of(member("vera", role=Role.VIEWER))
    assert viewer.get(f"{URL}/shop").status_code == 200
    assert post(viewer, upload()).status_code == 403
    assert post(viewer, {}, f"{URL}/shop/try").status_code == 403
    assert viewer.delete(f"{URL}/shop").status_code == 403
    assert APIClient().get(URL).status_code == 401


def test_types_of_other_workspaces_are_not_there(api: APIClient, foreign_api: APIClient) -> None:
    post(foreign_api, upload())
    assert "shop" not in [one["webhook_type"] for one in api.get(URL).json()["results"]]
    for call in (api.get, api.put, api.patch, api.delete):
        assert call(f"{URL}/shop").status_code == 404
    assert post(api, {}, f"{URL}/shop/try").status_code == 404
    assert post(api, upload(parser="mine")).status_code == 201
    assert foreign_api.get(f"{URL}/shop").json()["parser"] == "custom"


def test_no_sandbox_is_a_503(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> Any:
        raise sandbox.Busy("full")

    monkeypatch.setattr(sandbox, "run", busy)
    answer = post(api, upload())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_list_asks_as_often_for_many(api: APIClient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(URL).status_code == 200
        return len(captured)

    queries()  # the token is marked as used
    few = queries()
    for number in range(3):
        given = {"webhook_type": f"shop{number}", "parser": "json", "json_schema": SCHEMA}
        assert post(api, given).status_code == 201
    assert queries() == few


@pytest.mark.parametrize("kind", ["shop", "github"])
def test_a_trigger_with_secrets_is_ready_and_says_what_is_wrong_with_it(
    api: APIClient, make_agent: MakeAgent, kind: str
) -> None:
    post(api, upload())
    given = {"shop": {"api_key": KEY}, "github": {"secret": KEY}}[kind]
    made = new_trigger(api, make_agent("Hook"), webhook_type=kind, webhook_config=given).json()
    url = f"/api/v1/triggers/{made['id']}/status"
    state = api.get(url).json()
    assert state["is_ready"], state["diagnosis"]
    Trigger.objects.filter(pk=made["id"]).update(sealed="")
    checks = {one["check"]: one for one in api.get(url).json()["diagnosis"]}
    assert not checks["configuration"]["ok"]
    assert checks["configuration"]["message"].startswith("webhook_config.")

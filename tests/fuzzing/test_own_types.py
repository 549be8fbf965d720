"""A workspace's own webhook type: whatever is sent, its validator lets in who holds the key, and nobody else."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.lib import json
from config.lib.ids import uuid7
from tests.fuzzing.bounds import bounded
from tests.fuzzing.shapes import anything, texts
from tests.triggers.types import KEY, upload
from triggers import intake, own_types
from triggers.intake import Accepted, Refused
from triggers.models import OwnWebhookType
from triggers.webhook_types import JSON, Incoming

GIVEN = upload(validation_required=True, response_format="json", default_methods=["POST"])
FIELDS = {"name" if name == "webhook_type" else name: value for name, value in GIVEN.items()}
keys = st.sampled_from(["", KEY, KEY[:-1], f" {KEY}", KEY.swapcase()]) | texts
headers = st.dictionaries(
    st.sampled_from(["x-api-key", "x-webhook-signature", "idempotency-key", "x-kind"]), keys
)
bodies = anything | st.fixed_dictionaries(
    {"event_type": st.sampled_from(["paid", "sent", "x"]) | anything},
    optional={"data": st.fixed_dictionaries({"id": anything}) | anything},
)


@bounded(40)
@given(value=bodies, said=headers, query=texts)
def test_only_who_holds_the_key_is_let_in(value: Any, said: dict[str, str], query: str) -> None:
    row = OwnWebhookType(workspace_id=uuid7(), **FIELDS)
    body = json.dumps(json.sanitise(value))
    asked = Incoming("POST", {**said, "content-type": JSON}, body, query=query)
    config = {"webhook_type": row.name, "webhook_config": {"api_key": KEY}}
    try:
        found = intake.judge(asked, config, now=0.0, find=partial(own_types.find, row=row))
    except Refused as refused:
        assert refused.status in {400, 401, 415, 422}
        return
    assert isinstance(found, Accepted)
    assert said.get("x-api-key") == KEY
    assert KEY not in str(found.payload["parsed"])
    assert json.loads(json.dumps(json.sanitise(found.payload)))

"""Every webhook type: a request is what its sender signed, to the bit, or it is refused in the one way."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.lib import json
from tests.fuzzing.bounds import bounded
from tests.fuzzing.shapes import anything, texts
from triggers import intake, webhook_types
from triggers.intake import Accepted, Answered, Refused
from triggers.webhook_types import Incoming, Unverified

NOW = 1_790_000_000.0
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes ....").decode()
CONFIG: dict[str, Any] = {"secret": SECRET, "bot_token": "123456:" + "a" * 35}
KINDS = list(webhook_types.registry)
HEADERS = sorted(
    {name for kind in KINDS for name in webhook_types.find(kind).signature_headers}
    | {"x-webhook-signature", "x-slack-request-timestamp", "webhook-id", "webhook-timestamp"}
    | {"idempotency-key", "x-github-delivery", "x-github-event", "content-type", "content-encoding"}
)
SAID = [
    *("", "sha256=", "v0=", "v1,", "v1a,", "v1", "t=,v1=", f"t={int(NOW)},v1=00", f"t={int(NOW)}", str(int(NOW))),
    *("0" * 64, "sha256=" + "0" * 64, "v1," + "A" * 44, "v1a," + "A" * 88, "v1,é v1a,é", "١٢٣", "-1", "1e9", "9" * 40),
    *("application/json", "application/x-www-form-urlencoded", "text/plain", "gzip", ",,,,", "=====", "\x00"),
]  # fmt: skip
headers = st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(SAID) | texts, max_size=6)


@pytest.mark.parametrize("kind", KINDS)
@bounded(60)
@given(body=st.binary(min_size=1, max_size=60), headers=headers)
def test_nothing_that_was_not_signed_is_accepted(
    kind: str, body: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(Unverified):
        webhook_types.find(kind).verify(Incoming("POST", headers, body), CONFIG, now=NOW)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "telegram"])
@bounded(60)
@given(body=st.binary(min_size=1, max_size=60), data=st.data())
def test_one_changed_bit_is_refused(kind: str, body: bytes, data: st.DataObject) -> None:
    found = webhook_types.find(kind)
    signed = {name.lower(): value for name, value in found.sign(body, CONFIG, now=NOW).items()}
    found.verify(Incoming("POST", signed, body), CONFIG, now=NOW)
    place = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[place // 8] ^= 1 << place % 8
    with pytest.raises(Unverified):
        found.verify(Incoming("POST", signed, bytes(changed)), CONFIG, now=NOW)
    name = data.draw(st.sampled_from(sorted(signed)))
    other = data.draw(texts)
    assume(other.strip() != signed[name])
    with pytest.raises(Unverified):
        found.verify(Incoming("POST", {**signed, name: other}, body), CONFIG, now=NOW)


@pytest.mark.parametrize("kind", KINDS)
@bounded(50)
@given(value=anything, said=headers)
def test_whatever_a_proven_sender_writes_is_read_or_refused(
    kind: str, value: Any, said: dict[str, str]
) -> None:
    found = webhook_types.find(kind)
    body = json.dumps(json.sanitise(value))
    signed = {name.lower(): one for name, one in found.sign(body, CONFIG, now=NOW).items()}
    asked = Incoming("POST", {**said, "content-type": webhook_types.JSON, **signed}, body)
    try:
        answer = intake.judge(asked, {"webhook_type": kind, "webhook_config": CONFIG}, now=NOW)
    except Refused as refused:
        assert refused.status in {400, 401, 415}
        return
    assert isinstance(answer, Accepted | Answered)
    if isinstance(answer, Accepted):
        assert isinstance(answer.delivery_id, str)
        stored = json.sanitise(
            answer.payload, max_bytes=intake.MAX_STORED_BYTES
        )  # as every event's
        assert json.loads(json.dumps(stored)) == stored
        assert SECRET not in json.dumps(stored).decode()


NO_TEXT = st.sampled_from([None, 0, 5, True, "", [], ["x"], {}, {"x": "x"}])
BROKEN = st.sampled_from([None, 5, True, "POST", "x", [], [5], ["POST", None], {}, {"type": 5}])


@bounded(300)
@given(
    kind=st.sampled_from([*KINDS, "gone", ""]) | anything,
    changes=st.dictionaries(
        st.sampled_from(["webhook_config", "allowed_methods", "validation_rules"]),
        BROKEN
        | st.dictionaries(st.sampled_from(["required_headers", "content_types"]), BROKEN)
        | st.dictionaries(st.sampled_from(["allowed_ips", "json_schema", "x"]), BROKEN)
        | anything,
    ),
)
def test_a_broken_configuration_is_refused_or_does_not_matter(
    kind: Any, changes: dict[str, Any]
) -> None:
    """Signed as it should be: what is refused is refused in the one way."""
    signer = webhook_types.find(kind if kind in KINDS else "generic")
    signed = {name.lower(): one for name, one in signer.sign(b"{}", CONFIG, now=NOW).items()}
    asked = Incoming(
        "POST", {"content-type": webhook_types.JSON, **signed}, b"{}", peer="192.0.2.7"
    )
    config = {"webhook_type": kind, "webhook_config": CONFIG, **changes}
    try:
        intake.judge(asked, config, now=NOW)
    except Refused as refused:
        assert refused.status in {400, 401, 403, 405, 415}
    else:
        assert kind in KINDS
        assert config["webhook_config"] is CONFIG


@bounded(200)
@given(
    changes=st.dictionaries(st.sampled_from(["secret", "previous_secret"]), NO_TEXT), said=headers
)
def test_what_is_no_secret_proves_nothing(changes: dict[str, Any], said: dict[str, str]) -> None:
    for kind in KINDS:
        with pytest.raises(Unverified):
            webhook_types.find(kind).verify(Incoming("POST", said, b"{}"), changes, now=NOW)

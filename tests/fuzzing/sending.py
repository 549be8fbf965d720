"""Foreign text sent to a real server: to the address of each kind of webhook, own ones too, and to what reads
conditions, mappings, templates and cron expressions over REST.
"""

from __future__ import annotations

import json as stdlib_json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from config.lib import json
from tests.corpus import signing, wire
from tests.corpus.ground import Server
from tests.fuzzing import test_conditions, test_cron, test_mapping, test_templating
from tests.fuzzing.shapes import anything
from tests.fuzzing.test_webhook_types import headers
from tests.triggers.types import KEY, upload
from triggers.models import WebhookEndpoint

HEADERS = [("Content-Type", "application/json")]
OTHERS = ["unsigned", "strict", "text", "any_method", "rotating", "gone_type", "unreadable", "own"]
NAMES = [*signing.SECRETS, *OTHERS]
bodies = (
    st.binary(max_size=80)
    | anything.map(lambda value: stdlib_json.dumps(value).encode())
    | anything.map(lambda value: json.dumps(json.sanitise(value)))
)


def _step(value: Any) -> dict[str, Any]:
    return {"action": "notify", "params": {"message": value}}


rest = st.one_of(
    st.tuples(
        st.just("POST /api/v1/triggers/validate-conditions"),
        st.fixed_dictionaries({"conditions": test_conditions.trees | anything}),
    ),
    st.tuples(
        st.just("PATCH /api/v1/triggers/<trigger>"),
        st.fixed_dictionaries(
            {"input_mapping": st.dictionaries(st.just("x"), test_mapping.paths | anything)}
        ),
    ),
    st.tuples(
        st.just("PATCH /api/v1/agents/<agent>"),
        test_templating.values.map(lambda value: {"steps": [_step(value)]}),
    ),
    st.tuples(
        st.just("POST /api/v1/triggers/validate-cron"),
        st.fixed_dictionaries({"cron_expression": test_cron.texts | test_cron.fields | anything}),
    ),
)


class Sender:
    """Sends to `server`, each request from another address; `seen` counts the answers by status."""

    def __init__(self, server: Server) -> None:
        self.seen: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._server = server
        self._names = {**server.names, "own": self._own_type()}

    def send(self, examples: int, *, number: int) -> None:
        """So many of both kinds; another `number`, others."""
        for ask in (self._to_webhooks(), self._to_rest()):
            limited = settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(ask)
            seed(number)(limited)()

    def _to_webhooks(self) -> Callable[[], None]:
        @given(st.sampled_from(NAMES), bodies, headers, st.booleans())
        def ask(name: str, body: bytes, said: dict[str, str], is_signed: bool) -> None:
            signed = signing.headers(body, {"by": name}) if name in signing.SECRETS else []
            proof = [("X-Api-Key", KEY)] if name == "own" else signed
            odd = [(one, "".join(text.splitlines())) for one, text in said.items()]
            given_names = {one.lower() for one, _ in proof} if is_signed else set()
            more = [one for one in odd if one[0].lower() not in given_names]
            self._ask(
                f"POST /webhooks/{self._names[name]}", [*(proof if is_signed else []), *more], body
            )

        return ask

    def _to_rest(self) -> Callable[[], None]:
        @given(rest)
        def ask(asked: tuple[str, dict[str, Any]]) -> None:
            line, value = asked
            to = line.replace("<trigger>", self._names["trigger"])
            body = stdlib_json.dumps(value).encode()
            self._ask(to.replace("<agent>", self._names["agent"]), self._owner(), body)

        return ask

    def _ask(self, line: str, said: list[tuple[str, str]], body: bytes) -> wire.Answer | None:
        names = {name.lower() for name, _ in said}
        whole = [*said, *(HEADERS if "content-type" not in names else [])]
        lines = [(name, text.encode(errors="replace").decode()) for name, text in whole]
        number = self.seen.total()
        source = f"127.{20 + number // 62_500 % 200}.{number // 250 % 250}.{number % 250 + 1}"
        raw = wire.request(line, lines, body, host=self._server.host)
        try:
            answer = self._server.send(raw, source=source)
        except OSError:
            answer = None  # counts as one that there was not
        self.seen[answer.status if answer else 0] += 1
        if answer is None or answer.status >= 500:
            self.wrong.append(f"{raw!r}: {answer}")
        return answer

    def _owner(self) -> list[tuple[str, str]]:
        return [("Authorization", f"Bearer {self._server.names['owner']}")]

    def _own_type(self) -> str:
        """The address of a trigger of a type that this workspace uploaded."""
        self._made("/api/v1/webhook-types", upload(validation_required=True))
        config = {"webhook_type": "shop", "webhook_config": {"api_key": KEY}}
        trigger = self._made(
            "/api/v1/triggers",
            {
                "name": "own",
                "agent_id": self._server.names["agent"],
                "trigger_type": "webhook",
                "config": config,
            },
        )
        return WebhookEndpoint.objects.get(trigger_id=trigger["id"]).sealed

    def _made(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask(f"POST {path}", self._owner(), json.dumps(value))
        assert answer is not None
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.json()
        return made

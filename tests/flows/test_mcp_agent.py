"""An agent that a language model drives uses a tool of an MCP server, through the whole path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents import blueprint
from agents.mcp import trial
from agents.models import Agent, AgentStatus, FailingHost
from config.lib import clock
from crm.models import Workspace
from executions import approving, launch
from executions.models import Execution, Status, Step
from tests.agents.mcps import MakeServer, WebServer, journal
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)

SEARCH = {"mcp": "tests", "tool": "search", "needs_approval": False}
Thinker = Callable[..., Execution]


@pytest.fixture
def think(
    acme: Workspace,
    brain: ModelServer,
    make_provider: MakeProvider,
    run_everything_due: Callable[[], None],
) -> Thinker:
    """`think([tools], Say(...), ...)` runs an agent with these tools on what the model says; answers the run."""
    make_provider()

    def run(tools: list[Any], *says: Say, **fields: Any) -> Execution:
        brain.say(*says)
        agent = Agent(workspace=acme, status=AgentStatus.LIVE)
        given = {"name": "Thinker", "model": "local:small", "instructions": "Find it.", **fields}
        blueprint.store(agent, {**given, "tools": tools})
        execution = launch.run_now(agent, inputs={"topic": "boats"}, actor="user:1")
        run_everything_due()
        execution.refresh_from_db()
        return execution

    return run


def used(run: Execution) -> Step:
    return Step.objects.get(execution=run, number=2)


def calls(**arguments: Any) -> Say:
    return Say(calls=[("tests__search", arguments)])


def test_a_model_uses_a_tool_and_answers(
    brain: ModelServer, make_server: MakeServer, think: Thinker, tmp_path: Path
) -> None:
    make_server(env={"SECRET_TOKEN": "tok-canary-77"})
    run = think(
        [{**SEARCH, "params": {"index": "@inputs.topic"}}], calls(text="sails"), Say("Three.")
    )
    assert (run.status, run.error_message) == (Status.COMPLETED, "")
    assert run.output == {"answer": "Three.", "turns": 2}
    assert journal(tmp_path) == ["search sails boats"]
    step = used(run)
    assert (step.kind, step.state, step.effect) == ("mcp:tests/search", "done", "outside")
    assert step.request == {"text": "sails", "index": "boats"}
    assert (step.response or {})["structured"] == {"text": "found sails in boats", "count": 3}

    (told,) = brain.asked[0]["tools"]
    assert told["function"]["name"] == "tests__search"
    assert told["function"]["description"] == "From the server tests: Looks for a text."
    assert list(told["function"]["parameters"]["properties"]) == ["text"]
    assert "found sails in boats" in str(brain.asked[1]["messages"][-1])
    assert "canary" not in str(brain.asked)


def test_what_it_may_not_fill_is_refused(
    brain: ModelServer, make_server: MakeServer, think: Thinker, tmp_path: Path
) -> None:
    trial.tried(make_server())
    run = think(
        [{**SEARCH, "params": {"index": "public"}, "free": ["text"]}],
        calls(text="x", index="secret"),
        calls(index="secret"),
        calls(),
        calls(text=7),
        Say(calls=[("tests__write", {"text": "x"})]),
        Say("I give up."),
    )
    assert run.status == Status.COMPLETED
    assert journal(tmp_path) == []
    said = str(brain.asked[-1]["messages"])
    assert said.count("index is not yours to fill in.") == 2
    assert "required" in said
    assert "tests__write" in said
    assert "here; there are: tests__search." in said


def test_a_person_approves_what_nobody_says_is_harmless(
    make_server: MakeServer,
    think: Thinker,
    run_everything_due: Callable[[], None],
    tmp_path: Path,
) -> None:
    """The server says that it only reads; that is not believed unless it is trusted."""
    make_server()
    run = think([{"mcp": "tests", "tool": "search"}], calls(text="sails"), Say("Done."))
    assert run.status == Status.WAITING_APPROVAL
    assert journal(tmp_path) == []
    with pytest.raises(approving.InvalidParams):
        approving.approve(run, 2, by="ann", params={"text": 5})
    approving.approve(run, 2, by="ann", params={"text": "masts"})
    run_everything_due()
    run.refresh_from_db()
    assert (run.status, journal(tmp_path)) == (Status.COMPLETED, ["search masts public"])


def test_a_trusted_server_is_believed(
    make_server: MakeServer, think: Thinker, tmp_path: Path
) -> None:
    make_server(trusts_hints=True)
    tools = [{"mcp": "tests", "tool": name} for name in ("search", "put", "write")]
    run = think(
        tools, calls(text="x"), Say(calls=[("tests__write", {"text": "y"})]), Say("never said")
    )
    assert used(run).effect == "repeatable"
    assert run.status == Status.WAITING_APPROVAL
    assert Step.objects.get(execution=run, state="proposed").kind == "mcp:tests/write"
    assert journal(tmp_path) == ["search x public"]


def test_a_server_that_dies_in_mid_call_interrupts_the_run(
    make_server: MakeServer, think: Thinker, tmp_path: Path
) -> None:
    make_server()
    tools = [{"mcp": "tests", "tool": "die", "needs_approval": False}]
    run = think(tools, Say(calls=[("tests__die", {})]), Say("never said"))
    assert run.status == Status.INTERRUPTED
    assert used(run).state == "unknown"
    assert "ended with code 3" in run.error_message
    assert journal(tmp_path) == ["die"]


def test_a_repeatable_tool_is_tried_again(
    make_server: MakeServer,
    think: Thinker,
    brain: ModelServer,
    web_server: Callable[..., WebServer],
    run_everything_due: Callable[[], None],
    tmp_path: Path,
) -> None:
    web = web_server()
    server = make_server(url=web.url(), trusts_hints=True)
    trial.tried(server)
    web.kill()
    run = think([SEARCH], calls(text="x"), Say("Found."))
    assert run.status == Status.RETRYING, run.error_message
    assert FailingHost.objects.get().host == web.host
    web.start()
    Execution.objects.update(run_at=clock.now())
    run_everything_due()
    run.refresh_from_db()
    assert (run.status, journal(tmp_path)) == (Status.COMPLETED, ["search x public"])
    assert len(brain.asked) == 2, "the finished turn is not asked again"


def test_what_a_tool_says_against_it_the_model_reads(
    make_server: MakeServer, think: Thinker, brain: ModelServer
) -> None:
    make_server(env={"SECRET_TOKEN": "tok-canary-77"})
    tools = [{"mcp": "tests", "tool": n, "needs_approval": False} for n in ("refuse", "whoami")]
    run = think(
        tools,
        Say(calls=[("tests__refuse", {"why": "no stock"}), ("tests__whoami", {})]),
        Say("Sorry."),
    )
    assert run.status == Status.COMPLETED
    assert "tests: refuse failed" in str(brain.asked[1]["messages"])
    assert "no stock" in str(brain.asked[1]["messages"])
    assert "canary" not in str(brain.asked), "nor a secret that the server repeats"
    assert "canary" not in str(list(Step.objects.values_list("request", "response")))


def test_a_long_result_is_cut_for_the_model(
    make_server: MakeServer, think: Thinker, brain: ModelServer
) -> None:
    make_server()
    tools = [{"mcp": "tests", "tool": "huge", "needs_approval": False}]
    run = think(tools, Say(calls=[("tests__huge", {"kilobytes": 500})]), Say("Much."))
    assert run.status == Status.COMPLETED
    assert len(str(brain.asked[1]["messages"][-1])) < 25_000


def test_odd_names_are_made_safe(
    make_server: MakeServer, think: Thinker, brain: ModelServer
) -> None:
    make_server()
    tools = [{"mcp": "tests", "tool": "odd.name/of it", "needs_approval": False}]
    name = "tests__odd_name_of_it_"

    def reply(body: dict[str, Any]) -> Say:
        offered = body["tools"][0]["function"]["name"]
        assert offered.startswith(name)
        is_first = len(body["messages"]) == 2
        return Say(calls=[(offered, {"value": 4})]) if is_first else Say("odd")

    brain.think = reply
    run = think(tools)
    assert run.status == Status.COMPLETED
    assert used(run).response == {"text": "odd 4", "structured": {"result": "odd 4"}}


def test_a_deadline_ends_the_call(make_server: MakeServer, think: Thinker) -> None:
    make_server()
    tools = [{"mcp": "tests", "tool": "hang", "needs_approval": False}]
    run = think(
        tools,
        Say(calls=[("tests__hang", {"seconds": 60})]),
        Say("never said"),
        restrictions={"timeout_seconds": 8},
    )
    assert run.status == Status.TIMED_OUT
    assert used(run).state == "unknown"


def test_secrets_of_fixed_params_are_masked_and_stay_with_their_tool(
    api: APIClient, make_server: MakeServer, think: Thinker, brain: ModelServer, tmp_path: Path
) -> None:
    make_server()
    make_server(name="others")
    entry = {"mcp": "tests", "tool": "keyed", "params": {"api_key": "k-canary-1"}}
    run = think(
        [{**entry, "needs_approval": False}],
        Say(calls=[("tests__keyed", {"text": "x"})]),
        Say("ok"),
    )
    assert (run.status, journal(tmp_path)) == (Status.COMPLETED, ["keyed k-canary-1 x"])
    assert "canary" not in str(brain.asked) + str(list(Step.objects.values()))
    one = f"/api/v1/agents/{run.agent_id}"
    (shown,) = api.get(one).json()["tools"]
    assert shown["params"]["api_key"].startswith("[secret:")
    assert api.patch(one, {"tools": [shown]}).status_code == 200
    moved = api.patch(one, {"tools": [{**shown, "mcp": "others"}]})
    assert list(moved.json()["details"]) == ["tools[0].params.api_key"]

"""What tests of conditions in words begin with: an agent with a provider, a trigger that asks, a row that waits."""

from __future__ import annotations

import pytest

from agents.models import Agent
from crm.models import Workspace
from executions import dispatcher
from executions.models import Execution
from tests.agents.models import MakeProvider
from tests.executions.judging.judged import ASKS, NOTIFY, contact
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Trigger


@pytest.fixture
def agent(make_agent: MakeAgent, make_provider: MakeProvider) -> Agent:
    make_provider()
    return make_agent("Seller", NOTIFY)


@pytest.fixture
def trigger(agent: Agent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(agent, "contact_created", conditions=ASKS)


@pytest.fixture
def pending(acme: Workspace, trigger: Trigger) -> Execution:
    contact(acme)
    dispatcher.dispatch()
    return Execution.objects.get()

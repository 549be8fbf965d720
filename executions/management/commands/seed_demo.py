"""`manage.py seed_demo`: the demo workspace, made once; running it again changes nothing that somebody edited.

The last line printed is the address of the public form. `DEMO_PASSWORD` sets the password of the user `admin`, at
each run where it is given.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction

from agents import blueprint as agent_blueprint
from agents.models import Agent, AgentStatus
from config.lib import clock, secrets
from crm.models import Contact, Form, Membership, Opportunity, Role, Workspace
from executions import demo
from triggers import blueprint as trigger_blueprint
from triggers.models import Trigger


class Command(BaseCommand):
    help = "Makes the demo workspace, its form, agents and people, where they are missing."

    @transaction.atomic
    def handle(self, *_args: Any, **_options: Any) -> None:
        user = _admin()
        workspace, is_new = Workspace.objects.get_or_create(
            slug="demo", defaults={"name": "Demo Company"}
        )
        Membership.objects.get_or_create(
            workspace=workspace, user=user, defaults={"role": Role.OWNER}
        )
        form, _ = Form.objects.get_or_create(
            workspace=workspace, slug="talk-to-us", defaults=demo.FORM
        )
        if is_new:
            for plan in demo.AGENTS:
                _agent(workspace, user, plan)
            _people(workspace, user)
        self.stdout.write(f"workspace: {workspace.slug}")
        self.stdout.write(f"form: /forms/{form.public_id}/")


def _admin() -> User:
    user, is_new = User.objects.get_or_create(
        username="admin",
        defaults={"email": "admin@demo.example", "is_staff": True, "is_superuser": True},
    )
    password = os.environ.get("DEMO_PASSWORD", "")
    if password and not user.check_password(password):  # an unchanged one keeps its sessions
        user.set_password(password)
        user.save(update_fields=["password"])
    elif is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _agent(workspace: Workspace, user: User, plan: dict[str, Any]) -> None:
    """Live from the start, with a trigger of the same name."""
    agent = Agent(workspace=workspace, created_by=user, status=AgentStatus.LIVE)
    agent_blueprint.store(
        agent, {name: plan[name] for name in agent_blueprint.FIELDS if name in plan}
    )
    trigger = Trigger(workspace=workspace, created_by=user)
    given = {"name": plan["name"], "agent_id": str(agent.pk), **_with_secrets(plan["trigger"])}
    trigger_blueprint.store(trigger, given)


def _with_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_secrets(item) for name, item in value.items()}
    return secrets.new_token("whsec") if value == demo.FRESH else value


def _people(workspace: Workspace, user: User) -> None:
    """Quietly: the first event that anybody sees is their own."""
    mine = {"workspace": workspace, "owner": user}
    names = ("first_name", "last_name", "email", "company", "title")
    contacts = [
        Contact(**mine, source="demo", **dict(zip(names, person, strict=True)))
        for person in demo.CONTACTS
    ]
    Contact.objects.all().quietly().bulk_create(contacts)
    by_email = {contact.email: contact for contact in contacts}
    today = clock.now().date()
    deals = [
        Opportunity(
            **mine,
            name=name,
            value=value,
            stage=stage,
            contact=by_email[email],
            close_date=today + dt.timedelta(days=days),
        )
        for name, value, stage, email, days in demo.DEALS
    ]
    Opportunity.objects.all().quietly().bulk_create(deals)

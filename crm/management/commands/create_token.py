"""`manage.py create_token --workspace demo --user admin --scopes read,write,run` prints the token and nothing else."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm import tokens
from crm.models import SCOPES, Membership
from crm.models.workspace import known_scopes


class Command(BaseCommand):
    help = "Creates an API token and prints it: the only time that it is shown."
    requires_system_checks = ()
    output_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="slug of the workspace")
        parser.add_argument("--user", required=True, help="user name of a member")
        parser.add_argument(
            "--scopes", default="read", help=f"comma-separated, out of {', '.join(SCOPES)}"
        )
        parser.add_argument("--name", default="command line", help="what lists call the token")

    def handle(self, *args: Any, **options: Any) -> str:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        try:
            known_scopes(scopes)
        except ValidationError as error:
            raise CommandError(error.message) from None
        membership = (
            Membership.objects.select_related("workspace", "user")
            .filter(workspace__slug=options["workspace"], user__username=options["user"])
            .first()
        )
        if membership is None:
            raise CommandError(
                f"There is no member {options['user']!r} in a workspace {options['workspace']!r}."
            )
        _, secret = tokens.issue(
            membership.workspace, user=membership.user, name=options["name"][:100], scopes=scopes
        )
        return secret

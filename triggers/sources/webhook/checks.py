"""What is wrong with the parts of a webhook's configuration that no schema can check."""

from __future__ import annotations

import ipaddress
import uuid
from typing import Any

from crm.models import Workspace
from triggers import payload_schemas
from triggers.models import WebhookEndpoint
from triggers.payload_schemas import UnusableSchema
from triggers.sources import Problems


def problems_of_sharing(endpoint: str, workspace: Workspace) -> Problems:
    try:
        rows = WebhookEndpoint.objects.filter(workspace=workspace, trigger_id=uuid.UUID(endpoint))
    except ValueError:
        return {"endpoint": ["Give the id of another webhook trigger."]}
    return (
        {}
        if rows.exists()
        else {"endpoint": ["This workspace has no webhook trigger with this id."]}
    )


def problems_of_rules(rules: dict[str, Any]) -> Problems:
    problems: Problems = {}
    for index, one in enumerate(rules.get("allowed_ips", [])):
        try:
            ipaddress.ip_network(one, strict=False)
        except ValueError:
            problems[f"validation_rules.allowed_ips[{index}]"] = [
                "Give an address or a network such as 192.0.2.0/24."
            ]
    if "json_schema" in rules:
        try:
            payload_schemas.compiled(rules["json_schema"])
        except UnusableSchema as error:
            problems["validation_rules.json_schema"] = [f"Not a usable JSON Schema: {error}"]
    return problems

"""What a script ran on: cores, and the versions of what was broken and of what had to live with it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tests.faults import rabbitmq

if TYPE_CHECKING:
    from tests.faults.ground import Ground


def of(ground: Ground) -> str:
    """`2 cores; Python 3.11.7, Django 5.2.19, ... RabbitMQ 3.10.8`."""
    from django.db import connection

    connection.ensure_connection()
    database = connection.connection.info.parameter_status("server_version")
    with ground.redis() as client:
        about = client.info("server")
    valkey = about.get("valkey_version", about["redis_version"])
    versions = {
        "Python": platform.python_version(),
        "Django": version("django"),
        "Celery": version("celery"),
        "PostgreSQL": str(database).split()[0],
        "Valkey": valkey,
    }
    if ground.broker == "rabbitmq":
        with rabbitmq.connected(ground.address_of("CELERY_BROKER_URL")) as broker:
            node: Any = broker  # what it says of itself stands in no stub
            versions["RabbitMQ"] = node.server_properties["version"]
    return f"{os.cpu_count()} cores; " + ", ".join(
        f"{name} {one}" for name, one in versions.items()
    )

"""`manage.py listen`: watches queues, files and MCP servers, and whether events are answered, until it is told to
stop.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from config.lib import counters
from executions.canary_watch import Watcher
from executions.listener import Listener


class Command(BaseCommand):
    help = "Watches the sources of triggers: queues, files, MCP servers. Any number of them share the work."

    def handle(self, *_: Any, **__: Any) -> None:
        asyncio.run(_listen())


async def _listen() -> None:
    listener = Listener()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, listener.stop)
    watcher = Watcher()
    watcher.start()
    try:
        await listener.run()
    finally:
        watcher.stop()
        counters.flush()  # a forked process ends without what the interpreter does at its end otherwise

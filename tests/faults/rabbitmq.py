"""A RabbitMQ of the ground's own, by the scripts of Debian's package (`apt-get install rabbitmq-server`).

Everything that could meet another RabbitMQ of the machine is this one's own: ports, folders, cookie, plugins, and the
epmd by which Erlang's nodes find each other. That one is a child of ours as well; the node may not start one itself,
for such a one would outlive it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import amqp

from config.up.address import free_port
from config.up.child import Program
from config.up.place import CannotStart, Place
from config.up.servers import Server

QUEUES = ("dispatch", "execute", "alone")
EXCHANGES = ("dispatch", "celery.pidbox", "reply.celery.pidbox")
_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in sbin insists on being root
_CONFIG = """\
listeners.tcp.local = 127.0.0.1:{port}
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 1MB
log.file = false
log.console = true
log.console.level = warning
"""


def is_installed() -> bool:
    return os.access(_SCRIPT, os.X_OK) and shutil.which("epmd") is not None


def servers(place: Place) -> list[Server]:
    """epmd, then RabbitMQ; nothing runs yet. Raises CannotStart where they are not installed."""
    if not is_installed():
        raise CannotStart("RabbitMQ is not installed: sudo apt-get install rabbitmq-server")
    port, epmd = free_port(), free_port()
    folder = place.root / "rabbitmq"
    folder.mkdir(mode=0o700)
    (folder / "rabbitmq.conf").write_text(_CONFIG.format(port=port))
    (folder / "plugins").write_text("[].\n")
    environment = _environment(folder, epmd)
    names = Program(
        name="epmd",
        command=["epmd", "-port", str(epmd), "-address", "127.0.0.1"],
        log=place.log("epmd"),
        environment=environment,
    )
    node = Program(
        name="rabbitmq",
        command=[str(_SCRIPT)],
        log=place.log("rabbitmq"),
        environment=environment,
        stop_seconds=20,
    )
    url = f"amqp://guest:guest@127.0.0.1:{port}//"
    return [
        Server("ERL_EPMD_PORT", str(epmd), names, partial(_is_open, epmd)),
        Server("CELERY_BROKER_URL", url, node, partial(answers, url)),
    ]


def _environment(folder: Path, epmd: int) -> dict[str, str]:
    files = {
        "CONF_ENV_FILE": "no-environment-of-the-machine",
        "CONFIG_FILE": "rabbitmq.conf",
        "ADVANCED_CONFIG_FILE": "no-advanced.config",
        "ENABLED_PLUGINS_FILE": "plugins",
        "PLUGINS_EXPAND_DIR": "expanded",
        "MNESIA_BASE": "mnesia",
        "LOG_BASE": "log",
    }
    return {
        **{f"RABBITMQ_{name}": str(folder / file) for name, file in files.items()},
        "PATH": os.environ["PATH"],
        "HOME": str(folder),  # its cookie lies there
        "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        # One scheduler: it is small, and other programs are at work.
        "ERL_FLAGS": "+S 1:1 +A 2 -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_NODENAME": "triggerfish@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        # The script becomes the node instead of starting one: what the kernel tells our child, it tells the node.
        "RABBITMQ_ALLOW_INPUT": "true",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
    }


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


@contextlib.contextmanager
def connected(url: str) -> Iterator[amqp.Connection]:
    from kombu import Connection  # reads the address

    with Connection(url, connect_timeout=5) as connection:
        yield connection.connection


def answers(url: str) -> bool:
    """Whether somebody can log in."""
    with contextlib.suppress(OSError, amqp.AMQPError), connected(url):
        return True
    return False


def waiting(broker: amqp.Connection, queue: str) -> int:
    """Messages that it holds in this queue for whoever comes next."""
    return _looked_at(broker, queue)[1]


def consumers(broker: amqp.Connection, queue: str) -> int:
    """How many listen at this queue."""
    return _looked_at(broker, queue)[2]


def _looked_at(broker: amqp.Connection, queue: str) -> tuple[str, int, int]:
    """Its name, messages and consumers: none where nobody has asked for it yet."""
    try:
        return broker.channel().queue_declare(queue, passive=True) or (queue, 0, 0)
    except amqp.NotFound:
        return queue, 0, 0


def purge(broker: amqp.Connection, prefix: str) -> int:
    """How many messages that were."""
    count = 0
    for queue in QUEUES:
        with contextlib.suppress(amqp.NotFound):
            count += broker.channel().queue_purge(prefix + queue) or 0
    return count


def tidy_up(broker: amqp.Connection, prefix: str) -> None:
    """Leaves nothing of these names."""
    channel = broker.channel()
    for queue in QUEUES:
        channel.queue_delete(prefix + queue)
    for exchange in EXCHANGES:
        channel.exchange_delete(prefix + exchange)

"""A worker whose network cable is pulled loses its runs to others; plugged in again, it works as before.

It has a network of its own and is cut off from everything at once: the database, Redis, and the service that its runs
are asking. Packets are lost and no connection ends, as when a switch fails.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator

from executions.models import Execution, TriggerGate
from tests.faults import link, network, peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until

LARGE = 50
CUT_SECONDS = {False: 5.0, True: 90.0}


@script.register("P26", small=6, full=90, settings=script.QUICK, needs=network.can_be_made)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    servers = ["DATABASE_URL", "REDIS_URL"]
    if ground.broker == "rabbitmq":
        servers.append("CELERY_BROKER_URL")
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(network.made())
        other = stack.enter_context(peer.running(wire.outside))
        links = {
            name: stack.enter_context(link.to(ground.address_of(name), host=wire.outside))
            for name in servers
        }
        step = other.step("/hold", timeout_seconds=120)
        trigger = rows.listen(rows.agent("Asks", step, timeout_seconds=600), "asked")
        allowed = {"OUTBOUND_ALLOW": wire.outside}
        ground.start("worker", "alone", "beat", through=allowed)
        unplugged = {**allowed, **{name: address for name, (_, address) in links.items()}}
        (its,) = ground.start("agents", through=unplugged, inside=wire.inside)
        rows.happen("asked", size)
        flight = until(lambda: other.under_way == size, seconds=60)
        yield at_most("seconds until all are in flight", flight, 30)
        wire.cut()
        gone = until(lambda: not Execution.objects.filter(status="running", losses=0).exists())
        yield at_most("seconds until its runs were taken away", gone, 20)
        other.released.set()
        (others,) = ground.start("agents", through=allowed)
        done = until(lambda: rows.all_ended(size), seconds=90 + size)
        yield at_most("seconds until others have ended them", done, 60 + size)
        threading.Event().wait(CUT_SECONDS[size >= LARGE])
        others.kill()
        wire.join()
        rows.happen("asked", size)
        more = until(lambda: rows.all_ended(2 * size), seconds=90)
        yield at_most("seconds until it has ended as many more", more, 30)
        yield exactly("what became of all", dict(rows.statuses()), {"completed": 2 * size})
        counted = TriggerGate.objects.get(pk=trigger.pk).total_executions
        yield exactly("ends that were counted", counted, 2 * size)
        yield at_least("calls, the lost ones among them", other.calls["/hold"], 3 * size)
        again = Execution.objects.filter(losses=1).count()
        yield exactly("runs that began a second time, once each", again, size)
        yield exactly("that the worker is the same process", its.is_alive(), True)

"""Limits on callers: at most N calls a minute, counted in Redis, in one round trip, open when Redis is away.

The window slides: the share of the last minute that is still in sight counts, so that nobody gets twice the limit
around the turn of a minute. A refused call is not counted.
"""

from __future__ import annotations

import ipaddress
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from config.lib import errors, json

if TYPE_CHECKING:  # importing views here could be a circle: settings may name what uses this
    from rest_framework.views import APIView

log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 0.1
_WINDOW_SECONDS = 60

# KEYS: the counters. ARGV: window in seconds; the calls in their order, as JSON, each a list of (number of its counter,
# limit, what it counts). Answers for each call the milliseconds to wait, 0 = admitted, and which of its limits refuses.
# The clock is Redis' own, so that all processes share it.
_ADMIT = """
local window = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local slot = math.floor(now / window)
local gone = now / window - slot
local before, here, added, answers = {}, {}, {}, {}
for i, key in ipairs(KEYS) do
  before[i] = tonumber(redis.call('GET', key .. ':' .. (slot - 1)) or '0')
  here[i] = tonumber(redis.call('GET', key .. ':' .. slot) or '0')
  added[i] = 0
end
for _, call in ipairs(cjson.decode(ARGV[2])) do
  local wait, which = 0, 0
  for n, one in ipairs(call) do
    local i, limit, cost = one[1], one[2], math.min(one[3], one[2])
    if before[i] * (1 - gone) + here[i] + cost > limit then
      local until_room = 1 - gone
      if here[i] + cost <= limit and before[i] > 0 then
        until_room = 1 - gone - (limit - here[i] - cost) / before[i]
      end
      local mine = math.max(math.ceil(until_room * window * 1000), 1)
      if mine > wait then wait, which = mine, n end
    end
  end
  if wait == 0 then
    for _, one in ipairs(call) do
      local cost = math.min(one[3], one[2])
      here[one[1]], added[one[1]] = here[one[1]] + cost, added[one[1]] + cost
    end
  end
  answers[#answers + 1] = wait
  answers[#answers + 1] = which
end
for i, key in ipairs(KEYS) do
  if added[i] > 0 then
    redis.call('INCRBY', key .. ':' .. slot, added[i])
    redis.call('EXPIRE', key .. ':' .. slot, window * 2)
  end
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """`name` is what is limited (`emit`); a limit of 0 refuses nothing. `cost`: what one call counts."""

    name: str
    caller: str
    per_minute: int
    cost: int = 1

    @property
    def key(self) -> str:
        return f"throttle:{self.name}:{self.caller}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`seconds`: whole ones, for Retry-After. `limit`: the one that asks for the longest wait."""

    seconds: int
    limit: Limit


def seconds_to_wait(name: str, *, callers: Sequence[str], per_minute: int, cost: int = 1) -> int:
    """0 where the call is admitted, and then it has been counted for each caller; else whole seconds, for Retry-After.

    A call that counts more than the limit is let in when nothing else was.
    """
    (refusal,) = admit([[Limit(name, caller, per_minute, cost) for caller in callers]])
    return refusal.seconds if refusal else 0


def admit(calls: Sequence[Sequence[Limit]]) -> list[Refusal | None]:
    """Many calls in one round trip, in their order: each is counted in all of its limits, or refused and in none."""
    asked = [[limit for limit in call if limit.per_minute > 0] for call in calls]
    numbers = {
        key: n for n, key in enumerate(dict.fromkeys(one.key for call in asked for one in call), 1)
    }
    if not numbers:
        return [None] * len(calls)
    told = [[(numbers[one.key], one.per_minute, one.cost) for one in call] for call in asked]
    try:
        said: Any = _client().eval(
            _ADMIT, len(numbers), *numbers, str(_WINDOW_SECONDS), json.dumps(told)
        )
    except redis.RedisError:
        names = sorted({one.name for call in asked for one in call})
        log.warning("limit not checked, Redis is away", extra={"limit": ", ".join(names)})
        return [None] * len(calls)
    return [
        Refusal(math.ceil(wait / 1000), call[which - 1]) if wait else None
        for call, wait, which in zip(asked, said[::2], said[1::2], strict=True)
    ]


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=None,
    )


def address(request: HttpRequest | Request) -> str | None:
    """Who sent this: the real peer behind our own NUM_PROXIES proxies; None where it has no IP address."""
    meta = request.META
    return real_peer(meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR", ""))


def real_peer(remote: str, forwarded: str) -> str | None:
    """`address` of a connection from `remote`, which is no IP address where it is a unix socket.

    X-Forwarded-For is believed only as far as our own proxies wrote it.
    """
    found = remote
    parts = [part.strip() for part in forwarded.split(",") if part.strip()]
    if settings.NUM_PROXIES > 0 and parts:
        found = parts[-min(settings.NUM_PROXIES, len(parts))]
    return _plain_address(found)


@lru_cache(maxsize=10_000)
def _plain_address(text: str) -> str | None:
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])  # without an IPv6 zone
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def peer(request: HttpRequest | Request) -> str:
    """`address` for counting."""
    return network(address(request))


@lru_cache(maxsize=10_000)
def network(found: str | None) -> str:
    """An address for counting: an IPv6 network of /64 is one peer."""
    if found is None:
        return "unknown"
    if ":" in found:
        return str(ipaddress.ip_network(f"{found}/64", strict=False))
    return found


def answer(request: HttpRequest, *, wait: int) -> HttpResponse:
    """The 429 of plain Django views."""
    response = errors.answer(
        request,
        status=429,
        code="rate_limited",
        message=f"Too many requests; try again in {wait} seconds.",
    )
    response["Retry-After"] = str(wait)
    return response


class PerCaller(BaseThrottle):
    """Limits a REST view per user and per token; subclass it with the `name` and the `setting` that holds the limit.

    What one request counts is one, unless a subclass looks into it (`cost`).
    """

    name: ClassVar[str]
    setting: ClassVar[str]
    _wait = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        callers = (
            [f"user:{request.user.pk}"]
            if request.user.is_authenticated
            else [f"peer:{peer(request)}"]
        )
        if request.auth is not None:
            callers.append(f"token:{request.auth.pk}")
        limit = int(getattr(settings, self.setting))
        self._wait = seconds_to_wait(
            self.name, callers=callers, per_minute=limit, cost=self.cost(request)
        )
        return self._wait == 0

    def cost(self, request: Request) -> int:
        return 1

    def wait(self) -> float:
        return float(self._wait)

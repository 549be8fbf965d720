"""Limits on callers: at most N calls a minute, counted in Redis, in one round trip, open when Redis is away.

The window slides: the share of the last minute that is still in sight counts, so that nobody gets twice the limit
around the turn of a minute. A refused call is not counted.
"""

from __future__ import annotations

import ipaddress
import logging
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from config.lib import errors

if TYPE_CHECKING:  # importing views here could be a circle: settings may name what uses this
    from rest_framework.views import APIView

log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 0.1
_WINDOW_SECONDS = 60

# KEYS: one counter name per caller. ARGV: limit, window in seconds, what this call counts. It answers
# the milliseconds to wait, 0 = admitted.
# The clock is Redis' own, so that all processes share it.
_ADMIT = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local cost = math.min(tonumber(ARGV[3]), limit)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local slot = math.floor(now / window)
local gone = now / window - slot
local wait = 0
for _, key in ipairs(KEYS) do
  local before = tonumber(redis.call('GET', key .. ':' .. (slot - 1)) or '0')
  local here = tonumber(redis.call('GET', key .. ':' .. slot) or '0')
  if before * (1 - gone) + here + cost > limit then
    local until_room = 1 - gone
    if here + cost <= limit and before > 0 then
      until_room = 1 - gone - (limit - here - cost) / before
    end
    wait = math.max(wait, math.ceil(until_room * window * 1000), 1)
  end
end
if wait == 0 then
  for _, key in ipairs(KEYS) do
    redis.call('INCRBY', key .. ':' .. slot, cost)
    redis.call('EXPIRE', key .. ':' .. slot, window * 2)
  end
end
return wait
"""


def seconds_to_wait(name: str, *, callers: Sequence[str], per_minute: int, cost: int = 1) -> int:
    """0 where the call is admitted, and then it has been counted for each caller; else whole seconds, for Retry-After.

    `name` is what is limited (`emit`); a limit of 0 refuses nothing. A call that counts more than the limit is let in
    when nothing else was.
    """
    if per_minute <= 0 or not callers:
        return 0
    keys = [f"throttle:{name}:{caller}" for caller in callers]
    try:
        wait = _client().eval(
            _ADMIT, len(keys), *keys, str(per_minute), str(_WINDOW_SECONDS), str(cost)
        )
    except redis.RedisError:
        log.warning("limit not checked, Redis is away", extra={"limit": name})
        return 0
    return math.ceil(int(wait) / 1000)


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=None,
    )


def address(request: HttpRequest | Request) -> str | None:
    """Who sent this: the real peer behind our own NUM_PROXIES proxies; None where it has no IP address (a unix socket).

    X-Forwarded-For is believed only as far as our own proxies wrote it.
    """
    found = request.META.get("REMOTE_ADDR") or ""
    forwarded = [
        part.strip()
        for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if part.strip()
    ]
    if settings.NUM_PROXIES > 0 and forwarded:
        found = forwarded[-min(settings.NUM_PROXIES, len(forwarded))]
    try:
        ip = ipaddress.ip_address(found.partition("%")[0])  # without an IPv6 zone
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def peer(request: HttpRequest | Request) -> str:
    """`address` for counting: an IPv6 network of /64 is one peer."""
    found = address(request)
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

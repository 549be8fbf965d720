"""Settings, processes and the floor that every app stands on. Every process of ours imports it first."""

from __future__ import annotations

from config.celery import app as celery_app
from config.lib import allocator

__all__ = ["celery_app"]

allocator.give_back_large()

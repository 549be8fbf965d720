"""Settings, processes and the floor that every app stands on."""

from __future__ import annotations

from config.celery import app as celery_app

__all__ = ["celery_app"]

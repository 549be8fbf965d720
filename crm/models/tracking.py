"""Rows that know what a save changed."""

from __future__ import annotations

from django.db import models


class TrackedModel(models.Model):
    """Base of the rows whose changes are events."""

    class Meta:
        abstract = True

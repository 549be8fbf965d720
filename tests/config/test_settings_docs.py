"""What the documents say of settings is true: each is listed, and none is named that does not exist."""

from __future__ import annotations

import re

import pytest

from config.up.place import REPOSITORY

READ = re.compile(r'env\.\w+\(\s*f?"([A-Z][A-Z_]+)"')
NAMED = re.compile(r"`([A-Z][A-Z_]*_[A-Z_]+)`")
IN_FILE = re.compile(r"^#? ?([A-Z][A-Z_]+)=", re.MULTILINE)
DOCS = ("settings", "deployment", "monitoring", "forms")


def known() -> set[str]:
    sections = (REPOSITORY / "config/settings").glob("*.py")
    return {"PORT"}.union(*(READ.findall(section.read_text()) for section in sections))


def text_of(name: str) -> str:
    return (REPOSITORY / f"docs/{name}.md").read_text()


def test_each_setting_is_listed() -> None:
    listed = text_of("settings")
    assert sorted(name for name in known() if f"`{name}`" not in listed) == []


@pytest.mark.parametrize("name", DOCS)
def test_no_setting_is_made_up(name: str) -> None:
    text = text_of(name)
    named = {*NAMED.findall(text), *(IN_FILE.findall(text) if name == "deployment" else [])}
    assert sorted(named - known() - {"COMMAND"}) == []

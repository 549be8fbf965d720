"""Which sites a form may name."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm import origins


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://www.example.org", "https://www.example.org"),
        (" HTTPS://Www.Example.ORG:443/ ", "https://www.example.org"),
        ("http://example.org:80", "http://example.org"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://127.0.0.1:9", "https://127.0.0.1:9"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given: str, kept: str) -> None:
    assert origins.read(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "", "*", "https://*.example.org", "https://", "example.org", "//example.org", "null", "ftp://example.org",
        "javascript://x", "https://example.org/page", "https://example.org/?a", "https://example.org/#a",
        "https://user@example.org", "https://example.org:99999", "https://example.org:x", "https://exa mple.org",
        "https://example.org; script-src *", "https://example.org,https://b.example", "https://example.org\nX: y",
        "https://-a.example", "https://a..example", "https://" + "a" * 64 + ".example", "https://[::1", "https://[x]",
        "https://'self'", "https://" + "a." * 150 + "example", "https://\ud800.example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(origins.NoOrigin):
        origins.read(given)


def test_a_list_names_each_once_and_tells_each_fault() -> None:
    assert origins.read_all(["https://a.example/", "https://A.example"]) == ["https://a.example"]
    with pytest.raises(ValidationError) as raised:
        origins.read_all(["https://a.example", "*", 5])
    assert [text[:7] for text in raised.value.messages] == ["Site 2:", "Site 3:"]
    several: list[Any] = ["https://a.example", None, {}, ["https://a.example"] * 51]
    for odd in several:
        with pytest.raises(ValidationError):
            origins.read_all(odd)


def test_the_column_holds_them_in_that_shape_only() -> None:
    origins.known_origins(["https://a.example"])
    with pytest.raises(ValidationError):
        origins.known_origins(["https://A.example/"])

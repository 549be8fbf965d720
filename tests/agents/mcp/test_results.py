"""What tools answer, in the shape of a step's output."""

from __future__ import annotations

import pytest
from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from agents.mcp import Answered, results


def test_texts_are_joined_and_the_rest_is_named() -> None:
    answer = CallToolResult(
        content=[
            TextContent(text="one"),
            EmbeddedResource(resource=TextResourceContents(uri="a://b", text="two")),
            ImageContent(data="QUJD", mime_type="image/png"),
            EmbeddedResource(resource=BlobResourceContents(uri="a://c", blob="QUJD")),
            ResourceLink(uri="a://d", name="D"),
        ]
    )
    assert results.output("t", answer) == {
        "text": "one\ntwo",
        "other": [
            {"type": "image", "mime_type": "image/png", "bytes": 3},
            {"type": "resource", "mime_type": "", "bytes": 3},
            {"type": "resource_link", "uri": "a://d", "name": "D"},
        ],
    }


def test_structure_is_told_once() -> None:
    answer = CallToolResult(content=[TextContent(text='{"a": 1}')], structured_content={"a": 1})
    assert results.output("t", answer) == {"text": "", "structured": {"a": 1}}
    said = CallToolResult(content=[TextContent(text="one")], structured_content={"a": 1})
    assert results.output("t", said) == {"text": "one", "structured": {"a": 1}}


def test_a_long_text_is_cut() -> None:
    answer = CallToolResult(content=[TextContent(text="x" * 1_000_000)])
    assert len(results.output("t", answer)["text"]) < 201_000


def test_a_failure_is_told_in_its_own_words() -> None:
    answer = CallToolResult(content=[TextContent(text="no stock")], is_error=True)
    with pytest.raises(Answered, match="t failed: no stock"):
        results.output("t", answer)
    with pytest.raises(Answered, match="does not say why"):
        results.output("t", CallToolResult(content=[], is_error=True))

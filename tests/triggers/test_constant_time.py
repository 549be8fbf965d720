"""What proves a sender is compared in constant time, everywhere: no `==` on a secret, a signature or a digest."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from triggers import webhook_types

TRIGGERS = Path(__file__).resolve().parents[2] / "triggers"
FILES = sorted(
    {
        *(TRIGGERS / "webhook_types").glob("*.py"),
        *(TRIGGERS / "receiving").glob("*.py"),
        *(TRIGGERS / "intake").glob("*.py"),
        *(TRIGGERS / name for name in ("signatures.py", "webhook_groups.py", "webhook_secrets.py")),
        *TRIGGERS.glob("own_types*.py"),
    }
)
SENSITIVE = re.compile(r"secret|sign|digest|hmac|hash|token|given|computed|wanted|password|key$")
COMPARING = {"any_equal", "check_hex", "compare_digest"}


def words(node: ast.AST) -> Iterator[str]:
    """Every name, attribute and key in an expression."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def careless(source: str) -> list[str]:
    """Comparisons of something sensitive that end at the first difference: `==`, `!=`, `in`, startswith, match."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            kinds = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
            parts = [node.left, *node.comparators]
            written_out = (
                ast.Constant,
                ast.Tuple,
                ast.Set,
            )  # `version == "v1"`, `"secret" in config`
            plain = all(isinstance(part, written_out) for part in parts[1:]) or (
                isinstance(node.left, ast.Constant) and isinstance(node.ops[0], ast.In | ast.NotIn)
            )
            is_careless = any(isinstance(one, kinds) for one in node.ops) and not plain
        elif isinstance(node, ast.Match):
            parts, is_careless = [node.subject], True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts, is_careless = [node.func.value], node.func.attr == "__eq__"
        else:
            continue
        if is_careless and any(
            SENSITIVE.search(word.lower()) for part in parts for word in words(part)
        ):
            found.append(f"line {node.lineno}: {ast.unparse(node)[:100]}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_secret_is_compared_with_an_operator(path: Path) -> None:
    assert careless(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "given == computed",
        "request.header('x-signature') == expected",
        "signature != other",
        "given in wanted",
        "hmac.new(a, b, c).hexdigest() == x",
        "config['secret'] == x",
        "match signature:\n  case _: pass",
        "given.__eq__(x)",
    ],
)
def test_the_search_finds(line: str) -> None:
    assert careless(line)


@pytest.mark.parametrize(
    "line", ["version == 'v1'", "'secret' in config", "hmac.compare_digest(a, given)"]
)
def test_the_search_lets_pass(line: str) -> None:
    assert not careless(line)


@pytest.mark.parametrize("name", list(webhook_types.registry))
def test_each_type_compares_by_the_one_function(name: str) -> None:
    """Its own `verify`, or the one that it inherits, leads to `signatures.any_equal`."""
    module = Path(__import__(webhook_types.registry.module(name), fromlist=["_"]).__file__ or "")
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for source in (module, TRIGGERS / "webhook_types" / "generic.py")[
            : 2 if name == "bounce" else 1
        ]
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert called & COMPARING, name


def test_the_one_function_compares_every_pair_in_constant_time() -> None:
    source = (TRIGGERS / "signatures.py").read_text(encoding="utf-8")
    body = next(
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "any_equal"
    )
    assert "hmac.compare_digest(" in ast.unparse(body)
    assert any(isinstance(node, ast.ListComp) for node in ast.walk(body)), (
        "all pairs, not the first"
    )

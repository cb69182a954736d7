"""The site's navigation holds every page, and the API reference names modules that are there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def pages(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in pages(part)]


def test_every_page_is_in_the_navigation_once() -> None:
    there = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"])) == there


@pytest.mark.parametrize("page", sorted((DOCS / "api").glob("*.md")), ids=lambda page: page.stem)
def test_the_reference_names_modules_that_are_there(page: Path) -> None:
    named = re.findall(r"^::: ([\w.]+)$", page.read_text("utf-8"), re.M)
    assert named
    for module in named:
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), module


def test_the_reference_shows_where_every_public_name_is() -> None:
    shown = set(
        re.findall(r"^::: ([\w.]+)$", "\n".join(p.read_text("utf-8") for p in (DOCS / "api").glob("*.md")), re.M)
    )
    homes = re.findall(r'^    "\w+": "(amclip[\w.]+)"', (ROOT / "amclip" / "__init__.py").read_text("utf-8"), re.M)
    assert homes
    assert set(homes) <= shown


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.stem)
def test_commands_go_on_in_the_next_line_by_one_backslash(page: Path) -> None:
    for block in re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        assert not re.search(r"\\\\$", block, re.M), block

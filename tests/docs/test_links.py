"""Links and file names in the documentation lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT, pages, without_code

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|md|toml|ya?ml|json|lark|txt|sqlite)|(?:[\w.-]+/)+")
# Places from which the pages name files: the checkout, the package and its rooms.
BASES = (ROOT, ROOT / "services", ROOT / "services" / "heliograph", ROOT / "schemas")
# Files of the user, of examples, of the data folder and of test suites elsewhere, and addresses that look like files.
NOT_OURS = re.compile(
    r"var/|heliograph\.toml|sources\.yaml|.*\.sqlite|(topics|concepts|reader)/.*|.*NAME.*|/.*|feed\.json"
)


def prose(page: str) -> str:
    return without_code((ROOT / page).read_text("utf-8"))


def headings(path: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    text = without_code(path.read_text("utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages())
def test_every_link_inside_leads_to_a_file_and_a_heading(page: str) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in headings(target), f"{page}: {link}"


def files(page: str) -> Iterator[str]:
    for code in _CODE.findall(prose(page)):
        if _FILE.fullmatch(code) and not NOT_OURS.fullmatch(code):
            yield code


@pytest.mark.parametrize("page", [page for page in pages() if page != "docs/query-language.md"])
def test_every_file_that_is_named_is_there(page: str) -> None:
    for name in files(page):
        there = any((base / name).exists() for base in BASES)
        there = there or ("/" not in name and any((ROOT / "services" / "heliograph").glob(f"*/{name}")))
        assert there or (ROOT / page).parent.joinpath(name).exists(), f"{page} names `{name}`"


def test_the_index_leads_to_every_page() -> None:
    reached = {((ROOT / "docs") / link.partition("#")[0]).resolve() for link in _LINK.findall(prose("docs/index.md"))}
    later = {"benchmarks.md", "quality.md"}  # figures: README.md leads to them
    missing = [page for page in pages() if page.startswith("docs/") and (ROOT / page).resolve() not in reached]
    assert [page for page in missing if Path(page).name not in {*later, "index.md"}] == []

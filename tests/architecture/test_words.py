"""What no file may say: the environment read elsewhere, names of machines and registries, silence without a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "services" / "heliograph"
# Put together here, so that this file does not hold what it looks for.
REGISTRIES = ("py" + "pi.", "python" + "hosted", "registry." + "npmjs", "maven" + ".org", "proxy." + "golang")
IGNORE = re.compile(r"#\s*type:\s*ignore\b(?P<rest>.*)")
NOQA = re.compile(r"#\s*noqa\b(?P<rest>.*)", re.IGNORECASE)
IGNORE_EXPLAINED = re.compile(r"\[[a-z-]+(, ?[a-z-]+)*\]\s*#\s*\S+ \S+")
NOQA_EXPLAINED = re.compile(r":\s*[A-Z]+\d+(, ?[A-Z]+\d+)*\s*(-|#)\s*\S+ \S+")
PYTHON = sorted(path for folder in ("services", "tests") for path in (ROOT / folder).rglob("*.py"))


def _reads_environment(tree: ast.AST) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any("env" in a.name for a in node.names))
        for node in ast.walk(tree)
    )


def test_settings_alone_reads_the_environment() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if _reads_environment(ast.parse(path.read_text("utf-8")))
    }
    assert found == {"settings.py"}


@pytest.mark.parametrize("word", REGISTRIES)
def test_no_file_names_a_package_registry(word: str, tracked: list[Path]) -> None:
    assert len(tracked) > 200
    found = [str(path.relative_to(ROOT)) for path in tracked if word in path.read_text("utf-8", "replace").lower()]
    assert not found


def of_this_machine() -> set[str]:
    """Return the folders of whoever runs this: the checkout, what lies beside it, the home.

    Where installations and trials commonly lie, a path in an example is nobody's in particular.
    """
    beside = {path for path in ROOT.parent.iterdir() if path.is_dir()} if ROOT.parent != Path("/") else set()
    own = {str(path) for path in (ROOT, Path.home(), *beside) if path != Path("/")}
    return {f"{path}/" for path in own if not path.startswith(("/srv/", "/opt/", "/var/", "/tmp", "/usr/"))}


def test_no_file_holds_a_path_of_this_machine(tracked: list[Path]) -> None:
    texts = {path: path.read_text("utf-8", "replace") for path in tracked}
    assert [f"{path}: {own}" for path, text in texts.items() for own in of_this_machine() if own in text] == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_silences_a_check_says_why(path: Path) -> None:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        assert not unexplained(line), f"{path.relative_to(ROOT)}:{number}: {unexplained(line)}: {line.strip()}"


def unexplained(line: str) -> str:
    """Return what is wrong with how a line silences a check, or nothing."""
    if (found := IGNORE.search(line)) and not IGNORE_EXPLAINED.match(found["rest"]):
        return "an ignore needs its code and a reason in words"
    if (found := NOQA.search(line)) and not NOQA_EXPLAINED.match(found["rest"]):
        return "a noqa needs its code and a reason in words"
    return ""


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("x = 1  # type: " + "ignore", True),
        ("x = 1  # type: " + "ignore[misc]", True),
        ("x = 1  # type: " + "ignore[misc]  # the library says nothing", False),
        ("x = 1  # no" + "qa", True),
        ("x = 1  # no" + "qa: S101", True),
        ("x = 1  # no" + "qa: S101 - jitter, not a secret", False),
        ("x = 1  # a comment", False),
    ],
)
def test_the_check_for_reasons_tells_them_apart(line: str, wrong: bool) -> None:
    assert bool(unexplained(line)) is wrong

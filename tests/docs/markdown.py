"""What the generated pages are put together from: tables, headings, and the documentation that stands in the code."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Sequence

COMMAND = "python tests/docs/generate.py"
NOTE = f"<!-- Generated from the code by `{COMMAND}`; `make check` compares. Edit the code, not this file. -->"


def page(title: str, *parts: str) -> str:
    """Return a whole page: the note that it is generated, the title, then the parts with blank lines between."""
    return "\n\n".join((NOTE, f"# {title}", *(part.strip("\n") for part in parts if part))) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, or the empty string where there are no rows."""
    if not rows:
        return ""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Return inline code, or nothing for an empty text."""
    return f"`{text}`" if text else ""


def fenced(text: str, language: str = "text") -> str:
    """Return a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def prose(docstring: str | None) -> str:
    """Return a docstring as Markdown paragraphs."""
    return inspect.cleandoc(docstring or "")


def member_docs(cls: type) -> dict[str, str]:
    """Return what the string under each annotated or assigned member of a class says, one line each."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    (definition,) = tree.body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for member, below in zip(definition.body, [*definition.body[1:], ast.Pass()], strict=True):
        target = member.target if isinstance(member, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[target.id] = " ".join(str(below.value.value).split())
    return found


def type_name(annotation: object) -> str:
    """Return an annotation as a person writes it, without module names."""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    text = str(annotation)
    for module in ("heliograph.core.article.", "heliograph.core.event.", "datetime."):
        text = text.replace(module, "")
    return text.replace("typing.", "").replace("NoneType", "None")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

"""Queries in what our language shares with KQL and with Lucene's: random trees, and how they are written.

Left out of what is generated, since it is known and documented (docs/query-language.md, "From KQL and other
languages") that the languages differ:

- words side by side: `and` here, `or` there. Every operator is written;
- `title: a b`, which KQL reads as `title: (a or b)`;
- an asterisk at the end of a quoted value, which leaves the end open here alone;
- wildcards inside words and in field names, nested fields in braces: KQL alone;
- `not` after `not`, which KQL's grammar refuses: it is written `not (not a)` for KQL;
- `*` beside other things in `title: ( … )`, which is refused here;
- in Lucene, `[a TO b]` and `field:>=a` for times (ours is KQL's `field >= a`), `\\t`, `\\n` and `\\r`, which stand for
  the letter there, and `+`, `-`, `~` and `^` as operators.

Where an oracle is wrong itself, what it trips over is left out as well:

- kibana_ql 0.2 forgets a `not` that a tab or a line break follows: it reads `not\\taa` as `aa` (`_parse_not` looks for
  `"not "`). Behind `not` stands a space;
- the grammar of KQL cuts a word that ends in `not` before a space: `knot and aa` is refused, since `not ` counts as a
  keyword wherever it begins. No word ends in it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# Words

PLAIN = ["aa", "bb", "aab", "47", "Iran", "İRAN", "ırak", "Ёлка", "коридора", "dəhliz", "միջանցքի", "დერეფნის"]
PLAIN += ["توافقي"]
LETTERS = st.text(alphabet="abиёşəıწთհկتی0", min_size=2, max_size=4)
WORD = st.sampled_from(PLAIN) | LETTERS
"""Both oracles and we take these as one word each; none is a keyword, and none ends in `not`."""
SIGNS = ['"', "(", ")", ":", "<", ">", "*", "\\"]
SIGNED = {"kql": st.sampled_from([*SIGNS, "{", "}"]), "lucene": st.sampled_from([*SIGNS, *"{}[]^~+-/?!&|"])}
HYPHENED = st.builds("{}-{}".format, WORD, WORD)


def escaped(kind: str) -> st.SearchStrategy[str]:
    sign = SIGNED[kind].map("\\{}".format)
    return st.builds("".join, st.tuples(WORD, sign, WORD) | st.tuples(WORD, sign) | st.tuples(sign, WORD))


KEYWORD = st.sampled_from([r"\or", r"\and", r"\not", r"\OR", '"and"', '"not aa"', '"aa or bb"'])
CONTROL = st.sampled_from([r"aa\tbb", r"aa\nbb", r"\u0061a", r"bb\u0301", r"aa\u003abb", r'"aa\tbb"', r'"\u0430a"'])
PHRASE = st.builds(
    lambda words, signs: '"' + " ".join(map("{}{}".format, words, signs)) + '"',
    st.lists(WORD, min_size=1, max_size=3),
    st.lists(st.sampled_from(["", "", ":", ")", "(", r"\"", r"\\", " or", ","]), min_size=3, max_size=3),
)
SHARED = st.one_of(WORD, WORD, PHRASE, WORD.map("{}*".format), HYPHENED)
INNER_SIGNS = st.sampled_from(["AT&T", "Iran’s", "O'Brien", "aa.bb", "aa/bb", "aa+bb", "Koridoru'nun", "aa_bb*", "é"])
LITERALS = {
    "kql": SHARED | escaped("kql") | escaped("kql").map("{}*".format) | KEYWORD | CONTROL | INNER_SIGNS,
    "lucene": SHARED | escaped("lucene") | escaped("lucene").map("{}*".format),
}

VALUE = st.sampled_from(["ru", "fa", "ru*", "RU", "ria-novosti", '"ria novosti"', "ria*", "*", r"ria\:1", r"ri\*"])
MOMENT = st.sampled_from(["2026", "2026-03", "2026-03-01", '"2026-03-14T09:30"', r"2026-03-14T09\:30Z"])

# Queries: nested tuples, written out below


def queries(kind: str) -> st.SearchStrategy[str]:
    literal, capitals = LITERALS[kind], kind == "lucene"
    clauses = [
        ("field", st.sampled_from(["title", "text"]), literal | st.just("*")),
        ("field", st.sampled_from(["language", "source", "country"]), VALUE),
        ("field", st.sampled_from(["published", "fetched"]), MOMENT | st.just("*")),
    ]
    scoped = [
        ("scope", st.sampled_from(["title", "text"]), _trees(literal.map(lambda each: ("leaf", each)), 4)),
        ("scope", st.sampled_from(["language", "source"]), _trees(VALUE.map(lambda each: ("leaf", each)), 4)),
    ]
    leaves: list[st.SearchStrategy[Any]] = [literal.map(lambda each: ("leaf", each)), st.just(("leaf", "*"))]
    leaves += [st.tuples(st.just(name), field, value) for name, field, value in clauses + scoped]
    if kind == "kql":
        operator = st.sampled_from([">=", "<=", ">", "<"])
        leaves.append(st.tuples(st.just("compare"), st.sampled_from(["published"]), operator, MOMENT))
    return st.builds(
        lambda tree, style: Writer(style, capitals=capitals).write(tree), _trees(st.one_of(leaves), 9), st.integers(0)
    )


def _trees(leaves: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.just("and"), st.lists(inner, min_size=2, max_size=3)),
            st.tuples(st.just("or"), st.lists(inner, min_size=2, max_size=3)),
            st.tuples(st.just("not"), inner),
        ),
        max_leaves=most,
    )


class Writer:
    """Writes a tree as text, with parentheses where they are needed and, now and then, where they are not."""

    def __init__(self, style: int, *, capitals: bool) -> None:
        self.style, self.capitals = style, capitals

    def pick(self, *choices: str) -> str:
        self.style, chosen = divmod(self.style, len(choices))
        return choices[chosen]

    def space(self) -> str:
        return self.pick(" ", "  ", " ", "\n", "\t ", "\u00a0")

    def word(self, keyword: str) -> str:
        return keyword.upper() if self.capitals else self.pick(keyword, keyword.upper(), keyword.title())

    def write(self, tree: Any, needed: int = 0) -> str:
        match tree:
            case ("and" | "or" as kind, parts):
                level = 1 if kind == "and" else 0
                sign = f"{self.space()}{self.word(kind)}{self.space()}"
                text = sign.join(self.write(each, level + 1) for each in parts)
            case ("not", inner):
                # `not` binds tightest, and another one behind it is not KQL.
                level, text = 2, f"{self.word('not')} {self.write(inner, 3)}"
            case ("field", field, value):
                level, text = 3, f"{field}{self.pick(':', ': ')}{value}"
            case ("compare", field, operator, value):
                level, text = 3, f"{field}{self.pick(' ', '')}{operator}{self.pick(' ', '')}{value}"
            case ("scope", field, inner):
                level, text = 3, f"{field}{self.pick(':', ': ')}({self.write(inner)})"
                if inner == ("leaf", "*") and field in ("title", "text"):
                    text = f"{field}: *"
            case (_, literal):
                level, text = 3, literal
            case _:
                raise AssertionError(tree)
        return f"({text})" if level < needed or self.pick("", "", "", "(") else text

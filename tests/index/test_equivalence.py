"""The embedded index finds what the evaluator finds: random documents, random trees, every node of the language.

As a program it takes the number of examples: `python tests/index/test_equivalence.py 2000`.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliograph.core.article import Article, Document, Evidence, Match, Story
from heliograph.core.text import fold
from heliograph.index import elastic_body, elastic_chains
from heliograph.index.bounds import LONGEST
from heliograph.index.embedded import EmbeddedIndex
from heliograph.index.memory import MemoryIndex
from heliograph.index.plan import explained, plan
from heliograph.index.port import Index, Page, Search, Sort
from heliograph.query.morphology import STEM_LANGUAGES, stem_key
from heliograph.query.tree import (
    KEYWORD_FIELDS,
    NAME_FIELDS,
    TIME_FIELDS,
    All,
    And,
    AnyOf,
    Atom,
    Chain,
    Concept,
    Exists,
    Is,
    Mode,
    Node,
    Not,
    Or,
    Range,
    Term,
    Text,
)

EXAMPLES, TREES, DOCUMENTS, PAGE = 200, 50, 40, 25
"""Examples of a normal run; trees and documents in each: 10,000 pairs of a query and a set of documents."""

LONG = "n" * (LONGEST - 1)
# Elasticsearch keeps less of a word: those around its limit, of letters that are two units of UTF-16 each.
WIDE = "\U00010428" * (elastic_chains.LONGEST - 1)
WORDS = (
    *("iran", "iranian", "ir", "corridor", "corridors", "treaty", "Koridoru'nun", "koridor", "anlaşması", "İran"),
    *("коридор", "коридора", "Зангезурский", "договор", "ё", "کریدور", "ایران", "معاهده", "միջանցք", "միջանցքի"),
    *("დერეფანი", "დერეფნის", "ზანგეზური", "2024", "a", "b", "b", LONG, LONG + "n", LONG + "nn", LONG + "nm"),
    "iran&nbsp;treaty",
    *(WIDE, WIDE + "\U00010428", WIDE + "\U00010428\U00010429", WIDE + "\U00010429"),
)
TOKENS = tuple(dict.fromkeys(token for word in WORDS for token in fold(word).split()))
SOURCES = ("irna", "TASS", "news am", "News-AM", "—")
START = datetime(2026, 3, 1, tzinfo=UTC)


def documents(seed: int) -> list[Document]:
    """Return documents that share few words, values and moments, so that ties and matches are common."""
    random = Random(seed)

    def words(most: int) -> str:
        return random.choice((" ", " ", "-", ", ")).join(random.choices(WORDS, k=random.randint(0, most)))

    def moment() -> datetime:
        return START + timedelta(hours=random.randint(0, 30))

    found = []
    for number in range(DOCUMENTS):
        fetched = moment()
        article = Article(
            id=f"{number:03d}",
            revision="r",
            title=words(4),
            text=words(random.choice((0, 3, 12, 25))),
            feed=f"feed-{number % 3}",
            source=random.choice(SOURCES),
            fetched=fetched,
            sorted=min(fetched, moment()),
            published=random.choice((None, moment())),
            url=random.choice(("", "https://irna.ir/a/", "https://news.am/" + "long-" * 60)) + str(number % 7),
            language=random.choice(("", "en", "ru", "fa", "ka")),
            country=random.choice(("", "ir", "am")),
            authors=tuple(words(3) for _ in range(random.randint(0, 2))),
            categories=tuple(words(2) for _ in range(random.randint(0, 3))),
        )
        evidence = Evidence(field="title", start=0, end=1, text="x", term="x", concept=random.choice(("", "C 1", "c2")))
        match = Match(
            id="m",
            topic=random.choice(("t1", "T 2")),
            topic_version="1",
            score=random.choice((0.5, 0.9)),
            evidence=(evidence,),
        )
        story = random.choice((None, Story(id=f"s{number % 5}", first=True)))
        found.append(Document(article=article, matches=random.choice(((), (match,), (match, match))), story=story))
    return found


def stem_atoms() -> list[Atom]:
    keys = ((stem_key(token, language), language) for token in TOKENS for language in STEM_LANGUAGES)
    return [Atom(key, Mode.STEM, language) for key, language in keys if key is not None]


prefixes = st.builds(lambda token, length: token[:length], st.sampled_from(TOKENS), st.integers(1, 8))
_atoms = st.one_of(
    st.sampled_from(TOKENS).map(Atom),
    prefixes.map(lambda text: Atom(text, Mode.PREFIX)),
    st.sampled_from((LONG, LONG + "n", WIDE, WIDE + "\U00010428", TOKENS[0][:20] + "n" * 25)).map(
        lambda text: Atom(text, Mode.PREFIX)
    ),
    st.sampled_from(stem_atoms()),
)
# Deferred, so that a failure prints the tree and not every word that it was chosen from.
atoms = st.deferred(lambda: _atoms)
words = st.builds(lambda atom: Term((atom,), atom.text), atoms)
phrases = st.builds(lambda parts: Term(tuple(parts), "phrase"), st.lists(atoms, min_size=2, max_size=3))
terms = st.one_of(words, words, phrases)
concepts = st.builds(lambda parts: Concept("c", tuple(parts)), st.lists(terms, min_size=1, max_size=6, unique=True))
groups = st.builds(
    lambda parts: AnyOf(tuple(parts)), st.lists(st.one_of(words, terms, concepts), min_size=2, max_size=3, unique=True)
)
operands = st.one_of(words, words, terms, concepts, groups)
chains = st.builds(
    lambda parts, distance, ordered: Chain(tuple(parts), distance, ordered),
    st.one_of(
        st.lists(words, min_size=2, max_size=2, unique=True), st.lists(operands, min_size=2, max_size=4, unique=True)
    ),
    st.integers(0, 6),
    st.booleans(),
)
texts = st.builds(Text, st.one_of(terms, concepts, chains, chains), st.sampled_from(("", "title", "text")))
LONG_URL = "https news am " + "long " * 60 + "2"
VALUES = ("irna", "tass", "news am", "news", "", "c 1", "c2", "t1", "t 2", "s1", "feed 1", "en", "ir", "iran a")
values = st.sampled_from((*TOKENS, *VALUES, "https irna ir a 1", "https", LONG_URL, LONG_URL[:250]))
moments = st.one_of(st.none(), st.integers(-1, 31).map(lambda hours: START + timedelta(hours=hours)))
fields = st.sampled_from((*KEYWORD_FIELDS, *NAME_FIELDS))
leaves = st.one_of(
    *(texts, texts, texts),
    st.builds(Is, fields, values, st.booleans()),
    st.builds(Range, st.sampled_from(TIME_FIELDS), moments, moments),
    st.builds(Exists, st.one_of(fields, st.sampled_from(("title", "text", "published", "fetched")))),
    st.just(All()),
)
trees: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda nodes: And(tuple(nodes)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda nodes: Or(tuple(nodes)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
Asked = tuple[Node, tuple[datetime | None, datetime | None], Sort]
sorts: st.SearchStrategy[Sort] = st.sampled_from(("newest", "oldest", "score"))
spans = st.tuples(st.one_of(st.none(), moments), st.one_of(st.none(), moments))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_embedded_index_finds_what_the_evaluator_finds() -> None:
    compare(EXAMPLES)


Opened = Callable[[Sequence[Document]], AbstractContextManager[Index]]


@contextmanager
def embedded(found: Sequence[Document]) -> Iterator[Index]:
    """Hold documents in an index of a folder, written in two batches: a search has to agree over several segments."""
    with TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder))
        index.upsert(found[: DOCUMENTS // 2])
        index.upsert(found[DOCUMENTS // 3 :])
        yield index
        index.close()


def compare(examples: int) -> None:
    """Compare the embedded index with the evaluator on so many sets of documents, with TREES queries each."""
    _each(examples, lambda seed, asked: agree(seed, asked, embedded))


def drawn(examples: int, *, derandomize: bool = False) -> list[tuple[int, list[Asked]]]:
    """Return so many seeds of documents, with TREES queries each: for engines that are too slow to shrink by."""
    found: list[tuple[int, list[Asked]]] = []
    _each(examples, lambda seed, asked: found.append((seed, asked)), derandomize=derandomize)
    return found[:examples]


def _each(examples: int, check: Callable[[int, list[Asked]], None], *, derandomize: bool = False) -> None:
    asked = st.lists(st.tuples(trees, spans, sorts), min_size=TREES, max_size=TREES)
    of_any_size = settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=derandomize,
    )
    of_any_size(given(st.integers(0, 1 << 32), asked)(check))()


def agree(seed: int, asked: list[Asked], opened: Opened) -> None:
    """Raise AssertionError where an index does not find what the evaluator finds."""
    found = documents(seed)
    memory = MemoryIndex()
    memory.upsert(found)
    with opened(found) as index:
        for node, (since, until), sort in asked:
            request = Search(node, since, until, limit=PAGE, sort=sort)
            expected, got = memory.search(request), index.search(request)
            assert ids(got) == ids(expected), _why(node)
            assert got == expected, _why(node)
            while got.next:
                request = replace(request, cursor=got.next)
                expected, got = memory.search(request), index.search(request)
                assert ids(got) == ids(expected), _why(node)
            assert index.aggregate(request) == memory.aggregate(request), _why(node)


def ids(page: Page) -> list[str]:
    return [hit.document.article.id for hit in page.items]


def _why(node: Node) -> str:
    return f"{node}\n{explained(plan(node))}\n{elastic_body.explained(elastic_body.bounds_of(node))}"


if __name__ == "__main__":
    compare(int(sys.argv[1]))
    print(f"{int(sys.argv[1]) * TREES} pairs agree")

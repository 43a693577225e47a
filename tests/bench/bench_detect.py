"""How many articles a second the matcher does, by number of topics.

    python tests/bench/bench_detect.py [--sizes 2,100,1000,10000] [--articles 1000]

Two topics are the shipped ones. More are made up from a fixed seed: AND of two or three or-groups, three to ten terms
in all (words, half of them open-ended, phrases of two or three words), three in ten with `near/12`, one in four with a
`not`. Articles are made up as well: some 3,000 characters in one of four scripts, words drawn so that frequent ones are
frequent (Zipf), one article in fifty about a shipped topic. Rates count CPU time of this process: the better of two
passes over articles whose spellings were seen before, with the first pass beside it. `tokenise` is
`core.text.tokenize` alone over the same articles in the same run.
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import accumulate

from heliograph.core.article import Article
from heliograph.core.text import tokenize
from heliograph.detect.engine import Engine
from heliograph.detect.files import defaults_folder, load_definitions
from heliograph.detect.topic import CompiledTopic, Topic, compile_topic

SIZES = (2, 100, 1_000, 10_000)
_MOMENT = datetime(2025, 1, 17, tzinfo=UTC)
_SCRIPTS = {
    "en": "etaoinshrdlucmfwypvbgk",
    "ru": "оеаинтсрвлкмдпуяыьгзбч",
    "fa": "اینرتدموهبشکسلفقخحپج",
    "hy": "աեինորտլսմկգդվհպբյցչ",
}
_VOCABULARY = 9_000
_SUBJECTS = (
    "Russia and Iran signed a comprehensive strategic partnership agreement.",
    "Россия и Иран подписали договор о всеобъемлющем стратегическом партнёрстве.",
    "The Zangezur corridor would link Azerbaijan with Nakhchivan.",
    "راه آهن رشت آستارا در کریدور شمال جنوب",
)


def vocabularies(chance: random.Random) -> dict[str, list[str]]:
    """Return made-up words for each script, the frequent ones first and shorter."""
    made = {}
    for language, letters in _SCRIPTS.items():
        words: dict[str, None] = {}
        while len(words) < _VOCABULARY:
            length = min(13, 2 + int(chance.gammavariate(2.2, 1.0 + len(words) / _VOCABULARY)))
            words["".join(chance.choices(letters, k=length))] = None
        made[language] = list(words)
    return made


def articles(count: int, words: dict[str, list[str]], chance: random.Random) -> list[Article]:
    """Return articles of some 3,000 characters."""
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(_VOCABULARY)))
    made = []
    for number in range(count):
        language = chance.choice(list(words))
        drawn = chance.choices(words[language], cum_weights=weights, k=620)
        for stop in range(14, len(drawn), 17):
            drawn[stop] = drawn[stop].capitalize() + chance.choice([".", ",", "?", "»."])
        text = " ".join(drawn)[:3000]
        if number % 50 == 0:
            text = f"{text} {_SUBJECTS[number // 50 % len(_SUBJECTS)]}"
        made.append(
            Article(
                id=str(number), revision="-", title=" ".join(drawn[:9]), text=text, feed="bench", source="bench",
                fetched=_MOMENT, sorted=_MOMENT, language=language,
            )
        )  # fmt: skip
    return made


def topics(count: int, words: dict[str, list[str]], chance: random.Random) -> list[CompiledTopic]:
    """Return made-up topics, compiled."""
    return [compile_topic(topic, {}) for topic in written(count, words, chance)]


def written(count: int, words: dict[str, list[str]], chance: random.Random) -> list[Topic]:
    """Return made-up topics; their words are the less frequent half of the vocabulary, as a rule's are."""
    return [_topic(number, words[chance.choice(list(words))], chance) for number in range(count)]


def _topic(number: int, words: Sequence[str], chance: random.Random) -> Topic:
    def term() -> str:
        picked = [
            words[int(len(words) * chance.betavariate(2.4, 1.4))] for _ in range(chance.choice([1, 1, 1, 2, 2, 3]))
        ]
        if len(picked[-1]) > 3 and chance.random() < 0.5:
            picked[-1] = picked[-1][: max(3, len(picked[-1]) - 2)] + "*"
        return f'"{" ".join(picked)}"' if len(picked) > 1 else picked[0].replace("and", "ond")

    def group(size: int) -> str:
        return "(" + " or ".join(dict.fromkeys(term() for _ in range(size))) + ")"

    groups = [group(chance.randint(1, 4)) for _ in range(chance.choice([2, 2, 3]))]
    query = (" near/12 " if chance.random() < 0.3 else " and ").join(dict.fromkeys(groups))
    if chance.random() < 0.25:
        query += f" and not {group(1)}"
    return Topic(id=f"made-{number:05}", name="made", query=query)


def _rate(work: Callable[[], object], count: int) -> float:
    gc.collect()
    before = time.process_time()
    work()
    return count / max(time.process_time() - before, 1e-9)


def run(sizes: Sequence[int] = SIZES, count: int = 1_000, seed: int = 7) -> dict[str, dict[str, float]]:
    """Return the figures by number of topics."""
    chance = random.Random(seed)
    words = vocabularies(chance)
    stream = articles(count, words, chance)
    made = topics(max([0, *(size for size in sizes if size > 2)]) + 1, words, chance)
    shipped = list(load_definitions([defaults_folder()]).strict().compiled.values())
    return {str(size): measured(shipped if size == 2 else made[:size], made[-1], stream) for size in sizes}


def measured(standing: list[CompiledTopic], extra: CompiledTopic, stream: list[Article]) -> dict[str, float]:
    """Return the figures of the topics over the articles; `extra` is added last."""
    tracemalloc.start()
    Engine(standing)
    memory = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    before = time.process_time()
    engine = Engine(standing)
    build = time.process_time() - before
    # As a service does once it is up: what stands for good is not walked by every collection.
    gc.collect()
    gc.freeze()
    tokenise = max(_rate(lambda: [(tokenize(a.title), tokenize(a.text)) for a in stream], len(stream)) for _ in "ab")
    first = _rate(lambda: [engine.match(each) for each in stream], len(stream))
    second = max(_rate(lambda: [engine.match(each) for each in stream], len(stream)) for _ in "ab")
    hits = sum(len(engine.match(each)) for each in stream)
    bare = max(_rate(lambda: [engine.match_ids(each) for each in stream], len(stream)) for _ in "ab")
    before = time.process_time()
    engine.add(extra)
    adding = time.process_time() - before
    gc.unfreeze()
    return {
        "articles_per_cpu_second": round(second),
        "without_evidence": round(bare),
        "first_pass": round(first),
        "tokenise_only": round(tokenise),
        "ratio_to_tokenise": round(second / tokenise, 2),
        "build_s": round(build, 3),
        "engine_mb": round(memory, 1),
        "add_one_ms": round(adding * 1000, 2),
        "hits_per_article": round(hits / len(stream), 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Articles a second, by number of topics")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--articles", type=int, default=1_000)
    given = parser.parse_args()
    for size, figures in run([int(size) for size in given.sizes.split(",")], given.articles).items():
        print(f"{size:>6} topics  " + "  ".join(f"{name} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()

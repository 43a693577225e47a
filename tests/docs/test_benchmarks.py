"""The page of the benchmarks keeps what was measured, whichever of them is measured next."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bench.page import Bar, Bench, Section, page, parse
from tests.bench.registry import BENCHES
from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
FAST = Bench(
    "fast", "bench_fast.run()", "How fast.", (Bar("seconds", "<= 2", lambda f: f["s"], lambda f: f["s"] <= 2),)
)
LARGE = Bench("large", "bench_large.run()", "How large.")
MADE = (FAST, LARGE)
WORDS = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"])).map(str.strip)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(NUMBERS | st.text() | st.booleans() | st.none(), lambda t: st.dictionaries(st.text(), t))
SECTIONS = st.builds(
    Section,
    measured=WORDS,
    figures=st.dictionaries(st.text().filter(lambda key: key != "s"), TREES),
    left_out=WORDS,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from([bench.name for bench in MADE]), SECTIONS))
def test_a_page_is_read_back_as_it_was_written(sections: dict[str, Section]) -> None:
    assert parse(page(MADE, sections)) == sections


def test_the_page_that_is_there_is_what_its_own_figures_make() -> None:
    text = PAGE.read_text("utf-8")
    assert page(BENCHES, parse(text)) == text, "run `python tests/bench/run.py --page`"
    assert {bench.name for bench in BENCHES if not bench.servers} <= parse(text).keys()


def test_measuring_one_keeps_the_others_and_says_when_each_was() -> None:
    first = page(MADE, {"fast": Section("on Monday", {"s": 1}), "large": Section("on Monday", {"mb": 5})})
    second = page(MADE, {**parse(first), "fast": Section("on Friday", {"s": 3})})
    assert second.split("## large")[1] == first.split("## large")[1]
    assert "| seconds | <= 2 | 1 | yes |" in first
    assert "| seconds | <= 2 | 3 | **no** |" in second
    assert "Measured on Friday" in second
    assert "Measured on Monday" in second


def test_one_that_was_left_out_says_so_and_keeps_its_figures() -> None:
    before = Section("on Monday", {"s": 1})
    text = page(MADE, {"fast": replace(before, left_out="on Friday: no Java"), "large": Section(left_out="no Java")})
    assert "Left out on Friday: no Java" in text
    assert json.dumps({"s": 1}, indent=2) in text
    assert parse(text)["large"] == Section(left_out="no Java")


def test_a_bar_that_nothing_was_measured_for_is_shown_open() -> None:
    assert "| seconds | <= 2 | - | - |" in page(MADE, {"fast": Section("on Monday", {"other": 1})})


def test_every_benchmark_has_a_name_of_its_own_and_a_module() -> None:
    assert len({bench.name for bench in BENCHES}) == len(BENCHES)
    for bench in BENCHES:
        assert (ROOT / "tests" / "bench" / f"{bench.call.partition('.')[0]}.py").is_file()

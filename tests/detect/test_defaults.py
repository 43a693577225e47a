"""The two shipped topics: their examples, near misses, hostile spellings, and the labelled articles."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bench.quality import HEADLINES, Report, corpus_files, measure, read_cases

from heliograph.core.article import Article
from heliograph.core.languages import SHIPPED as LANGUAGES
from heliograph.detect.check import check_definitions
from heliograph.detect.engine import Engine
from heliograph.detect.examples import ExampleResult, run_examples
from heliograph.detect.files import defaults_folder, load_definitions

MakeArticle = Callable[..., Article]
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
AGREEMENT, CORRIDORS = "russia-iran-agreement", "south-caucasus-corridors"
SHIPPED = load_definitions([defaults_folder()]).strict()
EXAMPLES = [result for name, topic in SHIPPED.topics.items() for result in run_examples(topic, SHIPPED.compiled[name])]


@pytest.mark.parametrize("result", EXAMPLES, ids=lambda r: f"{r.topic[:6]}-{r.kind}-{r.example.lang}-{r.example.line}")
def test_an_example_does_what_its_file_says(result: ExampleResult) -> None:
    assert result.passed, (result.kind, result.example.text, [(e.text, e.clause) for e in result.evidence])


@pytest.mark.parametrize("topic", [AGREEMENT, CORRIDORS])
@pytest.mark.parametrize("kind", ["match", "miss"])
def test_every_language_has_examples(topic: str, kind: str) -> None:
    languages = Counter(r.example.lang for r in EXAMPLES if r.topic == topic and r.kind == kind)
    assert set(languages) == set(LANGUAGES)
    assert languages["en"] >= 6
    assert languages["ru"] >= 6


def test_severities_are_as_shipped() -> None:
    assert {name: topic.severity for name, topic in SHIPPED.topics.items()} == {AGREEMENT: "high", CORRIDORS: "normal"}


def test_nothing_shipped_calls_for_a_warning() -> None:
    assert [finding for finding in check_definitions(SHIPPED) if finding.severity != "info"] == []


def test_every_concept_file_says_where_its_forms_come_from() -> None:
    for path in (defaults_folder() / "concepts").glob("*.yaml"):
        head = path.read_text(encoding="utf-8").split("\nid:")[0]
        assert head.startswith("#"), path
        assert "Forms:" in head, path


HIDDEN = "Rus\u00adsia and I\u200bran signed a stra\u00adtegic part\u2060nership treaty"


@pytest.mark.parametrize(
    ("topic", "text", "language"),
    [
        (AGREEMENT, "RUSSIA AND IRAN SIGN STRATEGIC PARTNERSHIP TREATY", "en"),
        (AGREEMENT, HIDDEN, "en"),
        (AGREEMENT, "“Russia’s and Iran’s ‘strategic partnership’ treaty” was signed", "en"),
        (AGREEMENT, "Ｒｕｓｓｉａ ａｎｄ Ｉｒａｎ signed a strategic partnership treaty", "en"),
        (AGREEMENT, "RUSYA İLE İRAN STRATEJİK ORTAKLIK ANLAŞMASI İMZALADI", "tr"),
        (AGREEMENT, "РОССИЯ И ИРАН ПОДПИСАЛИ ДОГОВОР О СТРАТЕГИЧЕСКОМ ПАРТНЁРСТВЕ", "ru"),
        (AGREEMENT, "روسيه و ايران معاهدهٔ مشاركت جامع راهبردي را امضا كردند", "fa"),
        (CORRIDORS, "ZƏNGƏZUR DƏHLİZİ AÇILIR", "az"),
        (CORRIDORS, "Zengezur dehlizi acilir", "az"),
        (CORRIDORS, "Zengezur Koridoru'nun temeli", "tr"),
        (CORRIDORS, "Zengezur Koridoru’nun temeli", "tr"),
        (CORRIDORS, unicodedata.normalize("NFD", "Zəngəzur dəhlizi, Naxçıvan yolu"), "az"),
        (CORRIDORS, unicodedata.normalize("NFD", "Срединный коридор через Каспий: грузы идут"), "ru"),
        (CORRIDORS, "კასპიაზე ᲨᲣᲐ ᲓᲔᲠᲔᲤᲜᲘᲗ ტვირთი მიდის", "ka"),
        (CORRIDORS, "ԶԱՆԳԵԶՈՒՐԻ ՄԻՋԱՆՑՔԸ", "hy"),
        (CORRIDORS, "راه‌آهن رشت–آستارا", "fa"),
        (CORRIDORS, "Rasht‑Astara railway", "en"),
    ],
)
def test_hostile_spellings_are_flagged(
    engine: Engine, make_article: MakeArticle, topic: str, text: str, language: str
) -> None:
    assert [hit.topic for hit in engine.match(make_article("", text, language=language))] == [topic]


@pytest.mark.parametrize(
    "text",
    [
        "Tehran and the powers revive the JCPOA nuclear deal; Russia approves.",
        "Russia signed a comprehensive strategic partnership treaty with North Korea in Pyongyang.",
        "Tehran and Beijing signed a 25-year strategic cooperation accord.",
        "Iran beat Russia two to one in a football friendly in Tehran.",
        "Iran and Russia hold gas talks in Moscow.",
        "Humanitarian corridors let civilians leave the city.",
        "A wildlife corridor for leopards opens in Armenia.",
        "The Suwalki corridor worries planners in Vilnius.",
        "Angola bets on the Lobito corridor railway.",
        "IMEC, the India-Middle East-Europe corridor, gains a backer.",
        "CPEC, the China-Pakistan Economic Corridor, gets a new motorway.",
        "The north-south metro line in Baku opens two stations.",
        "Cleaners painted the middle corridor on the third floor of the building.",
        "Baku and Tbilisi play out a draw in football; Kars loses.",
        "Flights from Tbilisi to Kars begin in June.",
        "Linda Tripp recalled the affair in her memoirs.",
        "BTK, the Turkish telecoms regulator, fined two firms.",
        "Snow closed a mountain road near Lachin for hikers.",
    ],
)
def test_near_misses_are_left_alone(engine: Engine, make_article: MakeArticle, text: str) -> None:
    assert [
        (hit.topic, [(e.text, e.clause) for e in hit.evidence]) for hit in engine.match(make_article("", text))
    ] == []


def test_evidence_points_at_the_form_as_published(engine: Engine, make_article: MakeArticle) -> None:
    title = "ՌԴ և Իրան: «Зангезу\u0301рский коридор»"
    text = (
        "Rus\u00adsia – I\u0301ran: strategic partner\u00adship treaty signed. Zengezur Koridoru’nun temeli 𝔸 atıldı."
    )
    article = make_article(title, text)
    hits = engine.match(article)
    assert {hit.topic for hit in hits} == {AGREEMENT, CORRIDORS}
    pieces = [piece for hit in hits for piece in hit.evidence]
    assert pieces
    for piece in pieces:
        assert getattr(article, piece.field)[piece.start : piece.end] == piece.text
    assert "Koridoru’nun" in {piece.text for piece in pieces}


@pytest.mark.skipif(not (SHARED / "seeds").is_dir(), reason="the seed articles are not beside the project")
def test_the_seed_articles_are_flagged_with_both_topics(engine: Engine, make_article: MakeArticle) -> None:
    seeds = sorted((SHARED / "seeds").glob("*.txt"))
    assert seeds
    for path in seeds:
        title, _, text = path.read_text(encoding="utf-8").partition("\n")
        article = make_article(title, text)
        hits = {hit.topic: hit for hit in engine.match(article)}
        assert set(hits) == {AGREEMENT, CORRIDORS}, path.name
        assert all(len(hit.evidence) >= 2 for hit in hits.values()), path.name


@pytest.fixture(scope="module")
def labelled() -> Report:
    return measure(read_cases(corpus_files()), Engine(SHIPPED.compiled.values()))


def test_the_labelled_articles_are_found_and_no_others(labelled: Report) -> None:
    for position in range(3):
        for value in {key[position] for key in labelled.counts}:
            count = labelled.total(position, value)
            assert count.precision >= 0.95, (value, labelled.wrong)
            assert count.recall >= 0.95, (value, labelled.wrong)


def test_real_articles_are_found_and_no_others(labelled: Report) -> None:
    if not labelled.articles["real"]:
        pytest.skip("the development set is not beside this checkout")
    assert labelled.total(2, "real").precision >= 0.98
    assert labelled.total(2, "real").recall >= 0.97


def test_the_headlines_that_the_topics_were_tuned_on_stay_right(engine: Engine) -> None:
    report = measure(read_cases([HEADLINES]), engine)
    assert report.articles.total() > 250
    assert report.wrong == []

"""Topics, concepts and languages edited while the program runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stories.desk import wait_for

from heliograph.assembly.upkeep import Definers
from heliograph.assembly.world import World
from heliograph.compose import world
from heliograph.detect.engine import Engine
from heliograph.detect.examples import article_of
from heliograph.detect.topic import Example
from heliograph.settings import load_settings

TOPIC = "id: tea\nname: Tea\nquery: {query}\n"
CONCEPT = "id: drink\nname: Drink\nterms:\n  en: [tea]\n"
LANGUAGE = "id: uk\nname: Ukrainian\nterms:\n  drink: [чай*]\n"


class Desk:
    """An installation whose definitions are edited."""

    def __init__(self, here: World, data: Path) -> None:
        self.data = data
        self.engines: list[Engine] = []
        self.write("concepts/drink.yaml", CONCEPT)
        self.write("topics/tea.yaml", TOPIC.format(query="'@drink'"))
        self.definers = Definers(here, self.engines.append)
        self.definers.reload()

    def write(self, name: str, text: str) -> None:
        (self.data / name).parent.mkdir(parents=True, exist_ok=True)
        (self.data / name).write_text(text, "utf-8")

    def finds(self, text: str) -> bool:
        """Tell whether the topic asks for a text, by the engine that was put in force last."""
        hits = self.engines[-1].match(article_of(Example(lang="", text=text)))
        return "tea" in {hit.topic for hit in hits}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    here = world(load_settings(None, {"data": tmp_path, "sources": "none"}))
    yield Desk(here, tmp_path)
    here.close()


def test_an_edited_topic_is_in_force(desk: Desk) -> None:
    assert desk.finds("tea is served")
    desk.write("topics/tea.yaml", TOPIC.format(query="coffee"))
    desk.definers.reload()
    assert not desk.finds("tea is served")
    assert desk.finds("coffee is served")


@pytest.mark.parametrize("query", ["coffee and", "'@coffee'", "not coffee"])
def test_a_topic_that_is_wrong_leaves_the_one_before_in_force(desk: Desk, query: str) -> None:
    desk.write("topics/tea.yaml", TOPIC.format(query=query))
    desk.definers.reload()
    assert desk.finds("tea is served")


def test_a_concept_that_is_wrong_leaves_its_topics_as_they_were(desk: Desk) -> None:
    desk.write("concepts/drink.yaml", CONCEPT.replace("[tea]", "coffee"))
    desk.definers.reload()
    assert desk.finds("tea is served")


def test_a_language_that_becomes_wrong_is_not_lost(desk: Desk) -> None:
    desk.write("languages/uk.yaml", LANGUAGE)
    desk.definers.reload()
    assert desk.finds("чай подано")
    desk.write("languages/uk.yaml", LANGUAGE.replace("drink", "drinks"))
    desk.definers.reload()
    assert desk.finds("чай подано")


@pytest.mark.parametrize(
    ("name", "text"), [("topics/tea.yaml", TOPIC.format(query="coffee")), ("languages/uk.yaml", LANGUAGE)]
)
def test_a_change_on_disk_is_noticed(desk: Desk, name: str, text: str) -> None:
    stop, before = threading.Event(), len(desk.engines)
    watcher = threading.Thread(target=desk.definers.run, args=(stop,))
    watcher.start()
    try:
        desk.write(name, text)
        wait_for(lambda: len(desk.engines) > before, 30, "the change is put in force")
    finally:
        stop.set()
        watcher.join()

"""Manifests of the overlays, each built once a run."""

from __future__ import annotations

from copy import deepcopy

import pytest
from tests.deploy.manifests import Built, Manifest
from tests.deploy.parts import OVERLAYS, build


@pytest.fixture(scope="session")
def built() -> Built:
    """Return the manifests of an overlay."""
    kept: dict[str, list[Manifest]] = {}

    def get(overlay: str) -> list[Manifest]:
        if overlay not in kept:
            kept[overlay] = build(overlay)
        return deepcopy(kept[overlay])

    return get


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def manifests(overlay: str, built: Built) -> list[Manifest]:
    return built(overlay)

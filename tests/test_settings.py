from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from heliograph.errors import SettingsError
from heliograph.settings import load_settings, parse_duration


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> None:
    Path("heliograph.toml").write_text(text)


def test_the_file_overrides_defaults_the_environment_the_file_and_flags_all(monkeypatch: pytest.MonkeyPatch) -> None:
    write('data = "a"\n[web]\nport = 1\nhost = "0.0.0.0"\n[fetch]\npoll_min = "1s"\n')
    monkeypatch.setenv("HELIOGRAPH_WEB__PORT", "2")
    settings = load_settings(flags={"data": "c", "web": {"host": None}})
    assert (settings.data, settings.web.port, settings.web.host) == (Path("c"), 2, "0.0.0.0")
    assert settings.fetch.poll_min == timedelta(seconds=1)
    assert settings.fetch.poll_max == timedelta(hours=24)


def test_the_data_folder_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_DATA", "/srv/heliograph")
    assert load_settings().data == Path("/srv/heliograph")


def test_the_time_zone_is_utc_unless_a_name_or_an_offset_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().time_zone == "UTC"
    write('time_zone = "Asia/Baku"')
    assert load_settings().time_zone == "Asia/Baku"
    monkeypatch.setenv("HELIOGRAPH_TIME_ZONE", "+05:45")
    assert load_settings().time_zone == "+05:45"


def test_lists_in_the_environment_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_FETCH__ALLOW_NETWORKS", "127.0.0.0/8, ::1/128")
    assert load_settings().fetch.allow_networks == ("127.0.0.0/8", "::1/128")


def test_the_config_file_may_be_named_by_flag_or_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[web]\nport = 99\n")
    assert load_settings(other).web.port == 99
    monkeypatch.setenv("HELIOGRAPH_CONFIG", str(other))
    assert load_settings().web.port == 99


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[web]\nprot = 1", "unknown setting 'web.prot'; did you mean 'port'?"),
        ("dta = 1", "unknown setting 'dta'; did you mean 'data'?"),
        ('[fetch]\npoll_min = "soon"', "setting 'fetch.poll_min': 'soon' is no duration"),
        ("[web]\nport = 70000", "setting 'web.port'"),
        ("[web\n", "heliograph.toml: not TOML"),
        ('[[policies]]\nquery = "a"', "setting 'policies.0.name' is missing"),
        ('[[policies]]\nname = "a"\nchanels = []', "did you mean 'channels'?"),
        ('tier = "both"', "setting 'tier'"),
        ('[retention]\nalerts = "1d"', "at least 5d"),
        ('time_zone = "Asia/Bakoo"', "setting 'time_zone': 'Asia/Bakoo' is no time zone; did you mean 'Asia/Baku'?"),
        ("time_zone = 4", "setting 'time_zone'"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_key_and_cure(text: str, expected: str) -> None:
    write(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HELIOGRAPH_DTA", "did you mean 'data'?"),
        ("HELIOGRAPH_WEB__PROT", "did you mean 'port'?"),
        ("HELIOGRAPH_ZZZ", "known: data, tier"),
    ],
)
def test_a_misspelt_variable_is_not_ignored(name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert expected in str(caught.value)


def test_a_named_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(Path("nowhere.toml"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("5m", 300), ("1h", 3600), ("1d", 86400), ("1.5h", 5400)]
)
def test_durations_read_as_written(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


def test_a_secret_may_stand_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("tangerine\n")
    write('[elasticsearch]\nusername = "heliograph"\npassword_file = "password"\n')
    settings = load_settings()
    assert settings.elasticsearch.password == "tangerine"
    assert "tangerine" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('api_key = "tangerine"\napi_key_file = "key"', "give either 'api_key' or 'api_key_file'"),
        ('api_key_file = "missing"', "setting 'elasticsearch.api_key': cannot read missing"),
        ('password_file = "empty"', "empty is empty"),
        ("password = 17", "setting 'elasticsearch.password'"),
        ('password = ["tangerine"]', "setting 'elasticsearch.password'"),
    ],
)
def test_a_wrong_secret_is_told_without_it(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "key").write_text("tangerine")
    write(f"[elasticsearch]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert expected in str(caught.value)
    assert "tangerine" not in str(caught.value)

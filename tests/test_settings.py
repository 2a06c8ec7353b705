"""Settings: where each comes from, what is refused, and that no secret shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from ebbwatch.ports import Secret
from ebbwatch.settings import SettingRow, Settings, SettingsInvalid, describe
from ebbwatch.settings import load as load_with

TOKEN = "EBBWATCH_TELEGRAM__TOKEN"
#: Sources that take a key.
KEYED = ("bea", "fred")


def load() -> Settings:
    """Return the settings in force."""
    return load_with(KEYED)


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Start from nothing: no variable of ours, an empty working directory."""
    systems = ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY")
    for name in [n for n in os.environ if n.startswith("EBBWATCH_") or n in systems]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def complaints() -> list[str]:
    """Return what is said of settings that are wrong."""
    with pytest.raises(SettingsInvalid) as caught:
        load()
    return [f"{p.message} | {p.hint}" if p.hint else p.message for p in caught.value.problems]


def test_without_anything_set_the_defaults_hold(place: Path) -> None:
    """An installation without settings keeps its database in the state directory."""
    settings = load()
    assert settings == Settings(
        database_url=Secret(f"sqlite:///{place}/state/ebbwatch/ebbwatch.db")
    )
    assert settings.rules_dir is None
    assert (settings.web.host, settings.web.port, settings.web.loopback) == (
        "127.0.0.1",
        8077,
        True,
    )
    assert {row.origin for row in describe(settings)} == {"default"}


def test_a_service_keeps_its_database_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under systemd the state directory is the unit's."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/ebbwatch")
    assert load().database_url.reveal() == "sqlite:////var/lib/ebbwatch/ebbwatch.db"


def test_every_documented_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of the documentation reaches its field."""
    names = {
        "EBBWATCH_RULES_DIR": "/etc/ebbwatch/rules",
        "EBBWATCH_DATABASE_URL": "postgresql://ebb:dbpass@db/ebb",
        "EBBWATCH_LANGUAGE": "zh-Hant",
        "EBBWATCH_HEARTBEAT_URL": "https://beat.example/uuid",
        TOKEN: "123:abc",
        "EBBWATCH_TELEGRAM__CHAT": "-1001234567890",
        "EBBWATCH_TELEGRAM__API_BASE": "http://127.0.0.1:9/",
        "EBBWATCH_TELEGRAM__ADMINS": "1, 2",
        "EBBWATCH_SLACK__BOT_TOKEN": "xoxb-1",
        "EBBWATCH_SLACK__APP_TOKEN": "xapp-1",
        "EBBWATCH_SLACK__CHANNEL": "C0123456789",
        "EBBWATCH_SLACK__API_BASE": "http://127.0.0.1:8/api",
        "EBBWATCH_SLACK__READERS": "U1 U2",
        "EBBWATCH_FRED__API_KEY": "f" * 32,
        "EBBWATCH_BEA__API_KEY": "b" * 36,
        "EBBWATCH_SECRET__ONCALL_URL": "https://oncall.example/key",
        "EBBWATCH_SOURCES__FED_PRESS__BASE_URL": "http://127.0.0.1:7/",
        "EBBWATCH_WEB__BIND": "0.0.0.0:80",
        "EBBWATCH_WEB__TOKEN": "p" * 32,
        "EBBWATCH_LOG__LEVEL": "debug",
        "EBBWATCH_LOG__FORMAT": "json",
    }
    for name, text in names.items():
        monkeypatch.setenv(name, text)
    settings = load()
    rows = {row.name: row for row in describe(settings)}
    assert {row.origin for name, row in rows.items() if name in names} == {"environment"}
    assert settings.telegram.api_base == "http://127.0.0.1:9"
    assert settings.telegram.admins == (1, 2)
    assert settings.slack.readers == ("U1", "U2")
    assert settings.secret == {"ONCALL_URL": Secret("https://oncall.example/key")}
    assert settings.base_url("fed_press") == "http://127.0.0.1:7"
    assert settings.base_url("nyfed") is None
    assert settings.api_key("fred") == Secret("f" * 32)
    assert settings.api_key("nyfed") is None
    assert settings.log.level == "DEBUG"
    assert (settings.web.host, settings.web.port, settings.web.loopback) == ("0.0.0.0", 80, False)
    assert {secret.reveal() for secret in settings.secrets()} == {
        "123:abc", "xoxb-1", "xapp-1", "f" * 32, "b" * 36, "p" * 32, "dbpass",
        "https://oncall.example/key", "https://beat.example/uuid",
    }  # fmt: skip
    shown = repr(settings) + "".join(f"{row}" for row in rows.values())
    assert [s for s in settings.secrets() if s.reveal() in shown] == []
    assert rows["EBBWATCH_DATABASE_URL"].value == "postgresql://ebb:***@db/ebb"


def test_the_nearest_place_counts(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Environment, .env, secrets directory, pointed-to file, default: taken away one by one."""
    folder, pointed = place / "secrets", place / "pointed"
    folder.mkdir()
    (folder / "telegram__token").write_text("from-directory\n")
    (folder / "other_program").write_text("not ours")
    (folder / "..data").mkdir()
    pointed.write_text("from-pointer\n")
    (place / ".env").write_text(f"# ours\n{TOKEN}=from-dotenv\n")
    monkeypatch.setenv("EBBWATCH_SECRETS_DIR", str(folder))
    monkeypatch.setenv(f"{TOKEN}_FILE", str(pointed))
    monkeypatch.setenv(TOKEN, "from-environment")
    seen = []
    steps: list[Callable[[], None]] = [
        lambda: monkeypatch.setenv(TOKEN, ""),
        (place / ".env").unlink,
        (folder / "telegram__token").unlink,
        lambda: monkeypatch.delenv(f"{TOKEN}_FILE"),
        lambda: None,
    ]
    for remove in steps:
        settings = load()
        origin = next(row.origin for row in describe(settings) if row.name == TOKEN)
        token = settings.telegram.token
        seen.append((token.reveal() if token else None, origin))
        remove()
    assert seen == [
        ("from-environment", "environment"),
        ("from-dotenv", ".env"),
        ("from-directory", str(folder / "telegram__token")),
        ("from-pointer", f"{pointed} ({TOKEN}_FILE)"),
        (None, "default"),
    ]


def test_secrets_that_rule_files_name_come_from_files_too(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    """A named secret can be pointed to or lie in the directory, under either spelling."""
    (place / "url").write_text("https://a.example\n")
    (place / "EBBWATCH_SECRET__SECOND").write_text("second\n")
    monkeypatch.setenv("EBBWATCH_SECRET__FIRST_FILE", str(place / "url"))
    monkeypatch.setenv("EBBWATCH_SECRETS_DIR", str(place))
    assert load().secret == {"FIRST": Secret("https://a.example"), "SECOND": Secret("second")}


REFUSED = [
    (
        "a slip of the pen is answered with the right name",
        {"EBBWATCH_TELEGRAM__TOKN": "t"},
        ["EBBWATCH_TELEGRAM__TOKN: no such setting | did you mean EBBWATCH_TELEGRAM__TOKEN?"],
    ),
    (
        "a name like no other is pointed to the list",
        {"EBBWATCH_ZZZZZZZZZZZZ": "t"},
        ["EBBWATCH_ZZZZZZZZZZZZ: no such setting | ebbwatch settings lists every name"],
    ),
    (
        "a section is no setting",
        {"EBBWATCH_SLACK": '{"bot_token": "xoxb-secret"}'},
        ["EBBWATCH_SLACK: no such setting | its settings begin with EBBWATCH_SLACK__"],
    ),
    (
        "every wrong value is named at once",
        {"EBBWATCH_LANGUAGE": "de", "EBBWATCH_TELEGRAM__ADMINS": "me"},
        [
            ("EBBWATCH_LANGUAGE: input should be 'en', 'zh-Hant', 'zh-Hans' or 'zh-Hant-HK'"),
            (
                "EBBWATCH_TELEGRAM__ADMINS: input should be a valid integer, unable to parse "
                "string as an integer"
            ),
        ],
    ),
    *(
        (
            f"a locale like {name} is answered with the language it means",
            {"EBBWATCH_LANGUAGE": name},
            [
                (
                    "EBBWATCH_LANGUAGE: input should be 'en', 'zh-Hant', 'zh-Hans' or "
                    f"'zh-Hant-HK' | did you mean {meant}?"
                ),
            ],
        )
        for name, meant in (
            ("zh", "zh-Hant"),
            ("zh_TW.UTF-8", "zh-Hant"),
            ("zh-CN", "zh-Hans"),
            ("zh-HK", "zh-Hant-HK"),
            ("ZH-HANS", "zh-Hans"),
            ("en_US.UTF-8", "en"),
        )
    ),
    (
        "an address needs its scheme",
        {"EBBWATCH_HEARTBEAT_URL": "beat.example/uuid-secret"},
        ["EBBWATCH_HEARTBEAT_URL: expected an address that begins with http:// or https://"],
    ),
    (
        "a page that others can reach wants a token",
        {"EBBWATCH_WEB__BIND": "0.0.0.0:8077"},
        [
            (
                "EBBWATCH_WEB__BIND: 0.0.0.0 can be reached by others, and then the page wants "
                "a token: set EBBWATCH_WEB__TOKEN"
            )
        ],
    ),
    (
        "a bind without a port is none",
        {"EBBWATCH_WEB__BIND": "localhost"},
        ["EBBWATCH_WEB__BIND: expected host:port, such as 127.0.0.1:8077, or off"],
    ),
    (
        "a token that might be guessed is none",
        {"EBBWATCH_WEB__TOKEN": "t" * 31},
        [
            (
                "EBBWATCH_WEB__TOKEN: expected at least 32 characters, such as "
                "`openssl rand -hex 32` prints"
            )
        ],
    ),
    (
        "a page that a proxy hands on wants a token",
        {"EBBWATCH_WEB__HOSTS": "desk.example.org"},
        [
            (
                "EBBWATCH_WEB__HOSTS: whoever reaches desk.example.org reaches the page, and then "
                "it wants a token: set EBBWATCH_WEB__TOKEN"
            )
        ],
    ),
    (
        "a secrets directory must be there",
        {"EBBWATCH_SECRETS_DIR": "nowhere"},
        ["EBBWATCH_SECRETS_DIR: nowhere is no directory"],
    ),
    (
        "so must a file pointed to",
        {"EBBWATCH_FRED__API_KEY_FILE": "nowhere"},
        ["EBBWATCH_FRED__API_KEY_FILE: nowhere cannot be read: No such file or directory"],
    ),
]


@pytest.mark.parametrize(
    ("variables", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: list[str]
) -> None:
    """Each complaint names its variable, and none repeats a value."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert complaints() == expected
    assert "secret" not in "".join(expected)


#: An address of each setting that is one, with a password in it.
ADDRESSES = (
    "EBBWATCH_TELEGRAM__API_BASE",
    "EBBWATCH_SLACK__API_BASE",
    "EBBWATCH_SOURCES__NYFED__BASE_URL",
    "EBBWATCH_HEARTBEAT_URL",
    "EBBWATCH_DATABASE_URL",
    "EBBWATCH_SECRET__HOOK",
)


def test_a_password_in_an_address_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is masked where settings are shown, and known to whoever masks the log."""
    for place, name in enumerate(ADDRESSES):
        monkeypatch.setenv(name, f"http://user:PW%40{place}@host/x")
    settings = load()
    shown = "".join(f"{row}" for row in describe(settings)) + repr(describe(settings))
    assert "PW" not in shown
    assert "http://user:***@host/x" in {row.value for row in describe(settings)}
    hidden = {secret.reveal() for secret in settings.secrets()}
    assert {f"PW{sign}{place}" for sign in ("%40", "@") for place in range(6)} <= hidden


@pytest.mark.parametrize(
    "address", ["http://user:PW/x@host", "http://user:1/PW@host", "http://user:PW#@host",
                "http://user:PW@host:port", "http://[user:PW@host", "ftp://user:PW@host",
                "http://user:PW@ho\u2100st"],
)  # fmt: skip
def test_an_address_that_cannot_be_read_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """What stands in it may be a password."""
    monkeypatch.setenv("EBBWATCH_TELEGRAM__API_BASE", address)
    (complaint,) = complaints()
    assert complaint.startswith(
        "EBBWATCH_TELEGRAM__API_BASE: expected an address that begins with http:// or https://; "
    )
    assert "PW" not in complaint


def test_a_problem_in_dotenv_points_at_its_line(place: Path) -> None:
    """What stands in .env is complained about with its line."""
    (place / ".env").write_text("# ours\nEBBWATCH_LANGUAGE=fr\nOTHER=1\n")
    with pytest.raises(SettingsInvalid) as caught:
        load()
    (problem,) = caught.value.problems
    assert (problem.span.file, problem.span.line) == (".env", 2)


def test_what_kubernetes_puts_beside_us_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service called ebbwatch sets variables that look like ours."""
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP_ADDR"):
        monkeypatch.setenv(f"EBBWATCH_{name}", "tcp://10.0.0.1:80")
    assert load().web.bind == "127.0.0.1:8077"


def test_a_setting_is_shown_with_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row says its name, its value, and where it came from."""
    monkeypatch.setenv("EBBWATCH_TELEGRAM__ADMINS", "7,8")
    monkeypatch.setenv("EBBWATCH_FRED__API_KEY", "abc")
    rows = describe(load())
    assert SettingRow("EBBWATCH_TELEGRAM__ADMINS", "7, 8", "environment") in rows
    assert SettingRow("EBBWATCH_FRED__API_KEY", "***", "environment") in rows
    assert SettingRow("EBBWATCH_SLACK__CHANNEL", "", "default") in rows


def test_settings_are_frozen() -> None:
    """Nobody changes a setting while the daemon runs."""
    with pytest.raises(ValidationError):
        load().language = "zh-Hant"


def test_credentials_of_a_service_are_secrets(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What systemd hands a unit counts, under its plain name or with our prefix; others' do not."""
    folder = place / "credentials"
    folder.mkdir()
    (folder / "ebbwatch_telegram__token").write_text("7:abc\n")
    (folder / "slack__bot_token").write_text("xoxb-1")
    (folder / "somebody.elses").write_text("x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    settings = load()
    assert settings.telegram.token == Secret("7:abc")
    assert settings.slack.bot_token == Secret("xoxb-1")
    assert settings.origins[TOKEN] == str(folder / "ebbwatch_telegram__token")
    monkeypatch.setenv(TOKEN, "8:def")
    assert load().telegram.token == Secret("8:def")


def test_credentials_that_went_away_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that a service started keeps the variable."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/gone.service")
    assert load().telegram.token is None


def test_no_home_is_a_trouble_only_where_it_is_needed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container may run as a user of whom nobody knows."""

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    load()
    monkeypatch.delenv("XDG_STATE_HOME")
    [said] = complaints()
    assert said == (
        "EBBWATCH_DATABASE_URL: this user has no home directory where the database could be | "
        "set it to sqlite:////PATH/ebbwatch.db, or set XDG_STATE_HOME or HOME"
    )
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", f"sqlite:///{place}/x.db")
    load()

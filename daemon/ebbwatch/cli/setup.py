"""Commands about setting up: init, settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.printing import aligned, plural, width
from ebbwatch.cli.rule_commands import schema_text
from ebbwatch.runtime.rulefiles import read_tests

SCHEMA = "rules.schema.json"
TESTS_SCHEMA = "tests.schema.json"
_MODELINE = re.compile(rb"\A# yaml-language-server: \$schema=\S+")

_RECEIVERS = f"""\
# yaml-language-server: $schema={SCHEMA}
#
# Who is told. With a Telegram token and chat, or a Slack token and channel, in the environment
# and nothing here, everything goes there; with neither, to the terminal. Secrets never stand in
# these files: {{secret: NAME}} is read from EBBWATCH_SECRET__NAME.
#
# receivers:
#   desk:
#     - telegram: {{chat: -1001234567890, topic: 7, language: zh-Hant}}
#     - slack: {{channel: C0123456789, language: en}}
#   oncall:
#     - webhook: {{url: {{secret: ONCALL_URL}}, format: alertmanager}}
#
# routes:                                        # first match wins unless continue: true
#   - match: {{level: critical}}
#     to: [desk, oncall]
#   - to: [desk]
#     group_by: [theme]
#     group_wait: 30 s
#     quiet: {{from: "22:00", to: "07:00", zone: Asia/Taipei, below: critical}}
#
# digests:
#   - {{at: "08:45", zone: America/New_York, on: business days, to: [desk],
#      show: [reserves-level, ten_percent_of_gdp, reserves_ratio, reverse_repo_buffer,
#             foreign_reverse_repo, net_liquidity]}}
"""


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="New, or empty.")]) -> None:
    """Write the default rules, their tests, and an example of receivers, to be edited."""
    if directory.exists() and not directory.is_dir():
        common.stop(f"{directory} is a file: name a new or an empty directory", common.WRONG_USE)
    if directory.is_dir() and any(directory.iterdir()):
        common.stop(f"{directory} is not empty, and nothing is overwritten: name a new directory",
                    common.WRONG_USE)  # fmt: skip
    files = _files()
    try:
        for path, content in files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        common.stop(f"{directory} cannot be written: {error.strerror}")
    print(f"{directory}: {plural(len(files), 'file')} written\n")
    print(f"edit them, then    ebbwatch check {directory}")
    print(f"                   ebbwatch test {directory}")
    print(f"                   ebbwatch run --rules {directory}")


def _files() -> dict[str, bytes]:
    """Return what is written: contents by path within the directory."""
    pack = root.default_rules()
    paths = [*root.rule_files(pack), *read_tests(pack)]
    written = {}
    for path in map(Path, paths):
        place = path.relative_to(pack)
        schema = SCHEMA if len(place.parts) == 1 else f"../{TESTS_SCHEMA}"
        modeline = f"# yaml-language-server: $schema={schema}".encode()
        written[str(place)] = _MODELINE.sub(modeline, path.read_bytes())
    return {
        **written,
        "receivers.yaml": _RECEIVERS.encode(),
        SCHEMA: schema_text().encode(),
        TESTS_SCHEMA: schema_text(tests=True).encode(),
    }


def settings() -> None:
    """Show the settings in force, and where each came from; secrets are masked."""
    from ebbwatch.settings import describe

    rows = [("SETTING", "VALUE", "FROM")]
    rows += [
        (row.name, row.value, row.origin)
        for row in describe(common.settings(), root.keyed_sources())
    ]
    # One long value must not push the last column off everybody's screen.
    room = width() - max(len(row[0]) for row in rows) - max(len(row[2]) for row in rows) - 4
    short = [(name, value if len(value) <= room else "", origin) for name, value, origin in rows]
    lines = []
    for line, (name, value, _) in zip(aligned(short).split("\n"), rows, strict=True):
        lines.append(line)
        if len(value) > room and name != "SETTING":
            lines.append(f"    {value}")
    print("\n".join(lines))

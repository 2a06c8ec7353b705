"""JSON of our own: what its schema says, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ebbwatch.core.render import Health, Trouble, health_for_programs, health_message
from ebbwatch.locale import translator
from ebbwatch.markup.alertmanager import Dialect
from ebbwatch.markup.for_programs import Page
from ebbwatch.markup.own_json import SCHEMA, payload
from ebbwatch.model.message import Message, Reason
from tests.markup.samples import AT, ENGLISH, OF_A_GROUP, SAMPLES, nasty

FILE = Path(__file__).parents[2] / "docs/webhook.schema.json"
WELL = Health(kind=Trouble.SOURCE_RECOVERED, name="nyfed", trouble="source/nyfed", began=AT)
MESSAGES = {
    "an alert": ENGLISH,
    "in Chinese": SAMPLES["zh-Hant"],
    "a group": OF_A_GROUP,
    "markup everywhere": nasty(),
    "a digest": replace(ENGLISH, reason=Reason.DIGEST, alerts=()),
    "a trouble that is over": health_for_programs(
        WELL, health_message(WELL, t=translator("en")), at=AT
    ),
}


def valid(body: Any) -> None:
    """Hold a body to the schema, and its instants to be some."""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(body)))
    instants = [body["at"], *(a[end] for a in body["alerts"] for end in ("starts_at", "ends_at"))]
    assert all(datetime.fromisoformat(at).tzinfo for at in instants if at is not None)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_every_body_is_what_the_schema_says(message: Message) -> None:
    """Whatever is told, in whatever words."""
    valid(payload(message, receiver="desk", possible_repeat=True))


def test_the_schema_takes_nothing_else() -> None:
    """A field too many, one too few and a status nobody knows are refused."""
    body = payload(OF_A_GROUP, receiver="desk")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for wrong in (
        {**body, "mood": "calm"},
        {name: value for name, value in body.items() if name != "group"},
        {**body, "alerts": []},
        {**body, "alerts": [{**body["alerts"][0], "status": "pending"}]},
        {**body, "alerts": [{**body["alerts"][0], "level": "none"}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            valid(wrong)


def test_a_body_says_what_changed_and_what_fires_on() -> None:
    """First what the message is about, then the others of the group; each with its page."""
    dialect = Dialect(severities={"watch": "low"}, page=Page("https://desk.example"))
    body = payload(OF_A_GROUP, receiver="desk", dialect=dialect)
    assert body["group"] == {
        "key": '{}:{theme="funding"}', "labels": {"theme": "funding"}, "status": "firing",
    }  # fmt: skip
    assert [(a["name"], a["changed"], a["level"], a["severity"]) for a in body["alerts"]] == [
        ("funding-spread", True, "warning", "warning"), ("repo-spike", False, "watch", "low"),
    ]  # fmt: skip
    assert [alert["url"] for alert in body["alerts"]] == [
        "https://desk.example/rules/funding-spread", "https://desk.example/rules/repo-spike",
    ]  # fmt: skip
    assert (body["left_out"], body["at"]) == (2, "2025-11-03T14:00:00+00:00")


def test_the_shipped_schema_is_the_one_that_holds() -> None:
    """``docs/webhook.schema.json`` is written from the code, and not by hand."""
    written = json.loads(FILE.read_text("utf-8"))
    assert written == SCHEMA, "write it again: python -m tests.markup.test_own_json"


if __name__ == "__main__":
    FILE.write_text(json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

"""Metrics: each is documented, there from the start, and right."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, OutboxRow, Reason, Target
from ebbwatch.runtime.delivery import Ending, Settled
from ebbwatch.web.site import Site
from tests.paths import ROOT
from tests.web.serving import NOW, site, stage

#: Made by the library, the same everywhere.
_OTHERS = ("process_",)


def families(served: Site) -> Iterator[Metric]:
    """Yield what a Prometheus reads, those of the library left out."""
    for family in text_string_to_metric_families(served.metrics.text().decode()):
        if not family.name.startswith(_OTHERS) and not family.name.endswith("_created"):
            yield family


def leading() -> Site:
    """Return the site of a daemon that leads, with one receiver."""
    served = site(stage())
    served.metrics.expect({"desk": {"telegram"}})
    return served


def value(served: Site, name: str, **labels: str) -> float | None:
    """Return a sample; None where there is none."""
    for family in families(served):
        for sample in family.samples:
            if (sample.name, sample.labels) == (name, labels):
                return sample.value
    return None


def test_every_metric_is_documented_and_no_other() -> None:
    """With its type, its labels and its help, word for word."""
    rows = []
    for family in families(leading()):
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if name.endswith("_info") else family.type
        found = {label for sample in family.samples for label in sample.labels} - {"le"}
        labels = ", ".join(f"`{label}`" for label in sorted(found))
        rows.append(f"| `{name}` | {kind} | {labels} | {family.documentation} |")
    said = (ROOT / "docs" / "metrics.md").read_text("utf-8").splitlines()
    assert [row for row in rows if row not in said] == []
    assert [row for row in said if row.startswith("| `ebbwatch") and row not in rows] == []


def test_promtool_finds_nothing_to_complain_of() -> None:
    """Names, units, help and format are as they should be."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=leading().metrics.text(), capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_is_known_is_there_from_the_start() -> None:
    """A rate over a counter that is not there yet would miss its first event."""
    served = leading()
    for ending in Ending:
        labels = {"receiver": "desk", "kind": "telegram", "outcome": ending.value}
        assert value(served, "ebbwatch_deliveries_total", **labels) == 0
    assert value(served, "ebbwatch_alerts_firing", level="critical") == 0
    assert value(served, "ebbwatch_alerts_firing", level="warning") == 1
    assert value(served, "ebbwatch_rules", state="firing") == 1
    assert value(served, "ebbwatch_rules", state="broken") == 0
    assert value(served, "ebbwatch_outbox_waiting_messages") == 1


def test_instants_of_series_are_those_of_their_figures() -> None:
    """In seconds since the epoch, by UTC."""
    served = leading()
    assert (
        value(served, "ebbwatch_series_last_period_timestamp_seconds", series="sofr")
        == datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    )
    assert (
        value(served, "ebbwatch_series_due_timestamp_seconds", series="sofr")
        == datetime(2026, 11, 25, 13, 0, tzinfo=UTC).timestamp()
    )
    assert value(served, "ebbwatch_series_state", series="sofr", state="fresh") == 1
    assert value(served, "ebbwatch_series_state", series="iorb", state="empty") == 1


def settled(ending: Ending, *, after: timedelta, held: timedelta = timedelta(0)) -> Settled:
    """Return a try to deliver, some time after its decision."""
    row = OutboxRow(
        key="k", target=Target("desk", "telegram"), place="telegram:1", episode="",
        message=Message(headline="h", lines=(), language="en", level=Level.WATCH, reason=Reason.FIRST),
        created_at=NOW, not_before=NOW + held, expires_at=NOW + timedelta(days=1),
    )  # fmt: skip
    return Settled(row=row, ending=ending, ts=NOW + after)


def test_deliveries_are_counted_and_timed_from_when_they_might_be_sent() -> None:
    """A night of quiet hours is no delay."""
    served = leading()
    served.metrics.settled(settled(Ending.DELIVERED, after=timedelta(seconds=3)))
    night = timedelta(hours=9)
    served.metrics.settled(
        settled(Ending.DELIVERED, after=night + timedelta(seconds=4), held=night)
    )
    served.metrics.settled(settled(Ending.UNCERTAIN, after=timedelta(seconds=45)))
    delivered = {"receiver": "desk", "kind": "telegram", "outcome": "delivered"}
    assert value(served, "ebbwatch_deliveries_total", **delivered) == 2
    assert value(served, "ebbwatch_possible_repeats_total") == 1
    assert value(served, "ebbwatch_known_to_sent_seconds_sum", receiver="desk") == 7
    assert value(served, "ebbwatch_known_to_sent_seconds_bucket", receiver="desk", le="5.0") == 2

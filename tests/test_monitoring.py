"""What stands under deploy/: rules and a dashboard that speak of what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "ebbwatch.rules.yaml").read_text("utf-8"))["groups"][0][
    "rules"
]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "ebbwatch.json").read_text("utf-8"))


def metrics_of(expression: str) -> set[str]:
    """Return the metrics of ours that an expression names, by the names of their rows."""
    found = re.findall(r"\bebbwatch_\w+", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def documented() -> set[str]:
    """Return the metrics that docs/metrics.md describes."""
    said = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    return set(re.findall(r"^\| `(ebbwatch_\w+)` \|", said, re.MULTILINE))


@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "--lint=all", "--lint-fatal", "ebbwatch.rules.yaml"),
        ("test", "rules", "ebbwatch.test.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(command: tuple[str, ...]) -> None:
    """The rules are right, and fire when their tests say, and not before."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """It waits, has a severity, words, a place in the runbook, a test, and metrics that exist."""
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook"}
    path, _, anchor = notes["runbook"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert anchor in [heading.lower() for heading in headings]
    assert metrics_of(rule["expr"]) - documented() == set()
    assert f"alertname: {rule['alert']}" in (PROMETHEUS / "ebbwatch.test.yaml").read_text("utf-8")


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels that show something."""
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def test_the_dashboard_can_be_loaded_anywhere() -> None:
    """Its own uid, no id of another installation, every data source a variable."""
    assert (DASHBOARD["uid"], DASHBOARD["editable"]) == ("ebbwatch", False)
    assert "id" not in DASHBOARD
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "job", "instance"]
    sources = {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]}
    assert sources == {"${datasource}"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("panel", list(panels()), ids=lambda panel: panel["title"])
def test_every_panel_has_a_unit_words_and_metrics_that_exist(panel: dict[str, Any]) -> None:
    """And shows the job and the instances that were chosen."""
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")
    for target in panel["targets"]:
        assert metrics_of(target["expr"]) - documented() == set()
        assert '{job="$job", instance=~"$instance"' in target["expr"]


def test_panels_do_not_lie_over_each_other() -> None:
    """Each has its place on the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken
        taken |= cells

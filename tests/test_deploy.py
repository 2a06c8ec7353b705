"""The files under deploy/: what they promise, and what tools for them say."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = ["sqlite", "postgresql"]


def compose(name: str) -> dict[str, Any]:
    """Return a compose file."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / f"{name}.yaml").read_text("utf-8"))
    return found


def objects(overlay: str) -> dict[str, dict[str, Any]]:
    """Return what an overlay makes, by kind."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        ["kubectl", "kustomize", DEPLOY / "kubernetes" / overlay],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_starts_it_without_rights(name: str) -> None:
    """Read-only, without capabilities; rules as a directory, secrets as files."""
    whole = compose(name)
    daemon = whole["services"]["ebbwatch"]
    assert daemon["read_only"] is True
    assert daemon["cap_drop"] == ["ALL"]
    assert daemon["security_opt"] == ["no-new-privileges:true"]
    assert "./rules:/etc/ebbwatch/rules:ro" in daemon["volumes"]
    assert set(daemon["secrets"]) <= set(whole["secrets"])
    assert all(secret["file"] == f"./secrets/{key}" for key, secret in whole["secrets"].items())
    assert not any("TOKEN" in name or "DATABASE" in name for name in daemon["environment"])


def test_compose_with_postgresql_has_two_replicas() -> None:
    """They share nothing but the database."""
    daemon = compose("postgresql")["services"]["ebbwatch"]
    assert daemon["deploy"]["replicas"] == 2
    assert "database_url" in daemon["secrets"]
    assert not any("/var/lib/ebbwatch" in volume for volume in daemon["volumes"])


@pytest.mark.parametrize("overlay", COMPOSE)
def test_pods_run_without_rights(overlay: str) -> None:
    """As nobody in particular, read-only, with directories for rules and secrets, and probed."""
    pod = objects(overlay)["Deployment"]["spec"]["template"]["spec"]
    [daemon] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert daemon["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(daemon)
    mounted = {each["name"]: each for each in daemon["volumeMounts"]}
    assert {"rules", "secrets", "scratch"} <= set(mounted)
    assert not any("subPath" in each for each in mounted.values())
    assert set(mounted) == {volume["name"] for volume in pod["volumes"]}


def test_sqlite_is_never_two() -> None:
    """The old pod is gone before the new one opens the file."""
    made = objects("sqlite")
    assert made["Deployment"]["spec"]["replicas"] == 1
    assert made["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert made["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_postgresql_is_reached_by_two() -> None:
    """The network policy lets them out to it."""
    made = objects("postgresql")
    assert made["Deployment"]["spec"]["replicas"] == 2
    ports = [port["port"] for rule in made["NetworkPolicy"]["spec"]["egress"]
             for port in rule["ports"]]  # fmt: skip
    assert 5432 in ports


def _instructions() -> Iterator[tuple[str, str]]:
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        yield word, rest


def test_the_container_runs_as_a_number_and_says_how_it_is() -> None:
    """A name would say nothing to a cluster that forbids root."""
    said = dict(_instructions())
    assert said["USER"] == "10001:0"
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert said["HEALTHCHECK"].endswith('CMD ["ebbwatch", "healthcheck"]')
    assert [word for word, _ in _instructions()].count("FROM") == 2
    for word, rest in _instructions():
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest


def test_the_container_file_is_clean() -> None:
    """hadolint has nothing to say of it, where it is installed."""
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        ["hadolint", DEPLOY / "container" / "Containerfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")

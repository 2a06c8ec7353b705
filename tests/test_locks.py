"""The locks are closed: a fresh machine installs them without resolving anything."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from itertools import product

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = {"requirements.lock": ("build",), "requirements-dev.lock": ("build", "dev")}

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
)
#: What markers see on each kind of machine that we say we run on.
MACHINES = [
    {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "os_name": "posix",
    }
    for python, (platform, system, machine) in product(PYTHONS, SYSTEMS)
]  # fmt: skip


def pins_of(text: str) -> list[tuple[str, str, Marker | None]]:
    """Return what a lock pins: name, version, and where it holds."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip(" \\"))
            version = str(requirement.specifier).removeprefix("==")
            found.append((canonicalize_name(requirement.name), version, requirement.marker))
    return found


def roots_of(groups: tuple[str, ...]) -> list[Requirement]:
    """Return what the project itself asks for."""
    texts = [*PROJECT["project"]["dependencies"]]
    for group in groups:
        texts += PROJECT["dependency-groups"][group]
    return [Requirement(text) for text in texts]


def open_ends(text: str, groups: tuple[str, ...], machine: dict[str, str]) -> set[str]:
    """Return the requirements that no pin of a lock meets on a machine, and pins that none wants."""
    pins = {
        name: version for name, version, marker in pins_of(text)
        if marker is None or marker.evaluate(machine)
    }  # fmt: skip
    ends: set[str] = set()
    seen: set[tuple[str, str]] = set()
    wanted = [(requirement, "pyproject.toml") for requirement in roots_of(groups)]
    while wanted:
        requirement, by = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name not in pins or not requirement.specifier.contains(pins[name], prereleases=True):
            ends.add(f"{by} wants {requirement}, the lock has {pins.get(name, 'none')}")
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            wanted += [
                (one, name)
                for one in map(Requirement, distribution(name).requires or ())
                if one.marker is None or one.marker.evaluate({**machine, "extra": extra})
            ]
    return ends | {f"nothing wants {name}" for name in set(pins) - {name for name, _ in seen}}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_closed_on_every_machine(lock):
    """Every requirement of every pinned package is met by a pin, and every pin is wanted."""
    text = (ROOT / lock).read_text("utf-8")
    for machine in MACHINES:
        assert open_ends(text, LOCKS[lock], machine) == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_without_one_of_its_pins_is_not_closed(lock):
    """The test above notices each pin that is taken out."""
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text("utf-8"))
    machine = MACHINES[0]
    for block in blocks:
        marker = pins_of(block)[0][2]
        if marker is None or marker.evaluate(machine):
            rest = "\n".join(other for other in blocks if other is not block)
            assert open_ends(rest, LOCKS[lock], machine), block.splitlines()[0]


@pytest.mark.parametrize("lock", LOCKS)
def test_what_a_lock_pins_is_what_is_installed(lock):
    """What is read of packages here is what others will install: the versions are the lock's."""
    here = default_environment()
    for name, version, marker in pins_of((ROOT / lock).read_text("utf-8")):
        everywhere = [marker is None or marker.evaluate(machine) for machine in MACHINES]
        if not any(everywhere):
            continue
        assert marker is None or marker.evaluate(here), f"{name} is pinned for other machines only"
        try:
            found = distribution(name).version
        except PackageNotFoundError:
            found = "none"
        assert found == version, f"{name}: run make test, which installs the lock"


def test_locks_name_no_host_and_have_a_hash_for_every_pin():
    """A lock holds names, versions and hashes: where they come from is the user's affair."""
    for lock in LOCKS:
        text = (ROOT / lock).read_text("utf-8")
        assert "://" not in text
        assert "--index" not in text
        blocks = re.split(r"\n(?=\S)", text)
        assert all("--hash=sha256:" in block for block in blocks)


def test_the_users_lock_is_part_of_the_developers():
    """An environment that is made for tests holds exactly what users run."""
    users, developers = (
        {name: version for name, version, _ in pins_of((ROOT / lock).read_text("utf-8"))}
        for lock in LOCKS
    )
    assert users.items() <= developers.items()

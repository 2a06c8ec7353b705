"""The heap: memory is given back where the C library can, and nothing happens elsewhere."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from ebbwatch.heap import give_back


@pytest.mark.parametrize(("platform", "asked"), [("linux", 1), ("darwin", 0), ("win32", 0)])
def test_glibc_is_asked_on_linux_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str, asked: int
) -> None:
    """Its heap is not another system's."""
    calls: list[int] = []
    library = SimpleNamespace(malloc_trim=lambda pad: calls.append(pad.value))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: library)
    give_back()
    assert calls == [0] * asked


@pytest.mark.parametrize("fault", [OSError("no library"), None])
def test_another_c_library_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, fault: OSError | None
) -> None:
    """Musl has no such function, and a static program no library to ask."""

    def load(_name: object) -> object:
        if fault is not None:
            raise fault
        return SimpleNamespace()

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", load)
    give_back()

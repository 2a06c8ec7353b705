"""Work spread over processes comes back whole, in order, whatever happens to a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ebbwatch.spread import processors, shares, spread


def test_parts_come_back_in_order_and_all_but_the_last_from_elsewhere() -> None:
    """Each part has a process of its own; this one does the last."""
    here = os.getpid()
    found = spread(lambda part: (part, os.getpid()), ["a", "b", "c"])
    assert [part for part, _ in found] == ["a", "b", "c"]
    assert found[-1][1] == here
    assert len({process for _, process in found}) == 3


def test_one_part_needs_no_other_process() -> None:
    """What is not worth spreading stays here, and nothing is nothing."""
    assert spread(lambda part: (part, os.getpid()), [7]) == [(7, os.getpid())]
    assert spread(lambda part: part, []) == []


def test_much_comes_back_whole() -> None:
    """A result may be larger than any pipe holds."""
    first, _ = spread(lambda size: ["x" * 1000] * size, [20_000, 1])
    assert len(first) == 20_000
    assert set(first) == {"x" * 1000}


def test_the_part_of_a_process_that_dies_is_done_here() -> None:
    """Killed for its memory, say: slower, and nothing is lost."""
    here = os.getpid()

    def work(part: int) -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return part * 2

    assert spread(work, [1, 2, 3]) == [2, 4, 6]


def test_what_cannot_be_handed_over_is_done_here() -> None:
    """A result that is no plain data is made where it is wanted."""
    found = spread(lambda part: lambda: part, [1, 2])
    assert [each() for each in found] == [1, 2]


def test_a_fault_of_the_work_is_raised_here() -> None:
    """It is the same error as without other processes, and none of them is left behind."""

    def work(part: int) -> int:
        if part == 1:
            message = "no such series"
            raise ValueError(message)
        return part

    with pytest.raises(ValueError, match="no such series"):
        spread(work, [1, 2])
    with pytest.raises(ValueError, match="no such series"):
        spread(work, [2, 1])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_copy_ends_with_the_process_it_works_for(tmp_path: Path) -> None:
    """Killed, that one could not end it; a copy that went on would hold what the next one needs."""
    told = tmp_path / "copy"
    code = (
        "import os, time\n"
        "from pathlib import Path\n"
        "from ebbwatch.spread import spread\n"
        "def work(part):\n"
        "    if part == 1:\n"
        f"        Path({str(told)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "spread(work, [1, 2])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not (told.exists() and told.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    copy = int(told.read_text())
    process.kill()
    process.wait()

    def works() -> bool:
        try:
            return Path(f"/proc/{copy}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    while works() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not works()


def test_where_the_system_has_no_process_to_give_the_work_is_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit on processes or memory costs time, and stops nobody."""

    def refused(*_: object) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refused)
    here = os.getpid()
    assert spread(lambda part: (part, os.getpid()), [1, 2]) == [(1, here), (2, here)]
    monkeypatch.setattr(os, "memfd_create", refused)
    assert spread(lambda part: (part, os.getpid()), [1, 2]) == [(1, here), (2, here)]


def test_a_process_with_threads_is_not_copied() -> None:
    """A lock that another thread holds would stay locked in the copy for ever."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert processors() == 1
    finally:
        done.set()
        thread.join()


def test_shares_hold_everything_in_order_and_the_last_one_more() -> None:
    """What is shared out comes together again, however it is shared."""
    items = list(range(101))
    for most in (1, 2, 3, 7):
        parts = shares(items, worth=1, most=most)
        assert [each for part in parts for each in part] == items
        assert len(parts) == most
    assert [len(part) for part in shares(items[:64], worth=1, most=2, here=1.2)] == [29, 35]
    assert shares([], worth=10) == [[]]
    assert shares(items, worth=1000) == [items]

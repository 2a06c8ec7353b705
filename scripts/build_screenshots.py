"""Take the pictures of the page that the documents show, of the morning of 3 November 2025.

Run by hand, with a Chromium: ``python scripts/build_screenshots.py``. A daemon whose clock stands
there reads the bundled archive; nothing is asked of any source.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MORNING = "2025-11-03T09:10:00-05:00"
#: Name, path, width, height, scheme, language.
PICTURES = (
    ("page-phone", "/", 390, 844, "light", "en"),
    ("page-phone-zh", "/", 390, 844, "dark", "zh-TW"),
    ("page-rule", "/rules/funding-spread?warning=15+bp#try", 390, 844, "light", "en"),
    ("page-desk", "/", 1280, 800, "light", "en"),
)


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """Run a daemon, and give the address of its page."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'daemon'}",
        "EBBWATCH_DATABASE_URL": f"sqlite:///{folder}/ebbwatch.db",
        "EBBWATCH_WEB__BIND": "127.0.0.1:0",
        "EBBWATCH_LOG__FORMAT": "json",
    }
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603  # a command of our own
            [sys.executable, "-m", "tests.e2e.moved", MORNING, "run"],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
    try:
        while True:
            lines = [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]
            found = [line["address"] for line in lines if line["event"] == "web.listening"]
            if found:
                break
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.1)
        yield str(found[0]).rstrip("/")
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        daemon(Path(folder)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, path, width, height, scheme, language in PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, locale=language,
                color_scheme=scheme,  # type: ignore[arg-type]
                timezone_id="Asia/Taipei" if language != "en" else "America/New_York",
            )  # fmt: skip
            page = context.new_page()
            page.goto(address + path, timeout=120_000)
            page.wait_for_timeout(1500)
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()
            print(f"docs/images/{name}.png")
        browser.close()


if __name__ == "__main__":
    main()

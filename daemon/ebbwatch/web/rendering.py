"""Pages: templates filled in, with the small pictures in them kept as long as they are right."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ebbwatch.core.answering.status import Standing
from ebbwatch.core.render import Translator
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Message
from ebbwatch.model.text import LANGUAGES
from ebbwatch.runtime.desk import Desk
from ebbwatch.runtime.lookback.replay_charts import Drawing
from ebbwatch.web.reader import PageReader

#: What each language calls itself.
_OWN_NAMES = {
    "en": "English",
    "zh-Hant": "繁體中文",
    "zh-Hans": "简体中文",
    "zh-Hant-HK": "繁體中文（香港）",
}
#: Sizes of small pictures, and of charts on a desk and on a phone, in their own units.
_SKETCH = (240, 56)
_WIDE, _NARROW = (900, 330), (440, 290)
#: Small pictures kept; those that nobody asked for longest go first.
_KEPT = 2000
#: How long the first page is not written anew while nothing is decided, and for how many readers.
FRESH, _READERS = timedelta(seconds=5), 32


@dataclass(frozen=True, slots=True)
class PageDrawings:
    """Who draws.

    Attributes:
        chart: With axes and words.
        sketch: The line and its ladder alone.
    """

    chart: Drawing
    sketch: Drawing


@dataclass(frozen=True, slots=True)
class File:
    """A file that pages refer to.

    Attributes:
        body: Its bytes.
        kind: Its media type.
        tag: Changes with its bytes.
    """

    body: bytes
    kind: str
    tag: str


_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def static_files() -> dict[str, File]:
    """Return the style sheet, the script and the icons, by name."""
    folder = files("ebbwatch.web") / "static"
    found = {}
    for entry in folder.iterdir():
        kind = _KINDS.get(entry.name.rpartition(".")[2])
        if kind is not None:
            body = entry.read_bytes()
            found[entry.name] = File(body, kind, blake2b(body, digest_size=6).hexdigest())
    return found


@dataclass(slots=True)
class Pages:
    """Fills in templates.

    Attributes:
        drawings: Who draws.
        translators: By language.
        static: Files that pages refer to.
        version: Of the program.
    """

    drawings: PageDrawings
    translators: Mapping[str, Translator]
    static: Mapping[str, File]
    version: str
    _sketches: dict[str, tuple[Hashable, Markup]] = field(default_factory=dict)
    _said: dict[tuple[str, PageReader], tuple[Hashable, Message]] = field(default_factory=dict)
    _overviews: dict[PageReader, tuple[Hashable, datetime, str]] = field(default_factory=dict)
    _environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        """Read the templates."""
        self._environment = Environment(
            loader=PackageLoader("ebbwatch.web", "templates"), autoescape=True, trim_blocks=True,
            lstrip_blocks=True, undefined=StrictUndefined, auto_reload=False,
        )  # fmt: skip

    def page(self, template: str, reader: PageReader, *, root: str, **values: Any) -> str:
        """Return a page.

        Args:
            template: Its name, without ending.
            reader: For whom.
            root: What leads from the page to the first one: ``./`` or ``../``.
            values: What the template says.
        """
        t = self.translators[reader.language]
        return self._environment.get_template(f"{template}.html.j2").render(
            _=t.gettext,
            language=reader.language,
            languages=[(each, _OWN_NAMES.get(each, each)) for each in LANGUAGES],
            zone=reader.zone,
            root=root,
            tags={name: file.tag for name, file in self.static.items()},
            version=self.version,
            **values,
        )

    # ---- what is kept as long as it is right ---------------------------------------------

    def overview(
        self, desk: Desk, reader: PageReader, at: datetime, write: Callable[[], str]
    ) -> str:
        """Return the first page as written a moment ago, where nothing was decided since.

        Args:
            desk: What the page says is its answer.
            reader: For whom.
            at: The instant.
            write: Writes it anew.
        """
        moment = (id(desk), desk.moment())
        held = self._overviews.pop(reader, None)
        if held is None or held[0] != moment or not timedelta(0) <= at - held[1] < FRESH:
            held = moment, at, write()
        self._overviews[reader] = held
        if len(self._overviews) > _READERS:
            del self._overviews[next(iter(self._overviews))]
        return held[2]

    def said(
        self, desk: Desk, rows: Sequence[Standing], at: datetime, reader: PageReader
    ) -> dict[str, Message]:
        """Return what messages would say now of alerts that fire, by name."""
        keys = {
            row.rule.name: (
                desk.version(row.rule.name),
                row.level,
                row.since,
                row.next_due,
                row.late,
            )
            for row in rows
        }
        news = [
            name for name, key in keys.items()
            if self._said.get((name, reader), (None,))[0] != key
        ]  # fmt: skip
        t = self.translators[reader.language]
        for name, message in desk.messages(news, at, t, reader.zone).items():
            self._said[name, reader] = keys[name], message
        while len(self._said) > max(_KEPT, len(rows)):
            del self._said[next(iter(self._said))]
        return {name: self._said[name, reader][1] for name in keys if (name, reader) in self._said}

    def sketches(self, desk: Desk, at: datetime, t: Translator) -> Callable[[str], Markup]:
        """Return what draws small pictures of rules; a picture is drawn anew when it would differ."""

        def sketch(name: str) -> Markup:
            version = desk.version(name)
            held = self._sketches.pop(name, None)
            if held is None or held[0] != version:
                spec = desk.sketch(name, at, t)
                held = version, self._drawn(self.drawings.sketch, spec, _SKETCH)
            self._sketches[name] = held
            if len(self._sketches) > _KEPT:
                del self._sketches[next(iter(self._sketches))]
            return held[1]

        return sketch

    def charts(
        self, desk: Desk, name: str, at: datetime, t: Translator,
        changed: Callable[[ChartSpec], ChartSpec] = lambda spec: spec,
    ) -> tuple[Markup, Markup]:  # fmt: skip
        """Return the chart of a rule for a desk and for a phone; empty where there is none.

        Args:
            desk: Says what to draw.
            name: Of the alert.
            at: The instant.
            t: The reader's language.
            changed: Adds to what is drawn.
        """
        spec = desk.chart(name, at, t)
        if not isinstance(spec, ChartSpec):
            return Markup(), Markup()
        spec = changed(spec)
        return (
            self._drawn(self.drawings.chart, spec, _WIDE),
            self._drawn(self.drawings.chart, spec, _NARROW),
        )

    def _drawn(self, draw: Drawing, spec: ChartSpec | None, size: tuple[int, int]) -> Markup:
        if spec is None:
            return Markup()
        # A drawing is markup by contract, its texts escaped.
        return Markup(draw(spec, width=size[0], height=size[1]))  # noqa: S704

"""The site: listens, asks the gate, answers by the desk, and never holds the daemon up for long.

Pages can only be read: the one form signs a reader in, which changes nothing but the reader's
own cookie. Links are relative, so that a proxy may put any path in front.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from ebbwatch.core.render import Translator
from ebbwatch.ports import Clock, StoreError
from ebbwatch.runtime.desk import Desk, NoSuchRule
from ebbwatch.runtime.trials import TrialFailed, Trials, Tried
from ebbwatch.web import api
from ebbwatch.web.door import Door
from ebbwatch.web.feed import feed
from ebbwatch.web.gate import SESSION, Gate
from ebbwatch.web.listings import (
    MOST_PAGES,
    Filter,
    calendar_parts,
    changes,
    outbox_parts,
    series_parts,
)
from ebbwatch.web.overview import Words, overview
from ebbwatch.web.reader import PageReader, reader_of
from ebbwatch.web.rendering import Pages
from ebbwatch.web.ruling import ruling
from ebbwatch.web.trying import TryOut, edits_of, fields_of, try_out, with_tried

if TYPE_CHECKING:
    from ebbwatch.web.metrics import Metrics

#: Connections at a time: more are refused, so that the daemon keeps its descriptors.
MOST_CONNECTIONS = 128
#: Bytes of a body; the sign-in form is all that has one.
_MOST_BODY = 4096
#: Between tries to listen, where the address is taken.
TRY_AGAIN = timedelta(seconds=30)
#: Between two looks at how late the event loop is.
SAMPLE = timedelta(seconds=1)
_COOKIE, _YEAR_S = "ebbwatch", 365 * 86_400
#: What is answered to everybody.
_OPEN = ("/healthz", "/readyz")
#: What a reader needs to sign in.
_TO_SIGN_IN = ("/sign-in", "/static/")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "ebbwatch",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


class Role(StrEnum):
    """What this process does for the database it shares."""

    STARTING = "starting"
    STANDING_BY = "standing-by"
    LEADING = "leading"


@dataclass(slots=True)
class Front:
    """What the page shows, as the daemon goes on: whoever leads has a desk.

    Attributes:
        role: What this process does now.
        desk: Of the daemon that leads here; None while none does.
        files: The rule files in force, by path.
    """

    role: Role = Role.STARTING
    desk: Desk | None = None
    files: Callable[[], Mapping[str, bytes]] = field(default=dict)

    def leads(self, desk: Desk, files: Callable[[], Mapping[str, bytes]]) -> None:
        """Show a daemon that begins to lead."""
        self.role, self.desk, self.files = Role.LEADING, desk, files

    def starts(self) -> None:
        """Show nothing for a moment: whether we lead is not known."""
        self.role, self.desk = Role.STARTING, None

    def stands_by(self) -> None:
        """Show nothing: another process leads."""
        self.role, self.desk = Role.STANDING_BY, None


@dataclass(slots=True)
class Site:
    """Serves the pages.

    Attributes:
        front: What they show.
        gate: Who may read them.
        pages: Templates.
        clock: Who says what time it is.
        elapsed_s: Seconds on a clock that nobody sets.
        language: Of readers who wish for none of ours.
        metrics: Of the daemon.
        trials: Tries other thresholds; None where nobody does.
    """

    front: Front
    gate: Gate
    pages: Pages
    clock: Clock
    elapsed_s: Callable[[], float]
    language: str
    metrics: Metrics
    trials: Trials | None = None
    _refused: str = ""

    # ---- listening -------------------------------------------------------------------

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; an address that is taken is tried again and again."""
        runner = web.AppRunner(self.app(), access_log=None, keepalive_timeout=75.0)
        await runner.setup()
        server: asyncio.Server | None = None
        try:
            while server is None:
                server = await self._listening(runner, host, port)
                if server is None:
                    await self.clock.wait_until(self.clock.now() + TRY_AGAIN)
            await self._sample_lag()
        finally:
            if server is not None:
                server.close()
            if self.trials is not None:
                await self.trials.aclose()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(runner.cleanup(), 0.5)

    async def _sample_lag(self) -> None:
        """Measure, until cancelled, how late the event loop comes to what it has planned."""
        while True:
            planned_s = self.elapsed_s() + SAMPLE.total_seconds()
            await self.clock.wait_until(self.clock.now() + SAMPLE)
            self.metrics.lagged(self.elapsed_s() - planned_s)

    async def _listening(
        self, runner: web.AppRunner, host: str, port: int
    ) -> asyncio.Server | None:
        """Return a server that listens; None, and it is said once, where the address is taken."""
        serving = runner.server
        assert serving is not None

        door = Door(serving, MOST_CONNECTIONS)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(door.connection, host, port)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            if self._refused != (said := reason or type(error).__name__):
                self._refused = said
                log.error(  # noqa: TRY400  # the address is taken: no line of ours is to blame
                    "web.refused", reason=said, remedy="set EBBWATCH_WEB__BIND to another "
                    "host:port, or to off; until then there is no page",
                )  # fmt: skip
            return None
        shown = f"[{host}]" if ":" in host else host
        taken = server.sockets[0].getsockname()[1]
        log.info("web.listening", address=f"http://{shown}:{taken}/")
        return server

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(
            middlewares=[self._answered, self._guarded], client_max_size=_MOST_BODY
        )
        app.on_response_prepare.append(_with_headers)
        app.router.add_get("/", self.overview)
        app.router.add_get("/rules/{name}", self.rule)
        app.router.add_get("/transitions", self.transitions)
        app.router.add_get("/calendar", self.calendar)
        app.router.add_get("/series", self.series)
        app.router.add_get("/outbox", self.outbox)
        app.router.add_get("/feed.atom", self.feed)
        app.router.add_get(f"{api.ROOT}/openapi.json", self.described)
        for question in api.QUESTIONS:
            app.router.add_get(api.ROOT + question.path, partial(self.asked, question))
        app.router.add_get("/healthz", self.healthz)
        app.router.add_get("/readyz", self.readyz)
        app.router.add_get("/metrics", self.measured)
        app.router.add_get("/static/{name}", self.file)
        app.router.add_get("/sign-in", self.sign_in)
        app.router.add_post("/sign-in", self.signed_in)
        app.router.add_post("/sign-out", self.signed_out)
        return app

    # ---- around every answer ---------------------------------------------------------

    @web.middleware
    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer in any case, and write one line about it."""
        began_s = self.elapsed_s()
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = self._said(request, error.status, error.headers)
        except StoreError:
            response = self._said(request, 503, {"Retry-After": "5"})
        except Exception as error:
            # A page that cannot be made is no reason to stop watching.
            log.exception("web.failed", path=_shape(request), error=type(error).__name__)
            response = self._said(request, 500, {})
        log.debug(
            "web.answered", path=_shape(request), method=request.method, status=response.status,
            duration_ms=round(1000 * (self.elapsed_s() - began_s), 1),
        )  # fmt: skip
        return response

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may read; ask people to sign in, and programs for the token."""
        if request.path in _OPEN:
            return await handler(request)
        if not self.gate.knows(request.host):
            return self._said(request, 421, {})
        at = self.clock.now()
        authorization = request.headers.get("Authorization", "")
        admitted = self.gate.admits(
            authorization=authorization, session=request.cookies.get(_COOKIE, ""), at=at
        )
        if admitted or request.path.startswith(_TO_SIGN_IN):
            return await handler(request)
        if authorization:
            address = request.remote or ""
            if self.gate.is_shut(address, at):
                return self._said(request, 429, {"Retry-After": "60"})
            self.gate.note_wrong(address, at)
        if "text/html" in request.headers.get("Accept", "") and request.method in ("GET", "HEAD"):
            return self._sign_in_form(request, 401)
        return self._said(request, 401, {"WWW-Authenticate": "Bearer"})

    def _said(self, request: web.Request, status: int, headers: Mapping[str, str]) -> web.Response:
        """Return a few words, as a page for people and as text for programs."""
        kept = {
            k: v for k, v in headers.items() if k in ("Allow", "Retry-After", "WWW-Authenticate")
        }
        reader, t = self._reader(request)
        what, how = _words(t, status)
        if request.path.startswith(api.ROOT):
            return _problem(status, what, kept)
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(status=status, text=f"{what}\n", headers=kept)
        body = self.pages.page("words", reader, root=_root(request), what=what, how=how)
        return web.Response(status=status, text=body, content_type="text/html", headers=kept)

    def _reader(self, request: web.Request) -> tuple[PageReader, Translator]:
        reader = reader_of(
            asked=request.query.get("lang", ""), cookies=request.cookies,
            wishes=request.headers.get("Accept-Language", ""), default=self.language,
        )  # fmt: skip
        return reader, self.pages.translators[reader.language]

    def _written(
        self, request: web.Request, template: str, reader: PageReader, **values: object
    ) -> str:
        return self.pages.page(
            template,
            reader,
            root=_root(request),
            signed=self.gate.token is not None,
            **{"here": "", **values},
        )

    def _page(self, request: web.Request, reader: PageReader, body: str) -> web.Response:
        """Return a page, and remember the language where the address names one."""
        response = web.Response(text=body, content_type="text/html")
        response.headers["Cache-Control"] = "no-store"
        if request.query.get("lang") == reader.language:
            response.set_cookie(
                "ebbwatch_language", reader.language, max_age=_YEAR_S, path="/", samesite="Lax"
            )
        return response

    def _desk(self) -> Desk:
        if self.front.desk is None:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        return self.front.desk

    # ---- pages -----------------------------------------------------------------------

    async def overview(self, request: web.Request) -> web.Response:
        """Answer what fires, then the rest, then what is late."""
        desk, at = self._desk(), self.clock.now()
        reader, t = self._reader(request)

        def write() -> str:
            shown = overview(
                desk, at, t, reader.zone, sketch=self.pages.sketches(desk, at, t),
                said=lambda rows: self.pages.said(desk, rows, at, reader),
            )  # fmt: skip
            return self._written(request, "overview", reader, page=shown, here=".")

        return self._page(request, reader, self.pages.overview(desk, reader, at, write))

    async def rule(self, request: web.Request) -> web.Response:
        """Answer everything about one rule."""
        desk, at = self._desk(), self.clock.now()
        reader, t = self._reader(request)
        name = request.match_info["name"]
        try:
            shown = ruling(
                desk, name, at, t, reader.zone, sketch=lambda _: "", files=self.front.files()
            )
        except NoSuchRule as error:
            raise web.HTTPNotFound from error
        answer, trial = await self._trial(request, desk, name, at, t, reader)
        wide, narrow = self.pages.charts(
            desk, name, at, t, lambda spec: spec if answer is None else with_tried(spec, t, answer)
        )
        body = self._written(
            request, "rule", reader, rule=shown, wide=wide, narrow=narrow, trial=trial,
            fields=self._fields(request, desk, name, t),
        )  # fmt: skip
        return self._page(request, reader, body)

    def _fields(
        self, request: web.Request, desk: Desk, name: str, t: Translator
    ) -> list[tuple[str, str, str, str]]:
        """Return what can be tried of a rule; nothing where it has no ladder, or nobody tries."""
        watched = desk.judge().watched.get(name)
        tried = self.trials is not None and bool(self.front.files())
        if watched is None or watched.unit is None or not tried:
            return []
        bounds = {
            rung.level.word: bound
            for rung in watched.ladder.rungs
            if (bound := watched.in_unit(rung.threshold)) is not None
        }
        return fields_of(t, watched.rule, watched.unit, bounds, request.query)

    async def _trial(
        self, request: web.Request, desk: Desk, name: str, at: datetime, t: Translator,
        reader: PageReader,
    ) -> tuple[dict[str, Any] | None, TryOut | None]:  # fmt: skip
        """Return what other thresholds come to, where the address names some; else nothing."""
        watched = desk.judge().watched.get(name)
        files = self.front.files()
        if watched is None or watched.unit is None or self.trials is None or not files:
            return None, None
        edits = edits_of(watched.rule, request.query)
        if not edits:
            return None, None
        asked = Tried(name, edits, files, repr(desk.version(name)), at)
        try:
            answer = await self.trials.ask(asked)
        except TrialFailed as error:
            log.warning("trial.refused", rule=name, reason=str(error))
            return None, TryOut((t.gettext("It could not be tried now; try again in a moment."),))
        return answer, try_out(t, reader.zone, answer, watched.rule.span.file)

    async def transitions(self, request: web.Request) -> web.Response:
        """Answer what changed, filtered and page by page."""
        desk = self._desk()
        reader, t = self._reader(request)
        page = request.query.get("page", "1")
        within = page.isascii() and page.isdigit() and 1 <= int(page[:9]) <= MOST_PAGES
        wanted = Filter(
            rule=request.query.get("rule", ""), level=request.query.get("level", ""),
            page=int(page) if within else 1,
        )  # fmt: skip
        shown = changes(desk, wanted, t, reader.zone)
        body = self._written(
            request, "transitions", reader, page=shown, wanted=wanted, here="transitions"
        )
        return self._page(request, reader, body)

    async def calendar(self, request: web.Request) -> web.Response:
        """Answer what is due within a week."""
        return self._listing(request, "calendar")

    async def series(self, request: web.Request) -> web.Response:
        """Answer how fresh the figures are, and which are held back."""
        return self._listing(request, "series")

    async def outbox(self, request: web.Request) -> web.Response:
        """Answer what waits to be told, and what did not get through."""
        return self._listing(request, "outbox")

    def _listing(self, request: web.Request, here: str) -> web.Response:
        desk, at = self._desk(), self.clock.now()
        reader, t = self._reader(request)
        intro = due = ""
        if here == "calendar":
            title, parts = t.gettext("Calendar"), calendar_parts(desk, at, t, reader.zone)
            intro = t.gettext("Which figures come within a week, and which rules wait for them.")
        elif here == "series":
            title, parts = t.gettext("Series"), series_parts(desk, at, t, reader.zone)
            intro, due = (
                t.gettext("How fresh the figures are that the rules read."),
                t.gettext("due"),
            )
        else:
            title, parts = t.gettext("Outbox"), outbox_parts(desk, t, reader.zone)
            intro = t.gettext("What waits to be told, and what did not get through.")
        stamp = Words(t, reader.zone, lambda _: "").here(at)
        body = self._written(
            request, "listing", reader, title=title, intro=intro, parts=parts, at=stamp, due=due,
            here=here,
        )  # fmt: skip
        return self._page(request, reader, body)

    # ---- for programs ----------------------------------------------------------------

    async def asked(self, question: api.ApiQuestion, request: web.Request) -> web.Response:
        """Answer a question of the API, as JSON or as CSV."""
        headers = {"Cache-Control": "no-store"}
        try:
            query = api.parameters(question, _once(request))
            asked = api.AskedQuestion(
                self._desk(), self.clock.now(), self._reader(request)[1],
                request.match_info.get("name", ""), query,
            )  # fmt: skip
            if query.get("format") == "csv":
                body, kind = api.as_csv(question, asked), "text/csv"
            else:
                body, kind = api.as_json(question, asked), "application/json"
        except api.BadQuestion as error:
            return _problem(400, str(error), headers)
        except NoSuchRule as error:
            return _problem(404, str(error), headers)
        return web.Response(text=body, content_type=kind, headers=headers)

    async def described(self, _: web.Request) -> web.Response:
        """Answer with the description of the API."""
        return web.json_response(api.description(self.pages.version))

    async def feed(self, request: web.Request) -> web.Response:
        """Answer what changed, for feed readers."""
        _, t = self._reader(request)
        body = feed(self._desk(), self.clock.now(), t)
        return web.Response(body=body, content_type="application/atom+xml", charset="utf-8")

    async def file(self, request: web.Request) -> web.Response:
        """Answer with the style sheet, the script or an icon."""
        found = self.pages.static.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "max-age=3600", "ETag": f'"{found.tag}"'}
        if request.query.get("v") == found.tag:
            headers["Cache-Control"] = "max-age=31536000, immutable"
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=found.body, content_type=found.kind, charset="utf-8", headers=headers
        )

    # ---- signing in ------------------------------------------------------------------

    def _sign_in_form(self, request: web.Request, status: int) -> web.Response:
        reader, _ = self._reader(request)
        wrong, shut = status == 403, status == 429
        body = self.pages.page("sign-in", reader, root=_root(request), wrong=wrong, shut=shut)
        return web.Response(
            status=status,
            text=body,
            content_type="text/html",
            headers={"Cache-Control": "no-store"},
        )

    async def sign_in(self, request: web.Request) -> web.Response:
        """Answer with the form."""
        return self._sign_in_form(request, 200)

    async def signed_in(self, request: web.Request) -> web.Response:
        """Take the token of the form, and let the browser keep what admits it."""
        at, address = self.clock.now(), request.remote or ""
        if self.gate.token is None:
            raise web.HTTPNotFound
        if self.gate.is_shut(address, at):
            return self._sign_in_form(request, 429)
        given = (await request.post()).get("token", "")
        if not isinstance(given, str) or not self.gate.is_token(given.strip()):
            self.gate.note_wrong(address, at)
            return self._sign_in_form(request, 403)
        response = web.Response(status=303, headers={"Location": "./"})
        response.set_cookie(
            _COOKIE, self.gate.session(at), max_age=round(SESSION.total_seconds()), httponly=True,
            path="", samesite="Lax", secure=_is_encrypted(request),
        )  # fmt: skip
        return response

    async def signed_out(self, _: web.Request) -> web.Response:
        """Have the browser forget what admits it."""
        response = web.Response(status=303, headers={"Location": "sign-in"})
        response.set_cookie(_COOKIE, "", max_age=0, path="")
        return response

    # ---- health and metrics ----------------------------------------------------------

    async def healthz(self, _: web.Request) -> web.Response:
        """Answer that we live."""
        return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})

    async def readyz(self, _: web.Request) -> web.Response:
        """Answer whether we watch, or stand by to: rules loaded, store reachable."""
        word, status = self.front.role.value, 200
        if self.front.role is Role.STARTING:
            status = 503
        elif self.front.desk is not None and self.front.desk.store is not None:
            try:
                self.front.desk.store.get("ready")
            except StoreError:
                word, status = "database", 503
        return web.Response(text=f"{word}\n", status=status, headers={"Cache-Control": "no-store"})

    async def measured(self, _: web.Request) -> web.Response:
        """Answer the metrics."""
        body = self.metrics.text()
        return web.Response(
            body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8",
                                "Cache-Control": "no-store"},
        )  # fmt: skip


async def _with_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _problem(status: int, error: str, headers: Mapping[str, str]) -> web.Response:
    """Return what is wrong, for programs."""
    return web.json_response({"error": error}, status=status, headers=headers)


def _once(request: web.Request) -> dict[str, str]:
    """Return the parameters of a query.

    Raises:
        BadQuestion: If one is given twice.
    """
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise api.BadQuestion(f"{name}: given more than once")
    return dict(request.query)


def _root(request: web.Request) -> str:
    """Return what leads from an address to the first page, whatever a proxy puts in front."""
    depth = request.path.count("/") - 1
    return "../" * depth or "./"


def _shape(request: web.Request) -> str:
    """Return the route of a request, without what somebody typed into its address."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _is_encrypted(request: web.Request) -> bool:
    return request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"


def _words(t: Translator, status: int) -> tuple[str, str]:
    """Return what a status means, and what to do about it."""
    found = {
        401: (t.gettext("Sign in first"), t.gettext("Programs send the token as a Bearer header.")),
        404: (t.gettext("There is no such page"), t.gettext("The first page lists every rule.")),
        405: (t.gettext("Nothing can be changed here"), t.gettext("The page can only be read.")),
        413: (t.gettext("That is too much"), t.gettext("Nothing here takes so much text.")),
        421: (
            t.gettext("Nobody of this name lives here"),
            t.gettext("Set EBBWATCH_WEB__HOSTS to the name that the page is asked by."),
        ),
        429: (t.gettext("Too many wrong tokens"), t.gettext("Try again in a minute.")),
        503: (
            t.gettext("Not now"),
            t.gettext("This replica starts or stands by, or its database is away. Try again soon."),
        ),
    }  # fmt: skip
    return found.get(
        status, (t.gettext("That did not work"), t.gettext("The log says what went wrong."))
    )

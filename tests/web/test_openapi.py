"""The description of the API, tried by schemathesis: what is asked by it is answered by it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from ebbwatch.web import api
from tests.web.serving import site
from tests.web.test_listings import busy

SCHEMA = schemathesis.openapi.from_dict(api.description("1.2.3"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a daemon's page in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = TestServer(site(busy()).app(), loop=loop)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(30)
    yield str(server.make_url("/")).rstrip("/")
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


@SCHEMA.parametrize()
@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_what_is_asked_is_answered_as_described(case: schemathesis.Case, address: str) -> None:
    """Good questions and bad ones: status, kind and shape are those of the description."""
    case.call_and_validate(base_url=address)


def test_shapes_are_schemas() -> None:
    """Each is one by the letter of JSON Schema, so that programs can be made from it."""
    for question in api.QUESTIONS:
        Draft202012Validator.check_schema(question.schema)

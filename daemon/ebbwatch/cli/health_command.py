"""The command that asks a running daemon how it is: healthcheck."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

from ebbwatch.cli import common

#: How long the daemon may take to answer, in seconds.
_PATIENCE_S = 4.0


def healthcheck() -> None:
    """Ask the daemon here whether it watches, or stands by to; for supervisors of containers."""
    web = common.settings().web
    if web.bind == "off":
        common.stop("EBBWATCH_WEB__BIND is off: nobody answers", common.WRONG_USE)
    if web.port == 0:
        common.stop("EBBWATCH_WEB__BIND names port 0, any that is free: name one to be asked at",
                    common.WRONG_USE)  # fmt: skip
    connection = HTTPConnection(_asked(web.host), web.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/readyz")
        with connection.getresponse() as answer:
            word = answer.read(100).decode("ascii", "replace").strip()
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        common.stop(f"nobody answers at {web.bind}: {reason}")
    finally:
        connection.close()
    if answer.status != 200:
        common.stop(f"not ready: {word} ({answer.status})")
    common.say(word)


def _asked(host: str) -> str:
    """Return where to reach who listens at a host: on all addresses means on loopback, too."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"

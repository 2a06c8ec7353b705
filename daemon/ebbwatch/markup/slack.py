"""Messages as Slack Block Kit.

All text from data stands in ``plain_text`` objects: mrkdwn has no way to escape ``*``, ``_``,
``~`` and backticks. The three characters that Slack parses everywhere are escaped besides, so
that no ``<!channel>`` in a headline can call a whole company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ebbwatch.markup.layout import (
    Line,
    LineRole,
    cut_lines,
    cut_text,
    laid_out,
    utf16_units,
    web_address,
)
from ebbwatch.model.message import Button, Message

#: Limits of one block. Source: docs.slack.dev, Block Kit reference, as kept in slack-sdk
#: 3.47.0 (slack_sdk.models.blocks), read 2026-11-22.
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
BUTTON_TEXT_LIMIT = 75
ACTIONS_LIMIT = 25
URL_LIMIT = 2500  # 3000 for a link with its label

#: All blocks together; the platform refuses more than about 13,200 characters with
#: ``msg_blocks_too_long`` and documents no number. We stay well below.
#: Source: github.com/slackapi/bolt-js/issues/2509, read 2026-11-22.
TOTAL_LIMIT = 10_000

#: The fallback that notifications and screen readers show; Slack recommends at most 4,000.
#: Source: docs.slack.dev/reference/methods/chat.postMessage, read 2026-11-22.
FALLBACK_LIMIT = 3000


def blocks(
    message: Message,
    *,
    possible_repeat: bool = False,
    sign: Callable[[Button], str] | None = None,
) -> tuple[str, list[dict[str, Any]]]:
    """Return the fallback text and the blocks; Slack wants both, always.

    Args:
        message: What to say.
        possible_repeat: Say that an earlier copy may have arrived.
        sign: Returns the value that a press of a button sends back; None leaves the
            buttons out, because nobody would answer them.
    """
    lines = laid_out(message, possible_repeat=possible_repeat)
    return _fallback(lines), _blocks(lines, message.buttons, sign)


def fallback(message: Message, *, possible_repeat: bool = False) -> str:
    """Return a message as text alone, for when Slack refuses the blocks."""
    return _fallback(laid_out(message, possible_repeat=possible_repeat))


def _fallback(lines: list[Line]) -> str:
    return "\n".join(escape(line.text) for line in cut_lines(lines, FALLBACK_LIMIT, _size))


def _blocks(
    lines: list[Line], buttons: Iterable[Button], sign: Callable[[Button], str] | None
) -> list[dict[str, Any]]:
    head, *rest = cut_lines(lines, TOTAL_LIMIT, _size)
    built: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(cut_text(head.text, HEADER_LIMIT, _size))}
    ]
    if _size(head.text) > HEADER_LIMIT:  # nothing of it is lost: the whole follows
        rest.insert(0, Line(head.text, LineRole.FACT))
    # Facts and the note stand as text, circumstances small and grey below them.
    for part in (LineRole.FACT, LineRole.NOTE):
        texts = _packed(line.text for line in rest if line.part is part)
        built += [{"type": "section", "text": _plain(text)} for text in texts]
    small = [_plain(text) for text in _packed(li.text for li in rest if li.part is LineRole.FOOTER)]
    small += [_link(line) for line in rest if line.part is LineRole.LINK]
    small += [_plain(line.text) for line in rest if line.part is LineRole.REPEAT]
    if small:
        built.append({"type": "context", "elements": small})
    if sign is not None and (keys := [_key(button, sign) for button in buttons]):
        built.append({"type": "actions", "elements": keys[:ACTIONS_LIMIT]})
    return built


def _packed(texts: Iterable[str]) -> list[str]:
    """Return lines packed into as few texts as one section's limit allows."""
    packed: list[str] = []
    for text in texts:
        line = cut_text(text, SECTION_LIMIT, _size)
        if packed and _size(packed[-1]) + 1 + _size(line) <= SECTION_LIMIT:
            packed[-1] += f"\n{line}"
        else:
            packed.append(line)
    return packed


def _link(line: Line) -> dict[str, Any]:
    address = web_address(line.text)
    if address is None or _size(line.text) > URL_LIMIT:
        return _plain(cut_text(line.text, SECTION_LIMIT, _size))
    url, host = address
    target = escape(url).replace("|", "%7C")
    return {"type": "mrkdwn", "text": f"<{target}|{escape(host)} ↗>", "verbatim": True}


def _key(button: Button, sign: Callable[[Button], str]) -> dict[str, Any]:
    return {
        "type": "button",
        "text": _plain(cut_text(button.label, BUTTON_TEXT_LIMIT, _size)),
        "action_id": f"{button.action}:{button.alert}"[:255],
        "value": sign(button),
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": escape(text), "emoji": False}


def escape(text: str) -> str:
    """Return a text that Slack shows as it is.

    Source: docs.slack.dev/messaging/formatting-message-text (escaping), read 2026-11-22.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _size(text: str) -> int:
    """Return how long a text is once escaped."""
    return utf16_units(escape(text))

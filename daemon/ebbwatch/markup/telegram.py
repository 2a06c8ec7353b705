"""Messages as Telegram HTML.

HTML and not MarkdownV2: three characters to escape instead of eighteen, none of which occurs
in figures, so that a forgotten one cannot make the platform refuse a message.
"""

from __future__ import annotations

from collections.abc import Callable

from ebbwatch.markup.layout import Line, LineRole, cut_lines, laid_out, web_address
from ebbwatch.model.message import Button, Message

#: Longest text that sendMessage accepts, after entities are parsed. Whether Telegram counts
#: code points or UTF-16 units is told differently; counting units is safe either way.
#: Source: core.telegram.org/bots/api#sendmessage, as stated in python-telegram-bot 22.8
#: (telegram.constants.MessageLimit), read 2026-11-22.
TEXT_LIMIT_UNITS = 4096

#: Longest callback_data of a button, in bytes of UTF-8. Source: as above
#: (InlineKeyboardButtonLimit).
CALLBACK_LIMIT_BYTES = 64

#: Buttons side by side; the platform allows 8, phones show 4 with readable labels.
_ROW_BUTTONS = 4


def html(message: Message, *, possible_repeat: bool = False) -> str:
    """Return a message as the HTML that sendMessage takes with ``parse_mode=HTML``.

    Lines are cut before they are marked up, so that no cut can fall inside markup.

    Args:
        message: What to say.
        possible_repeat: Say that an earlier copy may have arrived.
    """
    lines = laid_out(message, possible_repeat=possible_repeat)
    return "\n".join(_marked_up(line) for line in cut_lines(lines, TEXT_LIMIT_UNITS))


def _marked_up(line: Line) -> str:
    text = escape(line.text)
    match line.part:
        case LineRole.HEADLINE:
            return f"<b>{text}</b>"
        case LineRole.REPEAT:
            return f"<i>{text}</i>"
        case LineRole.LINK if address := web_address(line.text):
            url, host = address
            return f'<a href="{escape(url)}">{escape(host)} ↗</a>'
        case _:
            return text


def escape(text: str) -> str:
    """Return a text that Telegram shows as it is, in content and in attributes alike."""
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def keyboard(message: Message, sign: Callable[[Button], str]) -> list[list[tuple[str, str]]]:
    """Return the buttons as rows of an inline keyboard: label and callback data.

    Args:
        message: Whose buttons.
        sign: Returns what a press sends back: at most `CALLBACK_LIMIT_BYTES` bytes.
    """
    keys = [(button.label, sign(button)) for button in message.buttons]
    return [keys[start : start + _ROW_BUTTONS] for start in range(0, len(keys), _ROW_BUTTONS)]

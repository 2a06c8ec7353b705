"""Words: what people are told of alerts, data and rules, in their language.

A message about an alert answers, in this order: what crossed what; the number, its date and
the change since the last one; how unusual it is; why it matters; when the next figure comes.
Everything that is said is in the context handed over: nothing is looked up here.
"""

from __future__ import annotations

from ebbwatch.core.answering.expected import Late
from ebbwatch.core.render.alert_messages import (
    alert_for_programs,
    alert_message,
    bare_message,
)
from ebbwatch.core.render.lists import digest_message, summary_message
from ebbwatch.core.render.message_contexts import (
    DigestContext,
    DigestFigure,
    Firing,
    Health,
    Lamp,
    Measure,
    Outstanding,
    Quote,
    ReloadContext,
    Reset,
    Revised,
    Single,
    ToldChange,
    Trouble,
    Working,
)
from ebbwatch.core.render.notices import (
    health_for_programs,
    health_message,
    plain_message,
    reload_message,
    test_for_programs,
    test_message,
)
from ebbwatch.core.render.phrases import Naming, Phrases
from ebbwatch.core.render.reasons import reason_words
from ebbwatch.core.render.words import (
    Translator,
    fingerprint,
    level_word,
    series_label,
)

__all__ = [
    "DigestContext", "DigestFigure", "Firing", "Health", "Lamp", "Late", "Measure", "Naming", "Outstanding",
    "Phrases", "Quote", "ReloadContext", "Reset", "Revised", "Single", "ToldChange", "Translator", "Trouble",
    "Working", "alert_for_programs", "alert_message", "bare_message", "digest_message", "fingerprint",
    "health_for_programs", "health_message", "level_word", "plain_message", "reason_words", "reload_message",
    "series_label", "summary_message", "test_for_programs", "test_message",
]  # fmt: skip

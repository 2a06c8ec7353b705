"""The words of a replay's page, in the reader's language."""

from __future__ import annotations

from ebbwatch.core.render import Translator
from ebbwatch.model.alert import Cause, Change
from ebbwatch.model.message import Reason


def change_word(t: Translator, change: Change) -> str:
    """Return how an alert moved: ``fired``."""
    words = {
        Change.FIRED: t.gettext("fired"),
        Change.ESCALATED: t.gettext("escalated"),
        Change.EASED: t.gettext("eased"),
        Change.RESOLVED: t.gettext("resolved"),
        Change.WITHDRAWN: t.gettext("withdrawn"),
    }
    return words[change]


def cause_words(t: Translator, cause: Cause) -> str:
    """Return what moved an alert, where that is not simply a new figure."""
    words = {
        Cause.REVISION: t.gettext("by a revision of a published figure"),
        Cause.HOLD_ELAPSED: t.gettext("by the time it had lasted"),
        Cause.RULE_CHANGED: t.gettext("by an edit of the rule"),
        Cause.HISTORY_ADDED: t.gettext("by history added"),
    }
    return words.get(cause, "")


def reason_word(t: Translator, reason: Reason) -> str:
    """Return why a message that tells no move was sent: ``reminder``."""
    words = {
        Reason.REMINDER: t.gettext("reminder"),
        Reason.CORRECTION: t.gettext("correction"),
    }
    return words.get(reason, t.gettext("told"))


def page_words(t: Translator) -> dict[str, str]:
    """Return the page's own words."""
    return {
        "title": t.gettext("What the rules would have told"),
        "range": t.gettext("Range"),
        "as_of": t.gettext("Figures known to"),
        "rules": t.gettext("Rules"),
        "alerts": t.gettext("Alerts"),
        "yearly": t.gettext("A year"),
        "days": t.gettext("Days firing"),
        "share": t.gettext("Share of days"),
        "last": t.gettext("Last fired"),
        "when": t.gettext("When it fired"),
        "now": t.gettext("fires at the end"),
        "never": t.gettext("never"),
        "overview": t.gettext("The rules at a glance"),
        "origin": t.gettext("What is known and what is assumed"),
        "origin_note": t.gettext(
            "No figure is used before it was known. Where the publisher keeps no vintages, the "
            "instant comes from the series' release rule, and the value is today's: such figures "
            "are assumed."
        ),
        "hindsight": t.gettext(
            "With hindsight: every period's last value is used as if it had been known at its "
            "first release. Nobody could have been told this."
        ),
        "series": t.gettext("Series"),
        "periods": t.gettext("Periods"),
        "known": t.gettext("Known"),
        "assumed": t.gettext("Assumed"),
        "revised": t.gettext("Revised"),
        "source": t.gettext("Source"),
        "without": t.gettext("No figures for"),
        "moves": t.gettext("What happened"),
        "nothing": t.gettext("Nothing happened in this range."),
        "no_chart": t.gettext("A condition, true or false: it has no number to draw."),
        "legend": t.gettext(
            "Readings as they were first known; dots are transitions, grey stretches the turns of "
            "quarters and years."
        ),
        "top": t.gettext("Back to the rules"),
        "made": t.gettext("Made by ebbwatch replay; times are New York's."),
    }

"""The New York Fed: absent fields, two operations a day, types that are told apart here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.periods import day_of
from ebbwatch.ports import Poll, SourceChanged, SourceSetup
from ebbwatch.sources.nyfed import NewYorkFed
from tests.paths import recording
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
RATES = "/rates/secured/sofr/last/10.json"
EFFR = "/rates/unsecured/effr/last/10.json"
OPERATIONS = "/rp/all/all/results/lastTwoWeeks.json"


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[NewYorkFed]:
    own = NewYorkFed(SourceSetup(clock=EagerClock(NOW), base_url=provider.url), tries=1)
    yield own
    await own.aclose()


def rates(*rows: dict[str, Any]) -> str:
    """Return a body as the rates come, newest first."""
    return json.dumps({"refRates": list(rows)})


def operation(day: str, kind: str, closed: str, amount: object, **more: Any) -> dict[str, Any]:
    """Return an operation in the shape in which they come."""
    row: dict[str, Any] = {
        "operationId": "RP 1",
        "auctionStatus": "Results",
        "operationDate": day,
        "operationType": kind,
        "closeTime": closed,
        "note": "",
        "totalAmtAccepted": amount,
        "details": [
            {"securityType": "Treasury", "percentOfferingRate": 4.0 if kind == "Repo" else 3.75},
            {"securityType": "Agency", "percentOfferingRate": 9},
        ],
    }
    row.update(more)
    return row


def operations(*rows: dict[str, Any]) -> str:
    """Return a body as the operations come: under repo, whatever they are."""
    return json.dumps({"repo": {"operations": list(rows)}})


SOFR_ROW = {
    "type": "SOFR",
    "percentRate": 4.22,
    "percentPercentile1": 4.1,
    "percentPercentile25": 4.2,
    "percentPercentile75": 4.25,
    "percentPercentile99": 4.4,
    "volumeInBillions": 3013,
    "revisionIndicator": "",
}


async def test_one_request_serves_all_series_of_a_row(
    provider: StandIn, source: NewYorkFed
) -> None:
    """Rate, percentiles and volume stand in one row and are asked for once."""
    provider.serve(RATES, rates({**SOFR_ROW, "effectiveDate": "2026-11-23"}))
    names = ["sofr", "sofr_p1", "sofr_p25", "sofr_p75", "sofr_p99", "sofr_volume"]
    poll = await source.poll(wanting("nyfed", *names), cursor=None)
    assert [(each.series, each.value) for each in poll.published] == [
        ("sofr", Decimal("4.22")),
        ("sofr_p1", Decimal("4.1")),
        ("sofr_p25", Decimal("4.2")),
        ("sofr_p75", Decimal("4.25")),
        ("sofr_p99", Decimal("4.4")),
        ("sofr_volume", Decimal(3013)),
    ]
    assert {(each.known_at, each.unit, each.vintage) for each in poll.published} == {
        (None, None, None)
    }
    assert (poll.cursor, poll.note, provider.paths) == (None, "", [RATES])


async def test_a_percentile_that_is_not_available_is_missing_and_the_rate_is_not(
    provider: StandIn, source: NewYorkFed
) -> None:
    """The text NA stands for no value of that field only."""
    provider.serve(
        RATES, rates({**SOFR_ROW, "effectiveDate": "2019-05-31", "percentPercentile1": "NA"})
    )
    poll = await source.poll(wanting("nyfed", "sofr", "sofr_p1"), cursor=None)
    assert figures(poll.published, "sofr") == {"2019-05-31": Decimal("4.22")}
    assert figures(poll.published, "sofr_p1") == {"2019-05-31": None}


async def test_the_target_range_is_known_with_the_row_of_effr(
    provider: StandIn, source: NewYorkFed
) -> None:
    """Before December 2008 the target was one number: there is no upper end to give."""
    provider.serve(
        EFFR,
        rates(
            {
                "type": "EFFR",
                "effectiveDate": "2008-12-16",
                "percentRate": 0.17,
                "targetRateFrom": 0.00,
                "targetRateTo": 0.25,
            },
            {
                "type": "EFFR",
                "effectiveDate": "2008-12-15",
                "percentRate": 0.18,
                "targetRateFrom": 1.00,
            },
        ),
    )
    poll = await source.poll(wanting("nyfed", "target_lower", "target_upper", "effr"), cursor=None)
    assert provider.paths == [EFFR]
    assert figures(poll.published, "target_lower") == {
        "2008-12-15": Decimal(1),
        "2008-12-16": Decimal(0),
    }
    assert figures(poll.published, "target_upper") == {"2008-12-16": Decimal("0.25")}
    assert len(figures(poll.published, "effr")) == 2


async def test_a_row_marked_as_revised_stands_for_its_day(
    provider: StandIn, source: NewYorkFed
) -> None:
    """If both versions are given, the revised one counts, in whatever order."""
    old = {**SOFR_ROW, "effectiveDate": "2026-11-23"}
    new = {**old, "percentRate": 4.23, "revisionIndicator": "r"}
    for rows in ((old, new), (new, old)):
        provider.forget()
        provider.serve(RATES, rates(*rows))
        poll = await source.poll(wanting("nyfed", "sofr"), cursor=None)
        assert figures(poll.published, "sofr") == {"2026-11-23": Decimal("4.23")}


async def test_an_empty_window_is_an_empty_poll_with_its_reason(
    provider: StandIn, source: NewYorkFed
) -> None:
    """A holiday is no failure."""
    provider.serve(RATES, rates())
    poll = await source.poll(wanting("nyfed", "sofr"), cursor=None)
    assert (poll.published, poll.note) == ((), "no rows")


async def test_history_is_asked_by_dates(provider: StandIn, source: NewYorkFed) -> None:
    """Rates come in one request, operations a year at a time; both begin a week early."""
    provider.serve("/rates/secured/sofr/search.json", rates())
    provider.serve("/rp/results/search.json", operations())
    since = datetime(2025, 3, 10, 5, 0, tzinfo=UTC)
    await source.poll(wanting("nyfed", "sofr", "reverse_repo"), cursor=None, since=since)
    assert [seen.query for seen in provider.requests] == [
        {"startDate": "2025-03-03", "endDate": "2026-11-24"},
        {"startDate": "2025-03-03", "endDate": "2025-12-31"},
        {"startDate": "2026-01-01", "endDate": "2026-11-24"},
    ]


async def test_reverse_repo_is_the_last_operation_and_repo_the_sum_of_all(
    provider: StandIn, source: NewYorkFed
) -> None:
    """Both come in one list; announced operations are none yet; test trades are values."""
    provider.serve(
        OPERATIONS,
        operations(
            operation("2026-11-24", "Reverse Repo", "13:15", 999, auctionStatus="Announced"),
            operation("2026-11-24", "Repo", "08:30", 1_000_000),
            operation("2026-11-23", "Repo", "8:30", 2_000_000),
            operation("2026-11-23", "Repo", "13:45", 50_000_000_000),
            operation("2026-11-23", "Reverse Repo", "13:15", 851_000_000),
            operation("2026-11-23", "Reverse Repo", "9:30", 103_000_000, operationId="RP 1 99"),
        ),
    )
    names = ["reverse_repo", "reverse_repo_rate", "standing_repo", "standing_repo_rate"]
    poll = await source.poll(wanting("nyfed", *names), cursor=None)
    assert provider.paths == [OPERATIONS]
    assert figures(poll.published, "reverse_repo") == {"2026-11-23": Decimal(851_000_000)}
    assert figures(poll.published, "reverse_repo_rate") == {"2026-11-23": Decimal("3.75")}
    assert figures(poll.published, "standing_repo") == {
        "2026-11-23": Decimal(50_002_000_000),
        "2026-11-24": Decimal(1_000_000),
    }
    assert figures(poll.published, "standing_repo_rate") == {
        "2026-11-23": Decimal(4),
        "2026-11-24": Decimal(4),
    }


async def test_a_day_of_two_operations_says_how_far_it_goes(
    provider: StandIn, source: NewYorkFed
) -> None:
    """A visit gives what the day came to; a look back also what it came to each morning."""
    rows = (
        operation("2026-11-24", "Repo", "08:30", 5, lastUpdated="2026-11-24 08:30:31"),
        operation("2026-11-23", "Repo", "08:30", 2, lastUpdated="2026-11-23 08:30:39"),
        operation("2026-11-23", "Repo", "13:45", 0, lastUpdated="2026-11-23 13:45:21"),
        # Rewritten later: nobody knows any more when it was put up.
        operation("2026-11-20", "Repo", "08:30", 1, lastUpdated="2026-11-30 10:00:00"),
        operation("2026-11-20", "Repo", "13:45", 3, lastUpdated="2026-11-20 13:45:30"),
        # Before the facility lent each morning, a day is one figure, whatever was held.
        operation("2025-03-31", "Repo", "08:30", 7, lastUpdated="2025-03-31 08:31:00"),
        operation("2025-03-31", "Repo", "13:45", 8, lastUpdated="2025-03-31 13:45:40"),
    )
    provider.serve(OPERATIONS, operations(*rows))
    provider.serve("/rp/results/search.json", operations(*rows))

    def said(poll: Poll) -> list[tuple[str, int, str, str]]:
        return [
            (
                str(day_of(p.period)),
                int(p.value or 0),
                p.part,
                "" if p.known_at is None else f"{p.known_at:%H:%M:%S}",
            )
            for p in poll.published
        ]

    wanted = wanting("nyfed", "standing_repo")
    assert said(await source.poll(wanted, cursor=None)) == [
        ("2025-03-31", 15, "", ""),
        ("2026-11-20", 4, "afternoon", ""),
        ("2026-11-23", 2, "afternoon", ""),
        ("2026-11-24", 5, "morning", ""),
    ]
    # The server gives the same for each year that is asked for; those of 2026 are enough.
    since = datetime(2026, 11, 20, tzinfo=UTC)
    assert said(await source.poll(wanted, cursor=None, since=since)) == [
        ("2025-03-31", 15, "", "17:45:40"),
        ("2026-11-20", 4, "afternoon", "18:45:30"),
        ("2026-11-23", 2, "morning", "13:30:39"),
        ("2026-11-23", 2, "afternoon", "18:45:21"),
        ("2026-11-24", 5, "morning", "13:30:31"),
    ]


async def test_a_page_that_shows_only_the_afternoon_does_not_have_the_day(
    provider: StandIn, source: NewYorkFed
) -> None:
    """Its amount alone would be less than what the morning was already told to be."""
    afternoon = operation("2026-11-24", "Repo", "13:45", 1)
    provider.serve(OPERATIONS, operations(afternoon))
    poll = await source.poll(wanting("nyfed", "standing_repo"), cursor=None)
    assert [(p.value, p.part) for p in poll.published] == [(1, "morning")]


async def test_a_small_exercise_is_not_taken_for_the_reverse_repo_of_the_running_day(
    provider: StandIn, source: NewYorkFed
) -> None:
    """At eleven the exercise is all there is, and saying so would empty the buffer."""
    exercise = operation("2026-11-24", "Reverse Repo", "10:00", 103_000_000)
    provider.serve(OPERATIONS, operations(exercise))
    poll = await source.poll(wanting("nyfed", "reverse_repo"), cursor=None)
    assert poll.published == ()
    real = operation("2026-11-24", "Reverse Repo", "13:15", 0)
    provider.serve(OPERATIONS, operations(exercise, real))
    poll = await source.poll(wanting("nyfed", "reverse_repo"), cursor=None)
    assert figures(poll.published, "reverse_repo") == {"2026-11-24": Decimal(0)}


async def test_older_operations_have_no_rate_or_only_the_award(
    provider: StandIn, source: NewYorkFed
) -> None:
    """No rate is no observation, and an amount without value is missing."""
    provider.serve(
        OPERATIONS,
        operations(
            operation("2020-11-17", "Reverse Repo", "13:15", 0, details=[]),
            operation(
                "2020-11-18",
                "Reverse Repo",
                "13:15",
                "NA",
                details=[{"securityType": "Treasury", "percentAwardRate": 0}],
            ),
            operation("2020-11-18", "Repo", "13:45", "NA"),
        ),
    )
    names = ["reverse_repo", "reverse_repo_rate", "standing_repo"]
    poll = await source.poll(wanting("nyfed", *names), cursor=None)
    assert figures(poll.published, "reverse_repo") == {"2020-11-17": Decimal(0), "2020-11-18": None}
    assert figures(poll.published, "reverse_repo_rate") == {"2020-11-18": Decimal(0)}
    assert figures(poll.published, "standing_repo") == {"2020-11-18": None}


async def test_the_portfolio_is_read_from_texts(provider: StandIn, source: NewYorkFed) -> None:
    """Whole history comes each time; the last eight weeks are news, all of it on request."""
    row = {"total": "7977583538387.20", "bills": "326044000000", "mbs": ""}
    provider.serve(
        "/soma/summary.json",
        json.dumps(
            {
                "soma": {
                    "summary": [
                        {"asOfDate": "2021-10-27", **row},
                        {"asOfDate": "2026-11-18", **row},
                    ]
                }
            }
        ),
    )
    asked = wanting("nyfed", "soma_total", "soma_mbs", every="week ending Wednesday")
    poll = await source.poll(asked, cursor=None)
    assert figures(poll.published, "soma_total") == {"2026-11-18": Decimal("7977583538387.20")}
    assert figures(poll.published, "soma_mbs") == {"2026-11-18": None}
    poll = await source.poll(asked, cursor=None, since=datetime(2020, 1, 1, tzinfo=UTC))
    assert len(figures(poll.published, "soma_total")) == 2


@pytest.mark.parametrize(
    ("path", "asked", "body", "message"),
    [
        (RATES, "sofr", "{}", "expected a list of rows at refRates"),
        (RATES, "sofr", '{"refRates": [1]}', "expected a list of rows at refRates"),
        (RATES, "sofr", "<html>", "found a page"),
        (RATES, "sofr", "", "found an empty answer"),
        (RATES, "sofr", rates({**SOFR_ROW}), "effectiveDate: expected a date"),
        (
            RATES,
            "sofr",
            rates({**SOFR_ROW, "effectiveDate": "2026-13-01"}),
            "effectiveDate: expected a date",
        ),
        (RATES, "sofr", rates({**SOFR_ROW, "effectiveDate": "2026-11-25"}), "in the future"),
        (
            RATES,
            "sofr",
            rates({**SOFR_ROW, "effectiveDate": "2026-11-23", "type": "BGCR"}),
            "expected rows of type SOFR",
        ),
        (
            RATES,
            "sofr",
            rates({"effectiveDate": "2026-11-23", "type": "SOFR"}),
            "nyfed sofr percentRate: expected in each row",
        ),
        (
            RATES,
            "sofr_p99",
            rates({"effectiveDate": "2026-11-23", "type": "SOFR", "percentRate": 1}),
            "nyfed sofr percentPercentile99: expected in each row",
        ),
        (
            RATES,
            "sofr",
            rates({**SOFR_ROW, "effectiveDate": "2026-11-23", "percentRate": "4,22"}),
            "nyfed sofr percentRate: expected a number, found '4,22'",
        ),
        (OPERATIONS, "reverse_repo", '{"repo": []}', "a list of rows at repo.operations"),
        (
            OPERATIONS,
            "reverse_repo",
            operations(operation("2026-11-23", "Foreign Repo", "13:15", 1)),
            "expected operationType Repo or Reverse Repo",
        ),
        (
            OPERATIONS,
            "reverse_repo",
            operations(operation("2026-11-23", "Repo", "noon", 1)),
            "expected closeTime like 13:15",
        ),
        (
            OPERATIONS,
            "reverse_repo",
            operations(operation("2026-11-23", "Repo", "13:45", 1)).replace("Accepted", "Taken"),
            "an operation with results lacks totalAmtAccepted",
        ),
        (
            "/soma/summary.json",
            "soma_total",
            '{"soma": {"summary": [{"asOfDate": "2026-11-18"}]}}',
            "expected total in each row",
        ),
    ],
)
async def test_another_shape_is_a_changed_source(
    provider: StandIn, source: NewYorkFed, path: str, asked: str, body: str, message: str
) -> None:
    """Nothing is skipped and nothing guessed; the complaint names the field."""
    provider.serve(path, body)
    with pytest.raises(SourceChanged, match=message):
        await source.poll(wanting("nyfed", asked), cursor=None)


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        ("sofr", None),
        ("standing_repo", None),
        ("soma_total", None),
        ("sofr_p999", "found sofr_p999; did you mean sofr_p99?"),
        ("gold", "found gold"),
        ({"rate": "sofr"}, "found a map"),
    ],
)
def test_arguments_are_checked_at_load(argument: Any, fault: str | None) -> None:
    """The complaint guesses and lists."""
    said = NewYorkFed.fault(argument)
    if fault is None:
        assert said is None
    else:
        assert said is not None
        assert said.startswith("expected one of bgcr, effr, obfr, reverse_repo, ")
        assert said.endswith(fault)


async def test_recorded_rates_are_read(provider: StandIn, source: NewYorkFed) -> None:
    """The answers of September 2026, as they were."""
    provider.serve(RATES, recording("nyfed/rates_secured_sofr_last5_2026-09-28.json"))
    provider.serve(EFFR, recording("nyfed/rates_unsecured_effr_last5_2026-09-28.json"))
    names = ["sofr", "sofr_p99", "sofr_volume", "effr", "target_lower", "target_upper"]
    poll = await source.poll(wanting("nyfed", *names), cursor=None)
    assert {name: len(figures(poll.published, name)) for name in names} == dict.fromkeys(names, 5)
    assert figures(poll.published, "effr")["2026-09-25"] == Decimal("3.88")
    assert figures(poll.published, "target_upper")["2026-09-25"] == Decimal("4.00")


async def test_recorded_operations_are_read(provider: StandIn, source: NewYorkFed) -> None:
    """A week of September 2026: test trades, and two repo operations a day."""
    provider.serve(OPERATIONS, recording("nyfed/rp_results_search_2026-09-21_2026-09-28.json"))
    names = ["reverse_repo", "reverse_repo_rate", "standing_repo", "standing_repo_rate"]
    poll = await source.poll(wanting("nyfed", *names), cursor=None)
    million = Decimal(1_000_000)
    assert figures(poll.published, "standing_repo") == {
        "2026-09-21": 2 * million,
        "2026-09-22": 3 * million,
        "2026-09-23": million,
        "2026-09-24": million,
        "2026-09-25": 0 * million,
        "2026-09-28": million,
    }
    assert figures(poll.published, "reverse_repo")["2026-09-28"] == 851 * million
    assert set(figures(poll.published, "reverse_repo_rate").values()) == {Decimal("3.75")}
    assert set(figures(poll.published, "standing_repo_rate").values()) == {Decimal(4)}


@pytest.mark.parametrize(
    ("name", "amount"),
    [
        ("nyfed/rp_results_search_2020-11-18_small_value_exercise.json", 0),
        ("nyfed/rp_results_search_2021-09-03_rewritten.json", 1_074_707_000_000),
    ],
)
async def test_recorded_oddities_are_read(
    provider: StandIn, source: NewYorkFed, name: str, amount: int
) -> None:
    """A day with a small-value exercise, and one that was rewritten two weeks later."""
    provider.serve(OPERATIONS, recording(name))
    poll = await source.poll(wanting("nyfed", "reverse_repo"), cursor=None)
    assert list(figures(poll.published, "reverse_repo").values()) == [Decimal(amount)]


async def test_the_recorded_revision_and_the_recorded_gap_are_read(
    provider: StandIn, source: NewYorkFed
) -> None:
    """Rows of December 2008, a percentile without value, an empty search."""
    provider.serve(
        EFFR,
        recording("nyfed/rates_unsecured_effr_search_2008-12-10_2008-12-22_revised_r.json"),
    )
    provider.serve(RATES, recording("nyfed/reported_sofr_NA_percentile.json"))
    provider.serve("/rates/unsecured/obfr/last/10.json", recording("nyfed/rates_empty_search.json"))
    poll = await source.poll(
        wanting("nyfed", "effr", "target_upper", "sofr_p1", "obfr"), cursor=None
    )
    assert len(figures(poll.published, "effr")) == 9
    assert len(figures(poll.published, "target_upper")) == 5
    assert figures(poll.published, "sofr_p1") == {"2019-05-31": None}
    assert figures(poll.published, "obfr") == {}


async def test_an_endpoint_that_fails_spoils_no_other(
    provider: StandIn, source: NewYorkFed
) -> None:
    """With SOFR's endpoint down EFFR's figures are used, and what is missing is named."""
    provider.refuse(RATES, 500)
    row = {"effectiveDate": "2026-11-23", "type": "EFFR", "percentRate": 3.88}
    provider.serve(EFFR, rates(row))
    poll = await source.poll(wanting("nyfed", "sofr", "effr"), cursor=None)
    assert figures(poll.published, "effr") == {"2026-11-23": Decimal("3.88")}
    assert {name: str(error) for name, error in poll.faults.items()} == {
        "sofr": "nyfed: answered HTTP 500"
    }


async def test_a_host_that_asks_for_patience_is_asked_no_more(
    provider: StandIn, source: NewYorkFed
) -> None:
    """After a 429 nothing else is asked in the same visit, and what came before is used."""
    provider.serve(RATES, rates({"effectiveDate": "2026-11-23", "type": "SOFR", "percentRate": 4}))
    provider.refuse(EFFR, 429, after="60")
    provider.refuse(OPERATIONS, 429, after="60")
    poll = await source.poll(wanting("nyfed", "sofr", "effr", "reverse_repo"), cursor=None)
    assert figures(poll.published, "sofr") == {"2026-11-23": Decimal(4)}
    assert sorted(poll.faults) == ["effr", "reverse_repo"]
    assert len(provider.requests) == 2


async def test_two_rates_for_a_day_are_both_handed_on(
    provider: StandIn, source: NewYorkFed
) -> None:
    """Where neither is marked as revised, nobody here chooses."""
    rows = [
        {"effectiveDate": "2026-11-23", "type": "SOFR", "percentRate": rate,
         "revisionIndicator": ""}
        for rate in (4.01, 4.02)
    ]  # fmt: skip
    provider.serve(RATES, rates(*rows))
    poll = await source.poll(wanting("nyfed", "sofr"), cursor=None)
    assert [one.value for one in poll.published] == [Decimal("4.01"), Decimal("4.02")]

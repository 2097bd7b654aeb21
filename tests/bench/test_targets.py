"""Targets: a number beyond its budget is called missed, and a smaller run has no budgets."""

from dataclasses import replace

from bench.polled import Cost
from bench.targets import Results, budgets

QUIET = Cost(0, 48_000, 1, 0, 3, 3, 1, busiest=400, polls_to_tell=None, plain_pages=1)


def results(open_count: int = 48_000, requests: int = 480, quiet: Cost = QUIET) -> Results:
    day = [
        {"open": count, "requests": asked, "wall_s": 13.04, "peak_mib": 106}
        for count, asked in ((open_count, 480), (open_count, requests), (100, 480), (100, 101))
    ]
    return Results(10_000, {}, {}, {}, [QUIET], [QUIET], quiet, day)


def test_a_full_run_within_its_budgets_holds_them_all() -> None:
    lines = [each.line() for each in budgets(results())]

    assert len(lines) == 9
    assert all(line.startswith("holds: ") for line in lines)
    assert "holds: all 48,000 open, seconds: 13.04, at most 60" in lines


def test_what_is_beyond_its_budget_is_missed() -> None:
    found = budgets(results(requests=980, quiet=replace(QUIET, table_requests=6)))

    assert [each.line() for each in found if each.reached > each.most] == [
        "MISSED by 100%: a quiet poll, 48,000 ended, requests to the table: 6, at most 3",
        "MISSED by 100%: all 48,000 open, requests to OpenAI: 980, at most 490",
    ]


def test_a_smaller_run_says_nothing_of_the_budgets() -> None:
    assert budgets(results(open_count=2_000)) == []

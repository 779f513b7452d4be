"""When a line of cron comes."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, given
from hypothesis import strategies as st

from crewgraph.errors import LibraryMissing, ScheduleError
from crewgraph.schedule import Cron

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(cron: Cron, since: str, count: int) -> list[str]:
    """The next ticks, as the clock there shows them."""
    found, instant = list[str](), at(since)
    for _ in range(count):
        following = cron.after(instant)
        assert following is not None
        assert following > instant
        instant = following
        found.append(f"{instant.astimezone(ZoneInfo(cron.zone)):%a %m-%d %H:%M%z}")
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 7 * * 1", ["Mon 11-30", "Mon 12-07"]),
        ("0 7 * * 0", ["Sun 11-29", "Sun 12-06"]),
        ("0 7 * * 7", ["Sun 11-29", "Sun 12-06"]),
        ("0 7 * * mon-fri", ["Mon 11-30", "Tue 12-01", "Wed 12-02"]),
        ("0 7 * * 5-7", ["Sun 11-29", "Fri 12-04", "Sat 12-05"]),
        ("0 7 * * FRI-mon", ["Sun 11-29", "Mon 11-30", "Fri 12-04"]),
        ("0 7 * * */3", ["Sun 11-29", "Wed 12-02", "Sat 12-05"]),
        ("0 7 * * 1-5/2,sat", ["Mon 11-30", "Wed 12-02", "Fri 12-04", "Sat 12-05"]),
        ("0 7 1 * mon", ["Mon 11-30", "Tue 12-01", "Mon 12-07"]),
        ("0 7 */10 * mon", ["Mon 12-21", "Mon 01-11"]),
        ("@weekly", ["Sun 11-29", "Sun 12-06"]),
        ("@Daily", ["Sun 11-29", "Mon 11-30"]),
    ],
)
def test_days(line: str, expected: list[str]) -> None:
    """Are those that cron means: 0 and 7 are Sunday, and either of two days will do."""
    assert [each[:9] for each in ticks(Cron(line), "2026-11-28T12:00", len(expected))] == expected


@pytest.mark.parametrize(
    ("line", "since", "expected"),
    [
        ("30 2 * * *", "2026-03-28T00:00", ["Sat 03-28 02:30+0100", "Sun 03-29 03:30+0200", "Mon 03-30 02:30+0200"]),
        ("30 2 * * *", "2026-10-24T12:00", ["Sun 10-25 02:30+0200", "Mon 10-26 02:30+0100"]),
        ("30 * * * *", "2026-10-24T23:45", ["Sun 10-25 02:30+0200", "Sun 10-25 02:30+0100", "Sun 10-25 03:30+0100"]),
        ("0 * * * *", "2026-03-28T23:40", ["Sun 03-29 01:00+0100", "Sun 03-29 03:00+0200"]),
    ],
    ids=["left out", "twice", "each hour, twice", "each hour, left out"],
)
def test_when_clocks_are_set(line: str, since: str, expected: list[str]) -> None:
    """What names its hour comes once a day; what comes each hour goes on."""
    assert ticks(Cron(line, BERLIN), since, len(expected)) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "has 0 fields, and a line of cron has five"),
        ("* * * *", "has 4 fields"),
        ("0 0 7 * * *", "has 6 fields"),
        ("61 * * * *", r"the minute '61' is none: the last value \(61\) is higher than the maximum value \(59\)"),
        ("x * * * *", "the minute 'x' is none"),
        ("* 25 * * *", "the hour '25' is none"),
        ("* * 0 * *", "the day '0' is none"),
        ("* * * 13 *", "the month '13' is none"),
        ("* * * * 8", "the weekday '8' is none. hint: sun to sat"),
        ("* * * * mon-", "the weekday 'mon-' is none"),
        ("* * * * mon/0", "the weekday 'mon/0' has the step '0'"),
        ("* * * * sometimes", "the weekday 'sometimes' is none"),
        ("0 0 30 2 *", "never comes"),
        ("@reboot", "is none of the words that stand for a line of cron: @hourly, .*@annually. hint: five fields"),
        ("@Dayly", "is none of the words .*. hint: did you mean '@daily'"),
    ],
)
def test_what_is_no_line_of_cron(line: str, message: str) -> None:
    """The message names the field, and shows a line that is one."""
    with pytest.raises(ScheduleError, match=message):
        Cron(line)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "/etc/passwd", "../UTC", "Europe"])
def test_time_zones_that_are_none(zone: str) -> None:
    """Are told."""
    with pytest.raises(ScheduleError, match=r"there is no time zone '.*'. hint: as in Europe/Berlin"):
        Cron("@daily", zone)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what brings it."""
    real = builtins.__import__

    def without(name: str, *args: object) -> object:
        if name.startswith("apscheduler"):
            raise ImportError(name)
        return real(name, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LibraryMissing, match=r"pip install 'crewgraph\[schedule\]'"):
        Cron("@daily")


def test_the_last_one() -> None:
    """Is found, however long ago, and none before what is looked at."""
    leap = Cron("0 0 29 2 *")
    assert leap.before(at("2026-11-28T12:00"), since=at("2020-01-01T00:00")) == at("2024-02-29T00:00")
    assert leap.before(at("2026-11-28T12:00"), since=at("2024-02-29T00:00")) is None
    assert leap.before(at("2024-02-29T00:00"), since=at("2020-01-01T00:00")) == at("2024-02-29T00:00")
    assert Cron("* * * * *").before(at("2026-11-28T12:00"), since=at("1990-01-01T00:00")) == at("2026-11-28T12:00")


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    spans = st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1])
    stepped = spans.flatmap(
        lambda pair: st.builds("{}-{}/{}".format, *map(st.just, pair), st.integers(1, pair[1] - pair[0]))
    )
    each = numbers.map(str) | spans.map(lambda pair: f"{pair[0]}-{pair[1]}") | stepped
    steps = st.integers(2, 5).map("*/{}".format)
    return st.just("*") | steps | st.lists(each, min_size=1, max_size=3).map(",".join)


@given(
    fields=st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)),
    since=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_as_another_library_reads_it(fields: tuple[str, ...], since: datetime) -> None:
    """Croniter comes to the same ticks."""
    _, _, day, _, weekday = fields
    assume("*" not in (day[0], weekday[0]) or "*" in (day, weekday))  # "*/2" beside a day is read in two ways
    line = " ".join(fields)
    oracle = croniter(line, since.replace(tzinfo=UTC))
    cron, instant = Cron(line), since.replace(tzinfo=UTC)
    found = list[datetime]()
    for _ in range(4):
        following = cron.after(instant)
        assert following is not None
        instant = following
        found.append(instant)
    assert found == [oracle.get_next(datetime) for _ in found]
    assert all(one < other for one, other in pairwise(found))
    assert cron.before(found[2] + timedelta(seconds=1), since=found[0]) == found[2]

"""At which instants a line of cron wants something to run; APScheduler works them out.

The line means what cron means by it, which is not always what APScheduler reads: 0 and 7 are Sunday, and where both the
day of the month and the weekday are named, either of them will do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from crewgraph.errors import LibraryMissing, ScheduleError
from crewgraph.errors.near import meant

__all__ = ["Cron"]

FIELDS: tuple[str, ...] = ("minute", "hour", "day", "month", "day_of_week")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
HINT = "five fields, as in '30 7 * * mon-fri': minute, hour, day of the month, month, weekday"
LOOKED_BACK = [timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=367), timedelta(days=1465)]
"""How far back the last tick is looked for, step by step: up to the 29th of February."""


@dataclass(frozen=True)
class Cron:
    """A line of cron in a time zone.

    Where clocks are set forward, a time that is left out is taken as if they had not been. Where they are set back, what
    names its hour runs at the first of both; what runs each hour or more often goes on.

    Args:
        line: five fields, or a nickname such as ``@daily``.
        zone: the name of the time zone, as in ``Europe/Berlin``.

    Raises:
        ScheduleError: it is no line of cron, never comes, or there is no such time zone; APScheduler is not installed.
    """

    line: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.after(datetime.now(UTC)) is None:
            raise ScheduleError(f"'{self.line}' never comes", hint=HINT)

    def after(self, instant: datetime) -> datetime | None:
        """The first tick after an instant, in UTC; ``None`` where there is none any more."""
        found = [each for trigger in self._triggers if (each := self._next(trigger, instant)) is not None]
        return min(found, default=None)

    def before(self, instant: datetime, *, since: datetime) -> datetime | None:
        """The last tick up to an instant, and after another one; ``None`` where there is none."""
        for back in LOOKED_BACK:
            begin = max(since, instant - back)
            found = deque(self._within(begin, instant), maxlen=1)
            if found or begin == since:
                return found[0] if found else None
        return None

    def _within(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        tick = self.after(begin)
        while tick is not None and tick <= end:
            yield tick
            tick = self.after(tick)

    def _next(self, trigger: Any, instant: datetime) -> datetime | None:
        found = instant
        while True:
            found = trigger.get_next_fire_time(None, found.astimezone(UTC) + timedelta(microseconds=1))
            if found is None:
                return None
            if not (found.fold and self._names_its_hour and _is_twice(found)):
                return found.astimezone(UTC)

    @cached_property
    def _names_its_hour(self) -> bool:
        return not self._fields[1].startswith("*")

    @cached_property
    def _fields(self) -> list[str]:
        word = self.line.strip().lower()
        fields = NICKNAMES.get(word, self.line).split()
        if word.startswith("@") and word not in NICKNAMES:
            told = f"'{self.line}' is none of the words that stand for a line of cron: {', '.join(NICKNAMES)}"
            raise ScheduleError(told, hint=meant(word, NICKNAMES) or HINT)
        if len(fields) != len(FIELDS):
            raise ScheduleError(f"'{self.line}' has {len(fields)} fields, and a line of cron has five", hint=HINT)
        return fields

    @cached_property
    def _triggers(self) -> list[Any]:
        """One, or two where either of two days will do."""
        fields = dict(zip(FIELDS, self._fields, strict=True))
        fields["day_of_week"] = self._weekdays(fields["day_of_week"])
        if fields["day"].startswith("*") or fields["day_of_week"] == "*":
            return [self._trigger(fields)]
        return [self._trigger({**fields, each: "*"}) for each in ("day", "day_of_week")]

    def _trigger(self, fields: dict[str, str]) -> Any:
        try:
            from apscheduler.triggers.cron import CronTrigger
        except ImportError as error:
            raise LibraryMissing("apscheduler", what="a schedule", extra="schedule") from error
        zone = self._zone
        for name, value in fields.items():  # one by one, so that a message can name the field
            try:
                CronTrigger(**{name: value}, timezone=zone)
            except (ValueError, TypeError) as error:
                told = name.replace("day_of_week", "weekday").replace("_", " ")
                raise ScheduleError(
                    f"'{self.line}': the {told} '{value}' is none: {_reason(error)}", hint=HINT
                ) from error
        return CronTrigger(**fields, timezone=zone)

    @cached_property
    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.zone)
        except (ValueError, OSError, LookupError) as error:  # not found, an absolute path, a folder
            raise ScheduleError(f"there is no time zone '{self.zone}'", hint="as in Europe/Berlin or UTC") from error

    def _weekdays(self, field: str) -> str:
        """The weekdays by their names: APScheduler counts them from Monday."""
        if field == "*":
            return field
        days = {day for part in field.split(",") for day in self._days(part)}
        return ",".join(DAYS[day] for day in sorted(days))

    def _days(self, part: str) -> Iterator[int]:
        span, _, step = part.partition("/")
        first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
        begin, end = self._day(first, part), self._day(last if dash else first, part)
        if step and not (step.isdecimal() and int(step)):
            raise ScheduleError(f"'{self.line}': the weekday '{part}' has the step '{step}'", hint=HINT)
        for number in range(0, (end - begin) % 7 + 1, int(step or 1)):
            yield (begin + number) % 7

    def _day(self, name: str, part: str) -> int:
        if name.lower() in DAYS:
            return DAYS.index(name.lower())
        if name.isdecimal() and int(name) <= 7:  # noqa: PLR2004 - cron knows two Sundays
            return int(name) % 7
        raise ScheduleError(
            f"'{self.line}': the weekday '{part}' is none", hint="sun to sat, or 0 to 7 for Sunday to Sunday"
        )


def _is_twice(instant: datetime) -> bool:
    """Whether the clock shows this time twice."""
    return instant.replace(fold=0).utcoffset() != instant.replace(fold=1).utcoffset()


def _reason(error: Exception) -> str:
    """What APScheduler says, without the expression once more."""
    return str(error).rpartition(": ")[2]

"""A person's word between two stages. Its run is parked in the store until then, and no process waits with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, get_args

from crewgraph.definition import of_type
from crewgraph.errors import CallbackFailed, HumanInputUnavailable, NotApproved, TemplateError, ValueMisfit
from crewgraph.handoff import Handoff
from crewgraph.node import Interface, Need, Problem
from crewgraph.outlook import Outlook, Range, Sight
from crewgraph.outputs import CrewOutput, Waiting
from crewgraph.shapes import adapter, coercer
from crewgraph.syntax import Stage
from crewgraph.template import as_text, lookalikes, parse, placeholder_name
from crewgraph.threads import called

__all__ = ["Approval", "Decide", "Decided", "Decision", "decided_by", "is_decided"]

Decided = Literal["approved", "rejected", "expired"]
"""What becomes of a question."""
TEXT = Range(1, 100, 2_000)
"""Tokens of what an approval is taken to hand over: the text that it got."""
MAX_DAYS = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided.

    Attributes:
        decision: "approved" or "rejected"; "expired" where nobody did in time.
        comment: what they say to it.
        by: who.
        values: what they changed, by key.
    """

    decision: Decided
    comment: str = ""
    by: str = ""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        """Refuse what is no decision."""
        if self.decision not in get_args(Decided):
            raise ValueError(f"a decision is {', '.join(map(repr, get_args(Decided)))}, not {self.decision!r}")
        for name, text in (("comment", self.comment), ("by", self.by)):
            if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - it is the user's
                raise TypeError(f"{name} is a text, not {text!r}")


Decide = Callable[[Waiting], Any]
"""Decides at once: it gives a :class:`Decision`, one of its three words, or whether it is approved."""

_decide: ContextVar[Decide | None] = ContextVar("crewgraph decide", default=None)
_else: ContextVar[Decide | None] = ContextVar("crewgraph decide else", default=None)


@contextmanager
def decided_by(decide: Decide, *, is_last: bool = False) -> Generator[None]:
    """Let a function decide for every approval that is reached in here, and nothing wait.

    Args:
        decide: decides.
        is_last: only where a person would be waited for otherwise, and not where the approval has a function of its own.
    """
    variable = _else if is_last else _decide
    token = variable.set(decide)
    try:
        yield
    finally:
        variable.reset(token)


def is_decided() -> bool:
    """Whether a function decides for every approval that is reached here."""
    return (_decide.get() or _else.get()) is not None


class Approval(Stage):
    """A stage that asks a person, and waits for the answer as long as that takes.

    It gives the decision under its name, and what was said with it: an approval "publish" gives ``publish``,
    ``publish_comment`` and ``publish_by``. A kickoff that reaches it parks the run in its store; the same kickoff
    again, after somebody has decided, goes on.

    Attributes:
        name: how it is called in pictures and traces; its keys are made of it.
        ask: the question, with ``{placeholders}``.
        timeout: how long there is time to answer. Then the decision is "expired"; without it the run waits for ever.
        edits: the keys whose values may be changed with the answer, each with its type.
        decide: decides at once, in place of a person; then nothing waits and no store is needed.
        required: whether the run goes on only when it is approved, and else fails with :class:`NotApproved`. Without it
            every decision is handed on, for a router to choose by.
    """

    joins_procedure: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        *,
        ask: str = "",
        timeout: timedelta | float | None = None,
        edits: Mapping[str, Any] | None = None,
        decide: Decide | None = None,
        required: bool = False,
    ) -> None:
        _check_text("name", name)
        _check_text("ask", ask)
        self.name = name
        self.key = placeholder_name(name)
        if not self.key:
            raise ValueError(
                f"the name of an approval becomes a key, and {name!r} has no letter. hint: Approval('publish')"
            )
        self.ask = ask or (name if name.endswith("?") else f"{name}?")
        self.timeout = _span(timeout)
        if edits is not None and not isinstance(edits, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"edits is a dict of keys and their types, as in {{'draft': str}}, not {edits!r}")
        self.edits: Mapping[str, Any] = dict(edits or {})
        own = [key for key in self.edits if key in self._own_keys()]
        if own:
            raise ValueError(
                f"approval '{name}' gives {own[0]} itself, so it cannot be edited. hint: take it out of edits"
            )
        if decide is not None and not callable(decide):
            raise TypeError(f"decide is a function of a Waiting that says whether it is approved, not {decide!r}")
        self.decide = decide
        if not isinstance(required, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - it is the user's
            raise TypeError(f"required is True or False, not {required!r}")
        self.required = required

    # ---- as a node ---------------------------------------------------------------------------------------------

    @property
    def decides(self) -> Decide | None:
        """Who decides at once; ``None`` where a person is waited for."""
        return _decide.get() or self.decide or _else.get()

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        """Have it decided at once.

        Raises:
            HumanInputUnavailable: only a person can decide, and there is no store to wait in.
            NotApproved: it has to be approved, and is not.
            CallbackFailed: who decides gave no decision.
        """
        decide = self.decides
        if decide is None:
            raise self.nowhere_to_wait()
        given = Handoff.of(inputs)
        return self.output(given, self._decision(await called(decide, self.question(given, since=datetime.now(UTC)))))

    def nowhere_to_wait(self) -> HumanInputUnavailable:
        """The error of a run that cannot be parked."""
        return HumanInputUnavailable(
            f"approval '{self.name}' waits for a person, and without a store the run has nowhere to wait. hint: "
            "kickoff(…, store='runs.sqlite'), on the command line --store runs.sqlite; or Approval(…, decide=function)"
        )

    def interface(self) -> Interface:
        """What it reads and gives."""
        where = f"the question of approval '{self.name}'"
        needs = [Need(key, where) for key in dict.fromkeys(parse(self.ask).fields)]
        needs += [Need(key, f"the edits of approval '{self.name}'", type=kind) for key, kind in self.edits.items()]
        kinds: Any = Decided if self.timeout is not None else Literal["approved", "rejected"]
        kinds = Literal["approved"] if self.required else kinds
        decision, comment, by = self._own_keys()
        return Interface(
            "approval",
            tuple(needs),
            {decision: kinds, comment: str, by: str, **self.edits},
            frozenset(),
            f"waits {'for ever' if self.timeout is None else f'up to {_in_words(self.timeout)}'}",
            tuple((key, "may be changed") for key in self.edits),
            tuple(self._problems(where)),
        )

    def definition(self) -> dict[str, Any]:
        """What decides about the question, as JSON values. A longer timeout is no other question."""
        edits = {key: of_type(kind) for key, kind in self.edits.items()}
        required = {"required": True} if self.required else {}
        return {"approval": self.name, "ask": self.ask, "expires": self.timeout is not None, "edits": edits, **required}

    def forecast(self, _sight: Sight) -> Outlook:
        """It calls no model; how long a person takes nobody knows."""
        return Outlook(text=TEXT)

    # ---- as a question -----------------------------------------------------------------------------------------

    def question(self, given: Handoff, *, since: datetime, node: str | None = None) -> Waiting:
        """The question over these values.

        Args:
            given: what it is handed.
            since: when it is asked.
            node: what it is called in its graph; its own name where it is not given.

        Raises:
            TemplateError: a value is missing.
        """
        asked = parse(self.ask)
        missing = given.missing([*asked.fields, *self.edits])
        if missing:
            raise TemplateError({key: [f"approval '{self.name}'"] for key in missing}, known=given)
        return Waiting(
            node=node or self.name,
            ask=asked.render(given.reach),
            since=since,
            until=None if self.timeout is None else since + self.timeout,
            values={key: given.reach(key) for key in (*asked.fields, *self.edits)},
            edits={key: _schema(kind) for key, kind in self.edits.items()},
        )

    def output(self, given: Handoff, decision: Decision) -> CrewOutput:
        """What is handed over: the decision, and beside it the text that the approval itself was handed.

        Raises:
            NotApproved: it has to be approved, and is not.
            ValueMisfit: a value was changed that may not be, or to one of another type.
        """
        if self.required and decision.decision != "approved":
            raise NotApproved(self.name, decision.decision, comment=decision.comment, by=decision.by)
        misfits = {key: "it may not be changed" for key in decision.values if key not in self.edits}
        values = dict[str, Any]()
        for key, kind in self.edits.items():
            check, value = coercer(kind), decision.values.get(key, given.reach(key))
            try:
                values[key] = value if check is None else check(value)
            except ValueError as error:
                misfits[key] = str(error)
        if misfits:
            raise ValueMisfit(f"approval '{self.name}'", misfits)
        changed = [as_text(values[key]) for key in decision.values]
        texts = changed or [output.raw for output in given.upstream.values()]
        own = dict(zip(self._own_keys(), (decision.decision, decision.comment, decision.by), strict=True))
        return CrewOutput(raw="\n\n".join(text for text in texts if text), json_dict=own | values)

    def __repr__(self) -> str:
        return f"<approval {self.name}>"

    def _own_keys(self) -> tuple[str, str, str]:
        return self.key, f"{self.key}_comment", f"{self.key}_by"

    def _decision(self, said: Any) -> Decision:
        if isinstance(said, Decision):
            return said
        if isinstance(said, bool):
            return Decision(decision="approved" if said else "rejected")
        if said in get_args(Decided):
            return Decision(decision=said)
        raise CallbackFailed(
            f"approval '{self.name}': who decides gave {said!r:.60}. hint: return True or False, "
            "'approved', 'rejected' or 'expired', or a Decision(…)"
        )

    def _problems(self, where: str) -> Iterator[Problem]:
        """CG310: what looks like a placeholder and stays text."""
        for found, meant in dict(lookalikes(self.ask)).items():
            hint = f"write {{{meant}}}" if meant else "a placeholder is one {identifier}"
            told = f"{found} in {where} is no placeholder and stays as it is"
            yield Problem("CG310", told, f"{hint}, or {{{{…}}}} if it is meant as text")


def _check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(
            f"the {what} of an approval is a text, not {text!r}. hint: Approval('publish', ask='Publish it?')"
        )


def _span(timeout: Any) -> timedelta | None:
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and math.isfinite(timeout):
        span: Any = timedelta(seconds=max(-1.0, min(float(timeout), 2 * MAX_DAYS.total_seconds())))
    else:
        span = timeout
    if not isinstance(span, timedelta) or not timedelta() < span <= MAX_DAYS:
        raise ValueError(
            f"timeout is a time of at most 100 years, as in timedelta(days=3), or seconds, not {timeout!r}. "
            "hint: leave it out to wait for ever"
        )
    return span


def _in_words(span: timedelta) -> str:
    days, rest = divmod(int(span.total_seconds()), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [
        f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if count
    ]
    return " ".join(parts) or f"{span.total_seconds():g} s"


def _schema(kind: Any) -> Any:
    """The JSON Schema of a type; one that takes everything where there is none."""
    check = adapter(kind)
    try:
        return True if check is None else check.json_schema()
    except Exception:  # noqa: BLE001 - writing it runs what the user's classes say of themselves
        return True

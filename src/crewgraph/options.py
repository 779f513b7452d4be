"""What a kickoff is given: inputs, and options by keyword."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal, TypedDict

from crewgraph.policy import Budget, Policy
from crewgraph.trace import Observer

__all__ = ["Fork", "Inputs", "OnError", "Options", "StoredRuns"]


@dataclass(frozen=True, slots=True)
class StoredRuns:
    """Runs that are in a store, given to a kickoff with that store in place of inputs: they go on where they were.

    Attributes:
        which: "unfinished" for those that were killed, cancelled, stopped by a budget, or that wait for a decision which is
            there by now; "failed" for those that failed.
        runs: their ids, or beginnings of them that fit one run only; ``None`` for all.
    """

    which: Literal["unfinished", "failed"] = "unfinished"
    runs: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Fork:
    """A new run that takes over what a run in a store gave, given to a kickoff with that store in place of inputs.

    Attributes:
        run: the id of that run, or a beginning of it that fits no other.
        at: the node from which on everything runs anew; what lies above it keeps what it gave, whatever has changed since.
            ``None`` for a run that reads what it would read in any kickoff.
        inputs: values that are others in the new run.
        id: of the new run; else that of the old one with ``~1``, ``~2`` … behind it.
    """

    run: str
    at: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str | None = None


Inputs = Mapping[str, Any] | Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]] | StoredRuns | Fork
OnError = Literal["raise", "collect", "fail_fast"]


class Options(TypedDict, total=False):
    """The options of a kickoff, all by keyword.

    Attributes:
        max_concurrency: how many nodes may be at work at once, over all inputs; 100 where it is not given.
        on_error: "raise" (the default) lets all runs finish, then raises one error with everything in it; "collect"
            returns failed runs with their ``error``; "fail_fast" cancels everything at the first failure.
        observer: called with every event as it happens.
        text: also tell the observer the pieces of answers as models write them, as ``ModelText``.
        policy: retries, timeouts, fallbacks and limits for this kickoff; what it says wins over the pipeline's.
        budget: what the whole kickoff may cost.
        input_budget: what each input may cost.
        engine: which engine runs it; "local" where it is not given.
        progress: whether progress is shown meanwhile: in the cell of a notebook, elsewhere as lines on standard error.
            Where it is not given the environment variable ``CREWGRAPH_PROGRESS`` says (0 or 1), and where that does
            not either, ``kickoff`` shows it in notebooks only; ``stream`` and ``events`` do not.
        store: a file that keeps what each node gave. The same kickoff again reads it and runs what is left.
        id_column: with a store, the key of the inputs whose value tells them apart; without it their content does.
        key: what this pipeline is called in the store; its name where it is not given, else "pipeline".
    """

    max_concurrency: int
    on_error: OnError
    observer: Observer | None
    text: bool
    policy: Policy | None
    budget: Budget | None
    input_budget: Budget | None
    engine: str
    progress: bool | None
    store: str | PathLike[str] | None
    id_column: str | None
    key: str | None

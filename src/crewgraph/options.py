"""What a kickoff is given: inputs, and options by keyword."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal, TypedDict

from crewgraph import trace
from crewgraph.policy import Budget, Policy

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

    def __post_init__(self) -> None:
        """Refuse what names no runs."""
        if self.which not in ("unfinished", "failed"):
            raise ValueError(f'stored runs are "unfinished" or "failed", not {self.which!r}')
        runs: Any = self.runs
        if runs is not None and (isinstance(runs, str) or not all(isinstance(each, str) for each in runs)):
            raise TypeError(f"runs is a list of ids, as in ['T-1'], not {runs!r:.80}")


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

    def __post_init__(self) -> None:
        """Refuse what is no fork."""
        texts: list[tuple[str, Any]] = [("run", self.run), ("at", self.at), ("id", self.id)]
        for name, value in texts:
            if not isinstance(value, str if name == "run" else str | None) or value == "":
                what = {"run": "the id of a run", "at": "the name of a node", "id": "the id of the new run"}[name]
                raise TypeError(f"{name} is {what}, not {value!r:.80}")
        inputs: Any = self.inputs
        if not isinstance(inputs, Mapping) or not all(isinstance(key, str) for key in inputs):
            raise TypeError(f"inputs are the values that are others in the fork, as in {{'n': 7}}, not {inputs!r:.80}")


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
        engine: which engine runs it; where it is not given the environment variable ``CREWGRAPH_ENGINE`` says, else
            "local".
        progress: whether progress is shown meanwhile: in the cell of a notebook, elsewhere as lines on standard error.
            Where it is not given the environment variable ``CREWGRAPH_PROGRESS`` says (0 or 1), and where that does
            not either, ``kickoff`` shows it in notebooks only; ``stream`` and ``events`` do not.
        store: a file that keeps what each node gave. The same kickoff again reads it and runs what is left. Where it is
            not given the environment variable ``CREWGRAPH_STORE`` says; ``None`` keeps nothing.
        id_column: with a store, the key of the inputs whose value tells them apart; without it their content does.
        batch: with a store, which batch of runs this is. The same inputs in another batch are other runs, and run again.
        key: what this pipeline is called in the store; its name where it is not given, else "pipeline".
    """

    max_concurrency: int
    on_error: OnError
    observer: trace.Observer | None
    text: bool
    policy: Policy | None
    budget: Budget | None
    input_budget: Budget | None
    engine: str
    progress: bool | None
    store: str | PathLike[str] | None
    id_column: str | None
    batch: str | None
    key: str | None

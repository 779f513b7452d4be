"""What a kickoff is given: inputs, and options by keyword."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from os import PathLike
from typing import Any, Literal, TypedDict

from crewgraph.policy import Budget, Policy
from crewgraph.trace import Observer

__all__ = ["Inputs", "OnError", "Options"]

Inputs = Mapping[str, Any] | Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
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
    observer: Observer | None
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

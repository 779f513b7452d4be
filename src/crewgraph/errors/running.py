"""What ends a node, a run or a kickoff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crewgraph.errors.root import MAX_NAMED, CrewgraphError, counted, in_words, text_of

__all__ = [
    "BudgetError",
    "BudgetExceeded",
    "DeadlineExceeded",
    "KickoffError",
    "KickoffInterrupted",
    "NodeError",
    "PriceUnknown",
    "WorkStopped",
    "budget_behind",
]


MAX_CAUSES = 100
"""How far behind an error its cause is looked for; causes may go in a circle."""


class NodeError(CrewgraphError):
    """Recorded on a run when one of its nodes failed; the cause is ``__cause__``.

    Attributes:
        node: the name of the node in the graph.
        cause: the exception that the node raised.
    """

    def __init__(self, node: str, cause: BaseException) -> None:
        self.node = node
        self.cause = cause
        text = text_of(cause).strip()
        notes = "".join(f" ({note})" for note in getattr(cause, "__notes__", ()))
        super().__init__(f"'{node}' failed: {type(cause).__name__}{': ' + text if text else ''}{notes}")
        self.__cause__ = cause


class KickoffError(CrewgraphError):
    """Raised at the end of a kickoff when runs failed and ``on_error`` is "raise" or "fail_fast".

    Raised, whatever ``on_error`` is, when a kickoff that had begun cannot go on: the inputs raise on their way.

    Attributes:
        result: everything that the kickoff produced, the failed runs included.
        failures: input index and error of the failed runs; of a stream, of the first ones.
    """

    def __init__(
        self,
        failures: Sequence[tuple[int, BaseException]],
        *,
        failed: int,
        total: int,
        result: Any,
        over_budget: int | None = None,
        not_begun: int = 0,
        is_stream: bool = False,
        cut_short_by: BaseException | None = None,
    ) -> None:
        """Build the message.

        Args:
            failures: input index and error of runs that failed.
            failed: how many there are, those that a budget stopped among them.
            total: of how many inputs.
            result: what was produced.
            over_budget: how many a budget stopped; counted among ``failures`` where it is not given.
            not_begun: how many inputs were not begun.
            is_stream: whether nobody knows how many more would have come.
            cut_short_by: what ended the kickoff before its time, such as an error of whoever gives the inputs.
        """
        self.result = result
        self.failures = tuple(failures)
        lines = [_of_input(index, error) for index, error in self.failures[:MAX_NAMED]]
        more = [f"… and {failed - len(lines)} more failures"] if failed > len(lines) else []
        if over_budget is None:
            over_budget = sum(budget_behind(error) is not None for _, error in self.failures)
        head = _head(failed - over_budget, over_budget, not_begun, total, is_stream=is_stream)
        if cut_short_by is not None:
            begun = f"{counted(total, 'run')} had begun"
            head = f"the kickoff was cut short: {in_words(cut_short_by)}; {begun}{f', {head}' if failed else ''}"
        super().__init__("\n".join([head, *lines, *more]))
        self.__cause__ = cut_short_by or next((error for _, error in self.failures), None)


def _head(failed: int, over_budget: int, not_begun: int, total: int, *, is_stream: bool) -> str:
    """How many failed, how many a budget stopped, how many were not begun; what is none is not told."""
    inputs = "further inputs" if is_stream else counted(not_begun, "input")
    runs = "run" if total == 1 else "runs"
    parts = [f"{failed} of {total} {runs} failed"] if failed or not (over_budget or not_begun) else []
    if over_budget:
        parts.append(
            f"{over_budget} stopped by a budget" if parts else f"{over_budget} of {total} {runs} stopped by a budget"
        )
    if not_begun:
        parts.append(f"{inputs} not begun" if parts else f"{inputs} of {total} not begun: a budget is used up")
    return ", ".join(parts)


def _of_input(index: int, error: BaseException) -> str:
    text = text_of(error) or type(error).__name__
    return text if text.startswith(f"input {index} ") else f"input {index}: {text}"


class KickoffInterrupted(KeyboardInterrupt):
    """Raised instead of a bare ``KeyboardInterrupt`` by a synchronous kickoff.

    Attributes:
        result: the runs that had finished when the user pressed Ctrl-C.
        usage: what was spent until then (``UsageMetrics``), that of runs that had only begun included.
    """

    def __init__(self, result: Any, *, usage: Any = None) -> None:
        self.result = result
        self.usage = usage
        finished = counted(sum(one is not None for one in result), "result")
        spent = f"; spent: {_spent(usage)}" if usage is not None and usage.requests else ""
        super().__init__(f"interrupted; what had finished is in .result: {finished}{spent}")


class DeadlineExceeded(CrewgraphError, TimeoutError):
    """Raised when a task, a node or a whole run takes longer than its policy allows.

    Attributes:
        scope: what took too long, in words: "task 'classify'", "node 'research'", "input 3".
        seconds: how long it may take.
    """

    def __init__(self, scope: str, seconds: float) -> None:
        self.scope = scope
        self.seconds = seconds
        super().__init__(f"{scope} took longer than {seconds:g} s")


class WorkStopped(CrewgraphError):
    """Raised in place of a model call by a thread that goes on after its node was stopped: nobody waits for it."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} is not asked: the node that wants it has failed or was stopped")


class BudgetError(CrewgraphError):
    """The root of what budgets raise.

    Attributes:
        scope: whose budget it is, in words: "the kickoff", "input 3", "node 'research'".
    """

    scope: str


class BudgetExceeded(BudgetError):
    """Raised before a model call that a budget has no room for, and when the seconds of a budget have passed.

    Attributes:
        scope: whose budget it is, in words.
        usage: what was spent under it (``UsageMetrics``); calls that it stopped are added as they end.
    """

    def __init__(self, scope: str, limits: str, reason: str, *, usage: Any) -> None:
        self.scope = scope
        self.usage = usage
        self._said = (limits, reason)
        super().__init__(scope, limits, reason)

    def __str__(self) -> str:  # in words when it is read: calls that are stopped by this are settled after it
        limits, reason = self._said
        return f"the budget of {self.scope} ({limits}) is used up: {reason}; spent: {_spent(self.usage)}"

    def again(self) -> BudgetExceeded:
        """The same error anew: one budget stops many runs, and each has a traceback of its own."""
        return BudgetExceeded(self.scope, *self._said, usage=self.usage)


def _spent(usage: Any) -> str:
    """Tokens, money and calls: "1,204 tokens, $0.0123, 3 calls"."""
    cost = usage.dollars()
    told = "cost unknown" if cost == "unknown" else cost
    return f"{counted(usage.total_tokens, 'token')}, {told}, {counted(usage.requests, 'call')}"


def budget_behind(error: BaseException | None) -> BudgetExceeded | None:
    """The budget that stopped a piece of work, where one did: a node's error, or what lies behind it."""
    for _ in range(MAX_CAUSES):
        if error is None or isinstance(error, BudgetExceeded):
            return error
        error = error.__cause__
    return None


class PriceUnknown(BudgetError):
    """Raised before a model is called under a budget of money when nobody knows what it costs."""

    def __init__(self, model: str, scope: str) -> None:
        self.scope = scope
        self.model = model
        super().__init__(
            f"{scope} has a budget in USD, and the price of '{model}' is not known. hint: say it, as in "
            f'LiteLLM("{model}", price=Price(input=0.25, output=2.0)), or limit tokens or calls instead'
        )

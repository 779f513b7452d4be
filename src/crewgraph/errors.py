"""Every error that crewgraph raises, as one tree.

::

    CrewgraphError
    ├── PipelineInvalid          the checker found errors; nothing has run
    ├── InputError               inputs are missing or of the wrong kind; nothing has run
    │   └── InputTypeError       … and they are not mappings at all (also a TypeError)
    ├── TemplateError            a placeholder has no value
    ├── ConditionError           a route condition cannot be parsed, or raised while it ran
    ├── NodeError                a node of a run failed; the cause is chained
    ├── KickoffError             some runs of a kickoff failed; ``.result`` holds everything
    ├── ModelError               a model call failed
    │   ├── ModelNotConfigured   nobody said which model to use
    │   ├── ModelUnavailable     the provider cannot be reached, or is out of order
    │   ├── ModelTimeout         the provider did not answer in time
    │   ├── ModelRateLimited     the provider refuses more calls for now
    │   ├── ModelAccessDenied    the key is missing, wrong or not allowed
    │   ├── ModelRejected        the provider refuses this very request
    │   ├── ModelAnswerInvalid   the answer is empty, cut off or not an answer
    │   └── OutputInvalid        the answer does not have the declared shape, and asking again did not help
    ├── TargetError              ``module:attribute`` names no pipeline
    └── RenderError              a picture cannot be drawn here

    KeyboardInterrupt
    └── KickoffInterrupted       Ctrl-C during a kickoff; ``.result`` holds what finished

Messages are built here, from data; whoever raises passes the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "ConditionError",
    "CrewgraphError",
    "InputError",
    "InputTypeError",
    "KickoffError",
    "KickoffInterrupted",
    "ModelAccessDenied",
    "ModelAnswerInvalid",
    "ModelError",
    "ModelNotConfigured",
    "ModelRateLimited",
    "ModelRejected",
    "ModelTimeout",
    "ModelUnavailable",
    "NodeError",
    "OutputInvalid",
    "PipelineInvalid",
    "RenderError",
    "TargetError",
    "TemplateError",
]

LITERAL_BRACES = "write {{…}} for literal braces"
MAX_NAMED = 10
"""How many failures or rows one message names before it only counts the rest."""


def _and_more(lines: Sequence[str], what: str) -> list[str]:
    """Keep the first lines of a long list and say how many were left out."""
    rest = len(lines) - MAX_NAMED
    return [*lines[:MAX_NAMED], *([f"… and {rest} more {what}"] if rest > 0 else [])]


class CrewgraphError(Exception):
    """The root: raised never itself, caught to catch everything of crewgraph."""


class PipelineInvalid(CrewgraphError):
    """Raised by ``compile()`` and every kickoff when the checker found at least one error.

    Attributes:
        findings: all findings, warnings included, in the checker's order.
    """

    def __init__(self, findings: Iterable[Any]) -> None:
        self.findings = tuple(findings)
        errors = [str(finding) for finding in self.findings if finding.is_error]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        super().__init__("\n".join([f"the pipeline is invalid: {count}", *errors]))


class InputError(CrewgraphError, ValueError):
    """Raised before the first model call when inputs lack keys that the pipeline needs.

    Where the other inputs run all the same, it is recorded on the runs of those that cannot.

    Attributes:
        missing: for each bad input, its index and the keys it lacks, each with those who need it.
    """

    def __init__(
        self,
        missing: Mapping[int, Mapping[str, Sequence[str]]],
        *,
        given: Mapping[int, Iterable[str]] | None = None,
        hint: str = "",
        others_run: bool = False,
    ) -> None:
        self.missing = missing
        rows = [f"input {index} lacks {_lacking(keys, (given or {}).get(index))}" for index, keys in missing.items()]
        head = "1 input is" if len(rows) == 1 else f"{len(rows)} inputs are"
        lines = [] if others_run else [f"{head} incomplete; nothing has run"]
        super().__init__("\n".join([*lines, *_and_more(rows, "inputs"), *([f"hint: {hint}"] if hint else [])]))


def _lacking(keys: Mapping[str, Sequence[str]], given: Iterable[str] | None) -> str:
    lacking = ", ".join(f"'{key}' (needed by {', '.join(whom)})" for key, whom in sorted(keys.items()))
    if given is None:
        return lacking
    has = list(given)
    shown = ", ".join(has[:MAX_NAMED]) + (" …" if len(has) > MAX_NAMED else "")
    return f"{lacking}; it has {shown or 'nothing'}"


class InputTypeError(CrewgraphError, TypeError):
    """Raised when the inputs of a kickoff are not mappings: a string, ``None``, a list of numbers."""


class TemplateError(CrewgraphError, ValueError):
    """Raised when placeholders of a text have no value.

    Attributes:
        missing: the names of the placeholders, in the order of the text.
    """

    def __init__(
        self, missing: Mapping[str, Sequence[str]], *, known: Iterable[str] = (), or_else: str = LITERAL_BRACES
    ) -> None:
        self.missing = tuple(missing)
        wanted = "; ".join(f"{{{key}}} in {', '.join(where)}" for key, where in missing.items())
        offered = ", ".join(sorted(known)) or "nothing"
        super().__init__(
            f"no value for {wanted}. There is: {offered}. hint: add it to the inputs, "
            f"let an earlier crew give it, or {or_else}"
        )


class ConditionError(CrewgraphError, ValueError):
    """Raised when a route condition cannot be parsed, and recorded when one raised while it ran."""


class NodeError(CrewgraphError):
    """Recorded on a run when one of its nodes failed; the cause is ``__cause__``.

    Attributes:
        node: the name of the node in the graph.
        cause: the exception that the node raised.
    """

    def __init__(self, node: str, cause: BaseException) -> None:
        self.node = node
        self.cause = cause
        text = str(cause).strip()
        notes = "".join(f" ({note})" for note in getattr(cause, "__notes__", ()))
        super().__init__(f"'{node}' failed: {type(cause).__name__}{': ' + text if text else ''}{notes}")
        self.__cause__ = cause


class KickoffError(CrewgraphError):
    """Raised at the end of a kickoff when runs failed and ``on_error`` is "raise" or "fail_fast".

    Attributes:
        result: everything that the kickoff produced, the failed runs included.
        failures: input index and error of the failed runs; of a stream, of the first ones.
    """

    def __init__(self, failures: Sequence[tuple[int, BaseException]], *, failed: int, total: int, result: Any) -> None:
        self.result = result
        self.failures = tuple(failures)
        lines = [_of_input(index, error) for index, error in self.failures[:MAX_NAMED]]
        more = [f"… and {failed - len(lines)} more failures"] if failed > len(lines) else []
        head = f"{failed} of {total} {'run' if total == 1 else 'runs'} failed"
        super().__init__("\n".join([head, *lines, *more]))
        if self.failures:
            self.__cause__ = self.failures[0][1]


def _of_input(index: int, error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if text.startswith(f"input {index} ") else f"input {index}: {text}"


class KickoffInterrupted(KeyboardInterrupt):
    """Raised instead of a bare ``KeyboardInterrupt`` by a synchronous kickoff.

    Attributes:
        result: the runs that had finished when the user pressed Ctrl-C.
    """

    def __init__(self, result: Any) -> None:
        self.result = result
        finished = sum(one is not None for one in result)
        count = "1 result" if finished == 1 else f"{finished} results"
        super().__init__(f"interrupted; what had finished is in .result: {count}")


class ModelError(CrewgraphError):
    """Raised when a model call failed for good.

    Attributes:
        model: the model that was asked, where known.
        status: the HTTP status of the provider, where there was one.
        usage: the tokens spent by the crew up to and including the failure (``UsageMetrics``), where known.
    """

    def __init__(self, message: str, *, model: str | None = None, status: int | None = None, usage: Any = None) -> None:
        super().__init__(message)
        self.model = model
        self.status = status
        self.usage = usage


class ModelNotConfigured(ModelError):
    """Raised before anything runs when neither an argument nor the environment names a model."""

    def __init__(self, who: str) -> None:
        super().__init__(
            f'no model configured for {who}. Three ways out: pass llm="provider/model" to the agent or '
            "crew; set the environment variable CREWGRAPH_MODEL (or OPENAI_MODEL_NAME); or use "
            'llm="offline" (CREWGRAPH_MODEL=offline), which needs no key and is not a language model'
        )


class ModelUnavailable(ModelError):
    """Raised when the provider cannot be reached or answers with a server error."""


class ModelTimeout(ModelError):
    """Raised when the provider did not answer within the time limit of the call."""


class ModelRateLimited(ModelError):
    """Raised when the provider answered that there are too many requests."""


class ModelAccessDenied(ModelError):
    """Raised when the provider's key is missing, wrong or not allowed to use the model."""


class ModelRejected(ModelError):
    """Raised when the provider refuses the request itself: unknown model, too long, not allowed."""


class ModelAnswerInvalid(ModelError):
    """Raised when the provider's answer is empty, cut off, or not an answer."""


class OutputInvalid(ModelError):
    """Raised when an answer still lacks the declared shape after repair and asking again."""


class TargetError(CrewgraphError):
    """Raised by the command line when ``module:attribute`` names nothing that can be run."""


class RenderError(CrewgraphError):
    """Raised when a picture cannot be drawn, with what would make it possible."""

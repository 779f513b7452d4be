"""What is wrong with a pipeline or its inputs: nothing has run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crewgraph.errors.root import MAX_NAMED, CrewgraphError, and_more

__all__ = [
    "ConditionError",
    "InputError",
    "InputTypeError",
    "PipelineInvalid",
    "RenderError",
    "TargetError",
    "TemplateError",
]

LITERAL_BRACES = "write {{…}} for literal braces"


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
        super().__init__("\n".join([*lines, *and_more(rows, "inputs"), *([f"hint: {hint}"] if hint else [])]))


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


class TargetError(CrewgraphError):
    """Raised by the command line when ``module:attribute`` names nothing that can be run."""


class RenderError(CrewgraphError):
    """Raised when a picture cannot be drawn, with what would make it possible."""

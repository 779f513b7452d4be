"""What is wrong with a pipeline or its inputs: nothing has run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crewgraph.errors.root import MAX_NAMED, CrewgraphError, and_more

__all__ = [
    "ConditionError",
    "DocumentError",
    "DocumentInvalid",
    "InputError",
    "InputTypeError",
    "LibraryMissing",
    "PipelineInvalid",
    "RenderError",
    "TargetError",
    "TemplateError",
    "TraceError",
    "ValueMisfit",
]

MAX_TOLD = 100
"""How many errors of a pipeline the message has."""
LITERAL_BRACES = "write {{…}} for literal braces"


class PipelineInvalid(CrewgraphError):
    """Raised by ``compile()`` and every kickoff when the checker found at least one error.

    Attributes:
        findings: all findings, warnings included, in the checker's order.
    """

    def __init__(self, findings: Iterable[Any], *, head: str = "the pipeline is invalid") -> None:
        self.findings = tuple(findings)
        errors = [finding for finding in self.findings if finding.is_error]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        rest = len(errors) - MAX_TOLD
        more = [f"… and {rest} more; all of them are in .findings"] if rest > 0 else []
        super().__init__("\n".join([f"{head}: {count}", *map(str, errors[:MAX_TOLD]), *more]))


class DocumentInvalid(PipelineInvalid):
    """Raised when a document does not say a pipeline, or a pipeline cannot be written as one.

    Attributes:
        findings: everything that stands in the way, each with its place in the document.
    """


class DocumentError(CrewgraphError):
    """Raised when the file of a document cannot be read or written here, with what would make it possible."""


class InputError(CrewgraphError, ValueError):
    """Raised before the first model call when inputs lack keys that the pipeline needs, or hold what it cannot take.

    Where the other inputs run all the same, it is recorded on the runs of those that cannot.

    Attributes:
        missing: for each incomplete input, its index and the keys it lacks, each with those who need it.
        misfits: for each input with unfit values, its index and the keys, each with what is wrong with its value.
    """

    def __init__(
        self,
        missing: Mapping[int, Mapping[str, Sequence[str]]],
        *,
        misfits: Mapping[int, Mapping[str, str]] | None = None,
        given: Mapping[int, Iterable[str]] | None = None,
        hint: str = "",
        others_run: bool = False,
    ) -> None:
        self.missing = missing
        self.misfits = misfits or {}
        bad = sorted({*missing, *self.misfits})
        rows = [f"input {index} {_told(index, missing, self.misfits, (given or {}).get(index))}" for index in bad]
        head = "1 input is" if len(rows) == 1 else f"{len(rows)} inputs are"
        what = "unfit" if not missing else "incomplete" if not self.misfits else "incomplete or unfit"
        lines = [] if others_run else [f"{head} {what}; nothing has run"]
        super().__init__("\n".join([*lines, *and_more(rows, "inputs"), *([f"hint: {hint}"] if hint else [])]))


def _told(
    index: int,
    missing: Mapping[int, Mapping[str, Sequence[str]]],
    misfits: Mapping[int, Mapping[str, str]],
    given: Iterable[str] | None,
) -> str:
    """All that is wrong with one input."""
    parts = [f"lacks {_lacking(missing[index], given)}"] if index in missing else []
    parts += [f"has an unfit '{key}': {why}" for key, why in misfits.get(index, {}).items()]
    return "; it ".join(parts)


def _lacking(keys: Mapping[str, Sequence[str]], given: Iterable[str] | None) -> str:
    lacking = ", ".join(
        f"'{key}' (needed by {', '.join(whom)})" if whom else f"'{key}'" for key, whom in sorted(keys.items())
    )
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


class ValueMisfit(CrewgraphError, TypeError):
    """Raised by a step or a crew when values it is handed do not have the types that it declares.

    Attributes:
        misfits: for each key what is wrong with its value.
    """

    def __init__(self, who: str, misfits: Mapping[str, str]) -> None:
        self.misfits = misfits
        told = "; ".join(f"{key}: {why}" for key, why in misfits.items())
        super().__init__(f"{who} cannot take {told}. hint: let whoever gives it declare that type, or take another")


class ConditionError(CrewgraphError, ValueError):
    """Raised when a route condition cannot be parsed, and recorded when one raised while it ran."""


class TargetError(CrewgraphError):
    """Raised by the command line when ``module:attribute`` names nothing that can be run.

    Attributes:
        brief: the same in one line.
        source: the file and line of the user's code that raised an error, where it did.
    """

    def __init__(self, message: str, *, brief: str = "", source: tuple[str, int] | None = None) -> None:
        self.brief = brief or message
        self.source = source
        super().__init__(message)


class LibraryMissing(CrewgraphError, ImportError):
    """Raised when something is asked for that needs a library which is not installed.

    Args:
        name: of the library.
        what: what needs it.
        extra: of crewgraph that brings it; it has the name of the library where none is given.
    """

    def __init__(self, name: str, *, what: str, extra: str | None = None) -> None:
        hint = f"pip install 'crewgraph[{extra or name}]'"
        super().__init__(f"{what} needs {name}, which cannot be imported here. hint: {hint}")


class RenderError(CrewgraphError):
    """Raised when a picture or a report cannot be made or written, with what would make it possible."""


class TraceError(CrewgraphError, ValueError):
    """Raised when a file is to be read as a trace and is none, is broken, or was written by a newer crewgraph.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, what: str, why: str) -> None:
        self.path = path
        super().__init__(f"'{path}' {what}: {why}")

"""What goes wrong while an agent works, beside its model."""

from __future__ import annotations

from crewgraph.errors.root import CrewgraphError

__all__ = [
    "CacheError",
    "CallbackFailed",
    "CassetteError",
    "CassetteMiss",
    "GuardrailFailed",
    "HumanInputUnavailable",
    "NotApproved",
    "OutputFileError",
    "RealCallForbidden",
    "ScheduleError",
    "ScriptEnded",
    "StoreError",
    "ToolError",
]


class ToolError(CrewgraphError):
    """Raised when a tool cannot be made of what was given, or is used in a way that cannot work."""


class CallbackFailed(CrewgraphError):
    """Raised when a function that a crew was given raised or returned what it must not: a callback, a guardrail, a hook."""


class GuardrailFailed(CrewgraphError):
    """Raised when a task's guardrail, or the person who is asked, still refuses the answer after asking again.

    Attributes:
        answer: the last answer that was refused.
    """

    def __init__(self, message: str, *, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer


class HumanInputUnavailable(CrewgraphError):
    """Raised when a task or an approval wants a person's word and there is nobody to ask, and no store to wait in."""


class NotApproved(CrewgraphError):
    """Raised when somebody rejects what has to be approved for a run to go on, or nobody decides in time.

    Attributes:
        approval: what it is called.
        decision: "rejected" or "expired".
        comment: what was said to it.
        by: who decided.
    """

    def __init__(self, approval: str, decision: str, *, comment: str = "", by: str = "") -> None:
        self.approval, self.decision, self.comment, self.by = approval, decision, comment, by
        who = f" by {by}" if by else ""
        told = f"'{approval}' was not decided in time" if decision == "expired" else f"'{approval}' was rejected{who}"
        super().__init__(f"{told}{f': {comment}' if comment else ''}. hint: to ask once more, retry the run")


class OutputFileError(CrewgraphError):
    """Raised when a task's ``output_file`` leads out of the output root or cannot be written."""


class CassetteError(CrewgraphError):
    """Raised when a cassette file cannot be read or written."""


class CassetteMiss(CassetteError):
    """Raised when a cassette that is replayed holds no answer to a request; shows the nearest one it holds."""


class CacheError(CrewgraphError):
    """Raised when the file of a response cache cannot be opened, or is something else."""


class StoreError(CrewgraphError):
    """Raised when the store of a kickoff cannot be used: it is something else, damaged, newer, full, or somebody writes to it.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str, message: str, *, hint: str = "") -> None:
        self.path = path
        self._said = message, hint
        super().__init__(f"{path}: {message}{f'. hint: {hint}' if hint else ''}")

    def again(self) -> StoreError:
        """The same error anew: one store stops many nodes, and each has a traceback of its own."""
        return StoreError(self.path, self._said[0], hint=self._said[1])


class ScheduleError(CrewgraphError):
    """Raised when a schedule cannot be made, found or served as it stands: its time, its inputs, its name or its code."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}{f'. hint: {hint}' if hint else ''}")


class RealCallForbidden(CrewgraphError):
    """Raised instead of a call to a real model where tests forbid them."""


class ScriptEnded(CrewgraphError):
    """Raised when a test double of :mod:`crewgraph.testing` is asked more often than it has answers."""

"""What goes wrong with a model."""

from __future__ import annotations

from typing import Any

from crewgraph.errors.root import CrewgraphError

__all__ = [
    "ModelAccessDenied",
    "ModelAnswerInvalid",
    "ModelError",
    "ModelNotConfigured",
    "ModelQuotaExceeded",
    "ModelRateLimited",
    "ModelRejected",
    "ModelTimeout",
    "ModelUnavailable",
    "OutputInvalid",
]


class ModelError(CrewgraphError):
    """Raised when a model call failed for good.

    Attributes:
        model: the model that was asked, where known.
        status: the HTTP status of the provider, where there was one.
        usage: the tokens spent by the crew up to and including the failure (``UsageMetrics``), where known.
        retry_after: seconds after which the provider wants to be asked again, where it says.
    """

    is_transient: bool = False
    """Whether the same call may succeed a little later."""

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        status: int | None = None,
        usage: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.model = model
        self.status = status
        self.usage = usage
        self.retry_after = retry_after


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

    is_transient = True


class ModelTimeout(ModelError):
    """Raised when the provider did not answer within the time limit of the call."""

    is_transient = True


class ModelRateLimited(ModelError):
    """Raised when the provider answered that there are too many requests."""

    is_transient = True


class ModelQuotaExceeded(ModelError):
    """Raised when the provider's quota or credit is used up: asking again does not help until somebody pays."""


class ModelAccessDenied(ModelError):
    """Raised when the provider's key is missing, wrong or not allowed to use the model."""


class ModelRejected(ModelError):
    """Raised when the provider refuses the request itself: unknown model, too long, not allowed."""


class ModelAnswerInvalid(ModelError):
    """Raised when the provider's answer is empty, cut off, or not an answer."""

    is_transient = True


class OutputInvalid(ModelError):
    """Raised when an answer still lacks the declared shape after repair and asking again."""

"""Every error that crewgraph raises, as one tree.

::

    CrewgraphError
    ├── PipelineInvalid          the checker found errors; nothing has run
    │   └── DocumentInvalid      … of a document, or of a pipeline that cannot be written as one
    ├── DocumentError            the file of a document cannot be read or written here
    ├── InputError               inputs are missing or of the wrong kind; nothing has run
    │   └── InputTypeError       … and they are not mappings at all (also a TypeError)
    ├── TemplateError            a placeholder has no value
    ├── ValueMisfit              a value handed over does not have the declared type (also a TypeError)
    ├── ConditionError           a condition of a route or task cannot be parsed, or raised while it ran
    ├── NodeError                a node of a run failed; the cause is chained
    ├── KickoffError             some runs of a kickoff failed; ``.result`` holds everything
    ├── DeadlineExceeded         a task, a node or a run took longer than it may (also a TimeoutError)
    ├── WorkStopped              a thread goes on whose node has been stopped; it gets no further model call
    ├── BudgetError              a budget stopped the work
    │   ├── BudgetExceeded       the next call would cost more than is left
    │   └── PriceUnknown         money is limited, and nobody knows what the model costs
    ├── ToolError                a tool cannot be made or called as it stands
    ├── CallbackFailed           a function that a crew was given raised, or gave what it must not
    ├── GuardrailFailed          an answer was refused as often as it may be
    ├── HumanInputUnavailable    a person is to be asked, and there is none
    ├── NotApproved              what has to be approved was rejected, or nobody decided in time
    ├── OutputFileError          a task's file cannot be written where it is to go
    ├── CassetteError            a cassette cannot be read or written
    │   └── CassetteMiss         a cassette holds no answer to this request
    ├── CacheError               the file of a response cache cannot be used
    ├── StoreError               the store of a kickoff cannot be used
    ├── ScheduleError            a schedule cannot be made, found or served as it stands
    ├── ScriptEnded              a scripted test double was asked more often than it has answers
    ├── RealCallForbidden        a test would have called a real model
    ├── ModelError               a model call failed
    │   ├── ModelNotConfigured   nobody said which model to use
    │   ├── ModelUnavailable     the provider cannot be reached, or is out of order
    │   ├── ModelTimeout         the provider did not answer in time
    │   ├── ModelRateLimited     the provider refuses more calls for now
    │   ├── ModelQuotaExceeded   the provider's quota or credit is used up
    │   ├── ModelAccessDenied    the key is missing, wrong or not allowed
    │   ├── ModelRejected        the provider refuses this very request
    │   ├── ModelAnswerInvalid   the answer is empty, cut off or not an answer
    │   └── OutputInvalid        the answer does not have the declared shape, and asking again did not help
    ├── TargetError              ``module:attribute`` names no pipeline
    ├── TraceError               a file is no trace
    ├── LibraryMissing           what is asked for needs a library that is not installed (also an ImportError)
    └── RenderError              a picture or a report cannot be made here

    KeyboardInterrupt
    └── KickoffInterrupted       Ctrl-C during a kickoff; ``.result`` holds what finished

Messages are built here, from data; whoever raises passes the data.
"""

from __future__ import annotations

from crewgraph.errors.building import (
    ConditionError,
    DocumentError,
    DocumentInvalid,
    InputError,
    InputTypeError,
    LibraryMissing,
    PipelineInvalid,
    RenderError,
    TargetError,
    TemplateError,
    TraceError,
    ValueMisfit,
)
from crewgraph.errors.models import (
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelNotConfigured,
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    OutputInvalid,
)
from crewgraph.errors.root import CrewgraphError
from crewgraph.errors.running import (
    BudgetError,
    BudgetExceeded,
    DeadlineExceeded,
    KickoffError,
    KickoffInterrupted,
    NodeError,
    PriceUnknown,
    WorkStopped,
)
from crewgraph.errors.working import (
    CacheError,
    CallbackFailed,
    CassetteError,
    CassetteMiss,
    GuardrailFailed,
    HumanInputUnavailable,
    NotApproved,
    OutputFileError,
    RealCallForbidden,
    ScheduleError,
    ScriptEnded,
    StoreError,
    ToolError,
)

__all__ = [
    "BudgetError",
    "BudgetExceeded",
    "CacheError",
    "CallbackFailed",
    "CassetteError",
    "CassetteMiss",
    "ConditionError",
    "CrewgraphError",
    "DeadlineExceeded",
    "DocumentError",
    "DocumentInvalid",
    "GuardrailFailed",
    "HumanInputUnavailable",
    "InputError",
    "InputTypeError",
    "KickoffError",
    "KickoffInterrupted",
    "LibraryMissing",
    "ModelAccessDenied",
    "ModelAnswerInvalid",
    "ModelError",
    "ModelNotConfigured",
    "ModelQuotaExceeded",
    "ModelRateLimited",
    "ModelRejected",
    "ModelTimeout",
    "ModelUnavailable",
    "NodeError",
    "NotApproved",
    "OutputFileError",
    "OutputInvalid",
    "PipelineInvalid",
    "PriceUnknown",
    "RealCallForbidden",
    "RenderError",
    "ScheduleError",
    "ScriptEnded",
    "StoreError",
    "TargetError",
    "TemplateError",
    "ToolError",
    "TraceError",
    "ValueMisfit",
    "WorkStopped",
]

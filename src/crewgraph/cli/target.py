"""``module:attribute`` and ``path/file.py:attribute``: from what the user names to a pipeline.

Code is named by its owner on the command line, never by data. What goes wrong while it is imported is shown as the
user's own error, with the lines of their code and none of ours.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import shlex
import site
import sys
import sysconfig
import traceback
import typing
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from crewgraph.cli.files import Projects, is_file_target, read_target
from crewgraph.errors import PipelineInvalid, StoreError, TargetError
from crewgraph.errors.near import near
from crewgraph.render.escape import clean, shortened
from crewgraph.syntax import Pipeline, is_function, is_single

if TYPE_CHECKING:
    from crewgraph.project import Project

__all__ = ["Target", "code_of", "function_of", "load"]

MAX_FRAMES = 4
MAX_CANDIDATES = 12
MAX_BRIEF = 300


@dataclass(frozen=True, slots=True)
class Target:
    """What the user named.

    Attributes:
        name: as it was written.
        pipeline: what it is; a crew, step or router alone became a pipeline of one stage.
        project: the crewAI project that it is.
        module: the module that it stands in.
    """

    name: str
    pipeline: Pipeline
    project: Project | None = None
    module: ModuleType | None = None

    @property
    def title(self) -> str:
        """The pipeline's own name, else how the user named it."""
        return clean(self.pipeline.name or "") or self.name


def load(target: str, *, names: Sequence[str] = (), projects: Projects = "none") -> Target:
    """Import the module and find the pipeline in it, or read the document or project.

    Args:
        target: as the user named it.
        names: modules with the code that a document names.
        projects: whether projects of crewAI are taken.

    Raises:
        TargetError: there is no such module or attribute, it is no pipeline, or importing it failed.
        PipelineInvalid: it builds something that cannot be, such as a list of stages in a list.
        DocumentInvalid: a document does not say a pipeline.
    """
    if is_file_target(target):
        return Target(target, *read_target(target, code_of(names), projects))
    if names:
        raise TargetError(f"--names is for documents (.json, .yaml), and '{target}' is code")
    place, attribute = _split(target)
    with contextlib.redirect_stdout(sys.stderr):  # what a module prints must not end up among the results
        module = _imported(place)
        value = _attribute(module, place, attribute) if attribute else _only_pipeline(module, place)
        return Target(target, _as_pipeline(value, target), module=module)


def code_of(names: Sequence[str]) -> dict[str, Any]:
    """What modules and mappings in them name; of two things of one name the later one."""
    code = dict[str, Any]()
    for each in names:
        place, attribute = _split(each)
        with contextlib.redirect_stdout(sys.stderr):
            module = _imported(place)
            value = _attribute(module, place, attribute) if attribute else module
        if not isinstance(value, ModuleType | Mapping):
            raise TargetError(f"'{each}' is a {type(value).__name__}, not a module or a dict of names")
        from crewgraph.document.names import Names  # documents only

        code |= Names(value).things
    return code


def function_of(name: str) -> Callable[..., Any]:
    """The function that ``module:attribute`` names.

    Raises:
        TargetError: there is none, or importing it failed.
    """
    place, attribute = _split(name)
    with contextlib.redirect_stdout(sys.stderr):
        value = _attribute(_imported(place), place, attribute) if attribute else None
    if not callable(value):
        raise TargetError(f"'{name}' is no function; write module:function")
    return value


def _split(target: str) -> tuple[str, str]:
    place, colon, attribute = target.rpartition(":")
    is_drive = len(place) == 1 and attribute[:1] in {"\\", "/"}  # C:\file.py
    if not target.strip():
        raise TargetError("the target is empty; write module:attribute or path/file.py:attribute")
    if not colon or is_drive:
        return target, ""
    if not place or not all(part.isidentifier() for part in attribute.split(".")):
        raise TargetError(f"'{target}' is not module:attribute or path/file.py:attribute")
    return place, attribute


# ---- importing -------------------------------------------------------------------------------------------------


def _imported(place: str) -> ModuleType:
    _put_first(str(Path.cwd()))
    is_path = place.endswith(".py") or "/" in place or os.sep in place
    with _theirs(place):
        return _imported_file(place) if is_path else _imported_module(place)


def _put_first(folder: str) -> None:
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def _imported_file(place: str) -> ModuleType:
    path = Path(place).resolve()
    if not path.is_file():
        there = sorted(str(found) for found in Path(place).parent.glob("*.py")) if Path(place).parent.is_dir() else []
        raise TargetError(f"there is no file '{place}'{_close(place, there)}")
    folder = path.parent
    _put_first(str(folder))
    parts = [path.stem]
    while (folder / "__init__.py").is_file():  # a module of a package, which may import relatively
        parts.insert(0, folder.name)
        folder = folder.parent
    if len(parts) > 1:
        _put_first(str(folder))
        return importlib.import_module(".".join(parts))
    name = path.stem if path.stem not in sys.modules else f"crewgraph_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(_no_code(place))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _imported_module(place: str) -> ModuleType:
    if place.startswith(".") or not place:
        raise TargetError(f"'{place}' is no module and no .py file. hint: path/file.py:attribute or module:attribute")
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise  # a module that theirs imports
        if Path(place).is_file():
            raise TargetError(_no_code(place)) from None
        there = [path.stem for path in sorted(Path.cwd().glob("*.py"))]
        hint = _close(place, there) or ". hint: modules are looked for in this folder and among installed packages"
        raise TargetError(f"there is no module '{error.name}'{hint}") from None


def _no_code(place: str) -> str:
    """What a file is that is no pipeline, and what is meant by it as like as not."""
    from crewgraph.store.file import looked_at  # of what went wrong only

    with contextlib.suppress(StoreError):
        if looked_at(Path(place)):
            named = shlex.quote(place)
            hint = f"crewgraph status {named} --runs lists them, crewgraph show RUN --store {named} shows one"
            return f"'{place}' is a store of runs, not a pipeline. hint: {hint}"
    return (
        f"'{place}' is neither Python nor a document. hint: path/file.py:attribute, module:attribute or pipeline.yaml"
    )


@contextlib.contextmanager
def _theirs(place: str) -> Generator[None]:
    """Turn whatever the user's code raises into a message with their lines."""
    try:
        yield
    except TargetError:
        raise
    except SystemExit as error:
        raise TargetError(
            f"'{place}' called sys.exit({error.code!r}) while it was imported. "
            'hint: put what only scripts do below `if __name__ == "__main__":`'
        ) from error
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
        frames = frames[-MAX_FRAMES:]
        from crewgraph.cli.refused import refusals  # of what went wrong only

        if found := refusals(error, [(frame.filename, frame.lineno or 1) for frame in frames]):
            raise PipelineInvalid(found) from error
        told, (brief, source) = _told(error, frames), _brief(error, frames)
        raise TargetError(f"'{place}' raised an error:\n\n{told}", brief=brief, source=source) from error


def _told(error: Exception, frames: Sequence[traceback.FrameSummary]) -> str:
    report = traceback.TracebackException.from_exception(error)
    lines = traceback.StackSummary.from_list([*frames]).format()
    return "".join([*lines, *report.format_exception_only()]).rstrip()


def _brief(error: Exception, frames: Sequence[traceback.FrameSummary]) -> tuple[str, tuple[str, int] | None]:
    """An error in one line, and the innermost line of theirs; that of an error of syntax is never run."""
    places = [(frame.filename, frame.lineno or 1) for frame in frames]
    if isinstance(error, SyntaxError):
        places += [(error.filename, error.lineno or 1)] if error.filename and _is_theirs(error.filename) else []
        return f"{type(error).__name__}: {error.msg}", places[-1] if places else None
    told = shortened("".join(traceback.format_exception_only(error)).strip(), MAX_BRIEF)
    return told, places[-1] if places else None


def _is_theirs(filename: str) -> bool:
    ours = str(Path(__file__).parent.parent)
    libraries = [
        ours,
        "<frozen",
        *site.getsitepackages(),
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
    ]
    return not filename.startswith(tuple(libraries))


# ---- finding ---------------------------------------------------------------------------------------------------


def _attribute(module: ModuleType, place: str, attribute: str) -> Any:
    value: Any = module
    for number, part in enumerate(attribute.split(".")):
        if not hasattr(value, part):
            there = list(_candidates(module)) if number == 0 else dir(value)
            inside = f"'{place}'" if number == 0 else f"'{place}:{'.'.join(attribute.split('.')[:number])}'"
            close = _close(part, there) or (_listed(place, there) if number == 0 else "")
            raise TargetError(f"{inside} has no '{part}'{close}")
        value = getattr(value, part)
    return value


def _only_pipeline(module: ModuleType, place: str) -> Pipeline:
    found = {id(value): value for value in vars(module).values() if isinstance(value, Pipeline)}
    if len(found) == 1:
        return next(iter(found.values()))
    told = f"has {len(found)} pipelines" if found else "has no pipeline of its own"
    names = [name for name, value in _candidates(module).items() if isinstance(value, Pipeline) or not found]
    raise TargetError(f"'{place}' {told}{_listed(place, names)}")


def _candidates(module: ModuleType) -> dict[str, Any]:
    """What in a module can be a target: pipelines first, then the rest of the user's own things."""
    named = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    pipelines = {name: value for name, value in named.items() if isinstance(value, Pipeline)}
    rest = {name: value for name, value in named.items() if is_single(value) and _is_own(value, module)}
    return pipelines | rest


def _is_own(value: object, module: ModuleType) -> bool:
    """A function that was imported, such as ``step``, is nothing that the user means."""
    return not is_function(value) or getattr(value, "__module__", "") == module.__name__


def _close(name: str, there: list[str]) -> str:
    close = near(name, there)
    return f". Did you mean '{close}'?" if close else ""


def _listed(place: str, names: list[str]) -> str:
    if not names:
        return ". hint: assign one to a variable of the module: pipeline = first >> second"
    more = f" and {len(names) - MAX_CANDIDATES} more" if len(names) > MAX_CANDIDATES else ""
    return f". hint: name one, as in {', '.join(f'{place}:{name}' for name in names[:MAX_CANDIDATES])}{more}"


# ---- wrapping --------------------------------------------------------------------------------------------------


def _as_pipeline(value: Any, target: str) -> Pipeline:
    if isinstance(value, Pipeline):
        return value
    if isinstance(value, FunctionType) and _makes_pipeline(value):
        return _made(value, target)
    if isinstance(value, FunctionType) and not inspect.signature(value).parameters:
        hint = "annotate it with `-> Pipeline` to have it called, or decorate it with @step to run it"
        raise TargetError(f"'{target}' is a function without parameters. hint: {hint}")
    if is_single(value):
        return Pipeline(stages=[value])
    raise TargetError(f"'{target}' is a {type(value).__name__}, not a pipeline, crew, step or router")


def _makes_pipeline(function: Callable[..., Any]) -> bool:
    try:
        returns = typing.get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001 - resolving runs whatever the annotations say
        returns = inspect.signature(function).return_annotation
    if isinstance(returns, str):
        return returns.strip("'\"").rpartition(".")[2] in {"Graph", "Pipeline", "Procedure"}
    return isinstance(returns, type) and issubclass(returns, Pipeline)


def _made(function: Callable[[], Any], target: str) -> Pipeline:
    needed = [
        key for key, parameter in inspect.signature(function).parameters.items() if parameter.default is parameter.empty
    ]
    if needed:
        raise TargetError(
            f"'{target}' makes a pipeline but takes arguments ({', '.join(needed)}); nothing gives them here"
        )
    with _theirs(target):
        made = function()
    if not isinstance(made, Pipeline):
        raise TargetError(f"'{target}' is annotated to return a Pipeline and returned a {type(made).__name__}")
    return made

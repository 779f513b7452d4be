"""From a function's signature and docstring to a schema of its arguments."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from crewgraph.crew.tools.docstring import Doc, read
from crewgraph.crew.tools.schema import Signature, described, field_name, model_of
from crewgraph.errors import ToolError

__all__ = ["doc_of", "is_generator", "is_unbound", "signature_for", "signature_of"]

_SELF = ("self", "cls")


def doc_of(function: Callable[..., Any]) -> Doc:
    """What the docstring of a function says, or of the object that is called."""
    inner = _unwrapped(function)
    documented = inner if inspect.isroutine(inner) else type(inner)
    doc = read(documented.__doc__)  # not inspect.getdoc(), which takes that of a class above
    if documented is not inner:  # an object that is called may say it at its class or at its method
        called = read(inner.__call__.__doc__)
        return Doc(doc.text or called.text, called.parameters | doc.parameters)
    return doc


def signature_of(function: Callable[..., Any], *, who: str, said: Mapping[str, str] | None = None) -> Signature:
    """What a function takes, from its annotations.

    Args:
        function: the function, a method, a partial or an object that is called.
        who: the tool, in words, for errors.
        said: what its parameters mean, where their annotations do not say.

    Raises:
        ToolError: a model cannot call it: ``*args``, a type without JSON form, an annotation that nobody knows.
    """
    parameters = _parameters(function, who)
    inner = _unwrapped(function)
    annotated = inner if inspect.isroutine(inner) else inner.__call__
    fields, names, positional = dict[str, Any](), dict[str, str](), list[str]()
    extra: Any = None
    for name, parameter in parameters.items():
        hint = _hint(annotated, name, parameter, who)
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = Any if typing.get_origin(hint) is typing.Unpack else hint
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(name)
        inside = field_name(name, names)
        names[inside] = name
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[inside] = (described(hint, name, inside, (said or {}).get(name), default), default)
    return Signature(model_of(who, fields, extra), names, tuple(positional))


def signature_for(model: type[BaseModel], function: Callable[..., Any], *, who: str) -> Signature:
    """What a function takes, as a model says that somebody wrote for it.

    Raises:
        ToolError: the function takes something else, or the model has no JSON form.
    """
    names = {name: name for name in model.model_fields}
    signature = Signature(model, names)
    try:
        schema = signature.json_schema()
    except Exception as error:
        raise ToolError(f"args_schema of {who}: {model.__name__} has no JSON Schema: {error}") from error
    if model.__pydantic_root_model__ or schema["type"] != "object":
        raise ToolError(f"args_schema of {who}: {model.__name__} has no fields; arguments are given by name")
    try:
        inspect.signature(function).bind(**names)
    except TypeError as error:
        message = f"args_schema of {who}: {model.__name__} has the fields {', '.join(names) or 'none'}, and"
        raise ToolError(f"{message} the function does not take them: {error}") from error
    except ValueError:  # some built-in functions do not say what they take
        pass
    return signature


def is_generator(function: Any) -> bool:
    """Whether a function gives its result piece by piece, which no model can read."""
    inner = _unwrapped(function)
    return inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)


def _parameters(function: Callable[..., Any], who: str) -> dict[str, inspect.Parameter]:
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (ValueError, TypeError):
        hint = "wrap it in a function with annotated parameters"
        raise ToolError(f"the parameters of {who} are not known. hint: {hint}") from None
    if is_unbound(function):
        del parameters[next(iter(parameters))]
    while isinstance(function, functools.partial):  # what is filled in is not the model's to choose
        parameters = {name: each for name, each in parameters.items() if name not in function.keywords}
        function = function.func
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            message = f"{who} takes *{name}, which arguments by name cannot fill"
            raise ToolError(f"{message}. hint: take one list instead, as in {name}: list[str]")
    return parameters


def is_unbound(function: Any) -> bool:
    """Whether a function is a method that still wants its object: written in a class, and taken from there."""
    if not inspect.isfunction(function):
        return False
    within = function.__qualname__.rpartition(".")[0]
    first = next(iter(inspect.signature(function).parameters), "")
    return bool(within) and not within.endswith("<locals>") and first in _SELF


def _unwrapped(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _hint(annotated: Any, name: str, parameter: inspect.Parameter, who: str) -> Any:
    """The annotation of a parameter, resolved."""
    if parameter.annotation is parameter.empty:
        return Any
    one = types.SimpleNamespace(__annotations__={name: parameter.annotation})
    inner = inspect.unwrap(annotated)
    try:
        return typing.get_type_hints(one, getattr(inner, "__globals__", {}), include_extras=True)[name]
    except Exception as error:
        message = f"{who} annotates '{name}' with {parameter.annotation!r}, which cannot be resolved"
        hint = "import or define the type at the top of the module, not in a function and not under TYPE_CHECKING"
        raise ToolError(f"{message}: {type(error).__name__}: {error}. hint: {hint}") from error

"""From a function's signature and docstring to a schema of its arguments."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from crewgraph.crew.tools.docstring import Doc, read
from crewgraph.crew.tools.schema import Signature, check_defaults, described, field_name, model_of
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
    parameters, inner = _parameters(function, who), _unwrapped(function)
    annotated = inner if inspect.isroutine(inner) else inner.__call__
    wanted, rest = dict[str, tuple[Any, Any]](), dict[str, tuple[Any, Any]]()
    extra: Any = None
    for name, parameter in parameters.items():
        hint = _hint(annotated, name, parameter, who)
        if parameter.kind is not parameter.VAR_KEYWORD:
            wanted[name] = (hint, ... if parameter.default is parameter.empty else parameter.default)
        elif typing.get_origin(hint) is typing.Unpack:
            rest = _entries(typing.get_args(hint)[0], name, who)
        else:
            extra = hint
    filled = _filled(function)
    rest = {name: each for name, each in rest.items() if name not in {*wanted, *filled}}
    fields, names = dict[str, Any](), dict[str, str]()
    for name, (hint, default) in (wanted | rest).items():
        inside = field_name(name, names)
        names[inside] = name
        fields[inside] = (described(hint, name, inside, (said or {}).get(name), default), default)
    model = model_of(who, fields, extra)
    check_defaults(model, who=who)
    positional = tuple(name for name, each in parameters.items() if each.kind is each.POSITIONAL_ONLY)
    return Signature(model, names, positional, only_given=frozenset(rest), filled=filled)


def signature_for(model: type[BaseModel], function: Callable[..., Any], *, who: str) -> Signature:
    """What a function takes, as a model says that somebody wrote for it.

    Raises:
        ToolError: the function takes something else, or the model has no JSON form.
    """
    names, filled = {name: name for name in model.model_fields}, _filled(function)
    signature = Signature(model, names, filled=filled)
    try:
        schema = signature.json_schema()
    except Exception as error:
        raise ToolError(f"args_schema of {who}: {model.__name__} has no JSON Schema: {error}") from error
    if model.__pydantic_root_model__ or schema["type"] != "object":
        raise ToolError(f"args_schema of {who}: {model.__name__} has no fields; arguments are given by name")
    check_defaults(model, who=who)
    if twice := sorted(filled.intersection(names)):
        raise ToolError(
            f"args_schema of {who}: {model.__name__} has the field '{twice[0]}', which is filled in already"
        )
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
    filled = _filled(function)
    parameters = {name: each for name, each in parameters.items() if name not in filled}
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            message = f"{who} takes *{name}, which arguments by name cannot fill"
            raise ToolError(f"{message}. hint: take one list instead, as in {name}: list[str]")
    return parameters


def _filled(function: Any) -> frozenset[str]:
    """What partials of a function fill in, by position or by name; it is not the model's to choose."""
    keywords, inner = set[str](), function
    while isinstance(inner, functools.partial):
        keywords.update(inner.keywords)
        inner = inner.func
    if inner is function:
        return frozenset()
    left, named = inspect.signature(function).parameters, inspect.Parameter.POSITIONAL_OR_KEYWORD
    taken = [name for name, each in inspect.signature(inner).parameters.items() if each.kind is named]
    return frozenset(keywords.union(name for name in taken if name not in left))


def is_unbound(function: Any) -> bool:
    """Whether a function is a method that still wants its object: written in a class, and taken from there."""
    if not inspect.isfunction(function):
        return False
    within = function.__qualname__.rpartition(".")[0]
    if not within or within.endswith("<locals>"):  # as most: a signature takes a tenth of a millisecond in each run
        return False
    return next(iter(inspect.signature(function).parameters), "") in _SELF


def _unwrapped(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _hint(annotated: Any, name: str, parameter: inspect.Parameter, who: str) -> Any:
    """The annotation of a parameter, resolved."""
    if parameter.annotation is parameter.empty:
        return Any
    one = types.SimpleNamespace(__annotations__={name: parameter.annotation})
    space = getattr(inspect.unwrap(annotated), "__globals__", {})
    hint = _resolved(one, space, f"{who} annotates '{name}' with {parameter.annotation!r}")[name]
    return _listed(hint, name, who)


def _entries(kind: Any, name: str, who: str) -> dict[str, tuple[Any, Any]]:
    """Type and default of each key of the TypedDict that says what ``**name`` takes."""
    if not typing.is_typeddict(kind):
        raise ToolError(f"{who} unpacks {kind!r} in **{name}, which is no TypedDict")
    found = dict[str, tuple[Any, Any]]()
    for key, marked in _resolved(kind, None, f"{who} unpacks {kind.__name__} in **{name}").items():
        hint, is_required = marked, key in kind.__required_keys__
        if (mark := typing.get_origin(hint)) in {typing.Required, typing.NotRequired}:
            hint, is_required = typing.get_args(hint)[0], mark is typing.Required
        found[key] = (_listed(hint, key, who), ... if is_required else Field(default_factory=lambda: None))
    return found


def _resolved(annotated: Any, space: Any, where: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(annotated, space, include_extras=True)
    except Exception as error:
        hint = "import or define the type at the top of the module, not in a function and not under TYPE_CHECKING"
        message = f"{where}, which cannot be resolved: {type(error).__name__}: {error}"
        raise ToolError(f"{message}. hint: {hint}") from error


def _listed(hint: Any, name: str, who: str) -> Any:
    """The type with a list wherever it has an iterable, which pydantic would check only while it is read, once."""
    kind, old = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind is Generator:
        raise ToolError(f"{who} takes a generator as '{name}'. hint: take a list instead, as in {name}: list[str]")
    new = tuple(_listed(each, name, who) for each in old)
    if kind is Iterable:
        return types.GenericAlias(list, new) if new else list
    if all(one is other for one, other in zip(old, new, strict=True)):
        return hint
    return (typing.Union if kind is types.UnionType else kind)[new]

"""The annotations of functions: within one compile they are resolved once, and never longer."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from crewgraph.compiler import check, compile_pipeline
from crewgraph.hints import hints_of, resolved_once
from crewgraph.step import Step
from crewgraph.syntax import Pipeline

MEANT = list[Any]([int])
LOOKED = list[None]()


def meant() -> Any:
    """What the annotation below means at the moment; it notes that somebody asks."""
    LOOKED.append(None)
    if not MEANT:
        raise NameError("not yet")
    return MEANT[0]


async def works(v: meant()) -> None:  # type: ignore[valid-type]
    """Whose annotation is resolved when somebody asks."""


def five() -> Pipeline:
    """New steps of one function."""
    return Pipeline([Step(works, name=f"n{number}") for number in range(5)])


def kinds(pipeline: Pipeline) -> list[Any]:
    """The types that the steps of a pipeline want."""
    return [node.interface.needs[0].type for node in compile_pipeline(pipeline).graph.works]


@pytest.fixture(autouse=True)
def afresh() -> Generator[None]:
    """Nobody has asked."""
    LOOKED.clear()
    MEANT[:] = [int]
    yield
    MEANT[:] = [int]


@pytest.mark.parametrize("look", [check, compile_pipeline])
def test_many_steps_of_a_function_are_looked_at_once(look: Any) -> None:
    """However many there are."""
    look(five())
    assert len(LOOKED) == 1


def test_what_a_name_means_may_change_between_two_compiles() -> None:
    """Nothing is kept for the next one."""
    assert kinds(five()) == [int] * 5
    MEANT[:] = [str]
    assert kinds(five()) == [str] * 5


def test_what_cannot_be_resolved_yet_is_resolved_later() -> None:
    """By the same steps, too."""
    MEANT.clear()
    pipeline = five()
    assert kinds(pipeline) == [Any] * 5
    MEANT[:] = [str]
    assert kinds(pipeline) == [str] * 5


def test_a_compile_within_another_one_ends_nothing() -> None:
    """What was resolved outside counts inside, and the other way round."""
    with resolved_once():
        hints_of(works)
        with resolved_once():
            hints_of(works)
        hints_of(works)
        assert len(LOOKED) == 1
    hints_of(works)
    assert len(LOOKED) == 2


def test_an_error_ends_it() -> None:
    """Whoever asks afterwards asks anew."""
    with pytest.raises(RuntimeError), resolved_once():
        hints_of(works)
        raise RuntimeError
    MEANT[:] = [str]
    assert hints_of(works) == ({"v": str, "return": type(None)}, True)


def test_threads_do_not_share_it() -> None:
    """Each compiles for itself."""
    with resolved_once():
        hints_of(works)
        other = threading.Thread(target=hints_of, args=(works,))
        other.start()
        other.join()
    assert len(LOOKED) == 2


def test_a_function_that_is_gone_leaves_its_place_to_no_other() -> None:
    """Ids are given again, annotations are not."""

    def made(kind: Any) -> Any:
        def run(v: int) -> None: ...

        run.__annotations__["v"] = kind
        return run

    with resolved_once():
        for kind in (int, str, float) * 5:
            assert hints_of(made(kind))[0]["v"] is kind


def looped(number: int) -> Any:
    """One of the functions that a loop makes."""

    async def work(v: meant(), w: int = number) -> None: ...  # type: ignore[valid-type]

    return work


def test_functions_that_a_loop_makes_are_resolved_once() -> None:
    """Their annotations are the same text in the same module."""
    with resolved_once():
        assert [hints_of(looped(number))[0]["v"] for number in range(5)] == [int] * 5
    assert len(LOOKED) == 1


def test_the_same_text_elsewhere_may_mean_something_else() -> None:
    """What a name means is a matter of the module that the function is of."""
    text = "def work(v: 'kind'): ..."
    with resolved_once():
        for kind in (int, str):
            names: dict[str, Any] = {"kind": kind}
            exec(text, names)
            assert hints_of(names["work"])[0] == {"v": kind}


def test_an_object_that_is_called_has_the_hints_of_its_method() -> None:
    """It is looked at once."""

    class Called:
        def __call__(self, v: meant()) -> None:  # type: ignore[valid-type]
            pass

    one = Called()
    with resolved_once():
        assert [hints_of(one)[0]["v"] for _ in range(3)] == [int] * 3
    assert len(LOOKED) == 1

from __future__ import annotations

import pytest

from crewgraph.crew.tools.docstring import read

GOOGLE = """Find a flight.

    Only direct ones.

    Args:
        origin (str): where from,
            as a code
        day: when: a date
        *rest: more
        **options (dict[str, int], optional): the rest

    Raises:
        ValueError: never

    Returns:
        list: the flights
    """
NUMPY = """Find a flight.

    Parameters
    ----------
    origin : str
        where from,
        as a code
    day, night : date, optional
        when

    Raises
    ------
    ValueError
        never

    Returns
    -------
    list
        the flights
    """
SPHINX = """Find a flight.

    :param str origin: where from,
        as a code
    :param day: when
    :type day: date
        or text
    :raises ValueError: never
        at all
    :returns: the flights
    """


@pytest.mark.parametrize(
    ("docstring", "text", "parameters"),
    [
        (
            GOOGLE,
            "Find a flight.\n\nOnly direct ones.\n\nReturns:\n    list: the flights",
            {"origin": "where from, as a code", "day": "when: a date", "rest": "more", "options": "the rest"},
        ),
        (
            NUMPY,
            "Find a flight.\n\nReturns\n-------\nlist\n    the flights",
            {"origin": "where from, as a code", "day": "when", "night": "when"},
        ),
        (
            SPHINX,
            "Find a flight.\n\n:returns: the flights",
            {"origin": "where from, as a code", "day": "when"},
        ),
        (None, "", {}),
        ("Find.", "Find.", {}),
        ("Find.\n\nArgs:\n    a: x\nMore.", "Find.\n\nMore.", {"a": "x"}),
        ("Find.\n\nArgs:\n", "Find.", {}),
        ("Find.\n\nArgs:\n    no entry\n    a:\n", "Find.", {}),
        ("Look up: this.\nNote that: Args", "Look up: this.\nNote that: Args", {}),
        ("Find.\n\n:param: nothing\n  more\nEnd.", "Find.\n\n:param: nothing\n  more\nEnd.", {}),
    ],
    ids=["google", "numpy", "sphinx", "none", "plain", "text behind", "empty", "no entry", "colons", "no name"],
)
def test_styles(docstring: str | None, text: str, parameters: dict[str, str]) -> None:
    """Each style gives up what it says of parameters; what is said of exceptions is left out."""
    doc = read(docstring)
    assert (doc.text, doc.parameters) == (text, parameters)

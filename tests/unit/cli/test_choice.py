"""Options whose value is one of some words."""

from __future__ import annotations

import click
import pytest

from crewgraph.cli.choice import Choice
from crewgraph.cli.commands import commands


def options(command, *words):
    """Every option of a command and of those below it that takes one of some words."""
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice):
            yield pytest.param(parameter, id=" ".join([*words, command.name, parameter.opts[0]]))
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner, *words, command.name)


EVERY = [option for command in commands() for option in options(command.load())]


@pytest.mark.parametrize("option", EVERY)
def test_a_slip_is_answered_with_the_word_that_is_meant(option):
    """Of every option that there is, and capitals are no slip."""
    assert isinstance(option.type, Choice)
    for word in option.type.choices:
        assert option.type.convert(word.upper(), option, None) == word
        with pytest.raises(click.BadParameter, match=rf"is not one of .*\. Did you mean '{word}'\?$"):
            option.type.convert(f"{word}e", option, None)


def test_a_word_that_is_like_no_other_is_answered_with_all():
    """And with no guess."""
    with pytest.raises(click.BadParameter, match=r"'0' is not one of 'one', 'other'\.$"):
        Choice(["one", "other"]).convert("0", None, None)


def test_the_command_line_tells_it(crewgraph, flow):
    """Code 2."""
    done = crewgraph("check", "flow.py", "--format", "jsno")
    assert (done.exit_code, done.stderr.endswith("Did you mean 'json'?\n")) == (2, True)

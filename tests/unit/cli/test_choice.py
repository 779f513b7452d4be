"""Options that several commands have: one of some words, and the store that is meant."""

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


def leaves(command, *words):
    """Every command that is none of commands, by how it is called."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield pytest.param(command, id=" ".join([*words, command.name]))
    for each in inner.values():
        yield from leaves(each, *words, command.name)


def takes_any(command):
    """Whether a command takes arguments in any number, or may go without one that is no store."""
    arguments = [each for each in command.params if isinstance(each, click.Argument) and each.name != "place"]
    return any(each.nargs == -1 or not each.required for each in arguments)


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


STORED = [
    each
    for command in commands()
    for each in leaves(command.load())
    if any("--store" in parameter.opts for parameter in each.values[0].params)
]


@pytest.mark.parametrize("command", STORED)
def test_a_store_is_an_argument_and_an_option(command):
    """Of every command, unless others stand there in any number; the argument is the last one, or has a run behind it."""
    names = [each.name for each in command.params if isinstance(each, click.Argument)]
    assert ("place" in names) != (takes_any(command) and command.name != "trace")
    assert "place" not in names[:-1] or names == ["place", "run"]


@pytest.mark.parametrize(
    "words",
    [
        ("status", "STORE"),
        ("waiting", "STORE"),
        ("gc", "STORE", "--older", "1d"),
        ("show", "ann", "STORE"),
        ("trace", "STORE", "ann"),
        ("trace", "STORE"),
        ("report", "STORE", "-o", "page.html"),
        ("schedule", "list", "STORE"),
    ],
    ids=" ".join,
)
def test_both_ways_say_the_same(crewgraph, flow, words, monkeypatch):
    """And so does the environment, unless a store is looked for by no command."""
    done = crewgraph(
        "run", "flow.py", "--input", "text=hi", "--input", "id=ann", "--store", "r.sqlite", "--id-column", "id"
    )
    assert done.exit_code == 0
    place = words.index("STORE")
    others = [*words[:place], *words[place + 1 :]]
    named = crewgraph(*["r.sqlite" if word == "STORE" else word for word in words])
    option = crewgraph(*others, "--store", "r.sqlite")
    assert (option.exit_code, option.stdout, option.stderr) == (0, named.stdout, named.stderr)
    if words[0] != "show" and words[-1] != "ann":
        monkeypatch.setenv("CREWGRAPH_STORE", "r.sqlite")
        assert crewgraph(*others).stdout == named.stdout


def test_a_store_is_named_once(crewgraph, flow):
    """Neither twice nor never."""
    done = crewgraph("status", "a.sqlite", "--store", "b.sqlite")
    assert (done.exit_code, "named twice: 'a.sqlite' and --store 'b.sqlite'" in done.stderr) == (2, True)
    done = crewgraph("trace", "a.sqlite", "ann", "--store", "b.sqlite")
    assert (done.exit_code, "named twice" in done.stderr) == (2, True)
    done = crewgraph("status")
    assert (done.exit_code, "No store is named: STORE or --store STORE." in done.stderr) == (2, True)

"""Options that several commands have: which store is meant, which pipeline in it, and in which form it is told."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from crewgraph.errors.near import near

__all__ = ["Choice", "json_option", "key_option", "store_given", "store_option"]

C = TypeVar("C", bound=Callable[..., Any])


class Choice(click.Choice[str]):
    """One of some words, in capitals too; of another word it says which one may be meant."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(choices, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            close = near(str(value), self.choices)
            meant = f" Did you mean '{close}'?" if close else ""
            raise click.BadParameter(f"{error.message}{meant}", ctx, param) from None


json_option = click.option("--json", "is_json", is_flag=True, help="Print the same as JSON lines.")
key_option = click.option("--key", metavar="NAME", help="What the pipeline is called in a store that holds several.")


def store_given(
    metavar: str = "STORE",
    *,
    text: str = "Where runs are kept. Also CREWGRAPH_STORE=STORE.",
    is_argument: bool = True,
    is_required: bool = True,
    pushed: str | None = None,
    check: Callable[[str], str] = str,
) -> Callable[[C], C]:
    """Let a command be told a store as an argument, by ``--store``, or by the environment: whichever comes to mind.

    Args:
        metavar: what it is called in the help.
        text: the help of the option.
        is_argument: whether it may be an argument; not, where others stand there in any number.
        is_required: whether it is a mistake to name none; where it is not, the environment is not asked either.
        pushed: the argument behind it, which a single word means where ``--store`` names the store.
        check: gives the store as the command takes it.
    """

    def given(command: C) -> C:
        @functools.wraps(command)
        def called(*, store: str | None, place: str | None = None, **others: Any) -> Any:
            context = click.get_current_context()
            if place is not None and context.get_parameter_source("store") is ParameterSource.COMMANDLINE:
                if pushed is None or others[pushed] is not None:
                    raise click.UsageError(f"The store is named twice: '{place}' and --store '{store}'.", context)
                others[pushed], place = place, None
            named = store if place is None else place
            if named is None and is_required:
                how = f"{metavar} or --store {metavar}" if is_argument else f"--store {metavar}"
                raise click.UsageError(f"No store is named: {how}.", context)
            return command(store=None if named is None else check(named), **others)

        made = click.argument("place", metavar=f"[{metavar}]", required=False)(called) if is_argument else called
        variable = "CREWGRAPH_STORE" if is_required else None
        return cast("C", click.option("--store", metavar=metavar, envvar=variable, help=text)(made))

    return given


store_option = store_given()

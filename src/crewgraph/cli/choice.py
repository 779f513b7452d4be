"""Options that several commands have: which store is meant, which pipeline in it, and in which form it is told."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["Choice", "json_option", "key_option", "store_option"]


class Choice(click.Choice[str]):
    """One of some words, in capitals too; of another word it says which one may be meant."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(choices, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            words = {word.lower(): word for word in self.choices}
            close = difflib.get_close_matches(str(value).lower(), words, n=1)
            meant = f" Did you mean '{words[close[0]]}'?" if close else ""
            raise click.BadParameter(f"{error.message}{meant}", ctx, param) from None


json_option = click.option("--json", "is_json", is_flag=True, help="Print the same as JSON lines.")
key_option = click.option("--key", metavar="NAME", help="What the pipeline is called in a store that holds several.")
store_option = click.option(
    "--store",
    metavar="STORE",
    envvar="CREWGRAPH_STORE",
    required=True,
    help="Where runs are kept. Also CREWGRAPH_STORE=STORE.",
)

"""Options that several commands have: which store is meant, which pipeline in it, and in which form it is told."""

from __future__ import annotations

import click

__all__ = ["json_option", "key_option", "store_option"]

json_option = click.option("--json", "is_json", is_flag=True, help="Print the same as JSON lines.")
key_option = click.option("--key", metavar="NAME", help="What the pipeline is called in a store that holds several.")
store_option = click.option(
    "--store",
    metavar="STORE",
    envvar="CREWGRAPH_STORE",
    required=True,
    help="Where runs are kept. Also CREWGRAPH_STORE=STORE.",
)

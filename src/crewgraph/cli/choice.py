"""Options that say which store is meant, and which pipeline in it."""

from __future__ import annotations

import click

__all__ = ["key_option", "store_option"]

key_option = click.option("--key", metavar="NAME", help="What the pipeline is called in a store that holds several.")
store_option = click.option(
    "--store",
    metavar="STORE",
    envvar="CREWGRAPH_STORE",
    required=True,
    help="Where runs are kept. Also CREWGRAPH_STORE=STORE.",
)

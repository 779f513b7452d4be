"""``crewgraph limits``: how often models may be called by all workers of a database together."""

from __future__ import annotations

import json
from typing import Any

import click

from crewgraph.cli.choice import json_option
from crewgraph.cli.cluster import store_option
from crewgraph.cli.table import table
from crewgraph.cli.trouble import Mistake
from crewgraph.cluster.limits import MOST, Limits, ModelLimit
from crewgraph.policy import Limit
from crewgraph.render.duration import duration
from crewgraph.render.escape import clean, shortened
from crewgraph.store.postgres import shown_address

__all__ = ["limits"]

HEADS = "model", "requests/min", "tokens/min", "at once", "under way", "next call"


def _figure(_: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """A limit: a whole number, or 0 for ``none``."""
    if value is None or value == "none":
        return None if value is None else 0
    text = value.replace("_", "").replace(",", "")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:20]) <= MOST:
        told = f"{option.opts[0]} is a whole number from 1 on, not '{shortened(value, 40)}'"
        raise Mistake(f"{told}. hint: {option.opts[0]} 500, or none for no limit")
    return int(text)


@click.group()
def limits() -> None:
    """Limit how often all workers together call a model.

    Workers follow what is set here within a second or two. What pipelines and crews declare themselves (Limit) counts in
    each process alone.
    """


@limits.command(name="set")
@click.argument("model")
@click.option("--rpm", callback=_figure, metavar="N", help="Calls begun in any minute; none for no limit.")
@click.option("--tpm", callback=_figure, metavar="N", help="Tokens spent in any minute, prompt and answer.")
@click.option("--concurrency", callback=_figure, metavar="N", help="Calls under way at a time.")
@store_option
def set_(model: str, *, rpm: int | None, tpm: int | None, concurrency: int | None, store: str) -> None:
    """Limit MODEL, as pipelines name it. What is not said stays as it was."""
    if rpm is None and tpm is None and concurrency is None:
        raise Mistake("nothing is said about it. hint: --rpm 500, --tpm 200000 or --concurrency 40")
    shared = Limits(store)
    said = {"requests_per_minute": rpm, "tokens_per_minute": tpm, "concurrency": concurrency}
    before = next((state.limit for state in shared.list() if state.model == model), None)
    figures = {} if before is None else before.model_dump()
    figures |= {name: figure or None for name, figure in said.items() if figure is not None}
    if not any(figures.values()):
        raise Mistake(f"nothing of '{clean(model)}' would be limited. hint: crewgraph limits remove {clean(model)}")
    try:
        shared.set(model, made := Limit(**figures))
    except ValueError as error:
        raise Mistake(str(error)) from error
    click.echo(f"{clean(model)}: {_told(made)}")


@limits.command(name="list")
@json_option
@store_option
def list_(*, store: str, is_json: bool) -> None:
    """List what is limited, and how much of it is in use."""
    every = Limits(store).list()
    if is_json:
        for state in every:
            click.echo(json.dumps(_record(state), ensure_ascii=False))
        return
    if not every:
        click.echo("no model is limited in it")
        return
    for number, line in enumerate(table([HEADS, *map(_row, every)], right=range(1, len(HEADS) - 1))):
        click.echo(line if number else click.style(line, bold=True))


@limits.command()
@click.argument("model")
@store_option
def remove(model: str, *, store: str) -> None:
    """Limit MODEL no longer."""
    try:
        Limits(store).remove(model)
    except ValueError as error:
        raise Mistake(str(error)) from error
    except KeyError:
        told = f"'{clean(model)}' is not limited in {shown_address(store)}"
        raise Mistake(f"{told}. hint: crewgraph limits list") from None


def _told(limit: Limit) -> str:
    parts = {
        "requests a minute": limit.requests_per_minute,
        "tokens a minute": limit.tokens_per_minute,
        "at once": limit.concurrency,
    }
    return ", ".join(f"{figure:,} {what}" for what, figure in parts.items() if figure is not None)


def _record(state: ModelLimit) -> dict[str, Any]:
    limit = state.limit or Limit()
    used = {name: getattr(state, name) for name in ("under_way", "waiting", "requests", "tokens", "delay", "closed")}
    return {"model": state.model, **limit.model_dump(), **used}


def _row(state: ModelLimit) -> tuple[str, ...]:
    limit = state.limit or Limit()
    figures = limit.requests_per_minute, limit.tokens_per_minute, limit.concurrency
    counted = "" if state.limit is None else f"{state.under_way:,}"
    return clean(state.model), *("" if figure is None else f"{figure:,}" for figure in figures), counted, _next(state)


def _next(state: ModelLimit) -> str:
    """What a call that comes now would have to wait for."""
    if state.closed > max(state.delay, 0.0):
        return f"closed by its provider for {duration(state.closed)}"
    most = None if state.limit is None else state.limit.concurrency
    if most is not None and (state.under_way >= most or state.waiting):
        return "waits for others to end"
    return f"in {duration(state.delay)}" if state.delay > 0 else "at once"

"""`tf-modernize explain` and `tf-modernize rules`: what is known of each diagnostic. The printing is in `show_rules`."""

from __future__ import annotations

import click


@click.command(short_help="Explain a diagnostic.")
@click.argument("name", metavar="CODE|SYMBOL")
def explain(name: str) -> None:
    """Says what a diagnostic means, why it matters and what to do, with a bad and a good example.

    CODE|SYMBOL is as the findings give them: TFM910 or unit-left.
    """
    from tf_modernize.codemods import diagnostics

    from .codes import unknown
    from .show_rules import page

    rule = diagnostics.find(name)
    if rule is None:
        raise click.UsageError(unknown(name))
    page(rule)


@click.command(short_help="List all diagnostics.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table, or everything that `explain` knows, as JSON.",
)
def rules(form: str) -> None:
    """Lists every diagnostic with its code, its symbol, and whether `upgrade` does something about it."""
    from .show_rules import as_json, table

    if form == "json":
        as_json()
    else:
        table()

"""The metrics of ``/metrics``, for a terminal and for whoever has no Flower."""

import difflib
from collections.abc import Sequence

import click

from ct_ac_sync.cli.output import container, print_json, reports_errors, with_json
from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.metrics import ALL, PREFIX, Measure, MetricsCollector, families, render


@click.command()
@click.option(
    "--only", metavar="PREFIX", help="only metrics whose names begin so; ct_ac_sync_ may be left out"
)
@with_json
@reports_errors
def metrics(*, only: str | None, as_json: bool) -> None:
    """What is measured, as Prometheus reads it."""
    chosen = choose(only)
    box = container()
    collector = MetricsCollector(box.tallies, lease=box.settings.lease)
    if not as_json:
        click.echo(render(collector, only=chosen), nl=False)
        return
    names = {each.shown for each in chosen}
    print_json(
        [
            {"metric": sample.name, "labels": sample.labels, "value": sample.value}
            for family in families(collector.read())
            for sample in family.samples
            if sample.name in names
        ]
    )


def choose(prefix: str | None) -> Sequence[Measure]:
    """
    Return the metrics whose names begin with *prefix*; all without one.

    Raises:
        ConfigurationError: There is none; the message names what is near.
    """
    if prefix is None:
        return ALL
    wanted = prefix.strip().removeprefix(PREFIX)
    chosen = [each for each in ALL if each.shown.removeprefix(PREFIX).startswith(wanted)]
    if wanted and chosen:
        return chosen
    names = [each.shown.removeprefix(PREFIX) for each in ALL]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "without --only all are shown"
    raise ConfigurationError(f"--only: no metric begins with {prefix!r}; {hint}", cause="unknown_metric")

"""The root of the command line.  Exit codes: 0 clean, 1 unsettled, 2 could not run."""

import logging

import click

from ct_ac_sync import __version__
from ct_ac_sync.cli import consent, deletions, demo, health, mapping, metrics, operate, run, webhooks
from ct_ac_sync.observability import configure_logs


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Keep ActiveCampaign in step with Commercetools."""
    # A command speaks for itself; what it does at every step, it keeps to itself.
    configure_logs(level=logging.WARNING)


for command in (
    demo.demo, run.up, run.sync, operate.status, operate.trace, run.check, operate.dead_letters,
    operate.parked, operate.resume, consent.consent, deletions.deletions, run.migrate_command, run.sandbox, webhooks.webhooks, health.health, metrics.metrics,
    mapping.preview, mapping.init, mapping.schema,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()

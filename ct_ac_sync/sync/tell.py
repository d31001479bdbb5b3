"""Tell: what was committed and waits for a human is logged, and told to whoever is to be called."""

from collections.abc import Sequence

import structlog

from ct_ac_sync.ports import Herald, Letter

log = structlog.get_logger()


def tell(herald: Herald, letters: Sequence[Letter]) -> None:
    """Tell of dead *letters*, each once and only after its commit: nothing of single attempts."""
    for letter in letters:
        log.error(
            "dead_letter",
            dead_letter=letter.dead_letter,
            operation=letter.operation,
            cause=letter.cause,
            lane=letter.lane,
            destination=letter.destination,
            recipient=letter.recipient,
            entry=letter.entry,
            attempt=letter.attempt,
            object=letter.object,
        )
        herald.tell_letter(letter)

"""Replay: dead letters become available again, each in the way its kind allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ct_ac_sync.ports import Stream
from ct_ac_sync.store.desk import Desk
from ct_ac_sync.sync.extract import Extract


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """
    What became of a replay.

    Attributes:
        replayed: How many entries are due again.
        reread: How many records that could not be read can be by now.
        not_open: The letters that were named and are not open (any more).
    """

    replayed: int
    reread: int
    not_open: tuple[int, ...] = ()


class Replay:
    """Makes what a human names due again; what could not be read is fetched anew."""

    def __init__(self, *, desk: Desk, extracts: Mapping[str, Extract]) -> None:
        self._desk = desk
        self._extracts = extracts

    def replay(self, letters: Sequence[int], *, actor: str, reason: str) -> Replayed:
        """
        Replay *letters*; twice does nothing twice.

        Raises:
            SyncError: A record could not be fetched; what was replayed by then stays replayed.
        """
        still = set(self._desk.still_open(letters))
        replayed = self._desk.replay(letters, actor=actor, reason=reason)
        reread = self._read_again(letters, actor=actor, reason=reason)
        not_open = tuple(letter for letter in dict.fromkeys(letters) if letter not in still)
        return Replayed(replayed=replayed, reread=reread, not_open=not_open)

    def _read_again(self, letters: Sequence[int], *, actor: str, reason: str) -> int:
        rows = self._desk.unreadable(letters)
        reread = 0
        for source, extract in self._extracts.items():
            for stream in Stream:
                ids = [row["object"] for row in rows if (row["source"], row["stream"]) == (source, stream)]
                reread += extract.read_again(stream, ids) if ids else 0
        if rows:
            signed = [row["dead_letter"] for row in rows]
            self._desk.sign_replay(signed, actor=actor, reason=reason)
        return reread

"""Letters that were committed in this process and that nobody was told of yet."""

from collections import deque
from collections.abc import Iterator

from ct_ac_sync.ports import Letter


def drain(letters: deque[Letter]) -> Iterator[Letter]:
    """Take the *letters* one by one, so that of several threads each is given to one."""
    while letters:
        try:
            yield letters.popleft()
        except IndexError:
            return

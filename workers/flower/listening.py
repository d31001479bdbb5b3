"""Where Flower listens, and why it may not: a login is due as soon as others can reach it."""

import ipaddress
import socket
from collections.abc import Sequence

#: Where Flower listens unless told otherwise; Flower's own default is every address there is.
LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """
    Whether *host*, a name or an address, is this machine talking to itself.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "[::1]", "192.0.2.7", "0.0.0.0", "")]
    [True, True, True, True, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listens_on_loopback(address: str) -> bool:
    """Whether a server bound to *address* is reached from this machine only; a name is looked up."""
    if is_loopback(address):
        return True
    try:
        found = socket.getaddrinfo(address or None, None, flags=socket.AI_PASSIVE)
    except OSError:
        return False
    return all(is_loopback(str(place[4][0])) for place in found)


def refusal(*, address: str, unix_socket: str, auth: str | None, basic_auth: Sequence[str]) -> str | None:
    """
    Return why Flower may not start; None where it may.

    >>> refusal(address="127.0.0.1", unix_socket="", auth="", basic_auth=[]) is None
    True
    >>> refusal(address="0.0.0.0", unix_socket="", auth="", basic_auth=["ann:secret"]) is None
    True
    """
    # One without a name or a password lets nobody in, or everybody; and its text is a secret.
    if any(not all(each.partition(":")[::2]) for each in basic_auth):
        return "--basic-auth (FLOWER_BASIC_AUTH): expected name:password, or several with commas between"
    if auth or basic_auth or unix_socket or listens_on_loopback(address):
        return None
    where = f"on {address}" if address else "on every address of this machine"
    return (
        f"Flower does not listen {where} without a login: whoever reaches it could read and decide."
        " Give it --basic-auth=name:password (FLOWER_BASIC_AUTH) or --auth with a provider,"
        f" or let it listen on {LOOPBACK}."
    )

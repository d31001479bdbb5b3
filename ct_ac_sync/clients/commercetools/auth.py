"""
The token flow, without any I/O: it yields requests for tokens and receives answers.

Client credentials give no refresh token (vendor documentation, Authorization), so a
new one is asked for shortly before the old one ends, and once after a 401.
"""

from dataclasses import dataclass

#: A token is renewed this long before it ends, or a twentieth of its life, if longer.
MARGIN_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token and until when, on the monotonic clock, it is used."""

    value: str
    until: float
    scope: str


def is_fresh(token: Token | None, *, now: float) -> bool:
    """Whether a token may still be used."""
    return token is not None and now < token.until


def token_from(answer: dict[str, object], *, now: float) -> Token:
    """
    Return the token of an answer.

    Raises:
        KeyError, ValueError: The answer is none.
    """
    seconds = float(str(answer.get("expires_in") or 0))
    margin = min(max(MARGIN_SECONDS, seconds / 20), seconds / 2)
    return Token(
        value=str(answer["access_token"]), until=now + seconds - margin, scope=str(answer.get("scope", ""))
    )

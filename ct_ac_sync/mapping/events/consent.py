"""Events of consent: somebody agrees to be written to, or says no."""

from ct_ac_sync.domain.consent import Says
from ct_ac_sync.domain.event import Event, EventKind
from ct_ac_sync.mapping.consent import News

KINDS = {Says.YES: EventKind.NEWSLETTER_OPTED_IN, Says.NO: EventKind.NEWSLETTER_OPTED_OUT}


def event_of_consent(news: News, *, stream: str, id_: str, version: int) -> Event | None:
    """
    Return what it is that a record says something anew; None where nobody agreed or took it back.

    A no of somebody who never said yes takes nothing back; what is of the past, or was said by
    nobody, happened to nobody.
    """
    said = news.evidence
    kind = KINDS.get(said.says)
    is_taken_back = news.before in (Says.YES, Says.PENDING)
    is_turn = news.before is not said.says and (said.says is Says.YES or is_taken_back)
    if kind is None or not is_turn or said.is_past or not said.is_explicit or said.at is None:
        return None
    return Event(
        kind=kind, key=f"{id_}/{news.channel}/{version}", happened_at=said.at, stream=stream, id=id_,
        details=(("channel", news.channel),),
    )  # fmt: skip

"""The judge of consent: who is missing from a list, who is on it unasked, and who was brought back."""

from typing import Any

from ct_ac_sync.sandbox.consent_judge import ConsentVerdict, judge_consent

Json = dict[str, Any]
ANN, BOB = "ann@example.com", "bob@example.com"


def person(email: str, *, says: bool | None, id_: str = "") -> Json:
    """Return a customer who says something, or nothing."""
    fields = {} if says is None else {"newsletter": says}
    return {"id": id_ or email, "email": email.upper(), "custom": {"fields": fields}}


def contact(email: str, *statuses: str) -> Json:
    """Return a contact with the statuses of its memberships."""
    return {"email": email, "lists": dict(enumerate(statuses))}


def move(before: str | None, after: str) -> Json:
    """Return a move between statuses."""
    return {"kind": "list_status", "before": before, "after": after}


def judged(
    *contacts: Json, people: tuple[Json, ...] = (), moves: tuple[Json, ...] = (), **more: Any
) -> ConsentVerdict:
    """Judge people who all came while it was looked."""
    return judge_consent(people, {each["id"] for each in people}, contacts, moves, **more)


class TestVerdict:
    def test_who_agreed_is_on_a_list(self):
        """A yes whose contact is on a list, and a no whose contact is on none, are as they shall be."""
        found = judged(
            contact(ANN, "1"), contact(BOB, "2"), people=(person(ANN, says=True), person(BOB, says=False))
        )

        assert (found.agreed, found.is_clean) == ((ANN,), True)

    def test_who_is_missing(self):
        """A yes whose contact is on no list is missing, unless they left there; without a contact it waits."""
        people = (person(ANN, says=True), person("no-contact@example.com", says=True))

        assert judged(contact(ANN, "2"), people=people).missing == (ANN,)
        assert judged(contact(ANN, "2"), people=people, left={ANN}).is_clean

    def test_who_is_there_unasked(self):
        """A customer who is on a list and said no, or nothing, did not agree; of who is none nothing is known."""
        people = (person(ANN, says=False), person(BOB, says=None))
        found = judged(contact(ANN, "1"), contact(BOB, "1"), contact("who@example.com", "1"), people=people)

        assert found.unasked == (ANN, BOB)

    def test_who_was_there_before_said_it_in_the_past(self):
        """Of who was there before, a yes is none, and so they may not be on a list."""
        found = judge_consent([person(ANN, says=True)], set(), [contact(ANN, "1")], [])

        assert (found.agreed, found.unasked) == ((), (ANN,))

    def test_who_shares_an_address(self):
        """Of an address that two have nobody can tell who is meant."""
        people = (person(ANN, says=False, id_="1"), person(ANN, says=True, id_="2"))

        assert judged(contact(ANN, "1"), people=people).is_clean

    def test_who_was_brought_back(self):
        """Each move onto a list from anywhere but nowhere is a revival."""
        moves = (move(None, "1"), move("1", "2"), move("2", "1"), move("3", "1"), move("1", "1"))

        assert judged(moves=moves).revived == (moves[2], moves[3])

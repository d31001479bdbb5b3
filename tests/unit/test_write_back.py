"""What a leaving makes of a customer: the decision, what is written, and what comes back of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.configuration.values import ConsentConfig, WriteBackConfig
from ct_ac_sync.domain.consent import Evidence, Membership, Says, Standing
from ct_ac_sync.domain.write_back import Treatment, decide_write_back, leaving_of
from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.mapping.consent import Version
from ct_ac_sync.mapping.write_back import WrittenBack, actions_of, is_echo, plan_write_back

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENVIRON = {
    "CTP_PROJECT_KEY": "shop", "CTP_API_URL": "https://api.example", "CTP_AUTH_URL": "https://auth.example",
    "AC_API_URL": "https://one.example",
}  # fmt: skip
PLACE = """
[[consent.email.read]]
value = "customer.custom.fields.newsletter"
time = "customer.custom.fields.newsletterAt"
"""
BACK = '\n[consent.email.write_back]\nvalue = "customer.custom.fields.newsletter"\n'
CHANNELS = """
[[consent.email.read]]
value = "customer.custom.fields.channels"
yes = "email"
no = "*"

[consent.email.write_back]
value = "customer.custom.fields.channels"
without = "email"
"""
MOMENT = """
[[consent.email.read]]
value = "customer.custom.fields.agreedAt"
time = "customer.custom.fields.agreedAt"
yes = "*"
no = "never"

[consent.email.write_back]
value = "customer.custom.fields.agreedAt"
clears = true
"""


def config_of(text: str) -> ConsentConfig:
    """Return the only channel of a file."""
    return read_configuration(text, where="sync.toml", environ=ENVIRON).consent[0]


def back_of(text: str) -> WriteBackConfig:
    """Return what is written back for the only channel of a file."""
    back = config_of(text).write_back
    assert back is not None
    return back


def faults_of(text: str) -> list[str]:
    """Return the faults of a file, a line each."""
    with pytest.raises(ConfigurationError) as caught:
        config_of(text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def at(**span: float) -> datetime:
    """Return a moment that is so far from noon."""
    return NOON + timedelta(**span)


def left(standing: Standing = Standing.UNSUBSCRIBED, **known: Any) -> Membership:
    """Return a membership that somebody left at noon."""
    return Membership(standing=standing, **{"left_at": NOON, "joined_at": at(days=-9)} | known)


class TestConfiguration:
    def test_it_is_off_unless_it_is_there(self):
        """Without the table nothing is written back."""
        assert config_of(PLACE).write_back is None

    def test_the_shortest_table_makes_a_field_false(self):
        """A field alone becomes false, and nothing else is written."""
        assert back_of(PLACE + BACK) == WriteBackConfig(field="newsletter")

    def test_all_of_it(self):
        """A word, a moment, where it comes from, and a type for who has none."""
        text = (
            PLACE + BACK + 'no = "opt-out"\ntime = "customer.custom.fields.newsletterAt"\n'
            'source = "customer.custom.fields.via"\nsays = "ac"\ntype = "consents"\nbounces = false\n'
        )

        assert back_of(text) == WriteBackConfig(
            field="newsletter", no="opt-out", time="newsletterAt", source="via", says="ac", type="consents",
            bounces=False,
        )  # fmt: skip

    def test_a_set_and_a_moment(self):
        """A word is taken out of a set, and a moment is taken away; neither becomes false."""
        assert back_of(CHANNELS) == WriteBackConfig(field="channels", no=None, without="email")
        assert back_of(MOMENT) == WriteBackConfig(field="agreedAt", no=None, clears=True)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (PLACE + BACK.replace("newsletter", "news"), "expected a field that a [[consent.….read]] reads"),
            (PLACE + BACK.replace("customer.custom", "order.custom"), "expected the path of a custom field of customers"),
            (PLACE + BACK.replace("custom.fields.newsletter", "firstName"), "expected the path of a custom field"),
            (PLACE + BACK + "no = true\n", "expected a word after which that place says no, not true"),
            (PLACE + BACK + 'no = "gone"\n', "expected a word after which that place says no, not 'gone'"),
            (PLACE + BACK + 'no = false\nwithout = "email"\n', "expected one of no, without, clears"),
            (CHANNELS.replace('without = "email"', 'without = "sms"'), "expected a word after which that place says no"),
            (PLACE + BACK + 'time = "customer.custom.fields.newsletter"\n', "expected another field than that of value"),
            (PLACE + BACK + "bounce = false\n", "is no key of this table: did you mean 'bounces'?"),
            (PLACE + "\n[consent.email.write_back]\nno = false\n", "is missing"),
        ],
    )  # fmt: skip
    def test_a_fault_is_told_at_its_key(self, text: str, says: str):
        """What cannot be meant is refused where it stands."""
        faults = faults_of(text)

        assert len(faults) == 1
        assert "email.write_back" in faults[0]
        assert says in faults[0]

    def test_faults_are_told_with_all_others(self):
        """A fault here hides none elsewhere."""
        faults = faults_of(PLACE + BACK + "no = true\n" + '\n[consent.sms]\nowner = "me"\n')

        assert len([each for each in faults if "write_back" in each]) == 1
        assert len(faults) > 1


class TestLeaving:
    def test_who_is_on_another_list_has_not_left(self):
        """Of several lists the last leaving counts, once somebody is on none of them any more."""
        other = left(left_at=at(hours=1))

        assert leaving_of([left(), other], bounces=True) == other
        assert leaving_of([left(), Membership(standing=Standing.ACTIVE)], bounces=True) is None
        assert leaving_of([left(), Membership(standing=Standing.UNCONFIRMED)], bounces=True) is None

    def test_what_the_shop_said_is_no_news_to_it(self):
        """Who was taken off for a no of the shop has left nothing by themselves."""
        assert leaving_of([left(ended_for=NOON)], bounces=True) is None
        assert leaving_of([Membership()], bounces=True) is None

    @pytest.mark.parametrize("bounces", [True, False])
    def test_a_bounce_counts_where_the_file_says_so(self, bounces: bool):  # noqa: FBT001
        """An address that bounced has left, or has not."""
        assert (leaving_of([left(Standing.BOUNCED)], bounces=bounces) is not None) is bounces


class TestDecision:
    @pytest.mark.parametrize(
        ("says", "said", "treatment"),
        [
            (Says.NO, None, Treatment.UNCHANGED),
            (Says.NOTHING, None, Treatment.WRITE),
            (Says.YES, {"since": at(days=-2), "at": at(days=-2)}, Treatment.WRITE),
            (Says.PENDING, {"since": at(days=-2), "at": at(days=-2)}, Treatment.WRITE),
            (Says.YES, {"since": at(minutes=1), "at": at(minutes=2)}, Treatment.LEAVE),
            (Says.PENDING, {"since": at(minutes=1), "at": at(minutes=2)}, Treatment.LEAVE),
            (Says.YES, {"since": at(minutes=-1), "at": at(minutes=1)}, Treatment.LEAVE),
            (Says.YES, {"since": at(seconds=1), "at": at(seconds=1)}, Treatment.LEAVE),
            (Says.YES, {"since": at(seconds=-1), "at": at(seconds=-1)}, Treatment.LEAVE),
            (Says.YES, {"is_explicit": False}, Treatment.WRITE),
            (Says.YES, {}, Treatment.LEAVE),
            (Says.YES, None, Treatment.LEAVE),
        ],
    )
    def test_a_newer_yes_is_never_overwritten(
        self, says: Says, said: dict[str, Any] | None, treatment: Treatment
    ):
        """An older yes becomes a no; a newer one, and one of which it cannot be told, stays."""
        evidence = None if said is None else Evidence(says=says, **said)

        decision = decide_write_back(left(), says=says, said=evidence, made_at=at(days=-9), is_there=says is not Says.NOTHING)  # fmt: skip

        assert decision.treatment is treatment
        assert decision.reason

    def test_a_leaving_without_a_moment_overwrites_no_yes(self):
        """Where nobody knows when they left, only what says nothing becomes a no."""
        gone = left(left_at=None)
        yes = Evidence(says=Says.YES, since=at(days=-2), at=at(days=-2))

        told = decide_write_back(gone, says=Says.YES, said=yes, made_at=NOON, is_there=True)
        assert told.treatment is Treatment.LEAVE
        told = decide_write_back(gone, says=Says.NOTHING, said=None, made_at=NOON, is_there=False)
        assert told.treatment is Treatment.WRITE

    def test_who_came_later_and_says_nothing_stays_so(self):
        """A customer made after the leaving is not told of it."""
        told = decide_write_back(left(), says=Says.NOTHING, said=None, made_at=at(days=1), is_there=False)

        assert told.treatment is Treatment.LEAVE

    def test_a_word_that_nobody_explained_stays(self):
        """What the file has no word for is not overwritten."""
        told = decide_write_back(left(), says=Says.NOTHING, said=None, made_at=at(days=-9), is_there=True)

        assert told.treatment is Treatment.LEAVE


def body(fields: dict[str, Any] | None, *, by: str = "") -> dict[str, Any]:
    """Return a customer with custom fields; with None, without a type of them."""
    custom = {} if fields is None else {"custom": {"type": {"typeId": "type", "id": "t"}, "fields": fields}}
    return {"id": "c1"} | custom | ({"lastModifiedBy": {"clientId": by}} if by else {})


def version(fields: dict[str, Any] | None, number: int = 1, *, by: str = "", **known: Any) -> Version:
    """Return a version of a customer that was changed last two days before noon."""
    times = {"created_at": at(days=-9), "last_modified_at": at(days=-2)}
    return Version(body=body(fields, by=by), number=number, **times | known)


def plan(text: str, seen: Version, *, stored: Version | None = None, **more: Any) -> Any:
    """Return what follows of a leaving at noon."""
    config = config_of(text)
    given = {"said": None, "before": None, "client": "ours", "now": at(hours=1)} | more
    return plan_write_back(config, left(), seen=seen, stored=stored or seen, **given)


class TestFields:
    def test_a_field_becomes_false_with_its_moment_and_source(self):
        """What is written says no, when they left, and where."""
        text = (
            PLACE
            + BACK
            + 'time = "customer.custom.fields.newsletterAt"\nsource = "customer.custom.fields.via"\n'
        )
        told = plan(text, version({"newsletter": True}))

        assert told.decision.treatment is Treatment.WRITE
        assert told.fields == {
            "newsletter": False, "newsletterAt": "2026-03-01T12:00:00.000Z", "via": "activecampaign",
        }  # fmt: skip

    def test_a_word_goes_out_of_a_set(self):
        """Other words of the set stay; without its word there is nothing to do."""
        assert plan(CHANNELS, version({"channels": ["sms", "Email"]})).fields == {"channels": ["sms"]}
        assert plan(CHANNELS, version({"channels": ["email"]})).fields == {"channels": []}
        for without in ({"channels": ["sms"]}, {}, {"channels": []}):
            assert plan(CHANNELS, version(without)).decision.treatment is Treatment.UNCHANGED

    def test_a_moment_is_taken_away(self):
        """Where its being there means yes, it goes; where it is not there, nothing does."""
        told = plan(MOMENT, version({"agreedAt": "2026-02-01T10:00:00.000Z"}))

        assert (told.decision.treatment, told.fields) == (Treatment.WRITE, {"agreedAt": None})
        assert plan(MOMENT, version({})).decision.treatment is Treatment.UNCHANGED

    def test_another_word_of_no_is_one(self):
        """A customer that says no by another word is left as it is."""
        told = plan(PLACE + BACK + 'no = "opt-out"\n', version({"newsletter": "unsubscribed"}))

        assert told.decision.treatment is Treatment.UNCHANGED

    def test_what_was_said_since_it_was_stored_counts(self):
        """A yes of a version that nobody read yet, and that states its time, is not overwritten."""
        stored = version({"newsletter": True, "newsletterAt": "2026-02-20T10:00:00Z"})
        seen = version(
            {"newsletter": True, "newsletterAt": "2026-03-01T12:30:00Z"}, 2, last_modified_at=at(minutes=31)
        )

        assert plan(PLACE + BACK, stored).decision.treatment is Treatment.WRITE
        assert plan(PLACE + BACK, seen, stored=stored).decision.treatment is Treatment.LEAVE

    def test_what_the_book_has_counts_while_nothing_is_new(self):
        """A version that changes something else leaves the yes where the book has it."""
        seen = version({"newsletter": True}, 2, last_modified_at=at(minutes=31))
        said = Evidence(says=Says.YES, since=at(days=-3), at=at(days=-3))

        told = plan(PLACE + BACK, seen, stored=version({"newsletter": True}), said=said)
        assert told.decision.treatment is Treatment.WRITE
        assert plan(PLACE + BACK, seen).decision.treatment is Treatment.LEAVE


class TestActions:
    def test_only_what_differs_is_set(self):
        """Each field that differs is an action, and one without a value takes its field away."""
        fields = {"newsletter": False, "at": None, "via": "activecampaign"}
        held = body({"newsletter": True, "at": "x", "via": "activecampaign"})

        assert actions_of(held, fields, type_=None) == [
            {"action": "setCustomField", "name": "newsletter", "value": False},
            {"action": "setCustomField", "name": "at"},
        ]

    def test_who_has_no_type_gets_the_one_that_is_named(self):
        """A type comes with all fields that have a value; without a name there is none."""
        fields = {"newsletter": False, "at": None}

        assert actions_of(body(None), fields, type_="consents") == [
            {
                "action": "setCustomType", "type": {"typeId": "type", "key": "consents"},
                "fields": {"newsletter": False},
            }
        ]  # fmt: skip
        assert actions_of(body(None), fields, type_=None) is None


class TestEcho:
    ours = WrittenBack(channel="email", name="newsletter", fields={"newsletter": False}, version=5)
    lost = WrittenBack(channel="email", name="newsletter", fields={"newsletter": False})

    def test_what_we_wrote_is_an_echo_whoever_wrote_after_us(self):
        """Our version, and a later one in which the value is still ours, say nothing new."""
        yes = version({"newsletter": True}, 4)

        assert is_echo(self.ours, yes, version({"newsletter": False}, 5, by="ours"), client="ours")
        assert is_echo(self.ours, yes, version({"newsletter": False}, 6, by="theirs"), client="ours")

    def test_another_value_is_none(self):
        """A yes over our no is news, even where our client wrote it."""
        no = version({"newsletter": False}, 5, by="ours")

        assert not is_echo(self.ours, no, version({"newsletter": True}, 6), client="ours")
        assert not is_echo(self.ours, no, version({"newsletter": True}, 6, by="ours"), client="ours")

    def test_a_no_after_our_no_was_seen_is_news(self):
        """What becomes ours again, after we were seen, was said by somebody."""
        no = version({"newsletter": False}, 7, by="ours")

        assert not is_echo(self.ours, version({"newsletter": True}, 6), no, client="ours")

    def test_a_lost_reply_is_told_by_who_wrote_it(self):
        """While the version is not known, our client must have written last."""
        yes = version({"newsletter": True}, 4)

        assert is_echo(self.lost, yes, version({"newsletter": False}, 5, by="ours"), client="ours")
        assert not is_echo(self.lost, yes, version({"newsletter": False}, 5, by="theirs"), client="ours")
        assert not is_echo(self.lost, yes, version({"newsletter": False}, 5), client="ours")

    def test_a_set_has_no_order(self):
        """The same words in another order are what we wrote."""
        ours = WrittenBack(channel="email", name="channels", fields={"channels": ["a", "b"]}, version=5)

        assert is_echo(ours, None, version({"channels": ["b", "a"]}, 5), client="ours")

    def test_what_a_lost_call_did_is_found(self):
        """A customer as an unproven call would have made it is ours where our client wrote it."""
        told = plan(PLACE + BACK, version({"newsletter": False}, 5, by="ours"), before=self.lost)
        assert (told.decision.treatment, told.is_ours) == (Treatment.UNCHANGED, True)

        told = plan(PLACE + BACK, version({"newsletter": False}, 5, by="theirs"), before=self.lost)
        assert (told.decision.treatment, told.is_ours) == (Treatment.UNCHANGED, False)

"""Reading consent: what records say, since when, whether that is news, and the part of the file that asks for it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.configuration.expression import Expression, parse_path
from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.configuration.values import KEY_LENGTH, ConsentConfig, ConsentPlace
from ct_ac_sync.domain.consent import Evidence, Membership, Owner, Policy, Says, Standing, decide
from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.mapping.consent import (
    AHEAD,
    MOST_DETAIL,
    Named,
    Statement,
    Version,
    named_in,
    news_of,
    read_statement,
)

Body = dict[str, Any]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: When each version is noticed: long after anything in it.
NOTICED = NOON + timedelta(days=30)
ENVIRON = {
    "CTP_PROJECT_KEY": "acme",
    "CTP_API_URL": "https://api.example",
    "CTP_AUTH_URL": "https://auth.example",
    "AC_API_URL": "https://acme.api-us1.example",
}
NEWSLETTER = '[[consent.email.read]]\nvalue = "customer.custom.fields.newsletter"\n'
OBJECTS = '[[consent.email.read]]\nvalue = "custom_object.value.newsletter"\ncontainer = "consents"\n'
DATED = NEWSLETTER + 'time = "customer.custom.fields.newsletterAt"\n'


def configured(text: str) -> tuple[ConsentConfig, ...]:
    """Return what a file says of consent."""
    return read_configuration(text, where="sync.toml", environ=ENVIRON).consent


def faults_of(text: str) -> list[str]:
    """Return the faults of a file."""
    try:
        configured(text)
    except ConfigurationError as error:
        return str(error).split("\n  ")[1:]
    return []


def email(read: str = NEWSLETTER, head: str = "") -> ConsentConfig:
    """Return the consent of the one channel that is read so."""
    (config,) = configured(f"[consent.email]\n{head}\n{read}")
    return config


def place(more: str = "", read: str = NEWSLETTER) -> ConsentPlace:
    """Return the one place that is read so."""
    (only,) = email(read + more).places
    return only


def at(minutes: float) -> datetime:
    """Return a moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def body(*, type_: str = "t1", **fields: Any) -> Body:
    """Return a record with custom fields."""
    return {"custom": {"type": {"typeId": "type", "id": type_}, "fields": fields}}


def version(number: int, minutes: float, body_: Mapping[str, Any]) -> Version:
    """Return a version of a record that was made at noon, modified so many minutes after that."""
    return Version(body=body_, number=number, created_at=NOON, last_modified_at=at(minutes))


def statement(value: object, more: str = "", **fields: Any) -> Statement:
    """Return what a customer says whose newsletter is *value*."""
    return read_statement(place(more), body(newsletter=value, **fields), noticed_at=NOTICED)


def dated(time: object, *, noticed_at: datetime = NOTICED) -> Statement:
    """Return what a customer says with a time."""
    return read_statement(place(read=DATED), body(newsletter=True, newsletterAt=time), noticed_at=noticed_at)


def news(
    before: Version | None,
    after: Version,
    *,
    config: ConsentConfig | None = None,
    looked: float | None = None,
    noticed: datetime = NOTICED,
    is_past: bool = False,
) -> list[Evidence]:
    """Return what a version of a customer says anew."""
    found = news_of(
        [config or email()], "customers", before, after, looked_at=None if looked is None else at(looked),
        noticed_at=noticed, is_past=is_past,
    )  # fmt: skip
    return [each.evidence for each in found]


def words(found: list[Evidence]) -> list[str]:
    """Return what was said."""
    return [each.says.value for each in found]


class TestObjects:
    def test_only_those_of_its_container_are_heard(self):
        """What a custom object says is heard of the place that names its container, scalar values too."""
        places = OBJECTS + OBJECTS.replace("consents", "flags").replace(".newsletter", "")
        config = email(places)

        def said(container: str, value: object) -> list[Says]:
            shown = version(1, 1, {"container": container, "key": "1", "value": value})
            found = news_of(
                [config], "custom_objects", None, shown, looked_at=None, noticed_at=NOTICED, is_past=False
            )
            return [each.evidence.says for each in found]

        assert said("consents", {"newsletter": True}) == [Says.YES]
        assert said("consents", True) == []
        assert said("flags", False) == [Says.NO]
        assert said("flags", {"newsletter": True}) == []
        assert said("others", {"newsletter": True}) == []

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("ann@example.com", Named(address="ann@example.com")),
            (" Ann@Example.COM ", Named(address="ann@example.com")),
            ("8f1c", Named(customer_id="8f1c")), (7, Named(customer_id="7")), ("ann @x", Named(customer_id="ann @x")),
            (None, Named()), ("", Named()), ({}, Named()), ("x" * 400, Named()), (["a", "b"], Named(customer_id="a")),
        ],
    )  # fmt: skip
    def test_whom_it_names(self, text: object, named: Named):
        """A custom object names an address or the id of a customer, and nobody where it has neither."""
        whose = Expression(paths=(parse_path("custom_object.value.who"),))

        assert named_in({"key": "k", "value": {"who": text}}, whose) == named


# -- one place ------------------------------------------------------------------------------


class TestWords:
    @pytest.mark.parametrize(
        ("value", "says"),
        [
            (True, "yes"), ("true", "yes"), ("TRUE", "yes"), (" Yes ", "yes"), (1, "yes"), (" 1", "yes"),
            ("subscribed", "yes"), ("opt-in", "yes"), ({"key": "yes", "label": "yes"}, "yes"),
            (False, "no"), ("false", "no"), ("No", "no"), (0, "no"), ("0 ", "no"), ("unsubscribed", "no"),
            ("pending", "pending"), ("Unconfirmed", "pending"),
            (None, "nothing"), ("", "nothing"), ("  ", "nothing"), ([], "nothing"), ({}, "nothing"),
            ("maybe", "nothing"), (2, "nothing"), ("2026-01-01", "nothing"), ("ja", "nothing"),
            (float("nan"), "nothing"), ([True, None], "yes"),
        ],
    )  # fmt: skip
    def test_what_a_flag_means(self, value: object, says: str):
        """Flags are read as texts, numbers and enumerations, in no case, and what nobody explained is nothing."""
        assert statement(value).says.value == says

    def test_what_is_not_there_says_nothing(self):
        """A record without the field, its fields or anything at all says nothing, and nothing of when."""
        for each in ({}, {"custom": None}, {"custom": {}}, {"custom": {"fields": {}}}, {"custom": "x"}):
            assert read_statement(place(), each, noticed_at=NOTICED) == Statement(says=Says.NOTHING)

    @given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
    def test_any_value_is_read(self, value: object):
        """Whatever a field holds, something is read of it, and nothing raises."""
        assert statement(value, newsletterAt=value).says in Says

    def test_a_set_of_channels_has_the_one_or_not(self):
        """Of a set of keys the channel's own is a yes, and any other set a no, where that is said so."""
        more = 'yes = "email"\nno = "*"\n'

        assert statement(["sms", "email"], more).says is Says.YES
        assert statement(["sms"], more).says is Says.NO
        assert statement(None, more).says is Says.NOTHING

    def test_a_time_that_means_yes(self):
        """A field that is filled with a moment means yes where any value does, and says when."""
        at_ = place(
            'yes = "*"\ntime = "customer.custom.fields.optInAt"\n',
            read='[[consent.email.read]]\nvalue = "customer.custom.fields.optInAt"\n',
        )

        said = read_statement(at_, body(optInAt="2026-02-01T10:00:00.000Z"), noticed_at=NOTICED)

        assert said.says is Says.YES
        assert said.since == said.at == datetime(2026, 2, 1, 10, tzinfo=UTC)
        assert read_statement(at_, body(optInAt=None), noticed_at=NOTICED).says is Says.NOTHING

    def test_a_named_word_goes_before_any(self):
        """Any value stands for those alone that no other list has."""
        assert statement("no", 'yes = "*"\n').says is Says.NO
        assert statement("pending", 'yes = "*"\n').says is Says.PENDING
        assert statement("whatever", 'yes = "*"\n').says is Says.YES

    def test_a_function_that_fails_says_nothing(self):
        """Somebody else's code that raises, or is not there, is no word of anybody."""
        lost = place(read='[[consent.email.read]]\nvalue = { function = "ct_ac_sync:no_such_thing" }\n')

        assert read_statement(lost, body(newsletter=True), noticed_at=NOTICED).says is Says.NOTHING

    def test_what_else_the_shop_keeps(self):
        """Texts and pages are kept with a statement, so much of each, and nothing of what is empty."""
        more = 'details = { url = "customer.custom.fields.url", text = "customer.custom.fields.text", by = "customer.key" }\n'

        said = statement(True, more, url="https://acme.example/join", text="x" * 9_999)

        assert said.details == {"url": "https://acme.example/join", "text": "x" * MOST_DETAIL}

    def test_an_empty_set_has_no_channel(self):
        """Who takes the last channel out of the set has said no, as who takes any other out of it."""
        assert statement([], 'yes = "email"\nno = "*"\n').says is Says.NO
        assert statement([], 'yes = "email"\nno = "sms"\n').says is Says.NOTHING

    def test_an_empty_set_agrees_to_nothing(self):
        """Where any value means yes, a set without any is none."""
        assert statement([], 'yes = "*"\n').says is Says.NOTHING
        assert statement(["x"], 'yes = "*"\n').says is Says.YES

    @pytest.mark.parametrize(
        "values", [[True, False], [False, True], ["yes", "no"], ["no", "pending", "yes"]]
    )
    def test_of_a_set_the_strictest_word_counts(self, values: list[object]):
        """A set that has a no besides a yes, in whichever order, says no."""
        assert statement(values).says is Says.NO

    def test_a_wait_in_a_set_goes_before_a_yes(self):
        """A set that has a wait besides a yes is to be confirmed."""
        assert statement(["yes", "pending"]).says is Says.PENDING


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-02-01T10:00:00.000Z", datetime(2026, 2, 1, 10, tzinfo=UTC)),
            ("2026-02-01T10:00:00+02:00", datetime(2026, 2, 1, 8, tzinfo=UTC)),
            (" 2026-02-01 10:00:00+00:00 ", datetime(2026, 2, 1, 10, tzinfo=UTC)),
            ("20260201T100000Z", datetime(2026, 2, 1, 10, tzinfo=UTC)),
            ("2026-02-01T10:00:00-0930", datetime(2026, 2, 1, 19, 30, tzinfo=UTC)),
            ("2026-02-01T10:00:00+14", datetime(2026, 1, 31, 20, tzinfo=UTC)),
        ],
    )
    def test_a_moment_is_one(self, text: str, moment: datetime):
        """A moment is taken by its zone."""
        said = dated(text)

        assert said.since == said.at == moment

    @pytest.mark.parametrize(
        ("text", "minutes"),
        [
            (" 2026-02-01 10:00:00 ", 0), ("2026-02-01T10:00:00.000", 0), ("20260201T100000", 0),
            ("2026-02-01T10:00", 1), ("2026-02-01 10:00", 1), ("20260201T1000", 1),
        ],
    )  # fmt: skip
    def test_a_moment_without_a_zone_is_any_of_them(self, text: str, minutes: int):
        """A time of day is as late as where clocks are first, and as early as where they are last."""
        said = dated(text)

        assert said.since == datetime(2026, 1, 31, 20, tzinfo=UTC)
        assert said.at == datetime(2026, 2, 1, 22, minutes, tzinfo=UTC)

    def test_without_a_zone_it_was_not_later_than_its_version(self):
        """When it was read bounds nothing, lest it be another time whenever it is read; its version does."""
        text = "2026-03-01T11:00:00"
        said = dated(text, noticed_at=at(5))
        after = version(1, 4, body(newsletter=True, newsletterAt=text))
        (found,) = news(None, after, config=email(DATED), noticed=at(5))

        assert (said.since, said.at) == (datetime(2026, 2, 28, 21, tzinfo=UTC), at(11 * 60))
        assert said == dated(text, noticed_at=NOTICED)
        assert (found.since, found.at) == (datetime(2026, 2, 28, 21, tzinfo=UTC), at(4))

    @pytest.mark.parametrize(
        ("text", "since"),
        [
            ("2026-03-01T21:00:00", -300), ("2026-03-02", -120), ("2026-03-01T12:10:00", -830),
            ("2026-03-02T02:05:00", 5),
        ],
    )  # fmt: skip
    def test_the_clock_of_the_east_is_not_ahead(self, text: str, since: int):
        """Where it is evening, or tomorrow, while it is noon in UTC, what is said now is no slip."""
        said = dated(text, noticed_at=at(0))
        after = version(1, 0, body(newsletter=True, newsletterAt=text))
        (found,) = news(None, after, config=email(DATED), noticed=at(0))

        assert said.since == at(since)
        assert (found.since, found.at, found.is_stated) == (at(min(since, 0)), at(0), True)

    def test_no_clock_is_that_far_ahead(self):
        """What is ahead even where clocks are first is a slip, and states nothing."""
        for text in ("2026-03-02T02:05:01", "2026-03-03", "2026-03-02T02:06"):
            assert dated(text, noticed_at=at(0)).at is None
            after = version(1, 0, body(newsletter=True, newsletterAt=text))
            (found,) = news(None, after, config=email(DATED), noticed=at(0))
            assert (found.since, found.at, found.is_stated) == (at(0), at(0), False)

    @pytest.mark.parametrize(
        "text",
        [
            "9999-12-31", "9999-12-31T23:59:59", "9999-12-31T23:59Z", "9999-12-31 23:59", "0001-01-01",
            "0001-01-01T00:00:00",
        ],
    )  # fmt: skip
    def test_the_ends_of_the_calendar_are_no_times(self, text: str):
        """A day that stands for never, or for always, bounds nothing, and is kept as it was written."""
        said = dated(text)

        assert (said.says, said.since, said.at) == (Says.YES, None, None)
        assert said.details == {"time": text}

    def test_a_minute_is_all_of_it(self):
        """A text that names no second bounds what was said by the minute that it begins."""
        for text in (
            "2026-02-01T10:00Z",
            "20260201T1000Z",
            "2026-02-01 12:00+02:00",
            "2026-02-01T10:00+0000",
        ):
            said = dated(text)

            assert said.since == datetime(2026, 2, 1, 10, tzinfo=UTC)
            assert said.at == datetime(2026, 2, 1, 10, 1, tzinfo=UTC)

    def test_a_day_is_all_of_it(self):
        """A day alone bounds what was said by its midnights anywhere, and never by what is after its version."""
        said = dated("2026-02-01")
        after = version(1, 5, body(newsletter=True, newsletterAt="2026-03-01"))
        (today,) = news(None, after, config=email(DATED), noticed=at(5))

        assert said.since == datetime(2026, 1, 31, 10, tzinfo=UTC)
        assert said.at == datetime(2026, 2, 2, 12, tzinfo=UTC)
        assert (today.since, today.at) == (datetime(2026, 2, 28, 10, tzinfo=UTC), at(5))

    @pytest.mark.parametrize("text", ["soon", "1772366400", "01.02.2026", "0000-00-00", "2026-13-01", "-"])
    def test_what_is_no_time_is_kept_for_people(self, text: str):
        """A text that is no time bounds nothing, and is kept as it was written."""
        said = dated(text)

        assert (said.since, said.at) == (None, None)
        assert said.details == {"time": text}

    def test_what_is_ahead_of_its_time_is_no_time(self):
        """A moment that had not come when it was read is a slip, but for clocks that differ a little."""
        near, far = NOTICED + AHEAD, NOTICED + AHEAD + timedelta(seconds=1)

        assert dated(near.isoformat()).at == near
        assert dated(far.isoformat()).at is None
        assert dated("9999-12-31T23:59:59Z").at is None
        assert dated("0001-01-01T00:00:00+14:00").at is None

    def test_without_a_time_none_is_stated(self):
        """A flag alone, with an empty time or none asked for, says nothing of when."""
        assert dated(None) == dated("") == Statement(says=Says.YES, type="t1")
        assert statement(True).at is None

    @pytest.mark.parametrize("text", ["20260201", "2026-W05-7", "2026-02-01T00"])
    def test_a_day_written_otherwise_is_all_of_it_too(self, text: str):
        """A text that names no minute bounds what was said by the day that it begins."""
        said = dated(text)

        assert said.since == datetime(2026, 1, 31, 10, tzinfo=UTC)
        assert said.at == datetime(2026, 2, 2, 12, tzinfo=UTC)


# -- what is news ---------------------------------------------------------------------------


class TestNews:
    def test_of_a_new_record_it_is_what_it_says(self):
        """What a record says that is seen first was said between its making and its last change."""
        found = news(None, version(4, 60, body(newsletter=True)))

        assert found == [Evidence(says=Says.YES, since=at(0), at=at(60))]

    def test_of_the_past_it_is_marked(self):
        """A record of the past that is seen first is marked so, and one that changes later is not."""
        first = version(1, 0, body(newsletter=True))
        (past,) = news(None, first, is_past=True)
        (present,) = news(first, version(2, 60, body(newsletter=False)), is_past=True)

        assert past.is_past
        assert not present.is_past

    def test_what_stays_is_none(self):
        """A change of anything else, the mere running of a backfill and a later reading say nothing anew."""
        before = version(1, 0, body(newsletter=True) | {"lastName": "Lee"})
        after = version(2, 60, body(newsletter=True) | {"lastName": "Doe"})

        assert news(before, after) == []
        assert news(before, after, is_past=True) == []
        assert news(before, version(2, 60, body(newsletter="yes"))) == []

    def test_a_change_was_between_two_versions(self):
        """A flag that changed did so after the version that was stored, and after all changes were seen."""
        before, after = version(1, 10, body(newsletter=False)), version(5, 60, body(newsletter=True))

        assert news(before, after) == [Evidence(says=Says.YES, since=at(10), at=at(60))]
        assert news(before, after, looked=40) == [Evidence(says=Says.YES, since=at(40), at=at(60))]
        assert news(before, after, looked=5) == [Evidence(says=Says.YES, since=at(10), at=at(60))]
        assert news(before, after, looked=90) == [Evidence(says=Says.YES, since=at(60), at=at(60))]

    def test_a_time_says_more_than_versions(self):
        """Where the shop keeps when it was said, that counts, and a newer time alone is news."""
        config = email(DATED)
        first = version(1, 10, body(newsletter=True, newsletterAt=at(5).isoformat()))
        again = version(2, 60, body(newsletter=True, newsletterAt=at(50).isoformat()))

        assert news(None, first, config=config) == [
            Evidence(says=Says.YES, since=at(5), at=at(5), is_stated=True)
        ]
        assert news(first, again, config=config) == [
            Evidence(says=Says.YES, since=at(50), at=at(50), is_stated=True)
        ]

    def test_a_removed_field_says_nothing(self):
        """A value, fields or a type that are gone are neither a yes nor a no."""
        before = version(1, 0, body(newsletter=True))

        for after in (body(), body(newsletter=None), {"custom": None}, {}):
            assert news(before, version(2, 60, after)) == []
            assert news(before, version(2, 60, after), config=email(head='absence = "no"')) == []

    @pytest.mark.parametrize(("was", "now"), [(True, False), (False, True), (None, True), (None, False)])
    def test_another_type_says_nothing_by_itself(self, *, was: bool | None, now: bool):
        """A value that came with another type of fields was said by nobody."""
        before = version(1, 0, body(newsletter=was))
        after = version(2, 60, body(type_="t2", newsletter=now))

        for head in ("", 'absence = "no"'):
            (found,) = news(before, after, config=email(head=head))
            assert not found.is_explicit
            assert (found.since, found.at) == (None, None)

    def test_a_new_field_says_nothing_by_itself(self):
        """A value where there was none before was said by nobody."""
        before, after = version(1, 10, body()), version(2, 60, body(newsletter=True))

        (found,) = news(before, after)

        assert not found.is_explicit
        assert (found.since, found.at) == (None, None)

    def test_absence_may_be_a_no(self):
        """Where absence is known to be a no, the first value is one that somebody gave, after the version before."""
        before, after = version(1, 10, body()), version(2, 60, body(newsletter=True))

        (found,) = news(before, after, config=email(head='absence = "no"'))

        assert (found.is_explicit, found.since, found.at) == (True, at(10), at(60))

    def test_a_new_field_with_a_time_is_explicit(self):
        """A value that comes with its own time was said then, though there was none before."""
        after = version(2, 60, body(newsletter=True, newsletterAt=at(50).isoformat()))

        (found,) = news(version(1, 10, body()), after, config=email(DATED))

        assert (found.is_explicit, found.since) == (True, at(50))

    def test_a_confirmation_is_one(self):
        """A wait is news after a yes, and so is the yes that ends it."""
        first, asked = version(1, 0, body(newsletter=True)), version(2, 10, body(newsletter="pending"))
        confirmed = version(3, 20, body(newsletter=True))

        assert words(news(None, asked)) == ["pending"]
        assert words(news(first, asked)) == ["pending"]
        assert news(asked, confirmed) == [Evidence(says=Says.YES, since=at(10), at=at(20))]

    @pytest.mark.parametrize("time", [None, 9])
    def test_a_wait_after_a_no_is_none(self, time: float | None):
        """That a confirmation is waited for takes no no back, with a time of its own or without; the yes does."""
        stated = None if time is None else at(time).isoformat()
        first = version(1, 0, body(newsletter=False))
        asked = version(2, 10, body(newsletter="pending", newsletterAt=stated))
        confirmed = version(3, 20, body(newsletter=True, newsletterAt=stated))

        assert news(first, asked, config=email(DATED)) == []
        assert news(first, version(2, 10, body(type_="t2", newsletter="pending")), config=email(DATED)) == []
        assert news(asked, confirmed, config=email(DATED)) == [
            Evidence(says=Says.YES, since=at(10), at=at(20))
        ]

    def test_each_place_speaks_for_itself(self):
        """Places of another stream are not asked, and what is found names its channel, place and trust."""
        text = (
            f"[consent.email]\n[[consent.email.read]]\nvalue = 'order.custom.fields.newsletter'\n{NEWSLETTER}"
            "revives = false\n[consent.sms]\n[[consent.sms.read]]\nvalue = 'customer.custom.fields.sms'\n"
        )
        after = version(1, 0, body(newsletter=True, sms=False))

        found = list(
            news_of(
                configured(text), "customers", None, after, looked_at=None, noticed_at=NOTICED, is_past=False
            )
        )

        mail, texts = configured(text)
        assert [(each.channel, each.place) for each in found] == [
            ("email", mail.places[1].key), ("sms", texts.places[0].key),
        ]  # fmt: skip
        assert len({each.key for each in (*mail.places, *texts.places)}) == 3
        assert [each.evidence.may_revive for each in found] == [False, True]
        assert words([each.evidence for each in found]) == ["yes", "no"]

    @given(
        was=st.sampled_from([None, True, False, "pending"]), now=st.sampled_from([None, True, False, "pending"]),
        is_same_type=st.booleans(), minutes=st.integers(0, 90), looked=st.none() | st.integers(-90, 180),
        is_absence_no=st.booleans(),
    )  # fmt: skip
    def test_flags_alone_are_bounded_by_their_versions(
        self,
        *,
        was: object,
        now: object,
        is_same_type: bool,
        minutes: int,
        looked: int | None,
        is_absence_no: bool,
    ):
        """Whatever changes without a time was said after the version before and not after its own, or by nobody."""
        before = version(1, minutes, body(newsletter=was))
        after = version(2, 90, body(type_="t1" if is_same_type else "t2", newsletter=now))

        found = news(
            before,
            after,
            looked=looked,
            config=email(head=f'absence = "{"no" if is_absence_no else "unknown"}"'),
        )

        assert (found == []) is (now is None or was == now or (was, now) == (False, "pending"))
        for each in found:
            assert not each.is_stated
            if not is_same_type or (was is None and not is_absence_no):
                assert not each.is_explicit
            else:
                assert each.is_explicit
                assert each.since is not None
                assert each.at == at(90)
                assert at(minutes) <= each.since <= each.at

    @pytest.mark.parametrize("time", [None, "", "soon"])
    def test_a_time_that_is_removed_says_nothing(self, time: str | None):
        """A yes of long ago is no new one because nobody knows any more when it was said; another word is one."""
        before = version(1, 10, body(newsletter=True, newsletterAt=at(5).isoformat()))
        after = version(2, 600, body(newsletter=True, newsletterAt=time))
        other = version(2, 600, body(newsletter=False, newsletterAt=time))

        assert news(before, after, config=email(DATED)) == []
        (found,) = news(before, other, config=email(DATED))
        assert (found.says, found.is_explicit) == (Says.NO, True)
        assert (found.since, found.at) == (at(10), at(600))

    def test_a_time_that_nobody_renewed_dates_nothing(self):
        """A no that was written without its time was said when the flag changed, and not at the time of the yes."""
        stale = at(5).isoformat()
        before = version(1, 10, body(newsletter=True, newsletterAt=stale))
        after = version(2, 600, body(newsletter=False, newsletterAt=stale))

        (found,) = news(before, after, config=email(DATED))

        assert found == Evidence(says=Says.NO, since=at(10), at=at(600))

    @pytest.mark.parametrize(
        ("was", "now"),
        [
            ("2026-02-01T10:00:00", "2026-02-01T10:00:00Z"), ("2026-02-01", "2026-02-01T10:00:00Z"),
            ("2026-02-01T10:00:00Z", "2026-02-01"), ("2026-02-01T10:00:00.000Z", "2026-02-01T10:00Z"),
        ],
    )  # fmt: skip
    def test_a_time_that_was_only_written_otherwise_dates_nothing(self, was: str, now: str):
        """A no beside the time of the yes in other writing was said when the flag changed, and not at that time."""
        on = Membership(standing=Standing.ACTIVE, joined_at=datetime(2026, 2, 20, tzinfo=UTC))
        before = version(1, 10, body(newsletter=True, newsletterAt=was))
        after = version(2, 600, body(newsletter=False, newsletterAt=now))

        (found,) = news(before, after, config=email(DATED))

        assert found == Evidence(says=Says.NO, since=at(10), at=at(600))
        assert decide(Policy(owner=Owner.LATEST), found, on).action == "unsubscribe"

    @pytest.mark.parametrize("now", [True, False])
    def test_a_stale_time_dates_nothing_where_nothing_was_said(self, *, now: bool):
        """A value that comes where there was none, besides a time that was there, is said by nobody at that time."""
        stale = at(5).isoformat()
        before = version(1, 10, body(newsletterAt=stale))
        after = version(2, 600, body(newsletter=now, newsletterAt=stale))

        (found,) = news(before, after, config=email(DATED))
        assert (found.is_explicit, found.since, found.at) == (False, None, None)
        (found,) = news(before, after, config=email(DATED, head='absence = "no"'))
        assert (found.is_explicit, found.since, found.at) == (True, at(10), at(600))

    @pytest.mark.parametrize(("was", "now"), [(False, True), (True, False)])
    def test_another_type_with_the_same_time_says_nothing(self, *, was: bool, now: bool):
        """A value that came with another type, and a time that was there before, was said by nobody."""
        stale = at(5).isoformat()
        before = version(1, 10, body(newsletter=was, newsletterAt=stale))
        after = version(2, 600, body(type_="t2", newsletter=now, newsletterAt=stale))

        (found,) = news(before, after, config=email(DATED))

        assert not found.is_explicit
        assert (found.since, found.at) == (None, None)

    def test_another_type_with_a_new_time_says_so(self):
        """A value that came with another type, and with a time that was not there before, was said then."""
        before = version(1, 10, body(newsletter=False, newsletterAt=at(5).isoformat()))
        after = version(2, 600, body(type_="t2", newsletter=True, newsletterAt=at(500).isoformat()))

        assert news(before, after, config=email(DATED)) == [
            Evidence(says=Says.YES, since=at(500), at=at(500), is_stated=True)
        ]

    def test_nothing_was_said_after_the_version_that_holds_it(self):
        """A local time that may be of any zone, or a clock that is fast, is bounded by the source's own."""
        before = version(1, 10, body(newsletter=False))
        local = version(2, 60, body(newsletter=True, newsletterAt=at(180).replace(tzinfo=None).isoformat()))
        fast = version(2, 60, body(newsletter=True, newsletterAt=at(180).isoformat()))

        (found,) = news(before, local, config=email(DATED))
        assert (found.since, found.at) == (at(180 - 14 * 60), at(60))
        for first in (before, None):
            (found,) = news(first, fast, config=email(DATED))
            assert (found.since, found.at) == (at(60), at(60))

    @given(
        text=st.datetimes(datetime(2026, 1, 1), datetime(2026, 5, 1)).map(datetime.isoformat),  # noqa: DTZ001
        zone=st.sampled_from(["", "Z", "+14:00", "-12:00"]), length=st.sampled_from([10, 13, 16, 19, 26]),
        minutes=st.integers(0, 50_000), is_first=st.booleans(), is_past=st.booleans(),
    )  # fmt: skip
    def test_whatever_time_is_stated_bounds_within_its_version(
        self, *, text: str, zone: str, length: int, minutes: int, is_first: bool, is_past: bool
    ):
        """Whatever a time is written like, what it dates was not said after its version, nor before it began."""
        time = text[:length] + (zone if length > 10 else "")
        before = None if is_first else version(1, 0, body(newsletter=False))
        after = version(2, minutes, body(newsletter=True, newsletterAt=time))

        (found,) = news(before, after, config=email(DATED), is_past=is_past)

        assert found.is_explicit
        assert found.is_past is (is_past and is_first)
        assert found.since is not None
        assert found.at is not None
        assert found.since <= found.at <= at(minutes)
        if not zone and found.since < found.at < at(minutes) and found.since != at(0):
            assert found.at - found.since >= timedelta(hours=26)

    def test_a_time_written_otherwise_leaves_the_past_past(self):
        """A yes of before the shop was read does not become one of today because its day got an hour."""
        before = version(1, 10, body(newsletter=True, newsletterAt="2020-01-01"))
        after = version(2, 600, body(newsletter=True, newsletterAt="2020-01-01T10:00:00.000Z"))

        assert news(before, after, config=email(DATED)) == []

    @pytest.mark.parametrize(
        ("was", "now"),
        [
            ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00"), ("2026-03-01T10:00:00Z", "2026-03-01"),
            ("2026-03-01T10:00:00", "2026-03-01T10:00:00.000Z"),
        ],
    )  # fmt: skip
    def test_a_time_written_otherwise_is_no_news(self, was: str, now: str):
        """The same time with another zone, without its hour or with a zone at last is no word once more."""
        before = version(1, 10, body(newsletter=True, newsletterAt=was))

        assert (
            news(before, version(2, 600, body(newsletter=True, newsletterAt=now)), config=email(DATED)) == []
        )

    def test_what_is_renewed_without_a_zone_is_news_where_it_must_be_later(self):
        """A time that is later wherever its clock is says the same once more."""
        before = version(1, 10, body(newsletter=True, newsletterAt="2026-02-01T10:00:00"))
        after = version(2, 600, body(newsletter=True, newsletterAt="2026-02-02T12:00:01"))

        (found,) = news(before, after, config=email(DATED))

        assert found.since == datetime(2026, 2, 1, 22, 0, 1, tzinfo=UTC)
        assert found.at == datetime(2026, 2, 3, 0, 0, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("was", "now"), [("2026-02-01T10:00:00", "2026-02-01T20:00:00"), ("2026-02-01", "2026-02-02")]
    )
    def test_what_is_renewed_without_a_zone_is_news(self, was: str, now: str):
        """Who says yes once more, some hours after the first or the next day, has said so, wherever the clock is."""
        before = version(1, 10, body(newsletter=True, newsletterAt=was))
        after = version(2, 600, body(newsletter=True, newsletterAt=now))

        (found,) = news(before, after, config=email(DATED))

        assert (found.says, found.is_explicit, found.is_stated) == (Says.YES, True, True)

    def test_a_no_of_the_past_has_a_time_of_its_own_where_it_states_a_moment(self):
        """A no of the past that states when it was said counts, and one that is only bounded by its versions is held."""
        on, policy = (
            Membership(standing=Standing.ACTIVE, joined_at=at(-9_999_999)),
            Policy(owner=Owner.LATEST),
        )
        stated = version(4, 60, body(newsletter=False, newsletterAt=at(5).isoformat()))
        bounded = version(4, 60, body(newsletter=False))

        (dated_,) = news(None, stated, config=email(DATED), is_past=True)
        (wide,) = news(None, bounded, config=email(DATED), is_past=True)

        assert (dated_.is_past, dated_.is_stated, wide.is_past, wide.is_stated) == (True, True, True, False)
        assert decide(policy, dated_, on).action == "unsubscribe"
        assert decide(policy, wide, on).action == "hold"

    @pytest.mark.parametrize("time", ["2026-02-01", "2026-02-01T10:00:00"])
    def test_a_day_is_a_time_of_its_own(self, time: str):
        """A no of the past that states its day, long after somebody subscribed, ends that."""
        on = Membership(standing=Standing.ACTIVE, joined_at=datetime(2020, 1, 1, tzinfo=UTC))
        after = version(4, 60, body(newsletter=False, newsletterAt=time))

        (found,) = news(None, after, config=email(DATED), is_past=True)

        assert (found.is_past, found.is_stated) == (True, True)
        assert decide(Policy(owner=Owner.LATEST), found, on).action == "unsubscribe"

    def test_a_version_of_one_moment_states_no_time(self):
        """A no of the past in a record that was never changed is bounded by one moment, and does not say so itself."""
        on = Membership(standing=Standing.ACTIVE, joined_at=datetime(2020, 1, 1, tzinfo=UTC))

        (found,) = news(None, version(1, 0, body(newsletter=False)), is_past=True)

        assert (found.since, found.at, found.is_stated) == (at(0), at(0), False)
        assert decide(Policy(owner=Owner.LATEST), found, on).action == "hold"

    def test_the_first_fields_of_all_may_be_a_yes(self):
        """Where absence is a no, who had no fields at all and gets them with a yes has said it."""
        after = version(2, 60, body(newsletter=True))

        (found,) = news(version(1, 10, {}), after, config=email(head='absence = "no"'))

        assert (found.is_explicit, found.since, found.at) == (True, at(10), at(60))


# -- what a place is known by ---------------------------------------------------------------


class TestKeys:
    def test_other_words_are_another_place(self):
        """Another value, time or word makes another place of it, of which nothing is written down yet."""
        others = [
            place('yes = "ja"\n'), place('no = "nein"\n'), place('pending = "?"\n'), place(read=DATED),
            place(read='[[consent.email.read]]\nvalue = "customer.custom.fields.other"\n'),
            place(read='[[consent.email.read]]\nvalue = "order.custom.fields.newsletter"\n'),
            place('yes = ["true", "yes"]\n'), place('yes = "ja"\nno = "nein"\n'),
        ]  # fmt: skip
        keys = [place().key, *(each.key for each in others)]

        assert len(set(keys)) == len(keys)
        assert {len(key) for key in keys} == {KEY_LENGTH}

    def test_what_says_the_same_is_the_same_place(self):
        """Trust, what else is kept, how words are written and which places come before are nothing it is known by."""
        key = place('yes = "Ja"\n').key

        assert place('yes = ["JA"]\nrevives = false\n').key == key
        assert place('yes = "ja"\ndetails = { url = "customer.custom.fields.url" }\n').key == key
        other = '[[consent.email.read]]\nvalue = "order.custom.fields.n"\n'
        assert email(f'{other}{NEWSLETTER}yes = "ja"\n').places[1].key == key
        (texts,) = configured(f'[consent.sms]\n{NEWSLETTER.replace("email", "sms")}yes = "ja"\n')
        assert texts.places[0].key == key

    def test_a_key_outlives_a_release(self):
        """What is written down of a place is known by this: where it changes, it has to be moved by a migration."""
        assert place().key == "20e0e0498b90"
        assert place(read=DATED).key == "3e29f18922e6"

    def test_where_the_words_change_all_is_read_anew(self):
        """What a version says at a place whose words were changed is found under what that is known by now."""
        before = version(1, 10, body(newsletter="ja"))
        after = version(2, 60, body(newsletter="nein"))
        then, now = email(NEWSLETTER), email(NEWSLETTER + 'yes = "ja"\nno = "nein"\n')

        assert news(before, after, config=then) == []
        (found,) = news_of(
            [now], "customers", before, after, looked_at=None, noticed_at=NOTICED, is_past=False
        )
        assert found.place == now.places[0].key != then.places[0].key
        assert found.evidence == Evidence(says=Says.NO, since=at(10), at=at(60))

    def test_the_order_of_words_means_nothing(self):
        """The same words in another order are the same place."""
        key = place('yes = ["ja", "oui"]\n').key

        assert place('yes = ["oui", "ja"]\n').key == key
        assert place('yes = ["OUI", "Ja"]\n').key == key

    def test_a_word_that_is_there_twice_is_there(self):
        """The same words, one of them twice, are the same place."""
        key = place('yes = ["ja", "oui"]\n').key

        assert place('yes = ["ja", "oui", "Ja"]\n').key == key

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (
                '{ template = "{customer.key} | lower" }',
                '{ template = "{customer.key}", transform = ["lower"] }',
            ),
            (
                '{ template = "{{customer.id}}{customer.key}" }',
                '{ template = "{customer.id}{customer.key}" }',
            ),
        ],
    )
    def test_a_text_is_no_path_and_no_transform(self, one: str, other: str):
        """A template whose text looks like a path, or like what is done to a value, is another place than that."""
        keys = [place(read=f"[[consent.email.read]]\nvalue = {each}\n").key for each in (one, other)]

        assert keys[0] != keys[1]

    def test_another_way_to_a_value_is_another_place(self):
        """Another path, order of paths, template, transform or argument of one makes another place."""
        values = [
            '"customer.key"', '["customer.key", "customer.id"]', '["customer.id", "customer.key"]',
            '{ template = "{customer.key}" }', '{ template = "{customer.key}x" }',
            '{ function = "acme.sync:agreed" }', '{ from = "customer.key", transform = ["lower"] }',
            '{ from = "customer.key", transform = ["lower", "strip"] }',
            '{ from = "customer.key", transform = [{ default = "yes" }] }',
            '{ from = "customer.key", transform = [{ default = "no" }] }',
            '{ from = "customer.key", transform = [{ map = { a = "yes", b = "no" } }] }',
            '{ from = "customer.key", transform = [{ map = { a = "no", b = "yes" } }] }',
            '"customer.addresses[0].key"', '"customer.addresses[*].key"', '"customer.addresses[last].key"',
        ]  # fmt: skip
        keys = [place(read=f"[[consent.email.read]]\nvalue = {each}\n").key for each in values]

        assert len(set(keys)) == len(values)


# -- the file -------------------------------------------------------------------------------


class TestFile:
    def test_what_is_taken_for_granted(self):
        """One path is enough: the strictest word holds, the past does not count, and absence is no word."""
        config = email()
        (only,) = config.places

        assert config.channel == "email"
        assert config.policy == Policy(owner=Owner.STRICTEST, past_counts=False)
        assert not config.absence_is_no
        assert (only.stream, only.time, only.details, only.revives) == ("customers", None, (), True)
        assert {"true", "1", "yes"} <= set(only.yes)
        assert {"false", "0", "no"} <= set(only.no)
        assert "pending" in only.pending
        assert configured("version = 1\n") == ()

    def test_what_can_be_said(self):
        """Owner, absence, words in any case, times, details and trust are read, of orders and carts too."""
        config = email(
            '[[consent.email.read]]\nvalue = "order.custom.fields.n"\nyes = ["Ja", "Oui"]\nno = "NEIN"\npending = "?"\n'
            'time = "order.createdAt"\ndetails = { url = "order.custom.fields.u", form = { value = "checkout" } }\n'
            'revives = false\n[[consent.email.read]]\nvalue = "cart.custom.fields.n"\n',
            head='owner = "latest"\nabsence = "no"\npast_counts = true\n',
        )
        first, second = config.places

        assert config.policy == Policy(owner=Owner.LATEST, past_counts=True)
        assert config.absence_is_no
        assert (first.stream, second.stream) == ("orders", "carts")
        assert (first.yes, first.no, first.pending) == (("ja", "oui"), ("nein",), ("?",))
        assert first.time is not None
        assert [name for name, _ in first.details] == ["form", "url"]
        assert not first.revives

    def test_a_function_alone_is_asked_of_customers(self):
        """Of a function nobody knows what it looks at, so that it gets a customer."""
        assert (
            place(read='[[consent.email.read]]\nvalue = { function = "acme.sync:agreed" }\n').stream
            == "customers"
        )

    def test_custom_objects_are_those_of_a_container(self):
        """Custom objects are read where a place asks for them, of its containers alone, and belong to whom it says."""
        head = "[consent.email]\n"
        whose = (
            OBJECTS.replace("consents", "more") + 'person = ["custom_object.value.id", "custom_object.key"]\n'
        )

        asked = read_configuration(head + OBJECTS + whose, where="sync.toml", environ=ENVIRON)
        (first, second), other = asked.consent[0].places, configured(head + whose)[0].places[0]

        assert "custom_objects" in asked.streams
        assert {name: str(each) for name, each in asked.containers.items()} == {
            "consents": "custom_object.key", "more": "custom_object.value.id, custom_object.key",
        }  # fmt: skip
        assert (first.stream, first.container, second.container) == ("custom_objects", "consents", "more")
        assert first.key != second.key == other.key
        plain = read_configuration(head + NEWSLETTER, where="sync.toml", environ=ENVIRON)
        assert ("custom_objects" in plain.streams, plain.containers) == (False, {})

    def test_a_function_may_be_asked_of_custom_objects(self):
        """A function with a container gets the custom objects in it, and its time may be a path of them."""
        asked = place(
            'container = "consents"\ntime = "custom_object.value.at"\n',
            read='[[consent.email.read]]\nvalue = { function = "acme.sync:agreed" }\n',
        )

        assert (asked.stream, str(asked.person)) == ("custom_objects", "custom_object.key")

    def test_carts_are_read_where_they_say_something(self):
        """Carts are asked for where consent is read of them, and not otherwise."""
        carts = '[consent.email]\n[[consent.email.read]]\nvalue = "cart.custom.fields.n"\n'

        for text, is_asked in ((carts, True), (f"[consent.email]\n{NEWSLETTER}", False)):
            streams = read_configuration(text, where="sync.toml", environ=ENVIRON).streams
            assert ("carts" in streams) is is_asked

    def test_faults_come_all_at_once(self):
        """Everything that is wrong with consent is told together, with lines and what was meant."""
        text = """\
[consent.email]
owner = "newest"
absence = "maybe"
past_counts = "yes"
owned = 1
[[consent.email.read]]
value = "customer.custom.fields.n"
time = "order.createdAt"
yes = ["true", "x"]
no = ["X"]
revives = "no"
[[consent.email.read]]
value = "address.city"
[[consent.email.read]]
yes = "1"
"""

        faults = faults_of(text)

        assert [fault.split(":")[0] for fault in faults] == [
            "line 2", "line 3", "line 4", "line 5", "line 8", "line 10", "line 11", "line 13", "line 14",
        ]  # fmt: skip
        for fault, part in zip(
            faults,
            [
                "owner: expected commercetools, activecampaign, latest or strictest, not 'newest'",
                "absence: expected unknown or no, not 'maybe'",
                "past_counts: expected true or false, without quotes, not 'yes'",
                "owned: is no key of this table: did you mean 'owner'?",
                "time: expected paths of customer alone, not of order",
                "no: expected words of one meaning: 'X' is one of yes too",
                "revives: expected true or false, without quotes, not 'no'",
                "value: expected a path into what is known of consent: cart, custom_object, customer or order, not",
                "value: is missing: expected a path or several such as 'customer.custom.fields.newsletter'",
            ],
            strict=True,
        ):
            assert part in fault

    @pytest.mark.parametrize(
        ("read", "fault"),
        [
            ("", "read: is missing: expected [[consent.email.read]] in double brackets, once for each"),
            ('[[consent.email.read]]\nvalue = { value = "true" }\n', "value: expected a path of customers, orders, carts or custom objects"),
            ('[[consent.email.read]]\nvalue = ["customer.id", "order.id"]\n', "value: expected paths of customer alone, not of order"),
            ('[[consent.email.read]]\nvalue = { template = "{customer.id}{cart.id}" }\n', "value: expected paths of cart alone, not of customer"),
            ('[[consent.email.read]]\nvalue = { function = "acme:f" }\ntime = "order.createdAt"\n', "time: expected paths of one kind of record alone, not of order"),
            (NEWSLETTER + 'details = { u = "cart.id" }\n', "details.u: expected paths of customer alone, not of cart"),
            (NEWSLETTER + 'details = { "a b" = "customer.id" }\n', "expected a name of letters, digits, - and _"),
            (NEWSLETTER + 'yes = ["Ja", "*"]\nno = "*"\n', "no: expected words of one meaning: '*' is one of yes too"),
            (NEWSLETTER + 'yes = "pending"\n', "pending: expected words of one meaning: 'pending' is one of yes too"),
            (NEWSLETTER + "yes = []\n", "yes: expected at least one, not an empty list"),
            (OBJECTS.replace('container = "consents"', ""), "container: is missing: expected the name of a container"),
            (OBJECTS.replace("consents", "a b"), "container: expected the name of a container: letters, digits, -, _, ~ and ."),
            (OBJECTS.replace("value.", ""), "not 'newsletter': did you mean 'custom_object.value.newsletter'?"),
            (OBJECTS + 'time = "customer.createdAt"\n', "time: expected paths of custom_object alone, not of customer"),
            (OBJECTS + 'person = "customer.id"\n', "person: expected paths of custom_object alone, not of customer"),
            (NEWSLETTER + 'container = "consents"\n', "container: expected nothing: container is of custom objects alone, and value is of customer"),
            (NEWSLETTER + 'person = "customer.id"\n', "person: expected nothing: person is of custom objects alone, and value is of customer"),
            (OBJECTS + OBJECTS + 'person = "custom_object.value.id"\n', "person: expected the same for all of the container 'consents': number 1 of [consent.email] says 'custom_object.key'"),
            ('[[consent.email.read]]\nvalue = "last_order.id"\n', "value: expected a path into what is known of consent"),
        ],
    )  # fmt: skip
    def test_places_that_cannot_be(self, read: str, fault: str):
        """A place of two kinds of records, of none, with a word of two meanings or a wrong root is refused."""
        faults = faults_of(f"[consent.email]\n{read}")

        assert len(faults) == 1
        assert fault in faults[0]

    def test_an_empty_read_is_none(self):
        """A channel of which nothing is read is refused, however that is written."""
        (fault,) = faults_of("[consent.email]\nread = []\n")

        assert "read: expected at least one place, not an empty list" in fault

    def test_two_lists_of_one_name_are_one_too_many(self):
        """One list there cannot be two here, because each of them would be decided by other records."""
        lists = "".join(f'[lists.{key}]\nname = "Newsletter"\n' for key in ("de", "at"))
        routes = '[[routes]]\nname = "all"\ndestination = "main"\nlists = ["de", "at"]\n'

        assert len(faults_of(f"{routes}{lists}[consent.email]\n{NEWSLETTER}")) == 1

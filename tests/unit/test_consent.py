"""Consent: what follows of what was said, where somebody stands, and who has the last word."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.consent import (
    GRACE,
    LONGEST_CALL,
    STAMPED_WITHIN,
    Action,
    Evidence,
    Known,
    Look,
    Membership,
    Owner,
    Policy,
    Says,
    Standing,
    could_act,
    decide,
    look_at,
    may_send,
    on_order,
    weigh,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

COMMERCETOOLS, LATEST, STRICTEST = (
    Policy(owner=each) for each in (Owner.COMMERCETOOLS, Owner.LATEST, Owner.STRICTEST)
)
THEIRS = Policy(owner=Owner.ACTIVECAMPAIGN)
ENDED = (Standing.UNCONFIRMED, Standing.UNSUBSCRIBED, Standing.BOUNCED)


def at(minutes: float) -> datetime:
    """Return a moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def said(says: Says, since: float | None, until: float | None = None, **more: object) -> Evidence:
    """Return what was said so many minutes after noon, or between two such moments."""
    last = since if until is None else until
    known = Evidence(
        says=says, since=None if since is None else at(since), at=None if last is None else at(last)
    )
    return replace(known, **more)  # type: ignore[arg-type]


def yes(since: float | None = 0, until: float | None = None, **more: object) -> Evidence:
    """Return a yes."""
    return said(Says.YES, since, until, **more)


def no(since: float | None = 0, until: float | None = None, **more: object) -> Evidence:
    """Return a no."""
    return said(Says.NO, since, until, **more)


def pending(since: float | None = 0, until: float | None = None, **more: object) -> Evidence:
    """Return a wait for a confirmation."""
    return said(Says.PENDING, since, until, **more)


def held(
    standing: Standing,
    joined: float | None = None,
    left: float | None = None,
    *,
    ended_for: float | None = None,
    begun_for: float | None = None,
) -> Membership:
    """Return a membership that began and ended so many minutes after noon."""
    moments = [None if each is None else at(each) for each in (joined, left, ended_for, begun_for)]
    return Membership(
        standing=standing,
        joined_at=moments[0],
        left_at=moments[1],
        ended_for=moments[2],
        begun_for=moments[3],
    )


def active(
    joined: float | None = -60, left: float | None = None, *, begun_for: float | None = None
) -> Membership:
    """Return one of somebody on the list."""
    return held(Standing.ACTIVE, joined, left, begun_for=begun_for)


def gone(left: float | None = 0, *, ended_for: float | None = None) -> Membership:
    """Return one of somebody who unsubscribed, an hour after they came."""
    return held(Standing.UNSUBSCRIBED, None if left is None else left - 60, left, ended_for=ended_for)


def action(policy: Policy, words: Evidence | None, membership: Membership) -> str:
    """Return what is to be done."""
    return decide(policy, words, membership).action.value


# -- everything that can be -----------------------------------------------------------------

#: Seconds, most of them nearer to one another than two clocks are, and some far away.
SPANS = st.integers(-6, 6) | st.sampled_from([-86_400, -3_600, 3_600, 86_400])
MOMENTS = SPANS.map(lambda span: NOON + timedelta(seconds=span))
MAYBE = st.none() | MOMENTS


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Give whatever a record may have said, and whenever."""
    since, until = draw(st.tuples(MAYBE, MAYBE))
    if since and until and until < since:
        since, until = until, since
    return Evidence(
        says=draw(st.sampled_from(Says)), since=since, at=until, is_stated=draw(st.booleans()),
        is_explicit=draw(st.booleans()), is_past=draw(st.booleans()), may_revive=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def voices(draw: st.DrawFn) -> list[Evidence]:
    """Give what several records said, each with a number of its own."""
    found = draw(st.lists(evidences(), max_size=5))
    numbers = draw(st.permutations(range(1, len(found) + 1)))
    return [replace(each, number=number) for each, number in zip(found, numbers, strict=True)]


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    """Give wherever somebody may stand; only who is off the list, or on it, may be so by us."""
    standing = draw(st.sampled_from(Standing))
    ended_for = draw(MAYBE) if standing is Standing.UNSUBSCRIBED else None
    begun_for = draw(MAYBE) if standing is Standing.ACTIVE else None
    return Membership(
        standing=standing,
        joined_at=draw(MAYBE),
        left_at=draw(MAYBE),
        ended_for=ended_for,
        begun_for=begun_for,
    )


POLICIES = st.builds(Policy, owner=st.sampled_from(Owner), past_counts=st.booleans())


#: Of what is said, and of beginnings and ends, in seconds: about noon, within the grace and beyond it.
SAID_WITHIN = [(None, None), (-3600, -3600), (-3600, 3600), (0, 0), (2, 2), (3, 3), (3600, 3600)]
STAMPS = [None, -3600, 0]


def seconds(span: float | None) -> datetime | None:
    """Return a moment so many seconds after noon."""
    return None if span is None else NOON + timedelta(seconds=span)


@cache
def everything() -> tuple[tuple[Policy, Evidence, Membership, Action], ...]:
    """Return what follows of all that may be said, wherever somebody may stand, by any policy."""
    policies = [Policy(owner=owner, past_counts=is_on) for owner in Owner for is_on in (False, True)]
    words = [
        Evidence(
            says=says, since=seconds(since), at=seconds(until), is_stated=is_stated, is_explicit=is_explicit,
            is_past=is_past, may_revive=may_revive,
        )
        for says, (since, until), is_stated, is_explicit, is_past, may_revive in product(
            Says, SAID_WITHIN, (True, False), (True, False), (True, False), (True, False)
        )
    ]  # fmt: skip
    standings = [
        Membership(
            standing=standing, joined_at=seconds(joined), left_at=seconds(left),
            ended_for=seconds(ours) if standing is Standing.UNSUBSCRIBED else None,
            begun_for=seconds(ours) if standing is Standing.ACTIVE else None,
        )
        for standing, joined, left, ours in product(Standing, STAMPS, STAMPS, STAMPS)
        if ours is None or standing in (Standing.UNSUBSCRIBED, Standing.ACTIVE)
    ]  # fmt: skip
    return tuple((*each, decide(*each).action) for each in product(policies, words, standings))


def cases(wanted: Action) -> list[tuple[Policy, Evidence, Membership]]:
    """Return of what a certain action follows."""
    return [(policy, words, membership) for policy, words, membership, each in everything() if each is wanted]


class TestNever:
    def test_nobody_is_subscribed_but_by_an_explicit_yes(self):
        """Whatever else is the case, who is subscribed has said yes themselves, and we may act on it."""
        begun = cases(Action.SUBSCRIBE)

        assert begun
        assert {words.says for _, words, _ in begun} == {Says.YES}
        assert all(words.is_explicit for _, words, _ in begun)
        assert Owner.ACTIVECAMPAIGN not in {policy.owner for policy, _, _ in begun}
        assert Standing.ACTIVE not in {membership.standing for _, _, membership in begun}

    def test_nobody_comes_back_but_by_a_newer_yes(self):
        """Who left, bounced or never confirmed comes back only by a trusted yes of the present that is newer."""
        back = [each for each in cases(Action.SUBSCRIBE) if each[2].standing in ENDED]

        assert {membership.standing for _, _, membership in back} == set(ENDED)
        for policy, words, membership in back:
            assert not words.is_past
            assert words.may_revive
            assert words.since is not None
            if membership.ended_for is not None:
                assert membership.ended_for <= words.since
            else:
                assert policy.owner is not Owner.STRICTEST
                ends = [membership.left_at]
                ends += [membership.joined_at] if membership.standing is not Standing.UNSUBSCRIBED else []
                known = [each for each in ends if each]
                assert known
                assert max(known) + GRACE < words.since

    def test_who_left_and_never_confirmed_since_comes_back_by_a_newer_yes_alone(self):
        """Nobody who left, and did not confirm a later beginning, is brought back by a yes older than their leaving."""
        back = [
            (words, membership.left_at)
            for _, words, membership in cases(Action.SUBSCRIBE)
            if membership.standing is Standing.UNCONFIRMED and membership.left_at
        ]

        assert back
        for words, left_at in back:
            assert words.since is not None
            assert left_at + GRACE < words.since

    def test_the_past_subscribes_nobody_unless_confirmed(self):
        """A record of the past subscribes only who was never on the list, and only where that is confirmed."""
        past = [each for each in cases(Action.SUBSCRIBE) if each[1].is_past]

        assert past
        assert all(policy.past_counts for policy, _, _ in past)
        assert {membership.standing for _, _, membership in past} == {Standing.NONE}

    def test_nobody_is_unsubscribed_but_by_an_explicit_no(self):
        """Whoever is taken from a list was on it, and has said no themselves."""
        ended = cases(Action.UNSUBSCRIBE)

        assert ended
        assert {words.says for _, words, _ in ended} == {Says.NO}
        assert all(words.is_explicit for _, words, _ in ended)
        assert Owner.ACTIVECAMPAIGN not in {policy.owner for policy, _, _ in ended}
        assert {each.standing for _, _, each in ended} == {Standing.ACTIVE, Standing.UNCONFIRMED}

    def test_the_past_unsubscribes_nobody_without_a_time_unless_confirmed(self):
        """A no of the past ends something only by a time that it states, unless it is confirmed that the past counts."""
        past = [each for each in cases(Action.UNSUBSCRIBE) if each[1].is_past]
        unstated = [each for each in past if not each[1].is_stated]

        assert any(not policy.past_counts for policy, _, _ in past)
        assert any(words.since == words.at is not None for _, words, _ in unstated)
        assert all(policy.past_counts for policy, _, _ in unstated)

    def test_the_latest_ends_nothing_that_is_newer(self):
        """Where the latest word holds, nobody is taken from a list whom we put there for a later yes, or who came later."""
        ended = [each for each in cases(Action.UNSUBSCRIBE) if each[0].owner is Owner.LATEST]

        assert any(membership.begun_for for _, _, membership in ended)
        for _, words, membership in ended:
            assert words.at is not None
            if membership.begun_for is not None:
                assert words.at >= membership.begun_for
            else:
                assert membership.joined_at is not None
                assert words.at + GRACE >= membership.joined_at

    @given(policy=POLICIES, words=st.none() | evidences(), membership=memberships())
    def test_what_could_act_is_known_before_anybody_looks(
        self, policy: Policy, words: Evidence | None, membership: Membership
    ):
        """Where anything is changed of any membership, it was known before the look that it could be."""
        if decide(policy, words, membership).acts:
            assert could_act(policy, words)

    @given(policy=POLICIES, words=st.none() | evidences(), membership=memberships())
    def test_each_verdict_says_why(self, policy: Policy, words: Evidence | None, membership: Membership):
        """There is an answer to everything, it has a reason, and asking twice gets the same."""
        verdict = decide(policy, words, membership)

        assert verdict.reason
        assert verdict == decide(policy, words, membership)
        assert verdict.acts is (verdict.action.value in ("subscribe", "unsubscribe"))

    @given(words=evidences(), membership=memberships())
    def test_the_strictest_begins_nothing_that_others_do_not(self, words: Evidence, membership: Membership):
        """Where the strictest word subscribes somebody, the latest would have too."""
        if action(STRICTEST, words, membership) == "subscribe":
            assert action(LATEST, words, membership) == "subscribe"


class TestYes:
    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    def test_who_was_never_on_the_list_is_subscribed(self, policy: Policy):
        """A yes subscribes who was never there, with or without a time, from any source."""
        assert action(policy, yes(), Membership()) == "subscribe"
        assert action(policy, yes(None), Membership()) == "subscribe"
        assert action(policy, yes(may_revive=False), Membership()) == "subscribe"

    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    def test_who_is_on_it_stays(self, policy: Policy):
        """A yes changes nothing for who is on the list."""
        assert action(policy, yes(5), active()) == "leave"

    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    @pytest.mark.parametrize(
        "membership",
        [Membership(), active(), gone(-60, ended_for=-60), gone(-60), held(Standing.BOUNCED, -60)],
    )
    def test_what_nobody_said_subscribes_nobody(self, policy: Policy, membership: Membership):
        """Nothing, a wait, and what came with a new field or type change nothing for anybody."""
        assert action(policy, None, membership) == "leave"
        assert action(policy, said(Says.NOTHING, 5), membership) == "leave"
        assert action(policy, pending(5), membership) == "leave"
        assert action(policy, yes(5, is_explicit=False), membership) == "hold"
        assert action(policy, no(5, is_explicit=False), membership) == "hold"

    def test_the_past_is_counted_first(self):
        """A yes of the past waits until somebody has confirmed that it counts, and then subscribes."""
        confirmed = replace(LATEST, past_counts=True)

        assert action(LATEST, yes(is_past=True), Membership()) == "hold"
        assert action(confirmed, yes(is_past=True), Membership()) == "subscribe"
        assert action(confirmed, yes(60, is_past=True), gone(0)) == "leave"
        assert action(confirmed, yes(60, is_past=True), gone(0, ended_for=0)) == "leave"

    def test_where_the_account_owns_the_channel_nothing_is_done(self):
        """Neither a yes nor a no of the shop counts where ActiveCampaign owns the channel."""
        assert action(THEIRS, yes(5), Membership()) == "leave"
        assert action(THEIRS, no(5), active()) == "leave"
        assert not could_act(THEIRS, yes(5))


class TestReturn:
    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST])
    def test_a_newer_yes_brings_back(self, policy: Policy):
        """Who left at noon comes back by what they said later than the grace, and not by less."""
        late = GRACE.total_seconds() / 60

        assert action(policy, yes(1), gone(0)) == "subscribe"
        assert action(policy, yes(late + 0.001), gone(0)) == "subscribe"
        assert action(policy, yes(late), gone(0)) == "hold"
        assert action(policy, yes(0), gone(0)) == "hold"
        assert action(policy, yes(-1), gone(0)) == "leave"

    def test_what_cannot_be_put_in_an_order_is_held(self):
        """A yes without a time, of a span that the end lies in, or an end without a stamp is held."""
        assert action(LATEST, yes(None), gone(0)) == "hold"
        assert action(LATEST, yes(-5, 5), gone(0)) == "hold"
        assert action(LATEST, yes(5), gone(None)) == "hold"
        assert action(LATEST, yes(5), held(Standing.BOUNCED)) == "hold"

    def test_the_strictest_brings_nobody_back_who_left_there(self):
        """Where the strictest word holds, their own leaving stands against every yes, and ours does not."""
        assert action(STRICTEST, yes(600), gone(0)) == "leave"
        assert action(STRICTEST, yes(600), held(Standing.BOUNCED, 0)) == "leave"
        assert action(STRICTEST, yes(600), held(Standing.UNCONFIRMED, 0)) == "leave"
        assert action(STRICTEST, yes(600), gone(5, ended_for=0)) == "subscribe"

    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    def test_an_end_that_we_wrote_counts_from_when_the_no_was_said(self, policy: Policy):
        """A no at noon that we wrote ten minutes later is answered by a yes of five minutes past."""
        membership = gone(10, ended_for=0)

        assert membership.ended_at == at(0)
        assert action(policy, yes(5), membership) == "subscribe"
        assert action(policy, yes(0), membership) == "subscribe"
        assert action(policy, yes(-1), membership) == "leave"

    def test_what_is_copied_from_elsewhere_brings_nobody_back(self):
        """A yes from a place that is not trusted leaves off the list who left it."""
        assert action(LATEST, yes(600, may_revive=False), gone(0)) == "leave"
        assert action(LATEST, yes(600, may_revive=False), gone(5, ended_for=0)) == "leave"


class TestNo:
    @pytest.mark.parametrize("standing", [Standing.ACTIVE, Standing.UNCONFIRMED])
    def test_ends_what_there_is(self, standing: Standing):
        """A no takes from the list whoever is on it, or is about to be."""
        for policy in (COMMERCETOOLS, LATEST, STRICTEST):
            assert action(policy, no(5), held(standing, 0)) == "unsubscribe"

    @pytest.mark.parametrize("membership", [Membership(), gone(0), held(Standing.BOUNCED, 0)])
    def test_leaves_who_is_off_the_list(self, membership: Membership):
        """A no does nothing to who is not on the list, and never turns a bounce into something else."""
        for policy in (COMMERCETOOLS, LATEST, STRICTEST):
            assert action(policy, no(5), membership) == "leave"

    def test_an_older_one_does_not_end_what_began_later(self):
        """Where the latest word holds, who subscribed after their no stays; for others a no is a no."""
        assert action(LATEST, no(0), active(5)) == "leave"
        assert action(COMMERCETOOLS, no(0), active(5)) == "unsubscribe"
        assert action(STRICTEST, no(0), active(5)) == "unsubscribe"

    def test_what_cannot_be_put_in_an_order_ends_it(self):
        """Of a no and a beginning so near to each other that no clock tells them apart, the no counts."""
        assert action(LATEST, no(0), active(0)) == "unsubscribe"
        assert action(LATEST, no(-5, 5), active(0)) == "unsubscribe"
        assert action(LATEST, no(0), active(GRACE.total_seconds() / 60)) == "unsubscribe"

    def test_without_any_time_it_is_held(self):
        """Where the latest word holds, a no or a beginning without a time is for a human."""
        assert action(LATEST, no(None), active(0)) == "hold"
        assert action(LATEST, no(0), active(None)) == "hold"
        assert action(STRICTEST, no(None), active(None)) == "unsubscribe"

    def test_what_we_began_counts_from_when_the_yes_was_said(self):
        """A yes at noon that we wrote ten minutes later is answered by a no of five minutes past, and by none before."""
        membership = active(10, begun_for=0)

        assert membership.begun_at == at(0)
        assert active(10).begun_at == at(10)
        assert action(LATEST, no(5), membership) == "unsubscribe"
        assert action(LATEST, no(0), membership) == "unsubscribe"
        assert action(LATEST, no(-1), membership) == "leave"
        assert action(LATEST, no(-1 / 60), membership) == "leave"
        assert action(LATEST, no(None), membership) == "hold"

    def test_what_we_began_needs_no_stamp(self):
        """When a yes was said that we wrote is known, whether the account has a stamp of the writing or not."""
        assert action(LATEST, no(5), active(None, begun_for=0)) == "unsubscribe"
        assert action(LATEST, no(-5), active(None, begun_for=0)) == "leave"

    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    @pytest.mark.parametrize("standing", [Standing.ACTIVE, Standing.UNCONFIRMED])
    def test_one_of_the_past_needs_a_time_of_its_own(self, policy: Policy, standing: Standing):
        """A no of the past that states no time waits until somebody has confirmed that it counts, however narrow it is."""
        on, confirmed = held(standing, -60), replace(policy, past_counts=True)

        assert action(policy, no(None, is_past=True), on) == "hold"
        for words in (no(-5, 5, is_past=True), no(5, is_past=True)):
            assert not words.is_stated
            assert action(policy, words, on) == "hold"
            assert not could_act(policy, words)
            assert action(confirmed, words, on) == "unsubscribe"
            assert could_act(confirmed, words)

    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    @pytest.mark.parametrize("since", [5, -5])
    def test_one_of_the_past_that_states_its_time_counts(self, policy: Policy, since: float):
        """A no that says itself when it was said ends what began before, be it a moment or a span, though found later."""
        stated = no(since, 5, is_past=True, is_stated=True)

        assert could_act(policy, stated)
        assert action(policy, stated, active(0)) == "unsubscribe"
        assert action(policy, stated, active(60)) == ("leave" if policy is LATEST else "unsubscribe")
        for membership in (Membership(), gone(0), held(Standing.BOUNCED, 0)):
            assert action(policy, stated, membership) == "leave"
            assert action(policy, no(-5, 5, is_past=True), membership) == "leave"

    def test_the_past_that_counts_is_put_in_an_order_all_the_same(self):
        """That the past counts makes nothing of it newer than it is."""
        confirmed = replace(LATEST, past_counts=True)

        assert action(confirmed, no(-5, 5, is_past=True), active(60)) == "leave"
        assert action(confirmed, no(None, is_past=True), active(60)) == "hold"


# -- several records ------------------------------------------------------------------------


class TestWeigh:
    def test_of_nothing_comes_nothing(self):
        """Where no record says anything, nothing is said."""
        assert weigh([], Owner.LATEST) is None
        assert weigh([said(Says.NOTHING, 5)], Owner.STRICTEST) is None

    def test_the_latest_holds_or_the_strictest(self):
        """Of a no at noon and a later yes, the owner says which counts."""
        first, then = no(0, number=1), yes(5, number=2)

        assert weigh([first, then], Owner.LATEST) == then
        assert weigh([first, then], Owner.COMMERCETOOLS) == then
        assert weigh([first, then], Owner.STRICTEST) == first

    def test_older_news_that_arrives_late_loses(self):
        """What was noticed last is not what was said last."""
        assert weigh([no(5, number=1), yes(0, number=2)], Owner.LATEST) == no(5, number=1)

    def test_what_cannot_be_put_in_an_order_is_taken_strictly(self):
        """Of two words within the grace, or within one another's span, the stricter counts."""
        assert weigh([no(0, number=1), yes(1 / 60, number=2)], Owner.LATEST) == no(0, number=1)
        assert weigh([no(0, number=1), yes(-5, 5, number=2)], Owner.LATEST) == no(0, number=1)
        assert weigh([no(-5, 5, number=1), yes(0, number=2)], Owner.LATEST) == no(-5, 5, number=1)

    @given(found=voices(), owner=st.sampled_from(Owner), data=st.data())
    def test_does_not_depend_on_the_order_of_records(
        self, found: Sequence[Evidence], owner: Owner, data: st.DataObject
    ):
        """However records come from the database, the same of them counts."""
        assert weigh(data.draw(st.permutations(found)), owner) == weigh(found, owner)

    @given(found=voices(), owner=st.sampled_from(Owner))
    def test_what_counts_is_one_of_them_that_says_something(self, found: Sequence[Evidence], owner: Owner):
        """Nothing is made up, and there is none only where all are silent."""
        counting = weigh(found, owner)

        if counting is None:
            assert all(each.says is Says.NOTHING for each in found)
        else:
            assert counting in found
            assert counting.says is not Says.NOTHING

    @given(found=voices())
    def test_one_no_is_enough_for_the_strictest(self, found: Sequence[Evidence]):
        """Where the strictest word holds, any explicit no counts before any yes."""
        counting = weigh(found, Owner.STRICTEST)

        if any(each.says is Says.NO and each.is_explicit for each in found):
            assert counting is not None
            assert counting.says is Says.NO
            assert counting.is_explicit

    @given(found=voices(), owner=st.sampled_from(Owner))
    def test_what_nobody_said_counts_only_alone(self, found: Sequence[Evidence], owner: Owner):
        """A value that came with a field or type gives way to whatever anybody said."""
        counting = weigh(found, owner)

        if any(each.is_explicit and each.says is not Says.NOTHING for each in found):
            assert counting is not None
            assert counting.is_explicit

    @given(found=voices(), owner=st.sampled_from(Owner))
    def test_a_wait_that_counts_is_alone(self, found: Sequence[Evidence], owner: Owner):
        """A confirmation that is waited for counts only where nobody has said yes or no themselves."""
        counting = weigh(found, owner)

        if counting is not None and counting.says is Says.PENDING:
            assert not any(each.is_explicit and each.says in (Says.YES, Says.NO) for each in found)

    @given(found=voices(), owner=st.sampled_from(Owner))
    def test_no_no_is_taken_back_but_by_a_trusted_yes_of_the_present(
        self, found: Sequence[Evidence], owner: Owner
    ):
        """Where a yes counts besides an explicit no, that was said before a trusted explicit yes of the present."""
        counting = weigh(found, owner)

        if counting is None or counting.says is not Says.YES:
            return
        better = [
            each.since
            for each in found
            if each.says is Says.YES
            and each.is_explicit
            and each.may_revive
            and not each.is_past
            and each.since
        ]
        for each in found:
            if each.says is Says.NO and each.is_explicit:
                assert owner is not Owner.STRICTEST
                assert each.at is not None
                assert each.at + GRACE < max(better)

    @given(found=voices(), owner=st.sampled_from(Owner))
    def test_of_one_word_the_better_is_taken(self, found: Sequence[Evidence], owner: Owner):
        """A yes of the present goes before one of the past, and a trusted one then; of noes, one that may end something."""
        counting = weigh(found, owner)

        if counting is None or not counting.is_explicit:
            return
        # What another word has overtaken is no rival, and neither is another word.
        alike = [each for each in found if each.is_explicit and each.says is counting.says]
        others = [
            each for each in found if each.says in (Says.YES, Says.NO) and each.says is not counting.says
        ]
        if others and owner is not Owner.STRICTEST:
            return
        if counting.says is Says.YES:
            best = max((not each.is_past, each.may_revive) for each in alike)
            assert (not counting.is_past, counting.may_revive) == best
        elif counting.says is Says.NO:
            assert (not counting.is_past or counting.is_stated) is any(
                not each.is_past or each.is_stated for each in alike
            )

    @pytest.mark.parametrize("owner", Owner)
    @pytest.mark.parametrize("words", [yes, no])
    def test_what_nobody_said_does_not_hide_a_wait(self, words: Callable[..., Evidence], owner: Owner):
        """A value that came with a field or type gives way to a confirmation that is waited for."""
        waits = pending(0, number=1)

        assert weigh([waits, words(None, number=2, is_explicit=False)], owner) == waits

    @given(found=voices())
    def test_a_no_after_all_else_counts(self, found: Sequence[Evidence]):
        """A no that was said after everything else counts, whoever's word holds."""
        last = Evidence(says=Says.NO, since=NOON + timedelta(days=9), at=NOON + timedelta(days=9), number=99)

        for owner in (Owner.COMMERCETOOLS, Owner.LATEST):
            assert weigh([*found, last], owner) == last
        counting = weigh([*found, last], Owner.STRICTEST)
        assert counting is not None
        assert counting.says is Says.NO

    def test_a_wait_does_not_take_a_no_back(self):
        """Who said no, and then asked for a confirmation that never came, is taken from the list."""
        counting = weigh([no(0, number=1), pending(5, number=2)], Owner.LATEST)

        assert action(LATEST, counting, active(-60)) == "unsubscribe"

    @pytest.mark.parametrize("owner", Owner)
    def test_a_wait_counts_where_nothing_else_was_said(self, owner: Owner):
        """A confirmation that is waited for gives way to any word, before it or after it, and to no silence."""
        waits = pending(5, number=1)

        assert weigh([waits], owner) == waits
        assert weigh([waits, said(Says.NOTHING, 9, number=2)], owner) == waits
        for minutes in (0, 5, 9):
            assert weigh([waits, yes(minutes, number=2)], owner) == yes(minutes, number=2)
            assert weigh([waits, no(minutes, number=2)], owner) == no(minutes, number=2)

    def test_of_the_same_word_the_better_source_counts(self):
        """Of two that cannot be put in an order, the one counts that is trusted, then the present, then the later."""
        spans = {"since": -5, "until": 5}
        trusted, copied = yes(**spans, number=1), yes(0, 9, number=2, may_revive=False)
        past = yes(0, 9, number=3, is_past=True)

        for owner in (Owner.LATEST, Owner.COMMERCETOOLS, Owner.STRICTEST):
            assert weigh([trusted, copied], owner) == trusted
            assert weigh([trusted, past], owner) == trusted
            assert weigh([yes(0, 3, number=1), yes(0, 4, number=2)], owner) == yes(0, 4, number=2)

    @pytest.mark.parametrize("copied", [yes(9, number=2, may_revive=False), yes(9, number=2, is_past=True)])
    def test_a_copy_does_not_hide_what_it_is_a_copy_of(self, copied: Evidence):
        """Who left at noon and said yes after that comes back, though a copy of the yes came later still."""
        counting = weigh([yes(5, number=1), copied], Owner.LATEST)

        assert action(LATEST, counting, gone(0)) == "subscribe"

    def test_a_no_that_was_taken_back_does_not_return(self):
        """A no that is older for certain than one yes does not count because another yes has a wide span."""
        found = [yes(0, 100, number=1), no(1, 2, number=2), yes(50, 60, number=3)]

        counting = weigh(found, Owner.LATEST)

        assert counting is not None
        assert counting.says is Says.YES

    def test_a_no_of_the_past_does_not_hide_one_of_the_present(self):
        """Who said no is taken from the list, though a record of the past says no later, and nobody knows when."""
        counting = weigh([no(0, number=1), no(5, 90, number=2, is_past=True)], Owner.LATEST)

        assert action(LATEST, counting, active(-60)) == "unsubscribe"

    def test_a_no_needs_no_trust(self):
        """A no of the present counts before one of the past that is held, whether its place revives or not."""
        counting = weigh(
            [no(0, number=1, may_revive=False), no(-90, -5, number=2, is_past=True)], Owner.STRICTEST
        )

        assert action(STRICTEST, counting, active(-60)) == "unsubscribe"

    def test_a_dated_no_of_the_past_goes_before_one_that_is_not(self):
        """A no of the past that says when it was said ends what it would end alone, though another is later."""
        stated = no(0, number=1, is_past=True, is_stated=True)

        for later in (no(5, 90, number=2, is_past=True), no(9, number=2, is_past=True)):
            counting = weigh([stated, later], Owner.STRICTEST)

            assert counting == stated
            assert action(STRICTEST, counting, active(-60)) == "unsubscribe"

    def test_of_two_noes_that_may_end_something_the_later_counts(self):
        """A stated no of the past that is later goes before one of the present, and before nothing that is later than it."""
        for owner in Owner:
            past, present = no(5, number=1, is_past=True, is_stated=True), no(0, number=2, may_revive=False)
            assert weigh([past, present], owner) == past
            assert weigh([past, no(9, number=3)], owner) == no(9, number=3)

    def test_a_yes_of_the_past_does_not_hide_one_of_the_present(self):
        """Who was never on the list is subscribed by a yes of the present, though an older one of the past is trusted."""
        found = [yes(0, number=1, is_past=True), yes(9, number=2, may_revive=False)]

        assert action(STRICTEST, weigh(found[1:], Owner.STRICTEST), Membership()) == "subscribe"
        assert action(STRICTEST, weigh(found, Owner.STRICTEST), Membership()) == "subscribe"

    def test_a_copy_takes_no_no_back(self):
        """Who said no is taken from the list, though a copied yes, or one of the past, came before that could be written."""
        for policy in (COMMERCETOOLS, LATEST):
            for later in (yes(5, number=2, may_revive=False), yes(5, number=2, is_past=True, is_stated=True)):
                counting = weigh([no(0, number=1), later], policy.owner)

                assert counting == no(0, number=1)
                assert action(policy, counting, active(-60)) == "unsubscribe"


# -- a look ---------------------------------------------------------------------------------


def kept(look: Look, known: Known | None = None) -> Known:
    """Return what is known after a look that nothing was sent after: our call too, as long as it is overruled."""
    if look.is_overruled:
        return replace(known or Known(), membership=look.membership, revived_over=look.revived_over)
    return Known(membership=look.membership)


def beginning(*, minute: float = 10, said_at: float = 0, is_proven: bool = True) -> Known:
    """Return what is known of one who was never on the list after our call to begin it, a second before its proof."""
    known = Known(intended=Standing.ACTIVE, intended_for=at(said_at), intended_at=at(minute))
    if not is_proven:
        return known
    begun = Membership(standing=Standing.ACTIVE, begun_for=at(said_at))
    return replace(known, membership=begun, written_at=at(minute) + SECOND)


def ending(*, minute: float = 10, said_at: float = 0, is_proven: bool = True) -> Known:
    """Return what is known of one on the list after our call to end it, a second before its proof."""
    known = Known(
        membership=active(), intended=Standing.UNSUBSCRIBED, intended_for=at(said_at), intended_at=at(minute)
    )
    if not is_proven:
        return known
    over = replace(active(), standing=Standing.UNSUBSCRIBED, ended_for=at(said_at))
    return replace(known, membership=over, written_at=at(minute) + SECOND)


def revival(*, left: float = 0, minute: float = 10, is_proven: bool = True) -> Known:
    """Return what is known of one who left, after our call to bring them back."""
    known = Known(
        membership=gone(left), intended=Standing.ACTIVE, intended_for=at(minute - 1), intended_at=at(minute),
        revived_over=at(left),
    )  # fmt: skip
    if not is_proven:
        return known
    back = replace(gone(left), standing=Standing.ACTIVE, begun_for=at(minute - 1))
    return replace(known, membership=back, written_at=at(minute) + SECOND)


class TestLook:
    @given(seen=memberships())
    def test_the_first_is_no_news(self, seen: Membership):
        """What is seen for the first time is taken as it is, and nobody changed it."""
        plain = replace(seen, ended_for=None, begun_for=None)

        assert look_at(None, plain) == Look(plain, is_news=False, revived_over=None)
        assert not look_at(None, plain).is_overruled

    @given(before=memberships(), seen=memberships(), intended=st.none() | st.sampled_from(Standing))
    def test_what_is_seen_is_what_is(self, before: Membership, seen: Membership, intended: Standing | None):
        """A look makes nothing else of what is seen than that whatever was no beginning outlives what showed it."""
        plain = replace(seen, ended_for=None, begun_for=None)
        known = Known(
            membership=before, intended=intended, intended_for=at(-5), intended_at=NOON, revived_over=None
        )

        look = look_at(known, plain)

        assert not look.is_overruled
        if plain.standing is Standing.NONE and before.standing is not Standing.ACTIVE:
            assert look == Look(before, is_news=False)
            return
        assert replace(look.membership, ended_for=None, begun_for=None) == plain
        if look.membership.ended_for is not None:
            assert plain.standing is Standing.UNSUBSCRIBED
            assert look.membership.ended_for in (at(-5), before.ended_for)
        if look.membership.begun_for is not None:
            assert plain.standing is Standing.ACTIVE
            assert look.membership.begun_for in (at(-5), before.begun_for)

    def test_our_own_end_is_no_news(self):
        """What we ended is known to be ours by its stamp, and since when the no was said."""
        look = look_at(ending(), gone(10))

        assert not look.is_news
        assert look.membership == gone(10, ended_for=0)
        assert look.membership.ended_at == at(0)

    def test_our_own_end_is_known_though_its_answer_was_lost(self):
        """An end that took effect and was never proven is ours all the same."""
        look = look_at(ending(is_proven=False), gone(10))

        assert not look.is_news
        assert look.membership.ended_for == at(0)

    @pytest.mark.parametrize(("after", "is_ours"), [(-11, False), (-10, True), (70, True), (71, False)])
    def test_a_call_that_nobody_waited_for_ends_at_last(self, after: int, *, is_ours: bool):
        """What is stamped later than our longest call could have gone on was not done by it, if it was not proven."""
        left = at(10) + timedelta(seconds=after)
        look = look_at(ending(is_proven=False), Membership(standing=Standing.UNSUBSCRIBED, left_at=left))

        assert timedelta(seconds=70) == LONGEST_CALL + STAMPED_WITHIN
        assert look.membership.ended_for == (at(0) if is_ours else None)
        assert look.is_news is not is_ours

    @pytest.mark.parametrize("after", [-10, 0, 11])
    def test_clocks_may_differ_a_little(self, after: int):
        """The stamp of our end may lie some seconds before our call or after its proof."""
        left = at(10) + timedelta(seconds=after)
        seen = Membership(standing=Standing.UNSUBSCRIBED, left_at=left)

        assert timedelta(seconds=abs(after)) <= STAMPED_WITHIN + SECOND
        assert look_at(ending(), seen).membership.ended_for == at(0)

    def test_their_own_leaving_is_news(self):
        """Who leaves a list by their own will is seen, and no word of ours stands for theirs."""
        look = look_at(kept(look_at(None, active())), gone(30))

        assert look.is_news
        assert look.membership.ended_for is None

    def test_their_own_later_leaving_is_theirs(self):
        """Who came back by themselves after our end, and left again, has left by their own will."""
        back = look_at(ending(), active(30))
        again = look_at(kept(back), gone(50))

        assert back.is_news
        assert again.is_news
        assert again.membership.ended_for is None
        assert action(STRICTEST, yes(55), again.membership) == "leave"

    def test_an_end_without_a_stamp_is_theirs(self):
        """Of an end that nobody dated it is not taken for granted that it was ours."""
        look = look_at(ending(), Membership(standing=Standing.UNSUBSCRIBED))

        assert look.membership.ended_for is None
        assert action(LATEST, yes(5), look.membership) == "hold"

    def test_a_bounce_is_news(self):
        """An address that bounced is seen, and is no end of ours."""
        look = look_at(ending(), held(Standing.BOUNCED, -60, 10))

        assert look.is_news
        assert look.membership.ended_for is None

    @pytest.mark.parametrize("is_proven", [True, False])
    def test_what_we_began_is_no_news(self, *, is_proven: bool):
        """A membership that we began is known by its stamp, and since when the yes was said; unproven, it is found."""
        look = look_at(beginning(is_proven=is_proven), active(10))

        assert look == Look(active(10, begun_for=0), is_news=False, is_found=not is_proven)
        assert look.membership.begun_at == at(0)

    def test_our_own_beginning_stays_ours(self):
        """However often a beginning of ours is looked at, it counts from when the yes was said."""
        look = look_at(beginning(), active(10))
        for _ in range(3):
            look = look_at(kept(look), active(10))

        assert look == Look(active(10, begun_for=0), is_news=False)
        assert action(LATEST, no(5), look.membership) == "unsubscribe"
        assert action(LATEST, no(-5), look.membership) == "leave"

    def test_their_own_later_beginning_is_theirs(self):
        """Who left after our beginning, and joined again by themselves, is on the list by their own word."""
        first = look_at(beginning(), active(10))
        left = look_at(kept(first), gone(30))
        again = look_at(kept(first), active(60, 30))

        assert left.is_news
        assert left.membership.begun_for is None
        assert again.membership == active(60, 30)
        assert action(LATEST, no(20), again.membership) == "leave"

    def test_a_beginning_without_a_stamp_is_theirs(self):
        """Of a beginning that nobody dated it is not taken for granted that it was ours."""
        look = look_at(beginning(), active(None))

        assert look.membership.begun_for is None
        assert action(LATEST, no(5), look.membership) == "hold"

    def test_a_beginning_of_somebody_else_is_theirs(self):
        """Who joined hours after a call of ours that was lost did so by themselves."""
        look = look_at(beginning(is_proven=False), active(120))

        assert look == Look(active(120), is_news=True)

    def test_a_revival_that_nobody_contradicted_stands(self):
        """Who was brought back and had left no later than we knew is simply on the list."""
        for is_proven in (True, False):
            look = look_at(revival(is_proven=is_proven), active(10, 0))

            assert not look.is_news
            assert not look.is_overruled

    def test_a_revival_over_a_later_no_is_overruled(self):
        """Who left while we wrote has the later word, whether the answer of our call came or not."""
        for is_proven in (True, False):
            look = look_at(revival(is_proven=is_proven), active(10, 9.9))

            assert look.is_news
            assert look.is_overruled
            assert look.revived_over == at(0)

    def test_a_revival_stays_overruled_until_their_no_is_restored(self):
        """However often it is looked at, who left while we wrote is to be taken off, until they are."""
        known = revival()
        for _ in range(3):
            look = look_at(known, active(10, 9.9))
            assert look.is_overruled
            known = kept(look, known)
            assert not known.is_settled

        restored = replace(
            known, intended=Standing.UNSUBSCRIBED, intended_for=None, intended_at=at(20), written_at=None
        )
        assert look_at(restored, active(10, 9.9)).is_overruled
        over = look_at(restored, gone(20))
        assert over == Look(replace(gone(20), ended_for=None), is_news=False, is_found=True)
        assert action(STRICTEST, yes(90), over.membership) == "leave"

    def test_what_is_settled(self):
        """What our last call made is known once it is proven, and of a revival once it was looked at."""
        assert Known().is_settled
        assert ending().is_settled
        assert not ending(is_proven=False).is_settled
        assert not revival().is_settled
        assert kept(look_at(revival(), active(10, 0))).is_settled

    def test_who_left_after_their_return_needs_no_restoring(self):
        """Who is off the list by the time of the look has simply left again."""
        look = look_at(revival(), gone(10.5))

        assert look.is_news
        assert not look.is_overruled
        assert look.membership.ended_for is None

    def test_our_own_end_stays_ours(self):
        """However often an end of ours is looked at, it counts from when the no was said."""
        first = look_at(ending(), gone(10))
        second = look_at(kept(first), gone(10))

        assert second.membership.ended_for == at(0)
        assert action(STRICTEST, yes(90), second.membership) == "subscribe"

    def test_a_call_that_never_arrived_ended_nothing(self):
        """Who left by themselves hours after a call of ours that was lost is not brought back by an older yes."""
        known = ending(minute=10, said_at=0, is_proven=False)

        look = look_at(known, gone(120))

        assert action(LATEST, yes(60), look.membership) == "leave"
        assert action(STRICTEST, yes(60), look.membership) == "leave"

    def test_who_came_and_left_between_two_looks_is_seen(self):
        """An end with a later stamp than the one that was known is news, though both are ends."""
        known = kept(look_at(None, gone(0)))

        assert look_at(known, gone(300)).is_news

    def test_who_left_and_came_back_after_a_revival_stays(self):
        """Who left an hour after we brought them back, and joined again by themselves, is not taken off."""
        look = look_at(revival(minute=10), active(joined=90, left=70))

        assert not look.is_overruled

    @pytest.mark.parametrize(
        "before", [gone(0), held(Standing.BOUNCED, -60, 0), held(Standing.UNCONFIRMED, -60, 0)]
    )
    def test_an_end_outlives_what_showed_it(self, before: Membership):
        """Who had left is not subscribed by an older yes because their membership is not shown any more."""
        look = look_at(Known(membership=before), Membership())

        assert look == Look(before, is_news=False)
        assert action(LATEST, yes(-30), look.membership) == "leave"
        assert action(LATEST, yes(30), look.membership) == "subscribe"
        assert look_at(kept(look), Membership()) == look

    def test_an_end_of_ours_outlives_what_showed_it(self):
        """Whom we had taken off comes back by what they say after their no, and by nothing before."""
        look = look_at(Known(membership=gone(10, ended_for=0)), Membership())

        assert look.membership == gone(10, ended_for=0)
        assert action(STRICTEST, yes(-5), look.membership) == "leave"
        assert action(STRICTEST, yes(5), look.membership) == "subscribe"

    def test_who_was_on_the_list_and_is_not_shown_any_more_had_not_left(self):
        """A beginning does not outlive its contact: nobody is believed to be on a list who is not."""
        look = look_at(Known(membership=active(0, begun_for=0)), Membership())

        assert look == Look(Membership(), is_news=True)

    def test_who_never_confirmed_is_not_subscribed_by_an_older_yes(self):
        """Whose contact is made anew before they confirmed is not subscribed by what they said before that."""
        before = held(Standing.UNCONFIRMED, 0)
        look = look_at(Known(membership=before), Membership())

        assert look == Look(before, is_news=False)
        assert action(LATEST, yes(-30), look.membership) == "leave"
        assert action(LATEST, yes(30), look.membership) == "subscribe"

    def test_who_left_while_we_wrote_stays_off_a_new_contact(self):
        """Who left after their yes, and was brought back over it, is not subscribed when their contact is made anew."""
        known = kept(look_at(revival(), active(10, 9.9)), revival())

        look = look_at(known, Membership())

        assert look == Look(Membership(standing=Standing.UNSUBSCRIBED, left_at=at(10) + SECOND))
        assert action(LATEST, yes(9), look.membership) == "leave"
        assert action(LATEST, yes(11), look.membership) == "subscribe"
        assert look_at(kept(look), Membership()) == look

    @pytest.mark.parametrize(("is_proven", "after"), [(True, SECOND), (False, 0 * SECOND)])
    def test_a_revival_that_nobody_looked_at_stays_off_a_new_contact(
        self, *, is_proven: bool, after: timedelta
    ):
        """Whether who was brought back had left meanwhile cannot be told of a contact made anew: they have, by our call."""
        look = look_at(revival(is_proven=is_proven), Membership())

        assert look == Look(Membership(standing=Standing.UNSUBSCRIBED, left_at=at(10) + after))
        assert action(LATEST, yes(9), look.membership) == "leave"
        assert action(STRICTEST, yes(90), look.membership) == "leave"

    @pytest.mark.parametrize(
        ("known", "seen"), [(ending(), gone(300)), (Known(membership=active()), active(90, 70))]
    )
    def test_their_own_doing_is_seen_though_they_stand_the_same(self, known: Known, seen: Membership):
        """Who came back and left after our own end, or left and came back after their beginning, is news."""
        assert look_at(known, seen).is_news

    def test_a_no_is_not_older_than_what_we_wrote_late(self):
        """A yes at noon, a no three minutes later and our writing of the yes in between end in a no."""
        known = Known(
            membership=Membership(standing=Standing.ACTIVE), intended=Standing.ACTIVE, intended_for=at(0),
            intended_at=at(5), written_at=at(5) + SECOND,
        )  # fmt: skip
        counting = weigh([yes(0, number=1), no(3, number=2)], Owner.LATEST)

        look = look_at(known, active(5))

        assert action(LATEST, counting, look.membership) == "unsubscribe"

    def test_a_bounce_is_later_than_the_beginning(self):
        """A yes between a beginning and a bounce that nobody dated brings nobody back."""
        assert action(LATEST, yes(30), held(Standing.BOUNCED, joined=0)) == "hold"


class TestOnOrders:
    @pytest.mark.parametrize(
        ("policy", "words", "standing", "word"),
        [
            (LATEST, yes(), [active()], Says.YES),
            (LATEST, yes(), [gone(), active()], Says.YES),
            (LATEST, yes(), None, Says.YES),
            (LATEST, yes(), [None], Says.NOTHING),
            (LATEST, yes(), [Membership()], Says.NOTHING),
            (LATEST, yes(), [gone()], Says.NO),
            (LATEST, yes(is_explicit=False), None, Says.NOTHING),
            (LATEST, no(), [active()], Says.NO),
            (LATEST, no(), None, Says.NO),
            (LATEST, None, [active()], Says.NOTHING),
            (LATEST, None, [gone()], Says.NO),
            (LATEST, pending(), None, Says.PENDING),
            (LATEST, yes(), [held(Standing.UNCONFIRMED)], Says.PENDING),
            (THEIRS, no(), [active()], Says.YES),
            (THEIRS, yes(), None, Says.NOTHING),
        ],
    )
    def test_it_says_yes_where_both_sides_do(
        self,
        policy: Policy,
        words: Evidence | None,
        standing: Sequence[Membership | None] | None,
        word: Says,
    ):
        """An order says yes only where the buyer did and is known to be on a list, if there is one; a no of either side is a no."""
        assert on_order(policy, words, standing) is word


class TestSending:
    def test_who_is_on_the_list_may_be_sent_to(self):
        """A message goes out to who is on the list, whatever the shop has said before."""
        for words in (None, yes(5), pending(5), yes(0, is_explicit=False), said(Says.NOTHING, 5)):
            assert may_send(LATEST, words, active(0)).action is Action.LEAVE
        assert may_send(LATEST, no(-5), active(0)).action is Action.LEAVE
        assert may_send(THEIRS, no(5), active(0)).action is Action.LEAVE

    def test_a_no_that_is_still_to_be_written_holds_it(self):
        """Nothing is sent to who has said no, though they are on the list as yet."""
        for policy in (COMMERCETOOLS, LATEST, STRICTEST):
            assert may_send(policy, no(5), active(0)).action is Action.HOLD

    @pytest.mark.parametrize("policy", [COMMERCETOOLS, LATEST, STRICTEST])
    def test_a_no_that_is_held_holds_it(self, policy: Policy):
        """Nothing is sent to whom a no is known of, before somebody has looked whether it counts."""
        for words in (no(5, is_explicit=False), no(None, is_explicit=False), no(5, 9, is_past=True)):
            assert action(policy, words, active(0)) == "hold"
            assert may_send(policy, words, active(0)).action is Action.HOLD

    def test_a_no_that_cannot_be_put_in_an_order_holds_it(self):
        """Nothing is sent where nobody can tell whether the no or the subscription is newer."""
        assert may_send(LATEST, no(None), active(0)).action is Action.HOLD
        assert may_send(LATEST, no(5), active(None)).action is Action.HOLD

    def test_a_no_since_a_yes_that_we_wrote_later_holds_it(self):
        """Nothing is sent to who said no after their yes, though we wrote that yes later still."""
        assert may_send(LATEST, no(3), active(5, begun_for=0)).action is Action.HOLD
        assert may_send(LATEST, no(-3), active(5, begun_for=0)).action is Action.LEAVE

    @given(policy=POLICIES, words=st.none() | evidences(), membership=memberships())
    def test_nobody_else_is_sent_to(self, policy: Policy, words: Evidence | None, membership: Membership):
        """Whoever is sent to is on the list, and is not about to be taken from it."""
        verdict = may_send(policy, words, membership)

        assert verdict.action in (Action.LEAVE, Action.HOLD)
        if verdict.action is Action.LEAVE:
            assert membership.standing is Standing.ACTIVE
            decided = decide(policy, words, membership).action
            assert decided is not Action.UNSUBSCRIBE
            assert decided is Action.LEAVE or words is None or words.says is not Says.NO

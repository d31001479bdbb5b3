"""Consent: what follows of what was said, where somebody stands, and who has the last word."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.consent import (
    GRACE,
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
) -> Membership:
    """Return a membership that began and ended so many minutes after noon."""
    moments = [None if each is None else at(each) for each in (joined, left, ended_for)]
    return Membership(standing=standing, joined_at=moments[0], left_at=moments[1], ended_for=moments[2])


def active(joined: float | None = -60, left: float | None = None) -> Membership:
    """Return one of somebody on the list."""
    return held(Standing.ACTIVE, joined, left)


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
        says=draw(st.sampled_from(Says)), since=since, at=until, is_explicit=draw(st.booleans()),
        is_past=draw(st.booleans()), may_revive=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def voices(draw: st.DrawFn) -> list[Evidence]:
    """Give what several records said, each with a number of its own."""
    found = draw(st.lists(evidences(), max_size=5))
    numbers = draw(st.permutations(range(1, len(found) + 1)))
    return [replace(each, number=number) for each, number in zip(found, numbers, strict=True)]


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    """Give wherever somebody may stand; only who is off the list was taken from it by us."""
    standing = draw(st.sampled_from(Standing))
    ended_for = draw(MAYBE) if standing is Standing.UNSUBSCRIBED else None
    return Membership(standing=standing, joined_at=draw(MAYBE), left_at=draw(MAYBE), ended_for=ended_for)


POLICIES = st.builds(Policy, owner=st.sampled_from(Owner), past_subscribes=st.booleans())


#: Of what is said, and of beginnings and ends, in seconds: about noon, within the grace and beyond it.
SAID_WITHIN = [(None, None), (-3600, -3600), (-3600, 3600), (0, 0), (2, 2), (3, 3), (3600, 3600)]
STAMPS = [None, -3600, 0]


def seconds(span: float | None) -> datetime | None:
    """Return a moment so many seconds after noon."""
    return None if span is None else NOON + timedelta(seconds=span)


@cache
def everything() -> tuple[tuple[Policy, Evidence, Membership, Action], ...]:
    """Return what follows of all that may be said, wherever somebody may stand, by any policy."""
    policies = [Policy(owner=owner, past_subscribes=is_on) for owner in Owner for is_on in (False, True)]
    words = [
        Evidence(
            says=says, since=seconds(since), at=seconds(until), is_explicit=is_explicit, is_past=is_past,
            may_revive=may_revive,
        )
        for says, (since, until), is_explicit, is_past, may_revive in product(
            Says, SAID_WITHIN, (True, False), (True, False), (True, False)
        )
    ]  # fmt: skip
    standings = [
        Membership(
            standing=standing, joined_at=seconds(joined), left_at=seconds(left), ended_for=seconds(ended_for)
        )
        for standing, joined, left, ended_for in product(Standing, STAMPS, STAMPS, STAMPS)
        if ended_for is None or standing is Standing.UNSUBSCRIBED
    ]
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

    def test_the_past_subscribes_nobody_unless_confirmed(self):
        """A record of the past subscribes only who was never on the list, and only where that is confirmed."""
        past = [each for each in cases(Action.SUBSCRIBE) if each[1].is_past]

        assert past
        assert all(policy.past_subscribes for policy, _, _ in past)
        assert {membership.standing for _, _, membership in past} == {Standing.NONE}

    def test_nobody_is_unsubscribed_but_by_an_explicit_no(self):
        """Whoever is taken from a list was on it, and has said no themselves."""
        ended = cases(Action.UNSUBSCRIBE)

        assert ended
        assert {words.says for _, words, _ in ended} == {Says.NO}
        assert all(words.is_explicit for _, words, _ in ended)
        assert Owner.ACTIVECAMPAIGN not in {policy.owner for policy, _, _ in ended}
        assert {each.standing for _, _, each in ended} == {Standing.ACTIVE, Standing.UNCONFIRMED}

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
        confirmed = replace(LATEST, past_subscribes=True)

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
        assert weigh([pending(0, number=1), yes(-5, 5, number=2)], Owner.LATEST) == pending(0, number=1)

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

    @given(found=voices())
    def test_a_no_after_all_else_counts(self, found: Sequence[Evidence]):
        """A no that was said after everything else counts, whoever's word holds."""
        last = Evidence(says=Says.NO, since=NOON + timedelta(days=9), at=NOON + timedelta(days=9), number=99)

        for owner in (Owner.COMMERCETOOLS, Owner.LATEST):
            assert weigh([*found, last], owner) == last
        counting = weigh([*found, last], Owner.STRICTEST)
        assert counting is not None
        assert counting.says is Says.NO

    @pytest.mark.xfail(strict=True, reason="a wait that comes after a no hides it, and who said no stays")
    def test_a_wait_does_not_take_a_no_back(self):
        """Who said no, and then asked for a confirmation that never came, is taken from the list."""
        counting = weigh([no(0, number=1), pending(5, number=2)], Owner.LATEST)

        assert action(LATEST, counting, active(-60)) == "unsubscribe"

    @pytest.mark.xfail(strict=True, reason="only the last yes is asked whether it may revive, not the best")
    @pytest.mark.parametrize("copied", [yes(9, number=2, may_revive=False), yes(9, number=2, is_past=True)])
    def test_a_copy_does_not_hide_what_it_is_a_copy_of(self, copied: Evidence):
        """Who left at noon and said yes after that comes back, though a copy of the yes came later still."""
        counting = weigh([yes(5, number=1), copied], Owner.LATEST)

        assert action(LATEST, counting, gone(0)) == "subscribe"

    @pytest.mark.xfail(strict=True, reason="what overtook a no is asked of the last word alone")
    def test_a_no_that_was_taken_back_does_not_return(self):
        """A no that is older for certain than one yes does not count because another yes has a wide span."""
        found = [yes(0, 100, number=1), no(1, 2, number=2), yes(50, 60, number=3)]

        counting = weigh(found, Owner.LATEST)

        assert counting is not None
        assert counting.says is Says.YES


# -- a look ---------------------------------------------------------------------------------


def kept(look: Look) -> Known:
    """Return what is known after a look that nothing was sent after."""
    return Known(membership=look.membership)


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
    back = replace(gone(left), standing=Standing.ACTIVE)
    return replace(known, membership=back, written_at=at(minute) + SECOND)


class TestLook:
    @given(seen=memberships())
    def test_the_first_is_no_news(self, seen: Membership):
        """What is seen for the first time is taken as it is, and nobody changed it."""
        plain = replace(seen, ended_for=None)

        assert look_at(None, plain, now=NOON) == Look(plain, is_news=False)

    @given(before=memberships(), seen=memberships(), intended=st.none() | st.sampled_from(Standing))
    def test_what_is_seen_is_what_is(self, before: Membership, seen: Membership, intended: Standing | None):
        """A look never makes another standing or stamp of what is seen, and only of an end that it was ours."""
        plain = replace(seen, ended_for=None)
        known = Known(
            membership=before, intended=intended, intended_for=at(-5), intended_at=NOON, revived_over=None
        )

        look = look_at(known, plain, now=NOON + SECOND)

        assert replace(look.membership, ended_for=None) == plain
        assert not look.is_overruled
        if look.membership.ended_for is not None:
            assert plain.standing is Standing.UNSUBSCRIBED

    def test_our_own_end_is_no_news(self):
        """What we ended is known to be ours by its stamp, and since when the no was said."""
        look = look_at(ending(), gone(10), now=at(60))

        assert not look.is_news
        assert look.membership == gone(10, ended_for=0)
        assert look.membership.ended_at == at(0)

    def test_our_own_end_is_known_though_its_answer_was_lost(self):
        """An end that took effect and was never proven is ours all the same."""
        look = look_at(ending(is_proven=False), gone(10), now=at(11))

        assert not look.is_news
        assert look.membership.ended_for == at(0)

    @pytest.mark.parametrize("after", [-10, 0, 11])
    def test_clocks_may_differ_a_little(self, after: int):
        """The stamp of our end may lie some seconds before our call or after its proof."""
        left = at(10) + timedelta(seconds=after)
        seen = Membership(standing=Standing.UNSUBSCRIBED, left_at=left)

        assert timedelta(seconds=abs(after)) <= STAMPED_WITHIN + SECOND
        assert look_at(ending(), seen, now=at(60)).membership.ended_for == at(0)

    def test_their_own_leaving_is_news(self):
        """Who leaves a list by their own will is seen, and no word of ours stands for theirs."""
        look = look_at(kept(look_at(None, active(), now=NOON)), gone(30), now=at(60))

        assert look.is_news
        assert look.membership.ended_for is None

    def test_their_own_later_leaving_is_theirs(self):
        """Who came back by themselves after our end, and left again, has left by their own will."""
        back = look_at(ending(), active(30), now=at(40))
        again = look_at(kept(back), gone(50), now=at(60))

        assert back.is_news
        assert again.is_news
        assert again.membership.ended_for is None
        assert action(STRICTEST, yes(55), again.membership) == "leave"

    def test_an_end_without_a_stamp_is_theirs(self):
        """Of an end that nobody dated it is not taken for granted that it was ours."""
        look = look_at(ending(), Membership(standing=Standing.UNSUBSCRIBED), now=at(60))

        assert look.membership.ended_for is None
        assert action(LATEST, yes(5), look.membership) == "hold"

    def test_a_bounce_is_news(self):
        """An address that bounced is seen, and is no end of ours."""
        look = look_at(ending(), held(Standing.BOUNCED, -60, 10), now=at(60))

        assert look.is_news
        assert look.membership.ended_for is None

    def test_what_we_began_is_no_news(self):
        """A membership that we began is known, whether its answer came or not."""
        known = Known(intended=Standing.ACTIVE, intended_for=at(0), intended_at=at(10))

        assert not look_at(known, active(10), now=at(11)).is_news

    def test_a_revival_that_nobody_contradicted_stands(self):
        """Who was brought back and had left no later than we knew is simply on the list."""
        for is_proven in (True, False):
            look = look_at(revival(is_proven=is_proven), active(10, 0), now=at(11))

            assert not look.is_news
            assert not look.is_overruled

    def test_a_revival_over_a_later_no_is_overruled(self):
        """Who left while we wrote has the later word, whether the answer of our call came or not."""
        for is_proven in (True, False):
            look = look_at(revival(is_proven=is_proven), active(10, 9.9), now=at(11))

            assert look.is_news
            assert look.is_overruled

    def test_who_left_after_their_return_needs_no_restoring(self):
        """Who is off the list by the time of the look has simply left again."""
        look = look_at(revival(), gone(10.5), now=at(11))

        assert look.is_news
        assert not look.is_overruled
        assert look.membership.ended_for is None

    @pytest.mark.xfail(strict=True, reason="the second look at our own end takes it for their own leaving")
    def test_our_own_end_stays_ours(self):
        """However often an end of ours is looked at, it counts from when the no was said."""
        first = look_at(ending(), gone(10), now=at(11))
        second = look_at(kept(first), gone(10), now=at(60))

        assert second.membership.ended_for == at(0)
        assert action(STRICTEST, yes(90), second.membership) == "subscribe"

    @pytest.mark.xfail(
        strict=True, reason="until a call is proven, whatever end comes later is taken for ours"
    )
    def test_a_call_that_never_arrived_ended_nothing(self):
        """Who left by themselves hours after a call of ours that was lost is not brought back by an older yes."""
        known = ending(minute=10, said_at=0, is_proven=False)

        look = look_at(known, gone(120), now=at(125))

        assert action(LATEST, yes(60), look.membership) == "leave"
        assert action(STRICTEST, yes(60), look.membership) == "leave"

    @pytest.mark.xfail(strict=True, reason="an end between two looks that both show one is no news")
    def test_who_came_and_left_between_two_looks_is_seen(self):
        """An end with a later stamp than the one that was known is news, though both are ends."""
        known = kept(look_at(None, gone(0), now=at(5)))

        assert look_at(known, gone(300), now=at(301)).is_news

    @pytest.mark.xfail(
        strict=True, reason="any leaving since a revival overrules it, though they came back since"
    )
    def test_who_left_and_came_back_after_a_revival_stays(self):
        """Who left an hour after we brought them back, and joined again by themselves, is not taken off."""
        look = look_at(revival(minute=10), active(joined=90, left=70), now=at(100))

        assert not look.is_overruled

    @pytest.mark.xfail(strict=True, reason="an end is forgotten with the contact or the row that showed it")
    @pytest.mark.parametrize("before", [gone(0), held(Standing.BOUNCED, -60, 0)])
    def test_an_end_outlives_what_showed_it(self, before: Membership):
        """Who had left is not subscribed by an older yes because their membership is not shown any more."""
        look = look_at(Known(membership=before), Membership(), now=at(60))

        assert action(LATEST, yes(-30), look.membership) != "subscribe"

    @pytest.mark.xfail(strict=True, reason="our own beginning is compared with a no by when it was written")
    def test_a_no_is_not_older_than_what_we_wrote_late(self):
        """A yes at noon, a no three minutes later and our writing of the yes in between end in a no."""
        known = Known(
            membership=Membership(standing=Standing.ACTIVE), intended=Standing.ACTIVE, intended_for=at(0),
            intended_at=at(5), written_at=at(5) + SECOND,
        )  # fmt: skip
        counting = weigh([yes(0, number=1), no(3, number=2)], Owner.LATEST)

        look = look_at(known, active(5), now=at(6))

        assert action(LATEST, counting, look.membership) == "unsubscribe"

    @pytest.mark.xfail(strict=True, reason="a bounce without a stamp counts from when somebody subscribed")
    def test_a_bounce_is_later_than_the_beginning(self):
        """A yes between a beginning and a bounce that nobody dated brings nobody back."""
        assert action(LATEST, yes(30), held(Standing.BOUNCED, joined=0)) == "hold"


class TestSending:
    def test_who_is_on_the_list_may_be_sent_to(self):
        """A message goes out to who is on the list, whatever the shop has said before."""
        for words in (None, yes(5), pending(5), no(0, is_explicit=False)):
            assert may_send(LATEST, words, active(0)).action is Action.LEAVE
        assert may_send(LATEST, no(-5), active(0)).action is Action.LEAVE

    def test_a_no_that_is_still_to_be_written_holds_it(self):
        """Nothing is sent to who has said no, though they are on the list as yet."""
        for policy in (COMMERCETOOLS, LATEST, STRICTEST):
            assert may_send(policy, no(5), active(0)).action is Action.HOLD

    @given(policy=POLICIES, words=st.none() | evidences(), membership=memberships())
    def test_nobody_else_is_sent_to(self, policy: Policy, words: Evidence | None, membership: Membership):
        """Whoever is sent to is on the list, and is not about to be taken from it."""
        verdict = may_send(policy, words, membership)

        assert verdict.action in (Action.LEAVE, Action.HOLD)
        if verdict.action is Action.LEAVE:
            assert membership.standing is Standing.ACTIVE
            assert decide(policy, words, membership).action is not Action.UNSUBSCRIBE

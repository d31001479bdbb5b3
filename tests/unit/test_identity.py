"""Whom a record concerns: addresses in normal form, and how persons are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.identity import (
    Begin,
    Join,
    PersonId,
    Rename,
    Resolution,
    Stay,
    normal_address,
    resolve_customer,
)

PERSONS = st.integers(1, 3).map(PersonId)
A, B = PersonId(1), PersonId(2)


class TestNormalAddress:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("Ann@Example.ORG", "ann@example.org"),
            (" ann@example.org\n", "ann@example.org"),
            ("JÜRGEN@example.org", "jürgen@example.org"),
            ("", None),
            ("  ", None),
            (None, None),
        ],
    )
    def test_trimmed_and_in_lower_case(self, text: str | None, address: str | None):
        """Case and blanks around do not make another person; nothing is no address."""
        assert normal_address(text) == address

    @given(st.text(st.characters(codec="ascii"), max_size=30))
    def test_is_its_own_normal_form(self, text: str):
        """Normalising twice changes nothing, whatever the case was."""
        once = normal_address(text)

        assert normal_address(once) == once
        assert normal_address(text.upper()) == once


class TestResolveCustomer:
    @pytest.mark.parametrize(
        ("own", "holder", "is_shared", "resolution"),
        [
            (None, None, False, Begin()),
            (None, A, False, Join(A)),
            (A, A, False, Stay(A)),
            (A, A, True, Stay(A)),
            (A, B, False, Join(B)),
            (A, B, True, Join(B)),
            (A, None, False, Rename(A)),
            (A, None, True, Begin()),
        ],
    )
    def test_each_case(
        self, *, own: PersonId | None, holder: PersonId | None, is_shared: bool, resolution: Resolution
    ):
        """The holder of the address wins; an address nobody holds renames, unless others stay behind."""
        assert resolve_customer(own=own, holder=holder, is_shared=is_shared) == resolution

    @given(own=st.none() | PERSONS, holder=st.none() | PERSONS, is_shared=st.booleans())
    def test_an_address_never_has_two_holders(
        self, *, own: PersonId | None, holder: PersonId | None, is_shared: bool
    ):
        """Whoever holds an address is the person; a shared address is never taken along."""
        found = resolve_customer(own=own, holder=holder, is_shared=is_shared)

        assert holder is None or (isinstance(found, Stay | Join) and found.person == holder)
        assert not (is_shared and isinstance(found, Rename))
        assert isinstance(found, Stay) == (own is not None and own == holder)

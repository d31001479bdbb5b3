"""How much may be missing before a human has to look."""

from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.domain.deletion import FEW, MANY, ONE_IN, Absence

COUNTS = st.integers(min_value=0, max_value=10**7)


class TestAbsence:
    @given(known=COUNTS, missing=COUNTS)
    def test_beyond_a_hundred_or_half_a_percent_it_is_too_much(self, *, known: int, missing: int):
        """Above either bound a human looks, but for a handful, of which each would be a share."""
        is_much = missing > MANY or missing * ONE_IN > known

        assert Absence(missing, known).is_too_large is (is_much and missing > FEW)

    @given(known=COUNTS, missing=COUNTS)
    def test_more_missing_is_never_less_of_a_fault(self, *, known: int, missing: int):
        """What is too much stays so when one more is missing."""
        if Absence(missing, known).is_too_large:
            assert Absence(missing + 1, known).is_too_large

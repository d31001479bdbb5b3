"""Bulk imports of the look-alike: refused as a whole, applied later, and not always ended well."""

from typing import Any

import pytest
import requests
from account import Account

BOTH = pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
GOOD, BAD = "good@example.org", "odd(name)@example.org"


@pytest.fixture(name="account")
def _account(account_url: str) -> Account:
    return Account(account_url).at_once()


def _refused(account: Account, rows: list[Any]) -> Any:
    answer = account.call("POST", "/import/bulk_import", {"contacts": rows})
    assert answer.status_code == 400
    assert answer.json()["success"] == 0
    return answer.json()["failureReasons"]


class TestQueueing:
    @BOTH
    def test_one_bad_row_refuses_all(self, account: Account):
        """The row is named, counted from one, and nothing at all is queued."""
        reasons = _refused(account, [{"email": GOOD}, {"email": "no address"}, {"first_name": "Ada"}])

        assert [reason["contact"] for reason in reasons] == [2, 3]
        assert account.ask("state")["imports"] == []
        assert account.emails() == []

    def test_values_are_ids_with_text(self, account: Account):
        """A field's id is a number and its value a text, or the import is refused."""
        wrong: list[Any] = [[{"id": "1", "value": "x"}], [{"id": 1}], [{"id": 1, "value": 2}], "none"]

        reasons = _refused(account, [{"email": GOOD, "fields": fields} for fields in wrong])

        assert [reason["contact"] for reason in reasons] == [1, 2, 3, 4]

    def test_an_import_has_its_size(self, account: Account):
        """More than 250 rows, or more bytes than the vendor takes, are refused."""
        too_many = [{"email": f"p{n}@example.org"} for n in range(251)]
        too_much = [{"email": GOOD, "first_name": "x" * 400_000}]

        assert "250" in _refused(account, too_many)[0]
        assert "399999" in _refused(account, too_much)[0]

    @pytest.mark.parametrize(("rows", "allowed"), [(1, 20), (2, 100)])
    def test_too_many_in_a_minute_are_a_400(self, account: Account, rows: int, allowed: int):
        """The limit of imports a minute is no 429, and is lower for imports of one contact."""
        emails = [f"p{n}@example.org" for n in range(rows)]
        for _ in range(allowed):
            account.queue(*emails)

        answer = account.call("POST", "/import/bulk_import", {"contacts": [{"email": e} for e in emails]})

        assert (answer.status_code, answer.json()["message"]) == (400, "Rate limit exceeded.")
        assert answer.json()["failureReasons"][0].startswith(f"Up to {allowed} imports")

    @pytest.mark.parametrize("key", ["Success", "success"])
    def test_the_answer_is_spelt_in_two_ways(self, account: Account, key: str):
        """The documentation spells one key in two ways, and both are played."""
        account.switch(import_success_key=key)

        answer = account.post("/import/bulk_import", {"contacts": [{"email": GOOD}]})

        assert (answer[key], answer["queued_contacts"]) == (1, 1)


class TestCourse:
    def test_a_status_goes_its_way(self, account: Account):
        """The status is false at first, then goes on to completed; only then are rows there."""
        account.switch(import_seconds=0.8)
        batch, seen = account.queue(GOOD), []

        while not seen or seen[-1] != "completed":
            info = account.info(batch)
            seen += [info["status"]] if info["status"] not in seen[-1:] else []
            assert info["status"] == "completed" or info["success"] == []

        assert seen == [False, "waiting", "claimed", "active", "completed"]
        assert account.info(batch)["success"] == ["1"]

    def test_outstanding_imports_are_counted(self, account: Account):
        """The account's list tells what is outstanding and what was completed, by day."""
        account.switch(import_seconds=0.5)
        batch = account.queue(GOOD, "other@example.org")

        before = account.get("/import/bulk_import")
        account.ended(batch)
        after = account.get("/import/bulk_import")

        counts = [{"batches": "1", "contacts": "2"}]
        assert [_undated(before["outstanding"]), before["recentlyCompleted"]] == [counts, []]
        assert [after["outstanding"], _undated(after["recentlyCompleted"])] == [[], counts]

    @pytest.mark.parametrize(("lists", "ids"), [("created", ["2"]), ("all", ["1", "2"])])
    def test_success_lists_the_new_or_all(self, account: Account, lists: str, ids: list[str]):
        """Whether known contacts are listed as success is open, and both are played."""
        account.switch(import_success_ids=lists)
        account.sync(GOOD)

        assert account.ended(account.queue(GOOD, "new@example.org"))["success"] == ids

    @pytest.mark.parametrize(
        ("position", "row", "top", "is_quiet"),
        [
            ("contact", True, False, True),
            ("contact", False, True, False),
            ("top", True, False, False),
            ("top", False, True, True),
            ("both", True, False, False),
            ("both", True, True, True),
        ],
    )
    def test_automations_are_excluded_where_it_is_read(
        self, account: Account, *, position: str, row: bool, top: bool, is_quiet: bool
    ):
        """Automations start unless they are excluded in the place that counts, which is open."""
        account.switch(exclude_automations_position=position)
        body = {"contacts": [{"email": GOOD, "exclude_automations": row}], "exclude_automations": top}

        account.ended(account.post("/import/bulk_import", body)["batchId"])

        assert bool(account.log("automation_started")) is not is_quiet


class TestPassedOver:
    @BOTH
    @pytest.mark.parametrize("name", ["excluded", "bounced"])
    def test_a_listed_address_is_not_refused_but_passed_over(self, account: Account, name: str):
        """Who is excluded or bounced is queued like anybody, and then named in failure."""
        account.ask("exclusions", {"addresses": ["Never@example.org"], "list": name})

        info = account.ended(account.queue(GOOD, "never@example.org"))

        assert info == {"status": "completed", "success": ["1"], "failure": ["never@example.org"]}
        assert account.emails() == [GOOD]

    def test_a_known_contact_that_is_excluded_is_not_changed(self, account: Account):
        """An import passes over who was excluded later, whatever the row says."""
        account.sync(GOOD, firstName="Ada")
        account.ask("exclusions", {"addresses": [GOOD]})

        rows = [{"email": GOOD, "first_name": "Eve"}]
        account.ended(account.post("/import/bulk_import", {"contacts": rows})["batchId"])

        assert account.ask("state")["contacts"][0]["firstName"] == "Ada"
        assert [row["matchPhrase"] for row in account.get("/lists/exclusions")["exclusions"]] == [GOOD]

    def test_the_contact_limit_lets_only_the_known_pass(self, account: Account):
        """Over the account's limit new contacts are named in failure, and known ones still change."""
        account.sync(GOOD)
        account.ask("contact_limit", {"limit": 2})

        info = account.ended(account.queue("second@example.org", "third@example.org", GOOD))

        assert info["failure"] == ["third@example.org"]
        assert account.emails() == [GOOD, "second@example.org"]

    @pytest.mark.parametrize("account_url", ["b"], indirect=True)
    def test_a_bad_address_may_be_found_only_later(self, account: Account):
        """An address against the vendor's rules may be queued, and then named in failure."""
        info = account.ended(account.queue(GOOD, BAD, "a@localhost"))

        assert info["failure"] == [BAD, "a@localhost"]
        assert account.emails() == [GOOD]

    def test_a_bad_address_may_refuse_the_import(self, account: Account):
        """The same address may refuse all of it at once: which of the two is open."""
        assert _refused(account, [{"email": GOOD}, {"email": BAD}])[0]["contact"] == 2

    @pytest.mark.parametrize(("does", "status"), [("taken", 201), ("refused", 422)])
    def test_a_sync_takes_whom_an_import_passes_over_or_not(self, account: Account, does: str, status: int):
        """Whether contact/sync takes an excluded address is open, and both are played."""
        account.switch(unimportable_sync=does)
        account.ask("exclusions", {"addresses": [GOOD]})

        assert account.call("POST", "/contact/sync", {"contact": {"email": GOOD}}).status_code == status


class TestBadEnds:
    PEOPLE = tuple(f"p{n}@example.org" for n in range(4))

    @BOTH
    @pytest.mark.parametrize(
        ("end", "share", "applied"), [("failed", 0, 0), ("interrupted", 0.5, 2), ("failed", 1, 4)]
    )
    def test_an_import_ends_badly(self, account: Account, end: str, share: float, applied: int):
        """An import fails or is interrupted, perhaps partly applied, and is not tried again."""
        account.ask("imports/next", {"end": end, "applied": share})

        info = account.ended(account.queue(*self.PEOPLE))

        assert info["status"] == end
        assert account.emails() == list(self.PEOPLE[:applied])
        assert account.get("/import/bulk_import") == {"outstanding": [], "recentlyCompleted": []}
        assert account.ended(account.queue(*self.PEOPLE))["status"] == "completed"

    @pytest.mark.parametrize(("tells", "ids"), [(True, ["1", "2"]), (False, [])])
    def test_a_bad_end_may_keep_silent(self, account: Account, *, tells: bool, ids: list[str]):
        """Whether a failed import lists what it had applied is open, and both are played."""
        account.switch(ended_import_tells=tells)
        account.ask("imports/next", {"end": "failed", "applied": 0.5})

        assert account.ended(account.queue(*self.PEOPLE))["success"] == ids

    def test_an_import_never_ends(self, account: Account):
        """A stuck import stays active and outstanding, though it may have been applied."""
        account.ask("imports/next", {"end": "stuck", "applied": 1})

        batch = account.queue(*self.PEOPLE)

        account.until(lambda: len(account.emails()) == 4)
        assert account.info(batch)["status"] == "active"
        assert account.get("/import/bulk_import")["outstanding"][0]["batches"] == "1"

    def test_doors_say_what_is_wrong(self, account: Account):
        """A control door that is asked nonsense does nothing, and says so."""
        nonsense: list[tuple[str, Any]] = [
            ("imports/next", {"end": "well"}),
            ("imports/next", {"end": "failed", "applied": 2}),
            ("imports/next", {"end": "failed", "times": 0}),
            ("imports/next", {"end": "failed", "when": "soon"}),
            ("imports/next", []),
            ("exclusions", {"addresses": GOOD}),
            ("exclusions", {"addresses": [GOOD], "list": "liked"}),
            ("contact_limit", {"limit": -1}),
            ("contact_limit", {}),
        ]

        answers = [
            requests.post(f"{account.url}/_sandbox/{door}", json=body, timeout=5) for door, body in nonsense
        ]

        assert {answer.status_code for answer in answers} == {400}
        assert all(answer.json()["message"] for answer in answers)
        assert account.ended(account.queue(GOOD))["status"] == "completed"


def _undated(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k != "forDate"} for row in rows]

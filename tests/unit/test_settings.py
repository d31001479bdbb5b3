"""Settings: what the environment says, and all that is wrong with it at once."""

import itertools
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_ac_sync.errors import ConfigurationError
from ct_ac_sync.settings import LIMITS, VARIABLES, EventHostAccess, read_one, read_settings

ROOT = Path(__file__).parents[2]
SECRET = "hidden-by-all-means"

GIVEN = {
    "DATABASE_URL": f"postgresql://user:{SECRET}@db/ct",
    "REDIS_URL": f"redis://:{SECRET}@redis/0",
    "CTP_PROJECT_KEY": "shop",
    "CTP_CLIENT_ID": f"{SECRET}-id",
    "CTP_CLIENT_SECRET": SECRET,
    "CTP_AUTH_URL": "https://auth.europe-west1.gcp.commercetools.com",
    "CTP_API_URL": "https://api.europe-west1.gcp.commercetools.com",
    "AC_API_URL": "https://Acme.API-us1.com/api/3",
    "AC_API_TOKEN": SECRET,
}


def faults_of(**changes: str | None) -> list[str]:
    """Return the faults of the given environment with *changes*; None takes a variable away."""
    changed = {name: value for name, value in (GIVEN | changes).items() if value is not None}
    try:
        read_settings(changed)
    except ConfigurationError as error:
        head, *lines = str(error).split("\n  ")
        assert head == "settings are wrong:"
        return lines
    return []


def of(**changes: str) -> Any:
    """Return the settings of the given environment with *changes*."""
    return read_settings(GIVEN | changes)


class TestReadSettings:
    def test_defaults_are_enough(self):
        """Only what has no default must be set."""
        required = {v.name for v in VARIABLES.values() if v.default is None}

        settings = read_settings({name: GIVEN[name] for name in required})

        assert settings.lease == timedelta(seconds=120)
        assert settings.redis_url == ""
        assert settings.start is None

    def test_every_default_is_valid(self):
        """A default passes its own check."""
        for variable in VARIABLES.values():
            if variable.default is not None:
                variable.parse(variable.default)

    def test_all_that_is_not_set_is_named_at_once(self):
        """An empty environment names every variable that must be set, and what it is."""
        with pytest.raises(ConfigurationError) as caught:
            read_settings({})

        for variable in VARIABLES.values():
            is_named = f"{variable.name}: is not set; it is {variable.about}" in str(caught.value)
            assert is_named is (variable.default is None)

    def test_faults_of_every_kind_are_reported_together(self):
        """Unset, wrong, unknown and contradictory come in one message."""
        faults = faults_of(
            CTP_PROJECT_KEY=None,
            AC_API_URL="acme.example",
            CT_AC_SYNC_LEESE_SECONDS="9",
            CT_AC_SYNC_SOFT_SECONDS="90",
            CT_AC_SYNC_MAX_ATTEMPTS="many",
        )

        names = [fault.split(":")[0].split(" ")[0] for fault in faults]
        assert names == [
            "CTP_PROJECT_KEY",
            "AC_API_URL",
            "CT_AC_SYNC_MAX_ATTEMPTS",
            "CT_AC_SYNC_LEESE_SECONDS",
            "CT_AC_SYNC_SOFT_SECONDS",
        ]

    @pytest.mark.parametrize(
        "name", ["CT_AC_SYNC_LEASE", "CT_AC_SYNC_FROM_", "CT_AC_SYNC_LEASE_SECONDS_FILES"]
    )
    def test_a_variable_nobody_knows_is_a_fault(self, name: str):
        """A misspelt variable of ours is told, not passed over."""
        assert faults_of(**{name: "1"}) == [f"{name}: is not a setting"]

    def test_variables_of_others_are_left_alone(self):
        """The environment is full of things that are not ours."""
        assert faults_of(PATH="/bin", CTP_REGION="x", AC_EVENTS_KEY="y", ct_ac_sync_from="z") == []

    @pytest.mark.parametrize(("short", "long"), list(itertools.pairwise(LIMITS)))
    def test_the_limits_must_grow(self, short: str, long: str):
        """A call ends before its task, and a task before its lease; equal is not less."""
        value = f"{VARIABLES[long].default}"

        faults = faults_of(**{VARIABLES[short].name: value})

        assert (
            f"{VARIABLES[short].name} must be less than {VARIABLES[long].name}: {value} is not less than {value}"
            in faults
        )

    def test_a_slice_fits_its_task(self):
        """A slice longer than the soft limit is a contradiction."""
        assert faults_of(CT_AC_SYNC_SLICE_SECONDS="61") == [
            "CT_AC_SYNC_SLICE_SECONDS must not exceed CT_AC_SYNC_SOFT_SECONDS"
        ]

    @pytest.mark.parametrize("text", ["", "0", "-1", "1e-9", "nan", "inf", "1e300", "soon", "1,2", "³"])
    def test_seconds_are_a_number_that_makes_sense(self, text: str):
        """Whatever is no positive, finite number of seconds is told in one line."""
        (fault,) = faults_of(CT_AC_SYNC_OVERLAP_SECONDS=text)

        assert fault.startswith("CT_AC_SYNC_OVERLAP_SECONDS: expected a number of seconds")
        assert fault.endswith(f"not {text!r}")

    @pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "³", "many", "9" * 5000])
    def test_counts_are_whole_numbers(self, text: str):
        """Whatever is no whole number above nought is told in one line."""
        (fault,) = faults_of(CT_AC_SYNC_MAX_ATTEMPTS=text)

        assert fault.startswith("CT_AC_SYNC_MAX_ATTEMPTS: expected a whole number")

    @pytest.mark.parametrize("text", ["", " ", "two words", "new\nline", "schlüssel"])
    @pytest.mark.parametrize("name", ["CTP_PROJECT_KEY", "CTP_CLIENT_SECRET", "AC_API_TOKEN"])
    def test_keys_and_secrets_are_one_word(self, name: str, text: str):
        """What cannot stand in a header or an address was copied wrongly."""
        (fault,) = faults_of(**{name: text})

        assert fault.startswith(f"{name}: expected one word of ASCII characters, not ")

    def test_several_waits_are_a_list(self):
        """Waits are separated by commas, and each is checked."""
        assert of(CT_AC_SYNC_READBACK_SECONDS="1, 2.5").readbacks == (
            timedelta(seconds=1),
            timedelta(seconds=2.5),
        )
        assert len(faults_of(CT_AC_SYNC_READBACK_SECONDS="1,,2")) == 1

    @pytest.mark.parametrize(
        ("text", "start"),
        [
            ("", None),
            ("everything", "everything"),
            (" now ", "now"),
            ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
            ("2026-03-01T02:00:00+02:00", datetime(2026, 3, 1, tzinfo=UTC)),
            ("2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        ],
    )
    def test_the_start_is_a_word_or_an_instant(self, text: str, start: Any):
        """A date without a zone is taken in UTC."""
        assert of(CT_AC_SYNC_FROM=text).start == start

    @pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "Everything", "0001-01-01T00:00:00+14:00"])
    def test_a_start_that_is_none_is_a_fault(self, text: str):
        """Nonsense as a start is told with what would be right."""
        (fault,) = faults_of(CT_AC_SYNC_FROM=text)

        assert fault == f"CT_AC_SYNC_FROM: expected everything, now, or an ISO date or instant, not {text!r}"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "acme.example",
            "http:acme",
            "ftp://acme",
            "https://",
            "https:///x",
            "http://[",
            "http://a:b",
            "https://u:p@acme",
            "https://acme?x=1",
        ],
    )
    @pytest.mark.parametrize("name", ["AC_API_URL", "CTP_API_URL", "CTP_AUTH_URL"])
    def test_an_address_is_a_host_over_http(self, name: str, text: str):
        """What is no plain address of a host is told in one line."""
        (fault,) = faults_of(**{name: text})

        assert fault.startswith(f"{name}: expected ")

    @pytest.mark.parametrize(
        "text", ["postgresql://", "postgres:///ct", "postgresql://h:1,i:2/ct?target_session_attrs=any"]
    )
    def test_a_database_may_be_given_as_libpq_has_it(self, text: str):
        """Sockets and several hosts are addresses too."""
        assert of(DATABASE_URL=text).database_url == text

    @pytest.mark.parametrize("text", ["", "redis://h", "rediss://h:6380/1", "sentinel://h:1;sentinel://i:2"])
    def test_a_broker_may_be_given_as_celery_has_it(self, text: str):
        """Several sentinels are an address, and none is for who needs no broker."""
        assert of(REDIS_URL=text).redis_url == text

    def test_the_destination_has_no_case(self):
        """One account has one name in the tables, however its address is written."""
        assert of().destinations[0].name == "acme.api-us1.com"
        assert of(AC_API_URL="https://acme.api-us1.com/").destinations[0].name == of().destinations[0].name


class TestReadOne:
    def test_one_is_read_without_the_others(self, tmp_path: Path):
        """A command that needs one setting reads it as all are read, from a file too."""
        (tmp_path / "url").write_text(GIVEN["DATABASE_URL"], "utf-8")

        assert read_one({"DATABASE_URL_FILE": str(tmp_path / "url")}, "database_url") == GIVEN["DATABASE_URL"]

    @pytest.mark.parametrize("given", [{}, {"DATABASE_URL": f"mysql://u:{SECRET}@h/x"}])
    def test_its_fault_is_told(self, given: dict[str, str]):
        """Missing or wrong is a configuration error that names the variable and no secret."""
        with pytest.raises(ConfigurationError, match="DATABASE_URL: ") as caught:
            read_one(given, "database_url")

        assert SECRET not in str(caught.value)


class TestFiles:
    def test_a_value_may_stand_in_a_file(self, tmp_path: Path):
        """NAME_FILE is a path whose content, trimmed, is the value."""
        (tmp_path / "token").write_text(f" {SECRET}\n", "utf-8")

        settings = read_settings(
            {k: v for k, v in GIVEN.items() if k != "AC_API_TOKEN"}
            | {"AC_API_TOKEN_FILE": str(tmp_path / "token")}
        )

        assert settings.destinations[0].token == SECRET

    def test_both_at_once_is_a_fault(self, tmp_path: Path):
        """Of two values nobody knows which is meant."""
        faults = faults_of(AC_API_TOKEN_FILE=str(tmp_path / "token"))

        assert faults == ["AC_API_TOKEN: is set, and so is AC_API_TOKEN_FILE; keep one of them"]

    @pytest.mark.parametrize("content", [None, b"\xff\xfe", b""])
    def test_a_file_that_cannot_be_read_is_a_fault(self, tmp_path: Path, content: bytes | None):
        """Missing, binary and empty files are told like any other fault."""
        path = tmp_path / "token"
        if content is not None:
            path.write_bytes(content)

        faults = faults_of(AC_API_TOKEN=None, AC_API_TOKEN_FILE=str(path))

        assert len(faults) == 1
        assert faults[0].startswith("AC_API_TOKEN: ")

    def test_a_folder_is_no_file(self, tmp_path: Path):
        """A path to a folder is told with its reason."""
        (fault,) = faults_of(AC_API_TOKEN=None, AC_API_TOKEN_FILE=str(tmp_path))

        assert "Is a directory" in fault


class TestEventHost:
    def test_without_its_variables_nothing_is_tracked(self):
        """An account whose event host nobody names has none."""
        assert of().destinations[0].events is None

    def test_all_that_it_needs(self, tmp_path: Path):
        """Its id and key come from the environment, and its key may stand in a file and is not shown."""
        key = tmp_path / "key"
        key.write_text(f"{SECRET}-events\n")

        (access,) = of(AC_EVENT_ACTID=" 25 ", AC_EVENT_KEY_FILE=str(key)).destinations

        assert access.events == EventHostAccess(
            url="https://trackcmp.net/event", actid="25", key=f"{SECRET}-events"
        )
        assert SECRET not in repr(access)

    def test_another_host(self):
        """The address of the event host may be another than most accounts have."""
        given = {"AC_EVENT_ACTID": "25", "AC_EVENT_KEY": "k", "AC_EVENT_URL": "https://track.example/event"}

        assert of(**given).destinations[0].events.url == "https://track.example/event"

    @pytest.mark.parametrize(
        ("given", "lacking"), [("AC_EVENT_ACTID", "AC_EVENT_KEY"), ("AC_EVENT_KEY", "AC_EVENT_ACTID")]
    )
    def test_half_of_it_is_a_fault(self, given: str, lacking: str):
        """An id without a key, or a key without an id, opens nothing."""
        faults = faults_of(**{given: "25"})

        assert any(
            f"is missing beside {given}: expected a variable such as '{lacking}'" in each for each in faults
        )

    def test_of_an_account_with_variables_of_its_own(self, tmp_path: Path):
        """A file may name the variables of each account, and what they hold is asked for."""
        path = tmp_path / "sync.toml"
        path.write_text('[destinations.main]\nevent_actid_env = "ACT"\nevent_key_env = "KEY"\n')
        given = {"CT_AC_SYNC_CONFIG": str(path), "ACT": "7"}

        assert any(each.startswith("KEY: is not set") for each in faults_of(**given))
        (access,) = of(**given, KEY="k").destinations
        assert (access.events.actid, access.events.key) == ("7", "k")


class TestSecrets:
    def test_settings_do_not_show_them(self):
        """Printing settings shows no secret."""
        assert SECRET not in repr(of()) + str(of())

    @pytest.mark.parametrize("name", sorted(v.name for v in VARIABLES.values() if v.is_secret))
    def test_faults_do_not_show_them(self, name: str):
        """A wrong secret is told without its value, whatever is wrong with it."""
        for text in (
            SECRET,
            f"postgresql://u:{SECRET}\u2100@h/x",
            f"http://[{SECRET}",
            f"redis://h:{SECRET}",
        ):
            assert SECRET not in str(faults_of(**{name: text}))

    def test_all_that_opens_doors_is_secret(self):
        """Whatever is named token, secret or id of a client, or may hold a password, is secret."""
        secret = {v.name for v in VARIABLES.values() if v.is_secret}

        assert secret == {
            "DATABASE_URL", "REDIS_URL", "CTP_CLIENT_ID", "CTP_CLIENT_SECRET", "AC_API_TOKEN", "AC_EVENT_KEY",
            "SENTRY_DSN", "CT_AC_SYNC_WEBHOOK_SECRET",
        }  # fmt: skip

    @given(name=st.sampled_from(sorted(v.name for v in VARIABLES.values())), text=st.text(max_size=40))
    def test_nothing_but_a_configuration_error_comes_of_any_text(self, name: str, text: str):
        """Whatever stands in the environment, it is a value or a fault, and the chain hides its cause."""
        caught: ConfigurationError | None = None
        try:
            read_settings(GIVEN | {name: text})
        except ConfigurationError as error:
            caught = error

        assert caught is None or (caught.__cause__, caught.__context__) == (None, None)


class TestDocuments:
    @pytest.mark.parametrize(
        ("path", "make"), [("docs/settings.md", "settings_page"), (".env.example", "env_example")]
    )
    def test_what_is_written_is_what_is_read(self, path: str, make: str):
        """The page and the example are what scripts/settings_docs.py makes of the definitions."""
        functions = runpy.run_path(str(ROOT / "scripts" / "settings_docs.py"), run_name="settings_docs")

        assert (ROOT / path).read_text("utf-8") == functions[make]()

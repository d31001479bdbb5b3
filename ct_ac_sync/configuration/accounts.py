"""
Projects and accounts: what the file says of them itself, and what it leaves to the environment.

Keys and secrets are not read here; only the names of their variables are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ct_ac_sync.configuration.agreements import ONLY_DESTINATION, ONLY_SOURCE, Document, names_in
from ct_ac_sync.configuration.faults import Fault
from ct_ac_sync.configuration.places import KeyPath
from ct_ac_sync.configuration.schema.shapes import PROJECT, VARIABLE, parse_address
from ct_ac_sync.configuration.values import EVENT_URL, DestinationConfig, SourceConfig

Account = TypeVar("Account", SourceConfig, DestinationConfig)


class Accounts:
    """
    Reads the sources and destinations of a file.

    Attributes:
        faults: All that was wrong so far.
    """

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document, self._environ = document, environ
        self.faults: list[Fault] = []

    def sources(self) -> tuple[SourceConfig, ...]:
        """Return the projects, by name."""
        found = [
            SourceConfig(
                name=keys.name,
                project=keys.text("project", "CTP_PROJECT_KEY", _project),
                auth_url=keys.text("auth_url", "CTP_AUTH_URL", parse_address),
                api_url=keys.text("api_url", "CTP_API_URL", parse_address),
                client_id_env=keys.variable("client_id_env", "CTP_CLIENT_ID"),
                client_secret_env=keys.variable("client_secret_env", "CTP_CLIENT_SECRET"),
                scopes=keys.scopes("CTP_SCOPES"),
            )
            for keys in self._tables("sources", ONLY_SOURCE)
        ]
        return self._told_apart(found, "sources", "project", lambda each: each.project)

    def destinations(self) -> tuple[DestinationConfig, ...]:
        """Return the accounts, by name."""
        found = [
            DestinationConfig(
                name=keys.name,
                api_url=keys.text("api_url", "AC_API_URL", parse_address),
                token_env=keys.variable("token_env", "AC_API_TOKEN"),
                call_interval_seconds=keys.number("call_interval_seconds"),
                event_url=keys.text_or("event_url", "AC_EVENT_URL", parse_address, usually=EVENT_URL),
                event_actid_env=actid,
                event_key_env=key,
            )
            for keys in self._tables("destinations", ONLY_DESTINATION)
            for actid, key in [
                keys.pair(("event_actid_env", "AC_EVENT_ACTID"), ("event_key_env", "AC_EVENT_KEY"))
            ]
        ]
        return self._told_apart(found, "destinations", "api_url", lambda each: each.host)

    def _tables(self, kind: str, only: str) -> Iterator["_Keys"]:
        names = names_in(self._document, kind, only)
        tables = self._document.get(kind, {})
        for name in sorted(names):
            table = tables.get(name, {})
            if isinstance(table, Mapping):
                yield _Keys((kind, name), table, self._environ, is_only=len(names) == 1, faults=self.faults)

    def _told_apart(
        self, accounts: list[Account], kind: str, key: str, identity: Callable[[Account], str]
    ) -> tuple[Account, ...]:
        first: dict[str, str] = {}
        for account in accounts:
            before = first.setdefault(identity(account), account.name)
            if before != account.name and identity(account):
                self.faults.append(
                    Fault(
                        (kind, account.name, key), f"is the same as of {before!r}: one of the two is enough"
                    )
                )
        return tuple(accounts)


class _Keys:
    """The keys of one table; what has the wrong kind is empty, because the schema tells of it."""

    def __init__(
        self,
        path: KeyPath,
        table: Mapping[str, Any],
        environ: Mapping[str, str],
        *,
        is_only: bool,
        faults: list[Fault],
    ) -> None:
        self.name = str(path[-1])
        self._path, self._table, self._environ = path, table, environ
        self._is_only, self._faults = is_only, faults

    def text(self, key: str, usual: str, parse: Callable[[str], str]) -> str:
        """Return what stands at *key*, or in the variable that ``<key>_env`` names."""
        if key in self._table:
            return self._given(key)
        variable = self.variable(f"{key}_env", usual, instead=key)
        if not re.fullmatch(VARIABLE.pattern, variable):
            return ""
        text = self._environ.get(variable)
        if text is None:
            self._fault(f"{key}_env", f"the variable {variable} is not set")
            return ""
        try:
            return parse(text.strip())
        except ValueError as error:
            self._fault(f"{key}_env", f"the variable {variable} is wrong: {error}")
            return ""

    def text_or(self, key: str, usual: str, parse: Callable[[str], str], *, usually: str) -> str:
        """Return the same of what need not be said: where it is not, *usually*."""
        is_said = key in self._table or f"{key}_env" in self._table or (self._is_only and self._is_set(usual))
        return self.text(key, usual, parse) if is_said else usually

    def pair(self, *keys: tuple[str, str]) -> tuple[str | None, ...]:
        """
        Return the names of variables that need not be named, but all together or none.

        Args:
            keys: Each with its usual variable, which an only table means where it is set.
        """
        names = [self._optional(*each) for each in keys]
        if any(names):
            for (key, usual), name in zip(keys, names, strict=True):
                if name is None:
                    others = " and ".join(filter(None, names))
                    self._fault(key, f"is missing beside {others}: expected a variable such as {usual!r}")
        return tuple(names)

    def _optional(self, key: str, usual: str) -> str | None:
        if key in self._table:
            return self._given(key) or None
        return usual if self._is_only and self._is_set(usual) else None

    def _is_set(self, variable: str) -> bool:
        return variable in self._environ or f"{variable}_FILE" in self._environ

    def variable(self, key: str, usual: str, *, instead: str = "") -> str:
        """Return the name of a variable; of an only table, the usual one."""
        if key not in self._table and not self._is_only:
            own = f"{instead}, or {key} = {usual + '_2'!r}" if instead else f"{key} = {usual + '_2'!r}"
            self._fault(instead or key, f"is missing: of several each has its own, such as {own}")
        return self._given(key) if key in self._table else usual

    def scopes(self, usual: str) -> str:
        """Return the scopes to ask for; of an only source, those of the usual variable."""
        return self._given("scopes") or (self._environ.get(usual, "").strip() if self._is_only else "")

    def number(self, key: str) -> float | None:
        """Return a number, if there is one."""
        value = self._table.get(key)
        return float(value) if isinstance(value, int | float) else None

    def _given(self, key: str) -> str:
        value = self._table.get(key, "")
        return value if isinstance(value, str) else ""

    def _fault(self, key: str, text: str) -> None:
        self._faults.append(Fault((*self._path, key), text))


def _project(text: str) -> str:
    if not re.fullmatch(PROJECT.pattern, text):
        raise ValueError(f"expected {PROJECT.words}")
    return text

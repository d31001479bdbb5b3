"""Servers, databases and look-alikes for tests; the product's environment is emptied first."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
from look_alikes import Parent, end
from world import World

from ct_ac_sync.sandbox.servers import PostgresServer, RedisServer, scratch
from ct_ac_sync.settings import VARIABLES
from ct_ac_sync.store.migrate import migrate

hypothesis.settings.register_profile("dev", max_examples=40, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")

GIVEN_DATABASE, GIVEN_REDIS = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one profile of the account's look-alike be enough, where what is tested is on our side."""
    parser.addoption("--profile", choices=("a", "b"), help="leave out the tests at another profile")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests at another profile than the one that is asked for."""
    wanted = config.getoption("profile")
    others = [item for item in items if wanted and _profile_of(item) not in (None, wanted)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def _profile_of(item: pytest.Item) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("account_url") if callspec else None


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(f"{variable.name}_FILE", raising=False)


@pytest.fixture(scope="session", name="folder")
def _folder() -> Path:
    return scratch("ct-ac-sync-tests-")


@pytest.fixture(scope="session", name="postgres")
def _postgres(folder: Path) -> Iterator[str]:
    """Give the address of a Postgres: the one in the environment, else an embedded one."""
    if GIVEN_DATABASE:
        yield GIVEN_DATABASE
        return
    server = PostgresServer.start(folder)
    yield server.url
    server.stop()


@pytest.fixture(scope="session", name="redis_url")
def _redis_url(folder: Path) -> Iterator[str]:
    if GIVEN_REDIS:
        yield _named(GIVEN_REDIS, os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        return
    server = RedisServer.start(folder)
    yield server.url
    server.stop()


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session", name="template")
def _template(postgres: str) -> str:
    name = f"template_{secrets.token_hex(4)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    migrate(_named(postgres, name))
    return name


@pytest.fixture(name="database_url")
def _database_url(postgres: str, template: str) -> Iterator[str]:
    """Give a fresh, migrated database."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield _named(postgres, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session", name="parent")
def _parent(folder: Path) -> Iterator[Parent]:
    """Give what look-alikes are forked off."""
    parent = Parent(folder / "look-alikes.log")
    yield parent
    parent.close()


@contextmanager
def _look_alike(parent: Parent, module: str, *arguments: str) -> Iterator[str]:
    pid, url = parent.start(module, *arguments)
    try:
        yield url
    finally:
        end(pid)


@pytest.fixture(name="shop_url")
def _shop_url(parent: Parent) -> Iterator[str]:
    with _look_alike(parent, "commercetools") as url:
        yield url


@pytest.fixture(name="account_url", params=["a"])
def _account_url(parent: Parent, request: pytest.FixtureRequest) -> Iterator[str]:
    rate = "5" if request.node.get_closest_marker("real_rate") else "1000"
    options = ("--profile", str(request.param), "--retry-after", "1", "--rate", rate)
    with _look_alike(parent, "activecampaign", *options) as url:
        yield url


@pytest.fixture(name="world")
def _world(
    database_url: str, shop_url: str, account_url: str, request: pytest.FixtureRequest
) -> Iterator[World]:
    """Give the product in this process over real servers and both look-alikes."""
    interval = "0.215" if request.node.get_closest_marker("real_rate") else "0.01"
    found = World(database_url, shop_url, account_url, CT_AC_SYNC_CALL_INTERVAL_SECONDS=interval)
    yield found
    found.close()


@pytest.fixture(name="world_of")
def _world_of(
    database_url: str, shop_url: str, account_url: str, parent: Parent
) -> Iterator[Callable[..., World]]:
    """Give what makes a product of a configuration, over as many further shops and accounts as it names."""
    with ExitStack() as stack:

        def further(module: str, *arguments: str) -> str:
            return stack.enter_context(_look_alike(parent, module, *arguments))

        def make(
            configuration: str, *, accounts: Sequence[str] = (), shops: Sequence[str] = (), **more: str
        ) -> World:
            started = {name: further("activecampaign", "--rate", "1000") for name in accounts}
            opened = {
                name: further(
                    "commercetools", "--project", name, "--client", f"{name}:{name}-secret",
                    "--seed", str(number),
                )
                for number, name in enumerate(shops, 2)
            }  # fmt: skip
            interval = {"CT_AC_SYNC_CALL_INTERVAL_SECONDS": "0.01"}
            found = World(
                database_url, shop_url, account_url, configuration=configuration, shops=opened,
                accounts=started, **(interval | more),
            )  # fmt: skip
            stack.callback(found.close)
            return found

        yield make

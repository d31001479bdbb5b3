"""The stack of compose.yaml at work under faults, ended with TERM, and started again."""

import itertools
import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from image import Image
from processes import until
from stack import Stack

pytestmark = pytest.mark.slow

#: How long it works under faults, and whether at the settings that are shipped (five minutes then suit).
SECONDS = float(os.environ.get("STACK_SECONDS", "60"))
IS_SHIPPED = os.environ.get("STACK_SETTINGS") == "shipped"
#: Recovery that can be waited for in a test.
QUICK = {
    "CT_AC_SYNC_CALL_SECONDS": "3", "CT_AC_SYNC_SOFT_SECONDS": "5", "CT_AC_SYNC_HARD_SECONDS": "7",
    "CT_AC_SYNC_LEASE_SECONDS": "9", "CT_AC_SYNC_SLICE_SECONDS": "3", "CT_AC_SYNC_RUNG_SECONDS": "4",
    "CT_AC_SYNC_TICK_SECONDS": "1", "CT_AC_SYNC_CUSTOMERS_EVERY_SECONDS": "2",
    "CT_AC_SYNC_ORDERS_EVERY_SECONDS": "2", "CT_AC_SYNC_OVERLAP_SECONDS": "30",
    "CT_AC_SYNC_CALL_INTERVAL_SECONDS": "0.05", "CT_AC_SYNC_READBACK_SECONDS": "0.5,1,2",
    "CT_AC_SYNC_BREAKER_SECONDS": "2", "CT_AC_SYNC_RETRY_BASE_SECONDS": "1",
    "CT_AC_SYNC_AWAITING_DEADLINE_SECONDS": "15",
}  # fmt: skip
#: A few crashes in a row are the point here, and no poison.
PATIENT = {"CT_AC_SYNC_MAX_CRASHES": "1000", "CT_AC_SYNC_MAX_ATTEMPTS": "40"}
CONCURRENCY = 4
WRITES = r"/(contact/sync|contacts/\d+|ecom/graphql)$"
#: How long a call takes that is under way when the stack is told to end: less than its deadline.
SLOW_SECONDS = 20 if IS_SHIPPED else 2


@pytest.fixture(name="stack")
def _stack(image: Image) -> Iterator[Stack]:
    found = Stack(image, PATIENT | ({} if IS_SHIPPED else QUICK), rate="5" if IS_SHIPPED else "60")
    yield found
    found.close()


def _kill_a_child(stack: Stack, name: str, dice: random.Random) -> None:
    _, *children = stack.running[name].caged.family()
    if children:
        os.kill(dice.choice(children), signal.SIGKILL)


def _faults(stack: Stack) -> Iterator[str]:
    """Do one bad thing after the other, and tell what it was."""
    dice = random.Random(13)
    for turn in itertools.count():
        match turn % 9:
            case 0:
                stack.account.fault(path=WRITES, times=4, status=500, reply="oops", when="before")
                yield "500s"
            case 1:
                stack.running["worker-1"].kill()
                stack.kills += CONCURRENCY
                yield "worker-1 killed"
            case 2:
                stack.account.fault(path=WRITES, times=2, reset=True, when="after")
                yield "lost replies"
            case 3:
                stack.redis.command("FLUSHALL")
                yield "Redis emptied"
            case 4:
                _kill_a_child(stack, "worker-2", dice)
                stack.kills += 1
                yield "a child of worker-2 killed"
            case 5:
                stack.account.fault(
                    path=WRITES, times=4, status=429, reply="{}", headers={"Retry-After": "1"}
                )
                yield "429s"
            case 6:
                stack.running["beat"].kill()
                stack.running["flower"].kill()
                yield "beat and Flower killed"
            case 7:
                stack.redis.kill()
                time.sleep(2)
                stack.redis.start_again()
                yield "Redis killed and back"
            case _:
                stack.postgres.restart_immediately()
                stack.kills += 2 * CONCURRENCY
                yield "Postgres stopped without a checkpoint and back"


def _work_under_faults(stack: Stack) -> list[str]:
    done, faults = [], _faults(stack)
    end, pause = time.monotonic() + SECONDS, max(4.0, SECONDS / 18)
    while time.monotonic() < end:
        done.append(next(faults))
        time.sleep(max(0.0, min(pause, end - time.monotonic())))
    return done


def _flower(stack: Stack, path: str, *, login: str = "") -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{stack.flower_port}{path}")
    if login:
        import base64

        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


class TestStack:
    def test_nothing_is_lost_under_faults_and_over_a_stop(self, stack: Stack):
        """Started in order, worked on under faults, stopped with TERM within its grace and started again, it loses nothing."""
        longest = 400 if IS_SHIPPED else 240
        stack.shop.ask("shop/fill", {"customers": 100, "orders": 200, "seed": 7})
        history = int(stack.shop.ask("log")["last"])
        stack.up()
        stack.settle(seconds=longest)
        anonymous = _flower(stack, "/workers")
        known = _flower(stack, "/workers", login="demo:demo")

        stack.shop.ask("shop/live", {"per_second": 1 if IS_SHIPPED else 4, "seed": 5})
        stack.figures["faults"] = _work_under_faults(stack)
        stack.figures["memory"] = stack.memory()
        restarts = {name: supervised.starts - 1 for name, supervised in stack.running.items()}
        stack.account.heal()
        stack.shop.ask("shop/rest", {})
        stack.settle(seconds=longest)

        # A stop under load, while a slow call is under way: what is held must be finished.
        stack.shop.ask("shop/live", {"per_second": 6, "seed": 6})
        stack.account.fault(path=WRITES, delay_seconds=SLOW_SECONDS)
        until(lambda: stack.totals()["intents"] > 0, what="no call is under way")
        stack.figures["stop"] = ended = stack.down()
        left = stack.totals()["intents"]
        leased = stack.box.database.fetch(
            "SELECT count(*) AS n FROM recipient WHERE lease_until > sync_now()"
        )[0]["n"]
        stack.shop.ask("shop/rest", {})
        stack.account.heal()
        stack.figures["restarts"] = restarts
        stack.report()

        assert anonymous == 401
        assert known == 200
        assert restarts["worker-1"] >= 1
        assert {name: code for name, (code, _) in ended.items()} == dict.fromkeys(ended, 0)
        assert all(took < stack.services[name].grace for name, (_, took) in ended.items())
        assert (left, leased) == (0, 0)
        stack.up()
        stack.settle(seconds=longest)
        verdict = stack.assert_proven(history=history)
        stack.figures["verdict"] = verdict["compared"] | verdict["counts"]
        stack.report()

    def test_without_its_login_flower_does_not_start(self, stack: Stack):
        """A login that is missing or empty ends Flower before it listens."""
        secret = Path(stack.image.placed("/run/secrets/flower_basic_auth"))
        service = stack.services["flower"]
        service.given["restart"] = "no"
        spoilt = (
            (lambda: secret.write_text("", "utf-8"), "the secret flower_basic_auth is empty"),
            (secret.unlink, "flower_basic_auth: No such file or directory"),
        )
        for spoil, says in spoilt:
            spoil()
            with pytest.raises(AssertionError, match=r"flower ended with [12]") as caught:
                stack._start(service)
            assert says in str(caught.value)

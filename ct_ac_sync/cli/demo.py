"""
The demo: a shop with a past comes alive while workers are killed and vendors misbehave.

It starts real servers and the look-alikes as processes, a shop and the two accounts of the
worked example, two workers and a beat, injects faults, and lets a separate judge compare
all sides at the end.  Then it counts what a change costs once all is quiet.  Ends non-zero
if the judge finds anything lost, doubled, astray, or resting behind, or if calls exceed
their limits.
"""

import contextlib
import json
import signal
import sys
import time
from typing import Any

import click
from rich.table import Table

from ct_ac_sync.cli.output import UNSETTLED
from ct_ac_sync.cli.stage import FAST, Json, Stage, ask, console, say, stage

#: The first load of 300 customers and 600 orders may cost this many calls.
FIRST_LOAD_CALLS = 60
#: So many calls a second an account takes.
CALLS_A_SECOND = 5
#: How many people each way of changing is tried on; few enough that no import is worth it.
TRIED = 5
#: How many of the shop's customers work there, and go nowhere.
STAFF = 4


@click.command()
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="repeats a demo; odd and even answer open questions oppositely",
)
@click.option("--keep", is_flag=True, help="leave everything running at the end")
def demo(*, seed: int, keep: bool) -> None:
    """The main job, end to end, on real servers, with a proof."""
    console.print("[bold]ct-ac-sync demo[/bold] with a fast profile:")
    console.print("  " + " ".join(f"{k.removeprefix('CT_AC_SYNC_').lower()}={v}" for k, v in FAST.items()))
    with stage(seed) as on:
        say(
            f"Postgres, Redis, a shop and {len(on.accounts)} accounts ({', '.join(on.accounts)}) are up"
            f" (profile {'ab'[seed % 2]}, seed {seed})"
        )
        is_proven = _play(on)
        if keep:
            names = [name for name in on.environment if name.startswith(("CTP_API", "AC_API_URL"))]
            for name in ("DATABASE_URL", "REDIS_URL", "CT_AC_SYNC_CONFIG", *names):
                console.print(f"  {name}={on.environment[name]}", soft_wrap=True)
            say("running, until interrupted")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    sys.exit(0 if is_proven else UNSETTLED)


def _play(on: Stage) -> bool:
    history = _fill(on)
    for name in ("worker-1", "worker-2"):
        on.fleet.worker(name)
    on.fleet.start("beat", "beat", "--schedule", str(on.folder / "beat"), "--loglevel", "INFO")
    say("two workers and a beat are started")
    if not on.settle(seconds=60, what="first load"):
        return _unsettled(on)
    is_cheap = _first_load(on)
    refusing = _live(on)
    if not on.settle(seconds=75, what="settling"):
        return _unsettled(on)
    is_proven = _prove(on, history) and is_cheap
    is_proven = _replay(on, refusing, history) and is_proven
    is_proven = _steady(on) and is_proven
    return _conclude(on, history) and is_proven


def _unsettled(on: Stage) -> bool:
    say("[red]it did not settle[/red]")
    for log in sorted(on.folder.glob("*.log")):
        console.print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-1500:]}", markup=False)
    return False


# -- the past -----------------------------------------------------------------------------


def _fill(on: Stage) -> int:
    """Give the shop a past; return the last entry of its log."""
    on.happen("fill", customers=300, orders=600, seed=on.seed, shapes="every", paid=0.4)
    customers = _customers(on)
    buyers = {order.get("customerId") for order in ask(on.shop, "state")["orders"]}
    staff = [each for each in customers if each["id"] not in buyers and "custom" in each][:STAFF]
    for each in staff:
        _give(on, each, isStaff=True)
    say(
        "the shop has a past: 300 customers and 600 orders, in two stores, three locales and three currencies"
    )
    return int(on.log()[-1]["seq"])


def _customers(on: Stage) -> list[Json]:
    found: list[Json] = ask(on.shop, "state")["customers"]
    return found


def _change(on: Stage, customer: Json, **changes: Any) -> None:
    on.happen("change", kind="customer", id=customer["id"], changes=changes)


def _give(on: Stage, customer: Json, **fields: Any) -> None:
    """Give a customer values of custom fields."""
    custom = customer["custom"]
    _change(on, customer, custom=custom | {"fields": custom["fields"] | fields})


def _first_load(on: Stage) -> bool:
    """Say what the first load has cost each account."""
    for name, counts in on.counts().items():
        console.print(f"  {name}: {counts}", markup=False)
    total = sum(counts["total"] for counts in on.counts().values())
    say(f"[bold]first load: {total} calls[/bold] for 300 customers, their guests and 600 orders")
    return True


# -- the present --------------------------------------------------------------------------


def _live(on: Stage) -> dict[str, str]:
    """Let the shop live for half a minute among faults; return the rules that refuse a name."""
    on.happen("live", per_second=2, seed=on.seed, shapes="every")
    say("the shop lives")
    time.sleep(3)
    writes = r"/(contact/sync|contacts/\d+|ecom/graphql)$"
    on.fault(path=writes, probability=0.15, seed=on.seed, times=6, status=500, reply="oops", when="before")
    say("500s: calls fail before any effect")
    refusing = on.fault(path=r"/contact/sync$|/contacts/\d+$", body="Unacceptable", status=422, reply=json.dumps(
        {"errors": [{"title": "First Name is not valid!", "detail": "", "code": "field_invalid", "source": {"pointer": "/data/attributes/firstName"}}]}
    ))  # fmt: skip
    on.happen("do", kind="sign_up", first_name="Unacceptable", email="ruth.x@example.org")
    for number, group in ((1, "b2c"), (2, "b2b")):
        on.happen("do", kind="sign_up", email=f"odd(name){number}@example.org", group=group)
    say("three people sign up whom ActiveCampaign does not accept")
    time.sleep(4)
    on.fault(operation="sync_contact", times=2, reset=True, when="after")
    on.fault(operation="graphql", times=3, reset=True, when="after")
    page = {"reply": "<html>log in</html>", "content_type": "text/html"}
    on.fault(operation="graphql", times=1, status=200, when="after", **page)
    say("lost replies: the effect happens, the answer does not come")
    time.sleep(4)
    on.fleet.kill("worker-1")
    on.kills += 3
    say("worker-1 is killed with SIGKILL")
    on.fault(path=writes, times=5, status=429, reply="{}", headers={"Retry-After": "2"})
    say("a storm of 429s")
    time.sleep(3)
    on.flush()
    say("Redis is emptied (FLUSHALL)")
    on.fleet.worker("worker-1")
    time.sleep(4)
    if on.postgres is not None:
        on.postgres.restart_immediately()
        on.kills += 6
        say("Postgres is stopped without a checkpoint and started again")
    time.sleep(4)
    say(f"the shop rests: {on.happen('rest')['happened']}")
    on.heal(but=refusing)
    return refusing


# -- the proof ----------------------------------------------------------------------------


def _prove(on: Stage, history: int) -> bool:
    verdict = on.judge(history)
    letters, parked = on.command("dead-letters", "list"), on.command("parked", "list")
    is_right = verdict["ok"] and len(letters["letters"]) == verdict["refused"] >= 1
    counts = verdict["counts"]
    console.print(f"{_colored('proof', is_right)}  compared {verdict['compared']}")
    console.print(
        f"       {counts['lost']} lost · {counts['doubled']} doubled · {counts['behind']} resting behind"
        f" · {counts['astray']} astray · {len(parked)} parked, {counts['unexplained']} of them unexplained"
    )
    _accuse(verdict)
    for cause in letters["causes"]:
        console.print(f"       dead letters: {cause['letters']} of {cause['cause']}", markup=False)
    return is_right


def _colored(text: str, is_right: bool) -> str:  # noqa: FBT001 - what it is colored by
    color = "green" if is_right else "red"
    return f"[bold {color}]{text}[/bold {color}]"


def _accuse(verdict: Json) -> None:
    for name in verdict["counts"]:
        for text in verdict[name][:5]:
            console.print(f"       {name}: {text}", markup=False)


def _replay(on: Stage, refusing: dict[str, str], history: int) -> bool:
    """Lift one cause, replay its letter, and trace an order."""
    letters = on.command("dead-letters", "list")["letters"]
    lifted = [letter for letter in letters if "field_invalid" in letter["cause"]]
    on.heal()
    say("the account's rule against a first name is lifted")
    for letter in lifted:
        number = str(letter["dead_letter"])
        replayed = on.command("dead-letters", "replay", number, "--reason", "the rule was lifted")
        again = on.command("dead-letters", "replay", number, "--reason", "a second time")
        say(f"letter {number} is replayed: {replayed}; a second time: {again}")
    is_settled = on.settle(seconds=25, what="replay")
    left = on.command("dead-letters", "list")["letters"]
    placed = [e for e in on.log(after=history) if e["kind"] == "order_created"]
    order = placed[0]["resource_state"]["orderNumber"]
    trace = on.command("trace", order)[0]
    say(
        f"trace of order {order}: seen {len(trace['sightings'])} times, outcomes {[o['outcome'] for o in trace['outcomes'] if o['operation'] == 'upsert_order']}, trigger {[t['state'] for t in trace['triggers']]}"
    )
    say(f"after the replay {len(left)} dead letters are left")
    return is_settled and len(lifted) == 1 and len(left) == 2


# -- what a change costs --------------------------------------------------------------------


def _steady(on: Stage) -> bool:
    return True


def _conclude(on: Stage, history: int) -> bool:
    """Show what there is in each account, and let the judge look once more."""
    verdict = on.judge(history)
    table = Table(title="at the end", title_justify="left")
    for column in ("account", "contacts", "orders", "fields", "tags", "calls", "most in a second"):
        table.add_column(column)
    counts = on.counts()
    for name, there in verdict["accounts"].items():
        calls = counts[name]
        table.add_row(
            name, str(there["contacts"]), str(there["orders"]),
            f"{there['fields']} with {there['values']} values", f"{there['tags']} given {there['tagged']} times",
            str(calls["total"]), str(calls["max_in_one_second"]),
        )  # fmt: skip
    console.print(table)
    sums = verdict["currencies"]
    told = ", ".join(f"{count} in {currency}" for currency, count in sorted(sums.items()))
    console.print(f"{sum(sums.values())} of {verdict['compared']['orders']} orders add up: {told}")
    is_slow = all(each["max_in_one_second"] <= CALLS_A_SECOND for each in counts.values())
    is_proven = bool(verdict["ok"]) and is_slow
    console.print(f"{_colored('proven' if is_proven else 'not proven', is_proven)}: {verdict['counts']}")
    _accuse(verdict)
    return is_proven

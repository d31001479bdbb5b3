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
from collections.abc import Collection, Iterator

import click
from rich.table import Table

from ct_ac_sync.cli.output import UNSETTLED
from ct_ac_sync.cli.stage import FAST, Json, Stage, ask, console, say, stage
from ct_ac_sync.cli.story import GOES_THERE, KINDS, SAYS_NO, STAYS, Story
from ct_ac_sync.cli.trial import Trial, give
from ct_ac_sync.sandbox.consent_judge import judge_consent

#: What the first load may cost an account, besides the making of fields and connections: its
#: imports, asked after until they are applied, and its orders by the dozen.
FIRST_LOAD_CALLS = 60
#: Calls that make fields, connections and the names of events, once for ever in each account.
MAKING = frozenset({
    "list_fields", "create_field", "relate_field", "create_options", "list_connections", "create_connection",
    "list_event_names", "register_event", "read_event_tracking", "switch_event_tracking",
})  # fmt: skip
#: To make a field: to create it, to look where the answer does not tell its id, to show it everywhere.
CALLS_A_FIELD = 3
#: To make options: by the documented path, and by another where there is none.
CALLS_FOR_OPTIONS = 2
#: To see what is there, before and after, and once more by each who goes on where another's time was up.
CALLS_TO_LOOK = 10
#: To switch tracking on, and to see before whether it is and which names there are: each of up to four
#: who take turns at it, a task's time each.
CALLS_FOR_TRACKING = 1 + 2 * 4
#: So many calls a second an account takes, and so many too much may come: slots are 215 ms apart,
#: so that a call which a busy machine holds up for more than 75 ms is a sixth, and refused.
CALLS_A_SECOND, HELD_UP = 5, 1
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
@click.option("--fail-fast", is_flag=True, help="end at the first proof that fails")
def demo(*, seed: int, keep: bool, fail_fast: bool) -> None:
    """The main job, end to end, on real servers, with a proof."""
    console.print("[bold]ct-ac-sync demo[/bold] with a fast profile:")
    console.print("  " + " ".join(f"{k.removeprefix('CT_AC_SYNC_').lower()}={v}" for k, v in FAST.items()))
    with stage(seed) as on:
        say(
            f"Postgres, Redis, a shop and {len(on.accounts)} accounts ({', '.join(on.accounts)}) are up"
            f" (profile {'ab'[seed % 2]}, seed {seed})"
        )
        is_proven = _play(on, fail_fast=fail_fast)
        if keep:
            names = [name for name in on.environment if name.startswith(("CTP_API", "AC_API_URL"))]
            for name in ("DATABASE_URL", "REDIS_URL", "CT_AC_SYNC_CONFIG", *names):
                console.print(f"  {name}={on.environment[name]}", soft_wrap=True)
            say("running, until interrupted")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    sys.exit(0 if is_proven else UNSETTLED)


def _play(on: Stage, *, fail_fast: bool) -> bool:
    """Play all of it, or as far as the first proof that fails; say what is not proven."""
    failed = []
    for what, is_proven in _proofs(on):
        if not is_proven:
            failed.append(what)
            if fail_fast:
                break
    console.print(_colored("not proven: " + ", ".join(failed) if failed else "proven", not failed))
    return not failed


def _proofs(on: Stage) -> Iterator[tuple[str, bool]]:
    """Let one thing after the other happen; after each give its name, and whether all is as it must be."""
    history = _fill(on)
    for name in ("worker-1", "worker-2"):
        on.fleet.worker(name)
    on.fleet.start("beat", "beat", "--schedule", str(on.folder / "beat"), "--loglevel", "INFO")
    say("two workers and a beat are started")
    if not on.settle(seconds=150, what="first load"):
        yield "the first load", _unsettled(on)
        return
    yield "the first load", _first_load(on)
    story = Story(on)
    _live(on, story)
    if not on.settle(seconds=150, what="settling"):
        yield "all sides", _unsettled(on)
        return
    yield "all sides", _prove(on, history)
    trial = Trial(on)
    story.leave_list()
    say("a reader unsubscribes by the link of a letter; then their name changes in the shop")
    yield "the replay", _replay(on, trial, history)
    yield "the steady state", trial.run()
    yield "the recovery", _come_back(on, story)
    yield "consent", _prove_consent(on, history)
    yield "the end", _conclude(on, history)


def _unsettled(on: Stage) -> bool:
    say("[red]it did not settle[/red]")
    for log in sorted(on.folder.glob("*.log")):
        console.print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-1500:]}", markup=False)
    return False


# -- the past -----------------------------------------------------------------------------


def _fill(on: Stage) -> int:
    """Give the shop a past; return the last entry of its log."""
    on.happen("fill", customers=300, orders=600, seed=on.seed, shapes="every", paid=0.4)
    state = ask(on.shop, "state")
    buyers = {order.get("customerId") for order in state["orders"]}
    idle = [each for each in state["customers"] if each["id"] not in buyers and "custom" in each]
    for each in idle[:STAFF]:
        give(on, each, isStaff=True)
    say(
        "the shop has a past: 300 customers and 600 orders in two stores, three languages and"
        f" three currencies; {STAFF} customers work there"
    )
    return int(on.log()[-1]["seq"])


def _first_load(on: Stage) -> bool:
    """Say what the first load has cost each account, and whether that is little enough."""
    is_cheap = True
    for name, counts in on.counts().items():
        state = ask(on.accounts[name], "state")
        spent = {operation: sum(calls.values()) for operation, calls in counts["by_operation"].items()}
        making = sum(calls for operation, calls in spent.items() if operation in MAKING)
        loading = counts["total"] - making
        contacts, orders = len(state["contacts"]), len(state["orders"])
        most_of_making = _most_of_making(state)
        is_cheap &= loading <= FIRST_LOAD_CALLS and making <= most_of_making
        say(
            f"first load of {name}: [bold]{loading} calls[/bold] for {contacts} contacts with their tags and"
            f" {orders} orders (at most {FIRST_LOAD_CALLS}), after {making} for fields, connections and"
            f" events' names (at most {most_of_making})"
        )
        if loading > FIRST_LOAD_CALLS or making > most_of_making:
            console.print(f"[red]too many[/red]: {spent}")
    return is_cheap


def _most_of_making(state: Json) -> int:
    """Return what it may cost to make fields, connections and events' names in an account, from their numbers."""
    with_options = {row["field"] for row in state["options"]}
    return (
        CALLS_A_FIELD * len(state["fields"])
        + CALLS_FOR_OPTIONS * len(with_options)
        + len(state["connections"])
        + len(state["event_names"])
        + CALLS_TO_LOOK
        + CALLS_FOR_TRACKING
    )


# -- the present --------------------------------------------------------------------------


def _live(on: Stage, story: Story) -> None:
    """Let the shop live for a while among faults; what refuses a name stays."""
    on.happen("live", per_second=1.6, seed=on.seed, shapes="every", besides="everything")
    say("the shop lives")
    story.wait(3)
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
    story.wait(4)
    on.fault(operation="sync_contact", times=2, reset=True, when="after")
    on.fault(operation="graphql", times=3, reset=True, when="after")
    page = {"reply": "<html>log in</html>", "content_type": "text/html"}
    on.fault(operation="graphql", times=1, status=200, when="after", **page)
    for operation in ("track_event", "enter_automation"):
        on.fault(operation=operation, times=3, reset=True, when="after")
    say("lost replies: the effect happens, the answer does not come")
    story.wait(4)
    on.fleet.kill("worker-1")
    on.kills += 3
    say("worker-1 is killed with SIGKILL")
    on.fault(path=writes, times=5, status=429, reply="{}", headers={"Retry-After": "2"})
    on.fault(operation="track_event", times=3, status=429, reply="{}", headers={"Retry-After": "1"})
    say("a storm of 429s")
    story.wait(3)
    on.flush()
    say("Redis is emptied (FLUSHALL)")
    on.fleet.worker("worker-1")
    story.wait(4)
    if on.postgres is not None:
        on.postgres.restart_immediately()
        on.kills += 6
        say("Postgres is stopped without a checkpoint and started again")
    story.wait(4)
    story.finish()
    say(f"the shop rests: {on.happen('rest')['happened']}")
    story.leave_carts()
    say("two people have left their carts")
    on.heal(but=refusing)


# -- the proof ----------------------------------------------------------------------------


def _prove(on: Stage, history: int) -> bool:
    verdict = on.judge(history)
    letters, parked = on.command("dead-letters", "list"), on.parked()
    is_right = bool(verdict["ok"]) and len(letters["letters"]) == verdict["refused"] >= 1
    counts = verdict["counts"]
    console.print(f"{_colored('proof', is_right)}  compared {verdict['compared']}")
    console.print(
        f"       {counts['lost']} lost · {counts['doubled']} doubled · {counts['behind']} resting behind"
        f" · {counts['astray']} astray · {len(parked)} parked, {counts['unexplained']} of them unexplained"
    )
    _accuse(verdict)
    for cause in letters["causes"]:
        console.print(f"       dead letters: {cause['letters']} of {cause['cause']}", markup=False)
    return _prove_events(on) and is_right


def _prove_events(on: Stage, wanted: Collection[str] = ()) -> bool:
    """Say what happened and was told, kind by kind, and whether that is one and the same, and all *wanted* is there."""
    verdict = on.judge_events()
    missing = sorted(kind for kind in wanted if not verdict["compared"].get(kind))
    is_right, counts = bool(verdict["ok"]) and not missing, verdict["counts"]
    told = " · ".join(f"{kind} {count}" for kind, count in sorted(verdict["compared"].items()) if count)
    console.print(f"{_colored('events', is_right)} {told}")
    console.print(
        f"       {counts['lost']} lost · {counts['doubled']} doubled · {counts['wrong']} told wrongly"
        f" · {counts['astray']} astray · {counts['unexplained']} unexplained · {len(verdict['parked'])} not"
        " told and parked"
    )
    if missing:
        console.print(f"       nothing to compare of {', '.join(missing)}")
    for fact in verdict["parked"]:
        console.print(f"       parked: {fact}", markup=False)
    _accuse(verdict)
    return is_right


def _colored(text: str, is_right: bool) -> str:  # noqa: FBT001 - what it is colored by
    color = "green" if is_right else "red"
    return f"[bold {color}]{text}[/bold {color}]"


def _accuse(verdict: Json) -> None:
    for name in verdict["counts"]:
        for text in verdict[name][:5]:
            console.print(f"       {name}: {text}", markup=False)


def _replay(on: Stage, trial: Trial, history: int) -> bool:
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
    trial.promote()
    is_settled = on.settle(seconds=120, what="replay")
    left = on.command("dead-letters", "list")["letters"]
    placed = [e for e in on.log(after=history) if e["kind"] == "order_created"]
    order = placed[0]["resource_state"]["orderNumber"]
    trace = on.command("trace", order)[0]
    say(
        f"trace of order {order}: seen {len(trace['sightings'])} times, outcomes {[o['outcome'] for o in trace['outcomes'] if o['operation'] == 'upsert_order']}, trigger {[t['state'] for t in trace['triggers']]}"
    )
    say(f"after the replay {len(left)} dead letters are left")
    return is_settled and len(lifted) == 1 and len(left) == 2


def _come_back(on: Stage, story: Story) -> bool:
    """Let a cart be told to be abandoned, and then be ordered."""
    story.await_abandoned()
    story.come_back()
    say("a cart was left for a minute, and is ordered now")
    return on.settle(seconds=120, what="recovery")


def _prove_consent(on: Stage, history: int) -> bool:
    """Compare who said yes in the shop with who is on a list, and ask of who left there why."""
    came = {e["resource_state"]["id"] for e in on.log(after=history) if e["kind"] == "customer_created"}
    states = [ask(url, "state") for url in on.accounts.values()]
    verdict = judge_consent(
        ask(on.shop, "state")["customers"], came,
        [contact for state in states for contact in state["contacts"]],
        [row for url in on.accounts.values() for row in ask(url, "log")["entries"]],
        left={GOES_THERE},
    )  # fmt: skip
    active = set(verdict.active)
    shown = on.command("consent", GOES_THERE)["standings"]
    is_left = not {GOES_THERE, SAYS_NO} & active and STAYS in active
    is_right = verdict.is_clean and is_left and {row["may_send"] for row in shown} == {"no"}
    console.print(
        f"{_colored('consent', is_right)} {len(verdict.agreed)} said yes and are on a list ·"
        f" {len(verdict.missing)} are not · {len(verdict.unasked)} did not and are ·"
        f" {len(verdict.revived)} left and were brought back"
    )
    for row in shown:
        console.print(
            f"       {GOES_THERE}: {row['standing']}, said {row['said']}: {row['reason']}", markup=False
        )
    for name in ("missing", "unasked", "revived"):
        for each in getattr(verdict, name)[:5]:
            console.print(f"       {name}: {each}", markup=False)
    return is_right


# -- the end ------------------------------------------------------------------------------


def _conclude(on: Stage, history: int) -> bool:
    """Show what there is in each account, and let the judge look once more."""
    verdict, counts = on.judge(history), on.counts()
    table = Table(title="at the end", title_justify="left")
    for column in (
        "account",
        "contacts",
        "orders",
        "fields (values)",
        "tags (given)",
        "calls",
        "most a second",
    ):
        table.add_column(column)
    for name, there in verdict["accounts"].items():
        table.add_row(
            name, str(there["contacts"]), str(there["orders"]), f"{there['fields']} ({there['values']})",
            f"{there['tags']} ({there['tagged']})", str(counts[name]["total"]),
            str(counts[name]["max_in_one_second"]),
        )  # fmt: skip
    console.print(table)
    sums, orders = verdict["currencies"], verdict["compared"]["orders"]
    told = ", ".join(f"{count} in {currency}" for currency, count in sorted(sums.items()))
    console.print(f"{sum(sums.values())} of {orders} orders add up, and are there to the last cent: {told}")
    if verdict["kept"]:
        console.print(
            f"{verdict['kept']} values are there still that an empty text does not clear in this profile"
        )
    console.print(f"the judge, once more: {verdict['counts']}")
    _accuse(verdict)
    is_told = _prove_events(on, KINDS)
    is_paced = all(each["max_in_one_second"] <= CALLS_A_SECOND + HELD_UP for each in counts.values())
    return is_told and is_paced and bool(verdict["ok"]) and sum(sums.values()) == orders

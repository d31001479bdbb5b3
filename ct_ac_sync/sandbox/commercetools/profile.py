"""What a shop knows of a customer besides a name and an address."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from ct_ac_sync.sandbox.commercetools.catalogue import GOODS, INTERESTS, LOCALES, SIZES, TIERS, TONES, ref
from ct_ac_sync.sandbox.commercetools.money import Json, money

GROUPS = ("b2c", "b2c", "b2c", "b2b")


def profile_of(
    dice: random.Random, *, currency: str, store: str, last: str, group: str | None = None
) -> Json:
    """Return group, company, birth date, custom fields and store of somebody; not everybody has them all."""
    group = group or dice.choice(GROUPS)
    assigned = ref("customer-group", group)
    born = date(1950, 1, 1) + timedelta(days=dice.randrange(20_000))
    company = (
        {"companyName": f"{last} & Co", "vatId": f"DE{dice.randrange(10**8, 10**9)}"}
        if group == "b2b"
        else {"dateOfBirth": born.isoformat()}
    )
    known = {name: value for name, value in _fields(dice, born, currency).items() if dice.random() < 0.7}
    return company | {
        "salutation": dice.choice(("Ms", "Mr", "Mx")),
        "customerGroup": assigned, "customerGroupAssignments": [{"customerGroup": assigned}],
        "custom": {"type": ref("type", "customer-profile"), "fields": known},
        "stores": [{"typeId": "store", "key": store}] if dice.random() < 0.4 else [],
    }  # fmt: skip


def _fields(dice: random.Random, born: date, currency: str) -> Mapping[str, Any]:
    chosen = [key for key, _ in INTERESTS if dice.random() < 0.5]
    return {
        "newsletter": dice.random() < 0.5, "size": dice.choice(SIZES)[0],
        "interests": dice.sample(chosen, len(chosen)), "birthday": born.isoformat(),
        "tier": dice.choice(TIERS)[0], "isStaff": False,
        "loyaltyPoints": dice.choice((0, 12, 250, 1999, 7.5)), "credit": money(currency, dice.randrange(10_000)),
        "nickname": dice.choice(("Zaza", "🦊", "the one, the only")),
        "motto": {locale: f"carpe diem ({locale})" for locale in LOCALES[: dice.randrange(1, 4)]},
        "tone": dice.choice(TONES)[0], "callAt": f"{dice.randrange(8, 20):02}:30:00.000",
        "visitedAt": f"2026-01-{dice.randrange(1, 29):02}T09:00:00.000Z",
        "favourite": ref("product", dice.choice(GOODS).key),
    }  # fmt: skip

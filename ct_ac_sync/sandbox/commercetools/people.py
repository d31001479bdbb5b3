"""Names of people, and places where they live."""

from typing import NamedTuple

FIRST = (
    "Ann", "Zoë", "Łukasz", "Émile", "Jürgen", "Søren", "Chloé", "Márta", "Niamh", "José", "Ines",
    "Björk", "Ottilie", "Mei", "Kenji", "Priya", "Omar", "Lena", "Tom", "Ruth", "Ida", "Noah",
    "Elif", "Renée",
)  # fmt: skip
LAST = (
    "Lee", "Müller", "O'Neill", "Dubois", "García", "Østergård", "Kowalski", "Nagy", "Tanaka",
    "Šimić", "Brontë", "Okafor", "van-Dijk", "Rossi", "Weiß", "Lindqvist", "Ferreira", "Haddad",
    "Novák", "Walsh",
)  # fmt: skip


class Place(NamedTuple):
    """Where somebody lives, and how the shop sells there."""

    country: str
    city: str
    postal_code: str
    street: str
    locale: str
    currency: str
    store: str


PLACES = (
    Place("DE", "Berlin", "10115", "Ringstraße", "de-DE", "EUR", "de"),
    Place("CH", "Genève", "1201", "Rue du Rhône", "fr-CH", "CHF", "ch"),
    Place("GB", "Leeds", "LS1 4AP", "Park Row", "en-GB", "EUR", "de"),
    Place("JP", "Osaka", "530-0001", "Umeda", "en-GB", "JPY", "ch"),
)

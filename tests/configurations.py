"""Configurations that stories are told with, as somebody would write them."""

#: The shop, as its own variables have it; another project needs variables of its own.
SHOP = """
version = 1

[sources.shop]
project_env = "CTP_PROJECT_KEY"
api_url_env = "CTP_API_URL"
auth_url_env = "CTP_AUTH_URL"
client_id_env = "CTP_CLIENT_ID"
client_secret_env = "CTP_CLIENT_SECRET"

[destinations.main]
api_url_env = "AC_API_URL"
token_env = "AC_API_TOKEN"
"""

OUTLET = """
[sources.outlet]
project_env = "CTP_PROJECT_KEY_OUTLET"
api_url_env = "CTP_API_URL_OUTLET"
auth_url_env = "CTP_AUTH_URL_OUTLET"
client_id_env = "CTP_CLIENT_ID_OUTLET"
client_secret_env = "CTP_CLIENT_SECRET_OUTLET"
"""

SWISS = """
[destinations.swiss]
api_url_env = "AC_API_URL_SWISS"
token_env = "AC_API_TOKEN_SWISS"
"""

PROFILE = """
[profile]
first_name = "customer.firstName"
last_name = "customer.lastName"
phone = "address.phone"
"""

NUMBER = """
[[fields]]
perstag = "CT_CUSTOMER_ID"
title = "Customer id"
from = "customer.id"
"""


def route(name: str, destination: str, when: str = "", **more: str) -> str:
    """Return a route; *when* is the inside of a table."""
    condition = f"when = {{ {when} }}\n" if when else ""
    rest = "".join(f'{key} = "{value}"\n' for key, value in more.items())
    return f'\n[[routes]]\nname = "{name}"\ndestination = "{destination}"\n{condition}{rest}'


#: Of two stores each has an account; nobody else goes anywhere.
TWO_STORES = (
    SHOP + SWISS + route("switzerland", "swiss", 'store = "ch"')
    + route("germany", "main", 'store = "de"') + PROFILE + NUMBER
)  # fmt: skip

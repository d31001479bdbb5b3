"""What holds without a `sync.toml`: a file that ships with the package, and may be copied."""

from collections.abc import Mapping
from importlib.resources import files

from ct_ac_sync.configuration.read import read_configuration
from ct_ac_sync.configuration.values import Configuration

NAME = "default.toml"
#: What the file says, to be shown or copied.
TEXT = (files("ct_ac_sync.configuration") / NAME).read_text("utf-8")


def default_configuration(
    *,
    project: str,
    api_url: str,
    auth_url: str,
    ac_api_url: str,
    scopes: str = "",
    events: Mapping[str, str] | None = None,
) -> Configuration:
    """
    Return the configuration of one project and one account, with the usual fields.

    Args:
        events: The variables of the account's event host that are set.
    """
    given = {
        **(events or {}),
        "CTP_PROJECT_KEY": project,
        "CTP_API_URL": api_url,
        "CTP_AUTH_URL": auth_url,
        "CTP_SCOPES": scopes,
        "AC_API_URL": ac_api_url,
    }
    return read_configuration(TEXT, where=NAME, environ=given)

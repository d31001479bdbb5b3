"""
Makes sure that an account takes events: their names are registered, and tracking is on.

An event of a name that nobody registered may be dropped without a word, and so may be all
of them while tracking is off.
"""

from collections.abc import Sequence

from ct_ac_sync.clients.activecampaign.paging import Load, Write, pages
from ct_ac_sync.clients.activecampaign.provisioner import not_shown
from ct_ac_sync.clients.activecampaign.tracking import NAME_LENGTH, TRACKING_OFF
from ct_ac_sync.errors import RejectedError, SyncError, UnclearError
from ct_ac_sync.schemas.activecampaign.inbound import EventNamesAnswerSchema, EventTrackingSchema

PATH, SWITCH = "/eventTrackingEvents", "/eventTracking"

_NAMES, _TRACKING = EventNamesAnswerSchema(), EventTrackingSchema()


class EventNames:
    """Finds or makes; whatever was unclear is looked up again."""

    def __init__(self, load: Load, post: Write, put: Write) -> None:
        self._load = load
        self._post = post
        self._put = put

    def ensure(self, names: Sequence[str]) -> None:
        """
        Register what is missing of *names*, and switch tracking on; without a name, nothing is asked.

        Raises:
            ProvisioningError: The account refuses to make a name, or to switch tracking on.
            ServerError: Whether it did is not certain; asking again is safe.
        """
        if not names:
            return
        shown = self._shown()
        wanted = dict.fromkeys(name[:NAME_LENGTH] for name in names)
        faults = {name: self._register(name) for name in wanted if name not in shown}
        if faults:
            # Whether names that differ in their case are two is not documented.
            now_shown = {name.lower() for name in self._shown()}
            for name, fault in faults.items():
                if name.lower() not in now_shown:
                    raise not_shown(f"event name {name}", fault, cause="event_name_missing") from fault
        self._switch_on()

    def _shown(self) -> set[str]:
        bodies = pages(self._load, _NAMES, PATH, operation="list_event_names", rows="names")
        return {row["id"] for body in bodies for row in body["names"]}

    def _register(self, name: str) -> SyncError | None:
        """Register a name; one that is there already may be refused, and is shown all the same."""
        try:
            self._post(PATH, {"eventTrackingEvent": {"name": name}}, "register_event")
        except (UnclearError, RejectedError) as error:
            return error
        return None

    def _switch_on(self) -> None:
        if self._is_on():
            return
        fault: SyncError | None = None
        try:
            self._put(SWITCH, {"eventTracking": {"enabled": True}}, "switch_event_tracking")
        except (UnclearError, RejectedError) as error:
            fault = error
        if not self._is_on():
            raise not_shown("event tracking", fault, cause=TRACKING_OFF) from fault

    def _is_on(self) -> bool:
        return bool(self._load(_TRACKING, SWITCH, {}, "read_event_tracking")["tracking"]["enabled"])

"""The whole file."""

from ct_ac_sync.configuration.schema.commerce import OrdersSchema, ProductsSchema
from ct_ac_sync.configuration.schema.consent import ConsentSchema
from ct_ac_sync.configuration.schema.deletions import DeletionsSchema
from ct_ac_sync.configuration.schema.events import CartsSchema, EventSchema
from ct_ac_sync.configuration.schema.kinds import Version
from ct_ac_sync.configuration.schema.many import ByName, Rows, Table
from ct_ac_sync.configuration.schema.profile import FieldSchema, ProfileSchema, TagsSchema
from ct_ac_sync.configuration.schema.routes import DestinationSchema, ListSchema, RouteSchema, SourceSchema
from ct_ac_sync.configuration.schema.table import ConfigurationSchema


class DocumentSchema(ConfigurationSchema):
    """What ct-ac-sync does with your shop: where it reads, where it writes, and what."""

    version = Version("the version of this file's grammar", example=1, default=1)
    sources = ByName(
        Table(SourceSchema, "a project"),
        "the Commercetools projects, by names of your own; without, one from the environment, `shop`",
    )
    destinations = ByName(
        Table(DestinationSchema, "an account"),
        "the ActiveCampaign accounts, by names of your own; without, one from the environment, `main`",
    )
    routes = Rows(RouteSchema, "where records go; without, all go to the only destination", title="routes")
    profile = Table(ProfileSchema, "how a person becomes a contact")
    fields_ = Rows(
        FieldSchema, "custom fields of contacts; without, none", title="fields", default=(), key="fields"
    )
    tags = Table(TagsSchema, "tags of contacts")
    lists = ByName(Table(ListSchema, "a list"), "lists of the destinations, by names of your own", default={})
    consent = ByName(
        Table(ConsentSchema, "a channel"),
        "consent, by channel: that of `email` and `sms` decides on lists; without, nobody is put on a list"
        " nor taken from one, and nobody's consent is asked",
        default={},
    )
    orders = Table(OrdersSchema, "how orders are sent")
    products = Table(ProductsSchema, "what is told of products")
    events = Rows(EventSchema, "what follows of events; without, nothing does", title="events", default=())
    carts = Table(CartsSchema, "when a cart is abandoned")
    deletions = Table(DeletionsSchema, "what becomes of contacts whose customers are deleted, and of orders")

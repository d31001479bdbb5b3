"""The fields that predicates may name; below None anything goes."""

from typing import Any

_ADDRESS = dict.fromkeys(
    ("id", "key", "country", "firstName", "lastName", "streetName", "streetNumber", "postalCode", "city",
     "region", "state", "company", "phone", "mobile", "email")
)  # fmt: skip
_COMMON: dict[str, Any] = dict.fromkeys(
    ("id", "version", "createdAt", "lastModifiedAt", "createdBy", "lastModifiedBy", "key", "custom", "locale")
)

FIELDS: dict[str, dict[str, Any]] = {
    "customer": _COMMON
    | dict.fromkeys(
        ("customerNumber", "externalId", "email", "lowercaseEmail", "firstName", "lastName", "middleName",
         "title", "companyName", "vatId", "dateOfBirth", "isEmailVerified", "defaultBillingAddressId",
         "defaultShippingAddressId", "billingAddressIds", "shippingAddressIds", "authenticationMode")
    )
    | {"addresses": _ADDRESS, "stores": {"typeId": None, "key": None}, "customerGroup": {"id": None, "typeId": None}},
    "order": _COMMON
    | dict.fromkeys(
        ("orderNumber", "purchaseOrderNumber", "customerId", "customerEmail", "anonymousId", "orderState",
         "paymentState", "shipmentState", "origin", "country", "completedAt", "taxMode", "inventoryMode",
         "totalPrice", "taxedPrice", "lineItems", "customLineItems", "shippingInfo", "returnInfo",
         "discountCodes", "paymentInfo", "state", "cart", "syncInfo")
    )
    | {"billingAddress": _ADDRESS, "shippingAddress": _ADDRESS, "store": {"typeId": None, "key": None},
       "customerGroup": {"id": None, "typeId": None}},
}  # fmt: skip

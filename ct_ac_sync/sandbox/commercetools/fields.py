"""The fields that predicates may name; below None anything goes."""

from typing import Any

_ADDRESS = dict.fromkeys(
    ("id", "key", "country", "firstName", "lastName", "streetName", "streetNumber", "postalCode", "city",
     "region", "state", "company", "phone", "mobile", "email")
)  # fmt: skip
_BASE: dict[str, Any] = dict.fromkeys(
    ("id", "version", "createdAt", "lastModifiedAt", "createdBy", "lastModifiedBy", "key")
)
_COMMON: dict[str, Any] = _BASE | dict.fromkeys(("custom", "locale"))
_REFERENCE: dict[str, Any] = {"typeId": None, "id": None}
_KEYED: dict[str, Any] = {"typeId": None, "key": None}
_PRODUCT_DATA: dict[str, Any] = dict.fromkeys(
    ("name", "description", "slug", "categoryOrderHints", "metaTitle", "metaDescription", "metaKeywords",
     "searchKeywords", "masterVariant", "variants", "attributes")
) | {"categories": _REFERENCE}  # fmt: skip
_PRODUCT: dict[str, Any] = _BASE | {
    "productType": _REFERENCE, "taxCategory": _REFERENCE, "state": _REFERENCE, "priceMode": None,
    "reviewRatingStatistics": None,
}  # fmt: skip

FIELDS: dict[str, dict[str, Any]] = {
    "customer": _COMMON
    | dict.fromkeys(
        ("customerNumber", "externalId", "email", "lowercaseEmail", "firstName", "lastName", "middleName",
         "title", "salutation", "companyName", "vatId", "dateOfBirth", "isEmailVerified",
         "defaultBillingAddressId", "defaultShippingAddressId", "billingAddressIds", "shippingAddressIds",
         "authenticationMode")
    )
    | {"addresses": _ADDRESS, "stores": _KEYED, "customerGroup": _REFERENCE,
       "customerGroupAssignments": {"customerGroup": _REFERENCE}},
    "order": _COMMON
    | dict.fromkeys(
        ("orderNumber", "purchaseOrderNumber", "customerId", "customerEmail", "anonymousId", "orderState",
         "paymentState", "shipmentState", "origin", "country", "completedAt", "taxMode", "taxRoundingMode",
         "taxCalculationMode", "inventoryMode", "shippingMode", "totalPrice", "taxedPrice",
         "taxedShippingPrice", "discountOnTotalPrice", "lineItems", "customLineItems", "shippingInfo",
         "shipping", "returnInfo", "discountCodes", "syncInfo")
    )
    | {"billingAddress": _ADDRESS, "shippingAddress": _ADDRESS, "store": _KEYED, "customerGroup": _REFERENCE,
       "cart": _REFERENCE, "state": _REFERENCE, "paymentInfo": {"payments": _REFERENCE}},
    "cart": _COMMON
    | dict.fromkeys(
        ("customerId", "customerEmail", "anonymousId", "cartState", "origin", "country", "taxMode",
         "taxRoundingMode", "taxCalculationMode", "inventoryMode", "shippingMode", "totalPrice", "taxedPrice",
         "taxedShippingPrice", "discountOnTotalPrice", "lineItems", "customLineItems", "shippingInfo",
         "shipping", "discountCodes", "totalLineItemQuantity", "deleteDaysAfterLastModification",
         "purchaseOrderNumber")
    )
    | {"billingAddress": _ADDRESS, "shippingAddress": _ADDRESS, "store": _KEYED, "customerGroup": _REFERENCE,
       "paymentInfo": {"payments": _REFERENCE}},
    "shopping-list": _BASE
    | dict.fromkeys(
        ("name", "slug", "description", "anonymousId", "lineItems", "textLineItems",
         "deleteDaysAfterLastModification", "custom")
    )
    | {"customer": _REFERENCE, "store": _KEYED, "businessUnit": _KEYED},
    "message": dict.fromkeys(
        ("id", "version", "createdAt", "lastModifiedAt", "type", "sequenceNumber", "resourceVersion")
    )
    | {"resource": _REFERENCE},
    "payment": _BASE
    | dict.fromkeys(
        ("anonymousId", "interfaceId", "amountPlanned", "paymentMethodInfo", "paymentStatus", "transactions",
         "custom")
    )
    | {"customer": _REFERENCE},
    "product": _PRODUCT
    | {"masterData": {"published": None, "hasStagedChanges": None, "current": _PRODUCT_DATA,
                      "staged": _PRODUCT_DATA}},
    "product-projection": _PRODUCT | _PRODUCT_DATA | {"published": None, "hasStagedChanges": None},
    "product-type": _BASE | dict.fromkeys(("name", "description", "attributes")),
    "category": _BASE
    | dict.fromkeys(("name", "slug", "description", "orderHint", "externalId", "custom"))
    | {"parent": _REFERENCE, "ancestors": _REFERENCE},
    "store": _BASE
    | {"name": None, "languages": None, "countries": {"code": None}, "distributionChannels": _REFERENCE,
       "supplyChannels": _REFERENCE, "custom": None},
    "channel": _BASE | dict.fromkeys(("roles", "name", "description", "address", "custom")),
    "customer-group": _BASE | dict.fromkeys(("name", "custom")),
    "type": _BASE | dict.fromkeys(("name", "description", "resourceTypeIds", "fieldDefinitions")),
    "discount-code": _BASE
    | dict.fromkeys(("name", "description", "code", "isActive", "validFrom", "validUntil", "groups", "custom"))
    | {"cartDiscounts": _REFERENCE, "stores": _KEYED, "references": _REFERENCE},
    "cart-discount": _BASE
    | dict.fromkeys(("name", "description", "value", "target", "sortOrder", "isActive",
                     "requiresDiscountCode", "validFrom", "validUntil", "stackingMode", "custom"))
    | {"stores": _KEYED, "references": _REFERENCE},
    "key-value-document": _BASE | dict.fromkeys(("container", "value")),
    "state": _BASE
    | dict.fromkeys(("type", "name", "description", "initial", "builtIn", "roles"))
    | {"transitions": _REFERENCE},
}  # fmt: skip

"""
Uses a look-alike by activecampaign-python, a client that knows nothing of us.

Runs in an environment of its own; prints what each call answered.  The client follows
no status, so its answers are the bodies; and it has no lists of e-commerce rows.
"""

import argparse
import json
import sys

from activecampaign.client import Client

ADDRESS = "judge@example.org"


def contacts(ac):
    """Yield the answers about contacts."""
    people = ac.contacts
    sent = {"email": ADDRESS, "firstName": "Ada", "lastName": "Lovelace", "phone": "123"}
    yield "sync of a new contact", people.create_or_update_contact({"contact": sent})
    again = {"email": ADDRESS.upper(), "lastName": "King"}
    synced = people.create_or_update_contact({"contact": again})
    yield "sync of a known contact", synced
    yield "sync without an address", people.create_or_update_contact({"contact": {"firstName": "Ada"}})
    yield "sync of a bad address", people.create_or_update_contact({"contact": {"email": "ada"}})
    created = people.create_a_contact({"contact": {"email": "second@example.org"}})
    yield "creation", created
    yield "creation of a taken address", people.create_a_contact({"contact": {"email": ADDRESS}})
    yield "contact", people.retrieve_a_contact(synced["contact"]["id"])
    yield "unknown contact", people.retrieve_a_contact("99999")
    id_ = created["contact"]["id"]
    yield "rename", people.update_a_contact(id_, {"contact": {"email": "renamed@example.org"}})
    yield "rename to a taken address", people.update_a_contact(id_, {"contact": {"email": ADDRESS}})
    yield "contacts by address", people.list_all_contacts(email=ADDRESS)
    yield "contacts by a misspelt filter", people.list_all_contacts(e_mail=ADDRESS)
    yield "contacts by ids", people.list_all_contacts(**{"ids[]": [id_]})
    yield "contacts by search", people.list_all_contacts(search="king")
    yield "deletion", people.delete_a_contact(id_)
    yield "deleted contact", people.retrieve_a_contact(id_)
    yield "deletion of nobody", people.delete_a_contact(id_)


def fields(ac, contact):
    """Yield the answers about custom fields."""
    people = ac.contacts
    field = {"title": "Shoe Size", "type": "text", "perstag": "Shoe Size"}
    yield "new field", people.create_a_custom_field({"field": field})
    yield "field of a taken title", people.create_a_custom_field({"field": field})
    listed = people.list_all_custom_fields(limit=100)
    yield "fields", listed
    id_ = listed["fields"][0]["id"]
    relation = {"fieldRel": {"field": int(id_), "relid": 0}}
    yield "relation", people.create_a_custom_field_relationship_to_list(relation)
    yield "field", people.retrieve_a_custom_field(id_)
    value = {"contact": int(contact), "field": int(id_), "value": "42"}
    written = people.create_a_custom_field_value({"fieldValue": value})
    yield "new value", written
    again = people.create_a_custom_field_value({"fieldValue": value | {"value": "43"}})
    yield "the same value again", again
    unknown = people.create_a_custom_field_value({"fieldValue": value | {"field": 999}})
    yield "value of an unknown field", unknown
    place = written["fieldValue"]["id"]
    changed = people.update_a_custom_field_value_for_contact({"fieldValue": value | {"value": "44"}}, place)
    yield "changed value", changed
    yield "value", people.retrieve_a_custom_field_value(place)
    yield "values", people.list_all_custom_field_values()
    yield "values of the contact", people.retrieve_a_contacts_field_values(contact)
    yield "deleted value", people.delete_a_custom_field_value(place)
    yield "value that is gone", people.retrieve_a_custom_field_value(place)


def shops(ac):
    """Yield the answers about connections and e-commerce customers."""
    deep = ac.deepdataintegrations
    shop = {"service": "judge", "externalid": "one", "name": "One", "logoUrl": "l", "linkUrl": "l"}
    made = deep.create_a_connection({"connection": shop})
    yield "new connection", made
    yield "the same connection again", deep.create_a_connection({"connection": shop})
    yield "connection without a service", deep.create_a_connection({"connection": {"name": "One"}})
    id_ = made["connection"]["id"]
    yield "connection", deep.retrieve_a_connection(id_)
    yield "renamed connection", deep.update_a_connection(id_, {"connection": {"name": "Two"}})
    buyer = {"connectionid": id_, "externalid": "7", "email": "buyer@example.org", "acceptsMarketing": "1"}
    bought = deep.create_an_ecommerce_customer({"ecomCustomer": buyer})
    yield "new customer", bought
    yield "the same customer again", deep.create_an_ecommerce_customer({"ecomCustomer": buyer})
    orphan = {"ecomCustomer": buyer | {"connectionid": "999"}}
    yield "customer of no connection", deep.create_an_ecommerce_customer(orphan)
    place = bought["ecomCustomer"]["id"]
    moved = {"ecomCustomer": {"email": "moved@example.org"}}
    yield "moved customer", deep.update_an_ecommerce_customer(place, moved)
    yield "customer", deep.retrieve_an_ecommerce_customer(place)
    yield "deleted customer", deep.delete_an_ecommerce_customer(place)
    yield "customer that is gone", deep.retrieve_an_ecommerce_customer(place)
    yield "deleted connection", deep.delete_a_connection(id_)
    yield "connection that is gone", deep.retrieve_a_connection(id_)


def orders(ac, order):
    """Yield the answers about the copy of an order that somebody else has made."""
    deep = ac.deepdataintegrations
    yield "order", deep.retrieve_an_ecommerce_order(order)
    yield "deleted order", deep.delete_an_ecommerce_order(order)
    yield "order that is gone", deep.retrieve_an_ecommerce_order(order)


def main():
    """Print the answers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("token")
    parser.add_argument("order", help="id of the REST copy of an order")
    given = parser.parse_args()
    ac = Client(given.url, given.token)
    answers = dict(contacts(ac))
    answers |= fields(ac, answers["contact"]["contact"]["id"])
    answers |= shops(ac)
    answers |= orders(ac, given.order)
    answers["refused key"] = Client(given.url, "not the key").contacts.list_all_contacts()
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

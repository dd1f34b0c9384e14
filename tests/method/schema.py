#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
"""Checks JSON files against a JSON Schema (draft 2020-12), as much of it as ours needs.

    schema.py SCHEMA FILE...

A keyword that isn't understood here is refused: passed over, it would check nothing in silence.
"""

import json
import sys

NOTES = {"$schema", "title", "description"}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: is_number(value) and float(value).is_integer(),
    "number": lambda value: is_number(value),
}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_equal(one, other):
    """JSON's own equality: true isn't 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def type_errors(value, names, where):
    names = names if isinstance(names, list) else [names]
    if not any(TYPES[name](value) for name in names):
        yield f"{where}: {value!r:.60} isn't of type {' or '.join(names)}"


def required_errors(value, keys, where):
    for key in keys if isinstance(value, dict) else []:
        if key not in value:
            yield f"{where}: lacks {key}"


def property_errors(value, schemas, where):
    for key, schema in schemas.items() if isinstance(value, dict) else []:
        if key in value:
            yield from errors(value[key], schema, f"{where}.{key}")


def item_errors(value, schema, where):
    for i, item in enumerate(value if isinstance(value, list) else []):
        yield from errors(item, schema, f"{where}[{i}]")


def enum_errors(value, values, where):
    if not any(is_equal(value, one) for one in values):
        yield f"{where}: {value!r:.60} is none of {values}"


def const_errors(value, constant, where):
    yield from enum_errors(value, [constant], where)


def minimum_errors(value, least, where):
    if is_number(value) and value < least:
        yield f"{where}: {value} is less than {least}"


def least_items_errors(value, least, where):
    if isinstance(value, list) and len(value) < least:
        yield f"{where}: has {len(value)} items, {least} are needed"


def most_items_errors(value, most, where):
    if isinstance(value, list) and len(value) > most:
        yield f"{where}: has {len(value)} items, {most} are allowed"


KEYWORDS = {
    "type": type_errors, "required": required_errors, "properties": property_errors,
    "items": item_errors, "enum": enum_errors, "const": const_errors, "minimum": minimum_errors,
    "minItems": least_items_errors, "maxItems": most_items_errors,
}


def errors(value, schema, where="$"):
    """All that is wrong with a value, a sentence each."""
    for keyword, wish in schema.items():
        if keyword in KEYWORDS:
            yield from KEYWORDS[keyword](value, wish, where)


def unnamed(value, schema, where="$"):
    """The keys of a value that a schema passes over in silence: nobody says what they are. An object
    without "properties" may hold anything."""
    if isinstance(value, dict) and "properties" in schema:
        for key, inner in value.items():
            if key in schema["properties"]:
                yield from unnamed(inner, schema["properties"][key], f"{where}.{key}")
            else:
                yield f"{where}.{key}"
    for item in value if isinstance(value, list) else []:
        yield from unnamed(item, schema.get("items", {}), f"{where}[]")


def schema_errors(schema, where="schema"):
    """What this program doesn't understand of a schema, also where no value leads it there."""
    if not isinstance(schema, dict):
        yield f"{where}: {schema!r:.60} is no schema that is understood here"
        return
    for keyword, wish in schema.items():
        if keyword not in KEYWORDS and keyword not in NOTES:
            yield f"{where}: the keyword {keyword} isn't understood here"
        elif keyword == "items":
            yield from schema_errors(wish, f"{where}.items")
        elif keyword == "properties":
            for key, inner in wish.items():
                yield from schema_errors(inner, f"{where}.{key}")
        elif keyword == "type":
            for name in wish if isinstance(wish, list) else [wish]:
                if name not in TYPES:
                    yield f"{where}: there is no type {name}"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(words):
    if len(words) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    schema = load(words[0])
    found = [f"{words[0]}: {error}" for error in schema_errors(schema)]
    for path in words[1:] if not found else []:
        found += [f"{path}: {error}" for error in errors(load(path), schema)]
    print("\n".join(found[:20]) if found else "as the schema says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

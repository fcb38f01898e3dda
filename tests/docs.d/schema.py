"""schema.py - a listing of JSON parses; with a schema it is valid under it. Words of JSON Schema that it does not know are refused.

  schema.py FILE [SCHEMA]     prints what is wrong, exits 1 if anything is
"""
import datetime
import json
import re
import sys

KNOWN = {"$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "required", "properties", "additionalProperties",
         "items", "minimum", "pattern", "format"}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def twice(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice: %s" % names)
    return dict(pairs)


def judge(value, rule, root, at):
    """Yields what is wrong with value under rule."""
    if "$ref" in rule:
        target = root
        for part in rule["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        rule = target
    if not KNOWN >= set(rule):
        yield "%s: the schema has words that are not known here: %s" % (at, sorted(set(rule) - KNOWN))
    if "type" in rule and (not isinstance(value, TYPES[rule["type"]]) or (isinstance(value, bool) and rule["type"] != "boolean")):
        yield "%s: no %s" % (at, rule["type"])
        return
    if "const" in rule and value != rule["const"]:
        yield "%s: not %r" % (at, rule["const"])
    if "enum" in rule and value not in rule["enum"]:
        yield "%s: none of %s" % (at, rule["enum"])
    if "minimum" in rule and value < rule["minimum"]:
        yield "%s: less than %s" % (at, rule["minimum"])
    if "pattern" in rule and not re.search(rule["pattern"], value):
        yield "%s: not like %s" % (at, rule["pattern"])
    if rule.get("format") == "date-time":
        try:
            datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            yield "%s: no time" % at
    if isinstance(value, dict):
        for name in rule.get("required", []):
            if name not in value:
                yield "%s: has no %s" % (at, name)
        for name, part in value.items():
            more = rule.get("properties", {}).get(name, rule.get("additionalProperties"))
            if more is False:
                yield "%s: may not have %s" % (at, name)
            elif isinstance(more, dict):
                yield from judge(part, more, root, at + "/" + name)
    if isinstance(value, list) and "items" in rule:
        for i, part in enumerate(value):
            yield from judge(part, rule["items"], root, "%s/%d" % (at, i))


with open(sys.argv[1]) as f:
    try:
        document = json.load(f, object_pairs_hook=twice)
    except ValueError as e:
        sys.exit("no JSON: %s" % e)
found = []
if len(sys.argv) > 2:
    with open(sys.argv[2]) as f:
        schema = json.load(f)
    found = list(judge(document, schema, schema, ""))
for line in found:
    print(line)
sys.exit(bool(found))

#!/usr/bin/env python3
"""verbs.py - answers against the schemas of docs/schemas.

    verbs.py SCHEMAS ANSWERS      ANSWERS: SCHEMA.N.json, and what was asked in SCHEMA.N.of

Prints a line a finding: an answer that its schema does not take; a schema without an answer; a property that no answer has, or has only
empty (null, ""), unless it is marked `x-rare` with the reason. The last line is "N answers, N properties, N rare".
"""
import json, pathlib, sys, warnings

warnings.simplefilter("ignore", DeprecationWarning)  # of newer releases, about the one way that Debian 12's has
from jsonschema import Draft202012Validator, RefResolver

schemas, answers = map(pathlib.Path, sys.argv[1:])
store = {p.name: json.loads(p.read_text()) for p in sorted(schemas.glob("*.json"))}
findings, seen, asked = [], set(), set()


def target(ref, name):
    """Of "map.json#/$defs/compare" as map.json has it: file, pointer, schema."""
    file, _, pointer = ref.partition("#")
    name = file or name
    at = store[name]
    for word in pointer.split("/")[1:]:
        at = at[word]
    return name, pointer, at


def takes(schema, value, name):
    return Draft202012Validator(schema, resolver=RefResolver("", store[name], store)).is_valid(value)


def walk(schema, value, name, pointer):
    """Marks what `value` shows of `schema`, which takes it."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        file, at, inner = target(schema["$ref"], name) if not schema["$ref"].startswith("http") else (name, pointer, {})
        walk(inner, value, file, at)
    for k, inner in enumerate(schema.get("anyOf", [])):
        if takes(inner, value, name):
            walk(inner, value, name, f"{pointer}/anyOf/{k}")
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if value.get(key) not in (None, ""):
                seen.add((name, f"{pointer}/properties/{key}"))
                walk(inner, value[key], name, f"{pointer}/properties/{key}")
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        for k, one in enumerate(value):
            if k < len(first):
                walk(first[k], one, name, f"{pointer}/prefixItems/{k}")
            elif "items" in schema:
                walk(schema["items"], one, name, f"{pointer}/items")


def told(schema, name, pointer=""):
    """Every property that a file tells of: pointer, its schema."""
    if isinstance(schema, list):
        for k, inner in enumerate(schema):
            yield from told(inner, name, f"{pointer}/{k}")
    if not isinstance(schema, dict):
        return
    for key, inner in schema.get("properties", {}).items():
        yield f"{pointer}/properties/{key}", inner
        yield from told(inner, name, f"{pointer}/properties/{key}")
    for key in ("items", "prefixItems", "anyOf"):
        yield from told(schema.get(key), name, f"{pointer}/{key}")
    for key, inner in schema.get("$defs", {}).items():
        yield from told(inner, name, f"{pointer}/$defs/{key}")


def strict(schema):
    """Every object that names its members names all of them."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict) and schema.get("type") == "object":
            if schema.get("additionalProperties") is not False or not isinstance(schema.get("required"), list):
                yield schema
        for inner in schema.values():
            yield from strict(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from strict(inner)


for name, schema in store.items():
    try:
        Draft202012Validator.check_schema(schema)
    except Exception as e:
        findings.append(f"{name} is no schema: {e}")
    for one in strict(schema):
        findings.append(f"{name}: an object is open, or says not what it must have: {json.dumps(one)[:120]}")
for path in sorted(answers.glob("*.json")):
    name = path.name.split(".")[0] + ".json"
    of = path.with_suffix(".of").read_text().strip()
    asked.add(name)
    if name not in store:
        findings.append(f"{of}: there is no docs/schemas/{name}")
        continue
    try:
        answer = json.loads(path.read_text(), parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))
    except ValueError as e:
        findings.append(f"{of}: not one JSON text: {e}: {path.read_text()[:200]!r}")
        continue
    errors = list(Draft202012Validator(store[name], resolver=RefResolver("", store[name], store)).iter_errors(answer))
    for e in errors[:5]:
        findings.append(f"{of}: {name}: /{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}")
    if not errors:
        walk(store[name], answer, name, "")
findings += [f"{name}: no verb was asked for it" for name in store if name not in asked]
n = rare = 0
for name, schema in store.items():
    for pointer, inner in told(schema, name):
        n += 1
        if "x-rare" in inner:
            rare += 1
        elif (name, pointer) not in seen:
            findings.append(f"{name}: {pointer.replace('/properties', '')}: no answer has it")
print(*findings, f"{len(list(answers.glob('*.json')))} answers, {n} properties, {rare} rare", sep="\n")
sys.exit(bool(findings))

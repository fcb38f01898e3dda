"""dashboards.py - the expressions of docs/grafana/tillwatch.json and docs/prometheus/rules.yaml, one a line, as Grafana would send them.

  dashboards.py DASHBOARD RULES     writes lines "PLACE<tab>full|any<tab>EXPRESSION": full: on a shop that works it finds something.
                                    What is wrong with the dashboard itself goes to stderr; exits 1 if anything is.
"""
import json
import re
import sys

wrong = []
board = json.load(open(sys.argv[1]))
names = [v["name"] for v in board["templating"]["list"]]
taken, ids = set(), set()


def filled(expression, place):
    for word, value in (("$__rate_interval", "5m"), ("$shop", ".*"), ("$probe", ".*")):
        expression = expression.replace(word, value)
    if "$" in expression:
        wrong.append("%s: a variable that nobody fills: %s" % (place, expression))
    return expression


def say(place, how, expression):
    print("%s\t%s\t%s" % (place, how, expression))


for panel in board["panels"]:
    place = "dashboard, %s" % panel.get("title")
    if not panel.get("title") or panel["id"] in ids:
        wrong.append("%s: no title, or an id that stands twice" % place)
    ids.add(panel["id"])
    at = panel["gridPos"]
    cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
    if cells & taken or at["x"] + at["w"] > 24:
        wrong.append("%s: lies over another panel, or beyond the edge" % place)
    taken |= cells
    if panel["type"] == "row":
        continue
    if panel["datasource"]["uid"] != "${datasource}" or not panel["targets"]:
        wrong.append("%s: no target, or a datasource of its own" % place)
    for target in panel["targets"]:
        empty = panel.get("description", "").startswith("Empty ")
        say(place, "any" if empty else "full", filled(target["expr"], place))
for variable in board["templating"]["list"]:
    if variable["type"] == "query":
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        say("dashboard, variable " + variable["name"], "full", "count by (%s) (%s)" % (found[2], filled(found[1], variable["name"])))
if names != ["datasource", "shop", "probe"]:
    wrong.append("the dashboard has other variables: %s" % names)

rules = open(sys.argv[2]).read()
found = re.findall(r"^      - (?:alert|record): (\S+)\n        expr: (.*)$", rules, re.M)
if len(found) != len(re.findall(r"\b(?:alert|record):", rules)):
    wrong.append("%s: an expression is not on the line below its rule's name" % sys.argv[2])
tested = open(sys.argv[2].replace("rules.yaml", "rules-test.yaml")).read()
for name, expression in found:
    say("rule " + name, "any", expression)
    if ":" not in name and not re.search(r"alertname: %s\n\s+exp_alerts: \[\{" % name, tested):
        wrong.append("the rule %s is seen to fire by no test" % name)
for line in wrong:
    print(line, file=sys.stderr)
sys.exit(bool(wrong))

#!/usr/bin/env python3
"""make-fixtures.py - writes tests/golden/fixtures/: one invented shop at 2026-11-23T14:32:07Z, in which
search has become slow since 14:21, checkout's page fails since 14:22 and one probe has gone stale.
SPDX-License-Identifier: Apache-2.0"""
import json, math, os, random

T = 1795444327
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
rnd = random.Random(7)
SHOP = "acme-eu"
FAULT, FAIL, STALE = T - 667, T - 607, T - 540

PROBES = [  # name, base seconds, interval
    ("home", 0.212, 30), ("product-page", 0.305, 30), ("search", 0.420, 30),
    ("category", 0.188, 30), ("checkout-page", 0.350, 30), ("login", 0.150, 60),
]


def ts(v):
    return format(v, ".5g")


def slots(interval):
    first = (T - 4800) // interval * interval
    return range(first, T + 1, interval)


def ttfb(name, base, t, warm, v6):
    if name == "checkout-page" and t >= FAIL:
        return None
    if name == "login" and t >= STALE:
        return None
    x = base * (1 + 0.10 * math.sin(t / 700.0) + rnd.uniform(-0.06, 0.06))
    if name == "search" and t >= FAULT:
        x *= 1 + min(2.2, (t - FAULT) / 120.0)
    if name == "home" and 2000 < T - t < 2060:
        x *= 3
    return x * (0.62 if warm else 1) * (1.07 if v6 else 1)


def traffic(series):
    """What real traffic says: answers to increase() and histogram_quantile() are these values as they are."""
    def add(name, value, labels, when=None):
        one = {"metric": {"__name__": name, "shop": SHOP, **labels},
               "values": [[t, ts(value(t) if callable(value) else value)] for t in slots(60)]}
        series.append({**one, "when": when} if when else one)

    def ramp(low, high):
        return lambda t: low if t < FAULT else low + (high - low) * min(1, (t - FAULT) / 240.0)

    for probe, bad in (("shop-api", True), ("real-checkout", True), ("order-rate", False), ("guest-checkout", True),
                       ("guest-paypal", False)):
        add("tillwatch_probe_verdict", lambda t, bad=bad: 2.0 if bad and t >= FAIL + 60 else 0.0, {"probe": probe})
    for route, n, server, throttled, client, times in (
            ("payment", 18360, ramp(6, 1256), 147, 11, (0.168, 1.94, 30.012)), ("cart", 28920, 205, 0, 128, (0.061, 0.14, 0.377)),
            ("catalog", 123810, 25, 0, 410, (0.038, 0.092, 0.188)), ("search", 42270, 46, 0, 8, (0.088, 0.744, 1.902)),
            ("other", 3300, 0, 70, 33, (0.41, 0.98, 1.41))):
        labels = {"probe": "shop-api", "route": route}
        for outcome, v in (("ok", n), ("server_error", server), ("throttled", throttled), ("client_error", client)):
            add("api_requests_total", v, {**labels, "outcome": outcome})
        for q, v in zip(("0.5", "0.95", "0.99"), times):
            add("api_duration_seconds", v, labels, "quantile(%s," % q)
    for window, burn in (("1h", 68.4), ("6h", 12.1), ("1d", 3.4), ("3d", 1.9)):
        add("api_budget_burn_rate", burn, {"probe": "shop-api", "window": window})
        add("api_error_ratio", burn * 0.001, {"probe": "shop-api", "window": window})
    add("api_budget_left_ratio", -0.04, {"probe": "shop-api"})
    add("api_budget_alarm", 1, {"probe": "shop-api", "severity": "page"})
    add("api_complete_seconds", lambda t: t - 6, {"probe": "shop-api"})
    series[-1]["values"] = [[t, str(t - 6)] for t in slots(60)]
    add("access_log_lines_total", 216660, {"probe": "edge_log", "result": "ok"}, "total[")
    add("access_log_lines_total", 12, {"probe": "edge_log", "result": "unparsed"}, "unparsed")

    asked = {"probe": "shop-graphql"}
    add("tillwatch_probe_verdict", 0.0, asked)
    for route, outcomes, times in (("stock", (("ok", 52), ("throttled", 8)), (0.41, 0.98, 1.41)),
                                   ("active-order", (("ok", 57), ("business_error", 2), ("partial", 1)), (0.061, 0.14, 0.377))):
        add("api_call_up", 1, {**asked, "route": route})
        for outcome, v in outcomes:
            add("api_calls_total", v, {**asked, "route": route, "outcome": outcome})
        for q, v in zip(("0.5", "0.95", "0.99"), times):
            add("api_call_duration_seconds", v, {**asked, "route": route}, "quantile(%s," % q)
    for host, quota, left, until in (("shop.example", "cost", 0.09, 720), ("shop.example", "ratelimit", 0.82, None),
                                     ("erp.example", "minute", 0.21, None)):
        labels = {**asked, "host": host, "quota": quota}
        add("api_quota_headroom_ratio", left, labels)
        if until:
            add("api_quota_exhausted_seconds", until, labels)
    for route, code, path, n in (("active-order", "INSUFFICIENT_STOCK_ERROR", "addItemToOrder", 2), ("stock", "THROTTLED", "", 8),
                                 ("active-order", "INTERNAL_SERVER_ERROR", "activeOrder/customer", 1)):
        add("api_call_errors_total", n, {**asked, "route": route, "code": code, "path": path})

    steps = [("view_item", 18402, None, None), ("add_to_cart", 5704, 18402, (.298, .311, .325)),
             ("begin_checkout", 4067, 5704, (.68, .711, .74)), ("add_shipping_info", 3754, 4067, (.909, .925, .941)),
             ("add_payment_info", 3666, 3754, (.966, .975, .984)), ("purchase", 3010, 3666, (.91, .931, .95))]
    for i, (step, good, tried, usual) in enumerate(steps):
        labels = {"probe": "real-checkout", "step": step}
        add("checkout_step_number", i + 1, labels)
        add("checkout_step_is_closed", 0 if step == "purchase" else 1, labels)
        add("checkout_good_total", good, labels)
        if usual is None:
            continue
        add("checkout_tried_total", tried, labels)
        add("checkout_alarm", 1 if step == "purchase" else 0, {**labels, "test": "step", "window": "1h"})
        add("checkout_ratio", ramp(.935, .821) if step == "purchase" else good / tried, {**labels, "window": "1h"})
        for bound, v in zip(("low", "mid", "high"), usual):
            add("checkout_ratio_expected", v, {**labels, "window": "1h", "bound": bound})
    add("checkout_lost_sessions", 363, {"probe": "real-checkout", "step": "purchase"})
    for country, ratio, surprise in (("DE", .792, 17.2), ("FR", .84, 6.1), ("GB", .939, .3), ("US", .948, .1)):
        labels = {"probe": "real-checkout", "step": "purchase", "window": "1h", "dimension": "country", "value": country}
        add("checkout_surprise", surprise, labels)
        add("checkout_ratio", ratio, labels)
        add("checkout_ratio_expected", .931, {**labels, "bound": "mid"})
    for bound, v in (("low", 31200), ("high", 38100)):
        add("checkout_at_risk_value", v, {"probe": "real-checkout", "bound": bound})
    add("checkout_complete_seconds", 0, {"probe": "real-checkout"})
    series[-1]["values"] = [[t, str((t - 120) // 60 * 60)] for t in slots(60)]
    for probe, reached, seconds in (("guest-checkout", 4, 31.2), ("guest-paypal", 5, 4.1)):
        add("checkout_reached_steps", reached, {"probe": probe})
        add("checkout_journey_seconds", seconds, {"probe": probe})
    add("checkout_rate_events", 2461, {"probe": "order-rate", "window": "1h"})
    for bound, v in (("low", 2340), ("mid", 2760), ("high", 3180)):
        add("checkout_rate_expected_events", v, {"probe": "order-rate", "window": "1h", "bound": bound})
    add("checkout_rate_floor_seconds", 540, {"probe": "order-rate", "window": "1h"})
    add("checkout_alarm", 0, {"probe": "order-rate", "test": "rate", "window": "1h"})


def bucket(v):  # schema 3 is enough for a picture: factor 2^(1/8)
    k = math.ceil(math.log2(v) * 8)
    return 2 ** ((k - 1) / 8), 2 ** (k / 8)


def main():
    series, newest, slowest = [], {}, {}
    for name, base, interval in PROBES:
        labels = {"shop": SHOP, "probe": name}
        hist = {}
        hist_points = []
        runs = []
        for c in ("cold", "warm"):
            for f in ("ipv4", "ipv6"):
                if name != "product-page" and f == "ipv6":
                    continue
                values = []
                for t in slots(interval):
                    v = ttfb(name, base, t, c == "warm", f == "ipv6")
                    if v is None:
                        continue
                    values.append([t, ts(v)])
                series.append({"metric": {"__name__": "storefront_ttfb_seconds", **labels,
                                          "connection": c, "family": f}, "values": values})
        cold = next(s for s in series if s["metric"]["probe"] == name and s["metric"]["connection"] == "cold")
        share = {"dns": 0.03, "connect": 0.09, "tls": 0.15, "send": 0.005, "wait": 0.725}
        phases = {p: [] for p in list(share) + ["transfer"]}
        count = 0.0
        total = 0.0
        for t, v in cold["values"]:
            v = float(v)
            slow = max(0.0, v - base * 1.2)
            for p, s in share.items():
                phases[p].append([t, ts((v - slow) * s + (slow if p == "wait" else 0))])
            tr = base * 0.12
            phases["transfer"].append([t, ts(tr)])
            lo, hi = bucket(v + tr)
            hist[(lo, hi)] = hist.get((lo, hi), 0) + 1
            lo, hi = bucket((v + tr) * 0.62)
            hist[(lo, hi)] = hist.get((lo, hi), 0) + 1
            count += 2
            total += (v + tr) * 1.62
            hist_points.append([t, {"count": ts(count), "sum": ts(total), "buckets": [
                [0, ts(a), ts(b), ts(n)] for (a, b), n in sorted(hist.items())]}])
            runs.append((t, v + tr, {p: float(phases[p][-1][1]) for p in phases}))
        for p, values in phases.items():
            series.append({"metric": {"__name__": "storefront_phase_seconds", **labels, "phase": p,
                                      "connection": "cold", "family": "ipv4"}, "values": values})
        if name in ("product-page", "search"):
            series.append({"metric": {"__name__": "storefront_duration_seconds", **labels},
                           "histograms": hist_points})
        verdict = [[t, "2" if name == "checkout-page" and t >= FAIL else
                    "1" if name == "search" and t >= FAULT + 120 else "0"]
                   for t in slots(interval) if not (name == "login" and t >= STALE)]
        series.append({"metric": {"__name__": "tillwatch_probe_verdict", **labels}, "values": verdict})
        for outcome, n in (("ok", 118), ("server_error", 20 if name == "checkout-page" else 0)):
            series.append({"metric": {"__name__": "storefront_runs_total", **labels, "outcome": outcome},
                           "values": [[t, str(n)] for t in slots(60)]})
        series.append({"metric": {"__name__": "storefront_certificate_expires_seconds", **labels},
                       "values": [[t, str(41 * 86400 - (t - T))] for t in slots(60)]})
        if name in ("product-page", "search"):
            def run(i, t, d, ph):
                return {"id": i, "probe": name, "at": t, "verdict": "ok", "reason": "", "facts": {
                    "connection": "cold", "hops": [{"url": f"https://shop.example/{name}", "address": "203.0.113.7",
                    "family": "ipv4", "status": 200, "http_version": "2", "pop": "FRA", "cache": "HIT",
                    "country": "DE", "asn": "AS64500", "failed_phase": None,
                    **{p + "_s": ph[p] for p in ph}}]}}
            ordered = sorted(runs, key=lambda r: -r[1])
            newest[name] = run(9000, *runs[-1])
            slowest[name] = [run(8000 + i, *r) for i, r in enumerate(ordered[:12])]

    traffic(series)

    def probe(name, plugin, verdict, reason, since, interval=30.0, stale=False, late=False):
        return {"name": name, "plugin": plugin, "system": "storefront", "interval": interval, "timeout": 10.0,
                "verdict": verdict, "cause": "", "reason": reason, "since": since, "last_run": T - 7,
                "next_run": T + 23, "late": late, "stale": stale}

    write("probes", {"status": "success", "data": {"shop": SHOP, "now": T + 0.123, "probes": [
        probe("home", "storefront", "ok", "", T - 86400 * 3),
        probe("product-page", "storefront", "ok", "", T - 2940),
        probe("search", "storefront", "warn", "time to first byte 1.32 s, allowed 800 ms", FAULT + 120),
        probe("category", "storefront", "ok", "", T - 86400 * 3),
        probe("checkout-page", "storefront", "crit", "status 503, expected 200 (\"Service \u001b[31mUnavailable\")", FAIL),
        probe("login", "storefront", "ok", "", T - 86400 * 3, 60.0, stale=True),
        probe("shop-api", "api", "crit", "errors spend the budget too fast", FAIL + 60, 60.0),
        probe("shop-graphql", "api", "ok", "", T - 86400 * 3, 60.0),
        probe("real-checkout", "checkout", "crit", "purchase: 301 of 366 went on in 1h (82.2 %) where 91.0 to 95.0 % are usual",
              FAIL + 60, 60.0),
        probe("order-rate", "checkout", "ok", "", T - 86400 * 3, 60.0),
        probe("guest-checkout", "checkout", "crit", "purchase: server_error (HTTP 504)", FAIL + 60, 60.0),
        probe("guest-paypal", "checkout", "ok", "", T - 86400 * 3, 60.0)]}})

    def alert(name, pr, sev, summary, since, state="firing", silenced=""):
        at = __import__("datetime").datetime.fromtimestamp(since, __import__("datetime").timezone.utc)
        return {"labels": {"alertname": name, "probe": pr, "severity": sev, "shop": SHOP},
                "annotations": {"summary": summary}, "state": state, "activeAt": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "value": "1", "silencedBy": silenced, "inhibitedBy": ""}

    write("alerts", {"status": "success", "data": {"alerts": [
        alert("StorefrontSlow", "search", "ticket", "search is slow: time to first byte 1.32s", FAULT + 120),
        alert("StorefrontDown", "checkout-page", "page", "checkout-page fails: status 503, expected 200", FAIL + 60),
        alert("ProbeStale", "login", "ticket", "login has not run for 9m", STALE + 120, "pending")]}})
    write("rules", {"status": "success", "data": {"groups": [{"name": "defaults", "rules": [
        {"name": "StorefrontSlow", "type": "alerting",
         "query": "quantile_over_time(0.75, storefront_ttfb_seconds{probe=\"%s\",shop=\"acme-eu\"}[15m]) > 0.8" % p[0]}
        for p in PROBES]}]}})
    host = {"plugin": "storefront", "pid": 2120, "last_exit": "", "skipped": 0, "timeouts": 0, "cpu": 12.4,
            "lag_p50": 0.00002, "lag_max": 0.003}
    write("plugins", {"status": "success", "data": {"hosts": [
        {**host, "group": "storefront", "state": "running", "probes": 6, "restarts": 0, "rss": 8400000,
         "lag_p99": 0.00012, "late": 3, "runs": 41230},
        {**host, "group": "api", "state": "waiting", "probes": 1, "restarts": 2, "rss": 0, "lag_p99": None,
         "late": 0, "runs": 812, "last_exit": "signal 11"}]}})
    write("outbox", {"status": "success", "data": {"receivers": [
        {"name": "oncall", "type": "webhook", "state": "ok", "fallback": "ops", "delivered": 12, "attempts": 12,
         "pending": 0, "dead": 0, "oldest": None, "last_error": ""},
        {"name": "ops", "type": "webhook", "state": "open", "fallback": "", "delivered": 41, "attempts": 60,
         "pending": 3, "dead": 0, "oldest": T - 340, "last_error": "HTTP 502"}], "messages": []}})
    write("runs-newest", {"status": "success", "data": {"runs": [newest["product-page"]]}})
    write("runs-slowest", {"status": "success", "data": {"runs": slowest["product-page"]}})
    write("series", {"series": series})


def write(name, value):
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(value, f, indent=None, separators=(",", ":"))
        f.write("\n")


main()

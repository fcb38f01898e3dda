#!/usr/bin/env python3
"""make-fixtures.py - writes tests/golden/fixtures/: one invented shop at 2026-11-23T14:32:07Z, in which
search has become slow since 14:21, checkout's page fails since 14:22, the shop's stock falls behind the warehouse
since 13:51 and one probe has gone stale. And in fixtures/borealis a second shop that takes kroner, of which only a page is slow.
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
        add("checkout_at_risk_value", v, {"probe": "real-checkout", "window": "1h", "bound": bound})
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


STUCK = T - 2467  # 13:51: the shop no longer hears of the warehouse


def since_stuck(low, high, over=2400.0):
    return lambda t: low if t < STUCK else low + (high - low) * min(1, (t - STUCK) / over)


def at(t):
    return __import__("datetime").datetime.fromtimestamp(t, __import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


# source, field, drift, units, oldest, lag p50, p95, keys compared
FLOWS = [("shop_api", "available", since_stuck(0, 212), since_stuck(0, 1904), lambda t: max(0, t - STUCK), since_stuck(14, 108), since_stuck(31, 252), 42118),
         ("shop_api", "price", 0, 0, 0, 9, 44, 42118), ("marketplace", "available", 3, 5, 360, 22, 38, 40210),
         ("google_feed", "available", 88, 88, 10260, None, None, 39900), ("google_feed", "price", 12, 31.4, 10260, None, None, 39900),
         ("store_7", "available", 0, 0, 0, 4, 15, 5120)]
DRIFT = [("SKU-10442", "available", "shop_api", "differs", "0", "18", 0), ("SKU-88120", "available", "shop_api", "differs", "1", "7", 180),
         ("SKU-20931", "available", "shop_api", "differs", "44", "0", 480), ("SKU-55107", "available", "shop_api", "differs", "5", "3", 1200),
         ("SKU-31007-very-long-key-of-a-supplier", "available", "shop_api", "missing", "12", "absent", 1500),
         ("SKU-77001", "available", "google_feed", "differs", "0", "in_stock", -7800), ("SKU-77002", "price", "google_feed", "differs", "49.95", "39.95", -7800),
         ("SKU-90018", "available", "marketplace", "differs", "60", "61", 2100)]
FAULTS = [("paid_without_order", 2, 178, 1920), ("order_without_payment", 0, 0, 0), ("charged_twice", 1, 89, 5400),
          ("total_mismatch", 0, 0, 0), ("not_exported", 7, 612.5, 2460), ("not_shipped", 0, 0, 0), ("refund_not_booked", 1, 24.9, 86400)]


def stock(series):
    """What the inventory probes say: stock and prices, and whether orders are paid and booked."""
    def add(name, value, labels, when=None):
        one = {"metric": {"__name__": "inventory_" + name, "shop": SHOP, **labels},
               "values": [[t, ts(value(t) if callable(value) else value)] for t in slots(60)]}
        series.append({**one, "when": when} if when else one)

    for probe, warn in (("stock-parity", lambda t: t >= STUCK + 300), ("order-parity", lambda t: t >= T - 1800)):
        series.append({"metric": {"__name__": "tillwatch_probe_verdict", "shop": SHOP, "probe": probe},
                       "values": [[t, "1" if warn(t) else "0"] for t in slots(60)]})
    for source, field, drift, units, oldest, half, most, n in FLOWS:
        labels = {"probe": "stock-parity", "source": source, "field": field}
        d = drift if callable(drift) else lambda t, drift=drift: drift
        add("drift_keys", d, labels)
        add("drift_units", units, labels)
        add("open_keys", lambda t, d=d: d(t) + (36 if d(t) > 100 else 1), labels)
        add("mapping_suspect", 0, labels)
        for q, share in (("0.5", .45), ("0.95", .93), ("1", 1)):
            add("drift_age_seconds", lambda t, share=share, oldest=oldest: share * (oldest(t) if callable(oldest) else oldest), {**labels, "quantile": q})
        for bound, by in (("low", -.0007), ("mid", 0), ("high", .0006)):
            add("coherence_ratio", lambda t, d=d, n=n, by=by: min(1, 1 - d(t) / n + by), {**labels, "bound": bound})
        if most:
            add("lag_seconds", half, labels, "quantile(0.5,")
            add("lag_seconds", most, labels, "quantile(0.95,")
    for source, over, over_value, under, under_value, missing, ghost in (
            ("shop_api", since_stuck(0, 17), since_stuck(0, 1240), since_stuck(0, 195), since_stuck(0, 918), 1, 0), ("marketplace", 0, 0, 1, 15, 0, 0),
            ("google_feed", 3, 212, 41, 2210, 0, 4), ("store_7", 0, 0, 0, 0, 0, 0)):
        labels = {"probe": "stock-parity", "source": source}
        for name, v in (("oversell_units", over), ("oversell_value", over_value), ("undersell_keys", under), ("undersell_value", under_value),
                        ("missing_keys", missing), ("ghost_keys", ghost), ("scan_complete", 1)):
            add(name, v, labels)
    add("oversell_units", since_stuck(3, 19), {"probe": "stock-parity", "source": "any"})
    add("oversell_value", since_stuck(212, 1420), {"probe": "stock-parity", "source": "any"})
    add("oversell_expected_units", since_stuck(0.2, 1.8), {"probe": "stock-parity", "source": "any"})
    add("undersell_value_per_hour", since_stuck(0, 31), {"probe": "stock-parity", "source": "shop_api"})
    add("canary_lag_seconds", since_stuck(24, 175), {"probe": "stock-parity", "source": "shop_api"})
    add("canary_lag_seconds", 31, {"probe": "stock-parity", "source": "marketplace"})
    add("canary_pending_seconds", lambda t: max(0, t - T + 1300), {"probe": "stock-parity", "source": "marketplace"})

    for fault, n, value, age in FAULTS:
        labels = {"probe": "order-parity", "fault": fault}
        add("order_faults", lambda t, n=n, age=age: n if T - t <= age else 0, labels)
        add("order_fault_value", value, labels)
        add("order_fault_age_seconds", lambda t, age=age: max(0, t - T + age), labels)
    for bound, v in (("low", .9985), ("mid", .9991), ("high", .9995)):
        add("coherence_ratio", v, {"probe": "order-parity", "source": "orders", "field": "orders", "bound": bound})
    add("canary_late", lambda t: 1 if t > STUCK + 1500 else 0, {"probe": "stock-parity", "source": "shop_api"})
    add("orders_compared", 12480, {"probe": "order-parity"})
    add("order_lag_seconds", 12.1, {"probe": "order-parity", "source": "payments"}, "quantile(0.95,")
    add("order_lag_seconds", 41.7, {"probe": "order-parity", "source": "erp"}, "quantile(0.95,")


def stock_runs():
    def run(i, probe, t, facts):
        return {"id": i, "probe": probe, "at": t, "verdict": "warn", "reason": "", "cause": "drift", "duration_s": 1.9, "facts": facts}

    def drift(t):
        rows = [r for r in DRIFT if STUCK + r[6] <= t]
        return {"drift": {str(i): {"key": r[0], "field": r[1], "source": r[2], "state": r[3], "reference": "wms", "has": r[4], "shows": r[5],
                                   "since": at(STUCK + r[6])} for i, r in enumerate(rows)}}

    write("runs-stock-parity", {"status": "success", "data": {"runs": [
        run(7000 - i, "stock-parity", T - 17 - i * 600, drift(T - 17 - i * 600)) for i in range(6)]}})
    write("runs-order-parity", {"status": "success", "data": {"runs": [run(7100, "order-parity", T - 41, {"faults": {
        "0": {"order": "100004711", "fault": "charged_twice", "value": 89, "has": 89, "shows": 178, "since": at(T - 5400)},
        "1": {"order": "pay_9f3a \u001b[31m", "fault": "paid_without_order", "value": 129, "shows": 129, "since": at(T - 1920)},
        "2": {"order": "100004720", "fault": "refund_not_booked", "value": 24.9, "has": 124.5, "shows": 124.5, "since": at(T - 86400)}}})]}})
    flows = [("erp", "warehouse", None, []), ("warehouse", "shop", 120, ["shop_api available"]), ("pim", "shop", 300, ["shop_api price"]),
             ("shop", "market", 600, ["marketplace available"]), ("shop", "google", 10800, ["google_feed available", "google_feed price"]),
             ("pos", "warehouse", 60, ["store_7 available"]), ("shop", "psp", 120, ["payments"]), ("warehouse", "market", 900, [])]
    titles = {"erp": ("ERP", "ok", []), "pos": ("Store 7", "ok", []), "pim": ("PIM", "ok", []), "warehouse": ("Warehouse", "ok", []),
              "shop": ("Shop", "crit", ["home", "search", "checkout-page", "stock-parity"]), "market": ("Marketplace", "warn", ["stock-parity"]),
              "google": ("Google feed", "warn", ["stock-parity"]), "psp": ("Payment", None, []), "crm": ("CRM", None, [])}
    write("map", {"status": "success", "data": {
        "systems": [{"name": n, "title": t, "owner": "web", "verdict": v, "probes": p, "sources": []} for n, (t, v, p) in titles.items()],
        "flows": [{"from": a, "to": b, "name": None, "title": None, "declared": True, "owner": None, "max_lag_s": lag,
                   "via": ["shop"] if (a, b) == ("warehouse", "market") else [], "measured_by": [
                       {"probe": "stock-parity" if " " in m else "order-parity", "source": m.split()[0], "field": (m.split() + [None])[1]}
                       for m in measured]} for a, b, lag, measured in flows],
        "coverage": {"share": 0.76, "checks": 42, "passed": 32, "findings": []}}})


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
    stock(series)
    stock_runs()

    def probe(name, plugin, verdict, reason, since, interval=30.0, stale=False, late=False):
        return {"name": name, "plugin": plugin, "system": "storefront", "interval_s": interval, "timeout_s": 10.0,
                "verdict": verdict, "cause": "", "reason": reason, "since": since, "last_run": T - 7,
                "next_run": T + 23, "late": late, "stale": stale}

    write("probes", {"status": "success", "data": {"shop": SHOP, "currency": "EUR", "now": T + 0.123, "probes": [
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
        probe("guest-paypal", "checkout", "ok", "", T - 86400 * 3, 60.0),
        probe("stock-parity", "inventory", "warn", "315 values differ, 1 keys are missing, 4 are in no reference", STUCK + 300, 600.0),
        probe("order-parity", "inventory", "warn", "11 orders are not right", T - 1800, 300.0)]}})

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
    host = {"file": "/usr/lib/tillwatch/plugins/storefront.so", "pid": 2120, "last_exit": "", "skipped": 0, "timeouts": 0, "cpu_s": 12.4,
            "lag_p50_s": 0.00002, "lag_max_s": 0.003}
    write("plugins", {"status": "success", "data": {"hosts": [
        {**host, "group": "storefront", "state": "running", "n_probes": 6, "restarts": 0, "rss_bytes": 8400000,
         "lag_p99_s": 0.00012, "late": 3, "runs": 41230},
        {**host, "group": "api", "state": "waiting", "n_probes": 1, "restarts": 2, "rss_bytes": 0, "lag_p99_s": None,
         "late": 0, "runs": 812, "last_exit": "signal 11"}]}})
    write("outbox", {"status": "success", "data": {"receivers": [
        {"name": "oncall", "type": "webhook", "state": "ok", "fallback": "ops", "delivered": 12, "attempts": 12,
         "pending": 0, "dead": 0, "oldest": None, "last_error": ""},
        {"name": "ops", "type": "webhook", "state": "open", "fallback": "", "delivered": 41, "attempts": 60,
         "pending": 3, "dead": 0, "oldest": T - 340, "last_error": "HTTP 502"}], "messages": []}})
    write("runs-newest", {"status": "success", "data": {"runs": [newest["product-page"]]}})
    write("runs-slowest", {"status": "success", "data": {"runs": slowest["product-page"]}})
    write("series", {"series": series})


def borealis():
    series = []
    for name, labels, value in (
            ("storefront_ttfb_seconds", {"probe": "home"}, 0.231), ("storefront_ttfb_seconds", {"probe": "produkt"}, 0.902),
            ("tillwatch_probe_verdict", {"probe": "home"}, 0), ("tillwatch_probe_verdict", {"probe": "produkt"}, 1),
            ("tillwatch_probe_verdict", {"probe": "ordrer"}, 0),
            ("checkout_rate_events", {"probe": "ordrer", "window": "1h"}, 61),
            ("checkout_rate_expected_events", {"probe": "ordrer", "window": "1h", "bound": "low"}, 44),
            ("checkout_rate_expected_events", {"probe": "ordrer", "window": "1h", "bound": "mid"}, 58),
            ("checkout_rate_expected_events", {"probe": "ordrer", "window": "1h", "bound": "high"}, 73),
            ("checkout_alarm", {"probe": "ordrer", "test": "rate", "window": "1h"}, 0)):
        series.append({"metric": {"__name__": name, "shop": "borealis", **labels}, "values": [[t, ts(value)] for t in slots(60)]})

    def probe(name, plugin, verdict, reason):
        return {"name": name, "plugin": plugin, "interval": 60.0, "timeout": 10.0, "verdict": verdict, "cause": "", "reason": reason,
                "since": T - 3600, "last_run": T - 21, "next_run": T + 39, "late": False, "stale": False}
    write("borealis/probes", {"status": "success", "data": {"shop": "borealis", "currency": "NOK", "now": T + 0.2, "probes": [
        probe("home", "storefront", "ok", ""), probe("produkt", "storefront", "warn", "time to first byte 902 ms, allowed 800 ms"),
        probe("ordrer", "checkout", "ok", "")]}})
    write("borealis/alerts", {"status": "success", "data": {"alerts": []}})
    write("borealis/rules", {"status": "success", "data": {"groups": [{"name": "defaults", "rules": [
        {"name": "StorefrontSlow", "type": "alerting",
         "query": "quantile_over_time(0.75, storefront_ttfb_seconds{probe=\"%s\",shop=\"borealis\"}[15m]) > 0.8" % p}
        for p in ("home", "produkt")]}]}})
    write("borealis/series", {"series": series})


def write(name, value):
    os.makedirs(os.path.dirname(os.path.join(HERE, name)), exist_ok=True)
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(value, f, indent=None, separators=(",", ":"))
        f.write("\n")


main()
borealis()

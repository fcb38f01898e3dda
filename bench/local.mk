# bench/local.mk - side-by-side benchmarks; each prints name, value, bar, ok|short|noisy.
include bench/probes.mk
include bench/top.mk
include bench/accesslog.mk
include bench/alarms.mk
include bench/footprint.mk
include bench/inventory.mk

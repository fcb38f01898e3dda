# agent/local.mk - tillwatchd, a folder for each stage of the way.
include agent/store/local.mk
include agent/promql/local.mk
include agent/ingest/local.mk
include agent/supervise/local.mk
include agent/rules/local.mk
include agent/alert/local.mk
include agent/notify/local.mk
include agent/api/local.mk

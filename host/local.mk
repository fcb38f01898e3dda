# host/local.mk - tillwatch-host: loads the plugins of one group and runs their probes.
include host/engine.mk
include host/core.mk

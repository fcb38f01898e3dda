# bench/footprint.mk - is what `tillwatch check` predicts what a day costs?
EXTRA_DIST += bench/footprint

# plugins/local.mk - the shared objects that hosts load.
include plugins/common/local.mk
include plugins/storefront/local.mk

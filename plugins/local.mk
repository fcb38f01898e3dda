# plugins/local.mk - the shared objects that hosts load.
include plugins/common/local.mk
include plugins/storefront/local.mk
include plugins/api/local.mk
include plugins/checkout/local.mk
include plugins/access_log/local.mk
include plugins/sql/local.mk
include plugins/webhook/local.mk
include plugins/csv/local.mk
include plugins/http_json/local.mk
include plugins/pages/local.mk
include plugins/inventory/local.mk

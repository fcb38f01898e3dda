/*
 * fuzz-config.c - exercises config/yaml.c, config/check.c, config/flows.c, config/map.c and
 * lib/options.c: any bytes as a configuration file, checked against the agent's own table and
 * filled into its struct; then the map of its systems and flows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/check.h"
#include "config/config.h"
#include "config/flows.h"
#include "config/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_error err;
	struct yaml_doc *doc;
	struct errors errors;
	struct config c = {0};
	struct check check = {&errors, NULL};
	char text[256];
	json_t *values;

	if (yaml_read(&doc, "fuzz", (const char *)data, size, &err) != 0)
		return 0;
	errors_init(&errors);
	if (yaml_root(doc)->kind == YAML_MAP) {
		values = check_options(
		    &check, &config_rows, yaml_root(doc), &yaml_root(doc)->place, "", NULL, 0);
		(void)options_fill(&config_rows, &c, values, &c.heap, text, sizeof(text));
		json_decref(values);
		flows_check(&c, yaml_get(yaml_root(doc), "flows"), &errors);
		if (errors.n == 0)
			map_free(map_new(&c));
		(void)check_place(yaml_root(doc), "agent/store/0/path");
	}
	heap_free(&c.heap);
	errors_free(&errors);
	yaml_free(doc);
	return 0;
}

/*
 * replay.c - main() of a fuzz target that is built without libFuzzer: runs each file given, and
 * each of a folder given; without any, those of tests/fuzz/corpus/NAME where NAME is the program's
 * name after "fuzz-". Exits 0 when all came back, and fails when there was nothing to run: an empty
 * corpus proves nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);
	size_t n;

	if (f == NULL || bytes == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	/* An exact-size copy, so that a sanitizer sees a read one byte past the end. */
	uint8_t *exact = malloc(n > 0 ? n : 1);
	if (exact == NULL)
		exit(1);
	memcpy(exact, bytes, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	free(bytes);
	return 1;
}

/* The files of a folder; -1 when there is no such folder. */
static int
replay_folder(const char *folder)
{
	char path[2048];
	struct dirent *e;
	int n = 0;
	DIR *d;

	if ((d = opendir(folder)) == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		n += replay_file(path);
	}
	closedir(d);
	return n;
}

static int
replay_corpus(const char *program)
{
	const char *top = getenv("top_srcdir"), *base = strstr(program, "fuzz-");
	char folder[1024];
	int n;

	if (base == NULL)
		return 0;
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".",
	    base + 5);
	if ((n = replay_folder(folder)) < 0)
		perror(folder);
	return n;
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	int n = 0;

	for (int i = 1; i < argc; i++) {
		int found = replay_folder(argv[i]);

		n += found >= 0 ? found : replay_file(argv[i]);
	}
	if (argc == 1)
		n = replay_corpus(slash != NULL ? slash + 1 : argv[0]);
	printf("%s: %d inputs replayed\n", argv[0], n);
	return n > 0 ? 0 : 1;
}

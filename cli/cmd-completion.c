/*
 * cmd-completion.c - what shells need to complete `tillwatch`, made from the table of verbs, so it
 * never tells of a verb or an option that is not there: not of --json where a verb refuses it.
 * Words of a verb's arguments that stand for themselves (`notify test`) are completed, too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli/cli.h"

struct shell {
	const char *name;
	void (*head)(void);
	void (*verb)(const struct cmd *c);
	void (*option)(const struct cmd *c, const struct cli_option *o); /* c NULL: of all verbs */
	void (*end)(void);
};

/* 'it''s' for a shell: text between single quotes. */
static void
put_quoted(const char *text)
{
	putchar('\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	putchar('\'');
}

/* Calls for each word in small letters of what follows a verb: "[list | test RECEIVER]". */
static void
each_word(const struct cmd *c, const char *before, const char *after)
{
	static const char small[] = "abcdefghijklmnopqrstuvwxyz";

	for (const char *at = c->arguments; *at != '\0';) {
		size_t n = strspn(at, small), rest = strcspn(at + n, " |[]");

		if (n > 0 && rest == 0)
			printf("%s%.*s%s", before, (int)n, at, after);
		at += n + rest + (at[n + rest] != '\0');
	}
}

static bool
is_json(const struct cli_option *o)
{
	return strcmp(o->name, "json") == 0;
}

static bool
takes_file(const struct cli_option *o)
{
	return o->value != NULL && (strcmp(o->value, "FILE") == 0 || strcmp(o->value, "PATH") == 0);
}

/* ---- bash: words by verb ---- */

static void
bash_head(void)
{
	fputs("# bash completion for tillwatch, made by `tillwatch completion bash`\n"
	      "_tillwatch() {\n"
	      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words files\n"
	      "  declare -A of=() args=()\n", stdout);
}

static void
bash_verb(const struct cmd *c)
{
	printf("  of[%s]=\"%s", c->name, c->no_json == NULL ? "--json " : "");
	for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
		printf("--%s ", o->name);
	printf("\" args[%s]=\"", c->name);
	each_word(c, "", " ");
	fputs("\"\n", stdout);
}

static void
bash_option(const struct cmd *c, const struct cli_option *o)
{
	static bool has_begun; /* the words of all verbs stand behind the table of each */

	if (c != NULL)
		return;
	fputs(has_begun ? "" : "  local all=\"", stdout);
	has_begun = true;
	printf("--%s ", o->name);
}

static void
bash_end(void)
{
	fputs("\"\n"
	      "  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"${!of[*]} help version\"\n"
	      "  elif [[ $cur == -* ]]; then words=\"${of[${COMP_WORDS[1]}]} $all\"\n"
	      "  else\n"
	      "    [ \"$COMP_CWORD\" -ne 2 ] || words=${args[${COMP_WORDS[1]}]}\n"
	      "    compopt -o default 2>/dev/null\n"
	      "  fi\n"
	      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "}\n"
	      "complete -F _tillwatch tillwatch\n", stdout);
}

/* ---- zsh ---- */

static void
zsh_head(void)
{
	fputs("#compdef tillwatch\n"
	      "# zsh completion for tillwatch, made by `tillwatch completion zsh`\n"
	      "_tillwatch() {\n"
	      "  local -a verbs all own args\n", stdout);
}

static void
zsh_verb(const struct cmd *c)
{
	char text[256];

	snprintf(text, sizeof(text), "%s:%s", c->name, c->summary);
	fputs("  verbs+=(", stdout);
	put_quoted(text);
	fputs(")\n", stdout);
	printf("  [[ $words[2] == %s ]] && args=(", c->name);
	each_word(c, "", " ");
	fputs(")\n", stdout);
}

static void
zsh_option(const struct cmd *c, const struct cli_option *o)
{
	char text[320], help[200];

	snprintf(help, sizeof(help), "%s", o->help);
	for (char *at = help; *at != '\0'; at++)
		if (*at == '[' || *at == ']' || *at == ':')
			*at = ' '; /* words of the specification itself */
	snprintf(text, sizeof(text), "--%s%s[%s]%s%s%s", o->name, o->value != NULL ? "=" : "",
	    help, o->value != NULL ? ":" : "", o->value != NULL ? o->value : "",
	    takes_file(o) ? ":_files" : "");
	if (c != NULL)
		printf("  [[ $words[2] == %s ]] && own+=(", c->name);
	else
		fputs("  all+=(", stdout);
	put_quoted(text);
	fputs(")\n", stdout);
}

static void
zsh_end(void)
{
	fputs("  if (( CURRENT == 2 )); then _describe verb verbs\n"
	      "  else shift words; (( CURRENT-- )); _arguments $own $all "
	      "'1:argument:{ compadd -a args; _files }' '*:argument:_files'; fi\n"
	      "}\n"
	      "_tillwatch \"$@\"\n", stdout);
}

/* ---- fish ---- */

static void
fish_head(void)
{
	fputs("# fish completion for tillwatch, made by `tillwatch completion fish`\n", stdout);
}

static void
fish_verb(const struct cmd *c)
{
	printf("complete -c tillwatch -n __fish_use_subcommand -f -a %s -d ", c->name);
	put_quoted(c->summary);
	putchar('\n');
	printf("complete -c tillwatch -n '__fish_seen_subcommand_from %s' -a '", c->name);
	each_word(c, "", " ");
	fputs("'\n", stdout);
}

static void
fish_option(const struct cmd *c, const struct cli_option *o)
{
	fputs("complete -c tillwatch", stdout);
	if (c != NULL)
		printf(" -n '__fish_seen_subcommand_from %s'", c->name);
	printf(" -l %s", o->name);
	if (o->letter != 0)
		printf(" -s %c", o->letter);
	fputs(takes_file(o) ? " -r -F -d " : o->value != NULL ? " -x -d " : " -d ", stdout);
	put_quoted(o->help);
	putchar('\n');
}

static void
no_end(void)
{
}

static const struct shell shells[] = {
    {"bash", bash_head, bash_verb, bash_option, bash_end},
    {"zsh", zsh_head, zsh_verb, zsh_option, zsh_end},
    {"fish", fish_head, fish_verb, fish_option, no_end},
};

static void
print_for(const struct shell *s)
{
	s->head();
	for (int i = 0; cli_commands[i] != NULL; i++)
		s->verb(cli_commands[i]);
	for (int i = 0; cli_commands[i] != NULL; i++) {
		const struct cmd *c = cli_commands[i];

		for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
			s->option(c, o);
		for (const struct cli_option *o = cli_common_options; o->name != NULL; o++)
			if (is_json(o) && c->no_json == NULL)
				s->option(c, o);
	}
	for (const struct cli_option *o = cli_common_options; o->name != NULL; o++)
		if (!is_json(o))
			s->option(NULL, o);
	s->end();
}

static int
run(struct cli *cli)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(cli->args[0], shells[i].name) == 0) {
			print_for(&shells[i]);
			return 0;
		}
	return cli_fail(
	    EX_USAGE, "no completion for \"%s\": bash, zsh and fish have one", cli->args[0]);
}

extern const struct cmd cmd_completion;
const struct cmd cmd_completion = {
    .name = "completion",
    .arguments = "bash | zsh | fish",
    .summary = "what bash, zsh or fish need to complete this command",
    .help = "Packages install it where the shells look. By hand:\n\n"
	    "Example\n  tillwatch completion bash >~/.tillwatch.bash  # then, in "
	    "~/.bashrc: . ~/.tillwatch.bash\n",
    .min_args = 1,
    .max_args = 1,
    .exits = "0 fine\n",
    .no_json = "what it prints is for a shell",
    .run = run,
};

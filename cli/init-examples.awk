# init-examples.awk - the lines of config/examples/ as C: an array a file, and the table of them (struct init_example).
BEGIN { print "#include \"cli/init.h\"\n" }
FNR == 1 {
	if (n++) print "\tNULL,\n};"
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.yaml$/, "", name)
	names[n] = name
	print "static const char *const " name "_lines[] = {"
}
{
	gsub(/\\/, "\\\\\\\\")
	gsub(/"/, "\\\"")
	print "\t\"" $0 "\","
}
END {
	print "\tNULL,\n};\n\nconst struct init_example init_examples[] = {"
	for (i = 1; i <= n; i++) print "\t{\"" names[i] "\", " names[i] "_lines},"
	print "\t{NULL, NULL},\n};"
}

"""listings.py - every listing of the documents, each in a file of its own, with what the page says of it.

  listings.py DIR PAGE...     writes DIR/N.LANGUAGE and DIR/index; prints what is wrong, a line each

A listing is a fenced block of a Markdown page, or .Bd -literal to .Ed of a manual page. It has a language, or it is refused;
a block that is indented only has none. Right above it, comments may stand that readers do not see (in a manual page: .\\"):
  <!-- not run: why -->      it is not run, and why not
  <!-- waits: COMMAND -->    before it is run, COMMAND must succeed (in the page's own folder)
  <!-- expects: PATTERN -->  an extended regular expression that its output must match
  <!-- fails: N -->          its last command ends with this exit code
  <!-- output -->            of a text: its lines are among those that the sh block before it printed; digits may differ,
                             "..." stands for lines that are left out
  <!-- schema: FILE -->      of JSON: valid under it
  <!-- example: FILE -->     C that is compiled under this name
A page may say <!-- listings: alone --> near its top: its commands start their own agent, there is none of the test's.
index has a line of tab-separated fields for each: N, page, line, language, mark, value, waits, expects.
"""
import os
import re
import sys

LANGUAGES = ("yaml", "json", "c", "sh", "promql", "text", "ini")
MARKS = ("not run", "waits", "expects", "fails", "output", "schema", "example", "listings")
wrong = []


def mdoc_text(line):
    line = line.replace("\\e", "\\\\").replace("\\&", "").replace("\\-", "-").replace("\\(dq", '"')
    return line.replace("\\\\", "\\")


def comment(text):
    """(mark, value) of a comment's text, None of one that is none of ours."""
    mark, _, value = text.partition(":")
    mark = mark.strip()
    return (mark, value.strip()) if mark in MARKS else None


def markdown(page, lines):
    """Yields (line, language, marks, text)."""
    marks, i, blank, in_list = {}, 0, True, False
    while i < len(lines):
        line = lines[i]
        fence = re.match(r"( {0,3})(`{3,}|~{3,})\s*(\S*)\s*$", line)
        said = re.fullmatch(r"\s*<!-- (.*?) -->\s*", line)
        if fence:
            start, end = i, i + 1
            while end < len(lines) and lines[end].strip() != fence[2]:
                end += 1
            if end == len(lines):
                wrong.append("%s:%d: a block without its end" % (page, start + 1))
            yield start + 1, fence[3], marks, [l[len(fence[1]):] for l in lines[start + 1:end]]
            marks, i, blank = {}, end + 1, False
            continue
        if said and comment(said[1]):
            mark, value = comment(said[1])
            marks[mark] = value
        elif line.strip():
            if line.startswith("    ") and blank and not in_list:
                wrong.append("%s:%d: an indented block has no language: fence it" % (page, i + 1))
            if set(marks) - {"listings"}:
                wrong.append("%s:%d: nothing is below the comment that says how a listing is run" % (page, i + 1))
            marks = {}
            in_list = bool(re.match(r"\s*([-*+]|\d+\.) ", line)) or (in_list and (line.startswith(" ") or not blank))
        blank = not line.strip()
        i += 1


def manual(page, lines):
    marks, i = {}, 0
    while i < len(lines):
        said = re.match(r'\.\\" (.*)', lines[i])
        if lines[i].startswith(".Bd -literal"):
            start, end = i, i + 1
            while end < len(lines) and not lines[end].startswith(".Ed"):
                end += 1
            language = marks.pop("language", "")
            yield start + 1, language, marks, [mdoc_text(l) for l in lines[start + 1:end]]
            marks, i = {}, end
        elif said and said[1] in LANGUAGES:
            marks["language"] = said[1]
        elif said and comment(said[1]):
            marks[comment(said[1])[0]] = comment(said[1])[1]
        else:
            marks = {}
        i += 1


def main(directory, pages):
    n = 0
    with open(os.path.join(directory, "index"), "w") as index:
        for page in pages:
            with open(page) as f:
                lines = f.read().split("\n")
            for at, language, marks, text in (markdown if page.endswith(".md") else manual)(page, lines):
                n += 1
                place = "%s:%d" % (page, at)
                if language not in LANGUAGES:
                    wrong.append("%s: a listing in %s, which nobody can check" % (place, language or "no language"))
                    continue
                if language in ("text", "ini") and not ({"not run", "output"} & set(marks)):
                    wrong.append("%s: %s is not run, and nobody says why" % (place, language))
                if "not run" in marks and len(marks["not run"]) < 10:
                    wrong.append("%s: it is not run, and nobody says why" % place)
                with open(os.path.join(directory, "%d.%s" % (n, language)), "w") as f:
                    f.write("\n".join(text) + "\n")
                mark = next((m for m in ("not run", "output", "fails", "schema", "example") if m in marks), "-")
                row = (n, page, at, language, mark, marks.get(mark) or "-", marks.get("waits", "-"), marks.get("expects", "-"))
                index.write("\t".join(map(str, row)) + "\n")
    for line in wrong:
        print(line)


main(sys.argv[1], sys.argv[2:])

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/protocol-man shows everything a Markdown page says, and refuses what it cannot show.
# Method: a page with each kind of thing, its lines looked for in what scdoc makes of it; then one
#         refusal at a time. All clauses and rows of the real page must come through.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../../tools/lib.sh"
need_program python3 python3
need_program scdoc scdoc

page() {
    "$src/tools/protocol-man" "$tree/page.md"
}

put page.md <<'END'
# A title

Text with `code_of` one, **bold**, *slanted*, a [link](there) and snake_case_name
over two lines; 2 * 3, a \ and ++.

## P1 Part (one)
- P1.1 first
  goes on
- P1.2 [second] {third}
  - P1.2.1 inner

| off | `b` | |
|---|---:|---|
| 0 | 4_x | |
| 1 | | last `PMD1` |

1. one
2. two

### Below

[dot] first
```
literal *text* \n _here_
```
END
page >"$tree/page.scd"
scdoc <"$tree/page.scd" >"$tree/page.7" || fail "scdoc refuses it"
for line in '# P1 PART (ONE)' '- P1.1 first goes on' '- P1.2 [second] {third}' \
    '	- P1.2.1 inner' '[[ *off*' ':[ *b*' '|[ 1' ':< last *PMD1*' '. one' '. two' '## Below' \
    '\[dot] first' 'literal *text* \\n _here_'; do
    grep -qxF -- "$line" "$tree/page.scd" || fail "'$line' is not in: $(cat "$tree/page.scd")"
done
for text in 'Text with \fBcode_of\fR one, \fBbold\fR, \fIslanted\fR, a link and snake_case_name' \
    '2 * 3' 'A title.' '[dot] first'; do
    grep -qF -- "$text" "$tree/page.7" || fail "'$text' is not in: $(cat "$tree/page.7")"
done

refused() { # TEXT PAGE
    printf '%b' "$2" | put page.md
    expect 1 "protocol-man: line $1" "$src/tools/protocol-man" "$tree/page.md"
}
refused '2: HTML' 'a\n<b>x</b>\n'
refused '1: an image' '![x](y)\n'
refused '1: a quotation' '> x\n'
refused '1: a leading dot or quote' '.x\n'
refused '2: an underline' 'x\n===\n'
refused '1: a heading of this level here' '#### x\n'
refused '3: a table without a header' '| a |\n| b |\n\n'
refused '4: a table row of 1 cells among rows of 2' '| a | b |\n|---|---|\n| c |\n\n'
refused '4: text directly after a table' '| a |\n|---|\n| b |\nx\n'
refused '1: a list item indented by an odd number' ' - a\n'
refused '2: a fence that is not closed' '```\nx\n'

"$src/tools/protocol-man" "$src/docs/protocol.md" >"$tree/real.scd" || fail "the real page"
grep -oE '^- P[0-9]+\.[0-9]+' "$src/docs/protocol.md" >"$tree/clauses"
[ -s "$tree/clauses" ] || fail "no clauses are found"
while read -r clause; do
    grep -qF -- "$clause " "$tree/real.scd" || fail "$clause is lost"
done <"$tree/clauses"

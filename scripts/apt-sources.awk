# SPDX-License-Identifier: BSD-3-Clause
# Reads apt source files of both formats (one-line *.list, deb822 *.sources) and prints one line
# per URI and suite of the binary sources: "URI SUITE COMPONENTS... | KEYRING".

function emit(    u, s, i, j) {
    if (types ~ /(^| )deb( |$)/ && tolower(enabled) != "no")
        for (i = split(uris, u, " "); i >= 1; i--)
            for (j = split(suites, s, " "); j >= 1; j--)
                print u[i], s[j], components, "|", (keyring ~ /^\// ? keyring : "")
    types = uris = suites = components = keyring = enabled = field = ""
}

# The value of a deb822 field may go on over several lines, each indented.
function take(name, value) {
    sub(/^[ \t]+/, "", value)
    if (name == "types") types = types " " value
    else if (name == "uris") uris = uris " " value
    else if (name == "suites") suites = suites " " value
    else if (name == "components") components = (components == "" ? value : components " " value)
    else if (name == "signed-by" && keyring == "") keyring = value
    else if (name == "enabled") enabled = value
}

FNR == 1 { emit() }
/^[ \t]*#/ { next }

FILENAME ~ /\.list$/ {
    sub(/#.*/, "")
    if ($1 != "deb") next
    options = ""
    if (match($0, /\[[^]]*\]/)) {
        options = substr($0, RSTART + 1, RLENGTH - 2)
        $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
    }
    types = "deb"; uris = $2; suites = $3
    for (i = 4; i <= NF; i++) components = (components == "" ? $i : components " " $i)
    if (match(options, /signed-by=[^ ]*/)) keyring = substr(options, RSTART + 10, RLENGTH - 10)
    emit()
    next
}

/^[ \t]*$/ { emit(); next }
/^[ \t]/ { take(field, $0); next }
match($0, /^[A-Za-z-]+:/) {
    field = tolower(substr($0, 1, RLENGTH - 1))
    take(field, substr($0, RLENGTH + 1))
}
END { emit() }

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: the counts of a ctest run are true: a skip is never counted as a pass, and says why.
# Method: a real ctest run over five tiny tests of known fate.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
need_program python3 python3
need_program ctest cmake

put CTestTestfile.cmake <<'END'
add_test(good true)
add_test(bad false)
add_test(missing /nonexistent/program)
add_test(cannot sh -c "echo this kernel has no zc; exit 77")
add_test(partly sh -c "echo '[ RUN      ] case_a'; echo no huge pages; echo '[  SKIPPED ] case_a'; echo '[  SKIPPED ] 1 test(s), listed below:'; echo '[  SKIPPED ] case_a'")
set_tests_properties(good bad missing cannot partly PROPERTIES SKIP_RETURN_CODE 77)
END
(cd "$tree" && ctest -Q --output-junit "$tree/junit.xml") || true
summary=("$src/scripts/junit-summary" "$tree/junit.xml")
expect 0 "2 2 2" "${summary[@]}"
expect 0 "failed bad" "${summary[@]}"
expect 0 "failed missing" "${summary[@]}"
expect 0 "skipped cannot: this kernel has no zc" "${summary[@]}"
expect 0 "skipped partly/case_a: no huge pages" "${summary[@]}"

#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the driver of a test, and writes into the .trs file that it makes how long that took: seconds
# by the clock, and of processors, in the test and all that it started and waited for.
begin=$(date +%s.%N)
"$@"
status=$?
end=$(date +%s.%N)
while [ $# -gt 1 ] && [ "$1" != --trs-file ]; do
    shift
done
# Not in a pipe: there it is another process, which started nothing.
times >"$2.times"
awk -v begin="$begin" -v end="$end" '
    function seconds(text, part) {
        split(text, part, /[ms]/)
        return part[1] * 60 + part[2]
    }
    NR == 2 { printf ":seconds: %.1f %.1f\n", end - begin, seconds($1) + seconds($2) }
' "$2.times" >>"$2"
rm -f "$2.times"
exit $status

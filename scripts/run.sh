# SPDX-License-Identifier: MIT
# For scripts/demo, scripts/check and scripts/bench: what is missing is installed, then Python takes
# this process over, so that a signal to the script's pid reaches what owns all others.

if ! "$top/scripts/deps" --check; then
    # In the background: bash runs a trap only between commands.
    "$top/scripts/deps" &
    child=$!
    trap 'trap "" INT TERM HUP; kill -TERM $child 2>/dev/null; wait $child; exit 143' INT TERM HUP
    wait $child || exit
    trap - INT TERM HUP
fi
umask 022
export PYTHONPATH="$top/tests" LC_ALL=C.UTF-8
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
exec python3 -B -P -m "harness.$program" "$top" "$@"

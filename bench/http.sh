#!/bin/sh
# The speed of the HTTP surface, with the built-in model:
#   bench/http.sh build/release            after a build with -DSHIMMY_BENCH=ON; needs wrk and python3
# Client and server share the machine's cores, so the rate is that of both together.
set -eu
here=$(dirname "$0")
build=$1
home=$(mktemp -d)
HOME=$home "$build/shimmy" serve --bind 127.0.0.1:0 > "$home/banner" 2> "$home/log" &
server=$!
trap 'kill "$server" 2> /dev/null || true; wait "$server" || true; rm -rf "$home"' EXIT
i=0
until grep -q Ctrl+C "$home/banner"; do
    i=$((i + 1))
    [ "$i" -lt 100 ] || { cat "$home/log" >&2; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/.*\(http:[^ ]*:[0-9]*\).*/\1/p' "$home/banner" | head -n 1)

echo "GET /health, ${CONNECTIONS:-32} connections:"
wrk -t2 -c"${CONNECTIONS:-32}" -d5s --latency "$url/health" | grep -E '50%|99%|Requests/sec|Non-2xx|Socket errors'
python3 "$here/idle_connections.py" "$url" "$server"
"$build/bench/http_bench"

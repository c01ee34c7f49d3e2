#!/usr/bin/env bash
# Posts to the JSON gateway as curl does and prints the answers, one a line and in one way, and
# then the status of HTTP. Streams are printed as they come.
#
#   post.sh PATH [BODY [HEADER]] --endpoints=HOST:PORT[,...]
set -euo pipefail
args=()
for arg in "$@"; do
    case $arg in
        --endpoints=*) endpoint=${arg#--endpoints=} ;;
        *) args+=("$arg") ;;
    esac
done
header=("${args[@]:2}")
curl -sSN -X POST -w '\n%{http_code}\n' "${header[@]/#/-H}" \
    "http://${endpoint%%,*}${args[0]}" -d "${args[1]:-}" | jq -c --unbuffered .

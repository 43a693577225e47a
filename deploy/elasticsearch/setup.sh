#!/bin/bash
# Gives Kibana its password, and Heliograph its role and user. May be run again: everything is put, nothing added.
set -euo pipefail

url=${ELASTICSEARCH_URL:-http://elasticsearch:9200}
folder=${SECRETS:-/run/secrets}
here=$(dirname "$0")

secret() { cat "$folder/$1"; }

# The password travels on standard input: arguments can be seen by every process of the container.
call() {
    local method=$1 path=$2
    printf 'user = "elastic:%s"\n' "$(secret elastic_password)" |
        curl --config - --fail-with-body --silent --show-error --retry 5 --retry-connrefused \
            --request "$method" --header 'Content-Type: application/json' --data "@$3" "$url$path"
    echo
}

body=$(mktemp)
trap 'rm -f "$body"' EXIT

printf '{"password": "%s"}' "$(secret kibana_password)" >"$body"
call POST /_security/user/kibana_system/_password "$body"
call PUT /_security/role/heliograph "$here/role.json"
printf '{"password": "%s", "roles": ["heliograph"]}' "$(secret heliograph_password)" >"$body"
call PUT /_security/user/heliograph "$body"

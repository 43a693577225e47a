#!/bin/bash
# Puts the data views into Kibana. May be run again: what has the same id is replaced.
set -euo pipefail

url=${KIBANA_URL:-http://kibana:5601}
folder=${SECRETS:-/run/secrets}

# The password travels on standard input: arguments can be seen by every process of the container.
printf 'user = "elastic:%s"\n' "$(cat "$folder/elastic_password")" |
    curl --config - --fail-with-body --silent --show-error --retry 5 --retry-connrefused \
        --header 'kbn-xsrf: heliograph' --form "file=@$(dirname "$0")/data-views.ndjson" \
        "$url/api/saved_objects/_import?overwrite=true"
echo

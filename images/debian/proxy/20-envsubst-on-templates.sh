#!/bin/sh
# Writes each *.template with the variables of the environment filled in. Only variables that exist are replaced, which
# leaves nginx's own ($host, …) alone. The names of the settings are those of the official image.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
filter=${NGINX_ENVSUBST_FILTER:-}

# shellcheck disable=SC2016  # envsubst takes names written like this
names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E "$filter" | sed 's/.*/${&}/' | tr '\n' ' ')

cd "$templates"
find . -follow -type f -name "*$suffix" | while read -r template; do
    target=$output/${template%"$suffix"}
    mkdir -p "$(dirname "$target")"
    envsubst "$names" <"$template" >"$target"
done

#!/bin/sh
# Before nginx starts, goes through /docker-entrypoint.d in the order of names: *.envsh is read into this shell, *.sh is
# run. Both must be executable.
set -eu

case ${1:-} in
    nginx | nginx-debug)
        for file in /docker-entrypoint.d/*; do
            [ -x "$file" ] || continue
            # shellcheck source=/dev/null
            case $file in
                *.envsh) . "$file" ;;
                *.sh) "$file" ;;
            esac
        done
        ;;
esac

exec "$@"

#!/bin/sh
# Runs redis-server, as the user redis if started by root. Options, or a .conf file, may be given alone.
set -eu

case ${1:-redis-server} in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown -R redis:redis .
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi

umask 0077
exec "$@"

#!/bin/sh
# Runs HAProxy in the foreground, with a master process that outlives a reload. Options may be given alone.
set -eu

case ${1:-haproxy} in
    -*) set -- haproxy "$@" ;;
esac

if [ "$1" = haproxy ]; then
    shift
    set -- haproxy -W -db "$@"
fi

exec "$@"

#!/bin/bash
# Starts PostgreSQL as the user postgres. An empty data directory is filled first, as the documentation of the official
# image describes it:
#
#   POSTGRES_PASSWORD      of the superuser; required
#   POSTGRES_USER          its name; default postgres
#   POSTGRES_DB            a database that it owns; default the user's name
#   POSTGRES_INITDB_ARGS   more arguments for initdb
#   /docker-entrypoint-initdb.d   *.sh, *.sql and *.sql.gz, run in the order of their names
#
# Each variable can also be given as <name>_FILE, the path of a file that holds the value.
set -Eeuo pipefail

fail() {
    echo "docker-entrypoint: $*" >&2
    exit 1
}

from_file() {
    local name=$1 default=${2:-} file_name=$1_FILE
    local value=${!name:-} file=${!file_name:-}
    if [[ -n $value && -n $file ]]; then
        fail "set $name or $file_name, not both"
    elif [[ -n $file ]]; then
        value=$(<"$file")
    fi
    export "$name=${value:-$default}"
    unset "$file_name"
}


create_cluster() {
    # Hosts need the password; a process inside the container, on the socket, is trusted.
    local arguments
    read -ra arguments <<<"$POSTGRES_INITDB_ARGS"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        --auth-local=trust --auth-host=scram-sha-256 "${arguments[@]}"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
}

run_sql() {
    psql --set=ON_ERROR_STOP=1 --no-psqlrc --no-password --quiet \
        --username="$POSTGRES_USER" --dbname="$POSTGRES_DB"
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh)
                echo "running $file"
                # shellcheck source=/dev/null
                if [[ -x $file ]]; then "$file"; else . "$file"; fi
                ;;
            *.sql) echo "running $file"; run_sql <"$file" ;;
            *.sql.gz) echo "running $file"; gunzip --stdout "$file" | run_sql ;;
            *'*') ;;
            *) echo "ignoring $file" ;;
        esac
    done
}

initialise() {
    [[ -n $POSTGRES_PASSWORD ]] || fail "the data directory is empty: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
    create_cluster
    # Not reachable by network until everything is in place, so that nobody takes the half-made database for ready.
    pg_ctl --wait --options="-c listen_addresses=''" start
    if [[ $POSTGRES_DB != postgres ]]; then
        printf 'CREATE DATABASE :"name";\n' | psql --set=ON_ERROR_STOP=1 --set=name="$POSTGRES_DB" --no-psqlrc --quiet \
            --username="$POSTGRES_USER" --dbname=postgres
    fi
    run_init_files
    pg_ctl --wait --mode=fast stop
    echo "the data directory is ready"
}

if [[ ${1:-postgres} == -* ]]; then
    set -- postgres "$@"
fi

if [[ ${1:-} == postgres && $(id -u) == 0 ]]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$PGDATA"
    # A secret is often readable by root only, so it is read before root is given up.
    from_file POSTGRES_PASSWORD
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [[ ${1:-} == postgres ]]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    if [[ ! -s $PGDATA/PG_VERSION ]]; then
        from_file POSTGRES_PASSWORD
        from_file POSTGRES_USER postgres
        from_file POSTGRES_DB "$POSTGRES_USER"
        from_file POSTGRES_INITDB_ARGS
        initialise
    fi
    # The server needs none of it, and its environment can be read.
    unset POSTGRES_PASSWORD
fi

exec "$@"

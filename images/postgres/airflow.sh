#!/bin/sh
# Creates Airflow's role and database. Runs once, when the data directory is new.
set -eu
: "${AIRFLOW_USER:?}" "${AIRFLOW_DATABASE:?}" "${AIRFLOW_PASSWORD_FILE:?}"

# The password comes by standard input: a command line is in the list of processes.
psql --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="${POSTGRES_DB:-$POSTGRES_USER}" <<EOF
\set password \`cat "$AIRFLOW_PASSWORD_FILE"\`
CREATE ROLE "$AIRFLOW_USER" LOGIN PASSWORD :'password';
CREATE DATABASE "$AIRFLOW_DATABASE" OWNER "$AIRFLOW_USER";
EOF

#!/bin/bash
# Creates Airflow's role and database, and notes that they are there. What is there already stays as it is.
set -euo pipefail
: "${AIRFLOW_USER:?}" "${AIRFLOW_DATABASE:?}" "${AIRFLOW_PASSWORD_FILE:?}"

# Whatever the server is told to log: nothing of this session.
export PGOPTIONS="-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1"
PSQL=(psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=role="$AIRFLOW_USER" --set=database="$AIRFLOW_DATABASE"
      --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}")

"${PSQL[@]}" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SQL

# \password hashes the password here: neither a statement nor a command line holds it. It would ask the terminal, so it
# gets a session without one and reads standard input; what it asks is shown when it fails.
has_password=$("${PSQL[@]}" --tuples-only --no-align <<<"SELECT rolpassword <> '' FROM pg_authid WHERE rolname = :'role'")
if [[ $has_password != t ]]; then
    password=$(<"$AIRFLOW_PASSWORD_FILE")
    : "${password:?"$AIRFLOW_PASSWORD_FILE is empty"}"
    said=$(printf '%s\n%s\n' "$password" "$password" |
        setsid --wait "${PSQL[@]}" --command="\password \"$AIRFLOW_USER\"" 2>&1) || { echo "$said" >&2; exit 1; }
fi

"${PSQL[@]}" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
-- It may be the superuser's too, and so be there already.
SELECT format('ALTER DATABASE %I OWNER TO %I', :'database', :'role')
  FROM pg_database WHERE datname = :'database' AND pg_get_userbyid(datdba) <> :'role' \gexec
SQL

# Read by the entrypoint.
echo "ready ${POSTGRES_USER:-postgres} $AIRFLOW_USER $AIRFLOW_DATABASE" >"$PGDATA.state"
sync "$PGDATA.state"

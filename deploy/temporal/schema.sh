#!/bin/sh
# Makes the two databases of a Temporal server in PostgreSQL, or brings them to the schema of this version.
# The tool reads SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD. All of it may be done again.
set -eu
versions=${SCHEMA:-/etc/temporal/schema/postgresql/v12}

for part in temporal visibility; do
  database=temporal
  if [ "$part" = visibility ]; then database=temporal_visibility; fi
  temporal-sql-tool --db "$database" create
  temporal-sql-tool --db "$database" setup-schema --version 0.0
  temporal-sql-tool --db "$database" update-schema --schema-dir "$versions/$part/versioned"
done
